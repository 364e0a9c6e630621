"""Every address of the admin, from the URL resolver, with what each needs to be asked for."""

from collections.abc import Iterator
from typing import Any

from django.urls import get_resolver, reverse
from django.urls.resolvers import URLPattern

STANDARD = ("changelist", "add", "change", "delete", "history")


def patterns(found: Any = None) -> Iterator[URLPattern]:
    """The admin's own named patterns; those without a name only lead on to others."""
    if found is None:
        found = next(one for one in get_resolver().url_patterns if getattr(one, "namespace", None) == "admin")
    for one in found.url_patterns:
        if isinstance(one, URLPattern):
            yield from [one] if one.name else []
        else:
            yield from patterns(one)


def names() -> set[str]:
    return {str(pattern.name) for pattern in patterns()}


def address(name: str, rows: dict[str, Any]) -> str:
    """The URL of a named page, about the row of `rows` that it concerns."""
    pattern = next(pattern for pattern in patterns() if pattern.name == name)
    model = next((model for model in rows if name.startswith(f"{model}_")), None)
    other = {
        "key": "welcome",
        "place": 1,
        "template_id": rows["campaigns_emailtemplate"].pk,
        "app_label": "contacts",
        "content_type_id": 1,
        "id": rows["ops_user"].pk,
        "version": 1,
        "kind": "messages",
        "deed": "release",
        "row": rows["campaigns_message"].pk,
        "contact_id": rows["contacts_contact"].pk,
        "change_id": rows["scoring_scorechange"].pk,
        "uid": rows["scoring_scoremodel"].rules.get().uid,
    }
    arguments = {**pattern.pattern.converters, **getattr(pattern.pattern.regex, "groupindex", {})}
    values = {argument: other.get(argument, rows[model].pk if model else 1) for argument in arguments}
    return reverse(f"admin:{name}", kwargs=values)
