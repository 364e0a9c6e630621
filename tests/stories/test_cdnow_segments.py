"""Segments over real customers: what the rules find equals a few lines of plain Python.

The orders of the CDNOW sample come in by the event API with their own dates, on a site whose clock stands soon
after the last one. Half of them are there when the segments are made, the others come afterwards; then 45 days pass.
"""

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from contacts.models import Identity
from lib import clock
from ops.models import ApiKey, Source
from segments import defining
from segments.models import Membership, Segment
from segments.rfm import Thresholds
from segments.starters import BY_KEY, segment_of
from tests import engine
from tests.stories.test_cdnow import BATCH, ORDERS, SAMPLE, calls

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(not SAMPLE.exists(), reason="CDNOW_SAMPLE does not name cdnow_sample.txt"),
]
NOW = datetime(1998, 7, 5, 9, tzinfo=UTC)
RFM = ["champions", "loyal", "new_buyers", "need_attention", "cooling_off", "at_risk", "lost"]
USUAL = Thresholds(amount="dollars")


def bought(lines):
    """Customer → how many orders, how many dollars, when the last one was."""
    orders = defaultdict(list)
    for line in lines:
        _, customer, day, _, dollars = line.split()
        orders[customer].append((datetime.strptime(f"{day} 12 +0000", "%Y%m%d %H %z"), Decimal(dollars)))
    return {
        who: (len(some), sum(dollars for _, dollars in some), max(at for at, _ in some)) for who, some in orders.items()
    }


def group(count, dollars, last, now):
    """The RFM group, by the thresholds that the site offers: 60 and 180 days, 4 orders, 500 dollars."""
    age = now - last
    if age < timedelta(days=60):
        return "champions" if count >= 4 and dollars >= 500 else "loyal" if count > 1 else "new_buyers"
    valuable = count >= 4 or dollars >= 500
    if age < timedelta(days=180):
        return "need_attention" if valuable else "cooling_off"
    return "at_risk" if valuable else "lost"


def expected(lines, now):
    found = {key: set() for key in [*RFM, "high_value", "first_time_buyers", "lapsed_buyers"]}
    for who, (count, dollars, last) in bought(lines).items():
        found[f"{group(count, dollars, last, now)}"].add(who)
        if dollars > 500:
            found["high_value"].add(who)
        if count == 1:
            found["first_time_buyers"].add(who)
        if now - last >= timedelta(days=90):
            found["lapsed_buyers"].add(who)
    return found


def members(segment):
    inside = Membership.objects.current().filter(segment=segment).values("contact")
    return set(Identity.objects.filter(contact__in=inside).values_list("value", flat=True))


class Site:
    def __init__(self, client, settings):
        self.client, self.settings = client, settings
        settings.EVENT_REQUESTS_PER_MINUTE = 100_000
        self.key = ApiKey.objects.create_key("write", Source.objects.create(name="CDNOW"))[1]
        self.move_clock(NOW)

    def move_clock(self, to):
        self.settings.CLOCK_OFFSET = str((to - datetime.now(UTC)).total_seconds())

    def send(self, items):
        for start in range(0, len(items), BATCH):
            self.client.post(
                "/v1/batch",
                {"batch": items[start : start + BATCH]},
                content_type="application/json",
                headers={"authorization": f"Bearer {self.key}"},
            )
        engine.run(clock.now())


def test_groups_of_buyers_equal_plain_python_at_once_and_as_time_passes(client, settings):
    lines = SAMPLE.read_text().splitlines()
    assert len(lines) == ORDERS
    site, items = Site(client, settings), list(calls(lines))
    half = len(items) // 2
    site.send(items[:half])
    keys = [*(f"rfm_{key}" for key in RFM), "high_value", "first_time_buyers", "lapsed_buyers"]
    made = {key.removeprefix("rfm_"): segment_of(BY_KEY[key], USUAL) for key in keys}
    for segment in made.values():
        defining.save(segment, None, clock.now())
    engine.run(clock.now())
    site.send(items[half:])
    found = equal(lines, made)
    assert len(found["high_value"]) > 50
    assert {key for key in RFM if not found[key]} == {"new_buyers"}, "these all bought for the first time in 1997"

    site.move_clock(NOW + timedelta(days=45))
    engine.run(clock.now())
    later = equal(lines, made)
    assert len(later["lost"]) > len(found["lost"]) and later["high_value"] == found["high_value"]


def equal(lines, made):
    wanted = expected(lines, clock.now())
    for key, segment in made.items():
        assert members(segment) == wanted[key], key
        assert Segment.objects.with_size().get(pk=segment.pk).size == len(wanted[key])
    assert sum(len(wanted[key]) for key in RFM) == len(set().union(*(wanted[key] for key in RFM)))
    return wanted
