"""Whether something is due is asked ten times a second: of the moment, each time, and compiled once."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from lib.due import Question
from ops import work
from ops.models import Job

pytestmark = pytest.mark.django_db
NOW, MINUTE = datetime(2026, 3, 2, 9, tzinfo=UTC), timedelta(minutes=1)


def test_each_time_the_moment_counts_at_which_it_is_asked():
    asked = []

    def failed(now):
        asked.append(now)
        return Job.objects.filter(state="failed", finished_at__gt=now - MINUTE)

    question = Question(lambda now: Job.objects.due(now), failed)
    Job.objects.create(kind="x", title="Due", due_at=NOW)
    assert [question(NOW + minutes * MINUTE) for minutes in (-1, 0, 1)] == [False, True, True]
    Job.objects.update(state="failed", due_at=None, finished_at=NOW)
    assert [question(NOW + minutes * MINUTE) for minutes in (0, 1, 0)] == [True, False, True]
    assert len(asked) == 1


def test_what_all_queues_ask_is_one_query_each():
    work.due_queues(NOW)
    with CaptureQueriesContext(connection) as captured:
        assert work.due_queues(NOW) == []
    assert len(captured) == len(list(work.QUEUES))
