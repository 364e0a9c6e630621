"""The number of queries does not grow with the people: under 20 segments, 10 campaigns and 3 models of 10 rules."""

from datetime import timedelta

import pytest

from contacts import writing
from contacts.models import Contact
from events import recording
from events.models import Event
from events.pipeline import drain
from scoring import adjusting, fading, recomputing
from scoring.adjusting import Deed
from scoring.document import Stage
from scoring.models import Score, ScoreModel
from segments import defining
from segments.models import Membership, Segment
from tests.factories import NOW, CampaignFactory
from tests.scoring.building import half, lasting, made, on, whose
from tests.segments.named_trees import TREES
from tests.segments.test_query_counts import NAMES, person, settle, spent

pytestmark = pytest.mark.django_db
MANY = 200
# A little more than was needed when this was written: a stage that asks twice as often shows.
PIPELINE, SWEEP, RECOMPUTE, ADJUST = 62, 20, 24, 20
LARGE = {"field": "event.total", "op": "≥", "value": 50, "type": "number"}
TITLES = [{"field": "contact.title", "op": "is", "value": title} for title in ("CEO", "CTO", "VP")]


def rules(points: int):
    """Ten, of every kind."""
    return [
        on("order.completed", points, fading=half(10)),
        on("order.completed", 3, uid="large", where=LARGE, at_most=2),
        on("order.completed", 2, uid="lately", fading=lasting(3)),
        on("segment.entered", 1, at_most=20),
        on("users.signed_up", 5),
        on("page.viewed", -1),
        on("cart.abandoned", 0, effect="reset"),
        *(whose(tree, 10, uid=f"title {n}") for n, tree in enumerate(TITLES)),
    ]


@pytest.fixture
def people(db):
    """202 contacts and one more, at rest."""
    Contact.objects.bulk_create(Contact(pk=person(n), created_at=NOW, updated_at=NOW) for n in range(MANY + 2))
    for key, points in (("lead", 60), ("risk", -5), ("upsell", 20)):
        made(key, rules=rules(points), stages=[Stage(name="Lead", points=20)])
    for name in [name for name in NAMES if name != "half"]:
        _segment(name, TREES[name])
    _segment("Promising", {"field": "score.lead", "op": "≥", "value": 40})
    _segment("Hot", {"field": "score.lead.band", "op": "is", "value": "Hot"})
    _segment(
        "Likely",
        {"all": [{"field": "score.upsell", "op": "≥", "value": 5}, {"field": "score.lead", "op": ">", "value": 5}]},
    )
    for event in ("order.completed", "segment.entered", "score.band_changed", "segment.left", "cart.abandoned"):
        CampaignFactory.create_batch(2, event=event)
    assert (Segment.objects.count(), ScoreModel.objects.count()) == (20, 3)
    settle(NOW)
    for write in WRITES.values():  # what is read or made once, and kept
        write([person(MANY + 1)], NOW)
        settle(NOW)
    return [person(n) for n in range(MANY + 1)]


def _segment(name, tree) -> None:
    defining.save(Segment(name=name, condition=tree), None, NOW)


def bought(ids, now):
    recording.record_own(
        [recording.OwnEvent(pk, "order.completed", {"total": 60}, 0, f"{pk}-{now}", now) for pk in ids], now
    )


WRITES = {"title": lambda ids, now: writing.set_attributes(ids, {"title": "CEO"}, now), "event": bought}


@pytest.mark.parametrize("kind", WRITES)
def test_a_batch_of_the_pipeline_takes_as_many_for_200_as_for_one(people, kind):
    one, *many = people
    WRITES[kind]([one], NOW)
    few = spent(lambda: drain(NOW), 1)
    settle(NOW)
    WRITES[kind](many, NOW)
    assert spent(lambda: drain(NOW), MANY) == few <= PIPELINE
    assert Score.objects.filter(model__key="lead", points__gt=0, contact__in=many).count() == MANY
    settle(NOW)
    moved = Membership.objects.filter(contact__in=many, segment__name="Likely").current()
    assert moved.count() == MANY, "nobody entered anything, so nothing was counted"


def test_a_look_at_fading_scores_takes_as_many_for_200_as_for_one(people):
    one, *many = people
    found = []
    for ids, now in (([one], NOW), (many, NOW + timedelta(days=1))):
        bought(ids, now)
        settle(now)
        later = now + timedelta(days=10)  # half of what was given is left
        Score.objects.exclude(contact__in=ids).update(due_at=None)
        due = Score.objects.due(later).count()
        found.append(spent(lambda later=later, due=due: fading.look(later), due))
        settle(later)
    assert found[0] == found[1] <= SWEEP
    told = Event.objects.filter(type="score.band_changed", properties__direction="down", contact_id__in=many)
    assert told.count() == MANY


def test_a_step_of_recomputing_takes_as_many_for_200_as_for_one(people):
    lead = ScoreModel.objects.get(key="lead")
    one, *many = people
    found = []
    for ids in ([one], many):
        bought(ids, NOW)
        settle(NOW)
        job = recomputing.start(lead, None, NOW)
        job.cursor, job.total = {"after": 0}, 0
        Contact.objects.exclude(pk__in=ids).update(merged_into=person(MANY + 1))
        found.append(spent(lambda job=job: recomputing.step(job, NOW), False))
        Contact.objects.update(merged_into=None)
    assert found[0] == found[1] <= RECOMPUTE


def test_giving_points_to_200_takes_as_many_as_to_one(people):
    one, *many = people
    lead = ScoreModel.objects.get(key="lead")
    adjusting.adjust(lead, [person(MANY + 1)], Deed("add", 90), NOW)
    few = spent(lambda: adjusting.adjust(lead, [one], Deed("add", 90), NOW), 1)
    assert spent(lambda: adjusting.adjust(lead, many, Deed("add", 90), NOW), MANY) == few <= ADJUST
