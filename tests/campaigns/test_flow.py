"""The picture of a flow, and what can be done to one: every step once, no overlap, nobody lost."""

from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns import linear
from campaigns.document import Document, StepDoc
from campaigns.flow import ENTRY, Flow
from campaigns.flow_edits import CannotBeDone, Deed, do
from campaigns.flow_picture import CARD_HEIGHT, CARD_WIDTH, Picture

SHAPES = {
    "nothing": {},
    "one step": {"a": {"done": None}},
    "a list": {"a": {"done": "b"}, "b": {"done": "c"}, "c": {"done": None}},
    "arms that end": {"a": {"yes": "b", "done": "c"}, "b": {"done": None}, "c": {"done": None}},
    "arms that join": {"a": {"yes": "b", "done": "c"}, "b": {"done": "d"}, "c": {"done": "d"}, "d": {"done": None}},
    "an arm without steps": {"a": {"yes": "b", "done": "d"}, "b": {"done": "d"}, "d": {"done": None}},
    "two joins": {
        "a": {"one": "b", "two": "c", "done": "d"},
        "b": {"done": "e"},
        "c": {"done": "f"},
        "d": {"done": "e"},
        "e": {"done": "f"},
        "f": {"done": None},
    },
    "a step that leads to two joins": {
        "a": {"x": "b", "done": "c"},
        "b": {"x": "j", "y": "k", "done": "j"},
        "c": {"done": "j"},
        "j": {"done": "k"},
        "k": {"done": None},
    },
    "a way back": {"a": {"done": "b"}, "b": {"again": "a", "done": "c"}, "c": {"done": None}},
    "a way into itself": {"a": {"again": "a", "done": None}},
    "two ways into a circle": {"a": {"x": "b", "done": "c"}, "b": {"done": "c"}, "c": {"x": "b", "done": None}},
    "a step that nobody reaches": {"a": {"done": None}, "z": {"done": "a"}},
    "a way to nowhere": {"a": {"done": "gone"}},
}


def drawn_as(shape: dict) -> Document:
    return Document(name="Flow", steps=[StepDoc(uid=uid, kind="email", next=next_) for uid, next_ in shape.items()])


def shape_of(document: Document) -> dict:
    return {step.uid: step.next for step in document.steps}


@st.composite
def flows(draw) -> Document:
    """Any flow, also with circles, joins, and steps that nobody reaches."""
    uids = [f"s{number}" for number in range(draw(st.integers(0, 9)))]
    target = st.sampled_from([None, *uids])
    arms = st.dictionaries(st.sampled_from(["x", "y", "z"]), target, max_size=3)
    return drawn_as({uid: {**draw(arms), "done": draw(target)} for uid in uids})


def check_picture(document: Document) -> None:
    flow = Flow(document)
    drawn = Picture(flow).drawn()
    assert set(drawn["cards"]) == {ENTRY, *(step.uid for step in document.steps)}
    for (_, one), (_, other) in combinations(drawn["cards"].items(), 2):
        apart = abs(one["x"] - other["x"]) >= CARD_WIDTH or abs(one["y"] - other["y"]) >= CARD_HEIGHT
        assert apart, "two cards overlap"
    ways = {(way.source, way.arm, way.target) for ways in flow.ways.values() for way in ways}
    assert sorted(map(str, ways)) == sorted(str((line["from"], line["arm"], line["to"])) for line in drawn["lines"])
    pluses = [(line["plus"]["x"], line["plus"]["y"]) for line in drawn["lines"]]
    pluses += [(join["x"], join["y"]) for join in drawn["joins"]]
    assert len(pluses) == len(set(pluses)), "two “+” stand on each other"
    for line in drawn["lines"]:
        check_line(line, drawn)


