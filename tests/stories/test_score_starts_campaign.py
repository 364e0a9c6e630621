"""A sequence for whoever becomes hot: by what she does, once a crossing; fading lets her go, and she may come again."""

from datetime import timedelta

import pytest

from automation.models import Enrollment, Visit
from campaigns.document import Trigger
from campaigns.linear import Row
from contacts.models import Identity
from events.models import Event
from lib import clock
from ops.models import ApiKey
from scoring import reading
from tests.factories import CampaignFactory, TemplateFactory
from tests.scoring.building import half, made, on

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
BECOMES_HOT = {
    "all": [
        {"field": "event.model", "op": "is", "value": "lead"},
        {"field": "event.band", "op": "is", "value": "Hot"},
        {"field": "event.direction", "op": "is", "value": "up"},
    ]
}


@pytest.fixture
def call(shop):
    """Whoever becomes hot is written to, the keenest once more; and is worth less to another score."""
    made("lead", now=clock.now(), rules=[on("button.clicked", 30, fading=half(30))])
    made("patience", now=clock.now(), floor=None)
    rows = [
        Row(uid="call", template=TemplateFactory(subject="Shall we talk?").pk),
        Row(uid="less", action="score", score={"model": "patience", "effect": "add", "points": -15}),
        Row(
            uid="keen", template=TemplateFactory(subject="You like us").pk,
            only_if={"field": "score.lead", "op": "≥", "value": 95},
        ),
    ]  # fmt: skip
    return CampaignFactory(
        name="Call them",
        triggers=[Trigger(event="score.band_changed", filter=BECOMES_HOT)],
        rows=rows,
        reentry={"mode": "every_time"},
        now=clock.now(),
    )


def clicks(shop, times=1):
    for _ in range(times):
        shop.track("ann", "button.clicked")


def mails(inbox):
    return [mail.message["Subject"] for mail in inbox.accepted]


def directions():
    events = Event.objects.filter(type="score.band_changed").order_by("received_at", "id")
    return [(one.properties["band"], one.properties["direction"]) for one in events]


def scores():
    ann = Identity.objects.get(value="ann").contact_id
    return {key: round(one.points, 1) for key, one in reading.scores_of([ann], clock.now())[ann].items()}


def test_becoming_hot_brings_a_mail_once_a_crossing(shop, inbox, call):
    shop.identify("ann", email="ann@example.com")
    clicks(shop, 2)
    assert mails(inbox) == [] and directions() == [("Warm", "up")]
    clicks(shop)
    assert mails(inbox) == ["Shall we talk?"] and directions()[-1] == ("Hot", "up")
    assert scores() == {"lead": 90, "patience": -15}
    assert [visit.arm for visit in Visit.objects.order_by("id")] == ["sent", "done", "skipped"]

    shop.pass_time(days=6)  # below 80, within the margin of 2
    assert 78 < scores()["lead"] < 80
    clicks(shop)
    assert mails(inbox) == ["Shall we talk?"] and len(directions()) == 2

    shop.pass_time(days=20)
    assert directions()[-1] == ("Warm", "down") and scores()["lead"] < 70
    assert mails(inbox) == ["Shall we talk?"]
    clicks(shop)
    assert directions()[-1] == ("Hot", "up")
    assert mails(inbox)[1:] == ["Shall we talk?", "You like us"] and scores()["patience"] == -30
    assert Enrollment.objects.filter(campaign=call, state=Enrollment.State.FINISHED).count() == 2


def test_an_import_that_makes_somebody_hot_mails_nobody(shop, inbox, call):
    items = [{"type": "identify", "userId": "ann", "traits": {"email": "ann@example.com"}}]
    items += [{"type": "track", "userId": "ann", "event": "button.clicked"} for _ in range(3)]
    answer = shop.client.post(
        "/v1/import", {"batch": items}, content_type="application/json",
        headers={"authorization": f"Bearer {shop.key}"},
    )  # fmt: skip
    assert answer.status_code == 200, answer.content
    shop.work()
    assert scores()["lead"] == 90 and mails(inbox) == []


def test_points_given_by_a_program_start_it_too(shop, inbox, call):
    shop.identify("ann", email="ann@example.com")
    _, key = ApiKey.objects.create_key("server", shop.source, scopes=["scores:write"])
    for _ in range(2):  # sent twice with the same id
        answer = shop.client.post(
            "/api/scores/lead/contacts/user:ann/",
            {"effect": "add", "points": 85, "reason": "Asked for a demo", "id": "call-1"},
            content_type="application/json",
            headers={"authorization": f"Bearer {key}"},
        )
        assert answer.status_code == 200 and answer.json()["band"] == "Hot"
        shop.work()
    assert mails(inbox) == ["Shall we talk?"]
