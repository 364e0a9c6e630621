"""The step “change score”: points and stages for those who come by, explained, once each, in sets."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from automation.advancing import advance
from automation.kinds.score import ScoreKind
from automation.models import Enrollment, Visit
from campaigns.document import Trigger
from campaigns.linear import Row
from campaigns.models import Reference
from contacts.merging import LANE_LOCK
from contacts.models import LANES, Contact
from events import pipeline, recording
from events.models import Event
from scoring import defining, reading
from scoring.document import Stage
from scoring.models import Score, ScoreChange, ScoreModel
from tests import engine
from tests.factories import NOW, CampaignFactory, TemplateFactory
from tests.scoring.building import made

pytestmark = pytest.mark.django_db
DAY, SECOND = timedelta(days=1), timedelta(seconds=1)
STAGES = [Stage(name="Lead", points=50), Stage(name="Customer")]


@pytest.fixture
def lead():
    return made(stages=STAGES)


def sequence(*configs, name="Welcome", **more):
    rows = [Row(uid=f"s{place}", action="score", score=config) for place, config in enumerate(configs)]
    return CampaignFactory(name=name, event="users.signed_up", rows=rows, **more)


def give(points, **more):
    return {"model": "lead", "effect": "add", "points": points} | more


def standing(user="ann", at=NOW):
    contact = Contact.objects.get(identities__value=user).pk
    return reading.scores_of([contact], at)[contact]["lead"]


def explanations():
    return list(Visit.objects.order_by("id").values_list("arm", "explanation"))


# --- what it does ---


def test_points_are_given_with_the_campaign_as_the_reason(track, lead):
    sequence(give(60), give(-10, reason="Never called back"))
    track(NOW, "ann", "users.signed_up")
    assert (standing().points, standing().band) == (50, "Warm")
    rows = ScoreChange.objects.order_by("id").values_list("cause", "points", "reason", "by")
    assert list(rows) == [("step", 60, "Welcome", None), ("step", -10, "Never called back", None)]
    assert explanations() == [
        ("done", "Got 60 points of “Lead”: 60 now, Warm."),
        ("done", "Lost 10 points of “Lead”: 50 now, Warm."),
    ]
    assert Visit.objects.last().facts == {"points": 50, "band": "Warm", "stage": "Lead"}
    assert Enrollment.objects.get().state == Enrollment.State.FINISHED


def test_what_is_given_fades_as_the_step_says(track, lead):
    sequence(give(40, fading={"how": "half", "amount": 2, "unit": "weeks"}))
    track(NOW, "ann", "users.signed_up")
    assert standing(at=NOW + 14 * DAY).points == 20


def test_the_engagement_is_set_and_reset(track, lead):
    sequence({"model": "lead", "effect": "set", "points": 30}, {"model": "lead", "effect": "reset"})
    track(NOW, "ann", "users.signed_up")
    assert standing().points == 0
    assert [words for _, words in explanations()] == [
        "The engagement of “Lead” was set to 30: 30 now, Cold.",
        "The engagement of “Lead” was set to 0: 0 now, Cold.",
    ]


def test_a_stage_is_reached_forward_only_unless_forced(track, lead):
    to = {"model": "lead", "effect": "stage"}
    sequence(to | {"stage": "Customer"}, to | {"stage": "Lead"}, to | {"stage": "Lead", "force": True})
    track(NOW, "ann", "users.signed_up")
    assert standing().stage == "Lead"
    assert [words for _, words in explanations()] == [
        "Is in the stage “Customer” of “Lead”.",
        "Stays in the stage “Customer” of “Lead”, which comes after “Lead”.",
        "Is in the stage “Lead” of “Lead”.",
    ]


@pytest.mark.parametrize(
    ("deed", "why"),
    [
        (lambda model: ScoreModel.objects.update(is_active=False), "“Lead” is off, so nothing changed."),
        (lambda model: model.delete(), "The score “lead” was deleted, so nothing changed."),
        (
            lambda model: ScoreModel.objects.update(definition=model.definition | {"stages": []}),
            "“Lead” has no stage “Lead” any more, so nothing changed.",
        ),
    ],
)
def test_a_score_that_cannot_be_changed_any_more_is_no_failure(track, lead, deed, why):
    sequence({"model": "lead", "effect": "stage", "stage": "Lead"}, name="Stages")
    deed(lead)
    track(NOW, "ann", "users.signed_up")
    assert explanations() == [("done", why)]
    assert Enrollment.objects.get().state == Enrollment.State.FINISHED and not ScoreChange.objects.exists()


def test_who_is_inside_by_two_orders_gets_the_points_twice(track, lead):
    rows = [Row(uid="points", action="score", score=give(10))]
    CampaignFactory(event="order.completed", rows=rows, entry_key="order_id", reentry={"mode": "every_time"})
    for order in ("a", "b"):
        track(NOW, "ann", "order.completed", run=False, order_id=order)
    engine.run(NOW)
    assert standing().points == 20 and Enrollment.objects.count() == 2


def test_only_those_for_whom_it_is_meant_get_points(track, lead):
    only_if = {"field": "score.lead", "op": "<", "value": 15}
    rows = [Row(uid=f"p{n}", action="score", score=give(10), only_if=only_if) for n in range(3)]
    CampaignFactory(event="users.signed_up", rows=rows)
    track(NOW, "ann", "users.signed_up")
    assert standing().points == 20
    assert [arm for arm, _ in explanations()] == ["done", "done", "skipped"]


# --- within the engine ---


def test_hops_are_counted_so_that_campaigns_cannot_go_on_without_end(track, lead):
    """Ups and downs that start each other: after ten steps of the engine's own the event is shown instead."""
    for direction, points in (("up", -90), ("down", 90)):
        chosen = {"field": "event.direction", "op": "is", "value": direction}
        CampaignFactory(
            name=direction,
            triggers=[Trigger(event="score.band_changed", filter=chosen)],
            rows=[Row(uid="turn", action="score", score=give(points))],
            reentry={"mode": "every_time"},
        )
    sequence(give(90))
    track(NOW, "ann", "users.signed_up")
    hops = list(Event.objects.filter(type="score.band_changed").order_by("hops").values_list("hops", flat=True))
    assert hops == list(range(1, recording.MAX_HOPS + 1))
    assert not Enrollment.objects.filter(state="active").exists()


