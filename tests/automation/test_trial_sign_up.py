"""The ready-made trial sign-up: the address confirmed by a link, the gate, the call, the delay, the tour."""

import re
from datetime import timedelta

import pytest
from django.test import Client

from automation.models import Enrollment
from campaigns import lifecycle
from campaigns.starters.install import use
from campaigns.starters.shelf import starters
from tests import engine
from tests.automation.webhooks import LOOPBACK
from tests.factories import NOW, UserFactory, site
from tests.http_receiver import Receiver, answer

pytestmark = pytest.mark.django_db
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


@pytest.fixture
def product(settings):
    """The server that sets trials up."""
    settings.WEBHOOK_NETWORKS, settings.WEBHOOK_HTTP = LOOPBACK, True
    with Receiver() as server:
        site()
        made = use(starters()["trial_sign_up"], 1, UserFactory(), NOW, base=server.url)
        lifecycle.activate(made, UserFactory(), NOW)
        yield server


@pytest.fixture
def signs_up(track):
    return lambda user, now=NOW: track(
        now, user, "users.signed_up", traits={"email": f"{user}@example.com", "first_name": user.capitalize()}
    )


def mails(inbox, user="ann"):
    return [mail.message for mail in inbox.accepted if mail.recipient == f"{user}@example.com"]


def subjects(inbox, user="ann"):
    return [mail["Subject"] for mail in mails(inbox, user)]


def presses(inbox, monkeypatch, user, now):
    """They open the link of the newest mail and press the button."""
    monkeypatch.setattr("lib.clock.now", lambda: now)
    html = mails(inbox, user)[-1].get_body(("html",)).get_content()
    [path] = re.findall(r'href="[^"]*(/confirm/[\w-]+)"', html)
    assert "Is this your address?" in Client().get(path).content.decode()
    engine.run(now)
    Client().post(path)
    engine.run(now)


def at(user):
    return Enrollment.objects.get(contact__identities__value=user).step_uid


def test_from_signing_up_to_the_end_of_the_trial(inbox, track, product, signs_up, monkeypatch):
    product.answers = [answer(200, {"url": "https://trials.example/ann"})]
    signs_up("ann")
    assert subjects(inbox) == ["Please confirm your address"] and product.got == []
    presses(inbox, monkeypatch, "ann", NOW + MINUTE)
    assert product.got[0].path == "/trials"
    assert product.got[0].json == {"email": "ann@example.com", "name": "Ann"}
    track(NOW + 6 * MINUTE, "ann", "trial.ready")
    assert subjects(inbox)[1:] == ["Your trial is ready, Ann"]
    assert "https://trials.example/ann" in mails(inbox)[-1].get_body(("plain",)).get_content()
    assert mails(inbox)[-1]["List-Unsubscribe"] is None, "what they asked for is no advertising"
    ready = NOW + 6 * MINUTE
    for days, subject in [
        (2, "A short tour: bring in what you have"),
        (6, "A short tour: what others like most"),
        (11, "Your trial ends in three days"),
        (14, "Your trial has ended"),
    ]:
        engine.run(ready + days * DAY - MINUTE)
        before = len(subjects(inbox))
        engine.run(ready + days * DAY + MINUTE)
        assert subjects(inbox)[before:] == [subject]


def test_only_the_button_confirms_and_who_never_presses_it_is_reminded_once(inbox, product, signs_up):
    signs_up("ann")
    engine.run(NOW + 2 * DAY)
    engine.run(NOW + 30 * DAY)
    assert subjects(inbox) == ["Please confirm your address", "Your trial waits for one press"]
    assert product.got == [] and not Enrollment.objects.filter(state__in=Enrollment.INSIDE).exists()


def test_five_are_set_up_at_once_and_a_delay_is_told_after_half_an_hour(inbox, track, product, signs_up, monkeypatch):
    people = [f"p{number}" for number in range(7)]
    product.answers = [answer(202)] * 7
    for person in people:
        signs_up(person)
    for person in people:
        presses(inbox, monkeypatch, person, NOW + MINUTE)
    assert len(product.got) == 5 and {at("p5"), at("p6")} == {"gate"}
    track(NOW + 3 * MINUTE, "p0", "trial.ready")
    assert len(product.got) == 6 and at("p6") == "gate", "the next one moves up"
    engine.run(NOW + 30 * MINUTE)
    assert subjects(inbox, "p1") == ["Please confirm your address"]
    engine.run(NOW + 32 * MINUTE)
    engine.run(NOW + 34 * MINUTE)
    assert subjects(inbox, "p1")[1:] == ["Your trial takes a little longer"]
    assert len(product.got) == 7, "who waits too long gives the place to the next one"
    track(NOW + 40 * MINUTE, "p1", "trial.ready")
    assert subjects(inbox, "p1")[2:] == ["Your trial is ready, P1"]
    engine.run(NOW + 2 * DAY)
    assert subjects(inbox, "p2")[1:] == [
        "Your trial takes a little longer",
        "Your trial is not ready yet, and we are sorry",
    ]


def test_a_product_that_refuses_is_told_as_a_delay(inbox, product, signs_up, monkeypatch):
    product.answers = [answer(400)]
    signs_up("ann")
    presses(inbox, monkeypatch, "ann", NOW + MINUTE)
    assert subjects(inbox)[1:] == ["Your trial takes a little longer"]


def test_who_subscribes_hears_no_more_of_the_trial(inbox, track, product, signs_up, monkeypatch):
    product.answers = [answer(200)]
    signs_up("ann")
    presses(inbox, monkeypatch, "ann", NOW + MINUTE)
    track(NOW + 2 * MINUTE, "ann", "trial.ready")
    track(NOW + DAY, "ann", "subscription.started")
    engine.run(NOW + 30 * DAY)
    assert subjects(inbox) == ["Please confirm your address", "Your trial is ready, Ann"]


def test_a_product_that_is_down_holds_nobody_at_the_gate_and_they_hear_of_the_delay_within_half_an_hour(
    inbox, track, product, signs_up, monkeypatch
):
    people = [f"p{number}" for number in range(6)]
    product.answers = [answer(503)] * 100
    for person in people:
        signs_up(person)
    for person in people:
        presses(inbox, monkeypatch, person, NOW + MINUTE)
    assert at("p5") == "gate"
    for minute in range(2, 32):
        engine.run(NOW + minute * MINUTE)
    assert subjects(inbox, "p0")[1:] == ["Your trial takes a little longer"]
    assert at("p5") == "gate-again", "it was not left at the first gate, and waits for its second turn"
    product.answers = [answer(202)] * 100
    for hours in range(1, 8):
        engine.run(NOW + hours * 60 * MINUTE)
    assert {at(person) for person in people} == {"ready-late"}, "asked once more, and taken"
    track(NOW + 8 * 60 * MINUTE, "p0", "trial.ready")
    assert subjects(inbox, "p0")[2:] == ["Your trial is ready, P0"]
