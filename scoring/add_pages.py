"""A new score model: the ready-made one, a copy of another, or an empty one; a draft until it is put in force."""

from typing import Any

from django import forms
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from msgspec.structs import replace

from lib import clock
from lib.pages import number, page, tell
from scoring import defining, starters
from scoring.checking import MAX_DESCRIPTION, MAX_NAME
from scoring.defining import Refused
from scoring.document import Document
from scoring.edit_forms import text
from scoring.editing import edit_url
from scoring.models import ScoreModel


class AddForm(forms.Form):
    name = text("Name", max_length=MAX_NAME)
    key = text(
        "Key", "What conditions, mails and the API call it, such as lead. Made of the name if you leave it empty; it "
        "cannot be changed later.", max_length=40,
    )  # fmt: skip
    description = text(
        "What it is for", "In your own words; your team sees it in the list.", max_length=MAX_DESCRIPTION
    )

    def clean_name(self) -> str:
        name = self.cleaned_data["name"].strip()
        if not name:
            raise forms.ValidationError("Give the score model a name.")
        if ScoreModel.objects.filter(name__iexact=name).exists():
            raise forms.ValidationError(f"There is a score model “{name}” already; choose another name.")
        return name


def add_page(model_admin, request: HttpRequest) -> HttpResponse:
    """First what it begins as, then its name."""
    if not model_admin.has_add_permission(request):
        raise PermissionDenied
    document = _begun(request)
    if document is None:
        models = ScoreModel.objects.all()[:50]
        return page(model_admin, request, "scoring/choose.html", "Add score model", models=models)
    initial = {"name": document.name, "description": document.description}
    form = AddForm(request.POST if request.method == "POST" else None, initial=initial)
    if request.method == "POST" and form.is_valid() and (made := _made(request, form, document)):
        tell(request, f"“{made}” is a draft. Change it as you like, then put it in force and turn it on.")
        return redirect(edit_url(made))
    return page(
        model_admin,
        request,
        "scoring/add.html",
        "Add score model",
        form=form,
        media=model_admin.media + form.media,
        rules=len(document.rules),
        back=reverse("admin:scoring_scoremodel_add"),
    )


def _begun(request: HttpRequest) -> Document | None:
    """The definition that the address names."""
    wished = request.GET.get("from")
    if wished == "ready":
        return replace(starters.document(), name=_free_name(starters.NAME))
    if wished == "empty":
        return Document()
    if wished == "copy" and (model := ScoreModel.objects.filter(pk=number(request.GET.get("model")) or 0).first()):
        return replace(defining.opened(model), name=_free_name(f"{model.name[:60]} (copy)"))
    return None


def _free_name(name: str) -> str:
    taken = {one.casefold() for one in ScoreModel.objects.values_list("name", flat=True)}
    return next(one for one in (name, *(f"{name} {n}" for n in range(2, 1000))) if one.casefold() not in taken)


def _made(request: HttpRequest, form: AddForm, document: Document) -> ScoreModel | None:
    given: dict[str, Any] = form.cleaned_data
    document = replace(document, name=given["name"], description=given["description"].strip())
    key = given["key"].strip() or defining.free_key(given["name"])
    try:
        with transaction.atomic():
            return defining.begin(key, document, request.user, clock.now())
    except Refused as refusal:
        form.add_error("name" if refusal.problems else "key", str(refusal))
    except IntegrityError:
        form.add_error("name", "Somebody gave this name or key to a model just now; choose another one.")
    return None
