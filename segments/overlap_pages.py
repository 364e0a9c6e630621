"""The page that lays one segment over another."""

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.http import urlencode
from unfold.admin import ModelAdmin

from lib.pages import found, number, page
from segments import overlapping
from segments.models import Segment

PARTS = {"both": "{a} and {b}", "a": "{a} without {b}", "b": "{b} without {a}"}


def overlap_page(model_admin: ModelAdmin, request: HttpRequest, object_id: int) -> HttpResponse:
    segment = found(model_admin, request, str(object_id))
    others = Segment.objects.exclude(pk=segment.pk)
    other = others.filter(pk=number(request.GET.get("with")) or 0).first()
    overlap = overlapping.compare(segment, other) if other else None
    return page(
        model_admin,
        request,
        "segments/overlap.html",
        f"Overlap of {segment}",
        segment,
        segment=segment,
        others=others.only("pk", "name"),
        other=other,
        overlap=overlap,
        circles=overlap and overlapping.circles(overlap),
        parts=_parts(segment, other, overlap) if other and overlap else [],
        may_add=model_admin.has_add_permission(request),
    )


def _parts(a: Segment, b: Segment, overlap: overlapping.Overlap) -> list[tuple[str, int, str, str]]:
    """Each part: its name, its number, its share, the form that makes a segment of it."""
    numbers = {"both": overlap.both, "a": overlap.only_a, "b": overlap.only_b}
    shares = {"both": f"{overlap.of_a} of “{a}”, {overlap.of_b} of “{b}”", "a": "", "b": ""}
    form = reverse("admin:segments_segment_add")
    ids = urlencode({"a": str(a.pk), "b": str(b.pk)})
    return [(name_of(part, a, b), numbers[part], shares[part], f"{form}?part={part}&{ids}") for part in PARTS]


def name_of(part: str, a: Segment, b: Segment) -> str:
    return PARTS[part].format(a=a, b=b)


def segment_of(part: str | None, a: Segment | None, b: Segment | None) -> Segment | None:
    """A new segment of one part of an overlap."""
    if part not in PARTS or a is None or b is None:
        return None
    in_a, in_b = {"segment": a.pk}, {"segment": b.pk}
    trees: dict[str, list] = {"both": [in_a, in_b], "a": [in_a, {"not": in_b}], "b": [in_b, {"not": in_a}]}
    return Segment(name=name_of(part, a, b)[:120], condition={"all": trees[part]})
