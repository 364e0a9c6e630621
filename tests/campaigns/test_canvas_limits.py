"""Definitions that are made to be hard to draw: drawn within seconds, or refused in a sentence."""

import random
import time

import pytest

from campaigns import canvas, canvas_limits
from campaigns.document import Document, StepDoc, Trigger, Watch
from campaigns.never import contradiction, covered

pytestmark = pytest.mark.django_db
chance = random.Random(6)
LEAF = {"field": "contact.plan", "op": "is", "value": "pro"}
ARMS = [{"uid": f"a{number}", "name": f"Way {number}", "condition": LEAF} for number in range(20_000)]
LONG = {"all": [{"field": f"contact.a{number}", "op": "is", "value": "x"} for number in range(19_000)]}


def steps(count: int, ways: int, lead, kind="email", config=None, **more) -> list[StepDoc]:
    """So many steps with so many ways out of each; `lead(place)` says where one leads."""
    return [
        StepDoc(
            uid=f"s{place}", kind=kind, config=config or {}, **more,
            next={f"a{way}": f"s{lead(place)}" for way in range(ways)},
        )
        for place in range(count)
    ]  # fmt: skip


DRAWN = {
    "ways to anywhere": steps(200, 5, lambda place: chance.randrange(200)),
    "ways far ahead": steps(200, 5, lambda place: min(199, place + 1 + chance.randrange(60))),
    "many ways to few steps": steps(16, 59, lambda place: chance.randrange(4)),
    "branches": steps(200, 4, lambda place: chance.randrange(200), "branch", {"arms": ARMS[:4]}),
    "a long condition": steps(1, 0, None, "leave", only_if=LONG),
    "long conditions": steps(200, 0, None, "leave", only_if={"all": LONG["all"][:90]}),
}


@pytest.mark.parametrize("name", DRAWN)
def test_what_is_tangled_is_drawn_within_seconds(name):
    document = Document(name=name, triggers=[Trigger(event="users.signed_up")], steps=DRAWN[name])
    began = time.process_time()
    assert canvas_limits.too_large(document) == ""
    assert set(canvas.drawing(document)["picture"]["cards"]) == {"", *(step.uid for step in document.steps)}
    assert time.process_time() - began < 3


@pytest.mark.parametrize("document", [
    Document(steps=steps(201, 1, lambda place: 0)),
    Document(steps=steps(200, 60, lambda place: place)),
    Document(steps=steps(1, 0, None, "branch", {"arms": ARMS})),
    Document(steps=steps(200, 0, None, "branch", {"arms": ARMS[:60]})),
    Document(triggers=[Trigger(event="order.completed") for _ in range(15_000)]),
    Document(exits=[Watch(uid=f"x{number}", event="order.completed") for number in range(20_000)]),
    Document(audience={"all": [LEAF] * 30_000}),
])  # fmt: skip
def test_what_is_too_large_is_told_in_a_sentence_at_once(document):
    began = time.process_time()
    sentence = canvas_limits.too_large(document)
    assert sentence.endswith(".") and ("remove some" in sentence or "split it" in sentence)
    assert time.process_time() - began < 1


def test_long_conditions_are_not_compared_for_ever():
    began = time.process_time()
    assert not contradiction(LONG) and covered(LONG["all"]) == []
    assert time.process_time() - began < 1
