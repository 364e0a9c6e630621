"""What a campaign's file names and a test's database does not have: a mail by that name, an empty list, a topic."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.contrib.auth import get_user_model

from campaigns.compiling import DEFAULT_FOOTER_HTML, compile_email
from campaigns.models import EmailTemplate
from contacts.models import Topic
from lib import plain_yaml
from lib.registry import Registry
from ops.models import SiteSettings
from segments.models import Segment

HTML = "<p>{{ contact.email }}</p>" + DEFAULT_FOOTER_HTML

# By the key under which files name a row of an app above: `make(name, now)`, where there is none of that name.
STAND_INS: Registry[Callable[[str, datetime], object]] = Registry("stand-in")


def site() -> None:
    """Complete enough to send."""
    there = SiteSettings.get()
    there.sender_name = there.sender_name or "Test"
    there.sender_email = there.sender_email or "test@example.com"
    there.postal_address = there.postal_address or "1 Test Street"
    there.save()


def publisher() -> Any:
    """Somebody who may publish."""
    user, _ = get_user_model().objects.get_or_create(username="campaign_run", is_superuser=True, is_staff=True)
    return user


def for_file(raw: bytes | str, now: datetime) -> None:
    """Make what the file names; a stand-in for a mail has the template's name as its subject."""
    try:
        value = plain_yaml.load(raw)
    except plain_yaml.Unreadable:
        return  # reading it says what is wrong
    named: dict[str, set[str]] = {key: set() for key in ("template", "segment", "topic", *dict(STAND_INS.items()))}
    _collect(value, named)
    for name in sorted(named["template"] - set(EmailTemplate.objects.values_list("name", flat=True))):
        _template(name, now)
    for name in sorted(named["segment"] - set(Segment.objects.values_list("name", flat=True))):
        Segment.objects.create(name=name, kind=Segment.Kind.STATIC)
    for key in sorted(named["topic"] - set(Topic.objects.values_list("key", flat=True))):
        Topic.objects.create(key=key, name=key)
    for kind, make in STAND_INS.items():
        for name in sorted(named[kind]):
            make(name, now)


def _collect(value: Any, named: dict[str, set[str]]) -> None:
    if isinstance(value, list):
        for item in value:
            _collect(item, named)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key in named:
                named[key] |= {one for one in (item if isinstance(item, list) else [item]) if isinstance(one, str)}
            _collect(item, named)


def _template(name: str, now: datetime) -> None:
    subject = name.replace("{", "(").replace("}", ")")
    compiled = compile_email(subject=subject, html=HTML, known_links=[])
    EmailTemplate.objects.create(name=name, subject=subject, html=HTML, compiled=compiled.to_json(), edited_at=now)
