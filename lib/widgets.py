"""Inputs of our own for the admin's forms."""

from datetime import time
from typing import Any

from unfold.widgets import UnfoldAdminTextInputWidget


class TimeInput(UnfoldAdminTextInputWidget):
    """A time of day, typed as the browser's own input has it."""

    input_type = "time"

    def format_value(self, value: Any) -> Any:
        return f"{value:%H:%M}" if isinstance(value, time) else super().format_value(value)


class DateInput(UnfoldAdminTextInputWidget):
    """A day, likewise."""

    input_type = "date"
