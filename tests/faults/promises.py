"""The six promises, asserted against what the mail server accepted and what the database holds."""

from collections import Counter

from django.db import connection

from automation.models import Enrollment
from campaigns import numbers
from campaigns.models import Message, MessageBody
from contacts.models import ConsentRecord
from tests.faults.scene import Scene

MARKED_AFTER_UNSUBSCRIBING = """
SELECT count(*) FROM fault_mark m JOIN contacts_consentrecord c ON c.address_id = m.address_id
WHERE c.action = 'withdrawn' AND pg_xact_commit_timestamp(m.xmin) > pg_xact_commit_timestamp(c.xmin)
"""


def check(scene: Scene) -> dict[str, int]:
    """Raises AssertionError with the promise that was broken; returns the figures of the run."""
    accepted = Counter(mail.recipient for mail in scene.server.accepted)
    rows = list(Message.objects.values_list("address__email", "state", "outcome"))
    by_state = {state: {who for who, is_, _ in rows if is_ == state} for state in Message.State.values}
    sent, unknown, not_sent = by_state["sent"], by_state["unknown"], by_state["not_sent"]
    twice = [who for who, count in accepted.items() if count > 1]
    reasons = Counter(outcome for _, state, outcome in rows if state == "not_sent")

    assert not twice, f"P1: accepted twice: {twice}"
    assert len(rows) == scene.people == len(sent) + len(unknown) + len(not_sent), f"P2: stuck: {scene.standing()}"
    assert not Enrollment.objects.exclude(state="finished").exists(), "P2: an enrollment is stuck"
    assert sent <= set(accepted), f"P3: sent, but not accepted: {sent - set(accepted)}"
    assert not not_sent & set(accepted), f"P3: not sent, but accepted: {not_sent & set(accepted)}"
    assert len(unknown) <= scene.in_flight, f"P4: {len(unknown)} unknown of {scene.in_flight} in flight"
    assert late_marks() == 0, "P5: marked after an unsubscription had committed"
    assert counted_in_the_admin(scene) == (len(sent), 0, len(unknown) + len(not_sent)), "P6: the admin counts otherwise"
    assert MessageBody.objects.filter(message__state="sent").count() == len(sent), "P6: what was sent can be read"
    withdrawn = set(ConsentRecord.objects.filter(action="withdrawn").values_list("address__email", flat=True))
    told = {who for who, _, outcome in rows if outcome == "unsubscribed"}
    assert told <= withdrawn, "nobody is left out who did not ask for it"
    lost = {who for who, *_ in rows} - set(accepted) - unknown - not_sent
    assert not lost, f"lost: {lost}"
    assert scene.server.violations == [], f"what no client may do: {scene.server.violations}"
    return {
        "mails": len(rows), "kills": scene.kills, "accepted": len(accepted), "twice": 0, "lost": 0,
        "unknown": len(unknown), "unknown_arrived": len(unknown & set(accepted)), "in_flight": scene.in_flight,
        "unsubscribed": len(withdrawn), "not_sent": dict(reasons),
    }  # fmt: skip


def late_marks() -> int:
    with connection.cursor() as cursor:
        cursor.execute(MARKED_AFTER_UNSUBSCRIBING)
        return cursor.fetchone()[0]


def counted_in_the_admin(scene: Scene) -> tuple[int, int, int]:
    """Sent, waiting and failed, as the campaign's page shows them."""
    steps = numbers.by_step(scene.campaign).values()
    return sum(n.sent for n in steps), sum(n.waiting for n in steps), sum(n.failed_total for n in steps)
