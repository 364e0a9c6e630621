"""The deeds of a publisher: put a draft in force, discard it, go back, turn on and off, delete; and the history."""

from typing import Any

from django import forms
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from unfold.widgets import UnfoldBooleanSwitchWidget

from lib import clock
from lib.admin import ask
from lib.pages import found, number, page, tell
from lib.words import day
from scoring import defining, losing, preview_pages, recomputing
from scoring.comparing import differences
from scoring.defining import Conflict, Refused
from scoring.document import parse
from scoring.editing import PUBLISH, edit_url, editable, publishable
from scoring.models import Score, ScoreModel
from segments.standing import people

STARTS_NOTHING = "No campaign starts by it, and nobody is told that they crossed a band."
IN_BACKGROUND = "Everybody’s score is worked out anew in the background; until then some follow the rules before."
SHOWN = 100


class AsSeen(forms.Form):
    """The model as the page showed it: a form sent twice, or by two people, does its deed once."""

    seen = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, data: Any, *, seen: str):
        super().__init__(data, initial={"seen": seen})
        self.now = seen

    def clean(self):
        if self.cleaned_data.get("seen") not in ("", self.now):
            raise forms.ValidationError("Somebody did this, or something else to the model, after you opened the page.")
        return super().clean()


class ForceForm(forms.Form):
    """The draft that the page was opened with."""

    revision = forms.IntegerField(widget=forms.HiddenInput, required=False)
    turn_on = forms.BooleanField(
        label="Turn the model on, too", required=False, widget=UnfoldBooleanSwitchWidget,
        help_text="It is off: it gives nobody points until somebody turns it on.",
    )  # fmt: skip

    def __init__(self, data: Any, *, model: ScoreModel):
        super().__init__(data, initial={"revision": model.draft_revision})
        if model.is_active:
            del self.fields["turn_on"]


def _asked(request: HttpRequest, model_admin, *, template: str = "scoring/ask.html", more: Any = None, **question: Any):
    """A question with more below its lines than sentences."""
    response = ask(request, model_admin, template=template, **question)
    if isinstance(response, TemplateResponse) and response.context_data is not None:
        response.context_data |= more or {}
    return response


def force_page(model_admin, request: HttpRequest, object_id: int) -> HttpResponse:
    model = publishable(model_admin, request, object_id)
    document = defining.opened(model)
    if model.draft is None or defining.problems_of(model):
        tell(request, "There is no draft to put in force." if model.draft is None else "Mend first what is marked.", 40)
        return redirect(edit_url(model))

    def act(form: ForceForm) -> str:
        now = clock.now()
        try:
            changed = defining.put_in_force(model, request.user, now, form.cleaned_data["revision"])
            if form.cleaned_data.get("turn_on"):
                defining.switch(changed, True, request.user, now)
        except Conflict as conflict:
            raise Refused(
                "Somebody changed the draft after you opened this page; go back and look at it."
            ) from conflict
        return _done("The draft is in force.", changed)

    changes = differences(parse(model.definition), document) if model.edition else []
    return _asked(
        request,
        model_admin,
        title=f"Put the draft of “{model}” in force?",
        lines=[*_what_happens(model), *losing.sentences(model, document)],
        button="Put in force",
        act=act,
        form=ForceForm(_sent(request), model=model),
        back=_back(request, model),
        more={"changes": changes},
    )


def _sent(request: HttpRequest) -> Any:
    return request.POST if request.method == "POST" else None


def _back(request: HttpRequest, model: ScoreModel) -> str:
    return model.get_absolute_url() if request.method == "POST" else edit_url(model)


def _what_happens(model: ScoreModel) -> list[str]:
    known = preview_pages.summary(model)
    if not model.is_active:
        unseen = "The model is off, so nobody has a score by it."
        return [f"{unseen} {known}".strip(), STARTS_NOTHING] if model.edition else [unseen]
    preview = known or "No preview was made of this draft, so it is not known how many people change band."
    return [preview, IN_BACKGROUND, f"{STARTS_NOTHING} You can go back to what was in force before."]


def _done(sentence: str, model: ScoreModel) -> str:
    """With the way back, where there is one."""
    if model.edition < 2:
        return sentence
    return format_html('{} <a class="text-link" href="{}">Undo</a>', sentence, edit_url(model, "undo"))


def discard_page(model_admin, request: HttpRequest, object_id: int) -> HttpResponse:
    model = editable(model_admin, request, object_id)
    if model.draft is None or not model.edition:
        tell(request, "There is no draft to discard.", 30)
        return redirect(edit_url(model))

    def act() -> str:
        defining.discard_draft(model, request.user, clock.now())
        return "The draft is discarded. What is in force has not changed."

    return _asked(
        request,
        model_admin,
        title=f"Discard the draft of “{model}”?",
        lines=["What is in force stays as it is. These changes are lost:"],
        button="Discard the draft",
        act=act,
        back=edit_url(model),
        danger=True,
        more={"changes": differences(parse(model.definition), defining.opened(model))},
    )


