"""HubSpot: contacts, written in batches by e-mail address or, once known, by record id.

API version 2026-09 with the token of a private app (scopes crm.objects.contacts.read and .write):

- `POST /crm/objects/2026-09/contacts/batch/upsert` with `{"inputs": [{"id": "ann@example.com", "idProperty": "email",
  "objectWriteTraceId": "…", "properties": {…}}]}`, at most 100; answers `results` with `id` and `new`.
- `POST /crm/objects/2026-09/contacts/batch/update` by record id, so a changed address changes the record that is there.
- 207 where some were not taken: `errors`, each naming its inputs in `context.objectWriteTraceId`.
- `GET /account-info/2026-09/details`: `portalId` and `uiDomain`, of which links to records are made.

https://developers.hubspot.com/docs/api-reference/latest/crm/objects/contacts/guide
https://developers.hubspot.com/docs/api-reference/latest/error-handling

A batch that is refused whole (400) is halved until the culprit is alone: with e-mail addresses as ids HubSpot does not
promise to take the others.
"""

import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import msgspec

from integrations.connectors import (
    Account,
    Connector,
    Door,
    Row,
    Said,
    Unusable,
    gone,
    later,
    not_allowed,
    not_reached,
    refused,
    written,
)  # fmt: skip
from integrations.hubspot import words
from lib.again import retry_after
from lib.http_call import Answer, Failed, Request

VERSION = "2026-09"
CONTACTS = f"/crm/objects/{VERSION}/contacts"
MOST = 2 * 1024 * 1024  # of an answer about 100 contacts
SECONDS = 15
NAME = re.compile(r"[a-z][a-z0-9_]{0,99}")
UI_DOMAIN = re.compile(r"([a-z0-9-]+\.)?app(-[a-z0-9]+)?\.hubspot\.com|app\.hubspot\.com")
RECORD = re.compile(r"[0-9]{1,30}")
TEN_SECONDS, AN_HOUR = timedelta(seconds=10), timedelta(hours=1)
STOPS = {"later", "not_allowed", "not_reached"}


class HubSpot(Connector):
    key, label = "hubspot", "HubSpot"
    help = "Contacts are made and kept up in your HubSpot account, one record for each e-mail address."
    base = "https://api.hubapi.com"
    asks_for = "Access token"
    asks_help = (
        "Of a private app in HubSpot with the scopes crm.objects.contacts.read and crm.objects.contacts.write. "
        "It begins with pat-."
    )
    suggested = {"contact.first_name": "firstname", "contact.last_name": "lastname"}
    property_help = "Its internal name in HubSpot, such as lifecyclestage."

    def about_property(self, name: str) -> str:
        if name in ("email", "hs_object_id"):
            return f"“{name}” is how HubSpot tells people apart; it is written by itself."
        if not NAME.fullmatch(name):
            return f"“{name[:60]}” is no property of HubSpot; write its internal name, such as jobtitle."
        return ""

    def check(self, account: Account, door: Door) -> dict[str, Any]:
        details = _usable(self._get(f"/account-info/{VERSION}/details", account, door))
        _usable(self._get(f"{CONTACTS}?limit=1", account, door))
        portal, domain = str(details.get("portalId", "")), str(details.get("uiDomain", ""))
        if not RECORD.fullmatch(portal):
            raise Unusable("What answered is not HubSpot: it names no account.")
        domain = domain if UI_DOMAIN.fullmatch(domain) else "app.hubspot.com"
        return {"portal": portal, "domain": domain, "summary": f"HubSpot account {portal} answers."}

    def push(self, account: Account, rows: Sequence[Row], door: Door) -> list[Said]:
        nameless = [row for row in rows if not row.email and not row.external_id]
        found = [refused(row, "They have no e-mail address, by which HubSpot knows people.") for row in nameless]
        known = [row for row in rows if row.external_id]
        new = [row for row in rows if row.email and not row.external_id]
        call = _Call(self, account, door)
        said = call.write("update", known)
        found += said
        return found + (not_reached(new) if stops(said) else call.write("upsert", new))

    def request(self, method: str, path: str, account: Account, body: Any = None) -> Request:
        headers = {"Authorization": f"Bearer {account.secret}", "Accept": "application/json"}
        headers["User-Agent"] = "Dripline-CRM/1"
        if body is not None:
            headers["Content-Type"] = "application/json"
        raw = b"" if body is None else msgspec.json.encode(body)
        return Request(method, self.base + path, headers, raw, seconds=SECONDS, most=MOST)

    def _get(self, path: str, account: Account, door: Door) -> Answer:
        try:
            return door.call(self.request("GET", path, account))
        except Failed as fault:
            raise Unusable(str(fault)) from fault


