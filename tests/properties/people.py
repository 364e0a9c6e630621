"""The small model of the machine: who is whom, and who has entered the campaign that takes everybody in once."""

from collections.abc import Iterable

from automation.models import Enrollment
from contacts.models import Identity

TRIGGER = "users.signed_up"
LEFT, TRIED = "subscription.cancelled", "trial.started"
BOUGHT, LOOKED = "order.completed", "product.viewed"
EMAILS = {
    "ann": "ann@example.org", "ben": "ben@example.org", "cleo": "cleo@example.org", "dan": "cleo@example.org",
    "eve": "eve@example.org", "fay": "fay@example.org",
}  # fmt: skip


class People:
    """`same[user]` names the person; `person[contact]` as well, for every contact that ever was."""

    def __init__(self, once: int | None):
        self.once = once
        self.same = {user: user for user in EMAILS}
        self.contacts: dict[int, str] = {}
        self.entered: dict[int, str] = {}

    @property
    def person(self) -> dict[int, str]:
        return {contact: self.same[user] for contact, user in self.contacts.items()}

    def met(self, user: str) -> None:
        contact = Identity.objects.get(kind="user", value=user).contact_id
        self.contacts.setdefault(contact, user)
        assert self.person[contact] == self.same[user], f"{user} became somebody else"

    def are_one(self, one: str, other: str) -> None:
        kept, gone = self.same[one], self.same[other]
        self.same = {user: kept if person == gone else person for user, person in self.same.items()}

    def enter(self, enrollments: Iterable[Enrollment]) -> None:
        """Whoever was merged is one contact; whoever enters the campaign of `once` had not entered it."""
        ids = dict(Identity.objects.filter(kind="user").values_list("value", "contact_id"))
        assert len({self.same[user] for user in ids}) == len(set(ids.values())), "who is whom?"
        for row in sorted(enrollments, key=lambda row: row.pk):
            if row.campaign_id == self.once and row.pk not in self.entered:
                person = self.person[row.contact_id]
                known = {self.same[user] for user in self.entered.values()}
                assert person not in known, f"{person} was taken in twice by a campaign that does so once"
                self.entered[row.pk] = self.contacts[row.contact_id]
