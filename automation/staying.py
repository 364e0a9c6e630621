"""Who may stay: before each step is taken, whoever stopped matching, or fits a reason to leave, is let out.

What is written about somebody is looked at as it is written (`automation.watching`); this finds what time alone has
turned, and whom the audience filter of a campaign that keeps matching does not hold any more.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from django.db.models import BooleanField, Case, Value, When

from automation.models import Enrollment
from campaigns.document import Document, Tree
from campaigns.step_kinds import Exit
from campaigns.watches import in_words
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


def _asked(rows: Sequence[Enrollment], asked: list[tuple[Tree, Exit]], now: datetime) -> dict[int, Exit]:
    here = now.astimezone(SiteSettings.get().zone)
    contacts = {row.contact_id for row in rows}
    met = {
        f"reason_{number}": Case(
            When(conditions.compiled(tree, "enrollment", here, only=contacts), then=Value(True)),
            default=Value(False),
            output_field=BooleanField(),
        )
        for number, (tree, _) in enumerate(asked)
    }
    answers = Enrollment.objects.filter(pk__in=[row.pk for row in rows]).annotate(**met).values_list("pk", *met)
    return {
        pk: next(exit_ for true, (_, exit_) in zip(true_ones, asked, strict=True) if true)
        for pk, *true_ones in answers
        if any(true_ones)
    }
