"""The pages on which a person moves, wakes, lets out or tries again: each says first what will happen."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django import forms
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.http import urlencode
from unfold.widgets import UnfoldAdminSelectWidget

from automation import by_hand
from automation.models import Enrollment
from automation.parked import CANCELS
from campaigns.canvas_limits import numbers_of_rows
from campaigns.document import Document
from campaigns.models import Campaign
from campaigns.pages import found
from campaigns.publishing import describe
from lib import clock, once
from lib.admin import ask
from lib.words import moment

PUBLISH = "campaigns.publish_campaign"


@dataclass(frozen=True)
class Deed:
    """One thing that a person does: what it is called, what it means, whether it can be done now."""

    label: str
    icon: str
    act: Callable[[Enrollment, Any, Any], str]
    lines: Callable[[Enrollment], list[str]]
    fits: Callable[[Enrollment], bool]
    danger: bool = False
    where_seen: bool = False
    """Only in the step in which the page showed them: another wait is another question."""


def _wakes(enrollment: Enrollment) -> list[str]:
    visit = enrollment.visits.filter(left_at=None).first()
    listens = visit if enrollment.listens and not enrollment.campaign.test_of_id else None
    due = (listens and listens.until) or enrollment.due_at
    when = f" They would go on {moment(due, clock.now())}." if due else ""
    said = "The wait ends now, as if its time had come."
    if by_hand.is_held_back(enrollment):
        said = "What holds their mail back (a window, quiet hours, a limit) is looked at again now, and may still hold."
    return [f"{said}{when}", *_rests(enrollment)]


def _rests(enrollment: Enrollment) -> list[str]:
    if enrollment.campaign.state != Campaign.State.PAUSED:
        return []
    return ["The campaign is paused: nothing moves until it is resumed."]


def _inside(enrollment: Enrollment) -> bool:
    return enrollment.state in Enrollment.INSIDE


def _waits(enrollment: Enrollment) -> bool:
    return bool(enrollment.state == Enrollment.State.ACTIVE and enrollment.due_at and enrollment.due_at > clock.now())


def _is_parked(enrollment: Enrollment) -> bool:
    return enrollment.state == Enrollment.State.PARKED


DEEDS = {
    "release": Deed(
        "Try again",
        "replay",
        by_hand.retry,
        lambda row: [
            "The step that went wrong is tried once more now. If it fails again, it is parked again.",
            *_rests(row),
        ],
        _is_parked,
    ),
    "wake": Deed("Wake now", "alarm", by_hand.wake, _wakes, _waits, where_seen=True),
    "let_out": Deed(
        "Let out",
        "logout",
        by_hand.let_out,
        lambda row: [f"They leave “{row.campaign}” and get no more of it.", CANCELS, "This cannot be undone."],
        _inside,
        danger=True,
    ),
}


def buttons(request: HttpRequest, enrollment: Enrollment) -> list[dict[str, Any]]:
    """What can be done with them now, for who may."""
    if not request.user.has_perm(PUBLISH):
        return []
    fitting = [(name, deed.label, deed.icon, deed.danger) for name, deed in DEEDS.items() if deed.fits(enrollment)]
    if _inside(enrollment):
        fitting.insert(len(fitting) - 1, ("move", "Move to a step", "move_down", False))
    return [
        {"label": label, "icon": icon, "danger": danger, "url": _url(name, enrollment)}
        for name, label, icon, danger in fitting
    ]


def _url(name: str, enrollment: Enrollment) -> str:
    url = reverse(f"admin:automation_enrollment_{name}", args=[enrollment.pk])
    seen = name in DEEDS and DEEDS[name].where_seen
    return f"{url}?{urlencode({'seen': enrollment.step_uid})}" if seen else url


def _asked_for(model_admin, request: HttpRequest, object_id: int) -> Enrollment:
    enrollment = found(model_admin, request, str(object_id))
    if not request.user.has_perm(PUBLISH):
        raise PermissionDenied
    return enrollment


def deed_page(model_admin, request: HttpRequest, object_id: int, deed: str) -> HttpResponse:
    """Ask first; then do it."""
    enrollment, chosen = _asked_for(model_admin, request, object_id), DEEDS[deed]

    def act() -> str:
        if chosen.where_seen:
            enrollment.step_uid = request.GET.get("seen") or enrollment.step_uid
        return chosen.act(enrollment, request.user, clock.now())

    return ask(
        request,
        model_admin,
        title=f"{chosen.label}: {enrollment.contact}?",
        lines=chosen.lines(enrollment),
        button=chosen.label,
        act=act,
        back=reverse("admin:automation_enrollment_change", args=[enrollment.pk]),
        danger=chosen.danger,
    )


class MoveForm(forms.Form):
    """Where to, and where they were when the page was opened."""

    step = forms.ChoiceField(label="Step", widget=UnfoldAdminSelectWidget())
    seen = forms.CharField(widget=forms.HiddenInput, required=False)

    def __init__(self, data: Any, *, enrollment: Enrollment):
        super().__init__(data, initial={"seen": enrollment.step_uid})
        steps = by_hand.steps_of(enrollment)
        once.expect(lambda: numbers_of_rows(Document(steps=steps)))
        self.fields["step"].choices = [  # type: ignore[attr-defined]
            (step.uid, f"{place}. {step.name or describe(step)}"[:120])
            for place, step in enumerate(steps, 1)
            if step.uid != enrollment.step_uid
        ]


def move_page(model_admin, request: HttpRequest, object_id: int) -> HttpResponse:
    """Choose the step with which they go on."""
    enrollment = _asked_for(model_admin, request, object_id)

    def act(form: MoveForm) -> str:
        enrollment.step_uid = form.cleaned_data["seen"] or enrollment.step_uid
        return by_hand.move(enrollment, form.cleaned_data["step"], request.user, clock.now())

    return ask(
        request,
        model_admin,
        title=f"Move {enrollment.contact} to another step?",
        lines=["They go on with that step at once, whatever they are waiting for.", CANCELS, *_rests(enrollment)],
        button="Move",
        act=act,
        form=MoveForm(request.POST if request.method == "POST" else None, enrollment=enrollment),
        back=reverse("admin:automation_enrollment_change", args=[enrollment.pk]),
    )
