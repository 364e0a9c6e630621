"""People at the admin's forms: log-ins by role, and what a browser would send from the sequence form."""

from django.contrib.auth.models import Group
from django.test import Client

from ops.models import User
from tests.factories import TemplateFactory

ROLES = ["Marketer", "Publisher", "Analyst", "Engineer"]


def person(role: str = "", **more) -> User:
    """Somebody on the team with one role; none: may log in, and nothing else."""
    name = (role or "Newcomer").lower()
    defaults = {"email": f"{name}@acme.example", "is_staff": True, **more}
    user, _ = User.objects.get_or_create(username=name, defaults=defaults)
    if role:
        user.groups.add(Group.objects.get(name=role))
    return user


def browser(role: str = "", **more) -> Client:
    client = Client()
    client.force_login(person(role, **more))
    return client


def card(template=None, **changes) -> dict:
    """One card as typed: send this template at once."""
    return {
        "uid": "", "wait_uid": "", "wait_amount": "0", "wait_unit": "days", "lateness_hours": "24", "only_if": "",
        "action": "email", "template": str(template.pk) if template else "", **changes,
    }  # fmt: skip


def typed(*cards: dict, **changes) -> dict:
    """The whole sequence form as a browser sends it, filled in well unless `changes` says otherwise."""
    cards = cards or (card(TemplateFactory()),)
    data = {
        "revision": "", "name": "My sequence", "type": "welcome", "objective": "", "topic": "",
        "trigger_event": "users.signed_up", "trigger_filter": "", "audience": "", "reentry_mode": "once",
        "reentry_amount": "30", "reentry_unit": "days", "entry_key": "", "on_repeat": "ignore", "holdout": "0",
        "steps-TOTAL_FORMS": str(len(cards)), "steps-INITIAL_FORMS": "0",
        "steps-MIN_NUM_FORMS": "0", "steps-MAX_NUM_FORMS": "100",
    }  # fmt: skip
    for place, one in enumerate(cards):
        data |= {f"steps-{place}-{name}": value for name, value in {"ORDER": str(place + 1), **one}.items()}
    return data | changes
