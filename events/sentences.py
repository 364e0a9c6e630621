"""Events as a person says them: “completed an order · dollars 29.33”."""

from collections.abc import Collection
from typing import Any

from events import types
from events.models import EventTypeRow
from lib.words import in_plain_words

TELLING = 3
LONGEST_WORD = 40


def labels(keys: Collection[str]) -> dict[str, str]:
    """The names that people gave to adopted event types; one query."""
    return dict(EventTypeRow.objects.filter(key__in=list(keys)).exclude(label="").values_list("key", "label"))


def sentence(key: str, named: dict[str, str] | None = None) -> str:
    """“completed an order”; “did ‘Wishlist shared’” where the code knows no verb for it."""
    known = types.get(key)
    if known and known.filters:
        return known.filters
    return f"did “{(named or {}).get(key) or key}”"


def properties_in_words(properties: dict[str, Any]) -> str:
    """The most telling short values: “dollars 29.33 · plan pro”; yes-or-nos and ids come last."""
    if "template_name" in properties:  # an event about a mail: its name tells more than ids
        return " · ".join(str(properties[name]) for name in ("template_name", "url") if properties.get(name))
    if "segment_name" in properties:
        return str(properties["segment_name"])
    if "model_name" in properties:  # about a score: what it came to
        what = "stage" if "previous_stage" in properties else "band"
        before, after = properties.get(f"previous_{what}"), properties.get(what)
        return f"{properties['model_name']}: {before or 'none'} → {after or 'none'}"
    words = []
    for name, value in sorted(properties.items(), key=_tells_little):
        if isinstance(value, dict | list) or value in (None, ""):
            continue
        text = in_plain_words(value)
        if len(text) <= LONGEST_WORD:
            words.append(f"{name.replace('_', ' ')} {text}")
        if len(words) == TELLING:
            break
    return " · ".join(words)


def _tells_little(item: tuple[str, Any]) -> tuple[bool, bool]:
    name, value = item
    return isinstance(value, bool), name.lower().endswith("id")
