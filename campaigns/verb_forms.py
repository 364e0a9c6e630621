"""What the verbs of a campaign ask before they are done: what becomes of those inside, how to go on, a note."""

from typing import Any

import msgspec
from django import forms
from django.contrib.admin import VERTICAL
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminRadioSelectWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldBooleanSwitchWidget,
)

from campaigns import doors, resuming
from campaigns.checking import problems
from campaigns.choices import Choices, StepChoice
from campaigns.document import Document, parse
from campaigns.impact import StepChange, describe, impact
from campaigns.models import Campaign
from campaigns.resuming import Overdue, Resumption
from lib import clock


class VerbForm(forms.Form):
    """Of one campaign; `part` draws it, `given()` are the further arguments of the verb."""

    part = "campaigns/verb_fields.html"

    def __init__(self, campaign: Campaign, data=None):
        self.campaign = campaign
        super().__init__(data)

    def given(self) -> dict[str, Any]:
        return dict(self.cleaned_data)


NOT_BEFORE = "Nobody comes in for what they did before, so nobody is mailed at once."


MOST_A_DAY = 10_000_000
MANY_WORDS = f"Write a number of people, {doors.MANY_A_DAY:,} or more."


class ActivateForm(VerbForm):
    """Whether those come in who match by now, and from how many a day on somebody is asked first."""

    part = "campaigns/activate_fields.html"
    people = forms.ChoiceField(
        label="Who else comes in",
        initial="",
        required=False,
        widget=UnfoldAdminRadioSelectWidget(radio_style=VERTICAL),
        error_messages={"invalid_choice": "Choose again who comes in: this is no longer offered."},
    )
    most = forms.IntegerField(
        label="Up to how many people a day may one step mail before you are asked?",
        required=False,
        min_value=doors.MANY_A_DAY,
        max_value=MOST_A_DAY,
        widget=UnfoldAdminIntegerFieldWidget(),
        help_text="In the first 7 days. More than that wait until somebody lets them go on, so that a mistake does not "
        "reach everybody. Write more if you know of more to come, such as an import tonight.",
        error_messages={
            "invalid": MANY_WORDS, "min_value": MANY_WORDS, "max_value": f"Write {MOST_A_DAY:,} at most.",
        },
    )  # fmt: skip

    def __init__(self, campaign: Campaign, data=None):
        super().__init__(campaign, data)
        document = parse(campaign.draft)
        found = [] if problems(document) else [look(document, clock.now()) for look in doors.prospects]
        self.at_once = [line for prospect in found for line in prospect.lines]
        choices = [(str(days), words) for prospect in found for days, words in prospect.choices]
        people: Any = self.fields["people"]
        people.choices = [("", "Nobody: only whoever does so from now on"), *choices]
        if not choices:
            del self.fields["people"]
        self.quiet = "" if choices or self.at_once else NOT_BEFORE
        self.counts = {days: count for prospect in found for days, count in prospect.counts.items()}
        self.fields["most"].initial = max([doors.MANY_A_DAY, *(prospect.people for prospect in found)])

    def given(self):
        """Those whom they let in besides are expected, too."""
        people, most = self.cleaned_data.get("people"), self.cleaned_data.get("most") or self.fields["most"].initial
        if not people:
            return {"expected": most}
        return {"also": int(people), "expected": max(most, self.counts.get(int(people), 0))}


class PublishForm(VerbForm):
    """The difference step by step, and beside each step that asks for it what becomes of those who stand there."""

    part = "campaigns/impact.html"
    people = forms.ChoiceField(
        label="Those who are inside",
        initial="follow",
        widget=UnfoldAdminRadioSelectWidget(radio_style=VERTICAL),
        choices=[
            ("follow", "Follow the new version, from their next step on"),
            ("drain", "Finish on the version that they are on; the new one is for those who enter from now on"),
        ],
        error_messages={"required": "Choose whether those inside follow the new version or finish on theirs."},
    )

    def __init__(self, campaign: Campaign, data=None):
        super().__init__(campaign, data)
        self.impact, self.new = impact(campaign), parse(campaign.draft)
        self.impact.work_out_anew(campaign, self.new, clock.now())
        if not self.impact.people_inside:
            del self.fields["people"]
        for step in self.impact.steps:
            if step.asks:
                self.fields[f"{step.asks}_{step.uid}"] = _question(step, self.new)
                step.field = self[f"{step.asks}_{step.uid}"]  # type: ignore[attr-defined]

    def given(self):
        values = self.cleaned_data
        chosen = {step.uid: step for step in self.impact.steps if step.asks and values.get(f"{step.asks}_{step.uid}")}
        answers = {uid: values[f"{step.asks}_{uid}"] for uid, step in chosen.items()}
        removed = {uid: _choice(answer) for uid, answer in answers.items() if chosen[uid].asks == "removed"}
        waits = {uid: answer for uid, answer in answers.items() if chosen[uid].asks == "wait"}
        return {"choices": Choices(people=values.get("people") or "follow", removed=removed, waits=waits)}


