"""What all kinds of triggers have in common: bad settings are told in sentences, forms give back what they got."""

import pytest

from campaigns.checking import problems
from campaigns.document import Document, Trigger
from campaigns.head_words import trigger_in_words
from campaigns.linear import Row, from_rows
from campaigns.trigger_kinds import TRIGGER_KINDS, from_settings, settings_of
from tests.factories import TemplateFactory

pytestmark = pytest.mark.django_db
BAD = [None, "", "x\x00y", "x" * 10_000, -1, 0, 10**30, float("nan"), True, [], [[1]], {}, {"a": {"b": []}}]
SETTINGS = ["segment", "attribute", "to", "from", "every", "at", "zone", "offset", "when", "day", "days", "yearly"]
SETTINGS += ["campaign", "audience", "weekdays", "unit", "amount", "side"]


def document(*triggers, **more):
    return Document(
        name="Welcome", triggers=list(triggers), steps=from_rows([Row(template=TemplateFactory().pk)]), **more
    )


def kinds():
    return [key for key, _ in TRIGGER_KINDS.items()]


def test_what_no_kind_of_trigger_knows_is_told_in_a_sentence():
    wrong = problems(document(Trigger(kind="telepathy")))
    assert [(one.place, one.sentence) for one in wrong] == [
        ("triggers[0].kind", "There is no kind of trigger “telepathy”; choose one of the list.")
    ]
    assert trigger_in_words(Trigger(kind="telepathy")) == "In a way that this version does not know."


@pytest.mark.parametrize("value", BAD, ids=lambda value: str(value)[:20])
def test_settings_of_any_shape_are_told_in_sentences_and_in_words(value):
    for key, kind in TRIGGER_KINDS.items():
        event = value if isinstance(value, str) and "\x00" not in value else ""
        trigger = Trigger(kind=key, event=event, config=dict.fromkeys(SETTINGS, value))
        assert all(sentence.endswith(".") for sentence in kind.problems(trigger))
        assert kind.describe(trigger)
        assert isinstance(problems(document(trigger)), list)
        if kind.form:
            assert kind.form(initial=kind.form.initial_from(settings_of(trigger)), prefix="t").as_p()


def test_a_form_gives_back_the_event_and_the_filter():
    kind = TRIGGER_KINDS["event"]
    assert kind.form
    rule = {"field": "event.plan", "op": "is", "value": "pro", "type": "text"}
    trigger = Trigger(event="users.signed_up", filter=rule)
    typed = {"t-event": "users.signed_up", "t-filter": '{"field": "event.plan", "op": "is", "value": "pro"}'}
    form = kind.form(typed, prefix="t", initial=kind.form.initial_from(settings_of(trigger)))
    assert form.is_valid(), form.errors
    assert from_settings("event", form.config()) == trigger
