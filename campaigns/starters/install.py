"""Writes the starters into an empty site."""

from datetime import datetime
from pathlib import Path

from django.db import transaction

from campaigns import lifecycle
from campaigns.compiling import DEFAULT_FOOTER_HTML, compile_email
from campaigns.document import Document, Trigger
from campaigns.linear import Row, from_rows
from campaigns.models import Campaign, EmailTemplate
from campaigns.starters.welcome import MAILS, StarterMail

SHELL = Path(__file__).with_name("shell.html")


@transaction.atomic
def install(now: datetime) -> Campaign | None:
    """The Welcome sequence, as a draft: one mail at once, then one a day. None where there are campaigns already."""
    if Campaign.objects.exists() or EmailTemplate.objects.exists():
        return None
    templates = [_template(mail, now) for mail in MAILS]
    rows = [
        Row(wait_amount=1 if number else 0, wait_unit="days", template=template.pk)
        for number, template in enumerate(templates)
    ]
    document = Document(
        name="Welcome sequence",
        type=Campaign.Type.WELCOME,
        objective="Greet people who sign up, and show them in four days how to begin.",
        triggers=[Trigger(event="users.signed_up")],
        steps=from_rows(rows),
    )
    return lifecycle.create(document, None, now)


def _template(mail: StarterMail, now: datetime) -> EmailTemplate:
    html = html_of(mail)
    compiled = compile_email(subject=mail.subject, preheader=mail.preheader, html=html, known_links=[])
    return EmailTemplate.objects.create(
        name=mail.name,
        subject=mail.subject,
        preheader=mail.preheader,
        html=html,
        compiled=compiled.to_json(),
        created_at=now,
        edited_at=now,
    )


def html_of(mail: StarterMail) -> str:
    """The mail in the starters' common shell."""
    paragraphs = "\n".join(f"    <p>{paragraph}</p>" for paragraph in mail.paragraphs)
    parts = {
        "title": mail.title,
        "body": paragraphs,
        "button": mail.button,
        "url": mail.url,
        "footer": DEFAULT_FOOTER_HTML,
    }
    html = SHELL.read_text()
    for name, value in parts.items():
        html = html.replace(f"<!-- {name} -->", value)
    return html