def _question(step: StepChange, new: Document) -> forms.ChoiceField:
    if step.asks == "wait":
        keep, anew = "Keep the time that they were given", "Work it out anew: the time already waited counts"
        return forms.ChoiceField(
            label=f"Those who wait in “{step.before}”",
            choices=[("keep", keep), ("recompute", anew)],
            initial="keep",
            required=False,
            widget=UnfoldAdminSelectWidget(),
        )
    return forms.ChoiceField(
        label=f"What becomes of those in “{step.before}”",
        choices=[("", "Choose what becomes of them …"), *_ways_out(step, new)],
        required=False,  # asked for again, in a sentence, where somebody stands there by then
        widget=UnfoldAdminSelectWidget(),
    )


def _ways_out(step: StepChange, new: Document) -> list:
    steps = [(f"{place}. {describe(other)}", other.uid) for place, other in enumerate(new.steps, 1)]
    follower = f"Go on with the next step now: {step.follower}"
    return [
        ("next", follower if step.follower != "the end" else "Finish now: nothing comes after it"),
        ("Go on now with", [(f"step:{uid}", f"Now: {words}") for words, uid in steps]),
        ("When they are due, go on with", [(f"due:{uid}", f"When due: {words}") for words, uid in steps]),
        ("exit", "Leave the campaign"),
    ]


def _choice(answer: str) -> StepChoice:
    then, _, target = answer.partition(":")
    return msgspec.convert({"then": then, "target": target}, StepChoice)  # one of the choices offered


SPREADS = [("", "As usual: many over 15 minutes"), ("0", "At once"), ("60", "Over 1 hour"), ("240", "Over 4 hours"),
           ("1440", "Over a day")]  # fmt: skip


class ResumeForm(VerbForm):
    """How a campaign goes on that stood still."""

    part = "campaigns/resume_fields.html"
    late = forms.ChoiceField(
        label="Those who should have gone on meanwhile",
        widget=UnfoldAdminRadioSelectWidget(radio_style=VERTICAL),
        choices=[
            ("send", "Go on now; a mail that is later than its limit is not sent, and its reader goes on"),
            ("shift", "Everything happens later by the length of the pause, also what is not due yet"),
            ("exit", "Leave the campaign; those who are not due yet go on as usual"),
        ],
        error_messages={"required": "Choose what becomes of those who should have gone on meanwhile."},
    )
    minutes = forms.ChoiceField(
        label="Spread those who go on now", choices=SPREADS, required=False, widget=UnfoldAdminSelectWidget()
    )
    enter = forms.BooleanField(label="Let them in now", required=False, widget=UnfoldBooleanSwitchWidget())

    def __init__(self, campaign: Campaign, data=None):
        super().__init__(campaign, data)
        self.fields["late"].initial = resuming.usual(campaign)
        self.overdue = overdue(campaign)
        if campaign.draining_since:
            del self.fields["enter"]

    def given(self):
        values = self.cleaned_data
        minutes = int(values["minutes"]) if values["minutes"] else None
        return {"plan": Resumption(values["late"], minutes, values.get("enter", False))}


def overdue(campaign: Campaign) -> Overdue:
    found = [read(campaign, clock.now()) for read in doors.overdue]
    return found[0] if found else Overdue()


class AskForm(VerbForm):
    """A word to whoever may publish."""

    note = forms.CharField(
        label="A word to who publishes",
        max_length=1000,
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        help_text="What changes and why, and until when it matters. Empty: nothing to add.",
        error_messages={"max_length": "Keep it to 1,000 characters."},
    )


class DeclineForm(VerbForm):
    """Why not."""

    because = forms.CharField(
        label="Why not",
        max_length=1000,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        help_text="Who asked reads it on the campaign’s page.",
        error_messages={"required": "Say why, so that who asked knows what to change.",
                        "max_length": "Keep it to 1,000 characters."},
    )  # fmt: skip
