"""Previewing: what a draft would do to everybody's score, without doing it.

`ScorePreview.outcome`:
{"people": contacts with a score before or after, "moved": how many change band,
 "bands": [[before, after, how many], …] by place,
 "examples": [{"contact": id, "before": points, "after": points, "band_before": place, "band_after": place}, …] (≤ 20),
 "edges": the lower edges of the histogram's columns, "before": [how many, …], "after": [how many, …]}
Of a model that is off nobody has a score before. The examples are those who change most, first those who change band.
"""

from bisect import bisect
from collections import Counter
from collections.abc import Collection, Iterable
from datetime import datetime
from heapq import nlargest
from typing import Any, NamedTuple

import msgspec
from django.db import connection
from django.db.models import Exists

from contacts.models import Contact
from ops import jobs
from ops.models import Job
from scoring import fit, ledger, points, reading, recomputing, ruling
from scoring.document import Document, parse
from scoring.models import Score, ScoreModel, ScorePreview, ScoreRule
from segments.sql import array

KIND = "scoring.preview"
AT_ONCE = 5_000
EXAMPLES = 20
WIDTH = 10  # points a column
COLUMNS = 25


def start(model: ScoreModel, user, now: datetime) -> Job:
    """Queue a preview of `model.draft`; `model.preview` is its row, ready when `made_at` is set."""
    arguments = {"model": model.pk, "draft_revision": model.draft_revision}
    job = jobs.start(KIND, f"Preview of the changes to “{model}”", arguments, user, now)
    ScorePreview.objects.update_or_create(
        model=model,
        defaults={"draft_revision": model.draft_revision, "job": job, "made_at": None, "outcome": {}},
    )
    return job


class One(NamedTuple):
    """A contact's score before and after."""

    contact: int
    before: float
    after: float
    band_before: int
    band_after: int

    @property
    def changes(self) -> bool:
        return self.before != self.after or self.band_before != self.band_after

    @property
    def weight(self) -> tuple[bool, float, int]:
        return self.band_before != self.band_after, abs(self.after - self.before), -self.contact


def step(job: Job, now: datetime) -> bool:
    """One batch of the job: some thousand contacts, added to what was found so far."""
    model = ScoreModel.objects.filter(pk=job.arguments["model"]).first()
    if model is None or model.draft is None or model.draft_revision != job.arguments["draft_revision"]:
        job.result = "The draft was changed again, so there was nothing more to do."
        return True
    if job.total is None:
        job.total, job.cursor = Contact.objects.current().count(), {"after": 0, "tally": _nothing()}
    after = job.cursor["after"]
    chunk = list(Contact.objects.current().filter(pk__gt=after).order_by("pk").values_list("pk", flat=True)[:AT_ONCE])
    tally = job.cursor["tally"]
    if not chunk:
        _finish(model, job, tally, now)
        return True
    _add(tally, compare(model, parse(model.draft), chunk, now))
    job.cursor = {"after": chunk[-1], "tally": tally}
    job.done = min(job.done + len(chunk), job.total or 0)
    return False


def compare(model: ScoreModel, draft: Document, contact_ids: Collection[int], now: datetime) -> list[One]:
    """Everybody's score by the rules in force and by the draft; those who have none either way are left out."""
    after = _after(model, draft, contact_ids, now)
    stored = {}
    if model.is_active:
        rows = Score.objects.filter(model=model, contact__in=contact_ids)
        stored = dict(rows.values_list("contact_id", "band"))
    before = reading.standings(model, stored, now) if stored else {}
    thresholds = [band.points for band in draft.bands[1:]]
    none = _clamped(0, draft)
    found = []
    for pk in sorted(stored.keys() | after.keys()):
        now_has = after.get(pk, none)
        was = before[pk].points if pk in before else 0
        found.append(One(pk, was, now_has, stored.get(pk, 0), bisect(thresholds, now_has)))
    return found


def _clamped(value: float, draft: Document) -> float:
    low = value if draft.floor is None else max(value, draft.floor)
    return low if draft.ceiling is None else min(low, draft.ceiling)


# --- everybody's score by the draft ---

# The ledger as it is, of rules that count the same events and people; of the others as it would be.
_AFTER = f"""
WITH rules AS MATERIALIZED (
    SELECT * FROM json_to_recordset(%s) AS r (
        rule_key bigint, row_id bigint, at_most int, part text, effect text, points float8, half_life float8,
        lasts float8, cap float8, group_name text, group_cap float8, position int
    )
),
made (rule_key, contact_id, event_id, at) AS ({{made}}),
latest AS (
    SELECT m.*, row_number() OVER (PARTITION BY m.rule_key, m.contact_id ORDER BY m.at DESC, m.event_id DESC) AS place
    FROM (
        SELECT m.rule_key, coalesce(c.merged_into_id, c.id) AS contact_id, m.event_id, m.at
        FROM made m JOIN contacts_contact c ON c.id = m.contact_id
    ) AS m
),
ledger AS (
    SELECT c.model_id, c.contact_id, %s::timestamptz AS moment, c.id, r.rule_key, c.event_id, c.at, c.effect, c.points,
        c.half_life, c.lasts
    FROM scoring_scorechange c LEFT JOIN rules r ON r.row_id = c.rule_id
    WHERE c.model_id = %s AND c.ended_at IS NULL AND c.contact_id = ANY(ARRAY(SELECT unnest(%s::bigint[])))
        AND (c.rule_id IS NULL OR r.rule_key IS NOT NULL)
    UNION ALL
    SELECT %s, l.contact_id, %s::timestamptz, -row_number() OVER (), l.rule_key, l.event_id, l.at, '', NULL, NULL, NULL
    FROM latest l JOIN rules r USING (rule_key) WHERE l.place <= r.at_most
),
{points.parts()}
SELECT p.contact_id, {points.total("p.fit", "p.engagement")}
FROM parts p CROSS JOIN (SELECT %s::float8 AS floor, %s::float8 AS ceiling) AS m
"""
# It may be true of them since long ago, by the rule as it was.
_TRUE = """
SELECT {key}::bigint, f.id, NULL::uuid, coalesce(
    (SELECT c.at FROM scoring_scorechange c WHERE c.contact_id = f.id AND c.rule_id = r.id AND c.ended_at IS NULL),
    %s::timestamptz
)
FROM ({rows}) AS f (id) LEFT JOIN scoring_scorerule r ON r.model_id = %s AND r.uid = %s"""
_NOTHING = "SELECT NULL::bigint, NULL::bigint, NULL::uuid, NULL::timestamptz WHERE false"