def check_line(line: dict, drawn: dict) -> None:
    for (x, y), (next_x, next_y) in zip(line["points"], line["points"][1:], strict=False):
        assert x == next_x or y == next_y, "lines run straight"
        for uid, card in drawn["cards"].items():
            inside_x = max(x, next_x) > card["x"] and min(x, next_x) < card["x"] + CARD_WIDTH
            inside_y = max(y, next_y) > card["y"] and min(y, next_y) < card["y"] + CARD_HEIGHT
            assert not (inside_x and inside_y), f"the way from {line['from']} by {line['arm']} runs over {uid}"
    for x, y in line["points"]:
        assert 0 <= x <= drawn["width"] and 0 <= y <= drawn["height"]
    if line["what"] in ("step", "back"):
        card = drawn["cards"][line["to"]]
        assert line["points"][-1] == [card["x"] + CARD_WIDTH // 2, card["y"]]


@pytest.mark.parametrize("name", SHAPES)
def test_a_flow_is_drawn_without_overlaps_and_whole(name):
    check_picture(drawn_as(SHAPES[name]))


@given(flows())
@settings(max_examples=150, deadline=None)
def test_any_flow_is_drawn_without_overlaps_and_whole(document):
    check_picture(document)


def test_what_joins_stands_below_all_that_leads_to_it_and_arms_beside_each_other():
    cards = Picture(Flow(drawn_as(SHAPES["arms that join"]))).drawn()["cards"]
    assert cards["b"]["y"] == cards["c"]["y"] and cards["b"]["x"] < cards["c"]["x"]
    assert cards["d"]["y"] > cards["b"]["y"] and cards["d"]["x"] == cards["a"]["x"]


def test_a_way_back_is_drawn_back_and_the_rest_as_if_it_were_not_there():
    drawn = Picture(Flow(drawn_as(SHAPES["a way back"]))).drawn()
    (back,) = [line for line in drawn["lines"] if line["what"] == "back"]
    assert back["to"] == "a" and max(x for x, _ in back["points"]) > max(c["x"] for c in drawn["cards"].values())


def test_a_hundred_steps_are_drawn():
    uids = [f"s{number}" for number in range(100)]
    chain = {uid: {"done": follower} for uid, follower in zip(uids, [*uids[1:], None], strict=True)}
    check_picture(drawn_as(chain))


# --- what can be done ---


def ended(document: Document, **deed) -> Document:
    return do(document, Deed(**deed))[0]


def test_a_new_step_stands_on_the_way_and_leads_on():
    after = ended(drawn_as(SHAPES["a list"]), do="insert", kind="wait", at={"from": "a", "arm": "done"})
    new = after.steps[1]
    assert new.kind == "wait" and new.next == {"done": "b"} and after.steps[0].next == {"done": new.uid}
    assert linear.rows(after) is None  # it waits for nothing yet
    assert [step.uid for step in after.steps] == ["a", new.uid, "b", "c"]


def test_a_new_first_step_is_where_people_begin():
    after = ended(drawn_as(SHAPES["a list"]), do="insert", kind="wait", at={"from": "", "arm": "done"})
    assert after.steps[0].kind == "wait" and after.steps[0].next == {"done": "a"}


def test_in_front_of_a_join_means_for_all_who_get_there():
    after = ended(drawn_as(SHAPES["arms that join"]), do="insert", kind="wait", at={"into": "d"})
    (new,) = {step.uid for step in after.steps} - set("abcd")
    assert shape_of(after)["b"] == shape_of(after)["c"] == {"done": new} and shape_of(after)[new] == {"done": "d"}


def test_a_removed_step_leaves_what_led_to_it_at_what_follows():
    assert shape_of(ended(drawn_as(SHAPES["a list"]), do="remove", uid="b")) == {
        "a": {"done": "c"},
        "c": {"done": None},
    }
    assert list(shape_of(ended(drawn_as(SHAPES["a list"]), do="remove", uid="a"))) == ["b", "c"]


def test_of_a_removed_branch_one_arm_is_kept_or_none():
    joined = drawn_as(SHAPES["arms that join"])
    assert shape_of(ended(joined, do="remove", uid="a", keep="yes")) == {"b": {"done": "d"}, "d": {"done": None}}
    assert shape_of(ended(joined, do="remove", uid="a")) == {"d": {"done": None}}
    assert shape_of(ended(drawn_as(SHAPES["arms that end"]), do="remove", uid="a")) == {}


def test_a_branch_moves_with_its_arms_up_to_where_they_meet():
    shape = {**SHAPES["arms that join"], "d": {"done": "e"}, "e": {"done": None}}
    after = ended(drawn_as(shape), do="move", uid="a", at={"from": "d", "arm": "done"})
    assert shape_of(after) == {
        "d": {"done": "a"}, "a": {"yes": "b", "done": "c"}, "b": {"done": "e"}, "c": {"done": "e"}, "e": {"done": None},
    }  # fmt: skip


def test_a_step_moves_with_all_that_follows_where_that_is_wanted():
    shape = {"a": {"yes": "b", "done": None}, "b": {"done": "c"}, "c": {"done": None}}
    after = ended(drawn_as(shape), do="move", uid="b", rest=True, at={"from": "a", "arm": "done"})
    assert shape_of(after) == {"a": {"yes": None, "done": "b"}, "b": {"done": "c"}, "c": {"done": None}}
    after = ended(drawn_as(shape), do="move", uid="b", at={"from": "a", "arm": "done"})
    assert shape_of(after) == {"a": {"yes": "c", "done": "b"}, "c": {"done": None}, "b": {"done": None}}


def test_nothing_moves_into_itself_or_to_where_it_is():
    document = drawn_as(SHAPES["arms that join"])
    for at in ({"from": "b", "arm": "done"}, {"into": "b"}, {"from": "a", "arm": "yes"}, {"from": "", "arm": "done"}):
        with pytest.raises(CannotBeDone):
            do(document, Deed(do="move", uid="a" if at.get("arm") != "yes" else "b", at=at))


def test_a_copy_has_steps_of_its_own_and_means_them():
    shape = {"a": {"yes": "b", "done": "c"}, "b": {"done": "c"}, "c": {"done": None}}
    document = drawn_as(shape)
    document.steps[1].config = {"of": "a"}
    after, head = do(document, Deed(do="copy", uid="a", at={"from": "c", "arm": "done"}))
    copied = after.step(after.step(head).next["yes"])
    assert len(after.steps) == 5 and copied.config == {"of": head} and copied.next == {"done": None}
    assert shape_of(after)["c"] == {"done": head}


def test_an_arm_is_led_to_a_step_that_is_there_or_to_the_end():
    document = drawn_as(SHAPES["arms that end"])
    joined = ended(document, do="lead", at={"from": "b", "arm": "done"}, to="c")
    assert shape_of(joined)["b"] == {"done": "c"}
    assert shape_of(ended(joined, do="lead", at={"from": "b", "arm": "done"}))["b"] == {"done": None}


@given(flows(), st.data())
@settings(max_examples=150, deadline=None)
def test_whatever_is_done_leaves_a_flow_in_which_nobody_is_lost(document, data):
    """What was reached is still reached, unless it was removed; every way leads to a step or ends."""
    if not document.steps:
        return
    flow = Flow(document)
    uid = st.sampled_from([step.uid for step in document.steps])
    way = data.draw(st.sampled_from([way for ways in flow.ways.values() for way in ways]))
    deed = data.draw(st.builds(
        Deed, do=st.sampled_from(["insert", "move", "copy", "remove"]), uid=uid, kind=st.just("email"),
        at=st.just({"from": way.source, "arm": way.arm}), rest=st.booleans(),
        keep=st.none() | st.sampled_from(["x", "y", "done"]),
    ))  # fmt: skip
    before = shape_of(document)
    try:
        after, shown = do(document, deed)
    except CannotBeDone:
        assert shape_of(document) == before
        return
    assert shape_of(document) == before, "the document that was given is left as it was"
    check_picture(after)
    uids = [step.uid for step in after.steps]
    assert len(uids) == len(set(uids)) and shown in {*uids, ENTRY}
    assert all(target is None or target in uids for step in after.steps for target in step.next.values())
    reached = set(Flow(after).main.order)
    if deed.do != "remove" and way.source in flow.main.place:
        assert set(flow.main.order) <= reached, "whoever was on the way still is"
        assert set(before) <= set(uids)
