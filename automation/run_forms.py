"""The form that starts a test run: with whom, which version, how fast, and what the event says that lets them in."""

from datetime import datetime
from typing import Any
from uuid import uuid4

from django import forms
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminRadioSelectWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from automation import run_properties, running
from automation.running import PUBLISH, SPEEDS, Choices
from campaigns.document import Document
from campaigns.lifecycle import has_unpublished_changes
from campaigns.models import Campaign
from campaigns.trigger_kinds import TRIGGER_KINDS, event_types_of, key_of, kind_of
from contacts.models import Contact
from events import types as event_types

OFFERED = 50
LACKED = "The newest event has none; leave it empty, or say what it should be."
ONLY_LIVE = "Only for what is live: of a draft, who may publish it may do so."


class TestersField(forms.ModelMultipleChoiceField):
    """Test contacts by name and address: two may be called alike."""

    def label_from_instance(self, obj):
        return f"{obj.name}, {obj.email}" if obj.name and obj.email else str(obj)


class StartForm(forms.Form):
    """What is asked before a test run; the fields of `event` are those of the events that let people in."""

    token = forms.UUIDField(
        required=False,
        widget=forms.HiddenInput(),
        error_messages={"invalid": "This page is not as it was sent; open it again."},
        help_text="The same form sent twice starts one run.",
    )
    people = TestersField(
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
        self._offer_outside()
        self.documents = [document, *([running.definition(campaign, False)] if "version" in self.fields else [])]
        self.others: list[str] = []  # fields of what neither the newest event says nor the campaign asks for
        self.types = event_types_of(document.triggers)
        self.events = {type_: self._add_properties(type_, again) for type_ in self.types}

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

    def _offer_outside(self) -> None:
        """A draft that nobody published reaches other systems only by who may publish it."""
        if self.user.has_perm(PUBLISH):
            return
        if "version" in self.fields:
            self.fields["outside"].help_text += f" {ONLY_LIVE}"
        elif not self.campaign.live_id:
            del self.fields["outside"]

    def _add_properties(self, type_: str, again) -> tuple[dict[str, Any], dict[str, tuple[str, str]]]:
        """The properties of the example, and by the name of each that can be changed its field and its kind."""
        kinds = run_properties.kinds(type_, self.documents)
        asked_for = run_properties.named_by(type_, self.documents)
        known = again.properties if again and again.event_type == type_ else run_properties.newest(type_)
        given = run_properties.made_up(kinds) if known is None else known
        named: dict[str, tuple[str, str]] = {}
        for name, value in list(run_properties.offered(given, kinds).items())[: run_properties.MOST]:
            # Named by what it is: another event may be the newest one when the form comes back.
            field = f"event-{type_}-{name}"
            named[name] = field, kinds.get(name, "")
            self.fields[field] = forms.CharField(
                label=_in_words(name) + (f" ({event_types.find(type_).label})" if len(self.types) > 1 else ""),
                initial=run_properties.typed(value),
                required=False,
                max_length=500,
                help_text=LACKED if value is None and name in asked_for else "",
                widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}),
            )
            if value is None and name not in asked_for:
                self.others.append(field)
        return given, named

    @property
    def usual_fields(self) -> list[forms.BoundField]:
        return [field for field in self.visible_fields() if field.name not in self.others]

    @property
    def other_fields(self) -> list[forms.BoundField]:
        return [self[name] for name in self.others]

    @property
    def says_more(self) -> bool:
        """Whether something stands in one of the other fields."""
        return any(field.value() or field.errors for field in self.other_fields)

    def clean(self):
        super().clean()
        if not self.cleaned_data.get("people") and not self.cleaned_data.get("me"):
            self.add_error("people" if "people" in self.fields else None, "Choose at least one test contact.")
        return self.cleaned_data

    def chosen(self) -> Choices:
        """What `running.start` is told."""
        data = self.cleaned_data
        trigger = self.triggers.get(data.get("trigger") or next(iter(self.triggers), ""))
        return Choices(
            of_draft=data.get("version", "live" if self.campaign.live_id else "draft") == "draft",
            speed=data["speed"],
            outside=data.get("outside", False),
            token=data.get("token"),
            trigger=trigger,
            properties=self._properties(kind_of(trigger).event_type(trigger) or "" if trigger else ""),
        )

    def _properties(self, type_: str) -> dict[str, Any]:
        """Those of the example, but for what was typed."""
        given, named = self.events.get(type_, ({}, {}))
        found = given
        for name, (field, kind) in named.items():
            new = run_properties.read(self.cleaned_data[field], run_properties.value(given, name), kind)
            found = run_properties.put(found, name, new) if new is not None else found
        return found

    def people_to_test(self, now: datetime) -> list[Contact]:
        """Those chosen, and the one that is made of this person's own address."""
        own = [running.own(self.user, now)] if self.cleaned_data.get("me") else []
        return [*self.cleaned_data.get("people", ()), *own]


def _initial(campaign: Campaign, user, again) -> dict[str, Any]:
    mine = running.of(user).values_list("pk", flat=True)[:1]
    found: dict[str, Any] = {"token": uuid4(), "version": "draft", "speed": 1440, "people": list(mine)}
    if again:
        people = again.campaign.enrollments.values_list("contact", flat=True)
        found |= {"speed": again.speed, "outside": again.outside, "people": list(people)}
        found["version"] = "draft" if again.of_draft else "live"
    found["me"] = not found["people"]
    return found


def _in_words(name: str) -> str:
    return name.replace("_", " ").replace(".", " ").capitalize()
