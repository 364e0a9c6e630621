"""Writing what a plan says, set by set, in the transaction of its batch; nothing is ever started by it.

The order of locks is everybody's: addresses, contacts, each by id. Changes are written with
`triggers = False`: segments, scores and counts follow, campaigns do not.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import transaction

from contacts import import_sql
from contacts.import_mapping import Mapping
from contacts.import_people import Target
from contacts.import_plan import ChangedHands, Plan
from contacts.import_rows import Row
from contacts.models import Tag, Topic
from contacts.traits import save

ATTEMPTS = 3


def write(rows: Sequence[Row], mapping: Mapping, source: str, now: datetime) -> Plan:
    """Plan these rows and write what comes of it; a fixed number of queries."""
    for attempt in range(ATTEMPTS):
        notes = [(row.notes, row.refused) for row in rows]
        try:
            with transaction.atomic():
                return _write(rows, mapping, source, now)
        except ChangedHands:
            for row, (noted, refused) in zip(rows, notes, strict=True):
                row.notes, row.refused = noted, refused
            if attempt == ATTEMPTS - 1:
                raise
    raise AssertionError("unreachable")


def _write(rows: Sequence[Row], mapping: Mapping, source: str, now: datetime) -> Plan:
    plan = Plan(rows, mapping)
    fresh, before = _addresses(plan.mails, now)
    plan.work_out(with_address=before, locking=True)
    written = plan.written
    _drop_unused(fresh, written)
    address_ids = {**before, **fresh}
    new = [target for target in written if target.is_new]
    known = [target for target in written if not target.is_new]
    _make(new, address_ids, now)
    _give_ids([target for target in known if target.user_id], now)
    _update([target for target in known if target.names], address_ids, now)
    _tag([target for target in written if target.tags], now)
    _subscribe(plan, address_ids, source, now)
    return plan


def _addresses(mails: dict[str, str], now: datetime) -> tuple[dict[str, int], dict[str, int]]:
    """The ids of addresses that are made now, and of those that were here, which are locked."""
    if not mails:
        return {}, {}
    fresh = dict(import_sql.ask(import_sql.ADD_ADDRESSES, [now, import_sql.mails(mails)]))
    others = [email for email in mails if email not in fresh]
    before = dict(import_sql.ask(import_sql.LOCK_ADDRESSES, [import_sql.rows(others)])) if others else {}
    return fresh, before


def _drop_unused(fresh: dict[str, int], written: list[Target]) -> None:
    """Addresses of people who are not taken; nobody else can have seen them yet."""
    used = {target.email for target in written}
    if unused := [pk for email, pk in fresh.items() if email not in used]:
        import_sql.ask(import_sql.DROP_ADDRESSES, [import_sql.ids(unused)])


def _make(targets: list[Target], address_ids: dict[str, int], now: datetime) -> None:
    if not targets:
        return
    rows = (
        {
            "n": n,
            "user_id": target.user_id or None,
            "address": address_ids.get(target.email),
            "timezone": target.timezone,
            "attributes": target.attributes,
            "names": list(target.names),
        }
        for n, target in enumerate(targets)
    )
    made = import_sql.ask(import_sql.MAKE, {"rows": import_sql.rows(rows), "now": now})
    if len(made) < len(targets):  # somebody else made one of them just now
        raise ChangedHands
    for n, pk in made:
        targets[n].id = pk


def _give_ids(targets: list[Target], now: datetime) -> None:
    if not targets:
        return
    rows = ({"user_id": target.user_id, "contact": target.id} for target in targets)
    if len(import_sql.ask(import_sql.GIVE_IDS, [now, import_sql.rows(rows)])) < len(targets):
        raise ChangedHands


def _update(targets: list[Target], address_ids: dict[str, int], now: datetime) -> None:
    rows = [
        {
            "id": target.id,
            "attributes": target.attributes,
            "address_id": address_ids.get(target.email, target.address_id),
            "timezone": target.timezone,
            "last_seen_at": None,
            "names": list(target.names),
        }
        for target in targets
    ]
    save(rows, None, now, triggers=False)


def _tag(targets: list[Target], now: datetime) -> None:
    if not targets:
        return
    names = sorted({name for target in targets for name in target.tags})
    known = set(Tag.objects.filter(name__in=names).values_list("name", flat=True))
    Tag.objects.bulk_create([Tag(name=name) for name in names if name not in known], ignore_conflicts=True)
    rows = ({"contact": target.id, "tag": name} for target in targets for name in target.tags)
    import_sql.ask(import_sql.TAG, {"rows": import_sql.rows(rows), "now": now})


def _subscribe(plan: Plan, address_ids: dict[str, int], source: str, now: datetime) -> None:
    mapping = plan.mapping
    topic = Topic.objects.filter(pk=mapping.topic or 0).first() if plan.subscribing else None
    if topic is None:
        return
    rows = (
        {"address": address_ids[email], "contact": target.id}
        for email, target in plan.subscribing.items()
        if email in address_ids
    )
    told: dict[str, Any] = {"basis": mapping.basis, "source": source[:120], "wording": mapping.told}
    told |= {"rows": import_sql.rows(rows), "topic": topic.pk, "key": topic.key, "now": now}
    import_sql.ask(import_sql.SUBSCRIBE, told)
