"""The options of a select, written in one go."""

from collections.abc import Iterable
from typing import Any

from django import template
from django.utils.html import conditional_escape
from django.utils.safestring import SafeString

register = template.Library()
Group = tuple[str | None, list[dict[str, Any]], int]


@register.filter
def as_options(groups: Iterable[Group]) -> SafeString:
    """Of a widget's `optgroups`: Django and Unfold include two templates for each, and a page may offer a thousand."""
    return SafeString("".join(_group(name, options) for name, options, _ in groups))


def _group(name: str | None, options: list[dict[str, Any]]) -> str:
    inside = "".join(map(_option, options))
    return f'<optgroup label="{conditional_escape(name)}">{inside}</optgroup>' if name else inside


def _option(option: dict[str, Any]) -> str:
    shown = {"value": str(option["value"]), **option["attrs"]}
    told = "".join(_attribute(name, value) for name, value in shown.items() if value is not False)
    return f"<option{told}>{conditional_escape(option['label'])}</option>\n"


def _attribute(name: str, value: Any) -> str:
    return f" {name}" if value is True else f' {name}="{conditional_escape(str(value))}"'
