"""Who may stay: before each step is taken, whoever stopped matching, or fits a reason to leave, is let out.

What is written about somebody is looked at as it is written (`automation.watching`); this finds what time alone has
turned, and whom the audience filter of a campaign that keeps matching does not hold any more.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime

from django.db.models import Case, IntegerField, QuerySet, Value, When

from automation import enrolling
from automation.admitting import Match, Name, Refused
from automation.enrolling import Entry
from automation.models import Enrollment
from campaigns.document import Document, Tree, Watch
from campaigns.step_kinds import Exit
from campaigns.watches import in_words
from lib.united import united
from ops.models import SiteSettings
from segments import conditions

STOPPED = "stopped_matching"


def leaving(rows: Iterable[Enrollment], documents: Mapping[int, Document], now: datetime) -> dict[int, Exit]:
    """Who leaves before the next step, and why; one query for all versions that ask."""
    by_version: dict[int, list[Enrollment]] = {}
    for row in rows:
        by_version.setdefault(row.version_id, []).append(row)
    asked = {pk: found for pk in by_version if (found := reasons(documents[pk]))}
    queries = []
    for pk, found in asked.items():
        its = by_version[pk]
        inside = Enrollment.objects.filter(pk__in=[row.pk for row in its])
        queries.append(_first_met(inside, [tree for tree, _ in found], {row.contact_id for row in its}, now))
    version_of = {row.pk: pk for pk, its in by_version.items() for row in its}
    return {pk: asked[version_of[pk]][place][1] for pk, place in united(queries)}


def reasons(document: Document) -> list[tuple[Tree, Exit]]:
    """Conditions by which people leave, each with what it means."""
    found: list[tuple[Tree, Exit]] = []
    if document.keep_matching and not conditions.is_empty(document.audience):
        words = f"They do not match any more: {conditions.sentence(document.audience, 'enrollment')}."
        found.append(({"not": document.audience}, Exit(words[:400], STOPPED)))
    for watch in _conditions(document):
        found.append((watch.condition, Exit(f"A reason to leave: {in_words(watch)}."[:400], "exit")))
    return found


def at_the_door(matches: Sequence[Match], now: datetime) -> dict[Name, Refused]:
    """Who would have to leave at once does not enter; one query for all campaigns that have such reasons."""
    by_campaign: dict[int, list[Match]] = {}
    for match in matches:
        if _conditions(match.document):
            by_campaign.setdefault(match.campaign.pk, []).append(match)
    asked = [match for its in by_campaign.values() for match in its]
    queries = []
    for pk, its in by_campaign.items():
        trees = [watch.condition for watch in _conditions(its[0].document)]
        theirs = Enrollment.objects.filter(campaign=pk)
        queries.append(_first_met(theirs, trees, {match.start.contact_id for match in its}, now))
    found: dict[Name, Refused] = {}
    entries = [Entry(match.campaign, match.document, match.start, match.key) for match in asked]
    for pk, place in enrolling.asked_before(entries, queries, now):
        match = asked[-pk - 1]
        words = in_words(_conditions(match.document)[place])
        found[match.name] = "exit", f"A reason to leave held already: {words}."[:400]
    return found


def _conditions(document: Document) -> list[Watch]:
    return [watch for watch in document.exits if not watch.event]


def _first_met(rows: QuerySet, trees: Sequence[Tree], contacts: Collection[int], now: datetime) -> QuerySet:
    """Of each enrollment that meets one of the conditions its id, and the place of the first that it meets."""
    here = now.astimezone(SiteSettings.get().zone)
    asked = [conditions.compiled(tree, "enrollment", here, only=contacts) for tree in trees]
    first = Case(
        *(When(condition, then=Value(place)) for place, condition in enumerate(asked)),
        default=Value(None),
        output_field=IntegerField(null=True),
    )
    met = rows.order_by().annotate(first_met=first).filter(first_met__isnull=False)
    return met.values_list("pk", "first_met")
