"""What the REST framework finds wrong with a body, as one plain sentence that names the field and says what to send.

Sentences of our own stay as they are: only the framework's own are said anew, which its codes tell apart.
"""

from collections.abc import Iterator
from typing import Any

from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail

SAID = "said"
Field = serializers.Field


def in_words(detail: Any, field: Field, path: str = "") -> Any:
    """The same detail (a tree of messages) with the framework's sentences in our words."""
    if isinstance(detail, dict):
        return {name: in_words(inner, *_inner(field, path, name)) for name, inner in detail.items()}
    if isinstance(detail, list):
        # Of a list's entries: a message each, or a tree each.
        return [
            in_words(one, *_inner(field, path, number)) if isinstance(one, dict | list) else in_words(one, field, path)
            for number, one in enumerate(detail)
        ]
    return ErrorDetail(_sentence(detail, field, path), SAID) if _is_theirs(detail, field) else detail


def _inner(field: Any, path: str, name: Any) -> tuple[Any, str]:
    child = getattr(field, "child", None) or getattr(field, "fields", {}).get(name)
    if name == "non_field_errors":
        return field, path
    return child, f"{path}[{name}]" if isinstance(name, int) else f"{path}.{name}".strip(".")


def _is_theirs(detail: Any, field: Field | None) -> bool:
    """Is it a message of the framework's own? Ours have the code “invalid”, as some of theirs."""
    if field is None or not isinstance(detail, ErrorDetail) or detail.code == SAID:
        return False
    if detail.code != "invalid":
        return True
    return any(str(detail).startswith(beginning) for beginning in _beginnings(type(field)))


def _beginnings(kind: type[Field]) -> Iterator[str]:
    for one in kind.__mro__:
        if words := getattr(one, "default_error_messages", {}).get("invalid"):
            yield str(words).partition("{")[0]


def _sentence(detail: ErrorDetail, field: Any, path: str) -> str:
    name = f"“{path[:100]}”" if path else "The request"
    code, wanted = detail.code, _wanted(field)
    if code == "required":
        return f"{name} is missing; send {wanted}."
    if code == "null":
        return f"{name} cannot be null; {'send' if field.required else 'leave it out, or send'} {wanted}."
    if code in ("blank", "empty"):
        return f"{name} is empty; {'send' if field.required else 'leave it out, or send'} {wanted}."
    if code == "max_length":
        unit, deed = ("entries", "send fewer") if hasattr(field, "child") else ("characters", "shorten it")
        return f"{name} has more than {field.max_length:,} {unit}; {deed}."
    if code == "min_length":
        return f"{name} needs at least {field.min_length:,}; send more."
    if code == "null_characters_not_allowed":
        return f"{name} contains a NUL character; remove it."
    if code == "surrogate_characters_not_allowed":
        return f"{name} contains half of a character pair (a lone surrogate); send whole characters."
    return f"{name} must be {wanted}."


def _wanted(field: Any) -> str:
    """What a field takes: “a whole number from 1 to 30”."""
    if isinstance(field, serializers.ChoiceField):
        return f"one of {', '.join(map(str, field.choices))}"
    if isinstance(field, serializers.BooleanField):
        return "true or false"
    if isinstance(field, serializers.IntegerField | serializers.FloatField):
        return _number(field)
    if isinstance(field, serializers.DateTimeField):
        return "a time such as 2026-03-02T09:00:00Z"
    if isinstance(field, serializers.ListField | serializers.ListSerializer):
        return "a list"
    if isinstance(field, serializers.SlugField):
        return "a key of letters, digits, - and _"
    return "text" if isinstance(field, serializers.CharField) else "a JSON object"


def _number(field: Any) -> str:
    kind = "a whole number" if isinstance(field, serializers.IntegerField) else "a number"
    least, most = field.min_value, field.max_value
    if least is not None and most is not None:
        return f"{kind} from {least:,} to {most:,}".replace("-", "−")
    if least is not None:
        return f"{kind} of {least:,} or more"
    return f"{kind} of {most:,} or less" if most is not None else kind
