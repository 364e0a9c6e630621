"""Change score: points for those who come by, or another stage of the lifecycle."""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from automation.forms.score import ScoreForm
from automation.in_hand import A_MOMENT
from campaigns.step_kinds import Done, StepKind, Wait
from lib import once
from scoring import adjusting, reading, rule_words, shown
from scoring.adjusting import MAX_REASON, Deed, Refused
from scoring.checking import MAX_DAYS
from scoring.document import MAX_POINTS, Fading
from scoring.models import ScoreChange, ScoreModel
from scoring.reading import Standing
from segments.membership import hold_free

EFFECTS = ("add", "set", "reset", "stage")


class Change(msgspec.Struct, kw_only=True):
    """The configuration: which score, and what is done to it."""

    model: str = ""
    effect: str = "add"
    points: int = 0
    stage: str = ""
    force: bool = False
    reason: str = ""
    fading: Fading = msgspec.field(default_factory=Fading)


class ScoreKind(StepKind):
    key, label, icon, group = "score", "Change score", "speed", "People"
    help = "Points for those who get here, or another stage of the lifecycle."
    form = ScoreForm
    saw = {"points": "Points", "band": "Band", "stage": "Stage"}

    def problems(self, config):
        change = _read(config)
        if change is None:
            return ["This step cannot be read; choose the score and what becomes of it again."]
        model = _model(change)
        if model is None:
            return [f"There is no score “{change.model}”; choose another one." if change.model else "Choose the score."]
        return [*_about_effect(change, model), *_about_words(change)]

    def references(self, config):
        return [("score", config["model"])]

    def describe(self, config):
        change = _read(config)
        if change is None:
            return "change a score"
        model = _model(change)
        name = f"“{model or change.model}”" if change.model else "a score"
        return f"{_deed_in_words(change, name)}{'' if model is None or model.is_active else ', which is off'}"

    def run(self, visits, now):
        change = msgspec.convert(visits[0].step.config, Change)
        model = _model(change)
        if model is None:
            return [Done(f"The score “{change.model}” was deleted, so nothing changed.") for _ in visits]
        if fault := _why_not(change, model):
            return [Done(fault) for _ in visits]
        free = hold_free({visit.enrollment.contact_id for visit in visits})
        going = [visit for visit in visits if visit.enrollment.contact_id in free]
        try:
            for wave in _waves(going):
                _change(change, model, wave, now)
        except Refused as refused:
            return [Done(str(refused)) for _ in visits]
        standings = reading.standings(model, free, now) if free else {}
        return [_outcome(change, model, standings.get(visit.enrollment.contact_id), now) for visit in visits]


def _read(config: Any) -> Change | None:
    try:
        return msgspec.convert(config, Change)
    except msgspec.ValidationError:
        return None


def _model(change: Change) -> ScoreModel | None:
    ask = ScoreModel.objects.filter(key=change.model).first
    return once.answer(("score", change.model), ask) if "\x00" not in change.model else None


def _about_effect(change: Change, model: ScoreModel) -> Iterator[str]:
    if change.effect not in EFFECTS:
        yield "Choose what becomes of the score: points, a number to set it to, or a stage."
    if change.effect in ("add", "set") and abs(change.points) > MAX_POINTS:
        yield f"Points: write a whole number from −{MAX_POINTS:,} to {MAX_POINTS:,}."
    if change.effect == "add" and change.points == 0:
        yield "Say how many points to give; to take some write a minus before the number."
    if change.effect == "stage" and change.stage not in model.stages:
        known = ", ".join(f"“{name}”" for name in model.stages)
        yield f"Choose a stage of “{model}”: {known}." if known else f"“{model}” has no stages; choose something else."


def _about_words(change: Change) -> Iterator[str]:
    if "\x00" in change.reason:
        yield "The reason holds a character that cannot be kept; remove it."
    elif len(change.reason) > MAX_REASON:
        yield f"The reason has at most {MAX_REASON} characters; shorten it."
    days = change.fading.seconds / 86400
    if change.fading.how != "never" and not 1 <= days <= MAX_DAYS:
        yield f"Write after how long the points fade: 1 to {MAX_DAYS:,} days."


def _deed_in_words(change: Change, name: str) -> str:
    fades = rule_words.fading(change.fading)
    after = f" ({fades})" if fades and change.effect in ("add", "set") else ""
    if change.effect == "stage":
        return f"move to the stage “{change.stage}” of {name}{', also backwards' if change.force else ''}"
    if change.effect == "add":
        verb = "take" if change.points < 0 else "give"
        return f"{verb} {rule_words.points(abs(change.points))} of {name}{after}"
    return f"set the engagement of {name} to {shown.points(_level(change))}{after}"


def _level(change: Change) -> int:
    return change.points if change.effect == "set" else 0


def _why_not(change: Change, model: ScoreModel) -> str:
    if not model.is_active:
        return f"“{model}” is off, so nothing changed."
    if change.effect == "stage" and change.stage not in model.stages:
        return f"“{model}” has no stage “{change.stage}” any more, so nothing changed."
    return ""


def _waves(visits: Sequence) -> Iterator[list]:
    """Nobody twice in one: who is inside by two keys gets the points twice."""
    while visits:
        wave = list({visit.enrollment.contact_id: visit for visit in visits}.values())
        yield wave
        done = {id(visit) for visit in wave}
        visits = [visit for visit in visits if id(visit) not in done]


def _change(change: Change, model: ScoreModel, visits: list, now) -> None:
    contacts = [visit.enrollment.contact_id for visit in visits]
    hops = {visit.enrollment.contact_id: visit.enrollment.hops for visit in visits}
    if change.effect == "stage":
        place = model.stages.index(change.stage) + 1
        adjusting.move_stage(model, contacts, place, now, forced=change.force, hops=hops)
        return
    reason = change.reason or str(visits[0].enrollment.campaign)
    deed = Deed(
        effect=change.effect,
        points=change.points if change.effect == "add" else _level(change),
        reason=reason[:MAX_REASON],
        fading=change.fading,
        cause=ScoreChange.Cause.STEP,
    )
    adjusting.adjust(model, contacts, deed, now, hops=hops)


def _outcome(change: Change, model: ScoreModel, standing: Standing | None, now):
    if standing is None:
        return Wait(f"“{model}” is being worked out just now.", now + A_MOMENT)
    facts = {"points": round(standing.points, 1), "band": standing.band, "stage": standing.stage}
    if change.effect == "stage":
        return Done(_stage_in_words(change, model, standing), facts=facts)
    has = f"{shown.points(standing.points)} now, {standing.band}"
    if change.effect == "add":
        verb = "Lost" if change.points < 0 else "Got"
        return Done(f"{verb} {rule_words.points(abs(change.points))} of “{model}”: {has}.", facts=facts)
    return Done(f"The engagement of “{model}” was set to {shown.points(_level(change))}: {has}.", facts=facts)


def _stage_in_words(change: Change, model: ScoreModel, standing: Standing) -> str:
    if standing.stage == change.stage:
        return f"Is in the stage “{change.stage}” of “{model}”."
    return f"Stays in the stage “{standing.stage}” of “{model}”, which comes after “{change.stage}”."
