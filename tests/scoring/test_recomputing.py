"""Recomputing after an edit, and merging: the ledger is what the events say, and nobody is told."""

from datetime import timedelta

import pytest

from contacts import merging
from contacts.models import Contact
from events.models import Event
from ops import jobs
from ops.models import Job
from scoring import adjusting, defining, recomputing
from scoring.adjusting import Deed
from scoring.document import Document, Stage, parse, to_json
from scoring.models import Score, ScoreChange, ScoreEdition, ScoreModel
from segments import defining as segments
from segments.models import Segment
from tests import engine
from tests.factories import NOW
from tests.scoring.building import enact, half, made, on, whose
from tests.scoring.test_settling import DAY, Shop, score

pytestmark = pytest.mark.django_db
CEO = {"field": "contact.title", "op": "is", "value": "CEO"}


@pytest.fixture
def shop():
    return Shop()


def edit(model: ScoreModel, now=NOW, **changes) -> ScoreModel:
    """Put an edited definition in force, as the admin does it."""
    before = parse(model.definition)
    ScoreEdition.objects.get_or_create(model=model, number=model.edition, defaults={"definition": to_json(before)})
    filled = model.filled_edition
    document = Document(**{name: getattr(before, name) for name in before.__struct_fields__} | changes)
    enact(model, document, now)
    ScoreEdition.objects.create(model=model, number=model.edition, definition=to_json(document))
    model.filled_edition = filled
    model.save()
    recomputing.start(model, None, now)
    return model


def rows() -> set[tuple]:
    return set(ScoreChange.objects.values_list("rule__uid", "event_id", "contact", "ended_because"))


def test_an_edit_of_points_and_fading_needs_no_new_ledger(shop):
    lead = made(rules=[on("button.clicked", 10)])
    shop.does("ann", "button.clicked", at=NOW - 30 * DAY)
    engine.run(NOW)
    before = set(ScoreChange.objects.values_list("pk", flat=True))
    edit(lead, rules=[on("button.clicked", 90, fading=half(30))])
    assert lead.job.arguments["rules"] == []
    engine.run(NOW)
    assert (score("ann").points, set(ScoreChange.objects.values_list("pk", flat=True))) == (45, before)
    assert not Event.objects.filter(type="score.band_changed").exists()
    lead.refresh_from_db()
    assert lead.is_settled and lead.job.result == "1 person has a score."


def test_new_changed_and_removed_rules_count_what_was_before(shop):
    lead = made(rules=[on("button.clicked", 10), on("page.viewed", 1, at_most=2), whose(CEO, 20)])
    shop.tells("ann", title="CEO")
    for ago in range(4):
        shop.does("ann", "page.viewed", at=NOW - ago * DAY)
    shop.does("ann", "button.clicked")
    shop.does("ann", "form.submitted", at=NOW - 3 * DAY)
    engine.run(NOW)
    assert score("ann").points == 10 + 2 + 20
    tags = {"field": "contact.title", "op": "is", "value": "CTO"}
    edit(lead, rules=[on("page.viewed", 1, at_most=3), on("form.submitted", 15), whose(tags, 20)])
    engine.run(NOW)
    assert (score("ann").points, score("ann").fit) == (18, 0)
    edit(lead, rules=[on("button.clicked", 10), on("page.viewed", 1, at_most=2), whose(CEO, 20)])
    engine.run(NOW)
    assert score("ann").points == 32


def test_a_rule_may_become_one_of_another_kind(shop):
    lead = made(rules=[on("button.clicked", 10, uid="r")])
    shop.tells("ann", title="CEO")
    shop.does("ann", "button.clicked")
    engine.run(NOW)
    edit(lead, rules=[whose(CEO, 20, uid="r")])
    engine.run(NOW)
    assert (score("ann").points, ScoreChange.objects.live().count()) == (20, 1)
    edit(lead, rules=[on("button.clicked", 10, uid="r")])
    engine.run(NOW)
    assert (score("ann").points, ScoreChange.objects.live().count()) == (10, 1)


def test_recomputing_changes_nothing_where_nothing_was_wrong(shop):
    lead = made(rules=[on("button.clicked", 10, at_most=2), on("page.viewed", 1), whose(CEO, 20)])
    shop.tells("ann", title="CEO")
    for ago in (3, 1, 2, 0):
        shop.does("ann", "button.clicked", at=NOW - ago * DAY)
        shop.does("ben", "page.viewed", at=NOW - ago * DAY)
        engine.run(NOW)
    adjusting.adjust(lead, [score("ann").contact_id], Deed("add", 7), NOW)
    kept, scores = rows(), set(Score.objects.values_list("contact", "points", "band"))
    recomputing.start(lead, None, NOW)
    engine.run(NOW)
    assert rows() == kept
    assert set(Score.objects.values_list("contact", "points", "band")) == scores


