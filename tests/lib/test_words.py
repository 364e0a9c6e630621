"""Times and values as a person says them."""

from datetime import UTC, datetime, timedelta

import pytest
from django import forms

from lib import words
from lib.duration_field import DurationInWords, read

NOW = datetime(2026, 11, 24, 14, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("distance", "said"),
    [
        (timedelta(), "just now"),
        (timedelta(seconds=-3), "just now"),
        (timedelta(seconds=3), "any moment"),
        (timedelta(seconds=-30), "30 seconds ago"),
        (timedelta(hours=-1, minutes=-59), "1 hour ago"),
        (timedelta(hours=2, minutes=5), "in 2 hours"),
        (timedelta(hours=23, minutes=59), "in 1 day"),
        (timedelta(days=1, hours=23), "in 2 days"),
        (timedelta(seconds=40), "in 1 minute"),
        (timedelta(seconds=20), "in 20 seconds"),
        (timedelta(days=-6, hours=-23), "6 days ago"),
        (timedelta(days=-7), "17 Nov"),
        (timedelta(days=60), "23 Jan 2027"),
    ],
)
def test_a_time_is_said_from_where_one_stands(distance, said):
    assert words.moment(NOW + distance, NOW) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (True, "yes"), (False, "no"), (None, "empty"), ("", "empty"), ([], "empty"), (29.33, "29.33"),
        (0.1 + 0.2, "0.3"), (12, "12"), (0, "0"), ("2026-11-24", "24 Nov 2026"),
        ("2026-11-24T14:02:00Z", "Tue 24 Nov 2026, 14:02"), ("2026-13-45", "2026-13-45"),
        ("2026-in-words", "2026-in-words"), (["a", 1, True], "a, 1, yes"), ("x" * 400, "x" * 300 + "…"),
    ],
)  # fmt: skip
def test_a_value_is_said_plainly(value, said):
    assert words.in_plain_words(value) == said


def test_a_nested_object_becomes_dotted_paths():
    tree = {"plan": {"name": "gold", "since": None}, "cart": [{"sku": "a"}, "loose"], "empty": {}, "tags": ["x", "y"]}
    assert list(words.facts(tree)) == [
        ("cart 1.sku", "a"), ("cart 2", "loose"), ("empty", "empty"), ("plan.name", "gold"), ("plan.since", "empty"),
        ("tags", "x, y"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "text", ["3 days", "1 day", "12 hours", "1 day and 6 hours", "45 minutes", "2 weeks", "1.5 hours"]
)
def test_a_duration_in_words_is_read_and_written_alike(text):
    field = DurationInWords()
    assert field.clean(field.prepare_value(field.clean(text))) == read(text)


@pytest.mark.parametrize("text", ["x", "3", "3 moons", "three days", "3 days or so", "1 day 2"])
def test_what_is_no_duration_is_refused_with_a_remedy(text):
    with pytest.raises(forms.ValidationError, match="such as 3 days"):
        DurationInWords().clean(text)


def test_a_duration_has_an_end():
    with pytest.raises(forms.ValidationError, match="between a minute and 2 days"):
        DurationInWords(longest=timedelta(days=2)).clean("3 days")
    assert DurationInWords(required=False).clean(" ") is None
