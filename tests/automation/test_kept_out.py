"""Every number, once: neither a test run nor a test contact who is really inside is in it."""

from datetime import timedelta

import pytest
from django.urls import reverse

from automation import gates, running
from automation.gate_models import Place
from automation.models import Assignment, Enrollment, GoalReached, Refusal, SiteAssignment
from automation.running import Choices
from campaigns import capping, lifecycle, numbers
from campaigns.document import Goal, Trigger
from campaigns.models import FrequencyCap, Message
from campaigns.step_numbers import of_steps
from contacts.models import Contact
from reports import week
from tests import engine
from tests.automation.flows import flow, happens, mail, step, wait
from tests.factories import NOW, ContactFactory, UserFactory

pytestmark = pytest.mark.django_db
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)


@pytest.fixture
def campaign(inbox, track):
    """Somebody's test contact is really inside, and has been through a run of it, too."""
    campaign = flow(
        mail("hello", then="gate"),
        step("gate", "gate", {"places": 1}, "pause"),
        wait("pause", 1, "bye"),
        mail("bye"),
        goals=[Goal(uid="g", event="order.completed")],
        exit_on_goal=False,
        holdout=50,
    )
    Contact.objects.create(is_test=True, created_at=NOW, updated_at=NOW).identities.create(kind="user", value="me")
    Assignment.objects.create(campaign=campaign, contact=Contact.objects.get(is_test=True), name="holdout", arm="in")
    track(NOW, "me", "users.signed_up", traits={"email": "me@acme.example"})
    me = Contact.objects.get(is_test=True)
    running.start(campaign, [me], UserFactory(), NOW, Choices(trigger=Trigger(event="users.signed_up")))
    engine.run(NOW)
    engine.run(NOW + MINUTE)
    happens(["me"], "order.completed", NOW + MINUTE)
    engine.run(NOW + MINUTE)
    assert len(inbox.accepted) == 3 and Enrollment.objects.count() == 2
    campaign.refresh_from_db()
    return campaign


def totals(campaign):
    return sum(one.waiting + one.sent + one.opened + one.passed for one in numbers.by_step(campaign).values())


def on_the_canvas(campaign):
    told = of_steps(campaign).values()
    return sum(one["waiting"] + one["passed"] + one["sent"] + len(one["ways"]) for one in told)


def in_the_list(campaign):
    found = numbers.since([campaign.pk], NOW - DAY)[campaign.pk]
    return found.waiting + found.sent


def mails_of_the_week(campaign):
    return sum(one.total for one in week.numbers(NOW + DAY) if one.title != "Events")


def counted_for_limits(campaign):
    cap = FrequencyCap.objects.create(most=1)
    address = Contact.objects.get(is_test=True).address_id
    return capping.Places([cap], [address], NOW + MINUTE).blocked(address) is not None


NUMBERS = {
    "each step": totals,
    "the canvas": on_the_canvas,
    "the list of campaigns": in_the_list,
    "the start page": mails_of_the_week,
    "frequency limits": counted_for_limits,
    "places at gates": lambda campaign: Place.objects.count() + gates.admit(NOW + MINUTE),
    "refusals": lambda campaign: Refusal.objects.count(),
    "versions": lambda campaign: campaign.versions.count() - 1,
    "those whom publishing moves, but who is really inside": lambda campaign: lifecycle.inside(campaign) - 1,
    "goals of the campaign, but who is really inside": lambda campaign: (
        GoalReached.objects.filter(enrollment__campaign=campaign).count() - 1
    ),
    "holdouts, but who was assigned before": lambda campaign: (
        Assignment.objects.count() + SiteAssignment.objects.count() - 1
    ),
    "mails of the campaign, but who is really inside": lambda campaign: (
        Message.objects.filter(campaign=campaign).count() - 1
    ),
}


def test_no_number_holds_a_test(campaign):
    assert {name: int(count(campaign)) for name, count in NUMBERS.items()} == dict.fromkeys(NUMBERS, 0)


def test_nobody_who_is_counted_waits_behind_a_test_contact(campaign, inbox):
    ContactFactory(email="ann@example.com").identities.create(kind="user", value="ann")
    ann = Contact.objects.get(identities__value="ann")
    Assignment.objects.create(campaign=campaign, contact=ann, name="holdout", arm="in")
    happens(["ann"])
    engine.run(NOW + MINUTE)
    row = Enrollment.objects.get(contact=ann)
    assert row.step_uid == "pause" and numbers.by_step(campaign)["pause"].waiting == 1


def test_the_lists_behind_the_numbers_hold_whom_they_count(campaign, admin_client):
    for page, query in (
        ("automation_enrollment", f"campaign__id__exact={campaign.pk}&step=pause"),
        ("campaigns_message", f"campaign__id__exact={campaign.pk}&step=hello&came=sent"),
        ("automation_visit", f"campaign={campaign.pk}&step=hello&way=on"),
    ):
        listed = admin_client.get(f"{reverse(f'admin:{page}_changelist')}?{query}").content.decode()
        assert "me@acme.example" not in listed, page
