"""The whole worker, killed with `kill -9` in the middle of a mailing, and another one started: as in an outage."""

import time

import pytest
from django.db import connection

from automation.models import Enrollment
from campaigns.models import Message
from events import recording
from events.items import Item
from lib import clock
from ops.models import Source
from tests.factories import CampaignFactory
from tests.processes import descendants, kill, wait_until, worker
from tests.smtp_server import FaultySmtpServer

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]
PEOPLE, KILLS = 240, 4


def sign_up(count: int) -> None:
    source = Source.objects.create(name="Shop")
    for number in range(count):
        who = {"user_id": f"u{number}"}
        items = [
            Item(kind="identify", traits={"email": f"u{number}@example.com"}, **who),
            Item(kind="track", event="Signed Up", **who),
        ]
        recording.record(source, items, clock.now())


def let_leases_run_out() -> None:
    """A minute later, as far as leases are concerned."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE campaigns_message SET lease_until = now() - interval '1 s' WHERE lease_until IS NOT NULL"
        )


def test_nobody_is_lost_and_nobody_is_mailed_twice():
    CampaignFactory(event="users.signed_up", now=clock.now())
    sign_up(PEOPLE)
    with FaultySmtpServer() as inbox:
        inbox.on("DOT", delay=0.03)
        for round_ in range(1, KILLS + 1):
            with worker(EMAIL_URL=inbox.url) as process:
                goal = len(inbox.accepted) + 25
                wait_until(lambda goal=goal: len(inbox.accepted) >= goal, 60, f"mails flow, round {round_}")
                for pid in [process.pid, *descendants(process.pid)]:
                    kill(pid)
            time.sleep(0.3)
            let_leases_run_out()
        with worker(EMAIL_URL=inbox.url):
            wait_until(lambda: not Message.objects.open().exists() and everybody_is_through(), 90, "all is settled")
        accepted = [mail.recipient for mail in inbox.accepted]

    assert len(accepted) == len(set(accepted)), "nobody is mailed twice"
    outcomes = dict(Message.objects.values_list("address__email", "state"))
    assert len(outcomes) == PEOPLE and set(outcomes.values()) <= {"sent", "unknown"}
    assert {who for who, state in outcomes.items() if state == "sent"} <= set(accepted), "sent means accepted"
    lost = set(outcomes) - set(accepted) - {who for who, state in outcomes.items() if state == "unknown"}
    assert not lost
    unknown = sum(state == "unknown" for state in outcomes.values())
    assert unknown <= KILLS * 8, "at most what was in flight: a message per connection"
    assert Enrollment.objects.count() == PEOPLE


def everybody_is_through() -> bool:
    return Enrollment.objects.filter(state=Enrollment.State.FINISHED).count() == PEOPLE
