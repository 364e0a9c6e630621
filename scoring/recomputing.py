"""Recomputing: everybody's score from the events as far back as they are kept, in the background.

First a moment's barrier, so that no batch of the pipeline still answers by the old rules; then some thousand
contacts a transaction, in their lanes: the contributions of the rules that became other ones are made anew, then
their scores are settled. So it may be cancelled, killed or overtaken at any moment, and begun again. What an edit
does to people is a matter of the definition: nobody is told, and no campaign starts.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Exists, OuterRef

from contacts.models import LANES, Change, Contact, Merge
from events.models import Event
from ops import jobs
from ops.models import Job
from scoring import fit, ledger, settling, telling
from scoring.document import Document, Rule, parse
from scoring.models import Score, ScoreEdition, ScoreModel, ScoreRule
from segments import membership, refreshing
from segments.membership import Cause, Occasion
from segments.sql import array

KIND = "scoring.recompute"
AT_ONCE = 5_000
TITLE = "Work out everybody’s score in “{}”"


@transaction.atomic
def start(model: ScoreModel, user, now: datetime) -> Job:
    """Queue it; `model.job` is its job. One under way for an older definition stops by itself.

    The row is held, so that two who ask at once do not begin two.
    """
    running = ScoreModel.objects.select_for_update(no_key=True).get(pk=model.pk).job
    if running and running.due_at and not running.cancel_asked and _follows(running, model):
        model.job = running
        return running
    fresh, restaged = model.edition != model.filled_edition, _restaged(model)
    model.job = _queue(model, _changed(model), Cause.DEFINITION, user, now, fresh=fresh, restaged=restaged)
    model.save(update_fields=["job"])
    return model.job


def ask_again(rule: ScoreRule, now: datetime, silent: bool = False) -> Job:
    """Answers of a rule changed for many, mostly by time: everybody is asked; crossings are told unless silent."""
    return _queue(rule.model, [rule.pk], Cause.MERGED if silent else Cause.TIME, None, now)


def settle_everybody(model: ScoreModel, user, now: datetime) -> Job:
    """The ledger is right, but when to look at whom is another matter now."""
    return _queue(model, [], Cause.TIME, user, now)


def _queue(model: ScoreModel, rules: list[int] | None, cause: str, user, now: datetime, **how: bool) -> Job:
    """`fresh`: bands and grades begin anew; `restaged`: so do the stages that points lead to."""
    arguments = {"model": model.pk, "edition": model.edition, "rules": rules, "cause": cause, "fresh": False, **how}
    return jobs.start(KIND, TITLE.format(model), arguments, user, now)


def _follows(job: Job, model: ScoreModel) -> bool:
    return model.is_active and job.arguments.get("edition") == model.edition


def kept_since() -> datetime | None:
    """Since when events are kept: what happened before stays in the ledger as it is. None: there are no events."""
    first = Event.objects.order_by("pk").first()  # their ids are in the order of their receipt
    return first.received_at if first else None


# --- what has to be made anew ---


def _changed(model: ScoreModel) -> list[int] | None:
    """The rules that may count other events or people than everybody's ledger says; None: all of them."""
    editions = list(ScoreEdition.objects.filter(model=model, number__gte=model.filled_edition).order_by("number"))
    if model.edition == model.filled_edition or not editions or editions[0].number != model.filled_edition:
        return None
    documents = [parse(edition.definition) for edition in editions]
    uids = {rule.uid for document in documents for rule in document.rules}
    changed = [uid for uid in uids if len({_asks(document, uid) for document in documents}) > 1]
    return list(ScoreRule.objects.filter(model=model, uid__in=changed).values_list("pk", flat=True))


def _restaged(model: ScoreModel) -> bool:
    """Are the stages other ones than everybody's place was worked out by?"""
    before = ScoreEdition.objects.filter(model=model, number=model.filled_edition).first()
    return before is None or before.definition.get("stages", []) != model.definition.get("stages", [])


def _asks(document: Document, uid: str) -> str:
    """What decides which events or people a rule counts: not its points, which the ledger does not hold."""
    rule = document.rule(uid)
    return repr((rule.kind, rule.event, rule.where, rule.machines, rule.condition, rule.at_most)) if rule else ""


# --- the job ---


