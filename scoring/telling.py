"""What follows from scores that became others: events for people and campaigns, news for the segments."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from contacts.models import Change
from events import recording
from scoring.models import ScoreModel
from scoring.reading import name_of
from scoring.settling import Settled
from segments.membership import EVENTS_AT_ONCE, SILENT, Occasion
from segments.models import Segment


def token(model_key: str) -> str:
    """What a condition on scores of the model reads: segments.reading."""
    return f"score:{model_key}"


def tell(settled: Iterable[Settled], occasion: Occasion) -> None:
    """`score.band_changed` and `score.stage_reached`; what nobody did (imports, merges) starts nothing."""
    news = [one for one in settled if one.band != one.was_band or one.stage > one.was_stage]
    if not news:
        return
    models = ScoreModel.objects.in_bulk({one.model_id for one in news})
    for silent in (False, True):
        concerned = [one for one in news if (_cause(one, occasion) in SILENT) is silent]
        events = [event for one in concerned for event in _events(one, models[one.model_id], occasion)]
        for start in range(0, len(events), EVENTS_AT_ONCE):
            recording.record_own(events[start : start + EVENTS_AT_ONCE], occasion.now, triggers=not silent)


def _cause(one: Settled, occasion: Occasion) -> str:
    return occasion.by_contact.get(one.contact_id, occasion.cause)


def _events(one: Settled, model: ScoreModel, occasion: Occasion) -> Iterable[recording.OwnEvent]:
    about = {
        "model": model.key, "model_name": model.name, "points": round(one.points, 1), "cell": one.cell,
        "band": name_of(model.bands, one.band), "stage": name_of(["", *model.stages], one.stage),
    }  # fmt: skip
    if one.band != one.was_band:
        direction = "up" if one.band > one.was_band else "down"
        crossed = {**about, "previous_band": name_of(model.bands, one.was_band), "direction": direction}
        yield _event(one, "score.band_changed", crossed, f"band:{one.crossings}", occasion)
    if one.stage > one.was_stage:
        reached = {**about, "previous_stage": name_of(["", *model.stages], one.was_stage)}
        yield _event(
            one,
            "score.stage_reached",
            reached,
            f"stage:{one.was_stage}-{one.stage}:{occasion.now.isoformat()}",
            occasion,
        )


def _event(one: Settled, type_: str, properties: dict, what: str, occasion: Occasion) -> recording.OwnEvent:
    return recording.OwnEvent(
        contact_id=one.contact_id,
        type=type_,
        properties=properties,
        hops=occasion.hops.get(one.contact_id, 0) + 1,
        key=f"score:{one.model_id}:{one.contact_id}:{what}",
        occurred_at=occasion.now,
    )


def note(
    settled: Iterable[Settled], now: datetime, triggers: bool = True, hops: Mapping[int, int] | None = None
) -> None:
    """Changes for the pipeline, where scores became others outside of it and a segment reads them.

    `hops`: of those whom the engine's own deeds led here.
    """
    changed = [one for one in settled if one.changed]
    keys = dict(ScoreModel.objects.filter(pk__in={one.model_id for one in changed}).values_list("pk", "key"))
    if not Segment.objects.evaluated().filter(reads__overlap=[token(key) for key in keys.values()]).exists():
        return
    kind, led = Change.Kind.SCORES, hops or {}
    Change.objects.bulk_create(
        Change(
            contact_id=one.contact_id, kind=kind, names=[keys[one.model_id]], due_at=now, triggers=triggers,
            hops=led[one.contact_id] + 1 if one.contact_id in led else 0,
        )
        for one in changed
    )  # fmt: skip
