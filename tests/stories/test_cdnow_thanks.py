"""A thank-you for orders of $100 and more, once per customer, over the real orders of the CDNOW sample."""

from automation.models import Enrollment, Refusal
from campaigns.document import Trigger
from events.models import EventTypeRow
from lib import clock
from ops.models import ApiKey, Source
from tests import engine
from tests.factories import CampaignFactory, TemplateFactory
from tests.stories.test_cdnow import CUSTOMERS, SAMPLE, calls, pytestmark, replay

__all__ = ["pytestmark"]


def activate_thanks():
    large = {"field": "event.dollars", "op": "≥", "value": 100}
    template = TemplateFactory(
        subject="Thank you",
        html='<p>You spent ${{ event.dollars }}.</p><a href="{{ unsubscribe_url }}">Unsubscribe</a>',
    )
    return CampaignFactory(
        name="Thank you", template=template, triggers=[Trigger(event="order.completed", filter=large)], now=clock.now()
    )


def test_old_orders_start_nothing_until_the_late_limit_is_lifted(live_server, inbox):
    items = list(calls(SAMPLE.read_text().splitlines()))
    activate_thanks()

    replay(live_server.url, ApiKey.objects.create_key("write", Source.objects.create(name="1997"))[1], items)
    engine.run(clock.now())
    assert Enrollment.objects.count() == 0 and inbox.accepted == []
    large = [line.split() for line in SAMPLE.read_text().splitlines() if float(line.split()[4]) >= 100]
    assert Refusal.objects.filter(reason="late").count() == len(large), "each refusal is written down"

    EventTypeRow.objects.filter(key="order.completed").update(no_late_limit=True)
    replay(live_server.url, ApiKey.objects.create_key("write", Source.objects.create(name="again"))[1], items)
    engine.run(clock.now())
    expected = {f"customer{customer}@example.com" for _, customer, *_ in large}
    assert 0 < len(expected) < CUSTOMERS
    got = [mail.recipient for mail in inbox.accepted]
    assert set(got) == expected
    assert len(got) == len(expected), "once per customer, whatever the number of large orders"
    assert Enrollment.objects.count() == len(expected)
