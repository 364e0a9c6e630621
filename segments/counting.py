"""How many people a condition describes, asked only for as long as somebody waits for the answer."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from django.db import OperationalError, connection, transaction
from psycopg.errors import QueryCanceled

from contacts.models import Contact
from ops.models import SiteSettings
from segments import conditions

_LIMIT = "SELECT current_setting('statement_timeout'), set_config('statement_timeout', %s, true)"


def quick(tree: conditions.Tree, now: datetime, seconds: float = 1) -> int | None:
    """How many contacts match; None where counting takes longer than that. Raises InvalidCondition."""
    moment = now.astimezone(SiteSettings.get().zone)
    rows = conditions.matching(Contact.objects.current().order_by(), tree, moment)
    try:
        with transaction.atomic(), at_most(seconds):
            return rows.count()
    except OperationalError as fault:
        if isinstance(fault.__cause__, QueryCanceled):
            return None
        raise


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Within a transaction: statements that take longer are ended with QueryCanceled."""
    with connection.cursor() as cursor:
        cursor.execute(_LIMIT, [f"{round(seconds * 1000)}ms"])
        usual = cursor.fetchone()[0]
    yield
    with connection.cursor() as cursor:
        cursor.execute(_LIMIT, [usual])
