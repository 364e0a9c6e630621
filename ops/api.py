"""What the views of the API share: bodies that name what they do not know, and pages by key."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, cast

from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.utils.dateparse import parse_datetime
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, inline_serializer
from rest_framework import exceptions, serializers
from rest_framework.request import Request

from lib import clean_json
from ops import api_words
from ops.models import ApiKey, Source

MAX_LIMIT, LIMIT = 200, 50


class Fault(serializers.Serializer):
    """What every error says."""

    error = serializers.CharField(help_text="One sentence: what is wrong and what to do.")
    field = serializers.CharField(required=False, help_text="What is at fault, such as `attributes.plan`.")


FAULTS: dict[int, Any] = {
    400: OpenApiResponse(Fault, "Something in the request cannot be taken; nothing was written."),
    401: OpenApiResponse(Fault, "No key, or one that is unknown or revoked."),
    403: OpenApiResponse(Fault, "The key lacks the scope."),
    429: OpenApiResponse(Fault, "Too many requests; go on after `Retry-After` seconds."),
}
NOT_FOUND = {404: OpenApiResponse(Fault, "There is no such contact.")}


class Text(serializers.CharField):
    """Text alone: the framework takes a number for its digits."""

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class Body(serializers.Serializer):
    """A JSON object; a name that it does not know is an error, not something silently dropped."""

    default_error_messages = {"invalid": "Send a JSON object here."}

    def to_internal_value(self, data: Any) -> Any:
        if unknown := sorted(set(data) - set(self.fields)) if isinstance(data, Mapping) else []:
            names = ", ".join(self.fields)
            sentence = f"“{unknown[0][:60]}” is unknown here; send one of {names}."
            raise exceptions.ValidationError({unknown[0][:60]: [sentence]})  # the name may be empty
        return super().to_internal_value(data)

    @classmethod
    def read(cls, request: Request) -> dict[str, Any]:
        if not isinstance(request.data, Mapping):
            raise bad_input("Send a JSON object.")
        body = cls(data=request.data)
        if not body.is_valid():
            raise exceptions.ValidationError(api_words.in_words(body.errors, body))
        return body.validated_data


def source_of(request: Request) -> Source:
    """What the key of the request belongs to."""
    return cast(ApiKey, request.auth).source


def bad_input(sentence: str, field: str = "") -> exceptions.ValidationError:
    """The error that answers 400 with this sentence."""
    return exceptions.ValidationError({field: [sentence]} if field else [sentence])


def text(request: Request, name: str) -> str:
    """A parameter of the URL, empty where it is missing."""
    try:
        return clean_json.clean(request.query_params.get(name, "").strip()[:500])
    except clean_json.Unclean:
        raise bad_input("A parameter contains a character that cannot be looked up; remove it.", name)


def moment(request: Request, name: str) -> datetime | None:
    """A parameter of the URL that is a time with its zone; None where it is missing."""
    given = text(request, name)
    if not given:
        return None
    try:
        # A + in a URL that nobody encoded arrives as a space.
        found = parse_datetime(given.replace(" ", "+") if "T" in given else given)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise bad_input(f"“{name}” is a time with its zone, such as 2026-03-02T09:00:00Z.", name)
    return found


# --- pages by key: each goes on after the last row of the one before, so the last is as fast as the first ---

PAGING = [
    OpenApiParameter("limit", OpenApiTypes.INT, description=f"Rows on a page: 1 to {MAX_LIMIT}, else {LIMIT}."),
    OpenApiParameter("cursor", OpenApiTypes.STR, description="Where to go on: `next` of the page before."),
]


def page(request: Request, rows: QuerySet, as_json: Callable[[Any], Any], *also: str) -> dict[str, Any]:
    """One page, newest first by primary key; `next` is the cursor of the following one, or null.

    `also`: the parameters that the list takes besides those of paging; others are refused.
    """
    only_known(request, *also, *(one.name for one in PAGING))
    limit = limit_of(request)
    if cursor := text(request, "cursor"):
        rows = rows.filter(pk__lt=_place(rows, cursor))
    found = list(rows.order_by("-pk")[: limit + 1])
    following = str(found[limit - 1].pk) if len(found) > limit else None
    return {"results": [as_json(row) for row in found[:limit]], "next": following}


def only_known(request: Request, *names: str) -> None:
    """Refuses a parameter of the URL that nobody reads: it would be passed over in silence."""
    if unknown := next((name for name in request.query_params if name not in names), None):
        shown = "".join(sign for sign in unknown[:60] if sign.isprintable())
        raise bad_input(f"“{shown}” is no parameter of this list; it takes {', '.join(names)}.", shown)
    if twice := next((name for name in request.query_params if len(request.query_params.getlist(name)) > 1), None):
        raise bad_input(f"“{twice}” stands twice in the address; send it once.", twice)


def page_of(name: str, row: type[serializers.Serializer]) -> serializers.Serializer:
    """How the description shows a page of such rows."""
    following = serializers.CharField(allow_null=True, help_text="`cursor` of the next page; null on the last.")
    return inline_serializer(name, {"results": row(many=True), "next": following})


def limit_of(request: Request) -> int:
    """How many rows the URL asks for."""
    given = text(request, "limit")
    if not given:
        return LIMIT
    if not given.isascii() or not given.isdecimal() or not 1 <= int(given[:9]) <= MAX_LIMIT:
        raise bad_input(f"“limit” is a number from 1 to {MAX_LIMIT}.", "limit")
    return int(given)


def _place(rows: QuerySet, cursor: str) -> Any:
    try:
        place = rows.model._meta.pk.to_python(cursor)
    except ValidationError as fault:
        raise bad_input("This cursor is not one of ours; begin with the first page.", "cursor") from fault
    if isinstance(place, int) and not 0 <= place < 2**63:
        raise bad_input("This cursor is not one of ours; begin with the first page.", "cursor")
    return place
