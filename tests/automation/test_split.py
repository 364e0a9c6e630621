# ruff: noqa: E501  the tables read best in rows
"""The step “random split”: shares by chance, kept for ever."""

from collections import Counter

import pytest

from automation.forms.split import SplitForm
from automation.kinds.split import SplitKind
from automation.models import Assignment
from campaigns.checking import OWN_UID, problems
from campaigns.document import Document, StepDoc
from contacts.merging import merge
from contacts.models import Contact
from tests import engine
from tests.automation.flows import changed, flow, happens, mail, queries_to_advance, step, ways, words
from tests.factories import NOW

pytestmark = pytest.mark.django_db
MANY = [f"u{number}" for number in range(200)]


def split(*shares, then=None, **more):
    arms = [{"uid": uid, "name": uid.upper(), "percent": percent} for uid, percent in shares]
    return step("chance", "split", {"arms": arms}, then or {uid: None for uid, _ in shares}, **more)


def enter(users=MANY):
    happens(users)
    engine.run(NOW)


def test_people_are_sent_different_ways_in_about_the_shares_that_were_asked_for():
    flow(split(("a", 70), ("b", 30)))
    enter()
    counts = Counter(ways("chance").values())
    assert set(counts) == {"a", "b"} and 110 <= counts["a"] <= 170
    assert Assignment.objects.filter(name="chance").count() == 200


def test_each_way_has_its_mail(track, inbox):
    flow(split(("a", 50), ("b", 50), then={"a": "short", "b": "long"}), mail("short"), mail("long"))
    for user in MANY[:8]:
        track(NOW, user, "users.signed_up", traits={"email": f"{user}@example.com"})
    got = {one.recipient.partition("@")[0]: one.message["Subject"] for one in inbox.accepted}
    assert got == {user: {"a": "short", "b": "long"}[arm] for user, arm in ways("chance").items()}
    assert set(got.values()) == {"short", "long"}


def test_changed_shares_move_nobody():
    again = {"reentry": {"mode": "every_time"}}
    campaign = flow(split(("a", 100), ("b", 0)), **again)
    enter(MANY[:50])
    changed(campaign, split(("a", 0), ("b", 100)))
    enter(MANY[:51])
    rows = Assignment.objects.filter(name="chance")
    assert Counter(rows.values_list("arm", flat=True)) == {"a": 50, "b": 1}
    assert words("chance")[-1] != words("chance")[0] == "Goes the way “A”, by chance (100 %)."
    assert words("chance").count("Goes the way “A”, as it was given earlier.") == 50


def test_whose_way_was_removed_gets_another_one_and_keeps_that():
    campaign = flow(split(("a", 100), ("b", 0)), reentry={"mode": "every_time"})
    enter(["ann"])
    changed(campaign, split(("c", 100), ("b", 0)))
    enter(["ann"])
    assert Assignment.objects.get(name="chance").arm == "c"
    assert words("chance") == ["Goes the way “A”, by chance (100 %).", "Goes the way “C”, by chance (100 %)."]


def test_after_a_merge_the_way_of_the_contact_that_stays_holds():
    campaign = flow(split(("a", 100), ("b", 0)), reentry={"mode": "every_time"})
    enter(["ann"])
    changed(campaign, split(("a", 0), ("b", 100)))
    enter(["ben"])
    ann, ben = (Contact.objects.get(identities__value=user).pk for user in ("ann", "ben"))
    merge([(ann, ben)], NOW)
    engine.run(NOW)
    enter(["ben"])
    assert Assignment.objects.get(name="chance").arm == "a"
    assert words("chance")[-1] == "Goes the way “A”, as it was given earlier."


def test_two_splits_are_two_choices():
    first = split(("a", 50), ("b", 50), then={"a": "second", "b": "second"})
    arms = [{"uid": uid, "name": uid, "percent": 50} for uid in "xy"]
    flow(first, step("second", "split", {"arms": arms}, {"x": None, "y": None}))
    enter()
    both = Counter(zip(ways("chance").values(), ways("second").values(), strict=True))
    assert len(both) == 4 and min(both.values()) > 20