# --- going back ---


def undo_page(model_admin, request: HttpRequest, object_id: int) -> HttpResponse:
    """Back to the edition before, or to the one that the address names."""
    model = publishable(model_admin, request, object_id)
    asked = number(request.GET.get("edition"))
    goal = model.edition - 1 if asked is None else asked
    edition = model.editions.filter(number=goal).first() if goal != model.edition else None
    if edition is None:
        tell(request, "There is no edition to go back to.", 30)
        return redirect(edit_url(model, "editions"))

    form = AsSeen(_sent(request), seen=f"{model.is_active}:{model.edition}")

    def act(_form: AsSeen) -> str:
        changed = defining.undo(model, request.user, clock.now(), goal)
        return _done(f"Edition {goal} is in force again, as edition {changed.edition}.", changed)

    lines = [IN_BACKGROUND, STARTS_NOTHING] if model.is_active else ["The model is off, so nobody has a score by it."]
    lines += losing.sentences(model, parse(edition.definition))
    if model.draft is not None:
        lines.append("The draft that somebody is editing stays as it is.")
    return _asked(
        request,
        model_admin,
        title=f"Go back to edition {goal} of “{model}”?",
        lines=[f"What was in force from {day(edition.at, clock.now())} on is in force again.", *lines],
        button="Go back",
        act=act,
        form=form,
        back=model.get_absolute_url(),
        more={"changes": differences(parse(model.definition), parse(edition.definition))},
    )


def editions_page(model_admin, request: HttpRequest, object_id: int) -> HttpResponse:
    model = found(model_admin, request, str(object_id))
    return page(
        model_admin,
        request,
        "scoring/editions.html",
        f"Editions of {model.name}",
        model,
        model=model,
        editions=model.editions.select_related("by")[:SHOWN],
        now=clock.now(),
        may_publish=request.user.has_perm(PUBLISH),
    )


# --- on, off, gone ---


def switch_page(model_admin, request: HttpRequest, object_id: int) -> HttpResponse:
    model = publishable(model_admin, request, object_id)
    if not model.edition:
        tell(request, "Nothing is in force yet; put the draft in force first.", 40)
        return redirect(edit_url(model))
    on = not model.is_active
    form = AsSeen(_sent(request), seen=f"{model.is_active}:{model.edition}")

    def act(_form: AsSeen) -> str:
        defining.switch(model, on, request.user, clock.now())
        if on:
            return f"“{model}” is on. Everybody’s score is worked out in the background."
        return f"“{model}” is off. It gives nobody points any more."

    return ask(
        request,
        model_admin,
        title=f"Turn “{model}” {'on' if on else 'off'}?",
        lines=_if_on() if on else _if_off(),
        button="Turn on" if on else "Turn off",
        act=act,
        form=form,
        back=model.get_absolute_url(),
    )


def _if_on() -> list[str]:
    since = recomputing.kept_since()
    past = f"from the events since {day(since, clock.now())}" if since else "from what is known of them"
    return [
        f"Everybody gets a score {past}, in the background. From then on each event counts within seconds.",
        STARTS_NOTHING,
    ]


def _if_off() -> list[str]:
    return [
        "Events give no points any more, and nobody changes band. What people have is kept, but not shown with them.",
        "Conditions that ask about this score go by what people have then.",
        "When you turn it on again, everybody’s score is worked out anew.",
    ]


def delete_page(model_admin, request: HttpRequest, object_id: str) -> HttpResponse:
    """Refused while it is on or used; else a question that says what goes."""
    model = found(model_admin, request, object_id)
    if not model_admin.has_delete_permission(request, model):
        raise PermissionDenied
    places = defining.uses(model)
    if model.is_active or places:
        title, back = f"“{model}” is {'on' if model.is_active else 'used'}, so it stays", model.get_absolute_url()
        return page(model_admin, request, "scoring/stays.html", title, model, model=model, places=places, back=back)

    def act() -> str:
        defining.delete(model, request.user)
        return f"“{model.name}” is deleted."

    return ask(
        request,
        model_admin,
        title=f"Delete “{model}”?",
        lines=_what_goes(model),
        button="Delete the score model",
        act=act,
        back=reverse("admin:scoring_scoremodel_changelist"),
        danger=True,
    )


def _what_goes(model: ScoreModel) -> list[str]:
    count = Score.objects.filter(model=model).count()
    scores = f"The scores of {people(count)}, their history and" if count else "Its rules and"
    return [f"{scores} all of its editions are deleted for good.", "The contacts and their events stay."]
