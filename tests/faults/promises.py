"""The six promises, asserted against what the mail server accepted and what the database holds."""

import re
from collections import Counter

from django.db import connection

from automation.models import Enrollment
from campaigns import numbers
from campaigns.models import Campaign, Message, MessageBody
from contacts.models import ConsentRecord, Contact
from tests.faults.scene import Scene

MARKED_AFTER_UNSUBSCRIBING = """
SELECT count(*) FROM fault_mark m JOIN contacts_consentrecord c ON c.address_id = m.address_id
WHERE c.action = 'withdrawn' AND pg_xact_commit_timestamp(m.xmin) > pg_xact_commit_timestamp(c.xmin)
"""


def check(scene: Scene) -> dict[str, int]:
    """Raises AssertionError with the promise that was broken; returns the figures of the run."""
    accepted = Counter(key_of(mail.data) for mail in scene.server.accepted)
    rows = [(pk.hex, state, outcome) for pk, state, outcome in Message.objects.values_list("pk", "state", "outcome")]
    by_state = {state: {which for which, is_, _ in rows if is_ == state} for state in Message.State.values}
    sent, unknown, not_sent = by_state["sent"], by_state["unknown"], by_state["not_sent"]
    twice = [which for which, count in accepted.items() if count > 1]
    reasons = Counter(outcome for _, state, outcome in rows if state == "not_sent")

    assert not twice, f"P1: accepted twice: {twice}"
    assert len(rows) == len(sent) + len(unknown) + len(not_sent), f"P2: stuck: {scene.standing()}"
    assert not Enrollment.objects.active().exists(), "P2: an enrollment is stuck"
    assert scene.some_leave or len(rows) == scene.people, f"lost: {scene.people} people, {len(rows)} mails"
    assert not left_out(scene), f"lost: neither in the campaign nor refused with a reason: {left_out(scene)}"
    assert sent <= set(accepted), f"P3: sent, but not accepted: {sent - set(accepted)}"
    assert not not_sent & set(accepted), f"P3: not sent, but accepted: {not_sent & set(accepted)}"
    assert unknown <= scene.in_hand, f"P4: unknown, but was not being handed over: {why(unknown - scene.in_hand)}"
    assert late_marks() == 0, "P5: marked after an unsubscription had committed"
    assert counted_in_the_admin() == (len(sent), 0, len(unknown) + len(not_sent)), "P6: the admin counts otherwise"
    assert MessageBody.objects.filter(message__state="sent").count() == len(sent), "P6: what was sent can be read"
    withdrawn = set(ConsentRecord.objects.filter(action="withdrawn").values_list("address__email", flat=True))
    told = Message.objects.filter(outcome="unsubscribed").values_list("address__email", flat=True)
    assert set(told) <= withdrawn, "nobody is left out who did not ask for it"
    lost = {which for which, *_ in rows} - set(accepted) - unknown - not_sent
    assert not lost, f"lost: {lost}"
    assert scene.server.violations == [], f"what no client may do: {scene.server.violations}"
    return {
        "mails": len(rows), "kills": scene.kills, "accepted": len(accepted), "twice": 0, "lost": 0,
        "unknown": len(unknown), "unknown_arrived": len(unknown & set(accepted)), "in_hand": len(scene.in_hand),
        "unsubscribed": len(withdrawn), "not_sent": dict(reasons),
    }  # fmt: skip


def left_out(scene: Scene) -> set[str]:
    """Who signed up and is nowhere; a merged contact is where the one is that it became."""
    if not scene.some_leave:
        return set()
    here = Contact.objects.filter(identities__kind="user_id", merged_into=None).filter(enrollments=None, refusals=None)
    return set(here.values_list("address__email", flat=True))


def key_of(data: bytes) -> str:
    """The message's row, of which its Message-ID is made."""
    found = re.search(rb"^Message-ID:\s*<(\w+)@", data, re.IGNORECASE | re.MULTILINE)
    assert found, data[:500]
    return found[1].decode()


def why(messages: set[str]) -> dict[str, str]:
    return dict(Message.objects.filter(pk__in=messages).values_list("address__email", "reason"))


def late_marks() -> int:
    with connection.cursor() as cursor:
        cursor.execute(MARKED_AFTER_UNSUBSCRIBING)
        return cursor.fetchone()[0]


def counted_in_the_admin() -> tuple[int, int, int]:
    """Sent, waiting and failed, as the campaigns' pages show them."""
    steps = [step for campaign in Campaign.objects.all() for step in numbers.by_step(campaign).values()]
    return sum(n.sent for n in steps), sum(n.waiting for n in steps), sum(n.failed_total for n in steps)
