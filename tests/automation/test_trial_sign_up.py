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
    assert len(product.got) == 7, "what your product has taken is not asked for again"


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


def being_set_up():
    """Who is asked for, or was, and is not ready: those behind the gate."""
    there = Enrollment.objects.filter(step_uid__in=["provision", "ready"])
    return set(there.values_list("contact__identities__value", flat=True))


def test_while_a_product_is_down_they_hear_of_the_delay_and_queue_at_the_one_gate_again(
    inbox, track, product, signs_up, monkeypatch
):
    people = [f"p{number}" for number in range(6)]
    product.answers = [answer(503)] * 100
    for person in people:
        signs_up(person)
    for person in people:
        presses(inbox, monkeypatch, person, NOW + MINUTE)
    assert len(being_set_up()) == 5 and at("p5") == "gate"
    for minute in (4, 15, 17, 20, 31):
        engine.run(NOW + minute * MINUTE)
        assert len(being_set_up()) <= 5
    assert [subjects(inbox, person)[1:] for person in people] == [["Your trial takes a little longer"]] * 6
    product.answers = [answer(202)] * 100
    engine.run(NOW + 62 * MINUTE)  # all six have come to the gate again by then
    first = being_set_up()
    assert len(first) == 5 and {at(person) for person in first} == {"ready"}, "asked once more, and taken"
    track(NOW + 63 * MINUTE, sorted(first)[0], "trial.ready")
    assert set(people) - first < being_set_up() and len(being_set_up()) == 5, "the next one moves up"
    assert subjects(inbox, sorted(first)[0])[2:] == [f"Your trial is ready, {sorted(first)[0].upper()}"]


def test_a_product_that_stays_down_is_asked_for_six_hours_and_then_a_person_looks_into_it(
    inbox, product, signs_up, monkeypatch
):
    product.answers = [answer(400)] * 100
    signs_up("ann")
    presses(inbox, monkeypatch, "ann", NOW + MINUTE)
    for half_hours in range(1, 14):
        engine.run(NOW + half_hours * 30 * MINUTE + 2 * MINUTE)
    asked = len(product.got)
    assert 11 <= asked <= 13 and at("ann") == "ready-late"
    engine.run(NOW + 2 * DAY)
    assert subjects(inbox)[1:] == ["Your trial takes a little longer", "Your trial is not ready yet, and we are sorry"]
    assert len(product.got) == asked


def test_whose_trial_is_ready_while_they_queue_again_is_not_set_up_twice(inbox, track, product, signs_up, monkeypatch):
    product.answers = [answer(400)] * 5
    signs_up("ann")
    presses(inbox, monkeypatch, "ann", NOW + MINUTE)
    track(NOW + 10 * MINUTE, "ann", "trial.ready")
    engine.run(NOW + DAY)
    assert subjects(inbox)[1:] == ["Your trial takes a little longer", "Your trial is ready, Ann"]
    assert len(product.got) == 1
