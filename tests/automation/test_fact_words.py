"""What a step saw, in words: of every kind of step there is, without keys, JSON or times that nobody reads."""

import re
from zoneinfo import ZoneInfo

import pytest

from automation import fact_words
from campaigns.step_kinds import STEP_KINDS

KATHMANDU = ZoneInfo("Asia/Kathmandu")
NINE, SAID = "2026-03-02T09:00:00+00:00", "Mon 2 Mar 2026, 14:45"
HELD = {"held_until": NINE, "held_because": "the send window is Monday to Friday"}
HELD_SAID = [("Held until", SAID), ("Held because", "the send window is Monday to Friday")]

# Of every kind: what its visits may hold, and how that is told. A new kind must say so here.
KINDS = {
    "email": (HELD, HELD_SAID),
    "digest": ({"until": NINE, **HELD}, [("Collected until", SAID), *HELD_SAID]),
    "notify": ({}, []),
    "wait": (
        {"until": NINE, "since": NINE, "date": "2026-12-24"},
        [("Counted from", SAID), ("Waited until", SAID), ("The date", "24 Dec 2026")],
    ),
    "wait_for": (
        {"woken": {"arm": "x1", "event": "order.completed", "event_id": "e", "at": NINE}, "until": NINE, "again": 2},
        [
            ("Waited at most until", SAID),
            ("Times that it began anew", "2"),
            ("Woken by", f"completed an order, {SAID}"),
        ],
    ),
    "branch": ({"seen": {"their country": "DE", "their orders": "3"}, "because": "their country is “DE”"},
               [("Their country", "DE"), ("Their orders", "3")]),
    "split": ({}, []),
    "gate": ({}, []),
    "tag": ({}, []),
    "attribute": ({"value": True}, [("It became", "yes")]),
    "list": ({}, []),
    "score": ({"points": 50.0, "band": "Warm", "stage": ""},
              [("Points", "50"), ("Band", "Warm"), ("Stage", "empty")]),
    "start": ({"enrollment": 17}, []),
    "end": ({}, []),
    "leave": ({}, []),
    "crm": ({"record": "0031x", "link": "https://crm.example/0031x"}, [("Its id there", "0031x")]),
    "webhook": ({"status": 503}, [("Status of the answer", "503")]),
}  # fmt: skip


def test_every_kind_of_step_is_here():
    assert set(KINDS) == {kind.key for kind in STEP_KINDS}, "say here what visits of the new kind hold"


@pytest.mark.parametrize("kind", KINDS)
def test_the_values_that_a_kind_saw_are_told_in_words(kind):
    facts, said = KINDS[kind]
    found = fact_words.in_words(kind, facts, KATHMANDU)
    assert found == said
    assert not re.search(r"[{}\[\]_]|T\d\d:|\+00", str(found)[1:-1].replace("'", ""))


def test_who_was_held_by_the_fuse_sees_how_many_were_mailed():
    facts = {"fuse": "released", "fuse_released": NINE, "mailed_that_day": 5000, "best_day_before": 12}
    assert fact_words.in_words("email", facts, KATHMANDU) == [
        ("The fuse", "released"), ("Let go on by a person", SAID), ("People mailed that day", "5000"),
        ("The most on a day before", "12"),
    ]  # fmt: skip


def test_who_was_held_by_a_frequency_limit_sees_which():
    capped = {"since": NINE, "priority": 2, "limit": "3 mails in 7 days"}
    assert fact_words.in_words("email", {"capped": capped}, KATHMANDU) == [
        ("Frequency limit", "3 mails in 7 days"), ("Waited for a place since", SAID), ("Importance", "high"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"something_new": {"deep_down": [1, 2]}}, [("Something new › deep down", "1, 2")]),
        ({"woken": {"arm": "x"}}, [("Woken by", "a condition that came true")]),
        (
            {"woken": {"arm": "timeout", "because": "By hand."}},
            [("Woken because", "By hand.")],
        ),
        ({"until": None}, [("Waited until", "empty")]),
        ({"until": "9999-99-99T99:99:99+00:00"}, [("Waited until", "9999-99-99T99:99:99+00:00")]),
        ({"woken": "x", "capped": 3, "seen": 1}, [("Capped", "3"), ("Seen", "1")]),
        ({}, []),
    ],
)
def test_whatever_a_visit_holds_is_told(facts, said):
    assert sorted(fact_words.in_words("wait", facts, KATHMANDU)) == sorted(said)
    fact_words.in_words("a kind that is gone", facts, KATHMANDU)


def test_an_adopted_event_type_is_called_by_its_name():
    facts = {"woken": {"event": "wishlist_shared"}}
    assert fact_words.in_words("wait_for", facts, KATHMANDU, {"wishlist_shared": "Wishlist shared"}) == [
        ("Woken by", "did “Wishlist shared”")
    ]
