"""Scores in plain Python, from what happened: what the SQL of the engine is held against.

Written from the rules as they are told to marketers, not from the SQL. Nothing is kept from one call to the next:
the events of a contact, what is known of them and what people gave them by hand go in, a score comes out.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from scoring.document import Document, Fading, Rule


@dataclass(frozen=True)
class Happening:
    """An event of a contact."""

    type: str
    at: datetime
    properties: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Gift:
    """What a person, a step or the API gave; `serial` orders what was given at one moment."""

    at: datetime
    serial: int
    effect: str
    points: float = 0
    fading: Fading = field(default_factory=Fading)


@dataclass
class Facts:
    """One contact: what is known of them, what they did, what they were given."""

    attributes: dict[str, Any] = field(default_factory=dict)
    tags: set[str] = field(default_factory=set)
    companies: list[dict[str, Any]] = field(default_factory=list)
    created_at: datetime | None = None
    happenings: list[Happening] = field(default_factory=list)
    gifts: list[Gift] = field(default_factory=list)


# --- which events and people a rule counts ---


def fits(tree: dict[str, Any] | None, read: Callable[[str], list[Any]], now: datetime) -> bool:
    """Is it true? Only of the few operators that these tests ask with."""
    if not tree:
        return True
    if "not" in tree:
        return not fits(tree["not"], read, now)
    if "all" in tree:
        return all(fits(part, read, now) for part in tree["all"])
    return any(_compared(value, tree["op"], tree["value"], now) for value in read(tree["field"]))


def _compared(value: Any, op: str, wanted: Any, now: datetime) -> bool:
    if value is None:
        return False
    if op == "is":
        return str(value).lower() == str(wanted).lower()
    if op == "contains any":
        return bool({str(one).lower() for one in value} & {str(one).lower() for one in wanted})
    if op == "in the last":
        assert wanted["unit"] == "days" and isinstance(value, datetime)
        return now - timedelta(days=wanted["amount"]) < value <= now
    if not isinstance(value, int | float):
        return False
    return {">": value > wanted, "≥": value >= wanted, "<": value < wanted}[op]


def _reader_of(facts: Facts) -> Callable[[str], list[Any]]:
    def read(name: str) -> list[Any]:
        root, _, key = name.partition(".")
        if root == "company":
            return [company.get(key) for company in facts.companies]
        return [{"tags": facts.tags, "created_at": facts.created_at}.get(key, facts.attributes.get(key))]

    return read


def _counts(rule: Rule, one: Happening, now: datetime) -> bool:
    if one.type != rule.event:
        return False
    if rule.event in ("email.opened", "email.clicked") and not rule.machines and one.properties.get("machine"):
        return False
    return fits(rule.where, lambda name: [one.properties.get(name.removeprefix("event."))], now)


# --- what a contribution is worth ---


@dataclass(frozen=True)
class Contribution:
    rule: Rule | None
    at: datetime
    order: tuple
    """Of several at one moment: what people give comes after what happened; the rules' own order among these."""
    effect: str
    points: float
    fading: Fading

    def worth(self, now: datetime) -> float:
        if self.effect == "reset":
            return 0.0
        age = max((now - self.at).total_seconds(), 0)
        if self.fading.how == "half":
            return self.points * 2 ** -(age / self.fading.seconds)
        expired = self.fading.how == "expires" and age >= self.fading.seconds
        return 0.0 if expired else float(self.points)


def contributions(document: Document, facts: Facts, now: datetime) -> list[Contribution]:
    """What engagement is made of: the latest events of each rule and what was given, after the last reset or set."""
    found = [Contribution(None, one.at, (1, one.serial), one.effect, one.points, one.fading) for one in facts.gifts]
    for place, rule in enumerate(document.rules):
        if rule.kind != "behavioural":
            continue
        moments = sorted(one.at for one in facts.happenings if _counts(rule, one, now))
        for at in moments[-rule.at_most :]:
            found.append(Contribution(rule, at, (0, -place), rule.effect, rule.points, rule.fading))
    barriers = [one for one in found if one.effect != "add"]
    if not barriers:
        return found
    last = max(barriers, key=lambda one: (one.at, one.order))
    return [last, *(one for one in found if one.effect == "add" and _is_after(one, last))]


def _is_after(one: Contribution, barrier: Contribution) -> bool:
    """What happens at the very moment still counts; of what people give, what they gave later."""
    if one.at != barrier.at or one.rule or barrier.rule:
        return one.at >= barrier.at
    return one.order > barrier.order


def live_rows(document: Document, facts: Facts, now: datetime) -> dict[str, int]:
    """Rule uid → how many contributions of it count, before any reset."""
    found = {}
    for rule in document.rules:
        if rule.kind == "behavioural":
            found[rule.uid] = min(rule.at_most, sum(_counts(rule, one, now) for one in facts.happenings))
        else:
            found[rule.uid] = int(fits(rule.condition, _reader_of(facts), now))
    return {uid: count for uid, count in found.items() if count}


# --- what it comes to ---


def clamped(value: float, low: float | None, high: float | None) -> float:
    value = value if low is None else max(value, low)
    return value if high is None else min(value, high)