def test_events_that_wait_for_the_pipeline_are_left_to_it(shop):
    lead = made(rules=[on("button.clicked", 60)])
    shop.does("ann", "button.clicked")
    job = recomputing.start(lead, None, NOW)
    while job.due_at:
        jobs._run_one(NOW)
        job.refresh_from_db()
    assert not ScoreChange.objects.exists()
    engine.run(NOW)
    assert score("ann").points == 60
    assert Event.objects.filter(type="score.band_changed").count() == 1


def test_a_cancelled_job_is_made_up_for_by_the_next(shop):
    lead = made(rules=[on("button.clicked", 10)])
    shop.does("ann", "button.clicked")
    shop.does("ann", "page.viewed")
    engine.run(NOW)
    edit(lead, rules=[on("page.viewed", 3)])
    jobs.cancel(lead.job.pk)
    engine.run(NOW)
    lead.refresh_from_db()
    assert not lead.is_settled
    edit(lead, rules=[on("button.clicked", 10)])
    engine.run(NOW)
    assert score("ann").points == 10


def test_stages_are_followed_by_name(shop):
    lead = made(rules=[on("button.clicked", 30)], stages=[Stage(name="Lead", points=20), Stage(name="Customer")])
    shop.does("ann", "button.clicked")
    engine.run(NOW)
    ann = score("ann").contact_id
    adjusting.move_stage(lead, [ann], 2, NOW)
    lead.refresh_from_db()
    edit(lead, stages=[Stage(name="Lead", points=20), Stage(name="Qualified", points=90), Stage(name="Customer")])
    jobs._run_one(NOW)  # the stages are moved, and nothing else yet
    jobs.cancel(lead.job.pk)
    engine.run(NOW)
    recomputing.start(lead, None, NOW)
    engine.run(NOW)
    lead.refresh_from_db()
    assert lead.stages[score("ann").stage - 1] == "Customer"


STAGES = [{"name": "Lead", "points": 20}, {"name": "Qualified", "points": 60}, {"name": "Customer", "points": None}]


@pytest.mark.parametrize(
    ("new", "places"),
    [
        ([("Lead", 20), ("Qualified", 60), ("Customer", None)], [1, 2, 3]),
        ([("Qualified", 60), ("Customer", None)], [0, 1, 2]),  # who was a lead is nothing, and not qualified by it
        ([("Lead", 20), ("Customer", None)], [1, 1, 2]),
        ([("Lead", 20), ("Won", None)], [1, 1, 2]),  # renamed
        ([("Lead", 20), ("MQL", 60), ("SQL", 90), ("Customer", None)], [1, 2, 4]),
        ([("Customer", 100), ("Lead", None)], [2, 2, 1]),
    ],
)
def test_nobody_goes_forward_because_a_stage_is_gone(new, places):
    stages = [{"name": name, "points": points} for name, points in new]
    assert recomputing.moved_stages(STAGES, stages) == places


def test_stages_by_hand_outlive_an_edition_without_stages_and_edits_of_points(shop):
    stages = [Stage(name="Lead", points=20), Stage(name="Customer")]
    lead = made(rules=[on("button.clicked", 30)], stages=stages)
    shop.does("ann", "button.clicked")
    engine.run(NOW)
    ann = score("ann").contact_id
    adjusting.move_stage(lead, [ann], 2, NOW)
    for without in ([], stages):
        lead.refresh_from_db()
        edit(lead, stages=without)
        engine.run(NOW)
    assert score("ann").stage == 2
    adjusting.move_stage(lead, [ann], 0, NOW, forced=True)
    lead.refresh_from_db()
    edit(lead, rules=[on("button.clicked", 35)])
    engine.run(NOW)
    assert (score("ann").stage, score("ann").points) == (0, 35)


