"""Who gets no mail: counted under “not sent” with the reason, found in a list, led another way if one wants."""

from datetime import UTC, datetime

import pytest
from django.urls import reverse

from automation import mail_ways
from automation.forms.email import EmailForm
from automation.kinds.email import EmailKind
from campaigns import numbers
from campaigns.flow import ways_of
from campaigns.models import Message
from campaigns.step_numbers import of_steps
from contacts.models import Contact
from tests.automation.flows import flow, mail
from tests.campaigns.typing_in import browser
from tests.factories import NOW, site

pytestmark = pytest.mark.django_db
EVENING = datetime(2026, 3, 6, 19, tzinfo=UTC)  # a Friday
OFFICE = {"days": ["mon", "tue"], "outside": "cancel"}


def first(*ways: str, **more):
    """A mail, with ways of their own that lead to other mails."""
    site()
    step = mail("first")
    step.config |= {"ways": list(ways)} if ways else {}
    step.next = {key: f"to_{key}" for key in (*ways, "done")}
    return flow(step, *(mail(f"to_{key}", key) for key in step.next), **more)


def sign_up(track, at, *users):
    for user in users:
        track(at, user, "users.signed_up", traits={"email": f"{user}@example.com"})


def listed(campaign, **asked) -> dict[str, str]:
    """Who stands in the list, and what came of it."""
    page = browser("Analyst").get(reverse("admin:automation_visit_changelist"), {"campaign": campaign.pk, **asked})
    assert page.status_code == 200
    assert all(visit.called.startswith("Send “") for visit in page.context["cl"].result_list)
    return {str(visit.enrollment.contact): visit.took for visit in page.context["cl"].result_list}


def test_who_gets_no_mail_is_counted_listed_and_told_why(inbox, track):
    campaign = first(window=OFFICE)
    sign_up(track, EVENING, "ann", "ben")
    found = numbers.by_step(campaign)["first"]
    assert (found.passed, found.sent, found.failed) == (2, 0, [("Outside of the send window", 2)])
    assert listed(campaign, step="first", way="not") == dict.fromkeys(
        ("ann@example.com", "ben@example.com"), "Outside of the send window"
    )
    assert len(listed(campaign, step="first", way="on")) == 2
    assert len(listed(campaign, step="first", way="not:without:outside_window")) == 2
    assert not listed(campaign, step="first", way="not:without:capped") and not listed(
        campaign, step="first", way="not:bounced"
    )
    assert not listed(campaign, step="first", way="by:capped") and listed(
        campaign, step="first", way="by:outside_window"
    )


def test_a_mail_that_came_back_is_in_the_same_list_and_test_contacts_are_in_none(inbox, track):
    campaign = first()
    sign_up(track, NOW, "ann", "ben", "robot")
    Message.objects.filter(address__email="ann@example.com").update(outcome="bounced")
    Contact.objects.filter(address__email="robot@example.com").update(is_test=True)
    found = numbers.by_step(campaign)["first"]
    assert (found.passed, found.failed_total) == (2, 1)
    for way in ("not", "not:bounced"):
        assert list(listed(campaign, step="first", way=way)) == ["ann@example.com"]
    assert len(listed(campaign, step="first", way="on")) == 2


def test_only_if_counts_as_not_sent_but_goes_on_as_usual(inbox, track):
    campaign = first("not_sent")
    campaign.draft["steps"][0]["only_if"] = {"field": "contact.plan", "op": "is", "value": "pro"}
    campaign.live.document = campaign.draft
    campaign.live.save()
    sign_up(track, NOW, "ann")
    assert [sent.message["Subject"] for sent in inbox.accepted] == ["done"]
    assert numbers.by_step(campaign)["first"].failed == [("Left out: “only if”, or a date that was past", 1)]


@pytest.mark.parametrize(
    ("ways", "expected"),
    [
        ((), "done"),
        (("not_sent",), "not_sent"),
        (("outside_window", "not_sent"), "outside_window"),
        (("capped",), "done"),
        (("capped", "not_sent"), "not_sent"),
    ],
)
def test_who_is_not_mailed_takes_the_way_that_is_set_apart(inbox, track, ways, expected):
    campaign = first(*ways, window=OFFICE)
    sign_up(track, EVENING, "ann")
    uids = set(campaign.enrollments.get().visits.values_list("step_uid", flat=True))
    assert uids == {"first", f"to_{expected}"}
    assert of_steps(campaign)["first"]["ways"] == {expected: 1}, "counted on the way that is drawn"
    assert listed(campaign, step="first", way=f"by:{expected}")


def test_the_ways_are_drawn_only_where_they_are_asked_for():
    assert [way.label for way in ways_of(mail("a"))] == [""]
    step = mail("a")
    step.config["ways"] = ["not_sent", "capped"]
    assert [way.label for way in ways_of(step)] == ["Over a frequency limit", "Not sent otherwise", "Sent"]
    step.config["ways"] = ["not_sent"]
    assert [way.label for way in ways_of(step)] == ["Not sent", "Sent"]


def test_the_form_gives_back_what_it_showed_and_takes_anything():
    step = mail("a")
    step.config |= {"lateness_hours": 24, "ways": ["capped", "not_sent"]}
    form = EmailForm({"mail": step.config["template"], "lateness_hours": "24", "ways": ["capped", "not_sent"]})
    assert form.is_valid() and form.config() == step.config and EmailKind().problems(step.config) == []
    assert EmailForm.initial_from(step.config)["ways"] == ["capped", "not_sent"]
    for ways in (5, "x", {}, [None], ["sent"], None):
        assert EmailKind().problems(step.config | {"ways": ways}) == [mail_ways.UNREADABLE]
        assert EmailForm.initial_from({"ways": ways})["ways"] == []
