"""YAML from outside: what JSON holds comes back exactly, whatever else is refused with a sentence."""

import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lib.plain_yaml import Unreadable, dump, load

TEXT = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=40)
PLAIN = (
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | TEXT
)
JSON = st.recursive(
    PLAIN, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4), max_leaves=12
)


@settings(max_examples=300, deadline=None)
@given(JSON)
@example({"a": "1e5", "b": "yes", "c": "2026-01-01", "d": "007", "e": ".5", "f": "~", "on": "off"})
@example({"a": "  two\nlines  \n\n", "b": "# no comment\nx", "c": "\n lead", "d": "tab\there\nx", "e": "x\x85y\u2028z"})
@example({"a": "-", "b": "? x", "c": "a: b", "d": "{}", "e": "&a", "f": "*a", "g": "!b", "h": "%c", "i": "\ufeffx"})
def test_what_json_holds_comes_back_exactly(value):
    back = load(dump(value))
    assert back == value and repr(back) == repr(value)


def test_comments_and_people_s_ways_of_writing_are_taken():
    assert load("# mine\nname: Welcome  # the first\nsteps: [a, 'b']\nno: yes\nat: 2026-01-01\nn: 007\n") == {
        "name": "Welcome",
        "steps": ["a", "b"],
        "no": "yes",
        "at": "2026-01-01",
        "n": "007",
    }


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"a: &x [1]\nb: *x\n", "Line 1: anchors and aliases"),
        (b"b: *x\n", "anchors and aliases"),
        (b"a: !!python/object/apply:os.system ['true']\n", "Line 1: tags"),
        (b"a: 1\na: 2\n", "Line 2: “a” stands twice"),
        (b"a: 1\n---\nb: 2\n", "Line 2 begins a second document"),
        (b"a: [1, 2\nb: 3\n", "cannot be read"),
        (b"a: b: c\n", "Line 1 cannot be read"),
        (b"a: \x00\n", "character that no text has"),
        (b'a: "\\0"\n', "NUL"),
        (b"a: \xff\xfe\n", "not text in UTF-8"),
        (b"1: a\n", "a name before a colon is text"),
        (b"[a]: b\n", "a name before a colon is text"),
        (b"a: 1e999\n", "too large a number"),
        (b"[" * 5_000, "nested more than 100 levels"),
        (b"a:\n" + b"- " * 200 + b"x", "nested more than 100 levels"),
        (b"x" * 1_000_001, "larger than 1,000 KB"),
        (b"[" + b"1," * 100_001 + b"]", "more than 100,000 parts"),
        (b'a: "\\ud800"\n', ""),
    ],
)
def test_the_rest_is_refused_with_a_sentence(raw, said):
    began = time.monotonic()
    with pytest.raises(Unreadable) as refused:
        load(raw)
    assert said in str(refused.value) and "\n" not in str(refused.value)
    assert time.monotonic() - began < 5


def test_an_empty_file_holds_nothing():
    assert load(b"") is None and load(b"# only a comment\n") is None
