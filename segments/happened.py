"""Events of one type, as leaves name them: {"event": "order.completed", "where": <a tree of event.* fields>}."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import F, OuterRef, Q, QuerySet, Value
from django.db.models.expressions import Combinable

from events import types as event_types
from events.models import Event, EventTypeRow
from lib.clean_json import Unclean, clean
from segments import conditions, field_leaf
from segments.known_models import KnownField
from segments.leaves import HAPPENING, Problem, Scope, joined_path, quoted
from segments.sql import Sql, belonging
from segments.timeframes import Window

MAX_TYPE = 120
SAMPLE = 1_000  # of the newest events of a type: where a property is looked for
# An event is received when it happened or later (what lies ahead counts as happening at its receipt), so a window
# also spares the partitions before it. Clocks of our own machines may differ a little.
CLOCKS = timedelta(days=1)
PLURALS = {"was": "were", "is": "are", "has": "have"}

Part = dict[str, Any]


def problems(part: Part, path: str, scope: Scope) -> Iterator[Problem]:
    """What is wrong with a part of any content."""
    key = part.get("event")
    if not isinstance(key, str) or not key.strip():
        yield Problem(joined_path(path, "event"), "Choose what happened, such as order.completed.")
        return
    if len(key) > MAX_TYPE:
        yield Problem(joined_path(path, "event"), f"The event’s name is longer than {MAX_TYPE} characters; shorten it.")
        return
    try:
        clean(key)
    except Unclean as fault:
        yield Problem(joined_path(path, "event"), str(fault).replace("The request", "The event’s name"))
        return
    yield from conditions.problems_of(part.get("where"), joined_path(path, "where"), within(part, scope))


def within(part: Part, scope: Scope) -> Scope:
    """The scope in which its `where` is read."""
    key = part["event"] if isinstance(part["event"], str) else part["event"][0]
    return replace(scope, subject=HAPPENING, event_type=key, only=None)


def is_any(part: Part) -> bool:
    """Does every event of the type fit?"""
    return conditions.is_empty(part.get("where"))


def rows(part: Part, window: Window, scope: Scope) -> QuerySet[Event]:
    """The events of that type in the window that fit; of all contacts, or of those asked about."""
    found = _of_type(part).filter(*_in_window(window))
    if scope.only is not None:
        found = found.filter(belonging(F("contact_id"), scope.only))
    if not (window.start is None or isinstance(window.start, datetime)):  # depends on the row that is asked
        found = found.filter(contact_id=OuterRef(f"{scope.subject.contact}pk"))
    if is_any(part):
        return found
    return found.filter(conditions.expression_of(part["where"], within(part, scope)))


def fits(part: Part, scope: Scope) -> Combinable:
    """Whether an event of the type fits its `where`, as an expression on events."""
    return conditions.expression_of(part.get("where"), within(part, scope))


def these(events: Sequence[Event]) -> list[Sql]:
    """Filters for the very events, each sought in its own partition."""
    received = [event.received_at for event in events]
    ids = f"{{{','.join(str(event.pk) for event in events)}}}"
    return [
        Sql(
            "({at} BETWEEN {low} AND {high})", at=F("received_at"), low=Value(min(received)), high=Value(max(received))
        ),
        Sql("({id} = ANY({ids}::uuid[]))", id=F("pk"), ids=Value(ids)),
    ]


def _of_type(part: Part) -> QuerySet[Event]:
    key = part["event"]
    return Event.objects.order_by().filter(Q(type=key) if isinstance(key, str) else Q(type__in=key))


def _in_window(window: Window) -> Iterator[Q | Sql]:
    if isinstance(window.start, datetime):
        yield Q(occurred_at__gte=window.start, received_at__gte=window.start - CLOCKS)
    elif window.start is not None:
        yield Sql("{at} >= {start}", at=F("occurred_at"), start=window.start)
    if window.end is not None:
        yield Q(occurred_at__lt=window.end)


def words(part: Part) -> str:
    """Such as: they completed an order."""
    event_type = event_types.find(part["event"])
    if not event_type.filters:
        return f"they did {quoted(event_type.label)}"
    verb, _, rest = event_type.filters.partition(" ")
    return f"they {PLURALS.get(verb, verb)} {rest}".rstrip()


def words_of_where(part: Part, scope: Scope) -> str:
    """Such as “ (where the event’s total is at least 50)”; empty where nothing more is asked."""
    if is_any(part):
        return ""
    return f" (where {conditions.sentence_of(part['where'], within(part, scope))})"


def typed(part: Part, scope: Scope) -> Part:
    """The part with the types of its properties written into `where`."""
    if is_any(part):
        return part
    return {**part, "where": conditions.typed_of(part["where"], within(part, scope))}


def turns(part: Part, edges: tuple[timedelta, ...], scope: Scope, since: datetime) -> Iterator[QuerySet]:
    """Contacts of events that reached one of the ages, or whose properties crossed the edge of a window."""
    inner = within(part, scope)
    filters = conditions.leaves(part.get("where"))
    moving = [test for leaf in filters for test in field_leaf.crossings(leaf, inner, since)]
    for test in moving:
        yield _of_type(part).filter(test).values_list("contact_id", flat=True)
    if moving:  # then whether an event fits is itself a matter of time
        part = {"event": part["event"]}
    for age in edges:
        window = Window(since.astimezone(UTC) - age, scope.instant - age + timedelta(microseconds=1))
        yield rows(part, window, replace(scope, only=None)).values_list("contact_id", flat=True)


def turns_at_midnight(part: Part) -> bool:
    return any(field_leaf.turns_at_midnight(leaf) for leaf in conditions.leaves(part.get("where")))


def vanished(part: Part, scope: Scope, *properties: str) -> Iterator[str]:
    """The type where no code and no source knows it; the properties that nobody registered or sent lately."""
    key = part["event"]
    known = event_types.get(key)
    if not known and not EventTypeRow.objects.filter(key=key).exists():
        yield f"The event {quoted(key)} is not known any more, so nobody matches; choose another."
        return
    asked = [*properties, *(path.removeprefix("event.") for path in conditions.paths(part.get("where")))]
    own = set(known.properties) if known else set()
    own |= {"type", "occurred_at"}
    seen_before = set(KnownField.objects.filter(root=f"event:{key}", path__in=asked).values_list("path", flat=True))
    missing = [name for name in dict.fromkeys(asked) if name.partition(".")[0] not in own and name not in seen_before]
    if missing:
        newest = Event.objects.filter(type=key).order_by("-occurred_at").values("properties")[:SAMPLE]
        seen = {name for (sent,) in newest.values_list("properties") for name in sent}
        for name in missing:
            if name.partition(".")[0] not in seen:
                label = quoted(known.label if known else key)
                yield f"The event {label} has no property {quoted(name)} any more; choose another."
