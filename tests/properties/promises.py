"""What publishing says that it does to the people inside, held against what became of them.

Worked out from the two definitions alone: who stays and when they are due, who goes where and whether at once or when
what they wait for has come.
"""

from datetime import datetime, timedelta
from typing import Any

from automation.models import Enrollment, Visit
from campaigns.choices import Choices
from campaigns.document import Document, StepDoc, parse
from campaigns.models import Campaign

UNITS = {"minutes": 1, "hours": 60, "days": 24 * 60, "weeks": 7 * 24 * 60}


class Promises:
    """Who is inside before a publishing, and what was chosen for them."""

    def __init__(self, campaign: Campaign, choices: Choices):
        self.campaign, self.choices, self.new = campaign, choices, parse(campaign.draft)
        self.before = list(Enrollment.objects.active().filter(campaign=campaign).select_related("version"))

    def are_kept(self, now: datetime) -> None:
        after = Enrollment.objects.in_bulk([row.pk for row in self.before])
        live = Campaign.objects.get(pk=self.campaign.pk).live_id
        for row in self.before:
            found = after[row.pk]
            old = parse(row.version.document).step(row.step_uid)
            if self.choices.drains:
                assert _place(found) == _place(row), "drains, and was moved"
                assert found.version_id == row.version_id, "drains, and has another version"
                continue
            assert found.version_id == live or found.state in ("exited", "finished"), "does not follow"
            if old and _stays(old, self.new):
                self._waits_on(row, found, old, now)
            else:
                self._goes(row, found, now)

    def _waits_on(self, row: Enrollment, found: Enrollment, old: StepDoc, now: datetime) -> None:
        new = self.new.step(row.step_uid)
        assert new and (found.state, found.step_uid) == (row.state, row.step_uid), "stays, and is elsewhere"
        if self.choices.waits.get(row.step_uid) != "recompute":
            assert _place(found) == _place(row), f"keeps the time, and is due at {found.due_at}, not {row.due_at}"
        elif (span := _span(new)) and _span(old) and old.config != new.config:
            self._waits_anew(row, found, span, now)

    def _waits_anew(self, row: Enrollment, found: Enrollment, span: timedelta, now: datetime) -> None:
        """The time already waited counts."""
        here = Visit.objects.filter(enrollment=row, left_at=None).first()
        # Who was woken, goes elsewhere when due or has not begun yet has no wait that could be worked out anew.
        waits = here and row.state == "active" and (here.step_uid, here.kind) == (row.step_uid, "wait")
        if here and waits and "woken" not in here.facts:
            since = datetime.fromisoformat(here.facts["since"])
            assert found.due_at == max(since + span, now), f"has waited since {since}, and is due at {found.due_at}"

    def _goes(self, row: Enrollment, found: Enrollment, now: datetime) -> None:
        chosen = self.choices.removed[row.step_uid]
        if chosen.then == "exit":
            assert (found.state, found.reason) == ("exited", "step_removed")
        elif chosen.then == "due":
            assert found.step_uid == chosen.target
            assert (found.state, found.due_at) == (row.state, row.due_at), "goes on when it is due, and that is now"
        elif chosen.then == "step" or found.state != "finished":
            assert (found.state, found.due_at) == ("active", now), "goes on now, and does not"
            assert chosen.then == "next" or found.step_uid == chosen.target
            assert not Visit.objects.filter(enrollment=row, left_at=None).exists(), "goes on, and stands there still"


def _stays(old: StepDoc, new: Document) -> bool:
    same = new.step(old.uid)
    return same is not None and same.kind == old.kind


def _place(row: Enrollment) -> tuple[Any, ...]:
    return row.state, row.step_uid, row.due_at, row.scheduled_at


def _span(step: StepDoc) -> timedelta | None:
    """Of a wait for a length of time and nothing else."""
    its = step.config
    plain = step.kind == "wait" and its.get("mode", "for") == "for" and not its.get("at") and not its.get("days")
    return timedelta(minutes=its["amount"] * UNITS[its["unit"]]) if plain else None
