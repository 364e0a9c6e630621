"""Who may stay: before each step is taken, whoever stopped matching, or fits a reason to leave, is let out.

What is written about somebody is looked at as it is written (`automation.watching`); this finds what time alone has
turned, and whom the audience filter of a campaign that keeps matching does not hold any more.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from django.db.models import Case, IntegerField, QuerySet, Value, When

from automation.admitting import Match, Name, Refused
from automation.models import Enrollment
from campaigns.document import Document, Tree
from campaigns.step_kinds import Exit
from campaigns.watches import in_words
from contacts.models import Contact
from ops.models import SiteSettings
from segments import conditions

STOPPED = "stopped_matching"


def leaving(rows: Iterable[Enrollment], documents: Mapping[int, Document], now: datetime) -> dict[int, Exit]:
    """Who leaves before the next step, and why; a query for each version that asks."""
    by_version: dict[int, list[Enrollment]] = {}
    for row in rows:
        by_version.setdefault(row.version_id, []).append(row)
    found: dict[int, Exit] = {}
    for version_id, its in by_version.items():
        if asked := reasons(documents[version_id]):
            found |= _asked(its, asked, now)
    return found


def reasons(document: Document) -> list[tuple[Tree, Exit]]:
    """Conditions by which people leave, each with what it means."""
    found: list[tuple[Tree, Exit]] = []
    if document.keep_matching and not conditions.is_empty(document.audience):
        words = f"They do not match any more: {conditions.sentence(document.audience, 'enrollment')}."
        found.append(({"not": document.audience}, Exit(words[:400], STOPPED)))
    for watch in document.exits:
        if not watch.event:
            found.append((watch.condition, Exit(f"A reason to leave: {in_words(watch)}."[:400], "exit")))
    return found


def at_the_door(matches: Sequence[Match], now: datetime) -> dict[Name, Refused]:
    """Who would have to leave at once does not enter; a query for each campaign that has such reasons.

    What asks about the entry itself, or about steps, can hold of nobody who is not inside.
    """
    by_campaign: dict[int, list[Match]] = {}
    for match in matches:
        by_campaign.setdefault(match.campaign.pk, []).append(match)
    found: dict[Name, Refused] = {}
    for its in by_campaign.values():
        watched = [watch for watch in its[0].document.exits if not watch.event]
        asked = [one for one in watched if not conditions.validate(one.condition, "contact")]
        if asked:
            words = [f"A reason to leave held already: {in_words(watch)}."[:400] for watch in asked]
            trees = [watch.condition for watch in asked]
            people = Contact.objects.filter(pk__in={match.start.contact_id for match in its})
            met = dict(_first_met(people, trees, "contact", {match.start.contact_id for match in its}, now))
            held = [match for match in its if match.start.contact_id in met]
            found |= {match.name: ("exit", words[met[match.start.contact_id]]) for match in held}
    return found


def _asked(rows: Sequence[Enrollment], asked: list[tuple[Tree, Exit]], now: datetime) -> dict[int, Exit]:
    inside = Enrollment.objects.filter(pk__in=[row.pk for row in rows])
    met = _first_met(inside, [tree for tree, _ in asked], "enrollment", {row.contact_id for row in rows}, now)
    return {pk: asked[first][1] for pk, first in met}


def _first_met(
    rows: QuerySet, trees: Sequence[Tree], subject: str, contacts: Collection[int], now: datetime
) -> Iterator[tuple[int, int]]:
    """Of each row that meets one of the conditions its id, and the place of the first that it meets."""
    here = now.astimezone(SiteSettings.get().zone)
    first = Case(
        *(
            When(conditions.compiled(tree, subject, here, only=contacts), then=Value(place))
            for place, tree in enumerate(trees)
        ),
        default=Value(None),
        output_field=IntegerField(null=True),
    )
    yield from rows.order_by().annotate(first_met=first).filter(first_met__isnull=False).values_list("pk", "first_met")
