"""The way that somebody took, on the flow: which steps and ways are marked, with which numbers, and where they are."""

from datetime import timedelta

import pytest

from automation import by_hand, requesting
from automation.entering import enter_contacts
from automation.models import Enrollment
from automation.way_taken import WayTaken
from campaigns import lifecycle
from campaigns.document import Trigger
from events import pipeline
from ops.models import Source
from tests import engine
from tests.automation.flows import changed, flow, happens, mail, step, wait
from tests.factories import NOW, ContactFactory, UserFactory

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
PRO = {"field": "contact.plan", "op": "is", "value": "pro"}


def way(row=None) -> WayTaken:
    row = row or Enrollment.objects.select_related("contact", "version", "campaign").get()
    return WayTaken(row, list(row.visits.select_related("version").order_by("pk")))


def numbers(found: WayTaken) -> dict[str, list[int]]:
    return {marked.card.uid: marked.numbers for marked in found.cards if marked.card.uid}


def ways(found: WayTaken) -> set[tuple[str, str | None, str]]:
    return {(marked.line.source, marked.line.target, marked.all_numbers) for marked in found.lines if marked.numbers}


def test_who_took_one_way_of_a_branch_has_the_other_one_pale():
    arms = {"arms": [{"uid": "pro", "name": "Pro", "condition": PRO}]}
    flow(step("which", "branch", arms, {"pro": "a", "else": "b"}), wait("a", 1, "end"), wait("b", 2, "end"),
         wait("end", 3))  # fmt: skip
    happens(["ann"])
    engine.run(NOW)
    found = way()
    assert numbers(found) == {"which": [1], "a": [], "b": [2], "end": []}
    assert ways(found) == {("", "which", "1"), ("which", "b", "2")}
    assert [marked.card.uid for marked in found.cards if marked.here] == ["b"]
    assert found.not_visited == ["Wait 1 day", "Wait 3 days"]
    engine.run(NOW + 9 * DAY)
    assert way().stops[-1].title != "The end"
    engine.run(NOW + 20 * DAY)
    found = way()
    assert ("end", None, "4") in ways(found) and ("b", "end", "3") in ways(found)
    assert [stop.title for stop in found.stops] == ["Entry", "Branch", "Wait", "Wait", "The end"]
    assert not any(marked.here for marked in found.cards)


def test_a_step_that_was_passed_often_bears_each_number():
    often = {"arms": [{"uid": "no", "name": "Not yet", "condition": {"not": PRO}}]}
    flow(wait("a", 1, "which"), step("which", "branch", often, {"no": "a", "else": None}))
    happens(["ann"])
    for days in range(5):
        engine.run(NOW + days * DAY)
    found = way()
    assert numbers(found) == {"a": [1, 3, 5, 7, 9], "which": [2, 4, 6, 8]}
    badges = {marked.card.uid: marked.badge for marked in found.cards}
    assert badges["a"] == "… 5 · 7 · 9"
    assert ("which", "a", "3 5 7 9") in ways(found)


def test_a_step_of_an_earlier_version_is_told_but_not_drawn():
    campaign = flow(wait("old", 1, "b"), wait("b", 5))
    happens(["ann"])
    engine.run(NOW)
    engine.run(NOW + DAY)
    changed(campaign, wait("new", 1, "b"), wait("b", 5))
    found = way()
    assert numbers(found) == {"new": [], "b": [2]}
    assert [(stop.uid, stop.place is None) for stop in found.taken] == [("old", True), ("b", False)]
    assert ways(found) == set(), "no way of this picture led to where they are"


