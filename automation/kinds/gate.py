"""Gate: at most so many people inside a section of the campaign at once; the others queue in the order of arrival."""

import msgspec

from automation import gates
from automation.forms.gate import GateForm
from automation.gate_models import Place
from automation.kinds.arms import read
from campaigns.step_kinds import Done, StepKind, Wait
from lib.durations import in_words
from lib.words import people

MOST = 1_000
LONGEST_UID = 40


class Section(msgspec.Struct, kw_only=True):
    """The configuration; no `until`: the section ends with the campaign."""

    places: int = 0
    until: str = ""


class GateKind(StepKind):
    key, label, icon = "gate", "Pass through a gate", "door_front"
    group, form = "Flow", GateForm
    help = "Lets only so many people at once into what follows. The others wait, first come, first served."

    def problems(self, config):
        section = read(config, Section)
        if section is None or not 1 <= section.places <= MOST:
            return [f"Say how many people may be inside at once: a whole number from 1 to {MOST:,}."]
        if len(section.until) > LONGEST_UID or "\x00" in section.until:
            return ["Choose again up to which step people count as inside."]
        return []

    def steps(self, config):
        section = read(config, Section)
        return [section.until] if section and section.until else []

    def describe(self, config):
        section = read(config, Section)
        if section is None or section.places < 1:
            return "pass through a gate"
        return f"pass through a gate: {people(section.places)} inside at once"

    def may_take_longer(self, config, arm):
        return True

    def run(self, visits, now):
        places = gates.places_of(visits)
        if missing := [visit for visit in visits if _of(visit) not in places and not visit.enrollment.contact.is_test]:
            gates.queue_up(missing, now)
        count = msgspec.convert(visits[0].step.config, Section).places
        return [_outcome(visit, places.get(_of(visit)), count, now) for visit in visits]


def _of(visit) -> tuple[int, int]:
    return visit.enrollment.pk, visit.occurrence


def _outcome(visit, place: Place | None, count: int, now):
    if place is None and visit.enrollment.contact.is_test:
        return Done(f"Went through at once: a test contact takes none of the places for {people(count)}.")
    if place is None or place.taken_at is None:
        return Wait(f"Waits for a place: {people(count)} may be inside at once.", None)
    waited = place.taken_at - place.arrived_at
    return Done(f"Got a place after {in_words(waited)}." if waited.total_seconds() >= 1 else "Got a place at once.")
