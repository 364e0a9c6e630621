"""The event API in OpenAPI's words: what Segment's and RudderStack's clients send, and what they are answered."""

TEXT = {"type": "string"}
ANYTHING = {"type": "object"}
ITEM = {
    "type": "object",
    "properties": {
        "type": {"enum": ["track", "identify", "page", "screen", "group", "alias"]},
        "userId": TEXT,
        "anonymousId": TEXT,
        "previousId": TEXT,
        "groupId": TEXT,
        "event": TEXT,
        "name": TEXT,
        "messageId": TEXT,
        "timestamp": {"type": "string", "format": "date-time"},
        "sentAt": {"type": "string", "format": "date-time"},
        "properties": ANYTHING,
        "traits": ANYTHING,
        "context": ANYTHING,
        "integrations": ANYTHING,
    },
    "required": ["userId"],
}
BATCH = {
    "type": "object",
    "properties": {"batch": {"type": "array", "items": ITEM}, "sentAt": TEXT, "context": ANYTHING},
    "required": ["batch"],
}
FAULT = {
    "type": "object",
    "properties": {"error": TEXT, "message": TEXT, "code": {"type": "integer"}},
    "required": ["error", "message", "code"],
    "additionalProperties": False,
}
RECEIVED = {
    "type": "object",
    "properties": {"received": {"type": "integer"}},
    "required": ["received"],
    "additionalProperties": False,
}


def _json(schema: dict) -> dict:
    return {"application/json": {"schema": schema}}


def _answer(words: str, schema: dict) -> dict:
    return {"description": words, "content": _json(schema)}


ANSWERS = {
    "200": _answer("Received; what cannot be taken is shown under Rejected events.", RECEIVED),
    "400": _answer("Not JSON, too large, or no batch; nothing was written.", FAULT),
    "401": _answer("No key, or an unknown one.", FAULT),
    "403": _answer("The key may not add events.", FAULT),
    "429": _answer("Too many requests.", FAULT),
}


def _call(name: str, body: dict) -> dict:
    request = {"required": True, "content": _json(body)}
    return {"post": {"operationId": name, "requestBody": request, "responses": ANSWERS}}


SINGLE = ["track", "identify", "page", "screen", "group", "alias"]
WIRE = {
    "openapi": "3.0.3",
    "info": {"title": "Event API", "version": "1"},
    "paths": {
        **{f"/v1/{name}": _call(name, ITEM) for name in SINGLE},
        **{f"/v1/{name}": _call(name, BATCH) for name in ("batch", "import")},
    },
}