def step(job: Job, now: datetime) -> bool:
    """One batch of the job: the barrier, then some thousand contacts each."""
    model = ScoreModel.objects.filter(pk=job.arguments["model"]).first()
    if model is None or not _follows(job, model):
        job.result = "The rules were changed again or turned off, so this job had nothing more to do."
        return True
    if "after" not in job.cursor:
        membership.hold(range(LANES))
        _move_stages(model)
        job.total, job.cursor = Contact.objects.current().count(), {"after": 0}
        return False
    everybody = Contact.objects.current()
    # Who was merged before their turn came is worked out with those whom they became.
    lost = Merge.objects.filter(at__gte=job.created_at).values("loser__merged_into")
    phase, chunk = "after", _next(everybody, job.cursor["after"])
    if not chunk:
        phase, chunk = "merged", _next(everybody.filter(pk__in=lost), job.cursor.get("merged", 0))
    if not chunk:
        _finish(model, job, now)
        return True
    _recompute(model, job, chunk, now)
    job.cursor = {**job.cursor, phase: chunk[-1]}
    job.done = min(job.done + len(chunk), job.total or 0)
    return False


def _next(contacts, after: int) -> list[int]:
    return list(contacts.filter(pk__gt=after).order_by("pk").values_list("pk", flat=True)[:AT_ONCE])


def _move_stages(model: ScoreModel) -> None:
    """Contacts stay in their stage, wherever it is now. While there are none at all, where they were is kept."""
    old, new = model.kept_stages, model.definition.get("stages", [])
    if not new:
        return
    if old and old != new:
        with connection.cursor() as cursor:
            statement = "UPDATE scoring_score SET stage = coalesce((%s::int[])[stage + 1], 0) WHERE model_id = %s"
            cursor.execute(statement, [[0, *moved_stages(old, new)], model.pk])
    ScoreModel.objects.filter(pk=model.pk).update(kept_stages=new)


def moved_stages(old: Sequence[dict[str, Any]], new: Sequence[dict[str, Any]]) -> list[int]:
    """The places of the old stages among the new ones: by name, else by points (it was renamed); one that is gone
    is the one before it, so that nobody goes forward by it."""
    names = [stage["name"] for stage in new]
    free = [place for place, stage in enumerate(new, 1) if stage["name"] not in {one["name"] for one in old}]
    places: list[int] = []
    for stage in old:
        renamed = [place for place in free if new[place - 1].get("points") == stage.get("points")]
        if stage["name"] in names:
            places.append(names.index(stage["name"]) + 1)
        elif renamed:
            places.append(renamed[0])
            free.remove(renamed[0])
        else:
            places.append(places[-1] if places else 0)
    return places


def _recompute(model: ScoreModel, job: Job, chunk: list[int], now: datetime) -> None:
    """These contacts, with all that became them: their events move later than they themselves."""
    became = list(Contact.objects.filter(merged_into__in=chunk).values_list("pk", flat=True))
    membership.hold([*chunk, *became])  # all at once: in one order, as everybody does it
    _end_removed(model, chunk, now)
    rules = ScoreRule.objects.filter(model=model, removed_at=None)
    if (ids := job.arguments["rules"]) is not None:
        rules = rules.filter(pk__in=ids)
    behavioural = [rule for rule in rules if rule.kind == ScoreRule.Kind.BEHAVIOURAL]
    refill(behavioural, [*chunk, *became], now)
    fit.judge({rule: chunk for rule in rules if rule.kind != ScoreRule.Kind.BEHAVIOURAL}, now)
    fresh, restaged = job.arguments["fresh"], job.arguments.get("restaged", False)
    settled = settling.settle({model.pk: chunk}, now, fresh, restaged)
    if (cause := job.arguments["cause"]) != Cause.DEFINITION:
        telling.tell(settled, Occasion(now, cause))
        telling.note(settled, now, triggers=cause == Cause.TIME)


