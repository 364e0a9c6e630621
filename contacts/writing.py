"""Writing about contacts by hand or by API: attributes, tags, e-mail, time zone. Each tells the pipeline.

Every verb takes many contacts, needs a fixed number of queries and returns how many of them it changed;
nothing is written about a contact that is as wanted already. (Events come in through events.recording.)
"""

import zoneinfo
from collections.abc import Callable, Collection, Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from django.db import transaction

from contacts import addresses
from contacts.models import Change, Contact, ContactTag, Identity, Tag
from contacts.traits import MAX_SIZE, changed_values
from lib import clean_json
from ops.models import Source

MAX_PATH_LENGTH = 128
Hops = Mapping[int, int]  # contact → how many deeds of the engine's own led here
NONE: Hops = {}
Values = Mapping[int, dict[str, list]]  # contact → path → [what it was, what it is]
ALIKE: Values = {}
OWN_COLUMNS = {"email", "timezone", "tags", "id", "user_id"}  # kept in places of their own


class NotWritable(ValueError):
    """Says in one sentence what cannot be written, and what to do; `field` names it."""

    def __init__(self, sentence: str, field: str = ""):
        super().__init__(sentence)
        self.field = field


@dataclass(frozen=True)
class Upsert:
    """What to write about one contact; None leaves a thing as it is."""

    attributes: Mapping[str, Any] | None = None
    add_tags: Collection[str] = ()
    remove_tags: Collection[str] = ()
    email: str | None = None  # "" takes the address away
    timezone: str | None = None


@transaction.atomic
def upsert(contact_id: int, wanted: Upsert, now: datetime, source: Source | None = None) -> None:
    """Write everything that is named, or nothing; raises NotWritable."""
    if wanted.email is not None:
        set_email([contact_id], wanted.email, now, source)
    if wanted.timezone is not None:
        set_timezone([contact_id], wanted.timezone, now, source)
    if wanted.attributes:
        set_attributes([contact_id], wanted.attributes, now, source)
    add_tags([contact_id], wanted.add_tags, now, source)
    remove_tags([contact_id], wanted.remove_tags, now, source)


@transaction.atomic
def upsert_user(user_id: str, wanted: Upsert, now: datetime, source: Source | None = None) -> tuple[int, bool]:
    """The same for the contact with this user id, made if need be: its id, and whether it is new."""
    contact_id, made = contact_for_user(user_id, now)
    upsert(contact_id, wanted, now, source)
    return contact_id, made


@transaction.atomic
def contact_for_user(user_id: str, now: datetime) -> tuple[int, bool]:
    """Contact with this user id, made if need be: its id, and whether it is new."""
    user_id = _identity_text(user_id)
    known = Identity.objects.filter(kind=Identity.Kind.USER, value=user_id)
    if found := known.values_list("contact_id", flat=True).first():
        return found, False
    contact = Contact.objects.create(created_at=now, updated_at=now)
    identity = Identity(kind=Identity.Kind.USER, value=user_id, contact=contact, created_at=now)
    Identity.objects.bulk_create([identity], ignore_conflicts=True)
    owner = known.values_list("contact_id", flat=True).get()
    if owner != contact.pk:  # another request was faster
        contact.delete()
    else:
        announce_new([owner], now)
    return owner, owner == contact.pk


def announce_new(contact_ids: Iterable[int], now: datetime) -> None:
    """Tell the pipeline of contacts that were made: what is said of everybody is said of them, too."""
    Change.objects.bulk_create(Change(contact_id=pk, kind=Change.Kind.CREATED, due_at=now) for pk in contact_ids)


@transaction.atomic
def set_attributes(
    contact_ids: Iterable[int], values: Mapping[str, Any], now: datetime, source: Source | None = None
) -> int:
    """Set attributes by dotted path (`subscription.plan`); None takes one away. Raises NotWritable."""
    wanted = _checked_values(values)
    return _change(contact_ids, lambda contact: _set_paths(contact, wanted), now, source)


