"""Scores that change by the passing of time alone: looked at when they may cross a threshold, and not before.

Also rules about people whose conditions time turns ("known for less than 30 days"): as the segments do it, nobody
is asked but those whose date crossed the edge of a window since the last look, a minute ago.
"""

from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import Q

from contacts.models import Contact
from lib.due import Question
from ops.models import SiteSettings
from scoring import fit, recomputing
from scoring.ledger import Pairs
from scoring.models import Score, ScoreModel, ScoreRule
from scoring.stage import settle_apart
from segments import conditions, membership
from segments.membership import Cause, Occasion
from segments.sweeping import OVERLAP

AT_ONCE = 1_000
EVERY = timedelta(minutes=1)
# No other part of the program uses this number.
_LOCK = "SELECT pg_try_advisory_xact_lock(7305)"


@transaction.atomic
def look(now: datetime) -> int:
    """Look at the scores that are due, or at one rule that time turns; how many. One worker at a time."""
    with connection.cursor() as cursor:
        cursor.execute(_LOCK)
        if not cursor.fetchone()[0]:
            return 0
    due = Score.objects.due(now).order_by("due_at").values_list("model_id", "contact_id")
    pairs = set(due[:AT_ONCE])
    if not pairs:
        rule = _turning(now).order_by("swept_at", "pk").first()
        return _turn(rule, now) if rule else 0
    membership.hold(contact for _, contact in pairs)
    settle_apart(pairs - _let_be(pairs, now), Occasion(now, Cause.TIME))
    return len(pairs)


def _let_be(pairs: Pairs, now: datetime) -> Pairs:
    """Nobody looks at these again: a model that is off scores nothing, who was merged has no score of their own."""
    off = set(ScoreModel.objects.filter(is_active=False).values_list("pk", flat=True))
    contacts = Contact.objects.filter(pk__in={contact for _, contact in pairs}, merged_into__isnull=False)
    merged = set(contacts.values_list("pk", flat=True))
    left = {pair for pair in pairs if pair[0] in off or pair[1] in merged}
    if left:
        concerned = Q(model__in=off) | Q(contact__in=merged)
        Score.objects.due(now).filter(concerned, contact__in={pk for _, pk in left}).update(due_at=None)
    return left


def _turning(now: datetime):
    rules = ScoreRule.objects.in_force().filter(turns=True)
    return rules.exclude(swept_at__gt=now - EVERY)


is_due = Question(lambda now: Score.objects.due(now), _turning)


def _turn(rule: ScoreRule, now: datetime) -> int:
    """Ask those about whom time may have changed the answer."""
    zone = SiteSettings.get().zone
    since, here = rule.swept_at or now, now.astimezone(zone)
    ScoreRule.objects.filter(pk=rule.pk).update(swept_at=now)
    if rule.turns_at_midnight and since.astimezone(zone).date() != here.date():
        recomputing.ask_again(rule, now)
        return 1
    crossing = conditions.turning(rule.condition, since - OVERLAP, here)
    asked = {pk for rows in crossing for pk in rows[: AT_ONCE + 1]}
    if len(asked) > AT_ONCE:
        recomputing.ask_again(rule, now)
    elif asked:
        membership.hold(asked)
        settle_apart(fit.judge({rule: asked}, now), Occasion(now, Cause.TIME))
    return 1