def test_the_number_of_queries_does_not_grow_with_the_people():
    flow(split(("a", 50), ("b", 50)))
    assert queries_to_advance(["first"]) == queries_to_advance(MANY)


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({}, "Add a way: there must be at least 2."),
        (None, "This step cannot be read; give each way a name and a whole number of percent."),
        ({"arms": {}}, "This step cannot be read; give each way a name and a whole number of percent."),
        ({"arms": [("a", "half"), ("b", 50)]}, "This step cannot be read; give each way a name and a whole number of percent."),
        ({"arms": [("a", float("nan")), ("b", 50)]}, "This step cannot be read; give each way a name and a whole number of percent."),
        ({"arms": [("a", True), ("b", 99)]}, "This step cannot be read; give each way a name and a whole number of percent."),
        ({"arms": [("a", 50), ("b", 49)]}, "The shares come to 99 %; make them 100."),
        ({"arms": [("a", 10**30), ("b", 1)]}, "A share is a whole number from 0 to 100."),
        ({"arms": [("a", -1), ("b", 101)]}, "A share is a whole number from 0 to 100."),
        ({"arms": [("a", 50), ("a", 50)]}, "Two ways are called “a”; give one another name."),
        ({"arms": [(f"w{n}", 10 if n < 10 else 0) for n in range(11)]}, "There are at most 10 ways; join some of them."),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_in_a_sentence(config, sentence):
    if config and isinstance(config["arms"], list):
        config = {"arms": [{"uid": uid, "name": uid, "percent": percent} for uid, percent in config["arms"]]}
    assert SplitKind().problems(config)[0] == sentence
    assert SplitKind().describe(config)


def test_it_reads_as_a_person_says_it():
    config = split(("a", 70), ("b", 30)).config
    assert SplitKind().problems(config) == []
    assert SplitKind().describe(config) == "split at random: 70 % “A”, 30 % “B”"
    assert [(arm.key, arm.label) for arm in SplitKind().arms(config)] == [("a", "A (70 %)"), ("b", "B (30 %)")]


def posted(*shares):
    data = {"s-arms-TOTAL_FORMS": len(shares), "s-arms-INITIAL_FORMS": 0}
    for number, (name, percent) in enumerate(shares):
        data |= {f"s-arms-{number}-name": name, f"s-arms-{number}-percent": percent}
    return SplitForm(data, prefix="s")


def test_the_form_begins_with_halves_and_gives_back_what_was_typed():
    shown = SplitForm(initial=SplitForm.initial_from({}), prefix="s")
    assert [(row["name"].value(), row["percent"].value()) for row in shown.rows] == [("A", 50), ("B", 50)]
    form = posted(("Short mail", 80), ("Long mail", 20))
    assert form.is_valid(), form.errors
    assert form.config() == {
        "arms": [
            {"uid": "short-mail", "name": "Short mail", "percent": 80},
            {"uid": "long-mail", "name": "Long mail", "percent": 20},
        ]
    }


@pytest.mark.parametrize(
    ("shares", "sentence"),
    [
        ([("A", 50), ("B", 40)], "The shares come to 90 %; make them 100."),
        ([("A", 100)], "Add a way: a split has at least two."),
        ([("A", "half"), ("B", 50)], "Something is wrong in one of the ways below."),
    ],
)
def test_the_form_says_what_is_wrong(shares, sentence):
    form = posted(*shares)
    assert not form.is_valid() and form.non_field_errors() == [sentence]


def test_a_split_is_not_called_as_what_holds_people_out():
    """Their choices by chance would be the same."""
    document = Document(name="x", steps=[StepDoc(uid="holdout", kind="split", config={"arms": []})])
    assert OWN_UID in [problem.sentence for problem in problems(document)]
