"""A circle of steps needs a pause; else one person would be mailed a hundred times in a minute."""

import pytest

from campaigns import lifecycle
from campaigns.checking import problems
from campaigns.document import Document, NotADocument, StepDoc, Trigger, parse, to_json
from tests.factories import NOW, TemplateFactory, UserFactory

pytestmark = pytest.mark.django_db
ROUND = "People would go round here without a pause; put a wait into the circle, or let it lead on."
BOUGHT = {"uid": "bought", "event": "order.completed"}
PRO = {"uid": "pro", "condition": {"field": "contact.plan", "op": "is", "value": "pro"}}
A_DAY = {"amount": 1, "unit": "days"}


def said(*steps):
    document = Document(name="Round", triggers=[Trigger(event="users.signed_up")], steps=list(steps))
    return [problem.sentence for problem in problems(document)]


def mail(uid, leads):
    return StepDoc(uid=uid, kind="email", config={"template": TemplateFactory().pk}, next={"done": leads})


def waits_for(arm, leads, **more):
    config = {"arms": [arm], "timeout": A_DAY, **more}
    return StepDoc(uid="wait", kind="wait_for", config=config, next=leads)


def test_mails_in_a_circle_are_refused():
    assert ROUND in said(mail("a", "b"), mail("b", "a"))
    assert ROUND in said(mail("a", "a"))
    assert said(mail("a", "b"), mail("b", None)) == []


def test_with_a_wait_they_may_go_round():
    wait = StepDoc(uid="b", kind="wait", config=A_DAY, next={"done": "a"})
    assert said(mail("a", "b"), wait) == []
    wait.only_if = PRO["condition"]
    assert ROUND in said(mail("a", "b"), wait)


def test_a_date_that_may_be_past_is_no_pause():
    wait = StepDoc(uid="b", kind="wait", config={"mode": "date", "date": "2030-01-01"}, next={"done": "a"})
    assert ROUND in said(mail("a", "b"), wait)


def test_what_must_happen_anew_is_a_pause_and_what_may_be_true_already_is_none():
    back = {"timeout": "a"}
    assert said(mail("a", "wait"), waits_for(BOUGHT, {**back, "bought": None})) == []
    assert said(mail("a", "wait"), waits_for(BOUGHT, {"timeout": None, "bought": "a"})) == []
    assert ROUND in said(mail("a", "wait"), waits_for(BOUGHT, {"timeout": None, "bought": "a"}, since="ever"))
    assert ROUND in said(mail("a", "wait"), waits_for(PRO, {"timeout": None, "pro": "a"}))


@pytest.mark.parametrize("part, value, place", [
    ("name", "x" * 200, "name"), ("objective", "x" * 400, "objective"), ("topic", "nope", "topic"),
    ("topic", "\x00", "topic"), ("entry_key", "order id", "entry_key"), ("entry_key", "x" * 100, "entry_key"),
])  # fmt: skip
def test_what_is_wrong_about_the_head_is_said_at_its_place(part, value, place):
    document = Document(name="Head", triggers=[Trigger(event="users.signed_up")], steps=[mail("a", None)])
    setattr(document, part, value)
    assert [problem.place for problem in problems(document)] == [place]


def test_what_nobody_types_is_no_definition():
    many = to_json(Document(name="x", steps=[StepDoc(uid="a", kind="leave", next={str(n): None for n in range(100)})]))
    for huge in ({"name": "x" * 10_000}, {"entry_key": "x" * 1_000}, many):
        with pytest.raises(NotADocument):
            parse(huge)


def test_the_question_before_activating_draws_ways_and_lists_what_has_none(client):
    user = UserFactory()
    client.force_login(user)
    branching = [mail("a", "wait"), waits_for(BOUGHT, {"timeout": "c", "bought": None}), mail("c", None)]
    for steps, drawn in ((branching, True), ([mail("a", "b"), mail("b", None)], False)):
        document = Document(name="Ask", triggers=[Trigger(event="users.signed_up")], steps=steps)
        campaign = lifecycle.create(document, user, NOW)
        page = client.get(f"/campaigns/campaign/{campaign.pk}/activate/").content.decode()
        assert ("cp-svg-frame" in page) == drawn
        assert ('<ol class="cp-list">' in page) != drawn
