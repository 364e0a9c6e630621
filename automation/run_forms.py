"""The form that starts a test run: with whom, which version, how fast, and what the event says that lets them in."""

from datetime import datetime
from typing import Any

from django import forms
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminRadioSelectWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from automation import running
from automation.running import SPEEDS, Choices
from campaigns.document import Document, Trigger
from campaigns.lifecycle import has_unpublished_changes
from campaigns.models import Campaign
from campaigns.trigger_kinds import TRIGGER_KINDS, key_of, kind_of
from contacts.models import Contact
from events import types as event_types
from events.models import Event
from segments.known_models import KnownField

OFFERED, MOST_PROPERTIES = 50, 20
EXAMPLES: dict[str, Any] = {"text": "example", "number": 10, "boolean": True}


class StartForm(forms.Form):
    """What is asked before a test run; the fields of `event` are those of the events that let people in."""

    people = forms.ModelMultipleChoiceField(
        Contact.objects.none(),
        label="Test contacts",
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget(),
        help_text="They get the mails, for real. To add one, make a contact a test contact on its page.",
    )
    me = forms.BooleanField(required=False, widget=UnfoldBooleanWidget())
    version = forms.ChoiceField(
        choices=[("draft", "The draft, as it is now"), ("live", "What is live")],
        label="What is tried",
        widget=UnfoldAdminRadioSelectWidget(),
    )
    speed = forms.TypedChoiceField(
        choices=list(SPEEDS.items()),
        coerce=int,
        label="How fast",
        widget=UnfoldAdminRadioSelectWidget(),
        help_text="Mails go out at once; only waiting takes less time. Windows and dates go by the run’s own clock.",
    )
    trigger = forms.ChoiceField(label="What lets them in", required=False, widget=UnfoldAdminSelectWidget())
    outside = forms.BooleanField(
        label="Call webhooks, tell the team and start other campaigns, too",
        required=False,
        widget=UnfoldBooleanWidget(),
        help_text="Otherwise such steps are passed by, and the run says so.",
    )

    def __init__(self, data: Any, *, campaign: Campaign, document: Document, user, again=None):
        self.campaign, self.user = campaign, user
        self.triggers = {key_of(one): one for one in document.triggers if one.kind in TRIGGER_KINDS}
        super().__init__(data, initial=_initial(campaign, user, again))
        self._offer()
        self.events = {key: self._add_properties(place, one, again) for place, (key, one) in enumerate(self._events())}

    def _offer(self) -> None:
        fields: Any = self.fields
        newest = running.testers().values_list("pk", flat=True)[:OFFERED]
        fields["people"].queryset = running.testers().filter(pk__in=[*newest, *self.initial["people"]])
        if not self.fields["people"].queryset.exists():  # type: ignore[attr-defined]
            del fields["people"]
        fields["trigger"].choices = [(key, kind_of(one).describe(one)) for key, one in self.triggers.items()]
        fields["me"].label = f"Me, at {self.user.email}: make a test contact of mine"
        if not running.lacks_own(self.user):
            del fields["me"]
        if not (self.campaign.live_id and has_unpublished_changes(self.campaign)):
            del fields["version"]
        if len(self.triggers) < 2:
            del fields["trigger"]

    def _events(self) -> list[tuple[str, Trigger]]:
        return [(key, one) for key, one in self.triggers.items() if kind_of(one).event_type(one)]

    def _add_properties(self, place: int, trigger: Trigger, again) -> tuple[dict[str, Any], dict[str, str]]:
        """The properties of the example, and the fields that change them, by name."""
        type_ = kind_of(trigger).event_type(trigger) or ""
        given = again.properties if again and again.event_type == type_ else example(type_)
        named: dict[str, str] = {}
        for name, value in given.items():
            if isinstance(value, dict | list) or len(named) >= MOST_PROPERTIES:
                continue
            named[name] = f"p{place}_{len(named)}"
            self.fields[named[name]] = forms.CharField(
                label=f"{name.replace('_', ' ').capitalize()} ({event_types.find(type_).label})",
                initial=_typed(value),
                required=False,
                max_length=500,
                widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}),
            )
        return given, named

    def clean(self):
        super().clean()
        if not self.cleaned_data.get("people") and not self.cleaned_data.get("me"):
            self.add_error("people" if "people" in self.fields else None, "Choose at least one test contact.")
        return self.cleaned_data

    def chosen(self) -> Choices:
        """What `running.start` is told."""
        data = self.cleaned_data
        key = data.get("trigger") or next(iter(self.triggers), "")
        given, named = self.events.get(key, ({}, {}))
        typed = {name: _read(data[field], given[name]) for name, field in named.items()}
        return Choices(
            of_draft=data.get("version", "live" if self.campaign.live_id else "draft") == "draft",
            speed=data["speed"],
            outside=data["outside"],
            trigger=self.triggers.get(key),
            properties={**given, **{name: value for name, value in typed.items() if value is not None}},
        )

    def people_to_test(self, now: datetime) -> list[Contact]:
        """Those chosen, and the one that is made of this person's own address."""
        own = [running.own(self.user, now)] if self.cleaned_data.get("me") else []
        return [*self.cleaned_data.get("people", ()), *own]


def _initial(campaign: Campaign, user, again) -> dict[str, Any]:
    first = running.testers().values_list("pk", flat=True)
    mine = first.filter(address__email__iexact=user.email or "-")
    found: dict[str, Any] = {"version": "draft", "speed": 1440, "people": list(mine[:1] or first[:1])}
    if again:
        people = again.campaign.enrollments.values_list("contact", flat=True)
        found |= {"speed": again.speed, "outside": again.outside, "people": list(people)}
        found["version"] = "draft" if again.of_draft else "live"
    found["me"] = not found["people"]
    return found


def example(type_: str) -> dict[str, Any]:
    """The properties of the newest event of the type; where there is none, made up."""
    newest = Event.objects.filter(type=type_).order_by("-received_at").first()
    if newest:
        return newest.properties
    known = event_types.get(type_)
    names = dict(known.properties) if known else {}
    for path, kind in KnownField.objects.filter(root=f"event:{type_}").values_list("path", "type"):
        names.setdefault(path, kind or "text")
    return {name: EXAMPLES[kind] for name, kind in names.items() if kind in EXAMPLES and "." not in name}


def _typed(value: Any) -> str:
    return {True: "yes", False: "no", None: ""}.get(value, str(value)) if not isinstance(value, str) else value


def _read(text: str, before: Any) -> Any:
    """As the value before was: a number where that was one; None: nothing was written."""
    text = text.strip()
    if not text:
        return None
    if isinstance(before, bool):
        return text.lower() in ("yes", "true", "1")
    if isinstance(before, int | float):
        try:
            return float(text) if "." in text or "e" in text.lower() else int(text)
        except ValueError:
            return text
    return text