def set_email(contact_ids: Iterable[int], email: str, now: datetime, source: Source | None = None) -> int:
    """Give contacts an address, or with "" none; consent stays with the old address. Raises NotWritable."""
    try:
        wanted = addresses.normalise(email) if email.strip() else None
    except addresses.NotAnAddress as fault:
        raise NotWritable(str(fault), "email") from fault
    with transaction.atomic():
        address_id = addresses.address_ids([wanted], now)[wanted] if wanted else None
        return _change(contact_ids, _setter("address_id", address_id, "email"), now, source)


@transaction.atomic
def set_timezone(contact_ids: Iterable[int], name: str, now: datetime, source: Source | None = None) -> int:
    """Give contacts a time zone such as Europe/Paris, or with "" the site's. Raises NotWritable."""
    if name and name not in zoneinfo.available_timezones():
        raise NotWritable(f"“{name[:64]}” is not a time zone; write one such as Europe/Paris.", "timezone")
    return _change(contact_ids, _setter("timezone", name, "timezone"), now, source)


@transaction.atomic
def set_each(values: Mapping[int, Mapping[str, Any]], now: datetime, hops: Hops = NONE) -> dict[int, str]:
    """Set attributes of many contacts, to each its own; returns why not, for those who cannot have theirs."""
    refused: dict[int, str] = {}

    def write(contact: Contact) -> list[str]:
        before = deepcopy(contact.attributes)
        try:
            return _set_paths(contact, _checked_values(values[contact.pk]))
        except NotWritable as fault:
            contact.attributes, refused[contact.pk] = before, str(fault)
            return []

    _change(values, write, now, None, hops)
    return refused


@transaction.atomic
def add_tags(
    contact_ids: Iterable[int], names: Collection[str], now: datetime, source: Source | None = None, hops: Hops = NONE
) -> int:
    """Put tags on contacts; unknown ones are made. `hops`: whom the engine's own deeds led here. Raises NotWritable."""
    wanted = sorted({_tag_name(name) for name in names})
    if not wanted:
        return 0
    Tag.objects.bulk_create([Tag(name=name) for name in wanted], ignore_conflicts=True)
    tags = dict(Tag.objects.filter(name__in=wanted).values_list("pk", "name"))
    keys = _locked_ids(contact_ids)
    worn = set(ContactTag.objects.filter(contact__in=keys, tag__in=tags).values_list("contact_id", "tag_id"))
    missing = [(key, tag) for key in keys for tag in sorted(tags) if (key, tag) not in worn]
    rows = [ContactTag(contact_id=key, tag_id=tag, added_at=now) for key, tag in missing]
    ContactTag.objects.bulk_create(rows, ignore_conflicts=True)
    return _announce_tags(((key, tags[tag]) for key, tag in missing), now, source, hops)


@transaction.atomic
def remove_tags(
    contact_ids: Iterable[int], names: Collection[str], now: datetime, source: Source | None = None, hops: Hops = NONE
) -> int:
    """Take tags off contacts."""
    if not names:
        return 0
    worn = ContactTag.objects.filter(contact__in=_locked_ids(contact_ids), tag__name__in=list(names))
    gone = list(worn.values_list("pk", "contact_id", "tag__name"))
    ContactTag.objects.filter(pk__in=[pk for pk, _, _ in gone]).delete()
    return _announce_tags(((key, name) for _, key, name in gone), now, source, hops)


# --- one change, many contacts ---

Write = Callable[[Contact], list[str]]


def _change(contact_ids: Iterable[int], write: Write, now: datetime, source: Source | None, hops: Hops = NONE) -> int:
    """Apply `write`, which returns the names of what it wrote; save and announce those it changed."""
    rows = Contact.objects.filter(pk__in=_sorted(contact_ids)).order_by("pk").select_for_update(no_key=True)
    before = {contact.pk: deepcopy(contact.attributes) for contact in rows}
    written = {contact: names for contact in rows if (names := write(contact))}
    for contact in written:
        contact.updated_at = now
    values = {one.pk: changed_values(names, before[one.pk], one.attributes) for one, names in written.items()}
    Contact.objects.bulk_update(written, ["attributes", "address", "timezone", "updated_at"])
    said = {contact.pk: names for contact, names in written.items()}
    _announce(Change.Kind.ATTRIBUTES, said, now, source, hops, values)
    return len(written)


