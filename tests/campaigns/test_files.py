"""Campaigns as files: the same definition comes back, names instead of numbers, and a sentence for what is wrong."""

import json
import re
from pathlib import Path
from threading import Barrier, Thread

import pytest
from django.db import connection
from django.urls import reverse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from campaigns import applying, canvas_saving, checking, files, lifecycle
from campaigns.document import Document, Goal, Reentry, StepDoc, Trigger, Watch, parse, to_json
from campaigns.files import NotReadable
from campaigns.models import Campaign, EmailTemplate
from campaigns.publishing import Refused
from contacts.models import Topic
from segments import defining
from segments.models import Segment
from tests.campaigns.typing_in import browser, person
from tests.factories import NOW, CampaignFactory, TemplateFactory, UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def tips(db):
    return Topic.objects.create(key="tips", name="Tips")


@pytest.fixture
def pros(db):
    segment = Segment(
        name="Pros: the “best”", kind="dynamic", condition={"field": "contact.plan", "op": "is", "value": "pro"}
    )
    return defining.save(segment, None, NOW)


@pytest.fixture
def hello(db):
    return TemplateFactory(name="Hello: 1 # of them")


def rich(hello, pros, other=None, **more) -> Document:
    engaged = {"message": "clicked", "campaign": other, "op": "≥", "value": 1}
    return Document(
        **{"name": "Welcome", "type": "welcome", "objective": "yes", "topic": "tips", "holdout": 10} | more,
        triggers=[
            Trigger(event="users.signed_up", filter={"field": "event.plan", "op": "is", "value": "007"}),
            Trigger(event="segment.entered", filter={"field": "event.segment", "op": "any of", "value": [pros.pk]}),
        ],
        audience={"all": [{"segment": pros.pk}, {"not": {"field": "contact.tags", "op": "is set"}}]},
        reentry=Reentry(mode="once_per", amount=2, unit="weeks"),
        steps=[
            StepDoc(uid="a", kind="wait", config={"amount": 1.5, "unit": "days"}, next={"done": "b"}),
            StepDoc(
                uid="b",
                kind="email",
                name="on",
                config={"template": hello.pk, "lateness_hours": 24},
                only_if={"any": [{"segment": pros.pk}, *([engaged] if other else [])]},
                next={"sent": "a", "done": "c"},
            ),
            StepDoc(uid="c", kind="leave", next={}),
        ],
    )


def test_a_definition_comes_back_exactly_with_names_for_numbers(tips, pros, hello):
    other = CampaignFactory(template=hello)
    document = rich(hello, pros, other.pk)
    written = files.written("welcome", document)
    back = files.read(written.text)
    assert (back.uid, back.document) == ("welcome", document)
    assert to_json(back.document) == to_json(document)
    assert written.left_out == []
    assert str(hello.pk) not in written.text.split("template:")[1].splitlines()[0]
    for named in ('template: "Hello: 1 # of them"', "template: 'Hello: 1 # of them'"):
        if named in written.text:
            break
    else:
        raise AssertionError(written.text)
    assert other.uid in written.text and "\n# 1. wait " in written.text


def test_the_file_is_in_a_fixed_order_and_says_no_more_than_it_must(hello):
    document = Document(
        name="Welcome",
        triggers=[Trigger(event="users.signed_up")],
        steps=[
            StepDoc(uid="a", kind="wait", config={"amount": 2, "unit": "days"}, next={"done": "b"}),
            StepDoc(uid="b", kind="email", config={"template": hello.pk}, next={"done": None}),
        ],
    )
    assert files.written("w", document).text == files.HEAD + (
        "format: dripline-campaign/1\n"
        "uid: w\n"
        "name: Welcome\n"
        "type: other\n"
        "objective: ''\n"
        "triggers:\n"
        "- {event: users.signed_up}\n"
        "steps:\n"
        "# 1. wait 2 days\n"
        "- uid: a\n"
        "  kind: wait\n"
        "  config: {amount: 2, unit: days}\n"
        "# 2. send “Hello: 1 # of them”\n"
        "- uid: b\n"
        "  kind: email\n"
        "  config: {template: 'Hello: 1 # of them'}\n"
    )


def test_the_same_file_is_the_same_campaign_on_another_site(tips, pros, hello):
    text = files.written("welcome", rich(hello, pros)).text
    names = hello.name, pros.name
    EmailTemplate.objects.all().delete()
    Segment.objects.all().delete()
    hello, pros = TemplateFactory(name=names[0]), Segment(name=names[1], kind="dynamic", condition={})
    pros = defining.save(pros, None, NOW)
    assert files.read(text).document == rich(hello, pros)


