"""What people decide about whoever and whatever waits for a person; each decision may die or fail on its way."""

import contextlib
from collections.abc import Iterator
from datetime import datetime
from functools import cache
from random import Random
from typing import Any

from django.apps import apps
from django.db import connection
from django.db.models import QuerySet
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from automation import by_hand, parked
from automation import releasing as of_enrollments
from automation.call_models import Call
from automation.models import Enrollment
from automation.webhooks import deciding as of_calls
from campaigns import releasing as of_messages
from campaigns.models import Message
from contacts import releasing as of_merges
from contacts.models import Change, Merge
from events import releasing as of_changes
from ops.models import Heartbeat
from tests.properties.dying import Fate, fates
from tests.smtp_server import FaultySmtpServer

# What there is to choose from follows from ids, which no two runs have alike: it is chosen by a seed that is drawn.
seeds = st.integers(0, 10_000)
APPS = ["contacts", "events", "segments", "scoring", "campaigns", "automation", "ops", "admin"]


def _tables() -> list[str]:
    models = [model for label in APPS for model in apps.get_app_config(label).get_models() if model is not Heartbeat]
    return [model._meta.db_table for model in models if model._meta.managed and not model._meta.proxy]


@cache
def _all_of_it() -> str:
    asked = "SELECT '{0}', count(*), md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {0} t"
    return " UNION ALL ".join(asked.format(table) for table in _tables())


def all_that_is_written() -> list[tuple]:
    """Of each table its rows, in short: two of these are alike where nothing was done in between."""
    with connection.cursor() as cursor:
        cursor.execute(_all_of_it())
        return cursor.fetchall()


WAITING = """
SELECT 'people' WHERE EXISTS (SELECT FROM automation_enrollment WHERE state = 'parked')
UNION ALL SELECT 'mails' WHERE EXISTS (SELECT FROM campaigns_message WHERE state IN ('parked', 'unknown'))
UNION ALL SELECT 'calls' WHERE EXISTS (SELECT FROM automation_call WHERE state IN ('parked', 'failed'))
UNION ALL SELECT 'changes' WHERE EXISTS (SELECT FROM contacts_change WHERE due_at IS NULL)
UNION ALL SELECT 'merges' WHERE EXISTS (SELECT FROM contacts_merge WHERE fault <> '')
"""


class Deciding(RuleBasedStateMachine):
    """The part of the machine in which people decide."""

    site: Any
    now: datetime
    server: FaultySmtpServer

    def __init__(self):
        super().__init__()
        self.aside: list[str] = []

    @contextlib.contextmanager
    def whole(self, fate: Fate) -> Iterator[Fate]:
        """A deed that is one transaction: where it dies or fails nothing of it is there."""
        before = all_that_is_written() if fate.ends else []
        with fate.meets():
            yield fate
        if fate.struck:
            assert not set(all_that_is_written()) ^ set(before), "half done"

    @precondition(lambda self: self.aside)
    @rule(seed=seeds, fate=fates)
    def decide(self, seed, fate):
        """About something that waits for a person; more often about people than about anything else."""
        chance = Random(seed)
        about = "people" if "people" in self.aside and chance.random() < 0.6 else chance.choice(self.aside)
        with self.whole(fate):
            getattr(self, f"_about_{about}")(chance)

    def look_what_waits(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute(WAITING)
            self.aside = [about for (about,) in cursor.fetchall()]

    def _about_people(self, chance: Random) -> None:
        stopped = list(Enrollment.objects.filter(state="parked").order_by("pk"))
        verb = chance.choice(["retry", "retry", "release", "release", "all", "discard"])
        if verb == "retry":
            by_hand.retry(chance.choice(stopped), self.site.user, self.now)
        elif verb == "all":
            parked.start("release", None, "", "", self.site.user, self.now)
        else:
            getattr(of_enrollments, verb)(one_of(Enrollment.objects.all(), stopped, chance), None, self.now)

    def _about_mails(self, chance: Random) -> None:
        """Nobody says that something arrived which did not, and nobody has a mail sent again that did."""
        waiting = Message.objects.filter(state__in=["parked", "unknown"]).order_by("created_at", "key")
        message = chance.choice(list(waiting))
        verbs = ["release", "discard"]
        if message.state == "unknown":
            arrived = any(mail.message["Message-ID"] == message.message_id for mail in self.server.accepted)
            verbs = ["arrived"] if arrived else ["did_not_arrive", "resend", "resend"]
        getattr(of_messages, chance.choice(verbs))(Message.objects.filter(pk=message.pk), self.site.user, self.now)

    def _about_calls(self, chance: Random) -> None:
        waiting = Call.objects.filter(state__in=["parked", "failed"]).order_by("created_at", "enrollment")
        verb = getattr(of_calls, chance.choice(["again", "release", "discard"]))
        verb(Call.objects.filter(pk=chance.choice(list(waiting)).pk), self.site.user, self.now)

    def _about_changes(self, chance: Random) -> None:
        verb = getattr(of_changes, chance.choice(["release", "release", "discard"]))
        verb(Change.objects.filter(of_changes.PARKED), self.site.user, self.now)

    def _about_merges(self, chance: Random) -> None:
        of_merges.release(Merge.objects.all(), self.site.user, self.now)

    def nothing_waits_for_a_person(self) -> None:
        """Everything is tried once more."""
        of_enrollments.release(Enrollment.objects.all(), self.site.user, self.now)
        of_changes.release(Change.objects.all(), self.site.user, self.now)
        of_merges.release(Merge.objects.all(), self.site.user, self.now)


def one_of(rows: QuerySet, found: list, chance: Random) -> QuerySet:
    """One row of those found, or all of them."""
    return rows.filter(pk__in=[row.pk for row in (found if chance.random() < 0.5 else [chance.choice(found)])])
