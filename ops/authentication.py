"""Who calls the API: server keys with scopes, throttled by key."""

import base64
import binascii
from datetime import timedelta
from typing import Any

from django.core.cache import cache
from django.db.models import Q
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework import exceptions
from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.throttling import SimpleRateThrottle

from lib import clock
from ops.models import ApiKey

WRONG_KEYS_PER_MINUTE = 60
MISSING = "Send a server key in the header: Authorization: Bearer dls_…"
UNKNOWN = "This key is unknown or was revoked; make a new one in the admin under API keys."


class ServerKeyAuthentication(BaseAuthentication):
    """`Authorization: Bearer dls_…`, or Basic with the key as the user and any password."""

    def authenticate(self, request: Request) -> tuple[ApiKey, ApiKey] | None:
        header = request.META.get("HTTP_AUTHORIZATION", "")
        if not header:
            return None
        text = presented(header)
        key = ApiKey.objects.with_text(text) if _may_be_key(text) else None
        if key is None:
            _count_wrong_key(request)
            raise exceptions.AuthenticationFailed(UNKNOWN)
        note_use(key)
        return key, key

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="api"'


class HasScope(BasePermission):
    """Asks for the scope that the view names for the method: `scopes = {"GET": "contacts:read", …}`.

    A view or method that names none is closed, so that a forgotten line opens nothing.
    """

    def has_permission(self, request: Request, view: Any) -> bool:
        key = request.auth
        if not isinstance(key, ApiKey):
            raise exceptions.NotAuthenticated(MISSING)
        if key.kind != ApiKey.Kind.SERVER:
            raise exceptions.PermissionDenied("A write key only adds events at /v1/; use a server key here.")
        if request.method not in view.allowed_methods:
            raise exceptions.MethodNotAllowed(str(request.method))
        scope = scope_of(view, request.method)
        if scope is None or scope not in key.scopes:
            raise exceptions.PermissionDenied(f"This key lacks the scope “{scope}”; add it, or use another key.")
        return True


def scope_of(view: Any, method: str | None) -> str | None:
    """The scope a view asks for; asking what may be asked needs the same as reading."""
    scopes = getattr(view, "scopes", {})
    if method in ("HEAD", "OPTIONS"):
        return scopes.get("GET") or next(iter(scopes.values()), None)
    return scopes.get(method)


class KeyThrottle(SimpleRateThrottle):
    """So many requests a minute for each key; for those without one, for each network address.

    A counter per window: the parent's list of times would hold thousands of entries for a busy key. Each web
    process counts for itself.
    """

    scope = "key"
    num_requests: int
    duration: int

    def allow_request(self, request: Request, view: Any) -> bool:
        if self.rate is None:
            return True
        key = request.auth
        who = f"key:{key.pk}" if isinstance(key, ApiKey) else f"ip:{_address(request)}"
        self.left, used = count(who, self.duration)
        return used <= self.num_requests

    def wait(self) -> float:
        return self.left


def presented(header: str) -> str:
    scheme, _, rest = header.partition(" ")
    if scheme.lower() == "bearer":
        return rest.strip()
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(rest.strip(), validate=True).decode("ascii").partition(":")[0]
        except (binascii.Error, UnicodeDecodeError, ValueError):
            return ""
    return ""


def _may_be_key(text: str) -> bool:
    return text.isascii() and text.isprintable() and "_" in text


def note_use(key: ApiKey) -> None:
    """At most once a minute: a busy key would else write its row thousands of times."""
    now = clock.now()
    minute_ago = now - timedelta(minutes=1)
    if key.last_used_at is None or key.last_used_at < minute_ago:
        stale = Q(last_used_at=None) | Q(last_used_at__lt=minute_ago)
        ApiKey.objects.filter(stale, pk=key.pk).update(last_used_at=now)


def _count_wrong_key(request: Request) -> None:
    left, used = count(f"wrong:{_address(request)}", 60)
    if used > WRONG_KEYS_PER_MINUTE:
        raise exceptions.Throttled(left)


def count(who: str, seconds: int) -> tuple[float, int]:
    """Seconds left of the current window, and how often `who` was counted in it, this time included."""
    moment = clock.now().timestamp()
    window = int(moment // seconds)
    name = f"throttle:{who}:{window}"
    cache.add(name, 0, timeout=seconds * 2)
    try:
        used = cache.incr(name)
    except ValueError:  # pushed out of the cache in between
        used = 1
    return (window + 1) * seconds - moment, used


def _address(request: Request) -> str:
    return request.META.get("REMOTE_ADDR") or "unknown"


class ServerKeyScheme(OpenApiAuthenticationExtension):
    """How the OpenAPI description names our keys."""

    target_class = "ops.authentication.ServerKeyAuthentication"
    name = "serverKey"

    def get_security_definition(self, auto_schema):
        return {"type": "http", "scheme": "bearer", "description": "A server key: `dls_…`."}
