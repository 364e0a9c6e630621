"""One thing that is asked of somebody, as *Why?* tells it: the rule, what it saw, and what follows."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from campaigns.document import Tree
from contacts.models import Contact
from segments import conditions, explaining


@dataclass(frozen=True)
class Check:
    """Whether it holds now, in a sentence, and part by part. `waits`: it does not, but only for a while."""

    what: str
    holds: bool | None  # None: it cannot be told beforehand
    sentence: str
    node: Any = None
    waits: bool = False
    lets_in: bool = False
    """One of several ways in: one is enough."""

    @property
    def icon(self) -> str:
        if self.waits:
            return "hourglass_empty"
        return "help" if self.holds is None else "check" if self.holds else "close"

    @property
    def word(self) -> str:
        if self.waits:
            return "not yet"
        return "cannot be told" if self.holds is None else "yes" if self.holds else "no"


def node(
    rows: QuerySet, tree: Tree, contact: Contact, now: datetime, event_type: str | None = None
) -> tuple[explaining.Node | None, str]:
    """The condition part by part; None and a sentence where it cannot be asked beforehand."""
    try:
        return explaining.explain_row(rows, tree, now, event_type, only=[contact.pk]), ""
    except conditions.InvalidCondition as fault:
        if conditions.validate(tree, "enrollment", event_type):
            return None, f"It cannot be asked any more: {fault}"
        return None, "It asks about what is known only when somebody enters."


def of_contact(what: str, tree: Tree, contact: Contact, now: datetime) -> Check:
    """A condition on the contact."""
    found, fault = node(Contact.objects.filter(pk=contact.pk), tree, contact, now)
    if found is None:
        return Check(what, None, fault)
    return Check(what, found.holds, "They match." if found.holds else "They do not match.", found)
