"""Bringing people by file: received, mapped, tried, imported, forgotten.

The file lies in the database, in parts of some thousand rows. The dry run and the import are jobs that take a
part a transaction: what a killed worker did is either committed with its progress, or done again.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import IO, Any

import msgspec
from django.db import transaction

from contacts import import_files, import_guesses
from contacts.import_files import Line
from contacts.import_mapping import Mapping
from contacts.import_models import Import, ImportPart
from contacts.import_tally import Tally
from lib.registry import Registry
from ops import jobs

CHECK, IMPORT = "contacts.check_import", "contacts.import"
PART_ROWS, PART_BYTES = 5000, 4_000_000
KEPT = timedelta(days=30)
WIPED_AT_ONCE = 20


@dataclass(frozen=True)
class Destination:
    """Where the people of a file may be put, such as static segments; an app above registers it.

    `choices()` are (id, name); `add(id, contact_ids, now, user)` adds those who are not in it yet, inside the
    transaction of the rows.
    """

    key: str
    label: str
    choices: Callable[[], Iterable[tuple[int, str]]]
    add: Callable[[int, Sequence[int], datetime, Any], object]


DESTINATIONS: Registry[Destination] = Registry("destination of imports")


# --- what a person does ---


@transaction.atomic
def receive(file: IO[bytes], name: str, kind: str, user, now: datetime, destination: str = "") -> Import:
    """Keep a file, to be mapped; raises NotReadable."""
    table = import_files.look(file)
    columns = import_guesses.describe(table.names, import_files.rows(file, table))
    whole = Import.objects.create(
        kind=kind, file_name=name[:200], encoding=table.encoding, delimiter=table.delimiter, columns=columns,
        mapping=msgspec.to_builtins(Mapping(destination=destination)), created_by=user, created_at=now,
    )  # fmt: skip
    for number, lines in enumerate(_parts(import_files.rows(file, table))):
        ImportPart.objects.create(whole=whole, number=number, rows=msgspec.json.encode(lines).decode())
        whole.rows += len(lines)
    whole.save(update_fields=["rows"])
    return whole


@transaction.atomic
def try_out(whole: Import, mapping: Mapping, user, now: datetime) -> None:
    """Say what the columns are, and start the dry run; one that is under way ends."""
    if whole.check_job:
        jobs.cancel(whole.check_job.pk)
    whole.mapping, whole.expected = msgspec.to_builtins(mapping), {}
    whole.check_job = jobs.start(CHECK, f"Dry run of {whole}", {"import": whole.pk}, user, now)
    whole.save(update_fields=["mapping", "expected", "check_job"])


@transaction.atomic
def start(whole: Import, user, now: datetime) -> bool:
    """Import what was tried out; False when somebody did that already."""
    held = Import.objects.select_for_update().get(pk=whole.pk)
    if held.stage != "checked":
        return False
    held.started_at = now
    held.import_job = jobs.start(IMPORT, f"Import of {whole}", {"import": whole.pk}, user, now)
    held.save(update_fields=["import_job", "started_at"])
    return True


def cancel(whole: Import) -> bool:
    """Stop the dry run or the import after the part in hand; False when it had ended."""
    job = whole.import_job or whole.check_job
    return job is not None and jobs.cancel(job.pk)


def wipe(now: datetime) -> None:
    """Delete files and names of people that are kept for 30 days already; counts stay."""
    old = Import.objects.filter(wiped_at=None, created_at__lt=now - KEPT).order_by("created_at")
    for whole in old.select_related("check_job", "import_job")[:WIPED_AT_ONCE]:
        forget(whole, now)


@transaction.atomic
def forget(whole: Import, now: datetime) -> None:
    """Delete the file with everything that names people; what is under way ends."""
    cancel(whole)
    whole.parts.all().delete()
    for column in whole.columns:
        column["samples"] = []
    for name in ("expected", "became"):
        tally = Tally.of(getattr(whole, name))
        tally.forget_people()
        setattr(whole, name, tally.as_json())
    whole.wiped_at = now
    whole.save(update_fields=["columns", "expected", "became", "wiped_at"])


def _parts(lines: Iterator[Line]) -> Iterator[list[Line]]:
    part, size = [], 0
    for line in lines:
        part.append(line)
        size += sum(map(len, line[1]))
        if len(part) >= PART_ROWS or size >= PART_BYTES:
            yield part
            part, size = [], 0
    if part:
        yield part
