"""Branch: everybody takes the first way whose condition is true of them, the rest “else”."""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from django.db.models import IntegerField, Value

from automation import seen as seen_by
from automation.forms.branch import BranchForm
from automation.kinds.arms import about_arms, read
from automation.models import Enrollment
from campaigns.step_kinds import Arm, Done, StepKind
from lib.united import united
from ops.models import SiteSettings
from segments import conditions

MOST = 20
ELSE = Arm("else", "Everybody else")


class Way(msgspec.Struct, kw_only=True):
    """One arm."""

    uid: str = ""
    name: str = ""
    condition: Any = None


class Ways(msgspec.Struct, kw_only=True):
    """The configuration."""

    arms: list[Way] = []


class BranchKind(StepKind):
    key, label, icon = "branch", "Branch", "call_split"
    help = "Sends people different ways: by what we know of them, what they did, or what came of an earlier step."
    form = BranchForm
    saw = {"because": ""}  # the explanation says it
    by_the_clock = True

    def problems(self, config):
        ways = read(config, Ways)
        if ways is None:
            return ["This step cannot be read; say again who goes which way."]
        return [*about_arms(ways.arms, 1, MOST), *_about_conditions(ways.arms[:MOST])]

    def describe(self, config):
        ways = read(config, Ways)
        if ways is None or not ways.arms:
            return "send people different ways"
        return f"branch: {', '.join(f'“{way.name}”' for way in ways.arms)} or everybody else"

    def arms(self, config):
        ways = read(config, Ways)
        return [*(Arm(way.uid, way.name) for way in (ways.arms if ways else [])), ELSE]

    def trees(self, config):
        ways = read(config, Ways)
        return [way.condition for way in ways.arms] if ways else []

    def run(self, visits, now):
        ways = msgspec.convert(visits[0].step.config, Ways).arms
        here = now.astimezone(SiteSettings.get().zone)
        ids = [visit.enrollment.pk for visit in visits]
        contacts = {visit.enrollment.contact_id for visit in visits}
        first = _first_ways(ways, ids, contacts, here)
        seen = seen_by.values([way.condition for way in ways], ids, contacts, here)
        said = [conditions.sentence(way.condition, "enrollment") for way in ways]
        return [_outcome(ways, said, first.get(pk), seen.get(pk, {})) for pk in ids]


def _about_conditions(ways: Sequence[Way]) -> Iterator[str]:
    asked: list[Any] = []
    for number, way in enumerate(ways, start=1):
        name = way.name.strip()[:60] or str(number)
        if conditions.is_empty(way.condition):
            yield f"Say who takes the way “{name}”; without a condition everybody would."
        elif faults := conditions.validate(way.condition, "enrollment"):
            yield f"The way “{name}”: {faults[0].sentence}"
        elif way.condition in asked:
            yield f"Nobody can take the way “{name}”: a way above asks the same. Change its condition or remove it."
        asked.append(way.condition)


def _first_ways(ways: Sequence[Way], ids: list[int], contacts: set[int], here) -> dict[int, int]:
    """Enrollment → the number of the first way that fits; one query, a UNION over the ways.

    A CASE would ask every condition of every row by itself; so each is a join that reads these contacts only.
    """
    asked = [
        conditions.matching(Enrollment.objects.filter(pk__in=ids).order_by(), way.condition, here, only=contacts)
        .annotate(way=Value(number, output_field=IntegerField()))
        .values_list("pk", "way")
        for number, way in enumerate(ways)
    ]
    found: dict[int, int] = {}
    for pk, number in united(asked):
        found[pk] = min(number, found.get(pk, number))
    return found


def _outcome(ways: Sequence[Way], said: list[str], number: int | None, seen: dict[str, str]) -> Done:
    facts: dict[str, Any] = {"seen": seen} if seen else {}
    if number is None:
        return Done(f"Took the way for everybody else: of {_names(ways)} none fits.", arm=ELSE.key, facts=facts)
    facts["because"] = said[number]
    return Done(f"Took the way “{ways[number].name}”: {said[number]}.", arm=ways[number].uid, facts=facts)


def _names(ways: Sequence[Way]) -> str:
    return ", ".join(f"“{way.name}”" for way in ways)
