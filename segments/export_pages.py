"""Export: a question, then the file. Who took it stands in the audit log."""

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase, StreamingHttpResponse
from django.utils import timezone
from django.utils.http import content_disposition_header
from django.utils.text import slugify
from unfold.admin import ModelAdmin

from lib import clock
from lib.pages import found, page
from ops import audit
from segments import exporting
from segments.models import Segment
from segments.standing import people

EXPORT = "segments.export_segment"


def export_page(model_admin: ModelAdmin, request: HttpRequest, object_id: int) -> HttpResponseBase:
    segment = found(model_admin, request, str(object_id))
    if not request.user.has_perm(EXPORT):
        raise PermissionDenied
    size = Segment.objects.with_size().get(pk=segment.pk).size
    if request.method != "POST":
        title = f"Export {people(size)}"
        more = exporting.added()
        return page(model_admin, request, "segments/export.html", title, segment, segment=segment, size=size, more=more)
    now = clock.now()
    Segment.objects.filter(pk=segment.pk).update(used_at=now)
    audit.note(request.user, segment, f"Exported {people(size)} as a file.")
    name = f"{slugify(segment.name) or 'segment'}-{timezone.localdate(now)}.csv"
    headers = {"Content-Disposition": content_disposition_header(True, name), "Cache-Control": "no-store"}
    file = exporting.lines(segment, now, with_attributes=bool(request.POST.get("attributes")))
    return StreamingHttpResponse(file, content_type="text/csv; charset=utf-8", headers=headers)
