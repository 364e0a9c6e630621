"""F9: the wait step itself over changes of the clock and ends of months, to the second, with the mail after it."""

from datetime import UTC, datetime, timedelta

from django.conf import settings

from automation.models import Visit
from campaigns import lifecycle
from campaigns.linear import Row
from events import recording
from events.items import Item
from tests import engine
from tests.factories import CampaignFactory
from tests.faults.scene import Scene
from tests.faults.test_calendar import NIGHTS

SECOND = timedelta(seconds=1)
DAY = (1, "days", timedelta(days=1))
WEEK = (1, "weeks", timedelta(weeks=1))
FOUR_WEEKS = (4, "weeks", timedelta(weeks=4))
DAY_AND_HALF = (36, "hours", timedelta(hours=36))
# Zone, the moment, the wait, and its end as the person reads it.
LONGER = [
    ("Europe/Berlin", datetime(2026, 3, 27, 9, tzinfo=UTC), WEEK, "3 Apr 2026, 11:00"),
    ("Europe/Berlin", datetime(2026, 1, 31, 9, tzinfo=UTC), FOUR_WEEKS, "28 Feb 2026, 10:00"),
    ("Europe/Berlin", datetime(2028, 1, 31, 9, tzinfo=UTC), FOUR_WEEKS, "28 Feb 2028, 10:00"),
    ("America/New_York", datetime(2026, 10, 31, 14, tzinfo=UTC), DAY_AND_HALF, "1 Nov 2026, 21:00"),
    ("America/New_York", datetime(2026, 10, 31, 14, tzinfo=UTC), FOUR_WEEKS, "28 Nov 2026, 09:00"),
    ("Australia/Lord_Howe", datetime(2026, 4, 3, 23, tzinfo=UTC), DAY_AND_HALF, "5 Apr 2026, 21:30"),
    ("Africa/Casablanca", datetime(2026, 2, 14, 9, tzinfo=UTC), FOUR_WEEKS, "14 Mar 2026, 09:00"),
]
# The hour that there is twice in Berlin's autumn, and the one that there is not in its spring.
TWICE = [
    ("Europe/Berlin", datetime(2026, 10, 24, 0, 30, tzinfo=UTC), DAY, "25 Oct 2026, 02:30"),
    ("Europe/Berlin", datetime(2026, 10, 24, 1, 30, tzinfo=UTC), DAY, "25 Oct 2026, 02:30"),
    ("Europe/Berlin", datetime(2026, 3, 28, 1, 30, tzinfo=UTC), DAY, "29 Mar 2026, 03:30"),
]


def waits(scene: Scene) -> str:
    settings.EMAIL_URL, settings.MAIL_CONNECTIONS = scene.server.url, 1
    cases = [(zone, moment, DAY, shown) for zone, moment, _, shown in NIGHTS] + LONGER + TWICE
    for zone, moment, wait, shown in sorted(cases, key=lambda case: case[1]):
        wait_once(scene, zone, moment, wait, shown)
    return f"{len(cases)} waits in {len({case[0] for case in cases})} zones, each to the second"


def wait_once(scene: Scene, zone: str, moment: datetime, wait: tuple[int, str, timedelta], shown: str) -> None:
    """Nothing a second early, everything on time, and the time as the clock on her wall will show it."""
    amount, unit, span = wait
    lifecycle.archive(scene.campaign, None, moment)
    rows = [Row(uid="first", template=scene.template.pk, wait_uid="wait", wait_amount=amount, wait_unit=unit)]
    scene.campaign = CampaignFactory(rows=rows, now=moment)
    sign_up(scene, zone, moment)
    engine.run(moment)
    case = f"{amount} {unit} in {zone} from {moment}"
    visit = Visit.objects.get(step_uid="wait", left_at=None)
    assert f"{shown} ({zone})" in visit.explanation, f"{case}: {visit.explanation}"
    before = len(scene.server.accepted)
    engine.run(moment + span - SECOND)
    assert len(scene.server.accepted) == before, f"{case}: it ended early"
    engine.run(moment + span)
    assert len(scene.server.accepted) == before + 1, f"{case}: it did not end"


def sign_up(scene: Scene, zone: str, moment: datetime) -> None:
    who = {"user_id": f"u{scene.people}"}
    traits = {"email": f"u{scene.people}@example.com", "timezone": zone}
    items = [Item(kind="identify", traits=traits, **who), Item(kind="track", event="Signed Up", **who)]
    recording.record(scene.source, items, moment)
    scene.people += 1
