"""The fields of a card that changes a score: which one, what is done to it, and how long that lasts."""

from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget, UnfoldBooleanWidget

from campaigns.sequence_offers import Offered, whole_number
from scoring.checking import MAX_DAYS
from scoring.document import MAX_POINTS

EFFECTS = [
    ("add", "give or take points"),
    ("set", "set engagement to"),
    ("reset", "reset engagement to 0"),
    ("stage", "move to the stage"),
]
FADES = [("never", "stay"), ("half", "fade by half every"), ("expires", "expire after")]
BETWEEN = "|"  # a stage is named with its score: two scores may have stages of the same name


class ScoreFields(forms.Form):
    """Part of a step's card."""

    score_model = forms.ChoiceField(
        label="score",
        required=False,
        widget=UnfoldAdminSelectWidget(),
        error_messages={"invalid_choice": "This score no longer exists; choose another one."},
    )
    score_effect = forms.ChoiceField(
        label="what is done to the score",
        choices=EFFECTS,
        initial="add",
        required=False,
        widget=UnfoldAdminSelectWidget(),
    )
    score_points = whole_number("Points", -MAX_POINTS, MAX_POINTS, initial=10, required=False)
    score_stage = forms.ChoiceField(
        label="stage",
        required=False,
        widget=UnfoldAdminSelectWidget(),
        error_messages={"invalid_choice": "This stage no longer exists; choose another one."},
    )
    score_force = forms.BooleanField(
        label="Also backwards, from a later stage", required=False, widget=UnfoldBooleanWidget()
    )
    score_reason = forms.CharField(
        label="Reason",
        max_length=200,
        required=False,
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}),
        help_text="Shown beside the points on the contact's page. Empty: the name of this campaign.",
        error_messages={"max_length": "Reason: write 200 characters at most."},
    )
    score_fades = forms.ChoiceField(
        label="The points", choices=FADES, initial="never", required=False, widget=UnfoldAdminSelectWidget()
    )
    score_fade_amount = whole_number("How many", 1, MAX_DAYS, initial=30, required=False)
    score_fade_unit = forms.ChoiceField(
        label="unit",
        choices=[("days", "days"), ("weeks", "weeks")],
        initial="days",
        required=False,
        widget=UnfoldAdminSelectWidget(),
    )

    def offer_scores(self, offered: Offered) -> None:
        model: Any = self.fields["score_model"]
        stage: Any = self.fields["score_stage"]
        model.choices = [("", "Choose a score…"), *((one.key, _named(one)) for one in offered.scores)]
        stages = [(str(one), [(f"{one.key}{BETWEEN}{name}", name) for name in one.stages]) for one in offered.scores]
        stage.choices = [("", "Choose a stage…"), *((name, its) for name, its in stages if its)]

    @property
    def tells_more(self) -> bool:
        """Whether something about the score stands behind “Only if …”, chosen or wrong."""
        if self["action"].value() != "score":
            return False
        chosen = self["score_reason"].value() or self["score_force"].value()
        fades = self["score_fades"].value() not in (None, "", "never")
        return bool(chosen or fades or self["score_reason"].errors or self["score_fade_amount"].errors)

    def clean_score(self) -> None:
        """What is missing, each sentence at its field."""
        typed = self.cleaned_data
        key, effect = typed.get("score_model"), typed.get("score_effect") or "add"
        for name in self._hidden(effect):
            self.errors.pop(name, None)
        if not key and "score_model" not in self.errors:
            self.add_error("score_model", "Choose the score to change.")
        if effect in ("add", "set") and typed.get("score_points") is None and "score_points" not in self.errors:
            self.add_error("score_points", "Points: write a whole number.")
        if effect == "add" and typed.get("score_points") == 0:
            self.add_error("score_points", "Points: write how many to give; a minus takes some.")
        stage = typed.get("score_stage")
        if effect == "stage" and "score_stage" not in self.errors and not (stage and stage.startswith(f"{key}|")):
            self.add_error("score_stage", "Choose a stage of this score.")
        fades = effect in ("add", "set") and self._fades() and "score_fade_amount" not in self.errors
        if fades and not typed.get("score_fade_amount"):
            self.add_error("score_fade_amount", "How many: write a whole number of 1 or more.")

    def _hidden(self, effect: str) -> list[str]:
        """Fields that this effect has not: nobody would see what is wrong in them."""
        of_points, of_stage = ["score_points", "score_fades", "score_fade_amount", "score_fade_unit"], ["score_stage"]
        if effect in ("add", "set"):
            return of_stage if self._fades() else [*of_stage, "score_fade_amount"]
        return [*of_points, "score_reason"] if effect == "stage" else [*of_points, *of_stage]

    def _fades(self) -> bool:
        return self.cleaned_data.get("score_fades") in ("half", "expires")

    def score_config(self) -> dict[str, Any]:
        """The configuration of the step; only of a valid card that changes a score."""
        typed = self.cleaned_data
        effect = typed["score_effect"] or "add"
        config: dict[str, Any] = {"model": typed["score_model"], "effect": effect}
        if effect == "stage":
            _, _, config["stage"] = typed["score_stage"].partition(BETWEEN)
            return config | ({"force": True} if typed["score_force"] else {})
        if typed["score_reason"]:
            config["reason"] = typed["score_reason"]
        if effect == "reset":
            return config
        config["points"] = typed["score_points"]
        if self._fades():
            unit = typed["score_fade_unit"] or "days"
            config["fading"] = {"how": typed["score_fades"], "amount": typed["score_fade_amount"], "unit": unit}
        return config


def _named(model) -> str:
    return str(model) if model.is_active else f"{model} (off)"


def initial_score(config: dict[str, Any]) -> dict[str, Any]:
    """What the fields show for a step's configuration."""
    told = config.get("fading")
    fading = told if isinstance(told, dict) else {}
    stage = config.get("stage")
    return {
        "score_model": config.get("model"),
        "score_effect": config.get("effect", "add"),
        "score_points": config.get("points", 10),
        "score_stage": f"{config.get('model')}{BETWEEN}{stage}" if stage else "",
        "score_force": config.get("force", False),
        "score_reason": config.get("reason", ""),
        "score_fades": fading.get("how", "never"),
        "score_fade_amount": fading.get("amount", 30),
        "score_fade_unit": fading.get("unit", "days"),
    }