def _after(model: ScoreModel, draft: Document, ids: Collection[int], now: datetime) -> dict[int, float]:
    known = {row.uid: row for row in ScoreRule.objects.filter(model=model, removed_at=None)}
    settled = parse(model.definition) if model.is_active and model.is_settled else Document()
    rows = ruling.rows_of(model, draft, now)
    described, sources = [], []
    for key, (rule, row) in enumerate(zip(draft.rules, rows, strict=True)):
        same = rule.uid in known and not recomputing.differs(settled.rule(rule.uid), rule)
        described.append(_described(key, row, known[rule.uid].pk if same else None))
        if not same:
            sources.append(_source(key, row, ids, now))
    made = " UNION ALL ".join(sql for sql, _ in sources) or _NOTHING
    values = [value for _, its in sources for value in its]
    given: list[Any] = [now, model.pk, array(ids), model.pk, now, draft.floor, draft.ceiling]
    with connection.cursor() as cursor:
        rules = msgspec.json.encode(described).decode()
        cursor.execute(_AFTER.format(made=made), [rules, *values, *given])
        return dict(cursor.fetchall())


def _described(key: int, row: ScoreRule, row_id: int | None) -> dict[str, Any]:
    return {
        "rule_key": key, "row_id": row_id, "at_most": row.at_most, "part": row.part, "effect": row.effect,
        "points": row.points, "half_life": row.half_life, "lasts": row.lasts, "cap": row.cap, "group_name": row.group,
        "group_cap": row.group_cap, "position": row.position,
    }  # fmt: skip


def _source(key: int, row: ScoreRule, ids: Collection[int], now: datetime) -> ledger.Source:
    """What the rule would count, as of now."""
    row.pk = key
    if row.kind == ScoreRule.Kind.BEHAVIOURAL:
        became = Contact.objects.filter(merged_into__in=ids).values_list("pk", flat=True)
        rows = ledger.fits(row, [*ids, *became]).filter(~Exists(recomputing.WAITING))
        return ledger.fitting(row, rows)
    whom = fit.whom(row, now, ids)
    if whom is None:
        return _NOTHING, []
    sql, values = whom.order_by().values_list("pk").query.sql_with_params()
    return _TRUE.format(key=key, rows=sql), [now, *values, row.model_id, row.uid]


# --- adding up ---


def _nothing() -> dict[str, Any]:
    return {"people": 0, "bands": [], "examples": [], "before": {}, "after": {}}


def _add(tally: dict[str, Any], found: Iterable[One]) -> None:
    """Add a chunk to what was found, in the words of the outcome (columns by their number)."""
    ones = list(found)
    tally["people"] += len(ones)
    bands = Counter({(before, after): number for before, after, number in tally["bands"]})
    bands.update((one.band_before, one.band_after) for one in ones)
    tally["bands"] = [[*pair, number] for pair, number in sorted(bands.items())]
    for name in ("before", "after"):
        columns = Counter({int(column): number for column, number in tally[name].items()})
        columns.update(int(getattr(one, name) // WIDTH) for one in ones)
        tally[name] = {str(column): number for column, number in columns.items()}
    best = [One(**example) for example in tally["examples"]] + [one for one in ones if one.changes]
    tally["examples"] = [one._asdict() for one in nlargest(EXAMPLES, best, key=lambda one: one.weight)]


def _finish(model: ScoreModel, job: Job, tally: dict[str, Any], now: datetime) -> None:
    columns = [int(column) for name in ("before", "after") for column in tally[name]] or [0]
    low, high = min(columns), max(columns)
    wide = -(-(high - low + 1) // COLUMNS)  # so many columns at most: some of them are drawn as one
    edges = range(low, high + 1, wide)
    outcome = {name: tally[name] for name in ("people", "bands", "examples")}
    outcome["moved"] = sum(number for before, after, number in tally["bands"] if before != after)
    outcome["edges"] = [edge * WIDTH for edge in edges]
    for name in ("before", "after"):
        counted = {int(column): number for column, number in tally[name].items()}
        outcome[name] = [sum(counted.get(edge + more, 0) for more in range(wide)) for edge in edges]
    ready = ScorePreview.objects.filter(model=model, job=job)
    ready.update(outcome=outcome, made_at=now)
    job.cursor = {}
    moved = outcome["moved"]
    job.result = "1 person would change band." if moved == 1 else f"{moved:,} people would change band."
