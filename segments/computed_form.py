"""The form of a computed attribute, in the words of its sentence; and those that are ready to be used."""

from dataclasses import replace
from typing import Any, cast

from django import forms
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from events import types as event_types
from events.models import EventTypeRow
from lib import clock
from segments import conditions, field_leaf, happened
from segments.computed_models import ComputedAttribute
from segments.forms import ConditionField
from segments.leaves import SUBJECTS, Scope, quoted

Measure, Type = ComputedAttribute.Measure, ComputedAttribute.Type
DEFINING = ("event", "where", "of")
# Measure → the kinds of value that it can have.
TYPES = {
    Measure.COUNT: [Type.NUMBER], Measure.SUM: [Type.NUMBER], Measure.FAVOURITE: [Type.TEXT],
    Measure.MIN: [Type.NUMBER, Type.DATE], Measure.MAX: [Type.NUMBER, Type.DATE],
    Measure.FIRST: [Type.DATE, Type.TEXT, Type.NUMBER], Measure.LAST: [Type.DATE, Type.TEXT, Type.NUMBER],
}  # fmt: skip
STARTERS: dict[str, dict[str, Any]] = {
    "total_spent": {"label": "total spent", "event": "order.completed", "measure": Measure.SUM, "of": "total"},
    "last_login": {"label": "last log-in", "event": "users.logged_in", "measure": Measure.LAST, "type": Type.DATE},
    "orders": {"label": "number of orders", "event": "order.completed", "measure": Measure.COUNT},
    "favourite_category": {
        "label": "favourite category", "event": "product.viewed", "measure": Measure.FAVOURITE, "of": "category",
        "type": Type.TEXT,
    },
}  # fmt: skip


def starters() -> list[tuple[str, str]]:
    """(key, sentence) of the ready-made ones that nobody has chosen yet."""
    taken = set(ComputedAttribute.objects.values_list("key", flat=True))
    return [(key, sentence(ComputedAttribute(key=key, **parts))) for key, parts in STARTERS.items() if key not in taken]


def sentence(attribute: ComputedAttribute) -> str:
    """Such as: Their total spent: the sum of “total” over the events “Order completed”."""
    part = {"event": attribute.event, "where": attribute.where}
    what = f" of {quoted(attribute.of)}" if attribute.of else ""
    kept = {
        Measure.COUNT: "how many times", Measure.SUM: f"the sum{what} over all times",
        Measure.MIN: f"the lowest value{what} of all times", Measure.MAX: f"the highest value{what} of all times",
        Measure.FIRST: f"the value{what} the first time" if what else "the first time",
        Measure.LAST: f"the value{what} the last time" if what else "the last time",
        Measure.FAVOURITE: f"the most frequent value{what} of all times",
    }[Measure(attribute.measure)]  # fmt: skip
    return f"Their {attribute.label}: {kept} {happened.words(part)}{happened.words_of_where(part, _scope())}."


def _scope() -> Scope:
    return Scope(SUBJECTS["contact"], asks_database=True)


def events() -> list[tuple[str, str]]:
    """Every event type that the code knows or that was seen: (key, label)."""
    named = {kind.key: kind.label for kind in event_types.registry}
    named |= {key: label or key for key, label in EventTypeRow.objects.values_list("key", "label") if key not in named}
    return [("", "Choose what happened"), *named.items()]


class KeyField(forms.CharField):
    """A key, which the page proposes from the name with “-” between the words."""

    def to_python(self, value: Any) -> str:
        return (super().to_python(value) or "").replace("-", "_")


class ComputedForm(forms.ModelForm):
    event = forms.ChoiceField(
        choices=events, widget=UnfoldAdminSelectWidget, help_text="The events that count.",
        error_messages={"required": "Choose what happened."},
    )  # fmt: skip
    where = ConditionField("event", label="Only where", required=False)

    class Meta:
        model = ComputedAttribute
        fields = ["label", "key", "event", "where", "measure", "of", "type"]
        field_classes = {"key": KeyField}
        widgets = {name: UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}) for name in ("label", "key", "of")}
        error_messages = {
            "key": {
                "required": "Give it a key, such as total_spent.",
                "unique": "Another computed attribute has this key; choose another one.",
            },
            "label": {"required": "Say what it is, such as: total spent."},
        }

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        event = self.data.get("event") or self.initial.get("event") or self.instance.event
        if "where" in self.fields and event:
            cast(ConditionField, self.fields["where"]).event_type = event

    def clean(self):
        super().clean()
        cleaned = self.cleaned_data
        self._check_property(cleaned)
        if cleaned.get("event") and "where" not in self.errors:
            self._check_where(cleaned)
        return cleaned

    def _check_property(self, cleaned: dict[str, Any]) -> None:
        measure = Measure(cleaned.get("measure") or self.instance.measure)
        type_ = cleaned.get("type") or self.instance.type
        if measure == Measure.COUNT:
            cleaned["of"] = ""
        elif not cleaned.get("of") and measure not in (Measure.FIRST, Measure.LAST):
            self.add_error("of", "Name the property whose values count, such as total.")
        allowed = TYPES[measure] if cleaned.get("of") or measure == Measure.COUNT else TYPES[measure][:1]
        if type_ not in allowed and "type" in self.fields:
            words = " or ".join(kind.label for kind in allowed)
            self.add_error("type", f"What you keep is {words}; choose that.")

    def _check_where(self, cleaned: dict[str, Any]) -> None:
        part = {"event": cleaned["event"], "where": cleaned.get("where")}
        if found := list(happened.problems(part, "", _scope())):
            self.add_error("where", found[0].sentence)
        elif _turns(part):
            self.add_error("where", "Compare with fixed dates here: what was kept does not change as time passes.")
        else:
            cleaned["where"] = happened.typed(part, _scope()).get("where")


def _turns(part: dict[str, Any]) -> bool:
    scope = replace(_scope(), now=clock.now())
    inner, leaves = happened.within(part, scope), conditions.leaves(part["where"])
    moving = any(True for leaf in leaves for _ in field_leaf.crossings(leaf, inner, scope.now))
    return moving or happened.turns_at_midnight(part)
