"""The page of a score model: how its points are spread, what gives them, who has most; and what renews itself on it."""

from datetime import datetime
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse

from lib import clock
from lib.pages import found, page, tell
from ops import audit, jobs
from scoring import charts, defining, firing, flow, insight, recomputing, showing, standing
from scoring.models import ScoreModel
from segments.standing import GROWTH_OVER, growth


def model_page(model_admin, request: HttpRequest, object_id: str) -> HttpResponse:
    model, now = found(model_admin, request, object_id), clock.now()
    may = _may(model_admin, request, model)
    census = insight.census(model)
    context = {"may": may, **standing_now(model, census, now), "empty": _empty(model, census)}
    context |= {"model_number": str(model.pk), "places": defining.uses(model)}
    if model.is_active:
        context |= _seen(model, census, may["see_contacts"], now)
    elif model.edition:
        context["written"] = firing.in_words(model)
    return page(model_admin, request, "scoring/model.html", model.name, model, **context)


def _seen(model: ScoreModel, census: insight.Census, names: bool, now: datetime) -> dict[str, Any]:
    """What there is to see of everybody's scores; `names`: with links to contacts, and who is who."""
    spread = insight.spread(model, census.people, now)
    return {
        "histogram": charts.histogram(model, spread),
        "bands_chart": charts.bands(model, census, now),
        "rules": showing.rules(model, spread),
        "bands": showing.bands(model, census.bands, names),
        "grid": showing.grid(model, census, names),
        "grades": showing.grades(model),
        "stages": showing.stages(model, census, names),
        **(showing.people(model, now) if names and census.people else {}),
    }


def _empty(model: ScoreModel, census: insight.Census) -> tuple[str, str] | None:
    """Where there is nothing to see: why, and what to do."""
    if not model.edition:
        return (
            "Not in force yet",
            "This model is a draft. Finish its rules, see in a preview whom they would score how, and put it in force.",
        )
    if not model.is_active:
        return (
            "Switched off",
            "Nobody gets points from this model. Turn it on, and everybody is scored in the background, by what they "
            "did so far.",
        )
    if census.people:
        return None
    if standing.is_working(model):
        return (
            "Being worked out",
            "Everybody is scored by what they did so far; this page is loaded anew when that is done.",
        )
    return (
        "Nobody has points yet",
        "Nothing that its rules count has happened so far, and none of them is true of anybody. See below what "
        "each rule waits for.",
    )


def now_fragment(model_admin, request: HttpRequest, object_id: int) -> HttpResponse:
    """What the page's script fetches while everybody's score is being worked out."""
    model = found(model_admin, request, str(object_id))
    context = standing_now(model, insight.census(model), clock.now()) | {"may": _may(model_admin, request, model)}
    response = TemplateResponse(request, "scoring/now.html", context)
    response["Cache-Control"] = "no-store"
    return response


def standing_now(model: ScoreModel, census: insight.Census, now: datetime) -> dict[str, Any]:
    grew = flow.growth(model, (now - GROWTH_OVER).date())
    return {
        "growth": _growth(sum(grew.values())),
        "growth_on_top": _growth(grew.get(len(model.bands) - 1, 0)),
        "model": model,
        "now": now,
        "census": census,
        "bands": showing.bands(model, census.bands),
        "badges": standing.badges(model),
        "working": standing.is_working(model),
        "stopping": bool(model.job and model.job.cancel_asked),
        "progress": standing.progress(model),
        "kept_since": recomputing.kept_since() if model.is_active else None,
        "edition_words": f"Edition {model.edition}",
    }


def _growth(number: int) -> tuple[str, str]:
    """In words, and the class of its colour."""
    return growth(number), "dl-up" if number > 0 else "dl-down" if number < 0 else "dl-faint"


def recompute(model_admin, request: HttpRequest, object_id: int) -> HttpResponse:
    """Work everybody's score out again, now."""
    model = _publishable(model_admin, request, object_id)
    if standing.is_working(model):
        tell(request, "It is being worked out already.")
    elif not model.is_active:
        tell(request, "The model is off, so there is nothing to work out; turn it on first.", 40)
    else:
        recomputing.start(model, request.user, clock.now())
        audit.note(request.user, model, "Asked for everybody's score to be worked out again.")
        tell(request, "Everybody's score is worked out again. You may leave this page.")
    return redirect(model)


def stop(model_admin, request: HttpRequest, object_id: int) -> HttpResponse:
    """Stop what is under way: what was done so far stays, and the model says that it is not finished."""
    model = _publishable(model_admin, request, object_id)
    if model.job and jobs.cancel(model.job.pk):
        audit.note(request.user, model, "Stopped working out everybody's score.")
        tell(request, "It stops after the part in hand. Until it is worked out again some scores follow older rules.")
    return redirect(model)


def _may(model_admin, request: HttpRequest, model: ScoreModel) -> dict[str, bool]:
    return {
        "add": model_admin.has_add_permission(request),
        "delete": model_admin.has_delete_permission(request, model),
        "change": model_admin.has_change_permission(request, model),
        "publish": request.user.has_perm("scoring.publish_scoremodel"),
        "see_contacts": request.user.has_perm("contacts.view_contact"),
    }


def _publishable(model_admin, request: HttpRequest, object_id: int) -> ScoreModel:
    model = found(model_admin, request, str(object_id))
    if not request.user.has_perm("scoring.publish_scoremodel"):
        raise PermissionDenied
    return model
