"""What a call says: its address and body for one contact, the same however often it is made, and its headers."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

from automation import pace
from automation.call_models import Call
from automation.webhooks import config as settings_of
from automation.webhooks import liquid, receivers, signing
from automation.webhooks.config import WITH_BODY, Hook
from campaigns import worked_out
from campaigns.liquid import Aborted, RenderFailed, TemplateError, Variable, variables
from campaigns.rendering import context
from contacts.models import ContactTag
from lib.http_call import Request
from lib.sealed import Unreadable
from ops.models import SiteSettings

ROOTS = ("contact", "event", "campaign", "site", "now", "webhook", "step")
MOST_ANSWER = 64 * 1024
MOST_BODY = 256 * 1024
AGENT = "Dripline-Webhook/1"
SAFE = "%/?:@!$&'()*+,;=-._~[]"  # what of an address need not be written otherwise


class Unwritable(Exception):
    """The call cannot be made for this contact; says why."""


@dataclass(frozen=True)
class Written:
    """A call that is ready to be made."""

    call: Call
    request: Request


def problems(hook: Hook) -> list[str]:
    """What is wrong with the Liquid of the address and the body."""
    parts = (("address", settings_of.rest(hook.url)), ("body", hook.body))
    found = [sentence for place, source in parts for sentence in _about(place, source)]
    if len(hook.body) > settings_of.MAX_BODY:
        found.append(f"The body is longer than {settings_of.MAX_BODY:,} characters; shorten it.")
    return found


def _about(place: str, source: str) -> list[str]:
    if liquid.OPEN in source or liquid.CLOSE in source:
        return [f"The {place} holds a character that cannot be seen; type it anew."]
    try:
        (liquid.json_template if place == "body" else liquid.address_template)(source)
        strangers = [variable for variable in variables(source) if _root(variable.path) not in ROOTS]
    except TemplateError as fault:
        return [f"The {place}: {fault.sentence}"]
    if strangers:
        known = ", ".join(ROOTS[:-2])
        return [f"The {place}: there is no value “{strangers[0].path}”; values begin with {known} or webhook."]
    return []


def _root(path: str) -> str:
    return path.partition(".")[0].partition("[")[0]


def paths(hook: Hook) -> frozenset[str]:
    """What the Liquid of a step without problems reads."""
    found: list[Variable] = [*variables(hook.body), *variables(settings_of.rest(hook.url))]
    return frozenset(variable.path for variable in found)


class Writer:
    """Writes a batch of calls; what they need is read once for all of them."""

    def __init__(self, calls: Sequence[Call], now: datetime):
        self.now, self.site = now, SiteSettings.get()
        self.hooks = {call.pk: settings_of.read(call.config) or Hook() for call in calls}
        self.tags = self._tags({call.enrollment.contact_id for call in calls})
        worked_out.read(((call.enrollment.contact, paths(self.hooks[call.pk])) for call in calls), now)
        keys = [(call.receiver_id, one.secret) for call in calls for one in self.hooks[call.pk].headers if one.secret]
        self.secrets = receivers.headers(keys)

    def _tags(self, contact_ids: set[int]) -> dict[int, list[str]]:
        found: dict[int, list[str]] = {}
        rows = ContactTag.objects.filter(contact_id__in=contact_ids).order_by("tag__name")
        for contact_id, name in rows.values_list("contact_id", "tag__name"):
            found.setdefault(contact_id, []).append(name)
        return found

    def write(self, call: Call) -> None:
        """Fill in address and body, the first time; raises Unwritable."""
        if call.url:
            return
        hook = self.hooks[call.pk]
        try:
            values = self._values(call)
            call.url = call.receiver.origin + _tail(settings_of.rest(hook.url), values)
            call.body = self._body(call, hook, values)
        except (RenderFailed, TemplateError) as fault:
            raise Unwritable(str(fault)) from fault
        except Aborted as fault:
            raise Unwritable(f"The body asked not to be sent: {fault.reason}") from fault
        if len(call.body.encode()) > MOST_BODY:
            raise Unwritable(f"The body grew beyond {MOST_BODY // 1024} KB.")

    def _body(self, call: Call, hook: Hook, values: dict[str, Any]) -> str:
        if hook.body.strip():
            return liquid.render_json(liquid.json_template(hook.body), values)
        return json.dumps(self._usual(call, values)) if hook.method in ("POST", "PUT", "PATCH") else ""

    def _values(self, call: Call) -> dict[str, Any]:
        row = call.enrollment
        event = {**row.data, "type": row.event_type, "at": row.event_at.isoformat() if row.event_at else None}
        values = context(
            row.contact,
            self.tags.get(row.contact_id, []),
            self.site,
            event=event,
            campaign=call.campaign.name,
            now=self._shown(call),
        )
        del values["unsubscribe_url"]
        return {**values, "step": {"name": call.answer_name}}

    def _shown(self, call: Call) -> datetime:
        """In a test run its own clock tells the time."""
        clock = pace.clock_of(call.enrollment) if call.campaign.test_of_id else None
        return clock(self.now) if clock else self.now

    def _usual(self, call: Call, values: dict[str, Any]) -> dict[str, Any]:
        """What is sent where no body was written, in the shape that Standard Webhooks advises."""
        data = {name: values[name] for name in ("contact", "event", "campaign", "step", "webhook")}
        data["event"] = {name: value for name, value in data["event"].items() if name != "webhook"}
        return {"type": "campaign.step", "timestamp": self.now.isoformat(), "data": data}

    def request(self, call: Call) -> Request:
        """The call with its headers, signed for now; raises Unwritable."""
        hook = self.hooks[call.pk]
        return Request(
            method=hook.method,
            url=call.url,
            headers={**self._headers(call, hook), **self._signed(call)},
            body=call.body.encode(),
            seconds=hook.timeout,
            most=MOST_ANSWER,
        )

    def _headers(self, call: Call, hook: Hook) -> dict[str, str]:
        found = {"User-Agent": AGENT, "Accept": "application/json"}
        if call.body or hook.method in WITH_BODY:
            found["Content-Type"] = "application/json"
        for header in hook.headers:
            value = header.value
            if header.secret:
                value = self.secrets.get((call.receiver_id, header.secret), "")
                if not value:
                    raise Unwritable(f"The secret header “{header.name}” cannot be read any more; type it in again.")
            found = {name: kept for name, kept in found.items() if name.lower() != header.name.lower()}
            found[header.name] = value
        return found

    def _signed(self, call: Call) -> dict[str, str]:
        try:
            keys = receivers.signing_keys(call.receiver, self.now)
        except Unreadable as fault:
            raise Unwritable(
                f"The signing secret of {call.receiver} cannot be read any more; have a new one made."
            ) from fault
        timestamp = int(self.now.timestamp())
        return {
            "webhook-id": call.webhook_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": signing.signature(keys, call.webhook_id, timestamp, call.body.encode()),
        }


def _tail(source: str, values: dict[str, Any]) -> str:
    tail = liquid.address_template(source).render(values)
    return quote(tail if tail.startswith("/") else f"/{tail}", safe=SAFE)