def capped(document: Document, worths: dict[str, float]) -> float:
    """By rule and then by group."""
    groups: dict[str, float] = {}
    total = 0.0
    for rule in document.rules:
        if rule.uid not in worths:
            continue
        worth = worths[rule.uid]
        if rule.cap is not None:
            worth = clamped(worth, -rule.cap, rule.cap)
        if rule.group:
            groups[rule.group] = groups.get(rule.group, 0) + worth
        else:
            total += worth
    caps = {group.name: group.cap for group in document.groups}
    return total + sum(clamped(worth, -caps[name], caps[name]) for name, worth in groups.items())


def fit(document: Document, facts: Facts, now: datetime) -> float:
    read = _reader_of(facts)
    true = [rule for rule in document.rules if rule.kind != "behavioural" and fits(rule.condition, read, now)]
    decisive = next((rule for rule in true if rule.effect != "add"), None)
    counted = [decisive] if decisive else true
    return capped(document, {rule.uid: 0 if rule.effect == "reset" else rule.points for rule in counted})


def engagement(document: Document, counted: Sequence[Contribution], now: datetime) -> float:
    worths: dict[str, float] = {}
    given = 0.0
    for one in counted:
        if one.rule:
            worths[one.rule.uid] = worths.get(one.rule.uid, 0) + one.worth(now)
        else:
            given += one.worth(now)
    return given + capped(document, worths)


@dataclass(frozen=True)
class Worth:
    points: float
    fit: float
    engagement: float


def tidy(number: float) -> float:
    """Points are told to a millionth."""
    return round(number, 6)


def score(document: Document, facts: Facts, now: datetime) -> Worth:
    return _together(document, fit(document, facts, now), contributions(document, facts, now), now)


def _together(document: Document, its_fit: float, counted: Sequence[Contribution], now: datetime) -> Worth:
    its_engagement = engagement(document, counted, now)
    total = clamped(its_fit + its_engagement, document.floor, document.ceiling)
    return Worth(tidy(total), tidy(its_fit), tidy(its_engagement))


# --- bands, and how it goes on ---


def reached(value: float, thresholds: Sequence[float]) -> int:
    return sum(value >= threshold for threshold in thresholds)


def place(value: float, thresholds: Sequence[float], was: int, margin: float) -> int:
    """A threshold that was reached is left only below the margin."""
    return max(reached(value, thresholds), min(was, reached(value + margin, thresholds)))


def bands_from(document: Document) -> list[float]:
    return [band.points for band in document.bands[1:]]


@dataclass(frozen=True)
class Levels:
    """The numbers that segments compare a score with."""

    total: Sequence[float] = ()
    fit: Sequence[float] = ()
    engagement: Sequence[float] = ()


@dataclass(frozen=True)
class Held:
    """The band and the grades that a contact has now."""

    band: int
    fit_grade: int
    engagement_grade: int


def first_crossing(
    document: Document, facts: Facts, held: Held, levels: Levels, now: datetime
) -> tuple[datetime, str] | None:
    """When the passing of time alone first changes a band, a grade or the answer of a segment; None: never.

    To the second; nothing else happens meanwhile, and of the person all stays as it is.
    """
    its_fit, counted = fit(document, facts, now), contributions(document, facts, now)

    stages = [stage.points for stage in document.stages if stage.points is not None]
    had_reached = reached(_together(document, its_fit, counted, now).points, stages)

    def seen(at: datetime) -> tuple:
        worth = _together(document, its_fit, counted, at)
        return (
            max(had_reached, reached(worth.points, stages)),
            place(worth.points, bands_from(document), held.band, document.margin),
            place(worth.fit, document.fit_grades, held.fit_grade, document.margin),
            place(worth.engagement, document.engagement_grades, held.engagement_grade, document.margin),
            tuple(_side(worth.points, level) for level in levels.total),
            tuple(_side(worth.fit, level) for level in levels.fit),
            tuple(_side(worth.engagement, level) for level in levels.engagement),
        )

    first = seen(now)
    before = now
    for at in _moments(counted, now):
        if seen(at) != first:
            return _narrowed(before, at, lambda moment: seen(moment) != first), f"{first} → {seen(at)}"
        before = at
    return None


def _side(value: float, level: float) -> int:
    """Below, at, or above: what ≥, >, <, ≤ and “is” can tell apart."""
    return (value > level) - (value < level)


def _moments(counted: Sequence[Contribution], now: datetime) -> Iterator[datetime]:
    """Close to each other at first; each expiry and just before it; until nothing can move any more."""
    last = timedelta(days=1)
    edges = set()
    for one in counted:
        if one.fading.how == "half":
            last = max(last, 40 * timedelta(seconds=one.fading.seconds))
        if one.fading.how == "expires":
            edges |= {one.at + timedelta(seconds=one.fading.seconds + step) for step in (-1, 0)}
    if not any(one.fading.how == "half" for one in counted):
        yield from sorted(at for at in edges if at > now)
        return
    step, away = timedelta(minutes=1), timedelta()
    while away < last:
        away += step
        edges.add(now + away)
        step = max(timedelta(minutes=1), away / 12)
    yield from sorted(at for at in edges if at > now)


def _narrowed(low: datetime, high: datetime, true: Callable[[datetime], bool]) -> datetime:
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) / 2
        low, high = (low, middle) if true(middle) else (middle, high)
    return high
