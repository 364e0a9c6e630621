"""Who is in a segment, newest first, a page at a time; since when and why, in words."""

from dataclasses import dataclass
from typing import Any

from contacts.searching import beginning_with
from segments.models import Membership, Segment

FIRST, A_PAGE = 10, 50
WORDS = {
    Membership.Cause.CHANGE: "something was written about them",
    Membership.Cause.TIME: "time passed",
    Membership.Cause.DEFINITION: "the rules were made or changed",
    Membership.Cause.MERGED: "two contacts became one",
    Membership.Cause.HAND: "put in by hand",
    Membership.Cause.IMPORT: "put in by an import",
    Membership.Cause.API: "put in by the API",
    Membership.Cause.STEP: "put in by a step of a campaign",
}
LEFT = {
    Membership.Cause.CHANGE: "something was written about them",
    Membership.Cause.TIME: "time passed",
    Membership.Cause.DEFINITION: "the rules were changed",
    Membership.Cause.MERGED: "two contacts became one",
    Membership.Cause.HAND: "taken out by hand",
    Membership.Cause.IMPORT: "taken out by an import",
    Membership.Cause.API: "taken out by the API",
    Membership.Cause.STEP: "taken out by a step of a campaign",
}


@dataclass(frozen=True)
class Page:
    """One page of members, and the membership before which the next one begins (None: the end)."""

    rows: list[Membership]
    older: int | None


def newest(segment: Segment, before: int | None = None, term: str = "", limit: int = FIRST) -> Page:
    """Members whose membership is older than `before`, found by the beginning of a name, an e-mail or an id."""
    rows = Membership.objects.current().filter(segment=segment).order_by("-id")
    if term:
        rows = rows.filter(contact__in=beginning_with(term))
    if before:
        rows = rows.filter(pk__lt=before)
    found: list[Any] = list(rows.select_related("contact__address", "by")[: limit + 1])
    shown = found[:limit]
    for row in shown:
        row.why = why(row)
    return Page(shown, shown[-1].pk if len(found) > limit else None)


def why(row: Membership) -> str:
    """What brought somebody in, and who did it where a person did."""
    words = WORDS[Membership.Cause(row.entered_by)]
    return f"{words}, by {row.by.get_full_name() or row.by.get_username()}" if row.by else words
