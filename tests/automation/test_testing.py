"""The plugin for pytest: the documentation's example, time, webhooks, what is told."""

import re
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from automation.playing import span
from campaigns.document import Document, StepDoc, Trigger
from campaigns.publishing import Refused
from lib.clock import now
from segments import defining
from segments.models import Segment

pytest_plugins = ["automation.testing"]
PAGE = (Path(__file__).parents[2] / "docs" / "testing-campaigns.md").read_text()
SHOWN: dict = {}
exec(re.search(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)[1], SHOWN)  # the documentation's own words
test_documented_first = SHOWN["test_who_signs_up_is_greeted_and_helped"]
test_documented_second = SHOWN["test_who_buys_is_left_alone"]
ANN = {"email": "ann@example.com"}


def test_a_file_is_run_in_the_contact_s_own_time_zone(campaign_run, tmp_path):
    path = tmp_path / "welcome.yaml"
    path.write_text(SHOWN["WELCOME"])
    began = time.monotonic()
    run = campaign_run(
        path,
        contact=ANN | {"timezone": "Asia/Kathmandu"},
        events=["users.signed_up"],
        until="2 days",
        start=datetime(2026, 5, 1, 12, tzinfo=UTC),
    )
    assert [mail.to for mail in run.mails] == ["ann@example.com"] * 2
    assert run.mails[1].at == datetime(2026, 5, 3, 12, tzinfo=UTC)
    assert run.steps[1][:2] == ("at once", "two-days") and run.entered == 1
    assert "ann@example.com" in run.mails[0].html
    assert time.monotonic() - began < 30


def test_it_stops_at_the_end_and_tells_where_they_are(campaign_run):
    run = campaign_run(SHOWN["WELCOME"], contact=ANN, events=["users.signed_up"], until="47 hours")
    assert run.mails == [("at once", "Hello")] and run.states == ["active"]


def test_who_does_not_enter_is_told_why(campaign_run):
    text = SHOWN["WELCOME"] + "audience: {field: contact.plan, op: is, value: pro}\n"
    run = campaign_run(text, contact=ANN | {"plan": "free"}, events=["users.signed_up", ("3 days", "users.signed_up")])
    assert run.entered == 0 and run.mails == []
    assert [after for after, _ in run.refusals] == ["at once", "3 days"] and "audience" in run.refusals[0][1]


def test_what_becomes_known_of_them_meanwhile_lets_them_in(campaign_run):
    text = SHOWN["WELCOME"].replace(
        "triggers: [{event: users.signed_up}]", "triggers: [{kind: attribute, config: {attribute: plan, after: pro}}]"
    )
    events = [("1 day", "identify", {"plan": "basic"}), ("2 days", "identify", {"plan": "pro"})]
    run = campaign_run(text, contact=ANN, events=events, until="3 days")
    assert run.mails == [("2 days", "Hello")]


def test_a_segment_that_the_test_made_first_lets_them_in(campaign_run):
    defining.save(Segment(name="Pros", condition={"field": "contact.plan", "op": "is", "value": "pro"}), None, now())
    text = SHOWN["WELCOME"].replace(
        "triggers: [{event: users.signed_up}]", "triggers: [{kind: segment_entered, config: {segment: Pros}}]"
    )
    run = campaign_run(text, contact=ANN, events=[("1 day", "identify", {"plan": "pro"})], until="2 days")
    assert run.mails == [("1 day", "Hello")]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"start": datetime(2026, 3, 2)}, "“start” needs a time zone"),
        ({"events": [("9 days", "users.signed_up")]}, "“users.signed_up” comes 9 days after the start; run until then"),
        ({"contact": {"email": "nope"}}, "“nope” is no e-mail address"),
    ],
)
def test_a_slip_in_the_call_is_told(more, said, campaign_run):
    with pytest.raises(ValueError, match=said):
        campaign_run(SHOWN["WELCOME"], **{"contact": ANN} | more)


URL = "https://api.example.com/trial"


def calling() -> Document:
    hook = {"method": "POST", "url": URL, "body": '{"plan": "{{ event.plan }}"}'}
    return Document(
        name="Trial",
        triggers=[Trigger(kind="api")],
        steps=[
            StepDoc(uid="call", kind="webhook", config=hook, next={"done": None, "failed": "bye"}),
            StepDoc(uid="bye", kind="leave", next={"done": None}),
        ],
    )


@pytest.mark.parametrize(
    ("answer", "state"), [(False, "finished"), ({URL: {"id": 7}}, "finished"), ({URL: 404}, "exited")]
)
def test_webhooks_are_told_and_not_called(answer, state, campaign_run):
    run = campaign_run(calling(), contact=ANN, enter={"plan": "pro"}, webhooks=answer, until="1 hour")
    assert run.webhooks == [("at once", URL, {"plan": "pro"})]
    assert run.states == [state]


def test_what_is_wrong_with_the_file_is_told(campaign_run):
    with pytest.raises(Refused, match="There is no event type “users.vanished”"):
        campaign_run(SHOWN["WELCOME"].replace("users.signed_up", "users.vanished"), contact=ANN)


@pytest.mark.parametrize("text", ["", "soon", "2", "2 months", "-1 days", "1 day and", "x days"])
def test_a_length_of_time_that_is_none_is_refused(text):
    with pytest.raises(ValueError, match="is no length of time"):
        span(text)
