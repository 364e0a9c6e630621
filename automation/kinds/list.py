"""Lists: people are put into a fixed list, taken out of it, or moved to another one."""

from typing import Any

import msgspec

from automation.forms.list import ListForm
from automation.in_hand import hops_of, with_people
from automation.kinds.arms import read
from campaigns.step_kinds import Done, StepKind
from lib import once
from segments import members
from segments.models import Membership, Segment

EFFECTS = ("add", "remove", "move")
STEP = Membership.Cause.STEP
HIGHEST = 2**63 - 1


class Place(msgspec.Struct, kw_only=True):
    """A segment by its id, under the name by which whatever looks for uses of segments finds it."""

    segment: int | None = None


class Deed(msgspec.Struct, kw_only=True):
    """The configuration; `to` is where people are moved."""

    effect: str = "add"
    segment: int | None = None
    to: Place = msgspec.field(default_factory=Place)


class ListKind(StepKind):
    key, label, icon = "list", "Add to a list", "playlist_add"
    group, form = "People", ListForm
    help = "Puts people into a segment that is a fixed list, takes them out of it, or moves them to another one."

    def problems(self, config):
        deed = read(config, Deed)
        if deed is None:
            return ["This step cannot be read; choose the list and what is done with it again."]
        found = [] if deed.effect in EFFECTS else ["Choose what is done: put into a list, taken out, or moved."]
        lists = _lists(deed)
        for pk in _wanted(deed):
            found += _about(pk, lists)
        if deed.effect == "move" and deed.segment is not None and deed.segment == deed.to.segment:
            found.append("They are moved from a list to the same list; choose another one.")
        return found

    def references(self, config):
        deed = msgspec.convert(config, Deed)
        return [("segment", str(pk)) for pk in dict.fromkeys(_wanted(deed))]

    def describe(self, config):
        deed = read(config, Deed)
        if deed is None:
            return "change a list"
        lists = _lists(deed)
        first, second = _name(lists, deed.segment), _name(lists, deed.to.segment)
        return {"remove": f"take out of {first}", "move": f"move from {first} to {second}"}.get(
            deed.effect, f"put into {first}"
        )

    def run(self, visits, now):
        deed = msgspec.convert(visits[0].step.config, Deed)
        lists = _lists(deed)
        if fault := _why_not(deed, lists):
            return [Done(fault) for _ in visits]
        said = _said(deed, lists)

        def work(going, contacts):
            _do(deed, lists, set(contacts.values()), now, hops_of(going, contacts))
            return [Done(said) for _ in going]

        return with_people(visits, now, work)


def _wanted(deed: Deed) -> list[int | None]:
    return [deed.segment, deed.to.segment] if deed.effect == "move" else [deed.segment]


def _lists(deed: Deed) -> dict[int | None, Segment]:
    keys = [pk for pk in _wanted(deed) if pk is not None and 0 < pk <= HIGHEST]
    found = [once.row(Segment.objects.all(), pk) for pk in keys]
    return {segment.pk: segment for segment in found if segment}


def _about(pk: int | None, lists: dict[int | None, Segment]) -> list[str]:
    if pk is None:
        return ["Choose the list."]
    if pk not in lists:
        return [f"There is no list {str(pk)[:20]} any more; choose another one."]
    if lists[pk].is_dynamic:
        return [f"“{lists[pk]}” fills itself by its rules; choose a segment that is a fixed list."]
    return []


def _why_not(deed: Deed, lists: dict[int | None, Segment]) -> str:
    faults = [fault for pk in _wanted(deed) for fault in _about(pk, lists)]
    return f"Nothing was changed: {faults[0]}" if faults else ""


def _name(lists: dict[int | None, Segment], pk: int | None) -> str:
    return f"the list “{lists[pk]}”" if pk in lists else "a list"


def _said(deed: Deed, lists: dict[int | None, Segment]) -> str:
    first = _name(lists, deed.segment)
    if deed.effect == "move":
        return f"Moved from {first} to {_name(lists, deed.to.segment)}, if they were in it."
    return f"Put into {first}." if deed.effect == "add" else f"Taken out of {first}."


def _do(deed: Deed, lists: dict[Any, Segment], ids: set[int], now, hops: dict[int, int]) -> None:
    if deed.effect == "move":
        members.move(lists[deed.segment], lists[deed.to.segment], ids, now, STEP, hops=hops)
    elif deed.effect == "add":
        members.add(lists[deed.segment], ids, now, STEP, hops=hops)
    else:
        members.remove(lists[deed.segment], ids, now, STEP, hops=hops)
