"""What the admin pages of campaigns and of those inside them share: pages, sandboxed mails, notices."""

import re
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.http import content_disposition_header
from unfold.admin import ModelAdmin

# What a marketer or a stranger wrote is shown without scripts, forms, plug-ins or our cookies.
PIXEL = re.compile(r'<img src="[^"]*/o/[\w-]+\.gif"[^>]*>')
HEAD = re.compile(r"<head[^>]*>", re.IGNORECASE)
SANDBOX = "sandbox; default-src 'none'; img-src https: data:; style-src 'unsafe-inline'"


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


def sandboxed(html: str) -> HttpResponse:
    """HTML of a mail, for an `<iframe sandbox>` and harmless also when it is opened by itself.

    Without its pixel: whoever looks at a mail here is not its reader. Its links do nothing, so that nobody
    clicks or unsubscribes for the reader.
    """
    response = HttpResponse(_outward(PIXEL.sub("", html)), headers={"Content-Security-Policy": SANDBOX})
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Cache-Control"] = "private, no-store"
    return response


def _outward(html: str) -> str:
    """With links that leave the frame: a page of ours would refuse to stand in it."""
    base = '<base target="_blank">'
    return HEAD.sub(lambda head: head[0] + base, html, count=1) if HEAD.search(html) else base + html


def download(data: bytes, filename: str) -> HttpResponse:
    headers = {
        "Content-Disposition": content_disposition_header(True, filename),
        "Content-Security-Policy": SANDBOX,
    }
    return HttpResponse(data, content_type="message/rfc822", headers=headers)


def tell(request: HttpRequest, sentence: str, level: int = messages.SUCCESS) -> None:
    messages.add_message(request, level, sentence)


def number(text: str | None) -> int | None:
    """A row's number as a query string has it; None for anything else."""
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 19 else None
