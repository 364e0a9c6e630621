"""The preview of a draft: how far it is, then who would change band, examples, and the points before and after."""

import json
from collections import Counter
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse

from contacts.models import Contact
from lib import clock
from lib.pages import page, tell
from ops import audit, jobs
from ops.models import Job
from scoring import defining, previewing, shown
from scoring.editing import PUBLISH, edit_url, editable
from scoring.models import ScoreModel, ScorePreview
from segments.standing import people

_FAINT = {"color": "#9ca3af"}
_AXIS = {"grid": {"color": "rgba(128, 128, 128, .18)"}, "border": {"display": False}}
_WHOLE = _AXIS | {"beginAtZero": True, "ticks": _FAINT | {"precision": 0, "maxTicksLimit": 6}}
_ALONG = _AXIS | {"grid": {"display": False}, "ticks": _FAINT | {"maxTicksLimit": 10, "maxRotation": 0}}
_OPTIONS = {
    "animation": False,
    "maintainAspectRatio": False,
    "interaction": {"mode": "index", "intersect": False},
    "plugins": {"legend": {"display": True, "align": "end", "labels": _FAINT | {"boxWidth": 10, "boxHeight": 10}}},
    "scales": {"x": _ALONG, "y": _WHOLE},
}


def of(model: ScoreModel) -> ScorePreview | None:
    return ScorePreview.objects.filter(model=model).select_related("job").first()


def is_working(preview: ScorePreview | None) -> bool:
    return bool(preview and not preview.made_at and preview.job and preview.job.due_at)


def is_ready(preview: ScorePreview | None, model: ScoreModel) -> bool:
    """Is it made, and of the draft as it is now?"""
    return bool(preview and preview.made_at and preview.draft_revision == model.draft_revision)


def summary(model: ScoreModel) -> str:
    """What putting the draft in force does to how many people, as far as the last preview says."""
    preview = of(model)
    if preview is None or not is_ready(preview, model):
        return ""
    moved, everybody = sum(count for *_, count in _moves(model, preview)), preview.outcome["people"]
    if not everybody:
        return "By the preview nobody has a score, before or after."
    if not model.is_active:
        verb = "has" if everybody == 1 else "have"
        return f"By the preview {people(everybody)} {verb} a score: {_shares(model, preview)}."
    if not moved:
        return f"By the preview nobody changes band, of {people(everybody)} with a score."
    verb = "changes" if moved == 1 else "change"
    return f"By the preview {people(moved)} {verb} band, of {everybody:,} with a score."


def _shares(model: ScoreModel, preview: ScorePreview) -> str:
    """“3 Hot, 10 Warm”, the best first."""
    names = _names(model)[1]
    counts: Counter[int] = Counter()
    for _, after, count in preview.outcome["bands"]:
        counts[after] += count
    return ", ".join(
        f"{counts[place]:,} {names[place]}" for place in sorted(counts, reverse=True) if place < len(names)
    )


def _names(model: ScoreModel) -> tuple[list[str], list[str]]:
    """The bands in force and those of the draft, by their places."""
    return model.bands if model.is_active else ["No score"], [band.name for band in defining.opened(model).bands]


def _moves(model: ScoreModel, preview: ScorePreview) -> list[tuple[int, int, int]]:
    """(from which place, to which place, how many people), the most first. Bands are told apart by their names."""
    before, after = map(dict, map(enumerate, _names(model)))
    rows = [(was, now, count) for was, now, count in preview.outcome["bands"] if before.get(was) != after.get(now)]
    return sorted(rows, key=lambda row: -row[2])


def preview_page(model_admin, request: HttpRequest, object_id: int) -> HttpResponse:
    """A POST begins one."""
    model = editable(model_admin, request, object_id)
    if model.draft is None:
        tell(request, "There is no draft; what you see is in force already.", 30)
        return redirect(edit_url(model))
    if request.method == "POST":
        return _begin(request, model)
    preview = of(model)
    return page(
        model_admin,
        request,
        "scoring/preview.html",
        f"Preview of {model.name}",
        model,
        **_progress(model, preview),
        **(_outcome(model, preview) if preview and is_ready(preview, model) else {}),
        problems=defining.problems_of(model),
        may_publish=request.user.has_perm(PUBLISH),
    )


