"""The form field whose value is a condition tree."""

import re

from django import forms

from segments.conditions import Problem, is_empty, typed, validate
from segments.widgets import ConditionWidget, Unparsed, parsed

_in_group = re.compile(r"\b(?:all|any)\[(\d+)\]")


class ConditionField(forms.Field):
    """A condition about a subject (contact, event or enrollment); its value is the tree, None for everyone.

    A form that knows the event type sets `event_type`, and the types of that event's properties are checked and
    kept; `event_from` names the form's input in which it may be changed. `eager` counts as soon as the page is open.
    `roots`: only fields that begin with one of them are offered, such as contact.
    """

    widget: ConditionWidget

    def __init__(
        self, subject: str, *, event_type: str | None = None, event_from: str = "", eager: bool = False,
        roots: tuple[str, ...] = (), **options,
    ):  # fmt: skip
        self.subject = subject
        widget = ConditionWidget(subject, event_from=event_from, eager=eager, roots=roots)
        super().__init__(widget=widget, **options)
        self.event_type = event_type

    @property
    def event_type(self) -> str | None:
        return self.widget.event_type

    @event_type.setter
    def event_type(self, key: str | None) -> None:
        self.widget.event_type = key

    def to_python(self, value):
        try:
            tree = parsed(value)
        except Unparsed as fault:
            raise forms.ValidationError(str(fault)) from fault
        return None if is_empty(tree) else tree

    def validate(self, value):
        super().validate(value)
        if problems := validate(value, self.subject, self.event_type):
            raise forms.ValidationError([_told(problem) for problem in problems[:5]])

    def clean(self, value):
        return typed(super().clean(value), self.subject, self.event_type)

    def has_changed(self, initial, data):
        try:
            return self.to_python(initial) != self.to_python(data)
        except forms.ValidationError:
            return True


def _told(problem: Problem) -> str:
    """With the row's number, for the list of errors; the widget says it once more beside the row."""
    numbers = [str(int(number) + 1) for number in _in_group.findall(problem.path.partition("where")[0])]
    return f"Condition {'.'.join(numbers)}: {problem.sentence}" if numbers else problem.sentence
