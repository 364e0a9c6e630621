"""The example beside a mail: when it goes out if somebody enters now, as the steps before it have it."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from campaigns import arrival
from campaigns.document import Document, StepDoc
from tests.automation.flows import mail
from tests.factories import site

pytestmark = pytest.mark.django_db
PARIS = ZoneInfo("Europe/Paris")
NOW = datetime(2026, 3, 27, 9, tzinfo=UTC)  # a Friday, 10:00 there; on Sunday the clocks go forward
OFFICE = {"days": ["mon", "tue", "wed", "thu", "fri"], "from": "14:00", "to": "18:00"}
SIGNED_UP = {"arms": [{"uid": "ordered", "event": "order.completed"}], "timeout": {"amount": 30, "unit": "minutes"}}
HALVES = [{"uid": "a", "name": "A", "percent": 50}, {"uid": "b", "name": "B", "percent": 50}]
DIGEST = {"event": "order.completed", "amount": 1, "unit": "days"}


def wait(uid, follower, **config):
    return StepDoc(uid=uid, kind="wait", config={"mode": "for", **config}, next={"done": follower})


def said(*steps: StepDoc, of: str = "mail", **more) -> str:
    site()
    return arrival.in_words(Document(steps=list(steps), **more), of, NOW, PARIS).removeprefix("If someone enters now, ")


def test_waits_and_windows_before_it_are_reckoned_with():
    two_days = wait("two", "mail", amount=2, unit="days")
    assert said(mail("mail")) == "this goes out at once."
    assert said(two_days, mail("mail")) == "this goes out Sun 29 Mar 2026, 11:00 (Europe/Paris)."
    assert said(two_days, mail("mail"), window=OFFICE) == "this goes out Mon 30 Mar 2026, 14:00 (Europe/Paris)."
    own = mail("mail")
    own.config["window"] = OFFICE | {"days": ["wed"]}
    assert said(two_days, own, window=OFFICE) == "this goes out Wed 1 Apr 2026, 14:00 (Europe/Paris)."
    own.config["window"]["outside"] = "cancel"
    assert said(two_days, own) == (
        "Who enters now is not sent it: Sun 29 Mar 2026, 11:00 (Europe/Paris) is outside of the send window."
    )
    first = mail("first", then="mail")
    assert said(first, mail("mail"), window=OFFICE) == "this goes out Fri 27 Mar 2026, 14:00 (Europe/Paris)."


def test_where_people_differ_it_is_the_earliest():
    tag = StepDoc(uid="tag", kind="tag", config={"add": ["x"]}, next={"done": "mail"})
    hurry = StepDoc(uid="hurry", kind="wait_for", config=SIGNED_UP, next={"ordered": "tag", "timeout": "mail"})
    assert said(hurry, tag, mail("mail")) == "this may go out at once."
    late = hurry.next | {"ordered": None}
    alone = StepDoc(uid="hurry", kind="wait_for", config=SIGNED_UP, next=late)
    assert said(alone, mail("mail")) == "this goes out Fri 27 Mar 2026, 10:30 (Europe/Paris)."
    later = wait("later", "mail", amount=30, unit="minutes")
    hurry.next = {"ordered": None, "timeout": "mail"}
    split = StepDoc(uid="split", kind="split", config={"arms": HALVES}, next={"a": "hurry", "b": "later"})
    half_past = "this goes out Fri 27 Mar 2026, 10:30 (Europe/Paris)."
    assert said(split, hurry, later, mail("mail")) == half_past, "the same on both ways"
    chance = wait("some", "mail", mode="random", amount=1, unit="hours", to_amount=9, to_unit="hours")
    assert said(chance, mail("mail")) == "this goes out at the earliest Fri 27 Mar 2026, 11:00 (Europe/Paris)."
    sometimes = wait("two", "mail", amount=2, unit="days")
    sometimes.only_if = {"field": "contact.plan", "op": "is", "value": "pro"}
    assert said(sometimes, mail("mail")) == "this may go out at once."


def test_what_is_collected_goes_out_at_the_end_and_what_cannot_be_told_is_not():
    digest = mail("mail")
    digest.kind, digest.config = "digest", {**digest.config, **DIGEST}
    assert said(digest) == "this goes out Sat 28 Mar 2026, 10:00 (Europe/Paris)."
    birthday = wait("day", "mail", mode="field", field="contact.birthday")
    assert said(birthday, mail("mail")) == ""
    assert said(wait("odd", "mail", mode=["x"]), mail("mail")) == ""
    assert said(wait("first", None, amount=1, unit="days"), mail("mail")) == "", "nobody gets there"
    assert said(StepDoc(uid="mail", kind="email")) == "" and said(of="gone") == ""


def test_every_other_step_says_when_somebody_gets_there():
    tag = StepDoc(uid="tag", kind="tag", config={"add": ["x"]}, next={"done": None})
    assert said(tag, of="tag") == "they get here at once."
    assert said(wait("two", "tag", amount=2, unit="days"), tag, of="tag") == (
        "they get here Sun 29 Mar 2026, 11:00 (Europe/Paris)."
    )
    gate = StepDoc(uid="gate", kind="gate", config={"places": 5}, next={"done": "tag"})
    assert said(gate, tag, of="tag") == "they may get here at once."
