"""The number of queries does not grow with the batch: entering, advancing and settling work on sets."""

from collections import Counter
from itertools import count

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from automation.models import Enrollment
from campaigns.document import Trigger
from campaigns.linear import Row
from contacts.models import LANES, Change
from events import pipeline, recording
from events.items import Item
from ops.models import Source
from ops.work import QUEUES
from segments import defining
from segments.models import Segment
from tests import engine
from tests.factories import NOW, CampaignFactory, TemplateFactory, UserFactory

pytestmark = pytest.mark.django_db
ROUNDS = ["changes", "enrollments", "mail", "settled", "enrollments", "changes"]


@pytest.fixture
def spent(inbox, track):
    """`spent(9)`: nine people enter one of ten campaigns; the queries of each round until they have finished."""
    CampaignFactory()
    CampaignFactory.create_batch(9, event="cart.abandoned")
    numbers = count()

    def run(people: int) -> Counter[str]:
        for number in [next(numbers) for _ in range(people)]:
            track(NOW, f"u{number}", "users.signed_up", traits={"email": f"u{number}@example.com"}, run=False)
        found: Counter[str] = Counter()
        for place, name in enumerate(ROUNDS):
            with CaptureQueriesContext(connection) as captured:
                assert QUEUES[name].work(NOW)
            found[f"{place} {name}"] = len(captured)
        return found

    run(1)  # what is read once and kept
    return run


def test_a_round_takes_as_many_queries_for_nine_people_as_for_two(spent, inbox):
    few, many = spent(2), spent(9)
    assert len(inbox.accepted) == 12
    each = "2 mail"  # a mail is marked and settled by a statement of its own: the mark must come just before its dot
    assert many.pop(each) - few.pop(each) == 9 - 2
    assert many == few


def test_all_ways_in_take_as_many_queries_for_two_hundred_people_as_for_one(inbox, monkeypatch):
    """Under twenty segments and ten campaigns that events, segments, attributes and dates let people into."""
    monkeypatch.setattr(pipeline, "LANES_AT_ONCE", LANES)  # one batch of changes, whoever they are about
    segments = [
        defining.save(Segment(name=f"Segment {number}", condition=_from_plan(number)), None, NOW)
        for number in range(20)
    ]
    engine.run(NOW)
    triggers = [
        Trigger(event="users.signed_up"),
        Trigger(kind="segment_entered", config={"segment": segments[0].pk}),
        Trigger(kind="attribute", config={"attribute": "plan", "after": "pro"}),
        Trigger(kind="date", config={"field": "contact.birthday", "anniversary": True}),
    ]
    for trigger in [*triggers, *triggers, *triggers[:2]]:
        CampaignFactory(triggers=[trigger], rows=[Row(wait_amount=1, template=TemplateFactory().pk)], holdout=10)
    engine.run(NOW)
    source, numbers, counts = Source.objects.create(name="Shop"), count(), []
    for size in (1, 1, 200):
        names = [f"u{next(numbers)}" for _ in range(size)]
        traits = {"plan": "pro", "birthday": "1990-03-05"}
        items = [Item(kind="identify", user_id=name, traits=traits) for name in names]
        items += [Item(kind="track", user_id=name, event="users.signed_up") for name in names]
        recording.record(source, items, NOW)
        counts.append(_queries_of_rounds())
    assert counts[1] == counts[2]
    assert Enrollment.objects.count() == 202 * 8


def _from_plan(number: int) -> dict:
    return {
        "field": "contact.plan",
        "op": "any of",
        "value": [f"plan {number}", "pro" if number == 0 else "enterprise"],
    }


def _queries_of_rounds() -> list[int]:
    """Of each batch of changes, with all lanes at once, until none is left."""
    found = []
    while Change.objects.filter(due_at__lte=NOW).exists():
        with CaptureQueriesContext(connection) as captured:
            QUEUES["changes"].work(NOW)
        found.append(len(captured))
    return found


@pytest.mark.parametrize("model", ["automation_enrollment", "campaigns_message"])
def test_lists_of_people_and_mails_read_no_definition_and_no_mail_for_a_row(model, client, track, inbox):
    CampaignFactory(name="Welcome")
    CampaignFactory(name="Nobody ever", event="cart.abandoned")
    track(NOW, "ann", "users.signed_up", traits={"email": "ann@example.com"})
    client.force_login(UserFactory())
    with CaptureQueriesContext(connection) as captured:
        html = client.get(reverse(f"admin:{model}_changelist")).content.decode()
    assert "ann@example.com" in html and ">Welcome<" in "".join(html.split()) and "Nobody ever" not in html
    [read] = [query["sql"] for query in captured if query["sql"].startswith(f'SELECT "{model}"."id"')]
    assert not [column for column in ("draft", "document", "html", "compiled") if f'"{column}"' in read]
