"""The event API that Segment's and RudderStack's clients speak: see docs/event-api.md.

What is well-formed and authenticated is answered 200, because a client repeats, or drops, whatever is not;
items that cannot be taken are shown under Rejected events.
"""

import functools
import json
import zlib
from collections.abc import Callable
from typing import Any

import msgspec
import structlog
from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from events import items, recording
from events.items import Item, Refused
from lib import clean_json, clock
from ops.authentication import count, note_use, presented
from ops.models import ApiKey

MAX_BODY, MAX_EVENTS = 500 * 1024, 2500
MAX_SHARED = 10 * MAX_BODY  # of a batch's context, times the items that inherit it
BUSY = 5  # seconds after which a client may try again
log = structlog.get_logger(__name__)


class NotTaken(Exception):
    """A request that is answered with an error: its status and a sentence."""

    def __init__(self, status: int, sentence: str, retry_after: int | None = None):
        super().__init__(sentence)
        self.status, self.retry_after = status, retry_after


class Envelope(msgspec.Struct, rename="camel"):
    """What surrounds the items; `context` and `sentAt` hold for each that has none of its own."""

    batch: list[msgspec.Raw] | None = None
    write_key: Any = None
    sent_at: Any = None
    context: Any = None


def _answered(view: Callable[..., dict]) -> Callable[..., HttpResponse]:
    """The view's object as JSON; errors as a sentence under the names that the clients look for."""

    @csrf_exempt
    @functools.wraps(view)
    def answer(request: HttpRequest, **arguments) -> HttpResponse:
        if request.method == "OPTIONS":
            return HttpResponse(status=204, headers={"Allow": "POST, OPTIONS"})
        try:
            if request.method != "POST":
                raise NotTaken(405, "Send events with POST.")
            return JsonResponse(view(request, **arguments))
        except NotTaken as fault:
            return _error(fault)
        except (OperationalError, InterfaceError) as fault:
            log.error("wire.database", fault=type(fault).__name__)
            return _error(NotTaken(503, "The database is not available; nothing was written.", BUSY))

    return answer


@_answered
def single(request: HttpRequest, kind: str) -> dict:
    """One item; the address says its kind."""
    raw, key = _body(request), _key(request)  # read first: what is left unread spoils a kept connection
    if len(raw) > items.MAX_ITEM:
        raise NotTaken(400, f"The event is larger than {items.MAX_ITEM // 1024} KB; send less in it.")
    envelope, value = parsed(raw)
    item = items.read(raw) if value is None else items.convert(value)
    if isinstance(item, Item):
        item.kind = kind
    return _record(key or _key_in_body(envelope), [item], True)


@_answered
def batch(request: HttpRequest, triggers: bool = True) -> dict:
    """Up to 2,500 items; with `triggers=False` (an import) they count, but start nothing."""
    raw, key = _body(request), _key(request)  # read first: what is left unread spoils a kept connection
    envelope, value = parsed(raw)
    key = key or _key_in_body(envelope)
    if envelope.batch is None:
        raise NotTaken(400, "The request has no “batch”; send a list of events under that name.")
    if len(envelope.batch) > MAX_EVENTS:
        raise NotTaken(400, f"The batch has more than {MAX_EVENTS:,} events; send it in parts.")
    return _record(key, inherited(envelope, value), triggers)


def _record(key: ApiKey, found: list[Item | Refused], triggers: bool) -> dict:
    trusted = key.kind == ApiKey.Kind.SERVER
    recording.record(key.source, found, clock.now(), triggers, trusted)
    note_use(key)
    return {"received": len(found)}


def inherited(envelope: Envelope, value: Any) -> list[Item | Refused]:
    """The items of a batch with what surrounds them; `value` is the decoded whole where it had to be decoded."""
    if value is None:
        found = [items.read(item) for item in envelope.batch or ()]
    else:
        found = [items.convert(item) for item in value["batch"]]
    if _size(envelope.context) * len(found) > MAX_SHARED:  # else 500 packed bytes fill 75 MB of disk
        raise NotTaken(400, "The “context” of the batch is too large for so many events; send it in parts.")
    for item in found:
        if isinstance(item, Item):
            _inherit(item, envelope)
    return found


def _size(context: Any) -> int:
    """Characters as JSON; of what is nested too deeply to tell, more than anybody may send."""
    try:
        return len(json.dumps(context))
    except RecursionError:
        return MAX_SHARED + 1


