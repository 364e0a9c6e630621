"""The fields of a send window, for the forms that have one: a campaign’s head and the settings of a mail."""

from typing import Any

from django import forms
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminSelectWidget,
)

from campaigns import windows
from lib.typed import TimeText
from lib.weekdays import CHOICES, are_weekdays


def days_field(**more: Any) -> forms.MultipleChoiceField:
    return forms.MultipleChoiceField(
        required=False,
        choices=CHOICES,
        widget=UnfoldAdminCheckboxSelectMultipleWidget(),
        error_messages={"invalid_choice": "Weekdays: choose among Monday to Sunday."},
        **more,
    )


class WindowFields(forms.Form):
    """`campaigns/window.html` shows them; a page that does not leaves the window as it was."""

    window_days = days_field(label="Days", help_text="None ticked: every day.")
    window_from = TimeText(label="From", required=False)
    window_to = TimeText(label="To", required=False)
    window_outside = forms.ChoiceField(
        label="A mail that would go out at another time",
        choices=[(key, label) for key, label in windows.OUTSIDE],
        required=False,
        widget=UnfoldAdminSelectWidget(),
    )

    def clean(self):
        super().clean()
        for name, sentence in windows.faults(self.window({})):
            self.add_error(f"window_{name}", sentence)
        return self.cleaned_data

    def window(self, before: dict[str, Any]) -> dict[str, Any]:
        """What was typed: nothing for no window."""
        if self.add_prefix("window_outside") not in self.data:
            return before
        typed = {name: self.cleaned_data.get(f"window_{name}") for name in ("days", "from", "to")}
        found = {name: value for name, value in typed.items() if value}
        if found.get("to") == "24:00":  # as one says it; the clock shows 00:00
            found["to"] = "00:00"
        if found and self.cleaned_data.get("window_outside") == "cancel":
            found["outside"] = "cancel"
        return found

    @staticmethod
    def initial_of_window(window: Any) -> dict[str, Any]:
        """What the fields show for a window of any shape."""
        shown = window if isinstance(window, dict) else {}
        days = shown.get("days")
        return {
            "window_days": days if are_weekdays(days) else [],
            "window_from": shown.get("from") or "",
            "window_to": shown.get("to") or "",
            "window_outside": shown.get("outside", "hold"),
        }
