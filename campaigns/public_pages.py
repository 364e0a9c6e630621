"""What the links in mails lead to: the pixel, links, unsubscribing, confirming. No log-in, no cookies, no scripts.

Tokens that are not ours get the same pages as those that are.
"""

import ipaddress
from base64 import b64decode

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.encoding import iri_to_uri
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from campaigns import confirming, tracking, unsubscribing
from campaigns.tokens import message_of
from campaigns.tracking import Visitor
from lib import clock
from ops.models import SiteSettings

GIF = b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
PRIVATE = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex, nofollow"}
POLICY = "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

reading = require_http_methods(["GET", "HEAD", "OPTIONS"])


@reading
def opened(request: HttpRequest, token: str) -> HttpResponse:
    """The pixel. Only GET counts."""
    message_id = message_of("open", token)
    if message_id and request.method == "GET":
        tracking.record("open", message_id, visitor(request), clock.now())
    return HttpResponse(GIF, content_type="image/gif", headers=PRIVATE)


@reading
def clicked(request: HttpRequest, token: str, link: str) -> HttpResponse:
    """On to where a link leads; a page that says so where it leads nowhere."""
    message_id = message_of("click", token)
    url = tracking.target(message_id, link)
    if message_id is None or url is None:
        return _page(request, "public/lost_link.html", status=404)
    if request.method == "GET":
        tracking.record("click", message_id, visitor(request), clock.now(), link=link, url=url)
    return HttpResponse(status=302, headers={**PRIVATE, "Location": iri_to_uri(url)})


@csrf_exempt
@require_http_methods(["GET", "HEAD", "OPTIONS", "POST"])
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """RFC 8058: POST acts whatever its body says, and is always answered 200; everything else shows a page.

    The body is not even read: a mailbox provider's may be malformed, and the token says it all.
    """
    message_id = message_of("unsubscribe", token)
    reader = unsubscribing.reader(message_id)
    if request.method != "POST":
        return _page(request, "public/unsubscribe.html", token=token, reader=reader)
    unsubscribing.unsubscribe(message_id, visitor(request), clock.now())
    return _page(request, "public/unsubscribed.html", token=token, reader=reader)


@csrf_exempt
@require_http_methods(["POST"])
def undo(request: HttpRequest, token: str) -> HttpResponse:
    """The button on the page that says “You are unsubscribed”."""
    message_id = message_of("unsubscribe", token)
    undone = unsubscribing.undo(message_id, visitor(request), clock.now())
    return _page(request, "public/undone.html", undone=undone, reader=unsubscribing.reader(message_id))


@csrf_exempt
@require_http_methods(["GET", "HEAD", "OPTIONS", "POST"])
def confirm(request: HttpRequest, token: str) -> HttpResponse:
    """Only the button confirms: programs that check links fetch this page, too."""
    message_id = message_of("confirm", token)
    reader = unsubscribing.reader(message_id)
    if request.method != "POST":
        return _page(request, "public/confirm.html", token=token, reader=reader)
    confirmed = confirming.confirm(message_id, clock.now())
    return _page(request, "public/confirmed.html", confirmed=confirmed, reader=reader)


def visitor(request: HttpRequest) -> Visitor:
    """Who asks. Behind a proxy of ours, the address that it saw is the last one of its list."""
    meta = request.META
    claimed = meta.get("HTTP_X_FORWARDED_FOR", "") if settings.SECURE_PROXY_SSL_HEADER else ""
    purpose = f"{meta.get('HTTP_SEC_PURPOSE', '')} {meta.get('HTTP_PURPOSE', '')} {meta.get('HTTP_X_MOZ', '')}"
    agent = meta.get("HTTP_USER_AGENT", "").encode("utf-8", "replace").decode().replace("\x00", "")
    return Visitor(_ip(claimed.rpartition(",")[2] or meta.get("REMOTE_ADDR", "")), agent, "prefetch" in purpose)


def _ip(text: str) -> str | None:
    try:
        return str(ipaddress.ip_address(text.strip().partition("%")[0]))
    except ValueError:
        return None


def _page(request: HttpRequest, template: str, status: int = 200, **context) -> HttpResponse:
    response = render(request, template, {"site": SiteSettings.get(), **context}, status=status)
    for name, value in {**PRIVATE, "Content-Security-Policy": POLICY}.items():
        response.headers[name] = value
    return response
