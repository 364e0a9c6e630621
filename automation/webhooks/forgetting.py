"""What was sent and answered is personal data: kept for 90 days, like the text of mails; that it happened stays."""

from datetime import datetime, timedelta
from uuid import UUID

from automation.call_models import Attempt, Call

KEPT = timedelta(days=90)
AT_ONCE = 5_000


def forget_old(now: datetime) -> None:
    """A sweep; the ids of calls are in the order of time."""
    before = UUID(int=int((now - KEPT).timestamp() * 1000) << 80)
    old = Call.objects.filter(pk__lt=before).exclude(url="").exclude(state__in=Call.OPEN)
    ids = list(old.values_list("pk", flat=True)[:AT_ONCE])
    Attempt.objects.filter(call__in=ids).update(excerpt="")
    Call.objects.filter(pk__in=ids).update(url="", body="")
