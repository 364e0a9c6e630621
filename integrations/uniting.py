"""Merge: the winner keeps the record by which the CRM knows it, or takes the loser's where it has none."""

from datetime import datetime

from integrations.models import Push, Record


def unite(winner_id: int, loser_id: int, now: datetime) -> None:
    """A merge step: records and pushes of the loser become the winner's."""
    kept = list(Record.objects.filter(contact_id=winner_id).values_list("connection", flat=True))
    Record.objects.filter(contact_id=loser_id, connection__in=kept).delete()
    Record.objects.filter(contact_id=loser_id).update(contact_id=winner_id)
    Push.objects.filter(contact_id=loser_id).update(contact_id=winner_id)
