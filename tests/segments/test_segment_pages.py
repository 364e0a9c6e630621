"""The list of segments, the page of one, and the form: what a marketer reads and what saving does."""

import json
from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from contacts import writing
from lib import clock
from ops import jobs
from ops.models import Job
from segments import defining, members
from segments.models import Segment
from tests import engine
from tests.campaigns.typing_in import browser, person
from tests.factories import ContactFactory

pytestmark = pytest.mark.django_db
PRO = {"field": "contact.plan", "op": "is", "value": "pro"}


def url(name, *args, query=""):
    return reverse(f"admin:segments_segment_{name}", args=args) + query


def made(name="Pro", condition=PRO, kind="dynamic", **more):
    segment = defining.save(Segment(name=name, condition=None if kind == "static" else condition, kind=kind, **more),
                            None, clock.now())  # fmt: skip
    engine.run(clock.now())
    segment.refresh_from_db()
    return segment


def text(response):
    assert response.status_code == 200, response.status_code
    return " ".join(response.content.decode().split())


def typed(segment=None, **changes):
    given = {"name": "Pro", "description": "", "condition": json.dumps(PRO), "revision": ""}
    if segment:
        given |= {"name": segment.name, "condition": json.dumps(segment.condition), "revision": segment.revision}
    return given | changes


# --- the list ---


def test_an_empty_list_says_what_a_segment_is_and_leads_on():
    page = text(browser("Marketer").get(url("changelist")))
    assert "No segments yet" in page and url("add") in page


def test_the_list_says_size_change_cost_and_what_is_wrong():
    ContactFactory.create_batch(3, attributes={"plan": "pro"})
    made(description="Those who pay")
    broken = made("Broken")
    Segment.objects.filter(pk=broken.pk).update(fault="The pattern cannot be read; mend it.")
    old = made("Old")
    Segment.objects.filter(pk=old.pk).update(created_at=clock.now() - timedelta(days=91))
    stale = made("Behind")
    Segment.objects.filter(pk=stale.pk).update(revision=7)
    page = text(browser("Marketer").get(url("changelist")))
    assert "Those who pay" in page and "+3" in page and "under 0.1 s" in page
    for words in ("cannot be evaluated", "The pattern cannot be read", "unused for 90 days", "stale"):
        assert words in page


def test_what_waits_for_its_first_look_shows_how_far_it_is():
    segment = defining.save(Segment(name="Pro", condition=PRO), None, clock.now())
    Job.objects.filter(pk=segment.refresh_id).update(total=200, done=80)
    assert "being worked out 40 %" in text(browser("Marketer").get(url("changelist")))
    (row,) = browser("Marketer").get(url("changelist")).context["cl"].result_list
    assert [badge.text for badge in row.badges] == ["being worked out 40 %"]


@pytest.mark.parametrize(
    ("state", "found"), [("fault", "Broken"), ("stale", "Behind"), ("unused", "Old"), ("working", "New")]
)
def test_the_list_can_be_narrowed_to_what_needs_a_look(state, found):
    Segment.objects.filter(pk=made("Broken").pk).update(fault="Mend it.")
    old = made("Old")
    reads_it = made("Read by another")
    Segment.objects.filter(pk__in=[old.pk, reads_it.pk]).update(created_at=clock.now() - timedelta(days=91))
    Segment.objects.filter(pk=made("Reader").pk).update(reads=[f"segment:{reads_it.pk}"])
    Segment.objects.filter(pk=made("Behind").pk).update(revision=7)
    defining.save(Segment(name="New", condition=PRO), None, clock.now())
    rows = browser("Marketer").get(url("changelist"), {"state": state}).context["cl"].result_list
    assert [row.name for row in rows] == [found]


def test_the_list_is_searched_by_name_and_purpose():
    made("Pro", description="Those who pay")
    made("Guests", kind="static")
    rows = browser("Marketer").get(url("changelist"), {"q": "who pay"}).context["cl"].result_list
    assert [row.name for row in rows] == ["Pro"]


def test_the_number_of_queries_does_not_grow_with_the_list():
    client = browser("Marketer")
    long_ago = clock.now() - timedelta(days=100)
    made("First")
    Segment.objects.update(created_at=long_ago)
    client.get(url("changelist"))
    with CaptureQueriesContext(connection) as few:
        client.get(url("changelist"))
    for number in range(12):
        made(f"Segment {number}")
    Segment.objects.update(created_at=long_ago)
    with CaptureQueriesContext(connection) as many:
        client.get(url("changelist"))
    assert len(many) == len(few)


# --- saving ---


def test_adding_begins_with_the_choice_of_a_kind():
    page = text(browser("Marketer").get(url("add")))
    assert "?kind=dynamic" in page and "?kind=static" in page


