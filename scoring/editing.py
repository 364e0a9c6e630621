"""What the pages that edit a score model share: who may, the draft that is opened, saving it, and conflicts."""

from collections.abc import Iterator
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.urls import reverse

from lib import clock
from lib.pages import found, number, page, tell
from scoring import defining
from scoring.comparing import differences
from scoring.defining import Conflict, Refused
from scoring.document import Document
from scoring.models import ScoreModel

PUBLISH = "scoring.publish_scoremodel"


def editable(model_admin, request: HttpRequest, object_id: int | str) -> ScoreModel:
    """The model, for who may edit drafts."""
    model = found(model_admin, request, str(object_id))
    if not model_admin.has_change_permission(request, model):
        raise PermissionDenied
    return model


def publishable(model_admin, request: HttpRequest, object_id: int | str) -> ScoreModel:
    """The model, for who may put drafts in force, turn it on and off, and delete it."""
    model = found(model_admin, request, str(object_id))
    if not request.user.has_perm(PUBLISH):
        raise PermissionDenied
    return model


def edit_url(model: ScoreModel, name: str = "edit", *arguments: Any) -> str:
    return reverse(f"admin:scoring_scoremodel_{name}", args=[model.pk, *arguments])


def revision_of(request: HttpRequest) -> int:
    """Of the draft that the page was opened with; one that no draft has where it is missing."""
    given = number(request.POST.get("revision"))
    return -1 if given is None else given


def saved(
    model_admin, request: HttpRequest, model: ScoreModel, document: Document, sentence: str, anchor: str = ""
) -> HttpResponse:
    """Save the draft and go back to the whole; or show what somebody else did meanwhile.

    Raises Refused with the problem where something about the draft cannot be saved.
    """
    try:
        defining.save_draft(model, document, revision_of(request), request.user, clock.now())
    except Conflict as conflict:
        return conflict_page(model_admin, request, conflict.model, document)
    except Refused as refusal:
        if refusal.problems:
            raise
        tell(request, str(refusal), 40)
        return redirect(edit_url(model))
    tell(request, sentence)
    return redirect(f"{edit_url(model)}{anchor}")


def conflict_page(model_admin, request: HttpRequest, model: ScoreModel, mine: Document) -> HttpResponse:
    """Theirs is saved; what was typed comes back as hidden inputs, to be put on top of it."""
    theirs = defining.opened(model)
    return page(
        model_admin,
        request,
        "scoring/conflict.html",
        "Two people edited this score model",
        model,
        model=model,
        by=_who(model),
        differences=differences(theirs, mine),
        typed=list(_typed(request.POST)),
        action=request.path,
        query=request.GET.urlencode(),
        back=edit_url(model),
    )


def _who(model: ScoreModel) -> str:
    return (model.draft_by.get_full_name() or str(model.draft_by)) if model.draft_by else "Somebody"


def _typed(given: QueryDict) -> Iterator[tuple[str, str]]:
    for name, values in given.lists():
        if name not in ("revision", "csrfmiddlewaretoken"):
            yield from ((name, str(value)) for value in values)
