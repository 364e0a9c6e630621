"""What publishing a draft would do: the difference step by step, and to how many people it does what."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

import msgspec

from campaigns import doors, head_words
from campaigns.canvas_limits import numbers_of_rows
from campaigns.choices import Choices
from campaigns.document import Document, StepDoc, parse
from campaigns.doors import Place, Waiting
from campaigns.flow import ways_of
from campaigns.head_words import PartChange
from campaigns.models import Campaign, Version
from campaigns.settings_words import SettingChange, changed_settings
from campaigns.step_kinds import STEP_KINDS
from campaigns.ways import is_kept, next_in_both, next_kept, waits_anew
from lib import once
from segments import conditions


@dataclass
class StepChange:
    """One step of the difference between two definitions, with the people who stand in it."""

    uid: str
    what: str  # added · removed · replaced · changed · same
    before: str = ""
    after: str = ""
    compared: tuple[StepDoc, StepDoc] | None = None
    """A step that both have, as it was and will be."""
    ways_before: str = ""
    ways_after: str = ""
    ways_change: bool = False
    """Whether a way leads to another step; one whose words alone are others is where it was."""
    places: list[Place] = field(default_factory=list)
    asks: str = ""
    """What must be decided: “removed”: where they go; “wait”: whether they wait anew. Empty: nothing."""
    asked: Waiting | None = None
    """Those of its people whom the question is about: who follows from a version that has another step here."""
    anew: Waiting | None = None
    """How many of them would wait anew, and from when to when; worked out by whoever shows it."""
    follower: str = ""
    """The next step of those whose step is no more, in words; empty: the end."""

    @property
    def waiting(self) -> Waiting | None:
        return doors.together(self.places) if self.places else None

    @property
    def settings(self) -> list[SettingChange]:
        """What is set otherwise; worked out by whoever shows it, for forms ask the database."""
        return changed_settings(*self.compared) if self.compared else []


@dataclass
class Impact:
    """What publishing the draft would do, step by step and to how many people."""

    steps: list[StepChange] = field(default_factory=list)
    other: list[tuple[str, PartChange]] = field(default_factory=list)
    """What else changes: in a sentence, and from what to what."""
    people_inside: int = 0
    on_older: int = 0
    """How many of them finish a version before the one that is live."""

    @property
    def changes_anything(self) -> bool:
        return bool(self.other) or any(step.what != "same" or step.ways_change for step in self.steps)

    def work_out_anew(self, campaign: Campaign, new: Document, now: datetime) -> None:
        """Whose waits would be others: where nobody’s would, nothing is asked."""
        asking = [step for step in self.steps if step.asks == "wait"]
        found = doors.anew(campaign, new, now) if asking else {}
        for step in asking:
            step.anew = found.get(step.uid)
            step.asks = "wait" if step.anew else ""

    def faults(self, choices: Choices, new: Document) -> list[str]:
        """What the choices leave open, in sentences."""
        if choices.drains:
            return []
        asking = [step for step in self.steps if step.asks == "removed"]
        return [fault for step in asking if (fault := _fault(step, choices, new))]


def _fault(step: StepChange, choices: Choices, new: Document) -> str:
    chosen = choices.removed.get(step.uid)
    words = step.before or "that is there no more"
    if chosen is None:
        assert step.asked
        people = "1 person waits" if step.asked.count == 1 else f"{step.asked.count:,} people wait"
        return f"{people} in the step “{words}”, which is removed: choose what becomes of them."
    if chosen.then in ("step", "due") and new.step(chosen.target) is None:
        return f"Those in the step “{words}” cannot go on there: choose a step that the new version has."
    return ""


def impact(campaign: Campaign) -> Impact:
    """The difference between the draft and what is live, and what it means for everybody inside, of any version."""
    new, places = parse(campaign.draft), doors.places(campaign)
    old = parse(campaign.live.document) if campaign.live else Document()
    documents = _documents(campaign, places)
    found = Impact(difference(old, new), _other(old, new), sum(place.count for place in places))
    found.on_older = sum(place.count for place in places if place.version != campaign.live_id)
    _put_people(found, new, places, documents)
    return found


def _documents(campaign: Campaign, places: Iterable[Place]) -> dict[int, Document]:
    """The versions that somebody is inside."""
    rows = Version.objects.filter(pk__in={place.version for place in places})
    return {row.pk: parse(row.document) for row in rows}


def difference(old: Document, new: Document) -> list[StepChange]:
    """Step by step, in the new order; what is removed stands where it stood."""
    once.expect(lambda: numbers_of_rows(old) | numbers_of_rows(new))
    found = [_compare(step.uid, old, new) for step in new.steps]
    order = [step.uid for step in old.steps]
    for place, uid in enumerate(order):
        if new.step(uid) is None:
            before = next((other for other in reversed(order[:place]) if _index(found, other) is not None), None)
            at = _index(found, before) if before else None
            found.insert(0 if at is None else at + 1, _compare(uid, old, new))
    return found


def _index(found: list[StepChange], uid: str | None) -> int | None:
    return next((at for at, step in enumerate(found) if step.uid == uid), None)


def _compare(uid: str, old: Document, new: Document) -> StepChange:
    before, after = old.step(uid), new.step(uid)
    change = StepChange(uid, "same", describe(before), describe(after))
    if before is None:
        change.what = "added"
    elif after is None:
        change.what = "removed"
    elif before.kind != after.kind:
        change.what = "replaced"
    elif (before.config, before.only_if, before.name) != (after.config, after.only_if, after.name):
        change.what, change.compared = "changed", (before, after)
    if after and (_parts(_targets(after)) or (before and _parts(_targets(before)))):
        change.ways_before, change.ways_after = _ways(before, old) if before else "", _ways(after, new)
        change.ways_change = before is None or _targets(before) != _targets(after)
    elif before and after and next_in_both(old, new, uid) != next_in_both(new, old, uid):
        change.ways_before, change.ways_after, change.ways_change = _ways(before, old), _ways(after, new), True
    return change


def _parts(targets: dict[str, str | None]) -> bool:
    """Whether the ways lead to different steps; where all lead to one, a step put between is no change of the step."""
    return len(set(targets.values())) > 1


def _targets(step: StepDoc) -> dict[str, str | None]:
    return {way.arm: way.target for way in ways_of(step)}


def _ways(step: StepDoc, document: Document) -> str:
    """Where the arms of a step lead: “yes → send “A”; else → the end”; “then → the end” where there is but one."""
    found = []
    for way in (ways := ways_of(step)):
        target = document.step(way.target or "")
        name = (way.label or way.arm) if len(ways) > 1 else "then"
        found.append(f"{name} → {describe(target) if target else 'the end'}")
    return "; ".join(found)


def _put_people(found: Impact, new: Document, places: list[Place], documents: dict[int, Document]) -> None:
    """Each crowd at its step; who drains from an older version may stand where there is none any more."""
    by_uid: dict[str, list[Place]] = defaultdict(list)
    for place in places:
        by_uid[place.uid].append(place)
    known = {step.uid: step for step in found.steps}
    for uid, crowds in by_uid.items():
        older = next((step for crowd in crowds if (step := documents[crowd.version].step(uid))), None)
        if uid not in known:
            known[uid] = StepChange(uid, "removed", describe(older))
            found.steps.append(known[uid])
        _ask(known[uid], new, crowds, documents)


def _ask(change: StepChange, new: Document, crowds: list[Place], documents: dict[int, Document]) -> None:
    """Whether something must be decided for those who stand here."""
    change.places, uid = crowds, change.uid
    gone = [crowd for crowd in crowds if not is_kept(documents[crowd.version].step(uid), new)]
    followers = {next_kept(documents[crowd.version], new, uid) for crowd in gone}
    if gone:
        change.asks, change.asked = "removed", doors.together(gone)
        change.follower = " or ".join(sorted(describe(new.step(one)) if one else "the end" for one in followers))
        return
    step = new.step(uid)
    anew = [crowd for crowd in crowds if crowd.due_to and waits_anew(documents[crowd.version].step(uid), step)]
    if anew:
        change.asks, change.asked = "wait", doors.together(anew)


_PARTS = {
    "name": "The name changes.",
    "type": "The type changes.",
    "objective": "The objective changes.",
    "topic": "The topic changes: mails that are in the queue keep theirs.",
    "triggers": "What lets people in changes: it applies to new entries only.",
    "audience": "Who may be in changes: it applies to new entries only.",
    "keep_matching": "Whether those inside must go on matching changes.",
    "reentry": "How often people may enter changes.",
    "entry_key": "The entry key changes: those inside are known by it, too, as far as what let them in says it.",
    "on_repeat": "What happens on a repeat of the trigger changes.",
    "holdout": "The holdout changes: nobody who is already assigned moves.",
    "exits": "What makes people leave early changes: for whom it is true already leaves before the next step.",
    "goals": "The goals change: what those inside do from now on counts.",
    "exit_on_goal": "Whether people leave when they reach a goal changes.",
    "priority": "How important its mails are beside those of other campaigns changes.",
    "window": "When its mails may go out changes: whoever is held back now is asked again at the time they were told.",
    "overdue": "What becomes of those who are overdue after a pause changes.",
}


def _other(old: Document, new: Document) -> list[tuple[str, PartChange]]:
    return [(_PARTS[change.part], change) for change in head_words.parts_changed(old, new)]


def parts_changed(old: Document, new: Document) -> list[str]:
    """What differs, by name and without its content: for the audit log."""
    found = [name.replace("_", " ") for name in _PARTS if getattr(old, name) != getattr(new, name)]
    before, after = ({step.uid: step for step in document.steps} for document in (old, new))
    counts = {
        "added": len(after.keys() - before.keys()),
        "removed": len(before.keys() - after.keys()),
        "changed": sum(_says_else(before[uid], after[uid]) for uid in before.keys() & after.keys()),
    }
    return found + [f"{count} step{'s' * (count != 1)} {deed}" for deed, count in counts.items() if count]


def _says_else(before: StepDoc, after: StepDoc) -> bool:
    """Whether a step differs by itself, or leads elsewhere by choice: one that only has another follower does not."""
    branches = _parts(before.next) or _parts(after.next)
    return msgspec.structs.replace(before, next={}) != msgspec.structs.replace(after, next={}) or (
        branches and before.next != after.next
    )


def describe(step: StepDoc | None) -> str:
    """A step in words, by its name where it has one, and with its condition."""
    words = sentence(step)
    return f"{step.name} ({words})" if step and step.name else words


def sentence(step: StepDoc | None) -> str:
    """What a step does, and for whom."""
    if step is None:
        return ""
    kind = STEP_KINDS.get(step.kind)
    words = kind.describe(step.config) if kind else step.kind
    return f"{words}, only if {conditions.sentence(step.only_if, 'enrollment')}" if step.only_if else words
