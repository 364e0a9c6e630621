"""Ready-made segments in the admin: how many each would hold now, and the groups of buyers with their thresholds."""

from dataclasses import asdict
from typing import Any

from django.core.cache import cache
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import urlencode
from unfold.admin import ModelAdmin

from lib import clock
from lib.pages import page, tell
from ops import audit
from segments import conditions, counting, defining, starters
from segments.defining import SUBJECT
from segments.models import Segment
from segments.rfm import Thresholds, ThresholdsForm
from segments.standing import people
from segments.starters import BY_KEY, STARTERS, Starter

KEPT_FOR, LONGEST = 60, 3  # seconds
TOO_MANY = "It takes longer to count; the segment will tell."


def offered(settings: Thresholds, rfm: bool = False) -> list[dict[str, Any]]:
    """The starters as cards: what each is for, its rule and what it reads in words, its form, where it is counted."""
    return [_card(starter, settings) for starter in STARTERS if (starter.group == "RFM") == rfm]


def _card(starter: Starter, settings: Thresholds) -> dict[str, Any]:
    tree = starter.tree(settings)
    query = urlencode({"starter": starter.key, **_as_text(settings)})
    return {
        "starter": starter,
        "sentence": conditions.sentence(tree, SUBJECT),
        "reads": ", ".join(starters.reads_in_words(tree)),
        "form": f"{reverse('admin:segments_segment_add')}?{query}",
        "count": f"{reverse('admin:segments_segment_count')}?{query}",
    }


def asked_for(request: HttpRequest) -> tuple[Starter | None, Thresholds]:
    """The starter that the address names, with its thresholds; what cannot be read stays as usual."""
    form = ThresholdsForm({**_as_text(starters.usual()), **request.GET.dict()})
    settings = form.thresholds() if form.is_valid() else starters.usual()
    return BY_KEY.get(request.GET.get("starter", "")), settings


def count_fragment(model_admin: ModelAdmin, request: HttpRequest) -> HttpResponse:
    """How many people a starter describes now: a few words, kept for a minute."""
    if not model_admin.has_view_permission(request):
        raise PermissionDenied
    starter, settings = asked_for(request)
    if starter is None:
        raise Http404("There is no such ready-made segment.")
    key = f"segments.starter:{starter.key}:{':'.join(_as_text(settings).values())}"
    said = cache.get(key)
    if said is None:
        count = counting.quick(starter.tree(settings), clock.now(), LONGEST)
        said = TOO_MANY if count is None else f"{people(count).capitalize()} now"
        cache.set(key, said, KEPT_FOR)
    return HttpResponse(said, content_type="text/plain; charset=utf-8", headers={"Cache-Control": "no-store"})


def rfm_page(model_admin: ModelAdmin, request: HttpRequest) -> HttpResponse:
    """The groups with thresholds to change; a POST makes segments of all of them."""
    if not model_admin.has_add_permission(request):
        raise PermissionDenied
    usual = starters.usual()
    form = ThresholdsForm({**_as_text(usual), **request.GET.dict()})
    valid = form.is_valid()
    if request.method == "POST" and valid:
        return _make_all(request, form.thresholds())
    return page(
        model_admin,
        request,
        "segments/rfm.html",
        "Groups of buyers",
        form=form,
        cards=offered(form.thresholds(), rfm=True) if valid else [],
        media=model_admin.media + form.media,
    )


@transaction.atomic
def _make_all(request: HttpRequest, settings: Thresholds) -> HttpResponse:
    now, made = clock.now(), 0
    for starter in (one for one in STARTERS if one.group == "RFM"):
        if Segment.objects.filter(name__iexact=starter.name).exists():
            continue
        segment = defining.save(starters.segment_of(starter, settings), request.user, now)
        audit.note(request.user, segment, "Made the segment, as one of the groups of buyers.")
        made += 1
    there = "" if made else " Segments of these names are there already; change their rules, or rename them first."
    tell(request, f"{made} segments were made; who is in them is worked out now." if made else f"None was made.{there}")
    return redirect("admin:segments_segment_changelist")


def _as_text(settings: Thresholds) -> dict[str, str]:
    return {name: str(value) for name, value in asdict(settings).items()}
