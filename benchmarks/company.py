"""What the site needs before the first step: a sender, a template and the campaigns of the steps."""

import sys
from pathlib import Path

from benchmarks.load import BLAST, JOURNEY, KILLED, REPEATED, SINGLE
from campaigns import lifecycle
from campaigns.compiling import compile_email
from campaigns.document import Document, Trigger
from campaigns.linear import Row, from_rows
from campaigns.models import EmailTemplate
from lib import clock
from ops.models import SiteSettings

EXPECTED = 10_000_000  # everybody comes on the first day


def found(wait_minutes: float) -> None:
    """Runs inside the product (`manage.py shell`); the journey's second mail follows after `wait_minutes`."""
    SiteSettings.objects.update_or_create(
        id=1, defaults={"name": "Bench", "sender_email": "bench@example.com", "postal_address": "1 Bench Street"}
    )
    template = _template()
    for event in (SINGLE, JOURNEY, BLAST, KILLED, REPEATED):
        rows = [Row(template=template.pk)]
        if event == JOURNEY:
            rows.append(Row(template=template.pk, wait_amount=wait_minutes, wait_unit="minutes"))
        document = Document(name=event, triggers=[Trigger(event=event)], steps=from_rows(rows))
        lifecycle.activate(lifecycle.create(document, None, clock.now()), None, clock.now(), expected=EXPECTED)
    sys.stdout.write("founded\n")


def _template() -> EmailTemplate:
    subject, html = "News for {{ contact.first_name }}", Path(__file__).with_name("mail.html").read_text()
    return EmailTemplate.objects.create(
        name="Bench",
        subject=subject,
        html=html,
        compiled=compile_email(subject=subject, html=html, known_links=[]).to_json(),
        edited_at=clock.now(),
    )
