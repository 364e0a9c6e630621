"""The one door for JSON from outside."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib import clean_json
from lib.clean_json import Unclean, clean

texts = st.text(st.characters(), max_size=10) | st.sampled_from(["\x00", "a\ud800", "é", "plain"])
leaves = st.none() | st.booleans() | st.integers() | st.integers(-(2**54), 2**54) | st.floats() | texts
values = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4), max_leaves=12
)


def outcome(clean, *arguments):
    try:
        return repr(clean(*arguments))
    except Unclean as fault:
        return f"refused: {fault}"


@given(values)
def test_the_quick_look_says_what_the_careful_one_says(value):
    assert outcome(clean, value) == outcome(clean_json._cleaned, value, "", 0)


@pytest.mark.parametrize("levels", [20, 21])
@pytest.mark.parametrize("wrap", [lambda inner: {"a": inner}, lambda inner: [inner]])
def test_twenty_levels_are_deep_enough(levels, wrap):
    value = 1
    for _ in range(levels):
        value = wrap(value)
    assert outcome(clean, value).startswith("refused") == (levels > 20)


def test_numbers_that_javascript_would_spoil_become_text():
    assert clean({"a": [2**53, 2**53 + 1, -(2**60)]}) == {"a": [2**53, str(2**53 + 1), str(-(2**60))]}


def test_a_refusal_names_the_place():
    with pytest.raises(Unclean, match="“a.b\\[1\\]” contains a NUL"):
        clean({"a": {"b": ["x", "\x00"]}})