_FORGET = """
DELETE FROM scoring_scorechange
WHERE contact_id = ANY(ARRAY(SELECT unnest(%s::bigint[]))) AND rule_id = ANY(%s::bigint[]) AND event_id >= %s
    AND (ended_at IS NULL OR ended_at IS NOT NULL)
"""
# A contribution counts until so many newer ones are there.
_REFILL = """
INSERT INTO scoring_scorechange (model_id, rule_id, contact_id, event_id, at, ended_at, ended_because)
SELECT h.model_id, h.rule_id, h.contact_id, h.event_id, h.at, h.over,
    CASE WHEN h.over IS NULL THEN '' ELSE 'newer' END
FROM (
    SELECT r.model_id, s.rule_id, coalesce(c.merged_into_id, c.id) AS contact_id, s.event_id, s.at,
        lag(s.at, r.at_most::int) OVER (
            PARTITION BY s.rule_id, coalesce(c.merged_into_id, c.id) ORDER BY s.at DESC, s.event_id DESC
        ) AS over
    FROM ({sources}) AS s (rule_id, contact_id, event_id, at)
    JOIN scoring_scorerule r ON r.id = s.rule_id JOIN contacts_contact c ON c.id = s.contact_id
) AS h
ON CONFLICT (rule_id, event_id) WHERE event_id IS NOT NULL DO NOTHING
"""
# What was earned by events that are not kept any more stays; it counts beside what was made anew.
_OLDER = """
SELECT DISTINCT rule_id, contact_id FROM scoring_scorechange
WHERE contact_id = ANY(ARRAY(SELECT unnest(%s::bigint[]))) AND rule_id = ANY(%s::bigint[]) AND event_id < %s
    AND (ended_at IS NULL OR ended_at IS NOT NULL)
"""
_TOGETHER = """
UPDATE scoring_scorechange c SET ended_at = CASE WHEN NOT s.counts THEN %s END,
    ended_because = CASE WHEN s.counts THEN '' ELSE 'newer' END
FROM (
    SELECT o.id, row_number() OVER (
        PARTITION BY o.rule_id, o.contact_id ORDER BY o.at DESC, o.event_id DESC
    ) <= r.at_most AS counts
    FROM unnest(%s::bigint[], %s::bigint[]) AS p (rule_id, contact_id) JOIN scoring_scorerule r ON r.id = p.rule_id
    JOIN scoring_scorechange o ON o.rule_id = p.rule_id AND o.contact_id = p.contact_id
    WHERE o.event_id IS NOT NULL AND (o.ended_at IS NULL OR o.ended_at IS NOT NULL)
) AS s
WHERE c.id = s.id AND s.counts <> (c.ended_at IS NULL)
"""
# Of rules that are gone, or became ones of another kind.
_REMOVED = """
UPDATE scoring_scorechange c SET ended_at = %s, ended_because = 'rule' FROM scoring_scorerule r
WHERE r.id = c.rule_id AND r.model_id = %s AND c.ended_at IS NULL
    AND (r.removed_at IS NOT NULL OR (r.kind = 'behavioural') <> (c.event_id IS NOT NULL))
    AND c.contact_id = ANY(ARRAY(SELECT unnest(%s::bigint[])))
"""
# Events that the pipeline has not read yet: it will count them itself, and tell of it.
WAITING = Change.objects.filter(event_id=OuterRef("pk"))


def refill(rules: Sequence[ScoreRule], ids: Collection[int], now: datetime) -> None:
    """Make the contributions of these behavioural rules anew, from the events that are kept; of contacts held."""
    if not rules:
        return
    first = Event.objects.order_by("pk").values_list("pk", flat=True).first() or UUID(int=2**128 - 1)
    sources = [ledger.fitting(rule, ledger.fits(rule, ids).filter(~Exists(WAITING))) for rule in rules]
    values: list[Any] = [value for _, its in sources for value in its]
    asked: list[Any] = [array(ids), array(rule.pk for rule in rules), first]
    with connection.cursor() as cursor:
        cursor.execute(_FORGET, asked)
        cursor.execute(_OLDER, asked)
        older = cursor.fetchall()
        cursor.execute(_REFILL.format(sources=" UNION ALL ".join(sql for sql, _ in sources)), values)
        if older:
            cursor.execute(_TOGETHER, [now, array(rule for rule, _ in older), array(pk for _, pk in older)])


def _end_removed(model: ScoreModel, chunk: Sequence[int], now: datetime) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_REMOVED, [now, model.pk, array(chunk)])


def stopped(job: Job) -> None:
    """A job was cancelled or failed: until another one is through, nobody can rely on the scores."""
    ScoreModel.objects.filter(pk=job.arguments["model"], edition=job.arguments["edition"]).update(filled_edition=0)


def _finish(model: ScoreModel, job: Job, now: datetime) -> None:
    if job.arguments["cause"] != Cause.DEFINITION:
        return
    ScoreModel.objects.filter(pk=model.pk, edition=model.edition).update(filled_edition=model.edition, filled_at=now)
    refreshing.start_readers(telling.token(model.key), job.created_by, now)
    count = Score.objects.filter(model=model).count()
    job.result = "1 person has a score." if count == 1 else f"{count:,} people have a score."


def differs(before: Rule | None, after: Rule) -> bool:
    """Does the second rule count other events or people than the first?"""
    documents = [Document(rules=[rule] if rule else []) for rule in (before, after)]
    return len({_asks(document, after.uid) for document in documents}) > 1
