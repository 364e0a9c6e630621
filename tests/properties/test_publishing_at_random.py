"""Publishing at random while people advance: nobody is lost or mailed twice, everybody stands in their version."""

import random
from collections import Counter
from datetime import timedelta
from threading import Barrier, Thread

import pytest
from django.db import connection

from automation.advancing import advance
from automation.models import Enrollment, Visit
from campaigns import lifecycle, publishing
from campaigns.choices import Choices, StepChoice
from campaigns.document import parse
from campaigns.impact import impact
from campaigns.linear import Row, from_rows
from campaigns.models import Campaign, Message
from campaigns.resuming import Resumption
from contacts.models import Contact
from tests import engine
from tests.automation.publishing_again import everybody_stands_in_their_version
from tests.factories import NOW, CampaignFactory, ContactFactory, TemplateFactory
from tests.smtp_server import FaultySmtpServer

HOUR = timedelta(hours=1)


@pytest.fixture
def inbox(settings):
    with FaultySmtpServer() as server:
        settings.EMAIL_URL, settings.MAIL_CONNECTIONS = server.url, 1
        yield server


def some_rows(chance: random.Random, templates: list[int]) -> list[Row]:
    """Any mails of six, in any order, each after a wait of its own."""
    chosen = chance.sample(range(6), chance.randint(1, 6))
    return [
        Row(uid=f"mail{n}", wait_uid=f"wait{n}", wait_amount=chance.randint(1, 20), wait_unit="hours",
            template=templates[n], lateness_hours=720)
        for n in chosen
    ]  # fmt: skip


def some_choices(chance: random.Random, campaign: Campaign) -> Choices:
    uids = [step.uid for step in parse(campaign.draft).steps]
    asking = impact(campaign).steps
    gone = [step.uid for step in asking if step.asks == "removed"]
    deeds = ["next", "step", "due", "due", "next", "exit"]
    removed = {uid: StepChoice(then=chance.choice(deeds), target=chance.choice(uids)) for uid in gone}
    waits = {step.uid: chance.choice(["keep", "recompute"]) for step in asking if step.asks == "wait"}
    return Choices(people=chance.choice(["follow", "follow", "follow", "drain"]), removed=removed, waits=waits)


def enter(campaign: Campaign, count: int, now) -> None:
    campaign.refresh_from_db()
    first = parse(campaign.live.document).steps[0].uid
    Enrollment.objects.bulk_create(
        Enrollment(campaign=campaign, contact=ContactFactory(), version=campaign.live, step_uid=first, due_at=now,
                   scheduled_at=now, entered_at=now)
        for _ in range(count)
    )  # fmt: skip


def republish(campaign: Campaign, rows: list[Row], chance: random.Random, now) -> None:
    campaign.refresh_from_db()
    document = parse(campaign.draft)
    document.steps = from_rows(rows)
    campaign = lifecycle.save_draft(campaign, document, campaign.revision, None, now)
    publishing.publish(campaign, None, now, some_choices(chance, campaign))


def all_holds(inbox, people: int) -> None:
    everybody_stands_in_their_version()
    rows = Enrollment.objects.all()
    assert rows.count() == people
    assert not rows.filter(state="parked").exists(), rows.filter(state="parked").values_list("explanation", flat=True)
    for row in rows.filter(state="held"):
        assert row.visits.filter(left_at=None, message__announced=False).exists(), "held by nothing"
    assert not rows.exclude(state__in=Enrollment.INSIDE).filter(left_at=None).exists()
    assert not Visit.objects.filter(left_at=None).exclude(enrollment__state__in=Enrollment.INSIDE).exists()
    arrived = Counter(str(mail.message["Message-ID"]).strip() for mail in inbox.accepted)
    assert set(arrived.values()) <= {1}
    assert Message.objects.filter(state="sent").count() == len(arrived)
    on_the_way = Message.objects.filter(settled_at=None).values("pk")
    assert not Visit.objects.filter(message__in=on_the_way, left_at__isnull=False).exists(), (
        "mailed after they moved on"
    )


@pytest.mark.django_db
@pytest.mark.parametrize("seed", range(6))
def test_whatever_is_published_whenever_nobody_is_lost_or_mailed_twice(inbox, seed):
    chance, now, people = random.Random(seed), NOW, 0
    templates = [TemplateFactory(subject=f"mail {n}").pk for n in range(6)]
    campaign = CampaignFactory(rows=some_rows(chance, templates))
    for _ in range(14):
        deed = chance.choice(["enter", "publish", "publish", "advance", "advance", "run", "pause"])
        if deed == "enter":
            enter(campaign, 3, now)
            people += 3
        elif deed == "publish":
            republish(campaign, some_rows(chance, templates), chance, now)
        elif deed == "advance":
            advance(now, limit=chance.randint(1, 5))
        elif deed == "run":
            engine.run(now)
        else:
            lifecycle.pause(campaign, None, now)
            now += chance.randint(1, 9) * HOUR
            engine.run(now)
            late = chance.choice(["send", "shift", "exit"])
            lifecycle.resume(campaign, None, now, Resumption(late, chance.choice([None, 15])))
        all_holds(inbox, people)
        now += chance.randint(0, 8) * HOUR
    for _ in range(14):
        now += 21 * HOUR
        engine.run(now)
    all_holds(inbox, people)
    assert not Enrollment.objects.active().exists(), "somebody never came to an end"


@pytest.mark.django_db(transaction=True)
def test_one_worker_publishes_while_two_advance():
    """Steps come and go under two hundred people who all move at that moment."""
    template = TemplateFactory().pk
    rows = [Row(uid=f"m{n}", wait_uid=f"w{n}", wait_amount=1, wait_unit="hours", template=template) for n in range(4)]
    campaign = CampaignFactory(rows=rows)
    people = Contact.objects.bulk_create(Contact(created_at=NOW, updated_at=NOW) for _ in range(200))
    Enrollment.objects.bulk_create(
        Enrollment(campaign=campaign, contact=one, version=campaign.live, step_uid="w0", due_at=NOW, scheduled_at=NOW)
        for one in people
    )
    begin, faults = Barrier(3), []

    def work(deed) -> None:
        try:
            begin.wait(10)
            deed()
        except Exception as fault:  # noqa: BLE001  whatever it is, the test must see it
            faults.append(fault)
        finally:
            connection.close()

    def move() -> None:
        for hour in range(6):
            for _ in range(12):
                advance(NOW + hour * HOUR, limit=20)

    def change() -> None:
        chance = random.Random(1)
        for kept in ([0, 2, 3], [0, 1, 2, 3], [3, 0], [1, 2]):
            for _ in range(20):
                try:
                    republish(campaign, [rows[n] for n in kept], chance, NOW + 2 * HOUR)
                    break
                except publishing.Refused as refused:  # somebody came to a removed step since the choices were made
                    assert "choose" in str(refused)

    threads = [Thread(target=work, args=(deed,)) for deed in (move, move, change)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not faults
    assert Campaign.objects.get(pk=campaign.pk).live.number > 1
    everybody_stands_in_their_version()
    for hour in range(10, 40):
        while advance(NOW + hour * HOUR):
            pass
    assert not Enrollment.objects.filter(state="parked").exists()
    assert Enrollment.objects.count() == 200 and not Enrollment.objects.active().exists()
    open_visits = Visit.objects.filter(left_at=None)
    assert not open_visits.exists()
