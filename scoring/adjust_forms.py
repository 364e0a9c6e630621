"""The form by which a person adjusts one contact's score."""

from uuid import uuid4

from django import forms
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminRadioSelectWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from scoring.adjusting import MAX_REASON, Deed
from scoring.document import MAX_POINTS, Fading
from scoring.models import ScoreModel

MOVE = "stage"
DEEDS = [
    ("add", "Add or take points"),
    ("set", "Set engagement to"),
    ("reset", "Reset engagement to 0"),
    (MOVE, "Move to a stage"),
]
FADING = [("never", "stay"), ("half", "fade by half every"), ("expires", "expire after")]
LONGEST = 3_650
WHOLE = f"Write a whole number from −{MAX_POINTS:,} to {MAX_POINTS:,}."  # noqa: RUF001


class AdjustForm(forms.Form):
    """What shall be done, and why. `deed` says which of the other fields count."""

    deed = forms.ChoiceField(label="What to do", choices=DEEDS, initial="add", widget=UnfoldAdminRadioSelectWidget)
    points = forms.IntegerField(
        required=False,
        min_value=-MAX_POINTS,
        max_value=MAX_POINTS,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text="With a minus to take points.",
        error_messages={"invalid": WHOLE, "min_value": WHOLE, "max_value": WHOLE},
    )
    fading = forms.ChoiceField(
        label="These points", choices=FADING, initial="never", required=False, widget=UnfoldAdminSelectWidget
    )
    amount = forms.IntegerField(
        label="How many", required=False, min_value=1, max_value=LONGEST, initial=30,
        widget=UnfoldAdminIntegerFieldWidget,
        error_messages=dict.fromkeys(
            ["invalid", "min_value", "max_value"], f"Write a whole number from 1 to {LONGEST:,}."
        ),
    )  # fmt: skip
    unit = forms.ChoiceField(
        label="Days or weeks", choices=[("days", "days"), ("weeks", "weeks")], initial="days", required=False,
        widget=UnfoldAdminSelectWidget,
    )  # fmt: skip
    stage = forms.TypedChoiceField(label="To the stage", required=False, coerce=int, widget=UnfoldAdminSelectWidget)
    reason = forms.CharField(
        required=False,
        max_length=MAX_REASON,
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}),
        help_text="It stands in the ledger, beside your name.",
        error_messages={"max_length": f"Say it in {MAX_REASON} characters."},
    )
    key = forms.UUIDField(widget=forms.HiddenInput, initial=uuid4)

    def __init__(self, *args, model: ScoreModel, stage_now: str, **options):
        super().__init__(*args, **options)
        stages = [(0, "none"), *enumerate(model.stages, start=1)]
        self.stage_now = next(place for place, name in stages if name == (stage_now or "none"))
        self.stage_names = dict(stages)
        chosen: forms.TypedChoiceField = self.fields["stage"]  # type: ignore[assignment]
        chosen.choices = [("", "Choose a stage…"), *stages]
        if not model.stages:
            del self.fields["stage"]
            self.fields["deed"].choices = DEEDS[:-1]  # type: ignore[attr-defined]

    def clean(self):
        said = super().clean() or {}
        deed = said.get("deed")
        if deed in ("add", "set") and said.get("points") is None and "points" not in self.errors:
            self.add_error("points", WHOLE)
        if deed == "add" and said.get("points") == 0:
            self.add_error("points", "0 points change nothing; write another number.")
        if deed == MOVE and said.get("stage") in ("", None):
            self.add_error("stage", "Choose the stage.")
        elif deed == MOVE and said["stage"] == self.stage_now:
            self.add_error("stage", "They are at this stage already; choose another one.")
        if deed in ("add", "set") and said.get("fading") != "never" and not said.get("amount"):
            self.add_error("amount", f"Write a whole number from 1 to {LONGEST:,}.")
        if deed != MOVE and not said.get("reason") and "reason" not in self.errors:
            self.add_error("reason", "Say in a few words why.")
        return said

    @property
    def is_move(self) -> bool:
        return self.cleaned_data["deed"] == MOVE

    @property
    def stage_name(self) -> str:
        return self.stage_names[self.cleaned_data["stage"]]

    def wish(self) -> Deed:
        """What was asked for, as scoring.adjusting takes it."""
        said = self.cleaned_data
        fades = said["deed"] != "reset" and said["fading"] in ("half", "expires")
        fading = Fading(how=said["fading"], amount=said["amount"], unit=said["unit"] or "days") if fades else Fading()
        points = 0 if said["deed"] == "reset" else said["points"]
        return Deed(effect=said["deed"], points=points, reason=said["reason"], fading=fading)
