"""The pipeline's stage: contacts about whom something was written that a segment reads are asked again."""

from segments import membership, reading
from segments.membership import Cause, Occasion
from segments.models import Segment


def follow(batch) -> None:
    """Pipeline stage: only the segments that read what was written, only the contacts touched."""
    written = reading.written(batch.changes, batch.events)
    readers = Segment.objects.evaluated().filter(reads__overlap=[*written])
    if reading.EVERYTHING in written:
        readers = Segment.objects.evaluated()
    touched: dict[int, set[int]] = {}
    for pk, reads in readers.values_list("pk", "reads"):
        for token in {*reads, reading.EVERYTHING} & written.keys():
            touched.setdefault(pk, set()).update(written[token])
    if touched:
        membership.settle(touched, _occasion(batch))


def _occasion(batch) -> Occasion:
    """A contact about whom only an import or a merge wrote starts nothing."""
    loud = {change.contact_id for change in batch.changes if change.triggers}
    by_contact: dict[int, str] = {}
    for change in batch.changes:
        if change.contact_id not in loud:
            merged = change.kind == change.Kind.MERGED or by_contact.get(change.contact_id) == Cause.MERGED
            by_contact[change.contact_id] = Cause.MERGED if merged else Cause.IMPORT
    hops: dict[int, int] = {}
    for event in batch.events:
        hops[event.contact_id] = max(hops.get(event.contact_id, 0), event.hops)
    return Occasion(batch.now, Cause.CHANGE, by_contact, hops)
