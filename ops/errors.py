"""Errors of the API, in one plain sentence. Apart from authentication, which the REST framework's views import."""

import math
from typing import Any

import structlog
from django.db import DatabaseError, DataError, InterfaceError, OperationalError
from django.http import Http404
from rest_framework import exceptions
from rest_framework.response import Response

log = structlog.get_logger(__name__)


def plain_errors(exception: Exception, context: dict[str, Any]) -> Response:
    """Every error as `{"error": sentence}`, with `field` where one is at fault, and what the exception adds as
    `more`. Never a stack trace."""
    if isinstance(exception, OperationalError | InterfaceError):
        log.error("api.database", fault=type(exception).__name__)
        sentence = "The database is not available at the moment; nothing was written, try again soon."
        return Response({"error": sentence}, status=503, headers={"Retry-After": "5"})
    if isinstance(exception, DataError):
        log.warning("api.data", fault=str(exception))
        return Response({"error": "A value does not fit where it is kept; make it shorter."}, status=400)
    if isinstance(exception, Http404):
        exception = exceptions.NotFound()
    if not isinstance(exception, exceptions.APIException):
        log.exception("api.fault", exc_info=exception, database=isinstance(exception, DatabaseError))
        return Response({"error": "Something went wrong on our side; it was logged."}, status=500)
    sentence, field = _first_sentence(exception.detail)
    body: dict[str, Any] = {"error": sentence, "field": field} if field else {"error": sentence}
    body |= getattr(exception, "more", {})
    return Response(body, status=exception.status_code, headers=_headers(exception))


def _headers(exception: exceptions.APIException) -> dict[str, str]:
    headers = {}
    if challenge := getattr(exception, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    if wait := getattr(exception, "wait", None):
        headers["Retry-After"] = str(math.ceil(wait))
    return headers


def _first_sentence(detail: Any, path: str = "") -> tuple[str, str]:
    """The first fault of what the REST framework reports, and the dotted name of its field."""
    if isinstance(detail, dict) and detail:
        name, inner = next(iter(detail.items()))
        own = name in ("detail", "non_field_errors", "code")
        return _first_sentence(inner, path if own else f"{path}.{name}".strip("."))
    if isinstance(detail, list) and detail:
        index = next((i for i, item in enumerate(detail) if item), 0)
        inner = detail[index]
        return _first_sentence(inner, path if isinstance(inner, str) else f"{path}[{index}]")
    return str(detail), path
