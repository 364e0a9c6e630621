"""The step “end another campaign”: they leave it at once, whatever they wait for there."""

import pytest

from automation.advancing import advance
from automation.kinds.end import EndKind
from automation.models import Enrollment
from campaigns.models import Message
from events import pipeline
from tests import engine
from tests.automation.flows import changed, flow, happens, mail, queries_to_advance, step, wait, words
from tests.factories import NOW

pytestmark = pytest.mark.django_db


def end(campaign, then=None):
    return step("end", "end", {"campaign": campaign.pk}, then)


def test_who_is_inside_leaves_early_and_goes_on_here(track, inbox):
    trial = flow(wait("rest", 7, "late"), mail("late"), name="Trial")
    flow(end(trial, "thanks"), mail("thanks"), event="order.completed", name="Bought")
    track(NOW, "ann", "users.signed_up", traits={"email": "ann@example.com"})
    for user in ("ann", "ben"):
        track(NOW, user, "order.completed")
    row = Enrollment.objects.get(campaign=trial)
    assert (row.state, row.reason) == ("exited", "ended")
    assert row.explanation == "The campaign “Bought” ended it for them."
    assert words("end") == ["“Trial” was ended for them.", "They were not in “Trial”."]
    assert [one.message["Subject"] for one in inbox.accepted] == ["thanks"]


def test_a_mail_that_is_queued_there_is_cancelled(track):
    trial = flow(mail("hello"), name="Trial")
    flow(end(trial), event="order.completed")
    happens(["ann"])
    pipeline.drain(NOW), advance(NOW)
    happens(["ann"], "order.completed")
    pipeline.drain(NOW), advance(NOW)
    assert Message.objects.get().outcome == "cancelled"


def test_it_does_not_end_the_campaign_that_it_stands_in(track):
    campaign = flow(wait("rest", 1))
    changed(campaign, end(campaign, "rest"), wait("rest", 1))
    track(NOW, "ann", "users.signed_up")
    assert words("end") == ["They were not in “Flow”."]
    assert Enrollment.objects.get().state == "active"


def test_the_number_of_queries_does_not_grow_with_the_people():
    trial = flow(wait("rest", 7), name="Trial", event="trial.started")
    flow(end(trial))
    people = [f"u{number}" for number in range(200)]
    happens(["first", "second", *people], "trial.started")
    engine.run(NOW)
    queries_to_advance(["first"])
    assert queries_to_advance(["second"]) == queries_to_advance(people)
    assert Enrollment.objects.filter(campaign=trial, reason="ended").count() == 202


@pytest.mark.parametrize("config", [{}, [], None, {"campaign": True}, {"campaign": -1}, {"campaign": "x\x00"}])
def test_what_is_no_campaign_is_refused(config):
    assert len(EndKind().problems(config)) == 1
    assert EndKind().describe(config) == "end another campaign"
