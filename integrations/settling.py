"""What came of pushes, written in sets: the pushes, the records, the connection, and whoever waited goes on.

Every write to a push is guarded by the fence of its claim. Enrollments are locked before pushes, as by those who leave.
"""

from collections.abc import Sequence
from datetime import datetime

import msgspec
import structlog
from django.db import connection as database
from django.db import transaction

from automation.models import Enrollment
from automation.webhooks.settling import wake
from integrations import judging
from integrations.judging import Result
from integrations.models import Connection, Push, Record

log = structlog.get_logger(__name__)
OVER = (Push.State.DONE, Push.State.FAILED)
SETTLE = """
UPDATE integrations_push p SET state = n.state, due_at = n.due_at, lease_until = NULL, fence = p.fence + 1,
    tries = p.tries + n.made::int, reason = n.sentence, settled_at = n.settled_at, alone = false, losses = 0,
    external_id = n.external_id, link = n.link, sent = CASE WHEN n.made THEN n.sent ELSE p.sent END
FROM jsonb_to_recordset(%s::jsonb) AS n(id uuid, fence int, state text, due_at timestamptz, made boolean, sentence text,
    settled_at timestamptz, external_id text, link text, sent jsonb)
WHERE p.id = n.id AND p.fence = n.fence AND p.state = 'leased'
RETURNING p.id
"""


def settle(results: Sequence[Result], now: datetime) -> None:
    """Write down what came of pushes of one connection; a fixed number of queries."""
    if not results:
        return
    with transaction.atomic():
        # All of them, so that whoever leaves a campaign meanwhile and we take the pushes in one order.
        ids = sorted({one.push.enrollment_id for one in results})
        list(Enrollment.objects.filter(pk__in=ids).order_by("pk").select_for_update(no_key=True).values_list("pk"))
        settled = _settled(results, now)
        _remember(results, now)
        wake([one.push for one in results if one.state in OVER and one.push.pk in settled], now)
    _note_connection(results, now)


def _settled(results: Sequence[Result], now: datetime) -> set:
    with database.cursor() as cursor:
        cursor.execute(SETTLE, [msgspec.json.encode([_row(one, now) for one in results]).decode()])
        return {pk for (pk,) in cursor.fetchall()}


def _row(result: Result, now: datetime) -> dict:
    over = result.state != Push.State.QUEUED
    return {
        "id": result.push.pk,
        "fence": result.push.fence,
        "state": result.state,
        "due_at": None if over else result.due_at,
        "made": result.made,
        "sentence": result.sentence[:400].replace("\x00", ""),
        "settled_at": now if over else None,
        "external_id": result.external_id[:200],
        "link": result.link[:500],
        "sent": result.sent,
    }


def _remember(results: Sequence[Result], now: datetime) -> None:
    """Under what id the CRM knows them; also of a push that is another's by now, for the record is there."""
    rows = {
        (one.push.connection_id, one.push.contact_id): Record(
            connection_id=one.push.connection_id,
            contact_id=one.push.contact_id,
            external_id=one.external_id[:200],
            link=one.link[:500],
            written_at=now,
        )
        for one in results
        if one.external_id
    }
    Record.objects.bulk_create(
        rows.values(),
        update_conflicts=True,
        unique_fields=["connection", "contact"],
        update_fields=["external_id", "link", "written_at"],
    )
    if lost := [one.push for one in results if one.forget]:
        theirs = Record.objects.filter(contact__in={push.contact_id for push in lost})
        theirs.filter(connection=lost[0].connection_id).delete()


def _note_connection(results: Sequence[Result], now: datetime) -> None:
    """One alarm when it is paused; a connection that works again rests no more."""
    found, row = list(results), results[0].push.connection
    this = Connection.objects.filter(pk=row.pk)
    if why := judging.pauses(found):
        if this.pause(why, now):
            log.error("connection.paused", connection=row.name, because=why)
    elif rests := judging.rests(found):
        this.update(rests_until=rests)
    elif row.rests_until and any(one.made for one in found):
        this.update(rests_until=None)
