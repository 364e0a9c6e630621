"""What templates may use of a contact beside its attributes, read for a batch at once: computed attributes, scores."""

from collections.abc import Collection, Iterable
from datetime import datetime
from difflib import get_close_matches
from typing import Any, ClassVar

from campaigns.models import EmailTemplate
from contacts.models import Contact
from scoring import reading, shown
from scoring.models import ScoreModel
from segments.computed_models import ComputedAttribute
from segments.computed_writing import values_of

Values = dict[int, dict[str, Any]]
Paths = frozenset[str]


class Group:
    """Values that templates read as contact.<name>.…"""

    name: ClassVar[str]

    def read(self, contact_ids: Collection[int], now: datetime) -> Values:
        """Contact → its values, for everybody asked about; a fixed number of queries."""
        raise NotImplementedError

    def wrong(self, path: list[str]) -> str:
        """What a template's author ought to know about contact.<name>.<path>, in a clause; empty if all is well."""
        raise NotImplementedError


class Computed(Group):
    name = "computed"

    def read(self, contact_ids, now):
        return values_of(contact_ids)

    def wrong(self, path):
        keys = list(ComputedAttribute.objects.values_list("key", flat=True))
        if not path or path[0] in keys:
            return ""
        return f"there is no computed attribute “{path[0]}”{_perhaps(path[0], keys)}"


class Scores(Group):
    """Of the active models; who has no stage yet has none here, so that `default` can say something else."""

    name = "score"
    NUMBERS = ("points", "fit", "engagement")
    PARTS = (*NUMBERS, "band", "cell", "stage")

    def read(self, contact_ids, now):
        found = reading.scores_of(contact_ids, now)
        return {pk: {key: self._values(one) for key, one in theirs.items()} for pk, theirs in found.items()}

    def _values(self, found: reading.Standing) -> dict[str, Any]:
        values: dict[str, Any] = {part: shown.number(getattr(found, part)) for part in self.NUMBERS}
        values |= {"band": found.band, "cell": found.cell}
        return values | {"stage": found.stage} if found.stage else values

    def wrong(self, path):
        models = {model.key: model for model in ScoreModel.objects.all()}
        if not path:
            return ""
        if path[0] not in models:
            return f"there is no score model “{path[0]}”{_perhaps(path[0], models)}"
        if not models[path[0]].is_active:
            return f"the score model “{models[path[0]]}” is off, so nobody has a score in it"
        return self._wrong_part(path[0], path[1:])

    def _wrong_part(self, key: str, rest: list[str]) -> str:
        if rest and rest[0] in self.PARTS:
            return ""
        choices = f"write one of {', '.join(self.PARTS)} after contact.score.{key}"
        return f"a score has no “{rest[0]}”; {choices}" if rest else f"a score is several values; {choices}"


GROUPS: tuple[Group, ...] = (Computed(), Scores())


def read(pairs: Iterable[tuple[Contact, Paths | None]], now: datetime) -> None:
    """Fetch what the paths read about their contacts (None: everything), a group at a time."""
    pairs = list(pairs)
    for contact, _ in pairs:
        contact.worked_out = {}  # type: ignore[attr-defined]
    for group in GROUPS:
        concerned = [contact for contact, paths in pairs if paths is None or _reads(paths, group, contact)]
        found = group.read({contact.pk for contact in concerned}, now) if concerned else {}
        for contact in concerned:
            contact.worked_out[group.name] = found.get(contact.pk, {})  # type: ignore[attr-defined]


def of(contact: Contact) -> dict[str, dict[str, Any]]:
    """What was read of a contact, by the name of the group."""
    return getattr(contact, "worked_out", {})


def paths(template: EmailTemplate) -> Paths:
    """What a template reads, each path once."""
    # Of one that cannot be read the others of its batch must not suffer: its own turn to be written says what is wrong.
    return frozenset(one["path"] for one in template.compiled.get("variables", []))


def _reads(paths: Paths, group: Group, contact: Contact) -> bool:
    """Where only the group itself is named, an attribute of that name is meant, if there is one."""
    name = f"contact.{group.name}"
    if any(path.startswith((f"{name}.", f"{name}[")) for path in paths):
        return True
    whole = any(path in ("contact", name) or path.startswith("contact[") for path in paths)
    return whole and group.name not in contact.attributes


def wrong(path: str) -> str:
    """What is wrong with a path such as contact.score.lead.pints, in a clause; empty if nothing is, or not known."""
    root, _, rest = path.partition(".")
    name, *parts = rest.split(".")
    group = next((group for group in GROUPS if group.name == name), None)
    return group.wrong(parts) if root == "contact" and group and "[" not in rest else ""


def _perhaps(typed: str, known: Iterable[str]) -> str:
    near = get_close_matches(typed, known, 1)
    return f"; did you mean “{near[0]}”?" if near else ""