def test_saving_says_how_many_match_and_never_waits_for_them():
    ContactFactory.create_batch(2, attributes={"plan": "pro"})
    response = browser("Marketer").post(url("add", query="?kind=dynamic"), typed(), follow=True)
    page, segment = text(response), Segment.objects.get()
    assert "2 people match now" in page and "Campaigns do not start by an edit" in page
    assert "being worked out" in page and segment.created_by == person("Marketer")
    assert members.ids(segment).count() == 0
    engine.run(clock.now())
    assert members.ids(segment).count() == 2
    assert LogEntry.objects.get().change_message == "Made the segment."


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"name": ""}, "Give the segment a name."),
        ({"name": " taken "}, "There is a segment “taken” already; choose another name."),
        ({"condition": "{"}, "could not be read"),
        ({"condition": json.dumps({"field": "contact.plan", "op": "is"})}, "value"),
    ],
)
def test_what_cannot_be_saved_comes_back_with_a_sentence(changes, sentence):
    made("Taken")
    page = text(browser("Marketer").post(url("add", query="?kind=dynamic"), typed(**changes)))
    assert sentence in page and Segment.objects.count() == 1


@pytest.mark.parametrize("op", ["\\ud800", "\\u0000"])
def test_half_a_character_in_the_rules_is_named_on_the_page(op):
    rules = f'{{"field": "contact.plan", "op": "{op}", "value": "pro", "{op}": 1}}'
    page = text(browser("Marketer").post(url("add", query="?kind=dynamic"), typed(condition=rules)))
    assert "is not an operator" in page and not Segment.objects.exists()


def test_a_list_is_made_without_rules():
    browser("Marketer").post(url("add", query="?kind=static"), {"name": "Guests"})
    segment = Segment.objects.get()
    assert (segment.kind, segment.condition, segment.refresh) == ("static", None, None)


def test_an_edit_of_the_rules_is_noted_without_what_they_say():
    segment = made()
    client = browser("Marketer")
    assert "pro" in text(client.get(url("edit", segment.pk)))
    other = {"field": "contact.email", "op": "is", "value": "ann@example.com"}
    page = text(client.post(url("edit", segment.pk), typed(segment, condition=json.dumps(other)), follow=True))
    assert "Nobody matches now" in page
    segment.refresh_from_db()
    assert segment.revision == 2 and segment.condition == other
    noted = LogEntry.objects.latest("pk")
    assert noted.change_message == "Changed the rules." and "ann" not in noted.change_message + noted.object_repr


def test_an_edit_of_the_name_asks_nobody_again():
    segment = made()
    page = text(browser("Marketer").post(url("edit", segment.pk), typed(segment, name="Payers"), follow=True))
    assert "nobody enters or leaves" in page and not jobs.is_due(clock.now())


def test_of_two_editors_the_second_is_told():
    segment = made()
    data = typed(segment, name="Mine")
    segment.condition = {"not": PRO}
    defining.save(segment, None, clock.now())
    assert "Somebody changed the rules after you opened this page" in text(
        browser("Marketer").post(url("edit", segment.pk), data)
    )
    segment.refresh_from_db()
    assert segment.name == "Pro" and segment.condition == {"not": PRO}


def test_a_copy_begins_with_the_rules_and_another_name():
    segment = made(description="Those who pay")
    page = text(browser("Marketer").get(url("add", query=f"?copy={segment.pk}")))
    assert "Pro (copy)" in page and "Those who pay" in page and "contact.plan" in page


# --- the page ---


def test_the_page_tells_the_rules_the_size_and_the_members_with_since_and_why():
    ann = ContactFactory(attributes={"plan": "pro", "first_name": "Ann"})
    segment = made(description="Those who pay")
    page = text(browser("Marketer").get(url("change", segment.pk)))
    assert "Their plan is “pro”." in page and "Those who pay" in page and "+1 in 7 days" in page
    assert "Ann" in page and "The rules were made or changed" in page and "entered" in page
    assert reverse("admin:contacts_contact_change", args=[ann.pk]) in page
    assert "Up to date" in page and "&quot;Entered&quot;, &quot;data&quot;" in page


def test_the_page_of_an_empty_segment_says_so():
    page = text(browser("Marketer").get(url("change", made().pk)))
    assert "Nobody is in it now." in page and "Nobody has been in it so far." in page and "Nothing uses it yet" in page


def test_an_analyst_looks_and_is_offered_nothing_to_do():
    segment = made()
    page = text(browser("Analyst").get(url("change", segment.pk)))
    assert "Their plan is" in page
    for name in ("edit", "refresh", "delete"):
        assert url(name, segment.pk) not in page


