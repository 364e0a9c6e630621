"""The pages on which a marketer builds and edits a score model: the whole draft, and a form for each part of it."""

from functools import partial
from typing import Any

from django.contrib.admin import ModelAdmin
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from lib import clock
from lib.pages import page
from scoring import add_pages, defining, force_pages, preview_pages, rule_pages, shown
from scoring.checking import Problem
from scoring.comparing import differences
from scoring.defining import Refused
from scoring.document import Document, Rule, parse
from scoring.edit_forms import PARTS
from scoring.editing import PUBLISH, edit_url, editable, saved
from scoring.models import ScoreModel
from scoring.rule_words import sentence

LOOK_OR_DO = require_http_methods(["GET", "HEAD", "POST"])


def edit_urls(model_admin: ModelAdmin) -> list[URLPattern]:
    """Their addresses, beside those of the admin's own pages of score models."""

    def way(route, view, name, method=LOOK_OR_DO):
        view = model_admin.admin_site.admin_view(method(partial(view, model_admin)))
        return path(route, view, name=f"scoring_scoremodel_{name}")

    def of_one(route, view, name, method=LOOK_OR_DO):
        return way(f"<int:object_id>/{route}/", view, name, method)

    return [
        way("add/", add_pages.add_page, "add"),
        way("<path:object_id>/delete/", force_pages.delete_page, "delete"),
        of_one("edit", edit_page, "edit", require_safe),
        *(of_one(f"edit/{key}", partial(_part_page, key), f"edit_{key}") for key in PARTS),
        of_one("edit/rule", rule_pages.new_page, "edit_rule"),
        of_one("edit/rule/<str:uid>", rule_pages.rule_page, "edit_rule_of"),
        of_one("edit/rules", rule_pages.change_rules, "edit_rules", require_POST),
        of_one("preview", preview_pages.preview_page, "preview"),
        of_one("preview/now", preview_pages.now_fragment, "preview_now", require_safe),
        of_one("preview/cancel", preview_pages.cancel, "preview_cancel", require_POST),
        of_one("force", force_pages.force_page, "force"),
        of_one("discard", force_pages.discard_page, "discard"),
        of_one("undo", force_pages.undo_page, "undo"),
        of_one("switch", force_pages.switch_page, "switch"),
        of_one("editions", force_pages.editions_page, "editions", require_safe),
    ]


def edit_page(model_admin, request: HttpRequest, object_id: int) -> HttpResponse:
    """The whole draft in words, what is different from what is in force, and what is wrong with it."""
    model = editable(model_admin, request, object_id)
    document = defining.opened(model)
    found = defining.problems_of(model)
    return page(
        model_admin,
        request,
        "scoring/edit.html",
        f"Edit {model.name}",
        model,
        model=model,
        document=document,
        now=clock.now(),
        boxes=_boxes(document, found),
        problems=[(one.sentence, place_url(model, one)) for one in found],
        changes=differences(parse(model.definition), document) if model.edition and model.draft is not None else [],
        bands=_bands(document),
        preview=preview_pages.summary(model),
        may_publish=request.user.has_perm(PUBLISH),
    )


def _boxes(document: Document, found: list[Problem]) -> list[dict[str, Any]]:
    wrong = {one.place[6:].partition("]")[0] for one in found if one.place.startswith("rules[")}
    texts = {
        "fit": ("Fit", "Who they are and where they work. The points come and go with what is true of them.",
                ["demographic", "firmographic"]),
        "engagement": ("Engagement", "What they do. Each time earns points, and the points may fade.", ["behavioural"]),
    }  # fmt: skip
    return [
        {
            "key": key, "title": title, "about": about, "kinds": kinds,
            "rules": [_shown(rule, document, wrong) for rule in document.rules if rule.part == key],
        }
        for key, (title, about, kinds) in texts.items()
    ]  # fmt: skip


def _shown(rule: Rule, document: Document, wrong: set[str]) -> dict[str, Any]:
    gives = shown.signed(rule.points) if rule.effect == "add" else f"= {shown.points(rule.points)}"
    less = rule.effect != "add" or rule.points < 0
    return {"rule": rule, "gives": gives, "less": less, "says": sentence(rule), "wrong": rule.uid in wrong}


def _bands(document: Document) -> list[dict[str, Any]]:
    """The highest first, as a thermometer shows them."""
    count = len(document.bands)
    rows = [
        {
            "name": band.name, "tone": shown.tone(place, count),
            "from": f"{shown.points(band.points)} and more" if place else "everybody else",
        }
        for place, band in enumerate(document.bands)
    ]  # fmt: skip
    return rows[::-1]


def place_url(model: ScoreModel, problem: Problem) -> str:
    """The form in which a problem is mended."""
    head = problem.place.partition(".")[0].partition("[")[0]
    if head == "rules" and "[" in problem.place:
        return edit_url(model, "edit_rule_of", problem.place[6:].partition("]")[0])
    for key, part in PARTS.items():
        if head in part.places:
            return edit_url(model, f"edit_{key}")
    return edit_url(model)


def _part_page(key: str, model_admin, request: HttpRequest, object_id: int) -> HttpResponse:
    model = editable(model_admin, request, object_id)
    document = defining.opened(model)
    part = PARTS[key](document, request.POST if request.method == "POST" else None)
    if request.method == "POST" and (typed := part.typed(document)):
        said = "Nothing was changed." if typed == document else f"{part.title}: saved in the draft."
        try:
            return saved(model_admin, request, model, typed, said, f"#{key}")
        except Refused as refusal:
            part.show(refusal.problems[0])
    return page(
        model_admin,
        request,
        "scoring/part.html",
        f"{part.title} of {model.name}",
        model,
        model=model,
        part=part,
        revision=request.POST.get("revision") or model.draft_revision,
        media=model_admin.media + part.media,
        back=f"{edit_url(model)}#{key}",
    )