def _inherit(item: Item, envelope: Envelope) -> None:
    if item.sent_at is None:
        item.sent_at = envelope.sent_at
    if isinstance(envelope.context, dict) and envelope.context:
        item.context = {**envelope.context, **(item.context or {})}


@_answered
def nothing_here(request: HttpRequest) -> dict:
    """A slip in the address is told in the clients' own terms, not with a page."""
    raise NotTaken(404, "There is no such call; send to /v1/batch, track, identify, page, screen, group or alias.")


# --- the body ---


def _body(request: HttpRequest) -> bytes:
    raw = request.read(MAX_BODY + 1)
    encoding = request.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding == "gzip":
        raw = _unpacked(raw)
    elif encoding not in ("identity", ""):
        raise NotTaken(400, f"The content encoding “{encoding[:40]}” is not known; send gzip or none.")
    if len(raw) > MAX_BODY:
        raise NotTaken(400, f"The request is larger than {MAX_BODY // 1024} KB; send it in parts.")
    return raw


def _unpacked(raw: bytes) -> bytes:
    """Never unpacks beyond the limit, however much there is."""
    unpacker = zlib.decompressobj(wbits=31)
    try:
        text = unpacker.decompress(raw, MAX_BODY + 1)
    except zlib.error:
        raise NotTaken(400, "The request says that it is gzip, but it is not.")
    if len(text) <= MAX_BODY and not unpacker.eof:
        raise NotTaken(400, "The gzip data end too early; send all of them.")
    return text


def parsed(raw: bytes) -> tuple[Envelope, Any]:
    """The envelope; and the decoded whole where one item is so odd that only a patient parser gets by."""
    try:
        return _decoder.decode(raw), None
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        pass
    try:
        value = json.loads(raw.decode(errors="surrogateescape"))
    except RecursionError:
        raise NotTaken(400, clean_json.TOO_DEEP)
    except ValueError:
        raise NotTaken(400, "The request is not valid JSON; check quotes, commas and brackets.")
    if not isinstance(value, dict):
        raise NotTaken(400, "The request is not a JSON object; send {…}.")
    listed = value.get("batch")
    envelope = Envelope(
        [msgspec.Raw()] * len(listed) if isinstance(listed, list) else None,
        value.get("writeKey"), value.get("sentAt"), value.get("context"),
    )  # fmt: skip
    return envelope, value


_decoder = msgspec.json.Decoder(Envelope)


# --- the key ---


def _key(request: HttpRequest) -> ApiKey | None:
    """The key in the Authorization header; None: there is no such header."""
    header = request.headers.get("Authorization", "")
    return _usable(presented(header)) if header else None


def _key_in_body(envelope: Envelope) -> ApiKey:
    return _usable(envelope.write_key if isinstance(envelope.write_key, str) else "")


def _usable(text: str) -> ApiKey:
    key = ApiKey.objects.with_text(text) if text.isascii() and text.isprintable() else None
    if key is None:
        raise NotTaken(401, "This write key is not known; look it up under Settings, API keys.")
    if key.kind == ApiKey.Kind.SERVER and ApiKey.Scope.EVENTS_WRITE not in key.scopes:
        raise NotTaken(403, "This key may not add events; give it the scope events:write, or use another.")
    left, used = count(f"wire:{key.pk}", 60)
    if used > settings.EVENT_REQUESTS_PER_MINUTE:
        raise NotTaken(429, "Too many requests with this key; send larger batches.", int(left) + 1)
    return key


def _error(fault: NotTaken) -> JsonResponse:
    sentence = str(fault)
    headers = {"Retry-After": str(fault.retry_after)} if fault.retry_after else {}
    words = {"error": sentence, "message": sentence, "code": fault.status}
    return JsonResponse(words, status=fault.status, headers=headers)


# --- what the browser client asks for before it sends anything ---


def browser_settings(request: HttpRequest, write_key: str) -> JsonResponse:
    """Without “Segment.io” among the integrations the browser client stays silent."""
    segment = {"apiKey": write_key, "apiHost": f"{request.get_host()}/v1", "protocol": request.scheme}
    return JsonResponse({"integrations": {"Segment.io": segment}, "plan": {}, "edgeFunction": {}})
