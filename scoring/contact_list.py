"""Scores in the list of contacts: a column a model, and filters by band, cell of the grid and stage."""

from collections.abc import Collection, Iterable
from datetime import datetime

from django.db.models import Exists, F, FilteredRelation, OuterRef, Q, QuerySet
from django.db.models.functions import Coalesce
from django.template.loader import render_to_string
from unfold.contrib.filters.admin import DropdownFilter

from contacts import panels
from contacts.list_columns import Column, Columns
from contacts.models import Contact
from scoring import reading, shown
from scoring.models import Score, ScoreModel
from scoring.score_field import CELLS

MOST_COLUMNS = 2
VIEW = "scoring.view_scoremodel"


class ScoreColumns(Columns):
    """Points and band in the first active models. Sorting follows the points as they were last worked out."""

    permission = VIEW

    def shown(self):
        return [_column(model) for model in reading.models()[:MOST_COLUMNS]]

    def cells(self, contact_ids: Collection[int], now: datetime):
        models = {model.key: model for model in reading.models()[:MOST_COLUMNS]}
        return {
            pk: {_name(models[key]): _cell(models[key], found) for key, found in theirs.items() if key in models}
            for pk, theirs in reading.scores_of(contact_ids, now).items()
        }


def _name(model: ScoreModel) -> str:
    return f"score_{model.pk}"


def _column(model: ScoreModel) -> Column:
    join = FilteredRelation("scores", condition=Q(scores__model_id=model.pk))
    # The first click on the head shows who has most.
    return Column(_name(model), model.name, join, Coalesce(F(f"{_name(model)}__points"), 0.0).desc())


def _cell(model: ScoreModel, found: reading.Standing) -> str:
    about = {"points": shown.points(found.points), "band": found.band, "tone": shown.tone_of(model, found.band)}
    return render_to_string("scoring/cell.html", about)


class Where(DropdownFilter):
    """Contacts at one place of one model, written as “lead:2”: the model's key and the number of the place."""

    def places(self, model: ScoreModel) -> Iterable[tuple[int, str]]:
        raise NotImplementedError

    def here(self, place: int) -> Q:
        """The rows of Score at the place."""
        raise NotImplementedError

    def lookups(self, request, model_admin):
        if not request.user.has_perm(VIEW):
            return []
        models = reading.models()
        alone = len(models) == 1
        return [
            (f"{model.key}:{place}", name if alone else f"{model}: {name}")
            for model in models
            for place, name in self.places(model)
        ]

    def queryset(self, request, queryset):
        key, _, place = (self.value() or "").partition(":")
        model = next((model for model in reading.models() if model.key == key), None)
        if model is None or not (place.isascii() and place.isdigit() and len(place) < 4):
            return queryset
        return self.narrowed(queryset, Score.objects.filter(model=model, contact=OuterRef("pk")), int(place))

    def narrowed(self, contacts: QuerySet[Contact], theirs: QuerySet[Score], place: int) -> QuerySet[Contact]:
        """Who earned nothing has no row, and stands at the lowest place."""
        if place == 0:
            return contacts.filter(~Exists(theirs.exclude(self.here(0))))
        return contacts.filter(Exists(theirs.filter(self.here(place))))


class InBand(Where):
    """Contacts in a band of a score model."""

    title = "score band"
    parameter_name = "score_band"

    def places(self, model):
        return list(enumerate(model.bands))[::-1]

    def here(self, place):
        return Q(band=place)


class InCell(Where):
    """Contacts in a cell of the grid of fit and engagement."""

    title = "score grid"
    parameter_name = "score_cell"

    def places(self, model):
        return [(_cell_number(cell), cell) for cell in CELLS]

    def here(self, place):
        return Q(fit_grade=place // 3, engagement_grade=place % 3)


def _cell_number(cell: str) -> int:
    """0 for C3, 8 for A1."""
    return "CBA".index(cell[0]) * 3 + 3 - int(cell[1])


class AtStage(Where):
    """Contacts at a stage of the lifecycle."""

    title = "score stage"
    parameter_name = "score_stage"

    def places(self, model):
        return [(0, "none yet"), *enumerate(model.stages, start=1)] if model.stages else []

    def here(self, place):
        return Q(stage=place)


def register() -> None:
    panels.list_columns.register("scores", ScoreColumns())
    for filter_ in (InBand, InCell, AtStage):
        panels.list_filters.register(filter_.parameter_name, filter_)
