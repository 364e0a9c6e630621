"""What a worker does with an uploaded file: one step a transaction, of a dry run or of the import itself."""

from datetime import datetime

import msgspec

from contacts import import_duplicates, import_lists
from contacts.import_duplicates import LATER, read_lines
from contacts.import_mapping import Mapping
from contacts.import_models import Import, ImportPart
from contacts.import_plan import SUPERSEDED, Fate, Plan
from contacts.import_rows import Note, RowReader, shown
from contacts.import_tally import Tally
from contacts.import_writing import write
from contacts.importing import DESTINATIONS
from contacts.models import Topic
from ops import jobs
from ops.models import Job, SiteSettings

PARTS_COMPARED_AT_ONCE = 20


def check(job: Job, now: datetime) -> bool:
    """One step of a dry run: first which rows are about the same person, then what each part would do."""
    whole = _of(job, "check_job_id")
    job.total, number = whole.rows, job.cursor.get("part", 0)
    if not job.cursor.get("compared"):
        return _compare(job, whole, number)
    part = whole.parts.filter(number=number).first()
    if part is None:
        return True
    tally = Tally.of(whole.expected)
    if whole.kind == Import.Kind.LIST:
        fates, contacts = _look_up(whole, part, tally)
        tally.joined += len(contacts)
    else:
        fates = _plan(whole, part, tally)
    tally.add(fates)
    whole.expected = tally.as_json()
    whole.save(update_fields=["expected"])
    job.done, job.cursor = job.done + len(fates), {"compared": True, "part": number + 1}
    return not whole.parts.filter(number=number + 1).exists()


def carry_out(job: Job, now: datetime) -> bool:
    """One step of an import: one part."""
    whole = _of(job, "import_job_id")
    number = job.cursor.get("part", 0)
    part = whole.parts.filter(number=number).first()
    if part is None:
        raise jobs.JobFailed("The file was deleted meanwhile; upload it again.")
    tally = Tally.of(whole.became)
    if whole.kind == Import.Kind.LIST:
        fates, contacts = _look_up(whole, part, tally)
    else:
        fates, contacts = _write(whole, part, tally, now)
    _put(whole, contacts, now)
    tally.joined += len(contacts) if whole.mapping.get("destination") else 0
    tally.add(fates)
    whole.became, part.fates = tally.as_json(), msgspec.json.encode(fates).decode()
    whole.save(update_fields=["became"])
    part.save(update_fields=["fates"])
    job.total, job.done, job.cursor = whole.rows, job.done + len(fates), {"part": number + 1}
    job.result = tally.in_words()
    return not whole.parts.filter(number=number + 1).exists()


def _of(job: Job, column: str) -> Import:
    whole = Import.objects.filter(pk=job.arguments["import"]).first()
    if whole is None or getattr(whole, column) != job.pk:
        raise jobs.JobFailed("The columns were mapped anew meanwhile; another dry run tells what would happen.")
    return whole


def _mapping(whole: Import) -> Mapping:
    mapping = whole.chosen
    if mapping.topic and not Topic.objects.filter(pk=mapping.topic).exists():
        raise jobs.JobFailed("The topic that was chosen is not there any more; choose another.")
    return mapping


def _read(whole: Import, part: ImportPart, mapping: Mapping):
    """The rows that count, and the fates of those that a later row supersedes."""
    reader = RowReader([column["name"] for column in whole.columns], mapping, SiteSettings.get().zone)
    lines = read_lines(part)
    later = part.superseded
    if not later:
        return [reader.read(line, cells) for line, cells in lines], []
    keys = [key.removeprefix("#") for key in reader.keys(lines)]
    old = [
        Fate(line, shown(key), SUPERSEDED, [Note(LATER, f"see line {later[str(line)]:,}")])
        for (line, _), key in zip(lines, keys, strict=True)
        if str(line) in later
    ]
    return [reader.read(line, cells) for line, cells in lines if str(line) not in later], old


def _plan(whole: Import, part: ImportPart, tally: Tally) -> list[Fate]:
    mapping = _mapping(whole)
    rows, old = _read(whole, part, mapping)
    plan = Plan(rows, mapping)
    plan.work_out()
    tally.subscribed += len(plan.subscribing)
    fates = _in_order(plan.fates, old)
    tally.show(fates, rows, mapping)
    return fates


def _write(whole: Import, part: ImportPart, tally: Tally, now: datetime) -> tuple[list[Fate], list[int]]:
    mapping = _mapping(whole)
    rows, old = _read(whole, part, mapping)
    plan = write(rows, mapping, f"Import of {whole}", now)
    tally.subscribed += len(plan.subscribing)
    return _in_order(plan.fates, old), [target.id for target in plan.written if target.id]


def _look_up(whole: Import, part: ImportPart, tally: Tally) -> tuple[list[Fate], list[int]]:
    mapping = _mapping(whole)
    place = next(place for place, column in enumerate(mapping.columns) if column.use != "skip")
    fates, contacts = import_lists.look_up(read_lines(part), place)
    tally.show(fates, [], mapping)
    return fates, contacts


def _in_order(fates: list[Fate], old: list[Fate]) -> list[Fate]:
    return sorted([*fates, *old], key=lambda fate: fate.line) if old else fates


def _put(whole: Import, contacts: list[int], now: datetime) -> None:
    key, _, pk = whole.mapping.get("destination", "").partition(":")
    if not key or not contacts:
        return
    if key not in DESTINATIONS or int(pk) not in dict(DESTINATIONS[key].choices()):
        raise jobs.JobFailed("What the people were to be added to is not there any more; choose another.")
    DESTINATIONS[key].add(int(pk), contacts, now, whole.created_by)


def _compare(job: Job, whole: Import, number: int) -> bool:
    """Which rows are about the same person: some parts a step, since a large file has many."""
    parts = [] if whole.kind == Import.Kind.LIST else list(_some_parts(whole, number))
    reader = RowReader([], _mapping(whole), SiteSettings.get().zone)
    for part in parts:
        import_duplicates.note_keys(part, reader)
    job.cursor = {"part": number + len(parts)}
    if len(parts) < PARTS_COMPARED_AT_ONCE:
        import_duplicates.supersede(whole)
        job.cursor = {"compared": True}
    return False


def _some_parts(whole: Import, number: int):
    return whole.parts.filter(number__gte=number).order_by("number")[:PARTS_COMPARED_AT_ONCE]
