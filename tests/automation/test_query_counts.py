"""The number of queries does not grow with the batch: entering, advancing and settling work on sets."""

from collections import Counter
from itertools import count

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from ops.work import QUEUES
from tests.factories import NOW, CampaignFactory

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