def test_a_number_of_the_product_s_own_stays_one(hello):
    """An event of the shop may have a property “segment” that is none of ours."""
    mine = {"field": "event.segment", "op": "is", "value": 999_999}
    document = Document(
        name="X",
        triggers=[Trigger(event="users.signed_up", filter=mine)],
        steps=[StepDoc(uid="a", kind="leave", next={"done": None})],
    )
    assert files.read(files.written("x", document).text).document == document


WORDS = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), min_size=1, max_size=30)
LEAVES = st.builds(lambda value: {"field": "contact.plan", "op": "is", "value": value}, WORDS)
TREES = st.none() | LEAVES | st.lists(LEAVES, min_size=1, max_size=3).map(lambda held: {"all": held})
UIDS = st.uuids().map(lambda one: one.hex[:8])
WATCHES = st.builds(Watch, uid=UIDS, name=WORDS, condition=LEAVES)
GOALS = st.builds(Goal, uid=UIDS, name=WORDS, condition=LEAVES, days=st.integers(1, 90))
STEPS = st.lists(
    st.builds(
        StepDoc,
        uid=UIDS,
        kind=st.just("wait"),
        name=WORDS,
        config=st.builds(lambda amount: {"amount": amount, "unit": "days"}, st.integers(1, 700) | st.floats(0.1, 700)),
        only_if=TREES,
    ),
    min_size=1,
    max_size=5,
    unique_by=lambda step: step.uid,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_whatever_stands_in_a_definition_comes_back(data):
    steps = data.draw(STEPS)
    for step, below in zip(steps, [*steps[1:], None], strict=True):
        usual = {"done": below.uid if below else None}
        step.next = data.draw(st.sampled_from([usual, {}, {"done": None}, {"done": steps[0].uid}]))
    document = Document(
        name=data.draw(WORDS.filter(str.strip)),
        objective=data.draw(WORDS),
        triggers=[Trigger(event="users.signed_up", filter=data.draw(TREES))],
        audience=data.draw(TREES),
        exits=data.draw(st.lists(WATCHES, max_size=2)),
        goals=data.draw(st.lists(GOALS, max_size=2)),
        exit_on_goal=data.draw(st.booleans()),
        keep_matching=data.draw(st.booleans()),
        entry_key=data.draw(st.just("") | st.just("order_id")),
        priority=data.draw(st.sampled_from(["low", "normal", "high"])),
        steps=steps,
    )
    text = files.written("w", document).text
    try:
        back = files.read(text)
    except NotReadable as refused:  # what no draft may be; but never for what the file is
        assert {fault.place for fault in refused.faults} == {"name"} or checking.SAME_UID in str(refused)
        back = None
    assert back is None or back.document == document


GOOD = """
name: Welcome
triggers: [{event: users.signed_up}]
steps:
- {uid: bye, kind: leave}
"""


def test_a_short_file_by_hand_is_enough(db):
    read = files.read(GOOD)
    assert read.uid == ""
    assert read.document == parse(
        {
            "name": "Welcome",
            "triggers": [{"event": "users.signed_up"}],
            "steps": [{"uid": "bye", "kind": "leave", "next": {"done": None}}],
        }
    )


@pytest.mark.parametrize(
    ("edit", "place", "said"),
    [
        (("name: Welcome", "name: [1]"), "name", "must be text, not a list"),
        (("name: Welcome", "name: Welcome\nholdout: many"), "holdout", "must be a whole number, not text"),
        (("name: Welcome", "name: Welcome\nholdout: 90"), "holdout", "0 to 50"),
        (("name: Welcome", "name: Welcome\npriority: highest"), "priority", "not one of the choices"),
        (("name: Welcome", "name: Welcome\nreentry: {mode: often}"), "reentry.mode", "not one of the choices"),
        (("name: Welcome", "name: Welcome\ncolour: red"), "", "“colour” is unknown here"),
        (("name: Welcome", "name: Welcome\nreentry: {often: 1}"), "reentry", "“often” is unknown here"),
        (("name: Welcome", "name: Welcome\ntopic: news"), "topic", "There is no topic “news”"),
        (("name: Welcome", "name: Welcome\nuid: a b"), "uid", "1 to 40 letters"),
        (("name: Welcome", "name: Welcome\nuid: 12"), "uid", "put it into quotes"),
        (("name: Welcome", "name: Welcome\nformat: dripline-campaign/9"), "format", "no campaign of this"),
        (("users.signed_up", "users.vanished"), "triggers[0].event", "There is no event type “users.vanished”"),
        (("{uid: bye, kind: leave}", "{uid: bye, kind: fly}"), "steps[bye].kind", "There is no step kind “fly”"),
        (("{uid: bye, kind: leave}", "{kind: leave}"), "steps[0].uid", "Give each step a uid"),
        (("{uid: bye, kind: leave}", "bye"), "steps[0].uid", "Give each step a uid"),
        (("{uid: bye, kind: leave}", "{uid: bye, kind: leave, onlyif: x}"), "steps[0]", "“onlyif” is unknown here"),
        (
            ("{uid: bye, kind: leave}", "{uid: m, kind: email, config: {template: Gone}}"),
            "steps[m].config.template",
            "There is no e-mail template “Gone”",
        ),
        (
            ("{uid: bye, kind: leave}", "{uid: m, kind: email, config: {template: 3}}"),
            "steps[m].config.template",
            "numbers are others on every site",
        ),
        (
            ("{uid: bye, kind: leave}", "{uid: bye, kind: leave, only_if: {segment: Gone}}"),
            "steps[bye].only_if.segment",
            "There is no segment “Gone”",
        ),
        (("name: Welcome", "name: Welcome\naudience: {segment: [1, {a: 2}]}"), "audience.segment", "Name the segment"),
        (
            ("{uid: bye, kind: leave}", "{uid: bye, kind: leave, next: {done: nowhere}}"),
            "steps[bye].next",
            "leads to a step “nowhere”",
        ),
        (("steps:\n- {uid: bye, kind: leave}", "steps: 7"), "steps", "must be a list"),
        (("triggers: [{event: users.signed_up}]", "triggers: 7"), "triggers", "must be a list"),
        (("- {uid: bye, kind: leave}", "- &a {uid: bye, kind: leave}\n- *a"), "", "anchors and aliases"),
        (("name: Welcome", 'name: "a\\0b"'), "", "NUL"),
    ],
)
def test_what_is_wrong_is_told_in_a_sentence_at_its_place(edit, place, said, db):
    assert edit[0] in GOOD
    faults = wrong(GOOD.replace(*edit))
    found = {fault.place: fault.sentence for fault in faults}
    assert place in found and said in found[place], found
    assert all("\n" not in fault.sentence and "`" not in fault.sentence for fault in faults)


def wrong(text):
    """What is told of a file: because of which it is refused, else what its draft has still to be put right."""
    try:
        return files.read(text).unready
    except NotReadable as refused:
        return refused.faults


UNFINISHED = [
    ("name: Welcome", "name: Welcome\nholdout: 90"), ("name: Welcome", "name: Welcome\ntopic: news"),
    ("users.signed_up", "users.vanished"), ("{uid: bye, kind: leave}", "{uid: bye, kind: fly}"),
    ("{uid: bye, kind: leave}", "{uid: bye, kind: leave, next: {done: nowhere}}"),
    ("{uid: bye, kind: leave}", "{uid: bye, kind: wait, config: {amount: -1}}"),
    ("\n- {uid: bye, kind: leave}", " []"), ("triggers: [{event: users.signed_up}]", "triggers: []"),
]  # fmt: skip


@pytest.mark.parametrize("edit", UNFINISHED, ids=lambda edit: edit[1][-20:])
def test_an_unfinished_file_becomes_a_draft_that_says_what_is_to_be_put_right(edit, db):
    read = files.read("uid: bye\n" + GOOD.replace(*edit))
    assert read.unready
    made = applying.apply(read, person("Marketer"), NOW)
    assert (made.uid, made.state) == ("bye", "draft") and parse(made.draft) == read.document
    assert files.read(files.export(made).text) == read
    page = browser("Marketer").get(reverse("admin:campaigns_campaign_canvas", args=[made.pk]))
    assert page.status_code == 200


@pytest.mark.parametrize(
    "edit",
    [("name: Welcome", "name: ''"), ("- {uid: bye, kind: leave}", "- {uid: a, kind: leave}\n- {uid: a, kind: leave}")],
)
def test_what_no_draft_may_be_is_refused(edit, db):
    with pytest.raises(NotReadable):
        files.read(GOOD.replace(*edit))


@pytest.mark.parametrize("raw", [b"", b"[]", b"7", b"hello", b"a: 1", json.dumps([[]] * 50).encode(), b"\x00", b"{}"])
def test_anything_else_is_no_campaign(raw, db):
    with pytest.raises(NotReadable):
        files.read(raw)


def test_every_missing_reference_is_told_at_once(db):
    text = GOOD.replace(
        "{uid: bye, kind: leave}", "{uid: m, kind: email, config: {template: A}, only_if: {segment: B}}"
    )
    with pytest.raises(NotReadable) as refused:
        files.read(text)
    assert [fault.place for fault in refused.value.faults] == ["steps[m].config.template", "steps[m].only_if.segment"]


def test_what_was_deleted_is_left_out_and_said(hello):
    document = Document(name="X", steps=[StepDoc(uid="m", kind="email", config={"template": hello.pk})])
    hello.delete()
    written = files.written("x", document)
    assert "# Left out: steps[m].config.template: The e-mail template" in written.text
    assert [fault.place for fault in written.left_out] == ["steps[m].config.template"]


def test_names_never_break_out_of_a_comment(db):
    evil = TemplateFactory(name="x\nuid: evil\u2028a: b\x85- c")
    document = Document(
        name="X",
        triggers=[Trigger(event="users.signed_up")],
        steps=[StepDoc(uid="m", kind="email", config={"template": evil.pk}, next={"done": None})],
    )
    assert files.read(files.written("x", document).text).document == document


# --- applying ---


def test_a_file_makes_a_draft_and_then_updates_it(hello):
    user = UserFactory()
    made = applying.apply(files.read("uid: bye-bye\n" + GOOD), user, NOW)
    assert (made.uid, made.state, made.name, made.revision) == ("bye-bye", "draft", "Welcome", 1)
    again = applying.apply(files.read("uid: bye-bye\n" + GOOD), user, NOW)
    assert (again.pk, again.revision) == (made.pk, 1), "nothing changes, nothing is written"
    edited = files.read("uid: bye-bye\n" + GOOD.replace("Welcome", "Hello"))
    change = applying.change(edited)
    assert change.in_words() == [("Name", "Welcome", "Hello")]
    assert "-name: Welcome\n+name: Hello" in change.in_text()
    assert applying.apply(edited, user, NOW).revision == 2
    assert Campaign.objects.get(pk=made.pk).name == "Hello"


@pytest.mark.django_db(transaction=True)
def test_two_who_make_the_same_campaign_at_once_make_one():
    text, user, gate, came = "uid: 0000abcd\n" + GOOD, UserFactory(), Barrier(2), list[str]()
    ways = {"file": lambda: applying.apply(files.read(text), user, NOW),
            "canvas": lambda: canvas_saving.made(user, Document(name="Drawn"), "1111abcd")}  # fmt: skip

    def make(way):
        try:
            gate.wait()
            came.append(ways[way]().uid)
        except Refused as refused:
            came.append(str(refused))
        finally:
            connection.close()

    for way in ways:
        threads = [Thread(target=make, args=[way]) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert Campaign.objects.filter(uid__in=["0000abcd", "1111abcd"]).count() == 2
    assert len(came) == 4 and came[2:] == ["1111abcd"] * 2, "each is answered"


def test_without_a_uid_the_name_tells_which_campaign(hello):
    there = CampaignFactory(name="Welcome", template=hello)
    assert applying.change(files.read(GOOD)).campaign == there
    CampaignFactory(name="Welcome", template=hello)
    with pytest.raises(NotReadable, match="Several campaigns are called “Welcome”"):
        applying.change(files.read(GOOD))


def test_an_archived_campaign_is_left_alone(hello):
    there, user = CampaignFactory(template=hello), UserFactory()
    lifecycle.archive(there, user, NOW)
    with pytest.raises(applying.Refused, match="is archived"):
        applying.apply(files.read(f"uid: '{there.uid}'\n{GOOD}"), user, NOW)


def test_a_draft_that_somebody_saved_meanwhile_is_not_overwritten(hello):
    there, user = CampaignFactory(template=hello), UserFactory()
    lifecycle.save_draft(there, parse(there.draft), there.revision, user, NOW)
    with pytest.raises(lifecycle.Conflict):
        applying.apply(files.read(f"uid: '{there.uid}'\n{GOOD}"), user, NOW, revision=there.revision)


def test_the_number_of_queries_does_not_grow_with_the_steps(hello, pros, django_assert_num_queries):
    def queries(steps: int) -> int:
        from django.db import connection
        from django.test.utils import CaptureQueriesContext

        rows = [{"uid": f"s{n}", "kind": "leave", "only_if": {"segment": pros.name}} for n in range(steps)]
        text = json.dumps({"name": "X", "triggers": [{"event": "users.signed_up"}], "steps": rows})
        with CaptureQueriesContext(
            connection,
        ) as found:
            files.ToNumbers().translated(json.loads(text), "")
        return len(found)

    assert queries(1) == queries(50) == 1


def test_the_example_of_the_documentation_is_a_campaign(tips):
    page = (Path(__file__).parents[2] / "docs" / "campaign-files.md").read_text()
    example = re.search(r"^```yaml\n(.*?)^```", page, re.DOTALL | re.MULTILINE)[1]
    for name in ("Hello", "Getting started"):
        TemplateFactory(name=name)
    defining.save(Segment(name="Professionals", kind="static"), None, NOW)
    read = files.read(example)
    assert read.uid == "welcome" and [step.uid for step in read.document.steps] == ["hello", "two-days", "more"]
    assert files.read(files.written(read.uid, read.document).text) == read
