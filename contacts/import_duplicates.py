"""Which rows of a file are about the same person: the last of them counts.

Each row leaves eight bytes that stand for its person, so that a million rows can be compared in little memory.
"""

import hashlib
from array import array
from bisect import bisect_right
from collections.abc import Iterator

import msgspec

from contacts.import_files import Line
from contacts.import_models import Import, ImportPart
from contacts.import_rows import RowReader

LATER = "A later row is about the same person; that one counts."
SHARD = 100_000
_decoder = msgspec.json.Decoder(list[tuple[int, list[str]]])


def read_lines(part: ImportPart) -> list[Line]:
    return _decoder.decode(part.rows)


def note_keys(part: ImportPart, reader: RowReader) -> None:
    """Keep what stands for the person of each row."""
    part.keys = array("Q", map(_digest, reader.keys(read_lines(part)))).tobytes()
    part.superseded = {}
    part.save(update_fields=["keys", "superseded"])


def _digest(key: str) -> int:
    """Eight bytes that stand for a key; 0 for none. Two of a million people share them once in 30 million files."""
    return int.from_bytes(hashlib.blake2b(key.encode(), digest_size=8).digest(), "little") if key else 0


def supersede(whole: Import) -> None:
    """Note in each part which of its rows a later row supersedes; the keys have done their duty."""
    keys, begins = array("Q"), []
    for part_keys in whole.parts.order_by("number").values_list("keys", flat=True):
        begins.append(len(keys))
        keys.frombytes(bytes(part_keys))
    later = dict(_repeated(keys))
    if not later:
        return
    place_of = _Places(whole, begins)
    by_part: dict[int, dict[str, int]] = {}
    for old, new in later.items():
        number, line = place_of(old)
        by_part.setdefault(number, {})[str(line)] = place_of(new)[1]
    for number, lines in by_part.items():
        whole.parts.filter(number=number).update(superseded=lines)


class _Places:
    """Position in the file → number of the part, line; a part's lines are read once."""

    def __init__(self, whole: Import, begins: list[int]):
        self.whole, self.begins = whole, begins
        self.lines: dict[int, list[int]] = {}

    def __call__(self, position: int) -> tuple[int, int]:
        number = bisect_right(self.begins, position) - 1
        if number not in self.lines:
            self.lines[number] = [line for line, _ in read_lines(self.whole.parts.get(number=number))]
        return number, self.lines[number][position - self.begins[number]]


def _repeated(keys: array) -> Iterator[tuple[int, int]]:
    """(position, the next position with the same key); by shards, so that a million rows need little memory."""
    shards = len(keys) // SHARD + 1
    for shard in range(shards):
        last: dict[int, int] = {}
        for position, key in enumerate(keys):
            if key and key % shards == shard:
                if key in last:
                    yield last[key], position
                last[key] = position