def _setter(column: str, value: Any, name: str) -> Write:
    def write(contact: Contact) -> list[str]:
        if getattr(contact, column) == value:
            return []
        setattr(contact, column, value)
        return [name]

    return write


def _set_paths(contact: Contact, values: Mapping[str, Any]) -> list[str]:
    tree = contact.attributes
    written = [path for path, value in values.items() if _set_path(tree, path.split("."), value)]
    if written and len(orjson.dumps(tree)) > MAX_SIZE:
        sentence = f"A contact's attributes take at most {MAX_SIZE // 1000} KB; remove some first."
        raise NotWritable(sentence, "attributes")
    return written


def _set_path(tree: dict[str, Any], path: list[str], value: Any) -> bool:
    """Write one value into the tree, making the way to it; whether that changed anything."""
    key, *rest = path
    if not rest:
        if value is None:
            return tree.pop(key, None) is not None
        # JSON tells 1 from true, Python does not.
        same = key in tree and type(tree[key]) is type(value) and tree[key] == value
        tree[key] = value
        return not same
    inner = tree.get(key)
    if not isinstance(inner, dict):
        if value is None:
            return False
        inner = tree[key] = {}
    return _set_path(inner, rest, value)


def _locked_ids(contact_ids: Iterable[int]) -> list[int]:
    """The contacts that exist, held so that a merge does not pass us by."""
    rows = Contact.objects.filter(pk__in=_sorted(contact_ids)).order_by("pk")
    return list(rows.select_for_update(no_key=True).values_list("pk", flat=True))


def _sorted(contact_ids: Iterable[int]) -> list[int]:
    return sorted(set(contact_ids))


def _announce_tags(pairs: Iterable[tuple[int, str]], now: datetime, source: Source | None, hops: Hops) -> int:
    names: dict[int, list[str]] = {}
    for key, name in pairs:
        names.setdefault(key, []).append(name)
    Contact.objects.filter(pk__in=names).update(updated_at=now)
    return _announce(Change.Kind.TAGS, names, now, source, hops)


def _announce(
    kind: str, names: Mapping[int, list[str]], now: datetime, source: Source | None, hops: Hops, values: Values = ALIKE
) -> int:
    Change.objects.bulk_create(
        Change(
            contact_id=key,
            kind=kind,
            names=said,
            values=values.get(key, {}),
            source=source,
            due_at=now,
            hops=hops[key] + 1 if key in hops else 0,
        )  # fmt: skip
        for key, said in names.items()
    )
    return len(names)


# --- what may be written ---


def _checked_values(values: Mapping[str, Any]) -> dict[str, Any]:
    for path in values:
        check_path(path)
    try:
        return clean_json.clean(dict(values))
    except clean_json.Unclean as fault:
        raise NotWritable(str(fault), "attributes") from fault


def check_path(path: str) -> None:
    """Raises NotWritable unless this is an attribute's dotted name."""
    field = f"attributes.{path[:60]}"
    if path in OWN_COLUMNS:
        raise NotWritable(f"“{path}” is not an attribute; send it beside “attributes”, not inside.", field)
    parts = path.split(".")
    too_long = len(path) > MAX_PATH_LENGTH or len(parts) >= clean_json.MAX_DEPTH
    if too_long or not all(part.strip() for part in parts):
        sentence = f"“{path[:60]}” is not an attribute's name; write one such as plan or subscription.plan."
        raise NotWritable(sentence, field)


def _tag_name(name: str) -> str:
    name = _clean_text(name, "tags").strip()
    if not name or len(name) > 80:
        raise NotWritable("A tag is a text of 1 to 80 characters.", "tags")
    return name


def _identity_text(user_id: str) -> str:
    user_id = _clean_text(user_id, "user_id")
    if not user_id.strip() or len(user_id) > 255:
        raise NotWritable("A user id is a text of 1 to 255 characters.", "user_id")
    return user_id


def _clean_text(text: Any, field: str) -> str:
    try:
        return clean_json.clean(text if isinstance(text, str) else str(text))
    except clean_json.Unclean:
        raise NotWritable("A text contains a character that cannot be stored; remove it.", field)
