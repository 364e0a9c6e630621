"""Adjusting one contact's score by hand: what shall be done, what it comes to, the deed, and taking it back."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.http import urlencode

from contacts.models import Contact
from lib import clock
from lib.admin import ask
from lib.durations import in_words
from lib.pages import found, number, page, tell
from ops import audit
from scoring import adjusting, ledger_words, reading, shown
from scoring.adjust_forms import AdjustForm
from scoring.contact_pages import whom
from scoring.models import ScoreChange, ScoreModel
from scoring.reading import Standing

CHANGE = "contacts.change_contact"


def adjust_page(model_admin, request: HttpRequest, object_id: int, contact_id: int) -> HttpResponse:
    """The form; then what the score will be; then the deed."""
    model, contact, now = *_whose(model_admin, request, object_id, contact_id), clock.now()
    if not model.is_active:
        return _off(request, model, contact)
    before = reading.standings(model, [contact.pk], now)[contact.pk]
    form = AdjustForm(request.POST or None, model=model, stage_now=before.stage)
    about: dict[str, Any] = {"model": model, "contact": contact, "form": form, "before": _told(model, before)}
    if request.method == "POST" and "again" not in request.POST and form.is_valid():
        try:
            if "sure" in request.POST:
                return _done(request, model, contact, form, now)
            after = foreseen(model, contact, lambda: _act(request, model, contact, form, now), now)
            about |= {
                "after": _told(model, after),
                "question": _question(contact, form),
                "warnings": [*_wish_in_words(form), *_warnings(before, after, form)],
            }
        except adjusting.Refused as refusal:
            form.add_error(None, str(refusal))
    template = "scoring/adjust_sure.html" if "after" in about else "scoring/adjust.html"
    title = f"Adjust the score of {contact}"
    return page(model_admin, request, template, title, model, media=model_admin.media + form.media, **about)


def _off(request: HttpRequest, model: ScoreModel, contact: Contact) -> HttpResponse:
    tell(request, f"The score model “{model}” is off; turn it on first.", messages.WARNING)
    return redirect("admin:contacts_contact_change", contact.pk)


def foreseen(model: ScoreModel, contact: Contact, act: Callable[[], Any], now: datetime) -> Standing:
    """What the score will be: the engine itself does it, and nothing of it stays."""
    with transaction.atomic():
        act()
        after = reading.standings(model, [contact.pk], now)[contact.pk]
        transaction.set_rollback(True)
    return after


def _act(request: HttpRequest, model: ScoreModel, contact: Contact, form: AdjustForm, now: datetime) -> int:
    if form.is_move:
        stage = form.cleaned_data["stage"]
        return adjusting.move_stage(model, [contact.pk], stage, now, request.user, forced=stage < form.stage_now)
    return adjusting.adjust(model, [contact.pk], form.wish(), now, request.user, key=form.cleaned_data["key"])


def _done(request: HttpRequest, model: ScoreModel, contact: Contact, form: AdjustForm, now: datetime) -> HttpResponse:
    if not _act(request, model, contact, form, now):
        tell(request, "Nothing had to be done: it was done already.", messages.INFO)
        return redirect("admin:contacts_contact_change", contact.pk)
    what = "Moved to another stage of" if form.is_move else "Adjusted by hand"
    audit.note(request.user, contact, f"{what} the score “{model}”.")
    after = reading.standings(model, [contact.pk], now)[contact.pk]
    undo = _undo_stage(model, contact, form) if form.is_move else _undo_points(model, form)
    now_is = f"{contact} is at the stage “{after.stage or 'none'}” now." if form.is_move else _now_is(contact, after)
    sentence = format_html('{} <a class="text-link" href="{}">Undo</a>', now_is, undo)
    tell(request, sentence)
    return redirect("admin:contacts_contact_change", contact.pk)


def _now_is(contact: Contact, after: Standing) -> str:
    return f"{contact} has {shown.points(after.points)} points now: {after.band}."


def _undo_points(model: ScoreModel, form: AdjustForm) -> str:
    change = ScoreChange.objects.get(rule=None, event_id=form.cleaned_data["key"])
    return reverse("admin:scoring_scoremodel_take_back", args=[model.pk, change.pk])


def _undo_stage(model: ScoreModel, contact: Contact, form: AdjustForm) -> str:
    query = urlencode({"is": form.cleaned_data["stage"], "was": form.stage_now})
    return f"{reverse('admin:scoring_scoremodel_stage_back', args=[model.pk, contact.pk])}?{query}"


def _told(model: ScoreModel, standing: Standing) -> dict[str, str]:
    return {
        "points": shown.points(standing.points),
        "fit": shown.points(standing.fit),
        "engagement": shown.points(standing.engagement),
        "band": standing.band,
        "tone": shown.tone_of(model, standing.band),
        "cell": standing.cell,
        "stage": standing.stage or "none yet",
    }


def _question(contact: Contact, form: AdjustForm) -> str:
    """“Give Ann 20 points?”"""
    said = form.cleaned_data
    if form.is_move:
        return f"Move {contact} to the stage “{form.stage_name}”?"
    points = f"{shown.points(abs(said['points'] or 0))} point{'' if abs(said['points'] or 0) == 1 else 's'}"
    match said["deed"]:
        case "add":
            return f"Give {contact} {points}?" if said["points"] > 0 else f"Take {points} from {contact}?"
        case "set":
            return f"Set the engagement of {contact} to {points}?"
    return f"Reset the engagement of {contact} to 0?"


def _wish_in_words(form: AdjustForm) -> list[str]:
    if form.is_move:
        return []
    wish = form.wish()
    span = in_words(timedelta(seconds=wish.fading.seconds))
    fading = {"half": f"These points fade by half every {span}.", "expires": f"These points expire after {span}."}
    return [said for said in (f"Reason: {wish.reason}", fading.get(wish.fading.how, "")) if said]


def _warnings(before: Standing, after: Standing, form: AdjustForm) -> list[str]:
    """What follows from it, in plain sentences."""
    found = []
    if form.is_move and form.cleaned_data["stage"] < form.stage_now:
        found.append("That is a step back. By themselves contacts only go forward; no campaign starts from it.")
    elif form.is_move:
        found.append("Whatever starts when somebody reaches this stage starts for them.")
    elif after.stage != before.stage:
        found.append(f"They reach the stage “{after.stage}”, and stay there if you take this back.")
    if after.band != before.band:
        found.append(f"They go from “{before.band}” to “{after.band}”; whatever starts at that starts for them.")
    if not form.is_move and (after.points, after.engagement) == (before.points, before.engagement):
        found.append("Their points stay as they are: they are at a limit of the model, or were so already.")
    return found


def take_back_page(model_admin, request: HttpRequest, object_id: int, change_id: int) -> HttpResponse:
    """Take back what was given by hand, a step or the API."""
    rows = ScoreChange.objects.filter(pk=change_id, model=object_id, rule=None).select_related("model", "by")
    change = rows.first()
    if change is None:
        raise Http404("There is no such line in the ledger, or a rule gave it.")
    model, contact, now = *_whose(model_admin, request, object_id, change.contact_id), clock.now()
    if not model.is_active:
        return _off(request, model, contact)
    before = reading.standings(model, [contact.pk], now)[contact.pk]
    after = foreseen(model, contact, lambda: adjusting.take_back(change, now, request.user), now)

    def act() -> str:
        adjusting.take_back(change, now, request.user)
        audit.note(request.user, contact, f"Took back what was given in the score “{model}”.")
        return _now_is(contact, reading.standings(model, [contact.pk], now)[contact.pk])

    amounts = (
        f"{shown.points(before.points)} points ({before.band}) now, {shown.points(after.points)} ({after.band}) then"
    )
    lines = [f"{contact} has {amounts}.", "The line stays in the ledger and does not count any more."]
    return ask(
        request,
        model_admin,
        title=f"Take back what was given {ledger_words.given(change)}?",
        lines=lines if change.ended_at is None else ["It was taken back already."],
        button="Take back",
        act=act,
        back=reverse("admin:contacts_contact_change", args=[contact.pk]),
    )


def stage_back_page(model_admin, request: HttpRequest, object_id: int, contact_id: int) -> HttpResponse:
    """Undo a move: back to the former stage, if nobody moved them on since."""
    model, contact, now = *_whose(model_admin, request, object_id, contact_id), clock.now()
    if not model.is_active:
        return _off(request, model, contact)
    moved_to, former = number(request.GET.get("is")), number(request.GET.get("was"))
    names = ["none", *model.stages]
    at = reading.standings(model, [contact.pk], now)[contact.pk].stage or "none"
    if former is None or former >= len(names) or moved_to is None or names[moved_to : moved_to + 1] != [at]:
        tell(request, "Nothing is left to undo: they are at another stage by now.", messages.WARNING)
        return redirect("admin:contacts_contact_change", contact.pk)

    def act() -> str:
        adjusting.move_stage(model, [contact.pk], former, now, request.user, forced=True)
        audit.note(request.user, contact, f"Moved back to the former stage of the score “{model}”.")
        return f"{contact} is at the stage “{names[former]}” again."

    return ask(
        request,
        model_admin,
        title=f"Move {contact} back?",
        lines=[f"From the stage “{at}” to “{names[former]}” of “{model}”. Campaigns that it started go on."],
        button="Move back",
        act=act,
        back=reverse("admin:contacts_contact_change", args=[contact.pk]),
    )


def _whose(model_admin, request: HttpRequest, object_id: int, contact_id: int) -> tuple[ScoreModel, Contact]:
    """404 and 403 come before anything else."""
    model: ScoreModel = found(model_admin, request, str(object_id))
    contact = whom(request, contact_id)
    if not request.user.has_perm(CHANGE):
        raise PermissionDenied
    return model, contact