def test_the_entry_says_what_let_them_in(track):
    by_both = flow(wait("rest", 1), name="Other", triggers=[Trigger(kind="campaign"), Trigger(kind="api")])
    by_call = flow(wait("rest", 1), name="Sent", triggers=[Trigger(kind="api")])
    flow(step("go", "start", {"campaign": by_both.pk}, "rest"), wait("rest", 2))
    track(NOW, "ann", "users.signed_up")
    bob, cy = ContactFactory(), ContactFactory()
    shop = Source.objects.create(name="The till")
    requesting.ask(by_both, bob.pk, shop, NOW)
    for campaign in (by_both, by_call):
        enter_contacts(campaign.pk, [cy.pk], NOW, "api", what="call")

    def entry(**whose):
        return way(Enrollment.objects.select_related("contact", "version", "campaign").get(**whose)).stops[0].words

    assert entry(campaign__name="Flow").endswith("and so they entered.")
    assert entry(campaign=by_both, hops=1) == "The campaign “Flow” let them in."
    assert entry(contact=bob) == "Your own software let them in (The till)."
    assert entry(campaign=by_call) == "They entered by “When your own software sends somebody here”."
    assert entry(campaign=by_both, contact=cy) == "They entered.", "which of two it was is not written down"


def test_who_was_moved_by_hand_took_no_way_of_the_picture():
    flow(wait("a", 1, "b"), wait("b", 1, "c"), wait("c", 1))
    happens(["ann"])
    engine.run(NOW)
    by_hand.move(Enrollment.objects.get(), "c", UserFactory(), NOW)
    found = way()
    assert [marked.card.uid for marked in found.cards if marked.here] == ["c"], "due, though nothing was decided yet"
    engine.run(NOW)
    found = way()
    assert numbers(found) == {"a": [1], "b": [], "c": [2]} and ways(found) == {("", "a", "1")}


def test_who_is_about_to_take_the_first_step_stands_there():
    flow(mail("a"))
    happens(["ann"])
    while pipeline.drain(NOW):
        pass
    found = way()
    assert ways(found) == {("", "a", "1")} and [one.card.uid for one in found.cards if one.here] == ["a"]
    assert [stop.title for stop in found.stops] == ["Entry"]


def test_who_is_held_out_walked_nowhere():
    campaign = flow(wait("a", 1), holdout=50)
    happens([f"u{n}" for n in range(12)])
    engine.run(NOW)
    held = Enrollment.objects.filter(arm="holdout").select_related("contact", "version", "campaign").first()
    assert held and campaign
    found = way(held)
    assert ways(found) == set() and not any(marked.here for marked in found.cards)
    assert "Held out by chance" in found.stops[-1].words


def test_times_are_those_of_the_person_and_a_zone_that_is_none_is_said():
    flow(wait("a", 1))
    happens(["ann"])
    engine.run(NOW)
    row = Enrollment.objects.select_related("contact", "version", "campaign").get()
    row.contact.timezone = "Australia/Lord_Howe"
    assert way(row).stops[0].came == "Mon 2 Mar 2026, 20:00:00"
    row.contact.timezone = "Mars/Olympus"
    found = way(row)
    assert "“Mars/Olympus” is no time zone" in found.where and found.stops[0].came == "Mon 2 Mar 2026, 09:00:00"


def test_only_the_end_of_a_very_long_way_is_told_with_its_numbers():
    flow(wait("a", 1, "b"), wait("b", 9))
    happens(["ann"])
    engine.run(NOW)
    engine.run(NOW + DAY)
    row = Enrollment.objects.select_related("contact", "version", "campaign").get()
    found = WayTaken(row, list(row.visits.select_related("version").order_by("pk"))[1:], before=1)
    assert [stop.number for stop in found.stops] == [0, 2] and numbers(found) == {"a": [], "b": [2]}
    assert ways(found) == set()


def test_a_campaign_that_ended_is_still_drawn():
    campaign = flow(wait("a", 1))
    happens(["ann"])
    engine.run(NOW)
    lifecycle.archive(campaign, None, NOW)
    found = way()
    assert found.stops[-1].title == "Left early" and numbers(found) == {"a": [1]}


def test_who_skipped_a_step_sees_the_values_by_which_it_was_decided():
    flow(step("a", "wait", {"amount": 1, "unit": "days"}, "b", only_if=PRO), wait("b", 5))
    happens(["ann"])
    engine.run(NOW)
    skipped = way().taken[0]
    assert skipped.words.startswith("Skipped: it is done only if") and skipped.saw == [("Their plan", "empty")]
