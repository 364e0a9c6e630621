# ruff: noqa: E501  the tables read best in rows
"""The step “tag”: tags on and off, once, with everything that follows from it."""

import pytest

from automation.advancing import advance
from automation.forms.tag import TagForm
from automation.kinds.tag import TagKind
from automation.models import Enrollment
from campaigns.document import Trigger
from contacts.merging import merge
from contacts.models import Contact, Tag
from events.models import Event
from tests import engine
from tests.automation.flows import flow, happens, queries_to_advance, segment_of, step, ways, words
from tests.factories import NOW

pytestmark = pytest.mark.django_db


def tag(uid="tag", then=None, **config):
    return step(uid, "tag", config, then)


def tags(user="ann"):
    return sorted(Contact.objects.get(identities__value=user).tags.values_list("name", flat=True))


def test_tags_are_put_on_and_taken_off(track):
    flow(tag("on", "off", add=["vip", "trial"]), tag("off", add=["paid"], remove=["trial", "unknown"]))
    track(NOW, "ann", "users.signed_up")
    assert tags() == ["paid", "vip"]
    assert words("on") == ["They got the tag “vip”, “trial”."]
    assert words("off") == ["They got the tag “paid” and lost the tag “trial”, “unknown”."]


def test_a_branch_after_it_knows_and_segments_follow(track):
    segment = segment_of("VIPs", {"field": "contact.tags", "op": "contains", "value": "vip"})
    arms = [{"uid": "yes", "name": "VIP", "condition": {"field": "contact.tags", "op": "contains", "value": "vip"}}]
    flow(tag(then="look", add=["vip"]), step("look", "branch", {"arms": arms}, {"yes": None}))
    track(NOW, "ann", "users.signed_up")
    assert ways("look") == {"ann": "yes"}
    assert segment.memberships.filter(left_at=None).count() == 1


def test_campaigns_that_start_each_other_come_to_an_end(track):
    """Tagged, so in the segment; in the segment, so not tagged; out of it, so tagged …"""
    condition = {"field": "contact.tags", "op": "contains", "value": "vip"}
    segment_of("VIPs", condition)
    for event, deed in (("segment.entered", {"remove": ["vip"]}), ("segment.left", {"add": ["vip"]})):
        again = {"reentry": {"mode": "every_time"}, "triggers": [Trigger(event=event)]}
        flow(tag(**deed), name=event, **again)
    flow(tag(add=["vip"]))
    track(NOW, "ann", "users.signed_up")
    moves = Event.objects.filter(type__in=["segment.entered", "segment.left"]).order_by("hops")
    hops = list(moves.values_list("hops", flat=True))
    assert 3 <= len(hops) <= 10 and hops == sorted(set(hops)) and hops[-1] <= 10
    assert not Enrollment.objects.filter(state=Enrollment.State.ACTIVE).exists()


def test_the_number_of_queries_does_not_grow_with_the_people():
    flow(tag(add=["a", "b"], remove=["c"]))
    queries_to_advance(["first"])
    assert queries_to_advance(["second"]) == queries_to_advance([f"u{number}" for number in range(200)])
    assert Tag.objects.get(name="a").contacts.count() == 202


def test_what_a_contact_became_is_tagged_instead_of_what_it_was(track):
    flow(step("rest", "wait", {"amount": 1, "unit": "days"}, "tag"), tag(add=["vip"]))
    happens(["ann", "ben"])
    engine.run(NOW)
    ann, ben = (Contact.objects.get(identities__value=user).pk for user in ("ann", "ben"))
    merge([(ann, ben)], NOW)
    Enrollment.objects.filter(contact=ben).update(due_at=NOW)  # before its history has moved
    advance(NOW)
    assert tags("ann") == ["vip"] and not Contact.objects.get(pk=ben).tags.exists()


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({}, "Write a tag to put on or to take off."),
        (7, "This step cannot be read; say again which tags."),
        ({"add": "vip"}, "This step cannot be read; say again which tags."),
        ({"add": [5]}, "This step cannot be read; say again which tags."),
        ({"add": [""]}, "“” is no tag: write 1 to 80 characters, without a comma."),
        ({"add": ["x" * 81]}, f"“{'x' * 60}” is no tag: write 1 to 80 characters, without a comma."),
        ({"remove": ["a\x00"]}, "“a\x00” is no tag: write 1 to 80 characters, without a comma."),
        ({"add": ["a"], "remove": ["a"]}, "The tag “a” is put on and taken off by the same step; remove it from one of the two."),
        ({"add": [str(n) for n in range(21)]}, "A step changes at most 20 tags; make a second step of the others."),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_in_one_sentence(config, sentence):
    assert TagKind().problems(config) == [sentence]
    assert TagKind().describe(config)


def test_it_reads_as_a_person_says_it():
    assert TagKind().describe({"add": ["a", "b"], "remove": ["c"]}) == "tag with “a”, “b” and take off the tag “c”"


def test_the_form_takes_tags_separated_by_commas():
    form = TagForm({"s-add": " vip, big spender,,vip ", "s-remove": ""}, prefix="s")
    assert form.is_valid() and form.config() == {"add": ["vip", "big spender"]}
    shown = TagForm(initial=TagForm.initial_from({"add": ["vip", "big spender"], "remove": 5}))
    assert (shown["add"].value(), shown["remove"].value()) == ("vip, big spender", "")
    assert TagForm({"add": " ,", "remove": ""}).errors["__all__"] == ["Write a tag to put on or to take off."]
