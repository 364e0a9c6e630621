"""A HubSpot on loopback: keeps contacts by e-mail address and record id, and answers as its description says."""

import json
from collections.abc import Callable
from typing import Any

from tests.http_receiver import Got, Receiver, answer

PROPERTIES = {"email", "firstname", "lastname", "lifecyclestage", "last_plan", "plan", "tags", "total"}
ROOT = "/crm/objects/2026-09/contacts"
TOKEN = "pat-eu1-secret"


class HubSpot(Receiver):
    """`faults` are answered first, one a request; then it does as it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.records: dict[str, dict[str, str]] = {}
        self.faults: list[Callable] = []
        self.partial = True  # a batch of which some are wrong: 207, or 400 for all of it
        self.number = 500

    @property
    def writes(self) -> list[Got]:
        return [got for got in self.got if got.method == "POST"]

    def by_email(self, email: str) -> dict[str, str]:
        [found] = [record for record in self.records.values() if record["email"] == email]
        return found

    def _take(self, got: Got):
        with self.lock:
            self.got.append(got)
            return self.faults.pop(0) if self.faults else answer(*self._answered(got))

    def _answered(self, got: Got) -> tuple[int, dict[str, Any]]:
        if got.headers["Authorization"] != f"Bearer {TOKEN}":
            return 401, {"status": "error", "category": "INVALID_AUTHENTICATION", "message": "Bad token."}
        if got.path == "/account-info/2026-09/details":
            return 200, {"portalId": 77, "uiDomain": "app-eu1.hubspot.com", "accountType": "STANDARD"}
        if got.path == f"{ROOT}?limit=1":
            return 200, {"results": []}
        verb = got.path.removeprefix(f"{ROOT}/batch/")
        assert verb in ("upsert", "update"), got.path
        inputs = got.json["inputs"]
        assert 0 < len(inputs) <= 100
        if len({one["id"].lower() for one in inputs}) < len(inputs):
            return 400, {"status": "error", "category": "VALIDATION_ERROR", "message": "Duplicate IDs found in batch."}
        return self._written(verb, inputs)

    def _written(self, verb: str, inputs: list[dict]) -> tuple[int, dict[str, Any]]:
        faults = [fault for one in inputs if (fault := self._fault(verb, one))]
        if faults and not self.partial:
            return 400, {**faults[0], "context": {}}
        traced = {fault["context"]["objectWriteTraceId"][0] for fault in faults}
        results = [self._record(verb, one) for one in inputs if one["objectWriteTraceId"] not in traced]
        found = {"status": "COMPLETE", "results": results}
        return (207, {**found, "numErrors": len(faults), "errors": faults}) if faults else (200, found)

    def _fault(self, verb: str, one: dict) -> dict[str, Any] | None:
        def fault(category: str, message: str) -> dict[str, Any]:
            trace = {"objectWriteTraceId": [one["objectWriteTraceId"]]}
            return {"status": "error", "category": category, "message": message, "context": trace}

        if verb == "update" and one["id"] not in self.records:
            return fault("OBJECT_NOT_FOUND", "Object not found.")
        owners = [pk for pk, kept in self.records.items() if kept["email"] == one["properties"].get("email")]
        if verb == "update" and owners and owners != [one["id"]]:
            return fault("CONFLICT", f"Contact already exists. Existing ID: {owners[0]}")
        parts = [
            {"isValid": False, "error": "PROPERTY_DOESNT_EXIST", "name": name, "message": f'"{name}" does not exist'}
            for name in one["properties"]
            if name not in PROPERTIES
        ]
        if "refused" in one["properties"].get("email", ""):
            parts.append({"isValid": False, "error": "INVALID_EMAIL", "name": "email", "message": "Email is invalid"})
        return fault("VALIDATION_ERROR", f"Property values were not valid: {json.dumps(parts)}") if parts else None

    def _record(self, verb: str, one: dict) -> dict[str, Any]:
        pk = one["id"] if verb == "update" else self._known(one["id"])
        new = not pk
        if not pk:
            self.number += 1
            pk = str(self.number)
        self.records[pk] = {**self.records.get(pk, {}), **one["properties"]}
        return {
            "id": pk, "new": new, "objectWriteTraceId": one["objectWriteTraceId"], "properties": self.records[pk],
        }  # fmt: skip

    def _known(self, email: str) -> str:
        return next((pk for pk, kept in self.records.items() if kept["email"] == email), "")
