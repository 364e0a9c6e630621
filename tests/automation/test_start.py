# ruff: noqa: E501  the tables read best in rows
"""The step “start another campaign”: through its door, with what they carry, and never in circles for ever."""

import pytest

from automation.forms.campaign import CampaignForm
from automation.kinds.start import StartKind
from automation.models import Enrollment
from campaigns import lifecycle
from campaigns.document import Trigger
from tests import engine
from tests.automation.flows import flow, queries_to_advance, step, wait, ways, words
from tests.factories import NOW

pytestmark = pytest.mark.django_db
SENT = {"triggers": [Trigger(kind="campaign")]}


def start(campaign, then=None, uid="start"):
    return step(uid, "start", {"campaign": campaign.pk}, then)


@pytest.fixture
def other():
    return flow(wait("rest", 1), name="Other", **SENT)


def test_they_enter_the_other_campaign_with_what_they_carry_and_go_on(track, other):
    flow(start(other, "rest"), wait("rest", 2), event="order.completed")
    track(NOW, "ann", "order.completed", total=80)
    rows = {row.campaign.name: row for row in Enrollment.objects.select_related("campaign")}
    assert rows["Other"].data == {"total": 80} and rows["Other"].hops == 1
    assert rows["Flow"].step_uid == "rest" == rows["Other"].step_uid
    assert words("start") == ["Started “Other”."]


def test_who_may_not_enter_goes_the_other_way(track, other):
    flow(start(other, "again"), start(other, {"refused": "rest", "done": None}, uid="again"), wait("rest", 2))
    track(NOW, "ann", "users.signed_up")
    assert ways("start") == {"ann": "done"} and ways("again") == {"ann": "refused"}
    assert words("again") == ["“Other” was not started: they were already inside, so the repeat was ignored."]


def test_a_paused_one_is_not_started(track, other):
    flow(start(other))
    lifecycle.pause(other, None, NOW)
    track(NOW, "ann", "users.signed_up")
    assert ways("start") == {"ann": "refused"}
    assert words("start")[0].startswith("“Other” was not started: the campaign was paused")


def test_campaigns_that_start_each_other_come_to_an_end(track):
    again = {
        "reentry": {"mode": "every_time"},
        "triggers": [Trigger(kind="campaign"), Trigger(event="users.signed_up")],
    }
    first = flow(wait("rest", 1), name="First", **again)
    second = flow(start(first), name="Second", **again)
    lifecycle.archive(first, None, NOW)
    third = flow(start(second), name="Third", **again)
    track(NOW, "ann", "users.signed_up")
    assert Enrollment.objects.filter(campaign=third).count() == 1
    assert Enrollment.objects.filter(campaign=second).count() == 2
    assert not Enrollment.objects.filter(state="active").exists()


def test_the_number_of_queries_does_not_grow_with_the_people(other):
    flow(start(other))

    def spent(people):
        queries = queries_to_advance(people)
        engine.run(NOW)  # those who entered the other one
        return queries

    spent(["first"])
    assert spent(["second"]) == spent([f"u{number}" for number in range(200)])
    assert Enrollment.objects.filter(campaign=other).count() == 202


@pytest.mark.parametrize("config", [{}, [], None, {"campaign": ""}, {"campaign": None}])
def test_a_campaign_must_be_chosen(config):
    assert StartKind().problems(config) == ["Choose the campaign."]
    assert StartKind().describe(config) == "start another campaign"


@pytest.mark.parametrize("pk", ["7", True, -1, 10**30, 2.5, [], {"a": 1}, float("nan"), 999_999])
def test_one_that_is_not_there_is_refused(pk):
    assert StartKind().problems({"campaign": pk}) == ["There is no such campaign any more; choose another one."]


def test_one_that_nobody_may_start_or_that_is_archived_is_refused(other):
    closed = flow(wait("rest", 1), name="Closed")
    assert StartKind().problems({"campaign": closed.pk}) == [
        "“Closed” cannot be started so: it is not one that other campaigns may start; add “Another campaign sends them” to its triggers."
    ]
    assert StartKind().problems({"campaign": other.pk}) == []
    lifecycle.archive(other, None, NOW)
    assert StartKind().problems({"campaign": other.pk}) == ["“Other” is archived; choose another campaign."]


def test_the_form_offers_the_campaigns(other):
    form = CampaignForm({"campaign": str(other.pk)})
    assert form.is_valid() and form.config() == {"campaign": other.pk}
    assert StartKind().describe(form.config()) == "start the campaign “Other”"
    assert not CampaignForm({"campaign": "999999"}).is_valid()
