"""Adding, editing, copying and deleting a segment."""

from datetime import datetime
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.html import format_html

from lib import clock
from lib.admin import ask
from lib.pages import found, number, page, tell
from ops import audit
from segments import counting, defining, overlap_pages, starter_pages, starters
from segments.models import Segment
from segments.segment_forms import SegmentForm
from segments.standing import people

KINDS = set(Segment.Kind.values)
GONE = "segments.deleted"  # in the session: the definition of what this person deleted last
STARTS_NOTHING = "Campaigns do not start by an edit."


def add_page(model_admin, request: HttpRequest) -> HttpResponse:
    """First what kind it shall be, or a ready-made one; then the form, perhaps filled in."""
    if not model_admin.has_add_permission(request):
        raise PermissionDenied
    begun = _begun(request)
    if begun is None:
        return page(model_admin, request, "segments/choose.html", "Add segment", **_choices(request))
    return _form(model_admin, request, begun)


def edit_page(model_admin, request: HttpRequest, object_id: int) -> HttpResponse:
    segment = found(model_admin, request, str(object_id))
    if not model_admin.has_change_permission(request, segment):
        raise PermissionDenied
    return _form(model_admin, request, segment)


def _choices(request: HttpRequest) -> dict[str, Any]:
    cards = starter_pages.offered(starters.usual())
    return {"again": (request.session.get(GONE) or {}).get("name"), "cards": cards}


def _begun(request: HttpRequest) -> Segment | None:
    """The new segment as the address names it: a kind, a copy of another one, what was deleted just now."""
    asked = request.GET
    if asked.get("copy"):
        original = Segment.objects.filter(pk=number(asked["copy"]) or 0).first()
        return original and _copy_of(original)
    starter, settings = starter_pages.asked_for(request) if asked.get("starter") else (None, None)
    if starter and settings:
        return starters.segment_of(starter, settings)
    if asked.get("part"):
        a, b = (Segment.objects.filter(pk=number(asked.get(name)) or 0).first() for name in ("a", "b"))
        return overlap_pages.segment_of(asked["part"], a, b)
    if asked.get("again") and (kept := request.session.get(GONE)):
        return Segment(**kept)
    return Segment(kind=asked["kind"]) if asked.get("kind") in KINDS else None


def _copy_of(original: Segment) -> Segment:
    return Segment(
        name=f"{original.name[:110]} (copy)",
        description=original.description,
        kind=original.kind,
        condition=original.condition,
    )


def _form(model_admin, request: HttpRequest, segment: Segment) -> HttpResponse:
    is_new, was = segment.pk is None, _parts(segment)
    form = SegmentForm(request.POST or None, segment=segment)
    if request.method == "POST" and form.is_valid() and _saved(form, request):
        changed = [part for part, value in _parts(segment).items() if value != was[part]]
        _note(request.user, segment, is_new, changed)
        tell(request, _what_happens(segment, is_new or "the rules" in changed, clock.now()))
        return redirect(segment)
    return page(
        model_admin,
        request,
        "segments/form.html",
        "Add segment" if is_new else f"Edit {was['the name']}",
        None if is_new else segment,
        segment=segment,
        form=form,
        media=model_admin.media + form.media,
        places=[] if is_new else defining.uses(segment),
        back=reverse("admin:segments_segment_changelist") if is_new else segment.get_absolute_url(),
    )


def _parts(segment: Segment) -> dict[str, Any]:
    return {
        "the name": segment.name, "what it is for": segment.description,
        "the rules": segment.condition,
    }  # fmt: skip


def _saved(form: SegmentForm, request: HttpRequest) -> bool:
    try:
        with transaction.atomic():
            defining.save(form.filled(), request.user, clock.now())
    except defining.Refused as refusal:
        form.problem(refusal.problems, str(refusal))
    except IntegrityError:
        form.add_error("name", "Somebody gave this name to a segment just now; choose another one.")
    return not form.errors


def _note(user, segment: Segment, is_new: bool, changed: list[str]) -> None:
    """Into the audit log: which parts were changed, never what stands in them."""
    if is_new:
        audit.note(user, segment, "Made the segment.")
    elif changed:
        audit.note(user, segment, f"Changed {', '.join(changed)}.")


def _what_happens(segment: Segment, rules_changed: bool, now: datetime) -> str:
    if not segment.is_dynamic:
        return "Saved."
    if not rules_changed:
        return "Saved. The rules are as they were, so nobody enters or leaves."
    count = counting.quick(segment.condition, now)
    if count is None:
        return f"Saved. Everybody is compared with the rules in the background. {STARTS_NOTHING}"
    if not count:
        return f"Saved. Nobody matches now. {STARTS_NOTHING}"
    return f"Saved. {people(count)} match{'es' * (count == 1)} now, and are in it within moments. {STARTS_NOTHING}"


def delete_page(model_admin, request: HttpRequest, object_id: str) -> HttpResponse:
    """Refused with the list of uses; else a question that says what goes."""
    segment = found(model_admin, request, object_id)
    if not model_admin.has_delete_permission(request, segment):
        raise PermissionDenied
    if places := defining.uses(segment):
        back = segment.get_absolute_url()
        title = f"“{segment}” is used, so it stays"
        return page(model_admin, request, "segments/used.html", title, segment, places=places, back=back)

    def act() -> str:
        kept = {name: getattr(segment, name) for name in ("name", "description", "kind", "condition")}
        audit.note(request.user, segment, "Deleted the segment.")
        defining.delete(segment)
        request.session[GONE] = kept
        again = f"{reverse('admin:segments_segment_add')}?again=1"
        return format_html('“{}” is deleted. <a class="text-link" href="{}">Make it again</a>', segment, again)

    return ask(
        request,
        model_admin,
        title=f"Delete “{segment}”?",
        lines=_what_goes(segment),
        button="Delete the segment",
        act=act,
        back=reverse("admin:segments_segment_changelist"),
        danger=True,
    )


def _what_goes(segment: Segment) -> list[str]:
    size = Segment.objects.with_size().get(pk=segment.pk).size
    lines = ["The people stay; nobody is mailed or leaves a campaign by it."]
    if segment.is_dynamic:
        return [*lines, "Its history goes: since when who was in it, and how its size went. The rules can be had back."]
    if not size:
        return [*lines, "Nobody is in it now."]
    there = f"That {people(size)} {'is' if size == 1 else 'are'} on the list is written nowhere else."
    return [*lines, f"{there} If in doubt, have it exported first."]
