"""The order in which events arrive, and in how many batches, is nothing to a score; nor is working it out anew."""

from datetime import timedelta

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contacts.models import Contact
from events import recording
from events.items import Item
from events.pipeline import drain
from ops import jobs
from ops.models import Source
from scoring import recomputing
from scoring.document import Fading, Group, parse
from scoring.models import Score, ScoreChange, ScoreModel
from tests.factories import NOW
from tests.scoring import oracle
from tests.scoring.building import half, lasting, made, on, whose
from tests.scoring.oracle import Facts, Happening

LARGE = {"field": "event.total", "op": "≥", "value": 50, "type": "number"}
CEO = {"field": "contact.title", "op": "is", "value": "CEO"}
RULES = [
    on("button.clicked", 9, at_most=3, fading=half(10), cap=20, group="web"),
    on("page.viewed", 7, at_most=2, fading=lasting(20), group="web"),
    on("order.completed", 30, at_most=1, where=LARGE, uid="large"),
    on("order.completed", -4, at_most=2, fading=Fading(how="half", amount=2, unit="weeks"), uid="any"),
    on("trial.started", 25, at_most=2, effect="set", fading=half(40)),
    on("form.submitted", 0, at_most=1, effect="reset"),
    whose(CEO, 20),
]
MODEL = {"rules": RULES, "groups": [Group(name="web", cap=24)], "floor": None}
# Whole hours, so that some happen at one moment.
happening = st.builds(
    lambda user, type_, hours, total: (user, type_, NOW - timedelta(hours=hours), total),
    st.sampled_from(["ann", "ben"]),
    st.sampled_from(["button.clicked", "page.viewed", "order.completed", "trial.started", "form.submitted"]),
    st.one_of(st.integers(0, 60 * 24), st.integers(0, 6)),
    st.sampled_from([20, 80]),
)


@st.composite
def arrivals(draw):
    """What happened, and twice in which order and in batches of which sizes it arrived."""
    happened = draw(st.lists(happening, min_size=1, max_size=14))
    ways = []
    for _ in range(2):
        order = draw(st.permutations(range(len(happened))))
        ends = sorted(draw(st.sets(st.integers(1, len(happened)), max_size=4)) | {len(happened)})
        ways.append([order[start:end] for start, end in zip([0, *ends], ends, strict=False)])
    return happened, ways


def item(number, happened) -> Item:
    user, type_, at, total = happened[number]
    return Item(
        kind="track", user_id=user, event=type_, message_id=f"m{number}", timestamp=at.isoformat(),
        properties={"total": total},
    )  # fmt: skip


def arrive(batches, happened) -> dict:
    """The scores, and what they are made of, after these arrived; in a site of their own."""
    with transaction.atomic():
        source, lead = Source.objects.create(name="Shop"), made(**MODEL)
        assert recording.record(source, [Item(kind="identify", user_id="ann", traits={"title": "CEO"})], NOW).accepted
        for batch in batches:
            assert not recording.record(source, [item(number, happened) for number in batch], NOW).rejected
            settle()
        found = seen()
        recomputing.start(lead, None, NOW)
        settle()
        assert seen() == found, "worked out from scratch it is another one"
        transaction.set_rollback(True)
    return found


def settle() -> None:
    while drain(NOW) or jobs.run_due(NOW):
        pass


def seen() -> dict:
    users = dict(Contact.objects.values_list("pk", "identities__value"))
    scores = {
        users[row.contact_id]: (row.points, row.fit, row.engagement, row.band, row.cell) for row in Score.objects.all()
    }
    rows = ScoreChange.objects.values_list("contact", "rule__uid", "at", "ended_because").order_by()
    return {"scores": scores, "rows": sorted((users[contact], *rest) for contact, *rest in rows)}


def by_hand(happened, user) -> oracle.Worth:
    facts = Facts(attributes={"title": "CEO"} if user == "ann" else {})
    facts.happenings = [Happening(type_, at, {"total": total}) for who, type_, at, total in happened if who == user]
    return oracle.score(parse(ScoreModel.objects.get().definition), facts, NOW)


@pytest.mark.django_db
def test_scores_of_events_out_of_order_equal_those_in_order():
    budget = settings(
        max_examples=20, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
    )

    @budget
    @given(arrivals())
    def in_any_order(arrived):
        happened, ways = arrived
        in_order = sorted(range(len(happened)), key=lambda number: happened[number][2])
        usual = arrive([in_order], happened)
        for batches in ways:
            assert arrive(batches, happened) == usual
        with transaction.atomic():
            made(**MODEL)
            for user, found in usual["scores"].items():
                worth = by_hand(happened, user)
                assert found[:3] == pytest.approx((worth.points, worth.fit, worth.engagement), abs=1e-4), user
            transaction.set_rollback(True)

    in_any_order()
