"""Lists by hand: people put in, taken out and moved, what is reported, and taking it back; all members, export."""

import csv
import io
import json

import pytest
from django.contrib.admin.models import LogEntry
from django.urls import reverse
from django.utils.html import escape

from campaigns.document import Trigger
from campaigns.head_words import trigger_in_words
from campaigns.models import Campaign
from contacts import writing
from events.models import Event
from lib import clock
from ops.models import User
from segments import defining, exporting, member_lists, members, moving, overlapping
from segments.models import Segment
from segments.overlapping import Overlap, circles, lens
from tests import engine
from tests.campaigns.typing_in import browser
from tests.factories import CampaignFactory, ContactFactory
from tests.segments.test_segment_pages import PRO, made, text, url

pytestmark = pytest.mark.django_db


@pytest.fixture
def guests():
    return made("Guests", kind="static")


@pytest.fixture
def client():
    return browser("Marketer")


def those_in(segment):
    return set(members.ids(segment))


def put(segment, *people):
    members.add(segment, [one.pk for one in people], clock.now(), "hand")


def known(user_id, email="", **attributes):
    pk, _ = writing.contact_for_user(user_id, clock.now())
    writing.upsert(pk, writing.Upsert(attributes=attributes, email=email or None), clock.now())
    return writing.Contact.objects.get(pk=pk)


# --- putting in ---


def test_pasted_people_are_put_in_and_who_was_not_found_is_named(client, guests):
    ann, bob = known("user-1"), known("user-2", "bob@example.com")
    put(guests, ann)
    pasted = "user-1\r\n Bob@Example.com, nobody@example.com;\n\nuser-9\nuser-1"
    page = text(client.post(url("put", guests.pk), {"people": pasted}))
    assert those_in(guests) == {ann.pk, bob.pk}
    assert "1 person was put in" in page and "1 was on the list before" in page and "2 were not found" in page
    missing = page.partition("sg-missing")[2].partition("</pre>")[0]
    assert "nobody@example.com" in missing and "user-9" in missing and "user-1" not in missing
    assert LogEntry.objects.get().change_message == "Put 1 person in."
    assert Event.objects.get(type="segment.entered", contact=bob).properties["cause"] == "hand"


def test_people_are_searched_for_and_chosen(client, guests):
    ann, other = known("user-1", name="Ann Green"), known("user-2", name="Ann Brown")
    put(guests, other)
    page = text(client.get(url("put", guests.pk), {"q": "ann"}))
    assert "Ann Green" in page and "is on the list" in page
    client.post(url("put", guests.pk), {"contact": [str(ann.pk)], "people": ""})
    assert those_in(guests) == {ann.pk, other.pk}


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ({"people": " ,\n"}, "Choose somebody, or write whom to add."),
        ({"people": "\n".join(map(str, range(5001)))}, "These are more than 5,000; add them from a file instead."),
        ({"people": "\x00"}, "Null characters are not allowed"),
        ({"contact": ["99999999999999999999", "x", "0"]}, "Choose somebody"),
    ],
)
def test_what_cannot_be_put_in_is_said(client, guests, data, sentence):
    assert escape(sentence) in text(client.post(url("put", guests.pk), data))


def test_nobody_is_put_into_rules_by_hand(client):
    segment = made()
    for name in ("put", "take", "move", "undo"):
        assert client.get(url(name, segment.pk)).status_code == 403
    assert url("put", segment.pk) not in text(client.get(url("change", segment.pk)))


# --- taking out, moving, taking back ---


def test_taking_out_asks_says_how_many_and_can_be_taken_back(client, guests):
    people = ContactFactory.create_batch(3)
    put(guests, *people)
    chosen = "?" + "&".join(f"contact={one.pk}" for one in people[:2])
    assert "Take 2 people out of “Guests”?" in text(client.get(url("take", guests.pk) + chosen))
    assert those_in(guests) == {one.pk for one in people}
    page = text(client.post(url("take", guests.pk) + chosen, follow=True))
    assert "2 people were taken out." in page and those_in(guests) == {people[2].pk}
    undo = page.partition(url("undo", guests.pk))[2].partition('"')[0].replace("&amp;", "&")
    assert "2 people would be put back." in text(client.get(url("undo", guests.pk) + undo))
    assert "as it was before, for 2 people" in text(client.post(url("undo", guests.pk) + undo, follow=True))
    assert those_in(guests) == {one.pk for one in people}
    assert "Nothing was left to undo" in text(client.post(url("undo", guests.pk) + undo, follow=True))


def test_moving_says_how_many_and_can_be_taken_back(client, guests):
    people, vips = ContactFactory.create_batch(3), made("VIPs", kind="static")
    put(guests, *people)
    put(vips, people[0])
    where = url("move", guests.pk) + f"?contact={people[0].pk}&contact={people[1].pk}"
    page = text(client.get(where))
    assert "Move 2 people to another list?" in page and "VIPs" in page
    assert "Choose the list to which they go." in text(client.post(where, {"target": ""}))
    assert "There is no such list any more" in text(client.post(where, {"target": str(guests.pk)}))
    page = text(client.post(where, {"target": str(vips.pk)}, follow=True))
    assert "2 people were moved to “VIPs”." in page
    assert those_in(guests) == {people[2].pk} and those_in(vips) == {people[0].pk, people[1].pk}
    undo = page.partition(url("undo", guests.pk))[2].partition('"')[0].replace("&amp;", "&")
    client.post(url("undo", guests.pk) + undo)
    assert those_in(guests) == {one.pk for one in people} and those_in(vips) == {people[0].pk}