def test_a_merge_unites_ledgers_and_tells_nobody(shop):
    lead = made(rules=[on("button.clicked", 30, at_most=3), whose(CEO, 20)])
    for user, times in {"ann": 2, "ben": 2}.items():
        shop.tells(user, title="CEO")
        for n in range(times):
            shop.does(user, "button.clicked", at=NOW - timedelta(hours=n))
    engine.run(NOW)
    ids = {user: Contact.objects.get(identities__value=user).pk for user in ("ann", "ben")}
    adjusting.adjust(lead, [ids["ben"]], Deed("add", 5), NOW)
    engine.run(NOW)
    told = Event.objects.filter(type="score.band_changed").count()
    merging.merge([(ids["ann"], ids["ben"])], NOW)
    engine.run(NOW + timedelta(minutes=11))
    [kept] = Score.objects.all()
    assert (kept.contact_id, kept.points, kept.fit) == (ids["ann"], 3 * 30 + 20 + 5, 20)
    silent = Event.objects.filter(type="score.band_changed").count() - told
    assert silent <= 1 and not ScoreChange.objects.filter(contact=ids["ben"]).exists()


def test_a_rule_that_is_about_something_else_now_leaves_nothing_behind(shop):
    """About behaviour, then about the person, then about behaviour again: always the same rule to the ledger."""
    lead = made(rules=[on("button.clicked", 10, uid="it")])
    shop.tells("ann", title="CEO")
    shop.does("ann", "button.clicked")
    shop.does("ann", "button.clicked")
    engine.run(NOW)
    assert score("ann").points == 20
    edit(lead, rules=[whose(CEO, 7, uid="it")])
    engine.run(NOW)
    assert (score("ann").points, score("ann").fit) == (7, 7)
    edit(lead, rules=[on("button.clicked", 3, uid="it")])
    engine.run(NOW)
    assert (score("ann").points, score("ann").fit) == (6, 0)
    assert ScoreChange.objects.live().count() == 2


def test_what_events_earned_that_are_not_kept_any_more_counts_with_the_rest(shop):
    """The latest so many, whether their events are still there or not; also after a rule was gone for a while."""
    clicks = [on("button.clicked", 10, at_most=5)]
    lead = made(rules=clicks)
    for ago in (5, 4, 3):
        shop.does("ann", "button.clicked", at=NOW - ago * DAY)
    engine.run(NOW)
    Event.objects.all().delete()
    later = NOW + DAY
    shop.does("ann", "button.clicked", at=later, now=later)
    engine.run(later)
    assert score("ann").points == 40
    fewer, others = [on("button.clicked", 10, at_most=2)], [on("page.viewed", 1)]
    for rules, points in ((fewer, 20), (clicks, 40), (others, 0), (clicks, 40)):
        edit(lead, now=later, rules=rules)
        engine.run(later)
        assert score("ann").points == points
    Event.objects.all().delete()
    edit(lead, now=later, rules=[on("button.clicked", 10, at_most=3)])
    engine.run(later)
    assert score("ann").points == 30


def test_a_job_for_the_numbers_of_segments_that_was_stopped_is_made_up_for(shop):
    """Else nobody would know that scores are not looked at when they pass these numbers."""
    document = Document(name="Lead", rules=[on("button.clicked", 40, fading=half(10))])
    lead = defining.create("lead", document, None, NOW, active=True)
    shop.does("ann", "button.clicked")
    engine.run(NOW)
    some = segments.save(Segment(name="Some", condition={"field": "score.lead", "op": "≥", "value": 35}), None, NOW)
    jobs.cancel(Job.objects.get(kind=recomputing.KIND, due_at__isnull=False).pk)
    engine.run(NOW)
    lead.refresh_from_db()
    assert not lead.is_settled and some.memberships.current().count() == 1
    recomputing.start(lead, None, NOW)
    engine.run(NOW)
    engine.run(NOW + 2 * DAY)  # 34.8
    lead.refresh_from_db()
    assert lead.is_settled and some.memberships.current().count() == 0


def test_who_is_merged_while_everybody_is_worked_out_is_worked_out_with_the_other(shop, monkeypatch):
    monkeypatch.setattr(recomputing, "AT_ONCE", 1)
    lead = made(rules=[on("button.clicked", 10)])
    for user in ("ann", "ben"):
        shop.does(user, "page.viewed")
    engine.run(NOW)
    edit(lead, rules=[on("page.viewed", 3)])
    for _ in range(2):  # the barrier, then ann
        jobs._run_one(NOW)
    ann, ben = (Contact.objects.get(identities__value=user).pk for user in ("ann", "ben"))
    merging.merge([(ann, ben)], NOW)
    engine.run(NOW)
    assert Score.objects.get(contact=ann).points == 6