def _begin(request: HttpRequest, model: ScoreModel) -> HttpResponse:
    if defining.problems_of(model):
        tell(request, "Something in the draft is to be mended first; the list says what.", 40)
        return redirect(edit_url(model))
    if not is_working(of(model)):
        previewing.start(model, request.user, clock.now())
        audit.note(request.user, model, "Asked for a preview of the draft.")
    return redirect(edit_url(model, "preview"))


def now_fragment(model_admin, request: HttpRequest, object_id: int) -> HttpResponse:
    """What the page's script fetches while the preview is being made."""
    model = editable(model_admin, request, object_id)
    response = TemplateResponse(request, "scoring/preview_now.html", _progress(model, of(model)))
    response["Cache-Control"] = "no-store"
    return response


def cancel(model_admin, request: HttpRequest, object_id: int) -> HttpResponse:
    model = editable(model_admin, request, object_id)
    preview = of(model)
    if preview and preview.job and jobs.cancel(preview.job.pk):
        tell(request, "The preview stops. Nothing was changed by it.")
    return redirect(edit_url(model, "preview"))


def _progress(model: ScoreModel, preview: ScorePreview | None) -> dict[str, Any]:
    job = preview.job if preview else None
    ended = job.result if job and job.state in (Job.State.FAILED, Job.State.CANCELLED) else ""
    old = bool(preview and preview.made_at and not is_ready(preview, model))
    return {
        "model": model,
        "preview": preview,
        "working": is_working(preview),
        "stopping": bool(job and job.due_at and job.cancel_asked),
        "progress": round(100 * job.done / job.total) if job and job.total else None,
        "ended": ended if preview and not preview.made_at else "",
        "ready": is_ready(preview, model),
        "old": old,
    }


# --- what came of it ---


def _outcome(model: ScoreModel, preview: ScorePreview) -> dict[str, Any]:
    outcome = preview.outcome
    before, after = _names(model)
    moves = _moves(model, preview)
    return {
        "people": outcome["people"],
        "moved": sum(count for *_, count in moves),
        "summary": summary(model),
        "moves": [
            {"before": _band(before, was), "after": _band(after, now), "count": count}
            for was, now, count in moves
        ],
        "examples": _examples(outcome["examples"], before, after),
        "chart": _chart(outcome),
        "columns": _columns(outcome),
        "preview_of": preview,
        "now": clock.now(),
    }  # fmt: skip


def _band(names: list[str], place: int) -> dict[str, str]:
    known = 0 <= place < len(names)
    return {"name": names[place] if known else "–", "tone": shown.tone(place, len(names)) if known else ""}


def _examples(examples: list[dict[str, Any]], before: list[str], after: list[str]) -> list[dict[str, Any]]:
    contacts = Contact.objects.select_related("address").in_bulk([one["contact"] for one in examples])
    return [
        {
            "contact": contacts[one["contact"]],
            "before": shown.points(one["before"]),
            "after": shown.points(one["after"]),
            "change": shown.signed(one["after"] - one["before"]),
            "rose": one["after"] - one["before"],
            "band_before": _band(before, one["band_before"]),
            "band_after": _band(after, one["band_after"]),
        }
        for one in examples
        if one["contact"] in contacts
    ]


def _columns(outcome: dict[str, Any]) -> list[tuple[str, int, int]]:
    """(from so many points on, how many before, how many after)"""
    counts = zip(outcome["edges"], outcome["before"], outcome["after"], strict=True)
    return [(shown.points(edge), was, now) for edge, was, now in counts]


def _chart(outcome: dict[str, Any]) -> dict[str, str]:
    """Both distributions beside each other, as Chart.js takes them."""
    columns = _columns(outcome)
    bars = [
        {"label": "Now", "data": [was for _, was, _ in columns], "backgroundColor": "var(--color-base-400)"},
        {
            "label": "With the draft",
            "data": [now for *_, now in columns],
            "backgroundColor": "var(--color-primary-500)",
        },
    ]
    data = {"labels": [label for label, *_ in columns], "datasets": bars}
    return {"data": json.dumps(data), "options": json.dumps(_OPTIONS)}
