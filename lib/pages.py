"""Pages of the admin beside Django's own: what they are about, their frame, their notices."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest
from django.template.response import TemplateResponse
from unfold.admin import ModelAdmin


def found(model_admin: ModelAdmin, request: HttpRequest, object_id: str) -> Any:
    """The object that a page is about; 404 where there is none, 403 for who may not see it."""
    obj = model_admin.get_object(request, object_id)
    if obj is None:
        raise Http404(f"There is no such {model_admin.opts.verbose_name}.")
    if not model_admin.has_view_permission(request, obj):
        raise PermissionDenied
    return obj


def page(
    model_admin: ModelAdmin,
    request: HttpRequest,
    template: str,
    title: str,
    obj: Any = None,
    status: int = 200,
    **context: Any,
) -> TemplateResponse:
    """A page of the admin's own look; `original` makes the breadcrumb."""
    request.current_app = model_admin.admin_site.name  # type: ignore[attr-defined]
    return TemplateResponse(
        request,
        template,
        {
            **model_admin.admin_site.each_context(request),
            "opts": model_admin.opts,
            "model_admin": model_admin,
            "original": obj,
            "title": title,
            **context,
        },
        status=status,
    )


def tell(request: HttpRequest, sentence: str, level: int = messages.SUCCESS) -> None:
    messages.add_message(request, level, sentence)


def number(text: str | None) -> int | None:
    """A row's number as a query string has it; None for anything else."""
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 19 else None
