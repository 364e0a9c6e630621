"""What an import found or did, as the pages tell it, and as a file."""

import csv
import io
from collections.abc import Iterator
from typing import Any

import msgspec

from contacts.import_lists import FOUND, MISSING
from contacts.import_models import Import
from contacts.import_plan import LEFT, NEW, REFUSED, SUPERSEDED, UNCHANGED, UPDATED, Fate
from contacts.import_tally import WORDS, Tally
from contacts.importing import DESTINATIONS
from contacts.models import Topic

TAKEN = (NEW, UPDATED, UNCHANGED, FOUND)
PROBLEMS = (LEFT, MISSING, SUPERSEDED, REFUSED)
COLOURS = {NEW: "success", FOUND: "success", UPDATED: "info", REFUSED: "danger", MISSING: "warning", LEFT: "warning"}
# A spreadsheet takes a cell that begins so for a formula, also after spaces.
DANGEROUS = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")  # noqa: RUF001  the wide ones, too
_fates = msgspec.json.Decoder(list[Fate])


def report(whole: Import, kept: dict[str, Any]) -> dict[str, Any]:
    """Everything that a page says about a dry run or an import."""
    tally = Tally.of(kept)
    used = [(column, name["name"]) for column, name in zip(whole.chosen.columns, whole.columns, strict=False)]
    return {
        "counts": [(WORDS[what], tally.counts[what]) for what in WORDS if tally.counts.get(what)],
        "taken": _people(whole, tally),
        "lines": sentences(whole, tally),
        "reasons": sorted(tally.reasons.items(), key=lambda item: -item[1].count),
        "headers": [name for column, name in used if column.use != "skip"],
        "preview": [
            row | {"what": WORDS[row["what"]], "colour": COLOURS.get(row["what"], "")} for row in tally.preview
        ],
    }


def _people(whole: Import, tally: Tally) -> int:
    """A row of a list may name several contacts, and several rows one."""
    return tally.joined if whole.kind == Import.Kind.LIST else sum(tally.counts.get(what, 0) for what in TAKEN)


def sentences(whole: Import, tally: Tally) -> list[str]:
    """What happens besides writing what stands in the rows."""
    lines, chosen = [], whole.chosen
    if chosen.topic:
        topic = Topic.objects.filter(pk=chosen.topic).first() or "a topic that is not there any more"
        lines.append(f"{_addresses(tally.subscribed)} subscribed to “{topic}”.")
    if name := destination_name(chosen.destination):
        lines.append(f"Everybody who is taken is added to “{name}”.")
    if chosen.tags:
        names = ", ".join(f"“{tag}”" for tag in chosen.tags)
        lines.append(f"Everybody who is taken gets the tag{'s' * (len(chosen.tags) > 1)} {names}.")
    return lines


def destination_name(destination: str) -> str:
    key, _, pk = destination.partition(":")
    if not key or key not in DESTINATIONS:
        return ""
    return dict(DESTINATIONS[key].choices()).get(int(pk), "a segment that is not there any more")


def as_csv(whole: Import, only_problems: bool) -> Iterator[str]:
    """A line a row of the file: what became of it and why; fit for spreadsheets."""
    yield "\ufeff" + _line(["line", "id or e-mail", "what became of it", "why"])
    for fates in whole.parts.order_by("number").values_list("fates", flat=True).iterator(chunk_size=1):
        for fate in _fates.decode(fates):
            if only_problems and fate.what not in PROBLEMS and not fate.why:
                continue
            why = "; ".join(f"{note.reason} ({note.value})" if note.value else note.reason for note in fate.why)
            yield _line([str(fate.line), fate.key, WORDS[fate.what].lower(), why])


def _line(cells: list[str]) -> str:
    text = io.StringIO()
    csv.writer(text).writerow([f"'{cell}" if cell.lstrip(" ").startswith(DANGEROUS) else cell for cell in cells])
    return text.getvalue().replace("\x00", "")


def _addresses(count: int) -> str:
    return "1 address is" if count == 1 else f"{count:,} addresses are"
