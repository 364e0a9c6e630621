"""Reading what people call a CSV file: its encoding, its separator, its header, its rows.

Whatever is wrong with the file as a whole is one NotReadable; what is wrong with one row is found later.
"""

import codecs
import csv
import io
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import IO, NamedTuple

from contacts.addresses import NotAnAddress, normalise

MAX_BYTES, MAX_ROWS, MAX_COLUMNS = 50 * 1024 * 1024, 1_000_000, 200
LOOK = 64 * 1024
DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
ENCODINGS = {"utf-8-sig": "UTF-8", "utf-16": "UTF-16", "utf-16-le": "UTF-16", "utf-16-be": "UTF-16"}
ENCODINGS["cp1252"] = "Windows-1252"
OTHER_FORMATS = {
    b"PK": "an Excel workbook or a ZIP archive",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"%PDF": "a PDF",
    b"\x1f\x8b": "a compressed archive",
}
END = "\x00end"  # no cell of a text file is that
Line = tuple[int, list[str]]


class NotReadable(ValueError):
    """Says in one sentence why a file cannot be read, and what to do."""


class Table(NamedTuple):
    """How a file is to be read; `first` is the line where its rows begin, counting from 1."""

    encoding: str
    delimiter: str
    names: list[str]
    has_header: bool


def look(file: IO[bytes]) -> Table:
    """Encoding, separator and the columns' names; raises NotReadable."""
    encoding = _encoding(file)
    sample = _sample(file, encoding)
    delimiter = _delimiter(sample)
    table = Table(encoding, delimiter, [], True)
    try:
        header = next((cells for _, cells in _lines(file, table) if any(cells)), [])
    except csv.Error:
        raise NotReadable("A cell of the first line is far too long: there is a quotation mark too many or too few.")
    if not header:
        raise NotReadable("The file is empty: choose one with a header and at least one row.")
    if len(header) > MAX_COLUMNS:
        raise NotReadable(f"The file has {len(header):,} columns; keep at most {MAX_COLUMNS}.")
    has_header = not any(map(_is_address, header))
    return table._replace(names=_names(header) if has_header else _names([""] * len(header)), has_header=has_header)


def rows(file: IO[bytes], table: Table) -> Iterator[Line]:
    """Every row that says something, with the line it begins in; raises NotReadable on the way."""
    begins = 1
    waits_for_header, count = table.has_header, 0
    try:
        for begins, cells in _lines(file, table):
            if not any(cells) or (len(cells) == 1 and not cells[0].strip()):
                continue
            if waits_for_header:
                waits_for_header = False
                continue
            count += 1
            if count > MAX_ROWS:
                raise NotReadable(f"The file has more than {MAX_ROWS:,} rows; split it.")
            yield begins, cells[: MAX_COLUMNS + 1]
    except csv.Error:
        raise NotReadable(
            f"The quotation mark that opens after line {begins:,} is not closed, or a cell there has more than "
            "100,000 characters; mend that line."
        )
    if not count:
        raise NotReadable("The file has a header but no rows below it.")


def _lines(file: IO[bytes], table: Table) -> Iterator[Line]:
    """Every line as cells, also blank ones; a cell may go over several lines of the file."""
    file.seek(0)
    text = io.TextIOWrapper(_Kept(file), encoding=table.encoding, newline="")  # type: ignore[type-var]
    reader = csv.reader(_without_hint(chain(text, ["\n", END])), delimiter=table.delimiter)
    begins = 1
    try:
        for cells in reader:
            if cells == [END]:
                return
            if cells and cells[-1].endswith(END):
                raise NotReadable(
                    f"A quotation mark that opens in line {begins:,} is never closed; add it or remove it."
                )
            yield begins, cells
            begins = reader.line_num + 1
    finally:
        text.detach()


def _without_hint(lines: Iterable[str]) -> Iterator[str]:
    """Excel's first line `sep=;` is for Excel; an empty line in its place keeps the count."""
    for n, line in enumerate(lines):
        yield "\n" if n == 0 and line.lower().startswith("sep=") else line


class _Kept(io.RawIOBase):
    """The upload as TextIOWrapper wants a file; it does not close it."""

    def __init__(self, file: IO[bytes]):
        self.file = file

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        return self.file.read(size)

    def read1(self, size: int = -1) -> bytes:
        return self.file.read(LOOK)


# --- encoding ---


def _encoding(file: IO[bytes]) -> str:
    file.seek(0)
    first = file.read(LOOK)
    if not first.strip():
        raise NotReadable("The file is empty: choose one with a header and at least one row.")
    for magic, name in OTHER_FORMATS.items():
        if first.startswith(magic):
            raise NotReadable(f"The file is {name}, whatever its name says: save it as CSV (UTF-8) and choose that.")
    if first.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        candidates = ["utf-16"]
    elif unmarked := _unmarked_utf16(first):
        candidates = [unmarked]
    else:
        candidates = ["utf-8-sig", "cp1252"]
    for encoding in candidates:
        if _decodes(file, encoding):
            return encoding
    raise NotReadable("The file is neither UTF-8, UTF-16 nor Windows-1252 text: save it as CSV (UTF-8).")


def _unmarked_utf16(first: bytes) -> str:
    """UTF-16 without its mark shows by the NULs of its Latin letters, which no other text has."""
    nuls = first.count(0)
    if nuls * 5 < len(first):
        if nuls > max(3, len(first) // 100):
            raise NotReadable("The file is not text: save it as CSV (UTF-8) and choose that file.")
        return ""
    return "utf-16-le" if first[1::2].count(0) >= first[0::2].count(0) else "utf-16-be"


def _decodes(file: IO[bytes], encoding: str) -> bool:
    file.seek(0)
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        while block := file.read(1024 * 1024):
            decoder.decode(block)
        decoder.decode(b"", final=True)
    except UnicodeError:
        return False
    return True


def _sample(file: IO[bytes], encoding: str) -> list[str]:
    """The first lines as text, without the one that was cut."""
    file.seek(0)
    text = codecs.getincrementaldecoder(encoding)().decode(file.read(LOOK))
    found = text.splitlines(keepends=True)
    return found[:-1] if len(found) > 1 and len(text) > LOOK // 4 else found


# --- separator and header ---


def _delimiter(sample: list[str]) -> str:
    hint = sample[0].strip().lower() if sample else ""
    if hint.startswith("sep=") and hint[4:5] in DELIMITERS:
        return hint[4]
    return max(DELIMITERS, key=lambda delimiter: _fits(sample, delimiter))


def _fits(sample: list[str], delimiter: str) -> tuple[float, int]:
    """How well a separator explains the sample: the share of rows as wide as the first, then the width."""
    try:
        found = [cells for cells in islice(csv.reader(sample, delimiter=delimiter), 50) if cells]
    except csv.Error:
        return 0, 0
    width = len(found[0]) if found else 0
    if width < 2:
        return 0, width
    return sum(len(cells) == width for cells in found) / len(found), width


def _names(header: list[str]) -> list[str]:
    names = [cell.replace("\x00", "").strip()[:120] or f"Column {n}" for n, cell in enumerate(header, start=1)]
    seen: set[str] = set()
    for name in names:
        if name.lower() in seen:
            raise NotReadable(f"Two columns are called “{name}”: give each a name of its own.")
        seen.add(name.lower())
    return names


def _is_address(cell: str) -> bool:
    try:
        return "@" in cell and bool(normalise(cell))
    except NotAnAddress:
        return False
