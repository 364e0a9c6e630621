"""What the admin pages of campaigns and of those inside them share: pages, sandboxed mails, notices."""

import re

from django.http import HttpResponse
from django.utils.http import content_disposition_header

from lib.pages import found, number, page, tell

__all__ = ["download", "found", "number", "page", "sandboxed", "tell"]

# What a marketer or a stranger wrote is shown without scripts, forms, plug-ins or our cookies.
PIXEL = re.compile(r'<img src="[^"]*/o/[\w-]+\.gif"[^>]*>')
HEAD = re.compile(r"<head[^>]*>", re.IGNORECASE)
SANDBOX = "sandbox; default-src 'none'; img-src https: data:; style-src 'unsafe-inline'"


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