@pytest.mark.parametrize("deed", ["take", "move"])
def test_without_a_choice_nothing_is_asked(client, guests, deed):
    put(guests, ContactFactory())
    assert "Choose somebody first." in text(client.post(url(deed, guests.pk), follow=True))
    assert len(those_in(guests)) == 1


def test_what_somebody_else_did_is_not_taken_back(client, guests):
    one, at = ContactFactory(), clock.now()
    put(guests, one)
    members.remove(guests, [one.pk], at, "hand", User.objects.create_user("other"))
    page = text(client.post(url("undo", guests.pk) + f"?at={at.isoformat().replace('+', '%2B')}", follow=True))
    assert "Nothing was left to undo" in page and those_in(guests) == set()


def test_everybody_is_moved_in_the_background(client, guests, monkeypatch):
    monkeypatch.setattr(moving, "AT_ONCE", 2)
    people, vips = ContactFactory.create_batch(5), made("VIPs", kind="static")
    put(guests, *people)
    where = url("move", guests.pk) + "?all=1"
    assert "Move 5 people" in text(client.get(where))
    assert "in the background" in text(client.post(where, {"target": str(vips.pk)}, follow=True))
    late = ContactFactory()
    put(guests, late)
    engine.run(clock.now())
    assert those_in(guests) == {late.pk} and those_in(vips) == {one.pk for one in people}


def test_a_list_that_is_deleted_meanwhile_ends_the_move(client, guests):
    put(guests, ContactFactory())
    vips = made("VIPs", kind="static")
    client.post(url("move", guests.pk) + "?all=1", {"target": str(vips.pk)})
    defining.delete(vips)
    engine.run(clock.now())
    assert len(those_in(guests)) == 1


# --- all members ---


def test_members_come_a_page_at_a_time_and_are_searched(client, guests, monkeypatch):
    monkeypatch.setattr(member_lists, "A_PAGE", 2)
    people = [ContactFactory(attributes={"first_name": name}) for name in ("Ann", "Bea", "Cia")]
    for one in people:
        put(guests, one)
    first = client.get(url("members", guests.pk))
    assert [str(row.contact) for row in first.context["rows"]] == ["Cia", "Bea"]
    second = client.get(url("members", guests.pk) + "?" + first.context["older"])
    assert [str(row.contact) for row in second.context["rows"]] == ["Ann"] and not second.context["older"]
    found = client.get(url("members", guests.pk), {"q": "bE"})
    assert [str(row.contact) for row in found.context["rows"]] == ["Bea"]
    assert "Nobody in it has a name" in text(client.get(url("members", guests.pk), {"q": "zz"}))


def test_members_say_who_put_them_there(client, guests):
    client.post(url("put", guests.pk), {"people": known("user-1").identities.get().value})
    assert "Put in by hand, by marketer" in text(client.get(url("members", guests.pk)))


def test_an_analyst_sees_members_and_cannot_choose_them(guests):
    put(guests, ContactFactory())
    page = text(browser("Analyst").get(url("members", guests.pk)))
    assert "entered" in page and "Take out" not in page


# --- export ---


def exported(client, segment, **data):
    response = client.post(url("export", segment.pk), data)
    content = b"".join(response.streaming_content).decode("utf-8-sig")
    return response, list(csv.DictReader(io.StringIO(content)))


def test_an_export_is_a_file_that_spreadsheets_do_not_execute(guests, monkeypatch):
    monkeypatch.setattr(exporting, "AT_ONCE", 2)
    evil = known("=cmd|' /C calc'!A0", "eve@example.com", first_name="@SUM(1)", debt=-5, plan={"seats": 3}, vip=True)
    writing.add_tags([evil.pk], ["+1", "new"], clock.now())
    put(guests, evil, *ContactFactory.create_batch(4))
    client = browser("Publisher")
    assert "5 people" in text(client.get(url("export", guests.pk)))
    response, rows = exported(client, guests, attributes="1")
    assert response["Content-Type"].startswith("text/csv") and "guests-" in response["Content-Disposition"]
    assert len(rows) == 5
    (row,) = [row for row in rows if row["email"] == "eve@example.com"]
    assert row["id"] == "'=cmd|' /C calc'!A0" and row["first_name"] == "'@SUM(1)" and row["tags"] == "'+1, new"
    assert (row["debt"], row["plan"], row["vip"], row["because"]) == ("-5", "seats: 3", "yes", "put in by hand")


def test_an_export_is_noted_and_counts_as_a_use(guests):
    put(guests, ContactFactory())
    _, rows = exported(browser("Publisher"), guests)
    guests.refresh_from_db()
    assert guests.used_at and LogEntry.objects.get().change_message == "Exported 1 person as a file."
    assert "debt" not in rows[0]