def test_the_number_of_queries_does_not_grow_with_the_batch(track, lead):
    sequence(give(60), {"model": "lead", "effect": "stage", "stage": "Customer"})

    def spent(people):
        for user in people:
            track(NOW, user, "users.signed_up", run=False)
        pipeline.drain(NOW)
        with CaptureQueriesContext(connection) as captured:
            assert advance(NOW) == len(people)
        return len(captured)

    spent(["first"])
    assert spent([f"b{n}" for n in range(12)]) == spent(["x", "y"])
    assert Score.objects.filter(points=60, stage=2).count() == 15


@pytest.mark.django_db(transaction=True)  # locks of a test's own transaction would be held to its end
def test_a_lane_that_somebody_else_works_on_is_come_back_to(track, lead):
    """Waiting for it with enrollments in hand could be waiting in a circle."""
    sequence(give(10))
    for user in ("ann", "ben"):
        track(NOW, user, "users.signed_up", run=False)
    pipeline.drain(NOW)
    ann = Contact.objects.get(identities__value="ann").pk
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", [LANE_LOCK, ann % LANES])
            assert cursor.fetchone() == (True,)
        advance(NOW)
        assert standing("ben").points == 10 and standing("ann").points == 0
        waiting = Visit.objects.get(enrollment__contact=ann)
        assert (waiting.explanation, waiting.left_at) == ("“Lead” is being worked out just now.", None)
    finally:
        other.close()
    advance(NOW + SECOND)
    assert standing("ann").points == 10 and not Enrollment.objects.filter(state="active").exists()


