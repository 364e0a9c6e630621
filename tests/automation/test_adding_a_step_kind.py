"""The worked example of docs/adding-a-step-kind.md is not only read: it is registered, published and run."""

import re
from pathlib import Path

import pytest

from automation.models import Visit
from campaigns.models import Reference
from campaigns.step_kinds import STEP_KINDS

pytestmark = pytest.mark.django_db
PAGE = Path(__file__).resolve().parents[2] / "docs" / "adding-a-step-kind.md"
THE_CLASS, THE_REGISTRATION, THE_TEST = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)


@pytest.fixture
def kind(monkeypatch):
    """The class of the page, registered for the time of a test."""
    written: dict = {}
    exec(THE_CLASS, written)  # noqa: S102  our own page
    kind = written["DidBeforeKind"]()
    monkeypatch.setitem(STEP_KINDS._items, kind.key, kind)
    return kind


def test_the_example_passes_its_own_test(kind, inbox, track):
    written: dict = {}
    exec(THE_TEST, written)  # noqa: S102
    written["test_regulars_get_another_mail_than_the_rest"](inbox, track)
    looks = Visit.objects.filter(kind="did_before").order_by("id")
    assert [(visit.arm, visit.facts) for visit in looks] == [("yes", {"times": 2}), ("done", {"times": 1})]
    assert looks[0].explanation == "It happened 2 times; 2 were asked for."
    assert Reference.objects.filter(kind="event_type", key="order.completed").exists()


def test_the_example_says_what_is_wrong_whatever_it_is_given(kind):
    for config in ({}, {"event": [], "times": "two"}, {"event": None, "times": True - 1}):
        assert len(kind.problems(config)) == 2
    assert kind.problems({"event": "order.completed", "times": 2}) == []
    assert kind.describe({"event": "order.completed", "times": 2}) == "look who completed an order at least 2 times"


def test_the_registration_names_what_is_registered():
    assert "DidBeforeKind()" in THE_REGISTRATION
    for kind in STEP_KINDS:
        assert f"{type(kind).__name__}()" in THE_REGISTRATION
