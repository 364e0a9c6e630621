"""Send e-mail: which mail, and until when it may still go out."""

from django import forms
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminSelectWidget

from automation import mail_ways
from campaigns.config_form import ConfigForm
from campaigns.models import DEFAULT_LATENESS_HOURS
from campaigns.sequence_offers import templates, whole_number
from campaigns.window_form import WindowFields
from lib import once


def _offered() -> list[tuple[int | str, str]]:
    """Read once a page, which may compare a hundred mails with what they were."""
    named = once.answer("templates offered", lambda: list(templates().values_list("pk", "name")))
    return [("", "Choose a template…"), *named]


class EmailForm(WindowFields, ConfigForm):
    """The settings of a mail."""

    template = "campaigns/panels/email.html"

    # named “template” in the settings, as the class names its own page
    mail = forms.TypedChoiceField(
        label="Mail",
        choices=_offered,
        coerce=int,
        widget=UnfoldAdminSelectWidget(),
        error_messages={
            "required": "Choose the mail to send.",
            "invalid_choice": "This template no longer exists; choose another one.",
        },
    )
    lateness_hours = whole_number(
        "Not sent when late by more than (hours)",
        1,
        720,
        initial=DEFAULT_LATENESS_HOURS,
        required=False,
        help_text="After a pause or an outage: what comes later than that is left out, and they go on.",
    )

    ways = forms.MultipleChoiceField(
        label="These go a way of their own",
        required=False,
        choices=list(mail_ways.APART.items()),
        widget=UnfoldAdminCheckboxSelectMultipleWidget(),
        help_text="None ticked: everybody goes on alike, whatever came of the mail.",
        error_messages={"invalid_choice": mail_ways.UNREADABLE},
    )

    @classmethod
    def initial_from(cls, config):
        return {
            "mail": config.get("template"),
            "lateness_hours": config.get("lateness_hours", DEFAULT_LATENESS_HOURS),
            "ways": mail_ways.apart(config),
            **cls.initial_of_window(config.get("window")),
        }

    def config(self):
        typed = self.cleaned_data
        window = self.window({})
        return {
            "template": typed["mail"],
            "lateness_hours": typed["lateness_hours"] or DEFAULT_LATENESS_HOURS,
            **({"window": window} if window else {}),
            **({"ways": typed["ways"]} if typed["ways"] else {}),
        }
