"""The small forms in which a part of a definition is edited: names and limits, bands, grid, stages, groups.

Each reads its part out of a document and writes it back; what is wrong with it is said by scoring.checking alone.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django import forms
from django.forms import formset_factory
from msgspec.structs import replace
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminTextInputWidget

from scoring.checking import MAX_BANDS, MAX_GROUPS, MAX_STAGES, Problem, at, problems
from scoring.document import Band, Document, Group, Stage

NO_NUMBER = "Write a whole number."


def text(label: str, help_text: str = "", **more: Any) -> forms.CharField:
    widget = UnfoldAdminTextInputWidget(attrs={"autocomplete": "off", **more.pop("attrs", {})})
    return forms.CharField(label=label, required=False, widget=widget, help_text=help_text, **more)


def number(label: str, help_text: str = "", **more: Any) -> forms.IntegerField:
    messages = dict.fromkeys(("required", "invalid"), NO_NUMBER)
    widget = UnfoldAdminIntegerFieldWidget(attrs={"inputmode": "numeric", **more.pop("attrs", {})})
    return forms.IntegerField(label=label, help_text=help_text, widget=widget, error_messages=messages, **more)


class RowForm(forms.Form):
    """A row of a list: a name and points. One that is empty is none."""

    was = forms.CharField(required=False, widget=forms.HiddenInput)
    name = text("Name")
    points = number("Points", required=False)

    @property
    def typed(self) -> tuple[str, int | None]:
        return self.cleaned_data.get("name", "").strip(), self.cleaned_data.get("points")

    @property
    def is_kept(self) -> bool:
        left = not self.errors and not any(one or one == 0 for one in self.typed)
        return not (self.cleaned_data.get("DELETE") or left)


class Part(forms.Form):
    """A part of a definition, with or without a list of rows below it."""

    title: str
    places: tuple[str, ...]
    fields_at: Mapping[str, str] = {}  # place → field, where they differ
    rows_at = ""
    most = 0
    intro = ""
    labels = ("Name", "Points")
    row_name = ""
    is_paired = False  # two fields beside each other

    def __init__(self, document: Document, data: Any = None):
        super().__init__(data, initial=self.read(document))
        self.before = document
        self.rows = None
        if self.rows_at:
            formset = formset_factory(RowForm, extra=0, can_delete=True, max_num=self.most, absolute_max=self.most + 50)
            self.rows = formset(
                data, initial=self.read_rows(document), prefix="rows", form_kwargs={"empty_permitted": False}
            )

    def read(self, document: Document) -> dict[str, Any]:
        return {}

    def read_rows(self, document: Document) -> list[dict[str, Any]]:
        return []

    def write(self, document: Document, rows: list[RowForm]) -> Document:
        """The document with what was typed in place of its part; `rows` in the order of `ordered`."""
        raise NotImplementedError

    def ordered(self, rows: Iterable[RowForm]) -> list[RowForm]:
        return list(rows)

    def typed(self, document: Document) -> Document | None:
        """The document with this part as typed; None where something is wrong, and then the form says what."""
        sound = self.is_valid()
        if self.rows is not None and not self.rows.is_valid():
            return None
        if not sound:
            return None
        rows = self.ordered(row for row in self.rows.forms if row.is_kept) if self.rows is not None else []
        changed = self.write(document, rows)
        found = at(problems(changed), *self.places)
        for problem in found:
            self.show(problem, rows)
        return None if found else changed

    def show(self, problem: Problem, rows: Sequence[RowForm] = ()) -> None:
        """Say what is wrong where that was typed."""
        head, _, tail = problem.place.partition(".")
        if self.rows_at and head.startswith(f"{self.rows_at}["):
            row = rows[int(head.partition("[")[2].rstrip("]"))]
            row.add_error("name" if tail == "name" else "points" if tail else None, problem.sentence)
        else:
            name = self.fields_at.get(problem.place, problem.place)
            self.add_error(name if name in self.fields else None, problem.sentence)


class SettingsPart(Part):
    title, places = "Name and limits", ("name", "description", "floor", "ceiling")
    name = text("Name", "Your team sees it in lists and on the pages of contacts.")
    description = text("What it is for", "In your own words.")
    floor = number("Lowest score", "Nobody has fewer points than this. Empty: no limit.", required=False)
    ceiling = number("Highest score", "Nobody has more points than this. Empty: no limit.", required=False)

    def read(self, document):
        return {name: getattr(document, name) for name in self.places}

    def write(self, document, rows):
        given = self.cleaned_data
        names = {name: given[name].strip() for name in ("name", "description")}
        return replace(document, **names, floor=given["floor"], ceiling=given["ceiling"])


def _by_points(rows: Iterable[RowForm]) -> list[RowForm]:
    """Ascending; those without points last, in their order."""
    return sorted(rows, key=lambda row: (row.typed[1] is None, row.typed[1] or 0))


class BandsPart(Part):
    title, places, rows_at, most = "Bands", ("bands", "margin"), "bands", MAX_BANDS
    row_name = "band"
    labels = ("Band", "From so many points on")
    intro = (
        "A band is a name for scores, such as hot. It begins at its points and reaches up to the next one; the lowest "
        "holds everybody below, too. Whoever comes into another band can enter a campaign by it."
    )
    margin = number(
        "Points below its threshold at which a band is left",
        "So that somebody whose score goes up and down by a point is not told of as hot again and again. 0: at once.",
    )

    def read(self, document):
        return {"margin": document.margin}

    def read_rows(self, document):
        return [{"was": band.name, "name": band.name, "points": band.points} for band in document.bands]

    def ordered(self, rows):
        return _by_points(rows)

    def write(self, document, rows):
        bands = [Band(name=name, points=points or 0) for name, points in (row.typed for row in rows)]
        return replace(document, bands=bands, margin=self.cleaned_data["margin"])


class StagesPart(Part):
    title, places, rows_at, most = "Stages", ("stages",), "stages", MAX_STAGES
    row_name = "stage"
    labels = ("Stage", "Reached at so many points")
    intro = (
        "The stages of the way from a stranger to a customer. A contact moves forward by points and never back by "
        "itself. Without points a stage is reached only by hand, by a step of a campaign or by the API."
    )

    def read_rows(self, document):
        return [{"was": stage.name, "name": stage.name, "points": stage.points} for stage in document.stages]

    def ordered(self, rows):
        return _by_points(rows)

    def write(self, document, rows):
        return replace(document, stages=[Stage(name=row.typed[0], points=row.typed[1]) for row in rows])


class GroupsPart(Part):
    title, places, rows_at, most = "Groups", ("groups",), "groups", MAX_GROUPS
    row_name = "group"
    labels = ("Group", "Points that its rules give together at most")
    intro = (
        "Rules of a group give no more points together than you say here, nor take more: ten kinds of clicks do not "
        "make somebody hot. Choose the group in the rule."
    )
    fields_at = {"groups": ""}

    def read_rows(self, document):
        return [{"was": group.name, "name": group.name, "points": group.cap} for group in document.groups]

    def write(self, document, rows):
        groups = [Group(name=name, cap=cap or 0) for name, cap in (row.typed for row in rows)]
        called = {row.cleaned_data["was"]: row.typed[0] for row in rows if row.cleaned_data.get("was")}
        rules = [replace(rule, group=called.get(rule.group, "")) for rule in document.rules]
        return replace(document, groups=groups, rules=rules)


class GridPart(Part):
    title, places, is_paired = "Grid", ("fit_grades", "engagement_grades"), True
    intro = (
        "Fit has the grades A, B and C, engagement 1, 2 and 3; together they make nine fields. A1 fits well and is "
        "keen; A3 fits well and needs to hear from you; C1 is keen and fits badly."
    )
    fit_a = number("A: fit of at least")
    fit_b = number("B: fit of at least", "Everybody below is C.")
    engagement_1 = number("1: engagement of at least")
    engagement_2 = number("2: engagement of at least", "Everybody below is 3.")
    fields_at = {
        "fit_grades[0]": "fit_b", "fit_grades[1]": "fit_a", "engagement_grades[0]": "engagement_2",
        "engagement_grades[1]": "engagement_1",
    }  # fmt: skip

    def read(self, document):
        (fit_b, fit_a), (second, first) = document.fit_grades, document.engagement_grades
        return {"fit_a": fit_a, "fit_b": fit_b, "engagement_1": first, "engagement_2": second}

    def write(self, document, rows):
        given = self.cleaned_data
        fit, engagement = (given["fit_b"], given["fit_a"]), (given["engagement_2"], given["engagement_1"])
        return replace(document, fit_grades=fit, engagement_grades=engagement)


PARTS: dict[str, type[Part]] = {
    "settings": SettingsPart, "bands": BandsPart, "stages": StagesPart, "groups": GroupsPart, "grid": GridPart,
}  # fmt: skip
