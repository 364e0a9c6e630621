"""Conditions that nobody can match: what is plainly so is found, and nothing else; the database agrees."""

import pytest

from campaigns.canvas import drawing
from campaigns.document import parse
from campaigns.never import contradiction, covered
from contacts.models import Contact
from lib import clock
from segments import conditions
from tests.factories import ContactFactory


def leaf(op, value=None, field="contact.plan"):
    return {"field": field, "op": op} | ({} if value is None else {"value": value})


NEVER = [
    {"all": [leaf("is", "pro"), leaf("is", "free")]},
    {"all": [leaf("is", "pro"), leaf("is not", "PRO")]},
    {"all": [leaf("is", "pro"), leaf("is not set")]},
    {"all": [leaf(">", 5), leaf("<", 5)]},
    {"all": [leaf("≥", 5), leaf("<", 5)]},
    {"all": [leaf("is", "pro"), {"all": [leaf("is", "free"), leaf("is set", field="contact.x")]}]},
    {"any": [{"all": [leaf("is", "pro"), leaf("is", "free")]}]},
    {"all": [leaf("contains", "a"), {"not": leaf("contains", "a")}]},
]
PERHAPS = [
    None, {}, [], 5, {"all": []}, {"any": []}, {"all": 5},
    leaf("is", "pro"),
    {"any": [leaf("is", "pro"), leaf("is", "free")]},
    {"all": [leaf("is", "pro"), leaf("is", "free", field="contact.other")]},
    {"all": [leaf("≥", 5), leaf("≤", 5)]},
    {"all": [leaf(">", 5), leaf("<", 9)]},
    {"all": [leaf("is", "1"), leaf("is", 1)]},
    {"all": [leaf("is not", "pro"), leaf("is not set")]},
    {"not": {"all": [leaf("is", "pro"), leaf("is", "free")]}},
]  # fmt: skip


@pytest.mark.parametrize("tree", NEVER)
def test_what_excludes_itself_is_found(tree):
    assert contradiction(tree)


@pytest.mark.parametrize("tree", PERHAPS)
def test_what_somebody_may_match_is_not(tree):
    assert not contradiction(tree)


@pytest.mark.django_db
def test_the_database_finds_nobody_either():
    for plan in ("pro", "free", "PRO", "5", 5, 4, 6, "", None, "a"):
        ContactFactory(attributes={} if plan is None else {"plan": plan})
    for tree in NEVER:
        assert not conditions.matching(Contact.objects.all(), tree, clock.now()).exists(), tree


def test_a_way_that_asks_what_one_above_it_asks_is_covered():
    assert covered([leaf("is", "a"), None, leaf("is", "b"), leaf("is", "a"), None]) == [3]


@pytest.mark.django_db
def test_the_canvas_marks_the_step():
    same = {"all": [leaf("is", "pro"), leaf("is", "free")]}
    arms = [{"uid": "a", "name": "Both", "condition": same}, {"uid": "b", "name": "Again", "condition": same}]
    step = {"uid": "s", "kind": "branch", "config": {"arms": arms}, "only_if": same, "next": {}}
    notes = drawing(parse({"name": "Never", "steps": [step]}))["steps"]["s"]["notes"]
    assert [sentence.partition(":")[0] for sentence in notes] == [
        "Nobody can match its “only if”", "The way “Both” can never match", "The way “Again” can never match",
        "The way “Again” can never match",
    ]  # fmt: skip
