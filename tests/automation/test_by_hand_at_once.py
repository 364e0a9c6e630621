"""A person moves somebody while somebody else publishes, on two connections: nobody is left in a step that is gone."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection, connections, transaction

from automation import by_hand, releasing
from automation.models import Enrollment
from campaigns.models import Campaign
from tests.automation.publishing_again import edit, everybody_stands_in_their_version, mails, publish
from tests.factories import NOW, CampaignFactory, ContactFactory, UserFactory

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]


def waiting_for_a_row() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype IN ('transactionid', 'tuple')")
        return cursor.fetchone()[0]


def while_published(campaign, deed):
    """`deed()` on another connection, begun while a version is published, ends with it; what came of it."""
    return meanwhile(lambda: publish(Campaign.objects.get(pk=campaign.pk), NOW), deed)


def meanwhile(works, deed):
    """`deed()` on another connection, begun while the transaction of `works()` is open; what came of it."""

    def do():
        try:
            return deed()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as other:
        with transaction.atomic():
            works()
            done = other.submit(do)
            ends = time.monotonic() + 10
            while not waiting_for_a_row():
                assert not done.done() and time.monotonic() < ends, "it did not wait"
                time.sleep(0.01)
        return done.result(timeout=10)


def someone(campaign, **more) -> Enrollment:
    return Enrollment.objects.create(
        campaign=campaign, contact=ContactFactory(), version=campaign.live, step_uid="mail0", **more
    )


def test_nobody_is_moved_to_a_step_that_is_just_being_removed():
    campaign, user = CampaignFactory(rows=mails("A", "B", "C")), UserFactory()
    row = someone(campaign, due_at=NOW)
    edit(campaign, mails("A", "B"))

    def move():
        with pytest.raises(by_hand.Refused, match="no longer part of the version"):
            by_hand.move(row, "mail2", user, NOW)

    while_published(campaign, move)
    everybody_stands_in_their_version()
    row.refresh_from_db()
    assert row.step_uid == "mail0" and row.version.number == 2


def test_whoever_is_let_try_again_meanwhile_goes_on_in_the_new_version():
    campaign, user = CampaignFactory(rows=mails("A", "B")), UserFactory()
    row = someone(campaign, state="parked", reason="fault")
    edit(campaign, mails("A", "B", "C"))
    rows = Enrollment.objects.filter(pk=row.pk)
    assert while_published(campaign, lambda: releasing.release(rows, user, NOW)) == 1
    row.refresh_from_db()
    assert (row.state, row.version.number) == ("active", 2)


@pytest.mark.parametrize(
    ("deed", "said"), [("wake", "does not wait for a time"), ("move", "another step meanwhile"), ("let_out", "")]
)
def test_what_a_worker_has_in_hand_is_waited_for_and_not_done_over(deed, said):
    """The worker's transaction is open while the person asks; what they asked for is tested against what came of it."""
    campaign, user = CampaignFactory(rows=mails("A", "B", "C")), UserFactory()
    row = someone(campaign, due_at=NOW + timedelta(days=1), listens=True)
    asked = Enrollment.objects.get()

    def act():
        more = ["mail2"] if deed == "move" else []
        try:
            return getattr(by_hand, deed)(asked, *more, user, NOW)
        except by_hand.Refused as refused:
            return str(refused)

    def works():
        moved = {"step_uid": "mail1", "state": "held", "due_at": None, "listens": False}
        moved |= {} if deed == "move" else {"step_uid": "mail0"}
        assert Enrollment.objects.filter(pk=row.pk, state="active").update(**moved) == 1

    told = meanwhile(works, act)
    row.refresh_from_db()
    assert (said in told) if said else (row.state, row.reason) == ("exited", "by_hand")
