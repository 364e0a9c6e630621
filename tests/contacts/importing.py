"""Files as people bring them, and imports as the admin starts them, worked off at once."""

import csv
import io

import msgspec

from contacts import importing
from contacts.import_mapping import Column, Mapping
from contacts.import_models import Import
from contacts.models import Contact
from ops import jobs
from tests.factories import NOW


def csv_file(*rows, encoding="utf-8", delimiter=",") -> io.BytesIO:
    """`csv_file("id,email", ["7", "ann@example.com"])`; texts are lines as they are."""
    text = io.StringIO()
    for row in rows:
        text.write(row + "\n") if isinstance(row, str) else csv.writer(text, delimiter=delimiter).writerow(row)
    return io.BytesIO(text.getvalue().encode(encoding))


def received(*rows, kind="contacts", user=None, **options) -> Import:
    return importing.receive(csv_file(*rows, **options), "people.csv", kind, user, NOW)


def guessed(whole: Import, **options) -> Mapping:
    """As the form proposes it, with what the test chooses."""
    columns = [Column(one["use"], one["attribute"], one["type"]) for one in whole.columns]
    return msgspec.structs.replace(whole.chosen, columns=columns, **options)


def work(now=NOW) -> None:
    while jobs.is_due(now):
        jobs.run_due(now)


def tried(whole: Import, now=NOW, **options) -> Import:
    importing.try_out(whole, guessed(whole, **options), whole.created_by, now)
    work(now)
    return Import.objects.select_related("check_job", "import_job").get(pk=whole.pk)


def imported(*rows, now=NOW, kind="contacts", user=None, **options) -> Import:
    """Received, tried out, imported."""
    whole = tried(received(*rows, kind=kind, user=user), now, **options)
    assert whole.stage == "checked", whole.check_job.result
    assert importing.start(whole, user, now)
    work(now)
    return Import.objects.select_related("check_job", "import_job").get(pk=whole.pk)


def fates(whole: Import) -> dict[int, str]:
    """Line → what became of it."""
    parts = whole.parts.order_by("number").values_list("fates", flat=True)
    return {line: what for fates in parts for line, _, what, _ in msgspec.json.decode(fates)}


def by_id(value: str) -> Contact:
    return Contact.objects.select_related("address").get(identities__kind="user", identities__value=value)
