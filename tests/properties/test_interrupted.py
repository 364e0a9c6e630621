"""What the machine meets too seldom: a mail that was being handed over when its reader left the campaign."""

from datetime import timedelta

import pytest

from automation.models import Enrollment
from campaigns import lifecycle
from campaigns.models import Campaign, Message
from events import recording
from events.items import Item
from ops.work import QUEUES
from tests import engine
from tests.factories import NOW
from tests.properties.dying import send_and
from tests.properties.people import EMAILS, TRIGGER
from tests.properties.test_engine_machine import site  # noqa: F401  the fixture


@pytest.mark.parametrize("nth", [1, 2, 3])
@pytest.mark.parametrize("deed", ["archive", "sign up again"])
def test_a_mail_that_is_put_off_at_the_dot_is_not_tried_again_after_its_reader_has_left(site, deed, nth):  # noqa: F811
    def sign_up():
        traits = Item(kind="identify", user_id="ann", traits={"email": EMAILS["ann"]})
        recording.record(site.source, [traits, Item(kind="track", user_id="ann", event=TRIGGER)], NOW)
        QUEUES["changes"].work(NOW)

    def leave():
        if deed == "archive":
            for campaign in Campaign.objects.filter(pk__in=site.campaigns):
                lifecycle.archive(campaign, site.user, NOW)
        else:
            sign_up()

    sign_up()
    for _ in site.campaigns:
        QUEUES["enrollments"].work(NOW)
    site.server.on("DOT", reply="451 4.3.0 later", times=3)
    send_and(leave, NOW, limit=3, nth=nth, before=False)
    site.server.rules.clear()
    for minutes in (0, 5):
        engine.run(NOW + timedelta(minutes=minutes))
    left = Message.objects.filter(visit__enrollment__state=Enrollment.State.EXITED)
    assert left.exists()
    assert set(left.values_list("state", "outcome")) == {("not_sent", "cancelled")}