class _Call:
    """The calls of one push."""

    def __init__(self, connector: HubSpot, account: Account, door: Door):
        self.connector, self.account, self.door = connector, account, door

    def write(self, verb: str, rows: Sequence[Row]) -> list[Said]:
        if not rows:
            return []
        if self.door.is_late:
            return not_reached(rows)
        body = {"inputs": [_input(verb, row) for row in rows]}
        try:
            answer = self.door.call(self.connector.request("POST", f"{CONTACTS}/batch/{verb}", self.account, body))
        except Failed as fault:
            return later(rows, str(fault).rstrip("."))
        return self._said(verb, rows, answer)

    def _said(self, verb: str, rows: Sequence[Row], answer: Answer) -> list[Said]:
        if answer.status in (401, 403):
            return not_allowed(rows, words.not_allowed(answer.status, _json(answer)))
        if answer.status == 429:
            return later(rows, "HubSpot says that it is asked too often", self._rest(answer))
        if answer.status == 408 or answer.status >= 500:
            return later(rows, f"HubSpot answered {answer.status}", retry_after(answer.headers, self.door.now))
        if answer.status in (200, 201, 207):
            return self._each(rows, answer)
        return self._refused(verb, rows, answer)

    def _rest(self, answer: Answer) -> timedelta:
        daily = str(_json(answer).get("policyName", "")).upper() == "DAILY"
        return retry_after(answer.headers, self.door.now) or (AN_HOUR if daily else TEN_SECONDS)

    def _refused(self, verb: str, rows: Sequence[Row], answer: Answer) -> list[Said]:
        fault = _json(answer)
        if len(rows) == 1:
            return [_no(rows[0], fault, answer.status)]
        strange = words.unknown_properties(fault)
        if hit := [row for row in rows if strange & set(row.values)]:
            # The mapping is at fault, so those need no looking for.
            rest = [row for row in rows if row not in hit]
            return [_no(row, fault, answer.status) for row in hit] + self.write(verb, rest)
        first, second = rows[: len(rows) // 2], rows[len(rows) // 2 :]
        said = self.write(verb, first)
        return said + (not_reached(second) if stops(said) else self.write(verb, second))

    def _each(self, rows: Sequence[Row], answer: Answer) -> list[Said]:
        """What an answer says of each row; one that it passes over in silence is asked about again."""
        told, read = {}, _json(answer)
        by_trace = {str(row.ref): row for row in rows}
        for result in _objects(read.get("results")):
            row = by_trace.get(str(result.get("objectWriteTraceId"))) or _same(rows, result)
            if row and RECORD.fullmatch(str(result.get("id"))):
                told[row.ref] = self._written(row, str(result["id"]), result.get("new") is True)
        for fault in _objects(read.get("errors")):
            for trace in words.traces(fault):
                if row := by_trace.get(trace):
                    told.setdefault(row.ref, _no(row, fault, answer.status))
        silent = [row for row in rows if row.ref not in told]
        return [*told.values(), *later(silent, "HubSpot’s answer does not say what became of it")]

    def _written(self, row: Row, record: str, created: bool) -> Said:
        portal, domain = self.account.facts.get("portal"), self.account.facts.get("domain")
        link = f"https://{domain}/contacts/{portal}/record/0-1/{record}" if portal and domain else ""
        return written(row, record, link, created)


def stops(said: Sequence[Said]) -> bool:
    """After such an answer the next call would get the same."""
    return any(one.what in STOPS for one in said)


def _input(verb: str, row: Row) -> dict[str, Any]:
    properties = {name: _as_text(value) for name, value in row.values.items()}
    if row.email:
        properties["email"] = row.email
    found = {"id": row.email, "idProperty": "email"} if verb == "upsert" else {"id": row.external_id}
    return {**found, "objectWriteTraceId": str(row.ref), "properties": properties}


def _as_text(value: Any) -> str:
    """As HubSpot takes values: all of them as text, several of a list with semicolons between them."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, list):
        return ";".join(map(_as_text, value))
    return msgspec.json.encode(value).decode() if isinstance(value, dict) else str(value)


def _no(row: Row, fault: dict[str, Any], status: int) -> Said:
    kind = words.kind_of(fault)
    if row.external_id and (status == 404 or kind in words.NOT_THERE):
        return gone(row)
    if kind in words.BUSY:
        return later([row], "HubSpot says that it is asked too often", TEN_SECONDS)[0]
    return refused(row, words.refusal(fault, status))


def _same(rows: Sequence[Row], result: dict[str, Any]) -> Row | None:
    """The row that a result is about, where it names no trace: by its record, else by its address."""
    properties = result.get("properties")
    email = str(properties.get("email", "")).lower() if isinstance(properties, dict) else ""
    by_id = next((row for row in rows if row.external_id and row.external_id == str(result.get("id"))), None)
    return by_id or next((row for row in rows if email and row.email.lower() == email), None)


def _json(answer: Answer) -> dict[str, Any]:
    """The answer as an object; empty where it is none."""
    try:
        found = msgspec.json.decode(answer.body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return {}
    return found if isinstance(found, dict) else {}


def _objects(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _usable(answer: Answer) -> dict[str, Any]:
    """What a call of the check brought; raises Unusable."""
    found = _json(answer)
    if answer.status in (401, 403):
        raise Unusable(words.not_allowed(answer.status, found))
    if answer.status == 429:
        raise Unusable("HubSpot says that it is asked too often; try again in a minute.")
    if answer.status != 200:
        raise Unusable(f"HubSpot answered {answer.status}; try again later.")
    return found
