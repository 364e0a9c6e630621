"""What publishing does to the people inside, of whatever version: they follow, or finish on the version they are on.

A fixed number of statements, whoever many they are. The publishing transaction holds the campaign, so nobody enters or
takes a step meanwhile; their mails may be settled, for which the enrollments are locked first.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

import msgspec
from django.db import connection

from automation import retiming
from automation.adopting import adopt
from automation.documents import of_versions
from automation.enrolling import cancel, leave
from automation.models import Enrollment, Visit
from campaigns import choices as choosing
from campaigns import doors
from campaigns.choices import Choices, StepChoice
from campaigns.document import Document, parse
from campaigns.impact import describe
from campaigns.models import Campaign, Version
from campaigns.step_kinds import Wait
from campaigns.ways import is_kept, next_kept

LOCK = """
SELECT count(*) FROM (SELECT id FROM automation_enrollment
    WHERE campaign_id = %s AND state IN ('active', 'held', 'parked') ORDER BY id FOR UPDATE) AS locked
"""

# What they wait for, if that comes by itself or by a person; nothing would wake the others.
CONCERNED = """
SELECT e.id, p.deed, p.target, CASE
    WHEN e.state = 'active' THEN 'time'
    WHEN e.state = 'parked' THEN 'release'
    WHEN v.facts ->> 'fuse' = 'held' THEN 'fuse'
    WHEN v.kind = 'gate' THEN 'place'
    WHEN v.id IS NOT NULL THEN 'answer' END
FROM automation_enrollment e
LEFT JOIN automation_visit v ON v.enrollment_id = e.id AND v.left_at IS NULL
JOIN jsonb_to_recordset(%s::jsonb) AS p(version bigint, uid text, deed text, target text)
    ON e.version_id = p.version AND e.step_uid = p.uid
WHERE e.campaign_id = %s AND e.state IN ('active', 'held', 'parked')
ORDER BY e.id
"""
WHEN = {
    "time": "when it is due",
    "release": "when a person releases it",
    "fuse": "when a person lets it go on",
    "answer": "when the answer is there",
    "place": "when there is a place",
}

CLOSE_VISITS = """
UPDATE automation_visit AS v SET left_at = %s, arm = 'moved', explanation = left(n.words, 400)
FROM jsonb_to_recordset(%s::jsonb) AS n(id bigint, words text)
WHERE v.enrollment_id = n.id AND v.left_at IS NULL
"""

MOVE_NOW = """
UPDATE automation_enrollment AS e SET listens = false, reason = '', step_uid = coalesce(n.target, e.step_uid),
    state = CASE WHEN n.target IS NULL THEN 'finished' ELSE 'active' END,
    explanation = CASE WHEN n.target IS NULL THEN n.words ELSE '' END,
    due_at = CASE WHEN n.target IS NOT NULL THEN n.at END, left_at = CASE WHEN n.target IS NULL THEN n.at END,
    scheduled_at = n.at
