"""Defining segments: what a condition reads is worked out when it is saved, and who is in it right after."""

from collections.abc import Collection
from datetime import datetime

from django.db import connection, transaction

from lib.registry import Places, Registry, places_of
from segments import conditions, refreshing
from segments.conditions import Problem
from segments.membership import Cause
from segments.models import Segment

SUBJECT = "contact"

# Apps above register `places(ids) -> {id: [(what, url)]}`: where segments are used, in words.
USES: Registry = Registry("use of segments")
# … and `listener(now)`: told, in the same transaction, when the rules of a segment are others.
ON_CHANGED: Registry = Registry("listener to changed rules of segments")


class Refused(ValueError):
    """Says in one sentence why a segment cannot be saved or deleted so; `problems` names the leaves at fault."""

    def __init__(self, sentence: str, problems: list[Problem] | None = None):
        super().__init__(sentence)
        self.problems = problems or []


def problems(segment: Segment, condition) -> list[Problem]:
    """What is wrong with a condition for this segment, circles through other segments included."""
    found = conditions.validate(condition, SUBJECT)
    if not found and segment.pk and (path := _circle(segment, conditions.reads(condition, SUBJECT))):
        names = " → ".join(f"“{name}”" for name in path)
        found = [Problem("", f"The segments would refer to each other in a circle: {names}; remove one of them.")]
    return found


def _circle(segment: Segment, reads: set[str]) -> list[str]:
    """The names along the way by which these tokens lead back to the segment; empty if they do not."""
    others = {
        f"segment:{pk}": (name, set(read)) for pk, name, read in Segment.objects.values_list("pk", "name", "reads")
    }
    target, trail = f"segment:{segment.pk}", [([segment.name], reads)]
    seen: set[str] = set()
    while trail:
        path, tokens = trail.pop()
        if target in tokens:
            return [*path, segment.name]
        for token in sorted(tokens & others.keys() - seen):
            seen.add(token)
            trail.append(([*path, others[token][0]], others[token][1]))
    return []


# No other part of the program uses this number.
_LOCK = "SELECT pg_advisory_xact_lock(7304)"


def one_at_a_time() -> None:
    """Rules may name other segments: two edits at once could make a circle, or name what is just being deleted.

    For this transaction; before the row of a segment is locked.
    """
    with connection.cursor() as cursor:
        cursor.execute(_LOCK)


@transaction.atomic
def save(segment: Segment, user, now: datetime) -> Segment:
    """Save a new or edited segment; where its condition changed, everybody is asked again in the background.

    Raises Refused. What the edit does to people is a matter of the definition and starts no campaign.
    """
    one_at_a_time()
    if found := problems(segment, segment.condition) if segment.is_dynamic else []:
        raise Refused(found[0].sentence, found)
    before = Segment.objects.select_for_update(no_key=True).filter(pk=segment.pk).first() if segment.pk else None
    if before and before.kind != segment.kind:
        raise Refused("A list stays a list, and rules stay rules; make a new segment instead.")
    changed = segment.is_dynamic and (before is None or before.condition != segment.condition)
    segment.edited_at = now
    if before is None:
        segment.created_by, segment.created_at = user, now
    else:
        segment.revision = before.revision + changed
    if changed:
        _work_out(segment, now)
    # What the engine keeps beside these may have moved on since the form was opened.
    segment.save(update_fields=None if before is None else [*WORDS, *(WORKED_OUT if changed else [])])
    if changed:
        refreshing.start(segment, Cause.DEFINITION, user, now)
        _tell(now)
    return segment


def _tell(now: datetime) -> None:
    for listener in ON_CHANGED:
        listener(now)


@transaction.atomic
def refresh(segment: Segment, user, now: datetime) -> None:
    """Ask everybody again by the rules as they are, also where they could not be evaluated before. Raises Refused."""
    if found := problems(segment, segment.condition):
        raise Refused(found[0].sentence, found)
    found_again = Segment.objects.dynamic().select_for_update(no_key=True).filter(pk=segment.pk).first()
    if found_again is None:
        raise Refused(f"“{segment}” was deleted just now; there is nothing to refresh.")
    segment = found_again
    if segment.fault:
        _work_out(segment, now)
        segment.save(update_fields=WORKED_OUT)
    refreshing.start(segment, Cause.TIME, user, now)


WORDS = ["name", "description", "edited_at"]
WORKED_OUT = [
    "condition", "revision", "reads", "turns", "turns_at_midnight", "swept_at", "due_at", "fault",
]  # fmt: skip


def _work_out(segment: Segment, now: datetime) -> None:
    tree = segment.condition = conditions.typed(segment.condition, SUBJECT)
    segment.reads = sorted(conditions.reads(tree, SUBJECT))
    segment.turns_at_midnight = conditions.turns_at_midnight(tree)
    segment.turns = segment.turns_at_midnight or bool(conditions.turning(tree, now, now))
    segment.swept_at, segment.due_at = now, now if segment.turns else None
    segment.fault = ""


def uses_of(ids: Collection[int]) -> Places:
    """Where segments are used, by their id: (what, in words; the address of its page)."""
    return places_of(USES, ids)


def uses(segment: Segment) -> list[tuple[str, str]]:
    """Where a segment is used: (what, in words; the address of its page)."""
    return uses_of([segment.pk]).get(segment.pk, [])


@transaction.atomic
def delete(segment: Segment) -> None:
    """Delete a segment that nothing uses; raises Refused with the list."""
    one_at_a_time()
    if found := uses(segment):
        raise Refused(f"“{segment}” is used by {', '.join(what for what, _ in found)}; remove it there first.")
    segment.delete()


def other_segments(ids: Collection[int]) -> Places:
    """A use of segments: the conditions of other segments."""
    tokens, found = {f"segment:{pk}": pk for pk in ids}, Places()
    for reader in Segment.objects.filter(reads__overlap=[*tokens]):
        for token in tokens.keys() & set(reader.reads):
            if tokens[token] != reader.pk:
                place = f"the segment “{reader}”", reader.get_absolute_url()
                found.setdefault(tokens[token], []).append(place)
    return found