# --- its definition ---


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({}, "Choose the score."),
        ({"model": ""}, "Choose the score."),
        ({"model": "nothing"}, "There is no score “nothing”; choose another one."),
        ({"model": "a\x00"}, "There is no score “a\x00”; choose another one."),
        ({"model": 7}, "This step cannot be read; choose the score and what becomes of it again."),
        ({"model": None}, "This step cannot be read; choose the score and what becomes of it again."),
        ([], "This step cannot be read; choose the score and what becomes of it again."),
        (give("ten"), "This step cannot be read; choose the score and what becomes of it again."),
        (give(True), "This step cannot be read; choose the score and what becomes of it again."),
        (give(10**30), "Points: write a whole number from −1,000 to 1,000."),
        (give(1001), "Points: write a whole number from −1,000 to 1,000."),
        (give(0), "Say how many points to give; to take some write a minus before the number."),
        ({"model": "lead"}, "Say how many points to give; to take some write a minus before the number."),
        (
            {"model": "lead", "effect": "double"},
            "Choose what becomes of the score: points, a number to set it to, or a stage.",
        ),
        ({"model": "lead", "effect": "stage"}, "Choose a stage of “Lead”: “Lead”, “Customer”."),
        ({"model": "plain", "effect": "stage", "stage": "x"}, "“Plain” has no stages; choose something else."),
        (give(5, reason="x" * 201), "The reason has at most 200 characters; shorten it."),
        (give(5, reason="\x00"), "The reason holds a character that cannot be kept; remove it."),
        (give(5, fading={"how": "half", "amount": 0}), "Write after how long the points fade: 1 to 3,650 days."),
        (
            give(5, fading={"how": "expires", "amount": 10**9, "unit": "weeks"}),
            "Write after how long the points fade: 1 to 3,650 days.",
        ),
        (give(5, fading="slowly"), "This step cannot be read; choose the score and what becomes of it again."),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(lead, config, sentence):
    made("plain")
    assert ScoreKind().problems(config) == [sentence]


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (give(10), "give 10 points of “Lead”"),
        (give(-1), "take 1 point of “Lead”"),
        (
            give(10, fading={"how": "half", "amount": 30, "unit": "days"}),
            "give 10 points of “Lead” (fades by half every 30 days)",
        ),
        ({"model": "lead", "effect": "set", "points": 5}, "set the engagement of “Lead” to 5"),
        ({"model": "lead", "effect": "reset"}, "set the engagement of “Lead” to 0"),
        ({"model": "lead", "effect": "stage", "stage": "Customer"}, "move to the stage “Customer” of “Lead”"),
        (
            {"model": "lead", "effect": "stage", "stage": "Lead", "force": True},
            "move to the stage “Lead” of “Lead”, also backwards",
        ),
        (give(10) | {"model": "gone"}, "give 10 points of “gone”"),
        ({"model": 7}, "change a score"),
    ],
)
def test_the_step_reads_as_a_person_says_it(lead, config, words):
    assert ScoreKind().describe(config) == words
    if config["model"] in ("lead", "gone"):
        assert bool(ScoreKind().problems(config)) is (config["model"] == "gone")


def test_a_score_that_is_off_is_said_to_be(lead):
    ScoreModel.objects.update(is_active=False)
    assert ScoreKind().describe(give(10)) == "give 10 points of “Lead”, which is off"
    assert ScoreKind().problems(give(10)) == []


def test_a_campaign_counts_as_a_use_of_the_scores_that_it_changes_and_asks(lead, inbox):
    models = [lead, *(made(key) for key in ("asked", "starting", "spare"))]
    crossing = {"field": "event.model", "op": "is", "value": "starting"}
    rows = [
        Row(uid="a", action="score", score=give(5)),
        Row(uid="b", template=TemplateFactory().pk, only_if={"field": "score.asked.fit", "op": ">", "value": 5}),
    ]
    triggers = [Trigger(event="score.band_changed", filter={"all": [crossing]})]
    campaign = CampaignFactory(name="Hot", triggers=triggers, rows=rows)
    used = Reference.objects.filter(kind="score").values_list("key", "role")
    assert sorted(used) == [("asked", "condition"), ("lead", "")]
    assert [[what for what, _ in defining.uses(model)] for model in models] == [["the campaign “Hot”"]] * 3 + [[]]
    assert defining.uses(lead)[0][1] == campaign_page(campaign)
    ScoreModel.objects.update(is_active=False)
    with pytest.raises(defining.Refused, match="is used by the campaign “Hot”; remove it there first"):
        defining.delete(lead, None)


def campaign_page(campaign) -> str:
    return f"/campaigns/campaign/{campaign.pk}/change/"
