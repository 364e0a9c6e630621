"""Counting what became of rows, with examples: the dry run's report and that of the import."""

from collections.abc import Sequence
from typing import Any

import msgspec

from contacts.import_lists import FOUND, MISSING
from contacts.import_mapping import Mapping
from contacts.import_plan import LEFT, NEW, REFUSED, SUPERSEDED, UNCHANGED, UPDATED, Fate
from contacts.import_rows import Note, Row
from lib.words import in_plain_words

WORDS = {
    NEW: "New",
    UPDATED: "Updated",
    UNCHANGED: "As they were",
    LEFT: "Left alone",
    FOUND: "Found",
    MISSING: "Not found",
    SUPERSEDED: "Said again later",
    REFUSED: "Refused",
}
EXAMPLES, PREVIEWED, REASONS = 10, 20, 100


class Reason(msgspec.Struct):
    """A sentence about rows: how many, and the first of them as (line, value)."""

    count: int = 0
    examples: list[tuple[int, str]] = []


class Tally(msgspec.Struct):
    """Counts over the parts of a file; kept as JSON."""

    counts: dict[str, int] = {}
    reasons: dict[str, Reason] = {}
    subscribed: int = 0
    joined: int = 0
    preview: list[dict[str, Any]] = []

    @classmethod
    def of(cls, kept: dict[str, Any]) -> "Tally":
        return msgspec.convert(kept, cls)

    def as_json(self) -> dict[str, Any]:
        return msgspec.to_builtins(self)

    def in_words(self) -> str:
        """“480 new, 2 refused.”"""
        counts = [f"{self.counts[what]:,} {word.lower()}" for what, word in WORDS.items() if self.counts.get(what)]
        return f"{', '.join(counts)}."

    def add(self, fates: Sequence[Fate]) -> None:
        for fate in fates:
            self.counts[fate.what] = self.counts.get(fate.what, 0) + 1
            for note in fate.why:
                self._note(note.reason, fate.line, note.value or fate.key)

    def _note(self, reason: str, line: int, value: str) -> None:
        if reason not in self.reasons:
            if len(self.reasons) >= REASONS:
                reason = "Other reasons: the file of results names them."
            self.reasons.setdefault(reason, Reason(examples=[]))
        kept = self.reasons[reason]
        kept.count += 1
        if len(kept.examples) < EXAMPLES:
            kept.examples.append((line, value.replace("\x00", "")))

    def show(self, fates: Sequence[Fate], rows: Sequence[Row], mapping: Mapping) -> None:
        """Keep the first rows as they would be written."""
        by_line = {row.line: row for row in rows}
        for fate in fates[: PREVIEWED - len(self.preview)]:
            row = by_line.get(fate.line)
            cells = [_cell(row, column.use, column.attribute) for column in mapping.columns if column.use != "skip"]
            why = [_said(note) for note in fate.why]
            who = fate.key.replace("\x00", "")
            self.preview.append({"line": fate.line, "who": who, "what": fate.what, "cells": cells, "why": why})

    def forget_people(self) -> None:
        """Only the counts stay."""
        self.preview = []
        for reason in self.reasons.values():
            reason.examples = []


def _cell(row: Row | None, use: str, attribute: str) -> str:
    if row is None or row.refused:
        return ""
    if use == "attribute":
        value: Any = row.patch
        for key in attribute.split("."):
            value = value.get(key) if isinstance(value, dict) else None
        return "" if value is None else in_plain_words(value)
    return ", ".join(row.tags) if use == "tags" else getattr(row, use) or ""


def _said(note: Note) -> str:
    return (f"{note.reason} ({note.value})" if note.value else note.reason).replace("\x00", "")
