"""All whom a fault has stopped, as the list is filtered: one question that says how many, then a job with progress."""

import re

import pytest
from django.contrib.admin.models import LogEntry
from django.urls import reverse

from automation import parked
from automation.models import Enrollment
from campaigns.models import Campaign
from lib import clock
from ops import jobs
from ops.models import Job
from tests.automation.publishing_again import mails
from tests.campaigns.typing_in import browser
from tests.factories import CampaignFactory, ContactFactory

pytestmark = pytest.mark.django_db
LISTED = "admin:automation_enrollment_changelist"


@pytest.fixture(autouse=True)
def few_at_once(monkeypatch):
    monkeypatch.setattr(parked, "AT_ONCE", 2)


def stopped(campaign, count: int, uid: str = "mail0", **more) -> list[Enrollment]:
    more.setdefault("state", "parked")
    return [
        Enrollment.objects.create(
            campaign=campaign, contact=ContactFactory(), version=campaign.live, step_uid=uid, reason="fault", **more
        )
        for _ in range(count)
    ]


def asked_for_all(client, deed="try_again", **filters) -> tuple[str, str]:
    """What the question says, and where it stands: asked as a browser does that has chosen all of the list."""
    first = Enrollment.objects.filter(state="parked").first()
    there = reverse(LISTED) + "?" + "&".join(f"{name}={value}" for name, value in filters.items())
    data = {"action": deed, "_selected_action": [first.pk], "select_across": "1"}
    answer = client.post(there, data, follow=True)
    return answer.content.decode(), answer.redirect_chain[-1][0]


def states(rows) -> set[str]:
    return set(Enrollment.objects.filter(pk__in=[row.pk for row in rows]).values_list("state", flat=True))


def work_off() -> Job:
    while jobs.run_due(clock.now()):
        pass
    return Job.objects.get()


def test_all_that_match_the_filter_try_again_as_a_job():
    campaign, other = (CampaignFactory(name=name, rows=mails("A", "B")) for name in ("Welcome", "Other"))
    rows, elsewhere, later = stopped(campaign, 5), stopped(other, 1), stopped(campaign, 1, "mail1")
    waiting = stopped(campaign, 1, state="active", due_at=clock.now())
    client = browser("Publisher")
    said, there = asked_for_all(client, state__exact="parked", campaign__id__exact=campaign.pk, step="mail0")
    assert "Try again: all 5 people stopped by a fault in “Welcome”?" in said and "Jobs shows how far it is" in said
    assert states(rows) == {"parked"}, "asking does nothing"
    done = client.post(there, follow=True).content.decode()
    assert "Try again: 5 people" in done and reverse("admin:ops_job_change", args=[Job.objects.get().pk]) in done
    new = stopped(campaign, 1)
    job = work_off()
    assert (job.state, job.done, job.total, job.result) == ("done", 5, 5, "5 people tried their step again.")
    assert states(rows) == {"active"} and states(waiting) == {"active"}
    assert states([*elsewhere, *later, *new]) == {"parked"}, "of another campaign, another step, or stopped since"
    assert LogEntry.objects.filter(change_message="Let it try again.", user__username="publisher").count() == 5


def test_all_in_the_whole_site_are_taken_out():
    rows = stopped(CampaignFactory(), 3) + stopped(CampaignFactory(), 2)
    client = browser("Publisher")
    listed = client.get(reverse(LISTED), {"state__exact": "parked"}).content.decode()
    there = re.search(r'href="([^"]*deed=discard[^"]*all=1[^"]*)"', listed)
    assert there, "the list offers it"
    there = there[1].replace("&amp;", "&")
    assert "Take out: all 5 people stopped by a fault?" in client.get(there).content.decode()
    client.post(there)
    assert work_off().result == "5 people were taken out." and states(rows) == {"exited"}


def test_test_runs_are_left_alone():
    campaign = CampaignFactory()
    (row,) = stopped(campaign, 1)
    copy = Campaign.with_tests.create(name="Copy", draft={}, test_of=campaign, edited_at=clock.now())
    Enrollment.objects.filter(pk=row.pk).update(campaign=copy)
    assert parked.start("release", None, "", "", None, clock.now()) is None and states([row]) == {"parked"}


def test_a_job_that_is_cancelled_leaves_the_rest_and_one_that_goes_on_does_nobody_twice():
    rows = stopped(CampaignFactory(), 5)
    job = parked.start("release", None, "", "Try again", None, clock.now())
    assert job and parked.work(job, clock.now()) is False and (job.done, job.total) == (2, 5)
    Enrollment.objects.filter(pk__in=[row.pk for row in rows]).update(state="parked", due_at=None)
    job.save()
    assert parked.work(job, clock.now()) is False and parked.work(job, clock.now()) is True
    assert [Enrollment.objects.get(pk=row.pk).state for row in rows] == ["parked"] * 2 + ["active"] * 3


def test_whom_a_search_finds_are_decided_about_at_once():
    rows = stopped(CampaignFactory(), 3)
    email = rows[1].contact.address.email
    client = browser("Publisher")
    said, there = asked_for_all(client, deed="take_out", q=email)
    assert "Take out: 1 person stopped by a fault?" in said
    client.post(there)
    assert states(rows) == {"parked", "exited"} and not Job.objects.exists()


@pytest.mark.parametrize("query", ["state__exact=active", "campaign__id__exact=x", "campaign__id__exact=99999"])
def test_a_filter_that_names_nobody_stopped_is_about_nobody(query):
    rows = stopped(CampaignFactory(), 2)
    client, there = browser("Publisher"), f"{reverse('admin:automation_enrollment_many')}?deed=discard&all=1&{query}"
    assert "Nobody is stopped by a fault" in client.get(there, follow=True).content.decode()
    assert "None of them was stopped" in client.post(there, follow=True).content.decode()
    assert states(rows) == {"parked"} and not Job.objects.exists()


def test_only_publishers_are_offered_it_and_may_do_it():
    empty = browser("Publisher").get(reverse(LISTED), {"state__exact": "parked"}).content.decode()
    assert "all=1" not in empty, "nor where there is nobody"
    stopped(CampaignFactory(), 1)
    for role, offered in (("Publisher", True), ("Marketer", False), ("Analyst", False)):
        listed = browser(role).get(reverse(LISTED), {"state__exact": "parked"}).content.decode()
        assert ("all=1" in listed) is offered
    there = f"{reverse('admin:automation_enrollment_many')}?deed=discard&all=1"
    assert browser("Marketer").post(there).status_code == 403
    assert "all=1" not in browser("Publisher").get(reverse(LISTED)).content.decode(), "only where they are shown"
