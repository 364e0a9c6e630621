"""score.*: a contact's score in conditions: points, parts, band, cell of the grid, stage of the lifecycle.

Points and parts are compared as of the moment that is asked about. Bands, cells and stages are those of the last
touch, which comes whenever one of them changes. Who earned nothing has 0 points, the lowest band and no stage.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from django.db.models import Value
from django.db.models.expressions import Combinable

from scoring import points
from scoring.models import ScoreModel, cell_of
from scoring.telling import token
from segments.catalogue import SOURCES, VALUES
from segments.entries import Choice, Entry
from segments.fields import ROOTS, Comparison
from segments.leaves import Scope, Subject, quoted
from segments.sql import Certain, Json, Sql, array
from segments.values import TYPES

CELLS = [cell_of(fit, engagement) for fit in (2, 1, 0) for engagement in (2, 1, 0)]
# What can be asked of a score: (its type, how it is said, the column of it).
PARTS = {
    "": ("number", "their {}", "found.points::numeric"),
    "fit": ("number", "the fit of their {}", "found.fit::numeric"),
    "engagement": ("number", "the engagement of their {}", "found.engagement::numeric"),
    "band": ("text", "the band of their {}", "({names}::text[])[found.band + 1]"),
    "cell": (
        "text", "the grid cell of their {}",
        "(({cells}::text[])[9 - found.fit_grade * 3 - found.engagement_grade])",
    ),
    "stage": ("text", "the lifecycle stage of their {}", "({stages}::text[])[found.stage + 1]"),
}  # fmt: skip

_OF_ALL = f"""(
    WITH rules AS MATERIALIZED ({points.RULES} AND model_id = {{model}}),
    ledger AS (
        SELECT {points.contributions("{now}::timestamptz")} FROM scoring_scorechange c
        WHERE c.model_id = {{model}} AND c.ended_at IS NULL AND {{only}}
    ),
    {points.parts()}
    SELECT s.contact_id, s.band, s.fit_grade, s.engagement_grade, s.stage, {points.tidy("coalesce(p.fit, 0)")} AS fit,
        {points.tidy("coalesce(p.engagement, 0)")} AS engagement,
        {points.total("coalesce(p.fit, 0)", "coalesce(p.engagement, 0)")} AS points
    FROM scoring_score s JOIN scoring_scoremodel m ON m.id = s.model_id
    LEFT JOIN parts p ON p.model_id = s.model_id AND p.contact_id = s.contact_id
    WHERE s.model_id = {{model}}
)"""
_STORED = "(SELECT * FROM scoring_score s WHERE s.model_id = {model})"


@dataclass(frozen=True)
class ScoreField:
    """`model` is missing where there is none of that key: then nobody has a score."""

    key: str
    model: ScoreModel | None
    part: str

    @property
    def label(self) -> str:
        if not self.model or self.part not in PARTS:
            return f"their {quoted(self.key)} (there is none)"
        return PARTS[self.part][1].format(self.model.name)

    @property
    def type(self) -> str:
        return PARTS[self.part][0] if self.part in PARTS else ""

    @property
    def reads(self) -> tuple[str, ...]:
        return (token(self.key.split(".")[1]),)

    def test(self, comparison: Comparison) -> Sql:
        if not self.model or self.part not in PARTS:
            return Certain("FALSE")
        scope = comparison.scope
        column = PARTS[self.part][2]
        value = Sql(TYPES[self.type].column, c=Sql(column, **self._names(column)))
        fits = Certain(
            f"EXISTS (SELECT FROM {self._rows(scope)} AS found WHERE found.contact_id = {{contact}} AND {{fits}})",
            contact=scope.contact_id,
            fits=comparison.of(value),
            **self._places(scope),
        )
        none = comparison.of(self._of_nobody())
        unknown = "NOT EXISTS (SELECT FROM scoring_score s WHERE s.model_id = {model} AND s.contact_id = {contact})"
        return Sql(
            f"({{fits}} OR ({{none}} AND {unknown}))",
            fits=fits, none=none, model=Value(self.model.pk), contact=scope.contact_id,
        )  # fmt: skip

    def seen(self, scope: Scope, type_: str) -> Combinable | None:
        if not self.model or self.part not in PARTS:
            return None
        column = PARTS[self.part][2]
        return Json(
            f"(SELECT to_jsonb({column}) FROM {self._rows(scope)} AS found WHERE found.contact_id = {{contact}})",
            contact=scope.contact_id, **self._names(column), **self._places(scope),
        )  # fmt: skip

    def _rows(self, scope: Scope) -> str:
        if self.type != "number":
            return _STORED
        only = "true" if scope.only is None else "c.contact_id = ANY(ARRAY(SELECT unnest({ids}::bigint[])))"
        return _OF_ALL.replace("{only}", only)

    def _places(self, scope: Scope) -> dict[str, Combinable]:
        found: dict[str, Combinable] = {"model": Value(self.model.pk if self.model else 0)}
        if self.type == "number":
            found["now"] = Value(scope.now)
            if scope.only is not None:
                found["ids"] = Value(array(scope.only))
        return found

    def _names(self, column: str) -> dict[str, Combinable]:
        model = self.model
        names = {
            "names": model.bands if model else [], "stages": ["", *(model.stages if model else [])], "cells": CELLS
        }  # fmt: skip
        return {place: Value(its) for place, its in names.items() if f"{{{place}}}" in column}

    def _of_nobody(self) -> Combinable:
        """The value of those who earned nothing, as comparisons take it."""
        model = self.model
        if self.type == "number" or not model:
            return Sql("{n}::numeric", n=Value(model.nothing if model and not self.part else 0))
        text = {"band": (model.bands or [""])[0], "cell": CELLS[-1], "stage": ""}[self.part]
        return Sql("lower(nullif({t}::text, ''))", t=Value(text))

    def refused(self, scope: Scope) -> Iterator[str]:
        yield from self.vanished(scope)

    def vanished(self, scope: Scope) -> Iterator[str]:
        if not self.model:
            yield f"There is no score model {quoted(self.key.split('.')[1])}, so nobody fits; choose another field."
        elif self.part not in PARTS:
            said = ", ".join(part for part in PARTS if part)
            yield f"A score has no {quoted(self.part)}; choose one of {said}, or the score itself."

    def values_vanished(self, value: object) -> Iterator[str]:
        """Bands and stages that the model does not have any more."""
        model = self.model
        if not model or self.part not in ("band", "stage"):
            return
        known = {name.casefold() for name in (model.bands if self.part == "band" else model.stages)}
        for name in value if isinstance(value, list) else [value]:
            if isinstance(name, str) and name.casefold() not in known:
                yield f"{quoted(model.name)} has no {self.part} {quoted(name)} any more; choose another one."


def field(key: str, keys: tuple[str, ...], scope: Scope) -> ScoreField:
    """The field of that name; all models are read once for a tree."""
    if "scores" not in scope.memo:
        scope.memo["scores"] = {one.key: one for one in ScoreModel.objects.all()}
    return ScoreField(key, scope.memo["scores"].get(keys[0]), ".".join(keys[1:]))


def entries(subject: Subject) -> Iterator[Entry]:
    """What the rule builder offers: six fields of every model."""
    for model in ScoreModel.objects.all():
        values = {"band": model.bands, "cell": CELLS, "stage": model.stages}
        for part, (type_, _, _) in PARTS.items():
            if part == "stage" and not model.stages:
                continue
            key = f"score.{model.key}.{part}" if part else f"score.{model.key}"
            label = f"{model.name}: {part}" if part else f"{model.name}: points"
            yield Entry("field", key, label, "Scores", type_, values=_choices(values.get(part, [])))


def told() -> dict[str, tuple[Choice, ...]]:
    """The values of what `score.band_changed` and `score.stage_reached` say."""
    models = list(ScoreModel.objects.all())
    bands = _choices(name for model in models for name in model.bands)
    stages = _choices(name for model in models for name in model.stages)
    return {
        "model": tuple(Choice(model.key, model.name) for model in models),
        "model_name": _choices(model.name for model in models),
        "direction": (Choice("up", "up"), Choice("down", "down")),
        "cell": _choices(CELLS),
        "band": bands,
        "previous_band": bands,
        "stage": stages,
        "previous_stage": stages,
    }


def _choices(names: Iterable[str]) -> tuple[Choice, ...]:
    return tuple(Choice(name, name) for name in dict.fromkeys(names))


def register() -> None:
    for event_type in ("score.band_changed", "score.stage_reached"):
        VALUES.register(event_type, told)
    ROOTS.register("score", field)
    SOURCES.register("scores", entries)