FROM jsonb_to_recordset(%s::jsonb) AS n(id bigint, target text, words text, at timestamptz)
WHERE e.id = n.id
"""

MOVE_LATER = """
WITH moved AS (
    UPDATE automation_enrollment AS e SET listens = false, step_uid = n.target
    FROM jsonb_to_recordset(%s::jsonb) AS n(id bigint, target text) WHERE e.id = n.id RETURNING e.id
)
UPDATE automation_visit AS v SET explanation = left(v.explanation || ' ' || n.words, 400)
FROM jsonb_to_recordset(%s::jsonb) AS n(id bigint, words text)
WHERE v.enrollment_id = n.id AND v.left_at IS NULL AND v.enrollment_id IN (SELECT id FROM moved)
"""

RETIME = """
WITH timed AS (
    UPDATE automation_enrollment AS e SET due_at = n.at, scheduled_at = n.at, listens = n.listens
    FROM jsonb_to_recordset(%s::jsonb) AS n(id bigint, at timestamptz, listens boolean)
    WHERE e.id = n.id AND e.state = 'active'
    RETURNING e.id
)
UPDATE automation_visit AS v SET explanation = n.words, facts = n.facts
FROM jsonb_to_recordset(%s::jsonb) AS n(id bigint, words text, facts jsonb)
WHERE v.enrollment_id = n.id AND v.left_at IS NULL AND v.enrollment_id IN (SELECT id FROM timed)
"""


def follow(campaign: Campaign, version: Version, now: datetime) -> None:
    """A listener to publishing: people inside use the new version from their next step on, unless they drain."""
    choices = choosing.parse(version.choices)
    places = doors.places(campaign)
    if choices.drains or not places:
        return
    _execute(LOCK, [campaign.pk])
    olds = of_versions(place.version for place in places)
    publication = Publication(campaign, version, choices, olds, now)
    publication.move(places)
    publication.recompute()
    adopt(campaign, olds, publication.new, now)
    Enrollment.objects.active().filter(campaign=campaign).update(version=version)


class Publication:
    """One publishing: the new version, what was chosen, and the versions that people come from."""

    def __init__(self, campaign, version, choices: Choices, olds: dict[int, Document], now: datetime):
        self.campaign, self.version, self.choices, self.olds, self.now = campaign, version, choices, olds, now
        self.new = parse(version.document)

    def move(self, places: Sequence[doors.Place]) -> None:
        """Those whose step is no more go where was chosen for them."""
        plan = [row for place in places if (row := self._planned(place))]
        if not plan:
            return
        people: dict[str, list[tuple[int, str | None]]] = defaultdict(list)
        later: list[tuple[int, str, str]] = []
        for pk, deed, target, awaited in _execute(CONCERNED, [_json(plan), self.campaign.pk]):
            if deed == "due" and awaited:
                later.append((pk, target, WHEN[awaited]))
            else:
                people["step" if deed == "due" else deed].append((pk, target))
        words = f"Its step was removed from the campaign with version {self.version.number}."
        leave([pk for pk, _ in people["exit"]], "step_removed", words, self.now)
        self._move_now(people["step"], words)
        self._move_later(later)

    def _planned(self, place: doors.Place) -> dict | None:
        """Where those of one place go; None: they stay."""
        old = self.olds[place.version]
        if is_kept(old.step(place.uid), self.new):
            return None
        chosen = self.choices.removed.get(place.uid) or StepChoice(then="exit")
        target = next_kept(old, self.new, place.uid) if chosen.then == "next" else chosen.target
        deed = "step" if chosen.then == "next" else chosen.then
        return {"version": place.version, "uid": place.uid, "deed": deed, "target": target}

    def _move_now(self, people: list[tuple[int, str | None]], words: str) -> None:
        if not people:
            return
        cancel([pk for pk, _ in people], words, self.now)
        names = self._names({target for _, target in people})
        rows = [{"id": pk, "target": to, "words": f"{words} {names[to]}", "at": self.now} for pk, to in people]
        _execute(CLOSE_VISITS, [self.now, _json(rows)])
        _execute(MOVE_NOW, [_json(rows)])

    def _move_later(self, people: list[tuple[int, str, str]]) -> None:
        """They keep what they wait for (a time, a mail, their place in a queue, a person) and go elsewhere then."""
        if not people:
            return
        number, names = self.version.number, self._names({target for _, target, _ in people})
        rows = [
            {"id": pk, "target": to, "words": f"Removed with version {number}; {when}: {names[to]}"}
            for pk, to, when in people
        ]
        _execute(MOVE_LATER, [_json(rows)] * 2)

    def _names(self, targets: set[str | None]) -> dict[str | None, str]:
        """Where they go, in a sentence."""
        words = {to: describe(self.new.step(to)) if to else "" for to in targets}
        return {to: f"They go on with “{said}”." if to else "Nothing came after it." for to, said in words.items()}

    def recompute(self) -> None:
        """Those whose wait changed, where that was chosen: the time already waited counts."""
        chosen = [uid for uid, choice in self.choices.waits.items() if choice == "recompute"]
        found = retiming.anew(self.campaign, self.olds, self.new, self.now, chosen)
        rows = [self._timed(visit, wait) for its in found.values() for visit, wait in its]
        if rows:
            _execute(RETIME, [_json(rows)] * 2)

    def _timed(self, visit: Visit, wait: Wait) -> dict:
        added = f" So version {self.version.number} has it; the time already waited counts."
        words = wait.explanation[: 400 - len(added)] + added
        its = {"at": wait.until, "facts": wait.facts, "listens": wait.listens}
        return {"id": visit.enrollment_id, "words": words, **its}


def _json(rows: list[dict]) -> str:
    return msgspec.json.encode(rows).decode()


def _execute(sql: str, parameters: list) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchall() if cursor.description else []
