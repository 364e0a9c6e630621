"""What was sent is personal data: kept for 90 days, like the text of mails; that it was sent stays."""

from datetime import datetime, timedelta
from uuid import UUID

from integrations.models import Push

KEPT = timedelta(days=90)
AT_ONCE = 5_000


def forget_old(now: datetime) -> None:
    """A sweep; the ids of pushes are in the order of time."""
    before = UUID(int=int((now - KEPT).timestamp() * 1000) << 80)
    old = Push.objects.filter(pk__lt=before).exclude(sent={}).exclude(state__in=Push.OPEN)
    Push.objects.filter(pk__in=list(old.values_list("pk", flat=True)[:AT_ONCE])).update(sent={})