def test_the_page_of_broken_rules_says_what_is_wrong():
    segment = made()
    Segment.objects.filter(pk=segment.pk).update(
        condition={"field": "contact.plan", "op": "gone"}, fault="“gone” is not an operator; choose one such as “is”."
    )
    page = text(browser("Marketer").get(url("change", segment.pk)))
    assert "cannot be evaluated" in page and "“gone” is not an operator" in page
    page = text(browser("Marketer").post(url("refresh", segment.pk), follow=True))
    assert "is not an operator" in page and not jobs.is_due(clock.now())
    assert "contact.plan" in text(browser("Marketer").get(url("edit", segment.pk)))


def test_refreshing_and_cancelling_show_on_the_page():
    segment, client = made(), browser("Marketer")
    client.post(url("refresh", segment.pk))
    fragment = text(client.get(url("now", segment.pk)))
    assert "Everybody is compared with the rules" in fragment and 'data-busy="yes"' in fragment
    page = text(client.post(url("stop", segment.pk), follow=True))
    assert "It stops after the part in hand" in page
    jobs.run_due(clock.now())
    fragment = text(client.get(url("now", segment.pk)))
    assert 'data-busy=""' in fragment and "Refresh now" in fragment
    assert {entry.change_message for entry in LogEntry.objects.all()} == {
        "Asked for a refresh.", "Cancelled the refresh.",
    }  # fmt: skip


def test_a_first_look_that_was_cancelled_leaves_it_stale():
    ContactFactory(attributes={"plan": "pro"})
    segment, client = defining.save(Segment(name="Pro", condition=PRO), None, clock.now()), browser("Marketer")
    client.post(url("stop", segment.pk))
    jobs.run_due(clock.now())
    page = text(client.get(url("change", segment.pk)))
    assert "stale" in page and "do not follow its rules as they stand" in page
    client.post(url("refresh", segment.pk))
    engine.run(clock.now())
    assert "stale" not in text(client.get(url("change", segment.pk))) and members.ids(segment).count() == 1


# --- deleting ---


def test_a_segment_that_is_used_is_not_deleted_and_says_where():
    segment = made()
    reader = made("Reader")
    Segment.objects.filter(pk=reader.pk).update(reads=[f"segment:{segment.pk}"])
    client = browser("Marketer")
    for response in (client.get(url("delete", segment.pk)), client.post(url("delete", segment.pk))):
        assert "is used, so it stays" in text(response) and "The segment “Reader”" in text(response)
    assert Segment.objects.filter(pk=segment.pk).exists()
    assert "The segment “Reader”" in text(client.get(url("change", segment.pk)))


def test_deleting_says_what_goes_and_the_rules_can_be_had_back():
    segment = made(description="Those who pay")
    client = browser("Marketer")
    assert "Its history goes" in text(client.get(url("delete", segment.pk)))
    page = text(client.post(url("delete", segment.pk), follow=True))
    again = url("add", query="?again=1")
    assert not Segment.objects.exists() and "“Pro” is deleted." in page and again in page
    assert "Make “Pro” again" in text(client.get(url("add")))
    page = text(client.get(again))
    assert "Those who pay" in page and "contact.plan" in page
    client.post(again, typed())
    assert Segment.objects.get().condition == PRO


def test_deleting_a_list_names_how_many_are_on_it():
    segment = made("Guests", kind="static")
    members.add(segment, [one.pk for one in ContactFactory.create_batch(3)], clock.now(), "hand")
    assert "That 3 people are on the list" in text(browser("Marketer").get(url("delete", segment.pk)))


def test_growth_counts_those_who_left():
    one = ContactFactory(attributes={"plan": "pro"})
    segment = made()
    writing.set_attributes([one.pk], {"plan": "free"}, clock.now())
    engine.run(clock.now())
    page = text(browser("Marketer").get(url("change", segment.pk)))
    assert "unchanged in 7 days" in page and "1 in, 1 out" in page


@pytest.mark.parametrize(
    ("tree", "sentence"),
    [
        ({"segment": 4711}, "These rules name what is not there any more"),
        ({"field": "contact.plan", "op": "4711"}, "cannot be evaluated as they stand"),
        ({"not": {"event": "rocket.launched"}}, "These rules name what is not there any more"),
    ],
)
def test_rules_that_name_what_is_gone_are_warned_of(tree, sentence):
    segment = made()
    Segment.objects.filter(pk=segment.pk).update(condition=tree)
    page = text(browser("Marketer").get(url("change", segment.pk)))
    assert sentence in page and ("4711" in page or "rocket.launched" in page)


def test_a_fixed_list_asks_since_when_not_for_rules():
    page = text(browser("Marketer").get(url("change", made(kind="static").pk)))
    assert "since when they are on the list" in page and "each part of the rules" not in page
