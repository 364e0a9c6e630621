"""What was sent and answered is personal data: kept for 90 days, like the text of mails; that it happened stays.

Secrets of headers go when no definition names them any more, neither a draft nor any version of a campaign that lives.
"""

from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection

from automation.call_models import Attempt, Call, HeaderSecret

KEPT = timedelta(days=90)
AT_ONCE = 5_000
MINUTE = 7  # of each hour, in which secrets are looked through
UNSAVED = timedelta(days=7)  # so long somebody may have typed a secret into a page without saving it

_NAMED = """
SELECT DISTINCT jsonb_path_query(document, '$.steps[*].config.headers[*].secret') #>> '{}' FROM (
    SELECT draft AS document FROM campaigns_campaign WHERE state <> 'archived'
    UNION ALL
    SELECT v.document FROM campaigns_version v JOIN campaigns_campaign c ON c.id = v.campaign_id
    WHERE c.state <> 'archived'
) AS documents
"""


def forget_old(now: datetime) -> None:
    """A sweep; the ids of calls are in the order of time."""
    before = UUID(int=int((now - KEPT).timestamp() * 1000) << 80)
    old = Call.objects.filter(pk__lt=before).exclude(url="").exclude(state__in=Call.OPEN)
    ids = list(old.values_list("pk", flat=True)[:AT_ONCE])
    Attempt.objects.filter(call__in=ids).update(excerpt="")
    Call.objects.filter(pk__in=ids).update(url="", body="")


def forget_secrets(now: datetime) -> None:
    """A sweep, once an hour: all definitions are read for it, and only where there is an old secret."""
    old = HeaderSecret.objects.filter(created_at__lt=now - UNSAVED)
    if now.minute != MINUTE or not old.exists():
        return
    with connection.cursor() as cursor:
        cursor.execute(_NAMED)
        named = [key for (key,) in cursor.fetchall() if key]
    old.exclude(key__in=named).delete()