def test_a_marketer_takes_no_files(guests):
    assert browser("Marketer").post(url("export", guests.pk)).status_code == 403
    assert url("export", guests.pk) not in text(browser("Marketer").get(url("change", guests.pk)))


@pytest.mark.parametrize(
    ("value", "cell"), [(" =1", "' =1"), ("＝1", "'＝1"), (1.5, 1.5), (None, ""), (["a", 1], "a, 1")]
)
def test_a_cell_is_plain(value, cell):
    assert exporting.safe(value) == cell


# --- overlap ---


def test_two_segments_laid_over_each_other(client, guests):
    people, vips = ContactFactory.create_batch(5), made("VIPs", kind="static")
    put(guests, *people[:4])
    put(vips, *people[3:])
    assert overlapping.compare(guests, vips) == Overlap(both=1, only_a=3, only_b=1)
    page = text(client.get(url("overlap", guests.pk), {"with": vips.pk}))
    assert "1 people are in both, 3 only in Guests, 1 only in VIPs" in page
    assert "25 % of “Guests”, 50 % of “VIPs”" in page


@pytest.mark.parametrize(
    ("part", "name", "tree"),
    [
        ("both", "Guests and VIPs", lambda a, b: {"all": [{"segment": a}, {"segment": b}]}),
        ("a", "Guests without VIPs", lambda a, b: {"all": [{"segment": a}, {"not": {"segment": b}}]}),
        ("b", "VIPs without Guests", lambda a, b: {"all": [{"segment": b}, {"not": {"segment": a}}]}),
    ],
)
def test_each_part_of_an_overlap_can_become_a_segment(client, guests, part, name, tree):
    vips = made("VIPs", kind="static")
    form = client.get(url("add"), {"part": part, "a": guests.pk, "b": vips.pk}).context["form"]
    assert (form.initial["name"], form.initial["condition"]) == (name, tree(guests.pk, vips.pk))


@pytest.mark.parametrize("numbers", [(0, 10, 5), (5, 0, 20), (7, 3, 3), (20, 0, 0), (1, 1000, 1), (0, 0, 4)])
def test_the_areas_of_the_circles_are_the_numbers(numbers):
    overlap = Overlap(*numbers)
    drawn = circles(overlap)
    a, b = overlap.both + overlap.only_a, overlap.both + overlap.only_b
    assert drawn.rb**2 * a == pytest.approx(drawn.ra**2 * b, rel=0.02, abs=1)
    per_person = overlapping.LARGEST**2 * 3.14159 / max(a, b)
    shared = lens(drawn.ra, drawn.rb, drawn.xb - drawn.xa) / per_person
    assert shared == pytest.approx(overlap.both, abs=0.02 * max(a, b))
    assert drawn.xa - drawn.ra >= 0 and drawn.xb + drawn.rb <= drawn.width


def test_two_empty_segments_have_no_circles(client, guests):
    vips = made("VIPs", kind="static")
    assert "Nobody is in either of them" in text(client.get(url("overlap", guests.pk), {"with": vips.pk}))


# --- used in campaigns ---


def test_a_campaign_that_names_the_segment_is_a_use_until_it_is_archived(client, guests):
    campaign = CampaignFactory(active=False)
    other = CampaignFactory(active=False)
    campaign.draft["audience"] = {"any": [PRO, {"not": {"segment": guests.pk}}]}
    campaign.save()
    other.draft["audience"] = {"field": "event.segment", "op": "is", "value": str(guests.pk)}
    other.save()
    place = (f"the campaign “{campaign}”", reverse("admin:campaigns_campaign_change", args=[campaign.pk]))
    assert defining.uses(guests) == [place]
    assert "is used, so it stays" in text(client.post(url("delete", guests.pk)))
    Campaign.objects.filter(pk=campaign.pk).update(state="archived")
    assert defining.uses(guests) == []


@pytest.mark.parametrize("several", [False, True])
def test_a_campaign_that_entering_the_segment_starts_is_a_use(guests, several):
    campaign = CampaignFactory(active=False)
    compared = {"op": "any of", "value": [0, guests.pk]} if several else {"op": "is", "value": guests.pk}
    campaign.draft["trigger"] = {
        "event": "segment.entered",
        "filter": {"all": [{"field": "event.segment", **compared}]},
    }
    campaign.save()
    assert [what for what, _ in defining.uses(guests)] == [f"the campaign “{campaign}”"]
    assert f"“{guests}”" in trigger_in_words(Trigger(**campaign.draft["trigger"]))


def test_what_a_live_version_names_counts_though_the_draft_does_not(guests):
    campaign = CampaignFactory()
    document = json.loads(json.dumps(campaign.live.document)) | {"audience": {"segment": guests.pk}}
    type(campaign.live).objects.filter(pk=campaign.live_id).update(document=document)
    assert [what for what, _ in defining.uses(guests)] == [f"the campaign “{campaign}”"]
    assert Segment.objects.filter(pk=guests.pk).exists()
