"""What let somebody in who did nothing themselves: own software, another campaign, a date, a broadcast, a segment."""

from automation.documents import of_version
from automation.enrolling import occasion
from automation.models import Enrollment, EntryRequest, Visit
from campaigns.document import Document, NotADocument, Trigger
from campaigns.trigger_kinds import TRIGGER_KINDS, kind_of


def sentence(row: Enrollment, version_id: int | None) -> str:
    """Who or what it was; a few queries. `version_id`: the version by which they entered, if that is known."""
    if row.campaign.test_of_id:
        return "A test run let them in."
    if row.event_id == occasion("backfill", row.campaign_id, row.contact_id):
        return "They matched already when the campaign was activated, and so they entered."
    return _by_own_software(row) or _by_another_campaign(row) or _by_a_trigger(version_id) or "They entered."


def _by_own_software(row: Enrollment) -> str:
    asked = EntryRequest.objects.filter(enrollment=row, state=EntryRequest.State.ENTERED).select_related("source")
    one = asked.order_by("pk").first()
    return f"Your own software let them in ({one.source})." if one else ""


def _by_another_campaign(row: Enrollment) -> str:
    theirs = Visit.objects.filter(enrollment__contact=row.contact_id, kind="start", facts__enrollment=row.pk)
    one = theirs.select_related("enrollment__campaign").first()
    return f"The campaign “{one.enrollment.campaign}” let them in." if one else ""


def _by_a_trigger(version_id: int | None) -> str:
    """Where but one of them can have done it: which, is not written down."""
    try:
        document = of_version(version_id) if version_id else Document()
    except (NotADocument, LookupError):
        return ""
    silent = [trigger for trigger in document.triggers if _is_silent(trigger)]
    return f"They entered by “{kind_of(silent[0]).describe(silent[0])}”." if len(silent) == 1 else ""


def _is_silent(trigger: Trigger) -> bool:
    return trigger.kind in TRIGGER_KINDS and not kind_of(trigger).event_type(trigger)
