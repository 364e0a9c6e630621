"""What each rule of a model gives, when it last gave something, and why one never did: in words one can act on."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from events.models import EventTypeRow
from events.sentences import labels
from events.types import get
from scoring import rule_words
from scoring.document import NotADocument, Rule, parse
from scoring.insight import Spread, Tally
from scoring.models import ScoreModel, ScoreRule
from segments import conditions
from segments.sql import array

OWN = ("email.",)  # what the product itself records about its mail


@dataclass(frozen=True)
class Fired:
    """A rule as the model's page tells it. Numbers of a sample are drawn up to all people."""

    rule: ScoreRule
    sentence: str
    times: int
    people: int
    worth: float
    last: datetime | None
    ever: bool
    reason: str
    """Why it never gave anything; empty where it did."""

    @property
    def title(self) -> str:
        return self.rule.name or f"{self.sentence[:1].upper()}{self.sentence[1:]}" or "A rule without a name"

    @property
    def about(self) -> str:
        """The rule in words, where the title does not say it."""
        return self.sentence if self.rule.name else ""


# Each by an index (of itself PostgreSQL would look through the ledger for a row of a rule that has none): one row of
# the rule's; then, of the type's newest events, the first that counted.
_FIRED = """
SELECT r.id,
    (SELECT event_id FROM scoring_scorechange c
     WHERE c.rule_id = r.id AND c.event_id IS NOT NULL ORDER BY event_id LIMIT 1) IS NOT NULL
        OR EXISTS (SELECT FROM scoring_scorechange c
                   WHERE c.rule_id = r.id AND c.event_id IS NULL AND c.ended_at IS NULL),
    (SELECT e.occurred_at
     FROM (SELECT id, occurred_at FROM events_event WHERE type = r.event ORDER BY occurred_at DESC LIMIT 300) AS e
     WHERE EXISTS (SELECT FROM scoring_scorechange c WHERE c.rule_id = r.id AND c.event_id = e.id)
     ORDER BY e.occurred_at DESC LIMIT 1)
FROM scoring_scorerule r WHERE r.id = ANY(%s::bigint[])
"""


def rules(model: ScoreModel, found: Spread) -> list[Fired]:
    """The rules in force, those worth most first; those that never gave anything last."""
    in_force = list(ScoreRule.objects.filter(model=model, removed_at=None))
    seen, written, events = _seen(in_force), _written(model), _events(in_force)
    told = []
    for rule in in_force:
        ever, newest = seen[rule.pk]
        tally = found.tallies.get(rule.pk, Tally())
        ever = ever or bool(tally.times)
        told.append(
            Fired(
                rule,
                rule_words.sentence(written[rule.uid]) if rule.uid in written else "",
                round(tally.times * found.share),
                round(tally.people * found.share),
                tally.worth * found.share,
                max(filter(None, [newest, tally.last]), default=None),
                ever,
                "" if ever else _why_never(rule, written.get(rule.uid), events),
            )
        )
    return sorted(told, key=lambda one: (not one.ever, -abs(one.worth), one.rule.position))


def in_words(model: ScoreModel) -> list[tuple[str, str]]:
    """The rules in force, in their order: name and sentence."""
    return [(rule.name, rule_words.sentence(rule)) for rule in _written(model).values()]


def _seen(in_force: Sequence[ScoreRule]) -> dict[int, tuple[bool, datetime | None]]:
    with connection.cursor() as cursor:
        cursor.execute(_FIRED, [array(rule.pk for rule in in_force)])
        return {pk: (ever, newest) for pk, ever, newest in cursor.fetchall()}


def _written(model: ScoreModel) -> dict[str, Rule]:
    try:
        return {rule.uid: rule for rule in parse(model.definition).rules}
    except NotADocument:
        return {}


@dataclass(frozen=True)
class _Events:
    arrived: set[str]
    named: dict[str, str]

    def name(self, key: str) -> str:
        known = get(key)
        return known.label if known else self.named.get(key, key)


def _events(in_force: Sequence[ScoreRule]) -> _Events:
    keys = {rule.event for rule in in_force if rule.event}
    arrived = EventTypeRow.objects.filter(key__in=keys, last_seen_at__isnull=False)
    return _Events(set(arrived.values_list("key", flat=True)), labels(keys))


def _why_never(rule: ScoreRule, written: Rule | None, events: _Events) -> str:
    if rule.event:
        return _why_no_event(rule, written, events)
    if rule.condition and (missing := conditions.vanished(rule.condition, "contact")):
        return f"Nobody fits it. {' '.join(missing)}"
    return "Nobody fits it now. See whether what it asks for is known of your contacts under that name."


def _why_no_event(rule: ScoreRule, written: Rule | None, events: _Events) -> str:
    name = events.name(rule.event)
    if rule.event not in events.arrived and rule.event.startswith(OWN):
        return (
            f"No “{name}” so far. It is recorded by itself once campaigns send mail, opens and clicks with tracking on."
        )
    if rule.event not in events.arrived:
        return f"No “{name}” has ever arrived. Ask your engineers whether they send it, and under which name."
    if written and not conditions.is_empty(written.where):
        return f"“{name}” arrives, but none fitted the rule's filter. Loosen the filter, or look at the events."
    if rule.where:
        return f"“{name}” arrives, but so far only by machines, which do not count."
    return f"“{name}” arrives, but none has counted yet. Work out all scores again."
