"""The form of the step that sets an attribute."""

from django import forms
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from campaigns.config_form import ConfigForm

KINDS = [
    ("text", "a text"),
    ("number", "a number"),
    ("boolean", "yes or no"),
    ("date", "a date"),
    ("nothing", "nothing: remove the attribute"),
]


class AttributeForm(ConfigForm):
    """Which attribute, as what, and the value."""

    shown_for = {"kind": {"value": ["text", "number", "boolean", "date"]}}

    attribute = forms.CharField(
        label="Attribute",
        max_length=128,
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}),
        help_text="Its name, such as plan; inside another one: subscription.plan.",
        error_messages={"required": "Say which attribute: its name, such as plan or subscription.plan."},
    )
    kind = forms.ChoiceField(label="It becomes", choices=KINDS, initial="text", widget=UnfoldAdminSelectWidget())
    value = forms.CharField(
        label="Value",
        required=False,
        strip=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        help_text="The same for everybody, or Liquid such as {{ event.total }} or {{ webhook.check.plan }}.",
    )

    def clean(self):
        typed = super().clean() or {}
        if typed.get("kind") != "nothing" and not (typed.get("value") or "").strip():
            self.add_error("value", "Write the value; to remove the attribute choose “nothing”.")
        return typed

    def config(self):
        typed = self.cleaned_data
        found = {"attribute": typed["attribute"], "kind": typed["kind"]}
        return found if typed["kind"] == "nothing" else found | {"value": typed["value"]}
