"""The Operations page, the part of it that renews itself, and the questions before its deeds."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.views.decorators.http import require_http_methods, require_safe

from lib import clock
from ops.deciding import MOST
from reports import operations
from reports.aside import ASIDE, Deed, Kind

MAY_VIEW, MAY_DO = "ops.view_heartbeat", "ops.change_job"
PAGES = ["campaigns.view_message", "automation.view_enrollment", "campaigns.publish_campaign"]


def urls(site) -> list:
    @require_safe
    def page(request: HttpRequest) -> HttpResponse:
        return _page(site, request)

    @require_http_methods(["GET", "HEAD", "POST"])
    def deed(request: HttpRequest, kind: str, deed: str, row: str = "") -> HttpResponse:
        return _deed(site, request, kind, deed, row)

    return [
        path("operations/", site.admin_view(page), name="operations"),
        path("operations/now/", site.admin_view(_now), name="operations_now"),
        path("operations/<str:kind>/<str:deed>/", site.admin_view(deed), name="operations_all"),
        path("operations/<str:kind>/<str:deed>/<str:row>/", site.admin_view(deed), name="operations_one"),
    ]


def _page(site, request: HttpRequest) -> HttpResponse:
    """The whole page."""
    context = {**site.each_context(request), "title": "Operations", **_found(request)}
    return TemplateResponse(request, "reports/operations.html", context)


@require_safe
def _now(request: HttpRequest) -> HttpResponse:
    """What the page's script fetches every few seconds."""
    response = TemplateResponse(request, "reports/operations_now.html", _found(request))
    response["Cache-Control"] = "no-store"
    return response


def _found(request: HttpRequest) -> dict[str, Any]:
    if not request.user.has_perm(MAY_VIEW):
        raise PermissionDenied
    may = request.user.has_perm
    return {**operations.snapshot(clock.now()), "may_do": may(MAY_DO), "may_see": [page for page in PAGES if may(page)]}


def _deed(site, request: HttpRequest, kind_key: str, deed_key: str, row: str) -> HttpResponse:
    """Ask, with how many it concerns; a POST does it and says how many it was."""
    if not (request.user.has_perm(MAY_VIEW) and request.user.has_perm(MAY_DO)):
        raise PermissionDenied
    kind = ASIDE.get(kind_key)
    deed = kind.deed(deed_key) if kind else None
    if kind is None or deed is None:
        raise Http404("There is no such thing to do.")
    rows = _rows(kind, row)
    if request.method == "POST":
        return _done(request, kind, deed.done, deed.verb(rows, request.user, clock.now()))
    count = rows.order_by()[:MOST].count()
    if not count:
        return _done(request, kind, deed.done, 0)
    return TemplateResponse(
        request, "admin/ask.html", site.each_context(request) | _question(kind, deed, rows, count, row)
    )


def _rows(kind: Kind, row: str) -> QuerySet:
    if not row:
        return kind.rows()
    try:
        return kind.rows().filter(pk=row)
    except (ValueError, ValidationError):
        raise Http404("There is no such row.") from None


def _question(kind: Kind, deed: Deed, rows: QuerySet, count: int, row: str) -> dict[str, Any]:
    lines = [deed.effect]
    if row:
        line = kind.line(rows[0])
        lines = [line.title, *([line.reason] if line.reason else []), deed.effect]
    elif count == MOST:
        lines.append(f"There may be more of them: {MOST:,} are done at a time.")
    return {
        "title": f"{deed.button}: {kind.named(count)}?",
        "lines": lines,
        "button": f"{deed.button}: {kind.named(count)}",
        "danger": deed.danger,
        "back": reverse("admin:operations"),
    }


def _done(request: HttpRequest, kind: Kind, done: str, count: int) -> HttpResponse:
    operations.forget()
    if count:
        messages.success(request, f"{kind.named(count)} {done}.")
    else:
        messages.info(request, "Nothing had to be done: somebody was quicker, or it has ended by itself.")
    return HttpResponseRedirect(reverse("admin:operations"))
