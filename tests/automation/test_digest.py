# ruff: noqa: E501  the tables read best in rows
"""The step “send a digest”: what happens during a period, in one mail."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from automation.advancing import advance
from automation.forms.digest import DigestForm
from automation.kinds.digest import DigestKind
from automation.models import Enrollment
from tests import engine
from tests.automation.flows import flow, queries_to_advance, step, ways, words
from tests.factories import HTML, NOW, TemplateFactory

pytestmark = pytest.mark.django_db
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
LIST = "{% for event in digest.events %}[{{ event.item }}]{% endfor %} {{ digest.count }}"


def digest(then=None, event="cart.abandoned", **more):
    template = TemplateFactory(subject=f"News {LIST}", html=HTML)
    config = {"template": template.pk, "event": event, "amount": 1, "unit": "days", **more}
    return step("digest", "digest", config, then)


def subjects(inbox):
    return [(mail.recipient, mail.message["Subject"]) for mail in inbox.accepted]


def test_what_happened_during_the_period_is_told_in_one_mail(track, inbox):
    flow(digest(), event="cart.abandoned", reentry={"mode": "every_time"})
    track(NOW, "ann", "cart.abandoned", traits={"email": "ann@example.com"}, item="hat")
    track(NOW + HOUR, "ann", "cart.abandoned", item="coat")
    track(NOW + HOUR, "ann", "order.completed", item="other")
    track(NOW + 2 * HOUR, "ben", "cart.abandoned", traits={"email": "ben@example.com"}, item="shoe")
    assert not inbox.accepted
    engine.run(NOW + DAY)
    assert subjects(inbox) == [("ann@example.com", "News [hat][coat] 2")]
    engine.run(NOW + DAY + 2 * HOUR)
    assert subjects(inbox)[1:] == [("ben@example.com", "News [shoe] 1")]
    assert Enrollment.objects.filter(state="finished").count() == 2


def test_the_visit_says_until_when_it_collects(track, inbox):
    flow(digest(), event="cart.abandoned")
    track(NOW, "ann", "cart.abandoned", traits={"email": "ann@example.com"}, item="hat")
    assert words("digest")[0].startswith("Collects “Cart abandoned” until Tue 3 Mar")


def test_where_nothing_happened_nothing_is_sent(track, inbox):
    flow(digest({"nothing": None, "done": None}))
    track(NOW, "ann", "users.signed_up", traits={"email": "ann@example.com"})
    engine.run(NOW + DAY)
    assert ways("digest") == {"ann": "nothing"} and not inbox.accepted
    assert words("digest") == ["Nothing to tell: “Cart abandoned” did not happen."]


def test_what_happened_before_is_not_told(track, inbox):
    flow(digest())
    track(NOW - DAY, "ann", "cart.abandoned", traits={"email": "ann@example.com"}, item="old")
    track(NOW, "ann", "users.signed_up")
    track(NOW + HOUR, "ann", "cart.abandoned", item="new")
    engine.run(NOW + DAY)
    assert subjects(inbox) == [("ann@example.com", "News [new] 1")]


def test_with_an_entry_key_each_gets_what_is_its_own(track, inbox):
    flow(digest(), event="cart.abandoned", entry_key="cart_id", reentry={"mode": "every_time"})
    track(NOW, "ann", "cart.abandoned", traits={"email": "ann@example.com"}, cart_id="a", item="hat")
    for cart, item in (("b", "shoe"), ("a", "coat")):
        track(NOW + HOUR, "ann", "cart.abandoned", cart_id=cart, item=item)
    engine.run(NOW + 2 * DAY)
    assert sorted(subject for _, subject in subjects(inbox)) == ["News [hat][coat] 2", "News [shoe] 1"]


def test_the_newest_hundred_are_told(track, inbox):
    flow(digest(), event="cart.abandoned")
    track(NOW, "ann", "cart.abandoned", traits={"email": "ann@example.com"}, item=0)
    for number in range(1, 120):
        track(NOW + number * timedelta(seconds=1), "ann", "cart.abandoned", item=number, run=False)
    engine.run(NOW + DAY)
    [(_, subject)] = subjects(inbox)
    assert subject.startswith("News [20][21]") and subject.endswith("[119] 100")


def test_the_number_of_queries_does_not_grow_with_the_people(inbox):
    flow(digest(), event="cart.abandoned")
    queries_to_advance(["first"], "cart.abandoned")
    people = [f"u{number}" for number in range(200)]
    assert queries_to_advance(["second"], "cart.abandoned") == queries_to_advance(people, "cart.abandoned", NOW + HOUR)

    def spent(now, count):
        with CaptureQueriesContext(connection) as captured:
            handled = advance(now)
        assert handled == count
        return len(captured)

    assert spent(NOW + DAY, 2) == spent(NOW + DAY + HOUR, 200)


@pytest.mark.parametrize("more", [
    {"amount": 0}, {"amount": "x"}, {"amount": True}, {"amount": float("nan")}, {"amount": 10**30}, {"amount": 60, "unit": "weeks"},
    {"unit": []}, {"unit": "months"}, {"unit": None}, {"amount": -1},
])  # fmt: skip
def test_how_long_must_be_said(more):
    config = digest(**more).config
    assert DigestKind().problems(config) == [
        "Say how long it is collected: a number of minutes, hours, days or weeks, a year at most."
    ]
    assert DigestKind().describe(config) == "send a digest"


@pytest.mark.parametrize("event", ["", "nothing.like.it", [], None, 5])
def test_what_is_collected_must_be_chosen(event):
    assert DigestKind().problems(digest(event=event).config) == ["Choose what is collected."]


def test_anything_that_json_holds_is_taken():
    for config in ({}, [], None, {"template": {}}, {"event": {}, "window": 7}):
        assert DigestKind().problems(config)


def test_it_reads_as_a_person_says_it():
    config = digest().config
    assert DigestKind().problems(config) == []
    assert DigestKind().describe(config).startswith("collect “Cart abandoned” for 1 day, then send “")
    assert DigestKind().arms(config)[0].key == "nothing"


def test_the_form_gives_back_what_it_showed():
    config = digest().config
    shown = DigestForm(initial=DigestForm.initial_from(config))
    form = DigestForm({field.name: field.value() for field in shown if field.value() is not None})
    assert form.is_valid(), form.errors
    assert form.config() == config | {"lateness_hours": 24}
    assert DigestForm({**form.data, "amount": "0"}).errors["amount"] == ["How long: write a number above 0."]
