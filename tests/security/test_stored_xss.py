"""What strangers send is shown as they wrote it, on every page that shows it, and never becomes part of the page."""

from html.parser import HTMLParser

import pytest
from django.urls import reverse

from campaigns import tracking
from campaigns.models import CaughtMail
from campaigns.tracking import Visitor
from contacts.models import Company, Contact
from events.items import Item, Refused
from events.models import Event, EventTypeRow, RejectedEvent
from lib import clock
from scoring.models import Score, ScoreChange, ScoreModel
from tests.factories import NOW, MessageFactory
from tests.security.addresses import address, names

pytestmark = pytest.mark.django_db

HOSTILE = {
    "a way out of whatever it stands in": ("\"'></script><xss-probe onprobe='1' x=\">-->{{ xss-probe }}{%x%}"),
    "a link": "javascript:xss-probe()",
}

# What colleagues write who may do less than the one who reads it: the model, and the field.
WRITTEN_HERE = {
    "campaigns_campaign": "name",
    "campaigns_emailtemplate": "name",
    "contacts_tag": "name",
    "contacts_topic": "name",
    "segments_segment": "name",
    "scoring_scorechange": "reason",
    "ops_source": "name",
    "ops_job": "title",
    "ops_user": "first_name",
    "ops_heartbeat": "note",
    "axes_accessattempt": "user_agent",
    "django_q_schedule": "name",
}


class Found(HTMLParser):
    """What a browser would make of a page, as far as it concerns us."""

    def __init__(self, html: str):
        super().__init__()
        self.evil: list[str] = []
        self.shown = ""
        self._in_script = False
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        # What a script reads as data runs nowhere, unless it breaks out of it: then it stands in the page.
        self._in_script = tag == "script" and dict(attrs).get("type") != "application/json"
        if tag == "xss-probe":
            self.evil.append(f"<{tag}>")
        for name, value in attrs:
            runs = name in ("href", "src", "action", "formaction") and (value or "").strip().startswith("javascript:")
            if runs or "probe" in name:
                self.evil.append(f"{tag} {name}={value}")
            if name.startswith(("x-", "@", ":", "hx-")) and "probe" in (value or ""):
                self.evil.append(f"{tag} {name}={value}: Alpine would run it")

    def handle_data(self, data):
        if self._in_script and "probe" in data:
            self.evil.append("a script")
        self.shown += data


@pytest.fixture
def poisoned(rows, tell):
    """`poisoned(text)`: every row that a stranger can write to holds it. Returns the rows."""

    def poison(text: str) -> dict:
        told = {"email": "eve@example.com", "first_name": text, "last_name": text, text[:60]: {"deep": [text, text]}}
        person = {"user_id": f"eve {text}", "anonymous_id": text}
        tell(
            Item(kind="identify", **person, traits=told),
            Item(kind="track", **person, event=text, properties={text: text}, context={"page": {"url": text}}),
            Item(kind="page", **person, name=text, properties={"url": text}),
            Item(kind="group", **person, group_id=text, traits={"name": text}),
            Item(kind=text),
            Refused(text, text),
        )
        contact = Contact.objects.get(identities__value=f"eve {text}".strip())
        for model, field in WRITTEN_HERE.items():
            type(rows[model]).objects.filter(pk=rows[model].pk).update(**{field: text})
        hostile = {"bands": [{"name": text, "points": 0}], "stages": [{"name": text, "points": 0}]}
        ScoreModel.objects.update(name=text[:80], description=text, definition=hostile, stage_from=[0], is_active=True)
        Score.objects.create(
            model=rows["scoring_scoremodel"], contact=contact, fit=0, engagement=5, points=5, band=0, fit_grade=0,
            engagement_grade=0, stage=1, as_of=NOW,
        )  # fmt: skip
        ScoreChange.objects.update(contact=contact)
        message = MessageFactory(contact=contact, campaign=rows["campaigns_campaign"])
        tracking.record("click", message.pk, Visitor("127.0.0.1", text), NOW, link="0", url=text)
        raw = f"Subject: {text}\r\nContent-Type: text/plain\r\n\r\n{text}".encode()
        return rows | {
            "contacts_contact": contact,
            "contacts_address": contact.address,
            "contacts_company": Company.objects.get(key=text),
            "events_event": Event.objects.get(type=text),
            "events_eventtyperow": EventTypeRow.objects.get(key=text),
            "events_rejectedevent": RejectedEvent.objects.get(reason=text),
            "campaigns_message": message,
            "campaigns_caughtmail": CaughtMail.objects.create(
                sender=text, recipient=text, subject=text, raw=raw, caught_at=clock.now()
            ),
        }

    return poison


@pytest.mark.parametrize("kind", HOSTILE)
def test_no_page_of_the_admin_runs_what_strangers_wrote(kind, log_in, poisoned):
    rows = poisoned(HOSTILE[kind])
    boss, evil, shown = log_in("superuser"), {}, set()
    for name in sorted(names() - {"logout"}):
        if name.endswith(("_said", "_raw")):  # in a sandbox, or no page at all: see below
            continue
        response = boss.get(address(name, rows), follow=True)
        if not response.headers["Content-Type"].startswith("text/html"):  # no page: data, a file
            assert response.headers["X-Content-Type-Options"] == "nosniff"
            continue
        page = Found(response.getvalue().decode(errors="replace"))
        if page.evil:
            evil[name] = page.evil
        if HOSTILE[kind] in page.shown:
            shown.add(name)
    assert not evil
    assert {"contacts_contact_changelist", "events_event_changelist", "events_rejectedevent_changelist"} <= shown
    assert {"contacts_contact_change", "events_event_change", "events_rejectedevent_change"} <= shown
    assert {"campaigns_message_change", "campaigns_caughtmail_change", "contacts_company_change"} <= shown
    assert {"scoring_scoremodel_ledger", "scoring_scoremodel_adjust", "scoring_scoremodel_take_back"} <= shown


def test_what_a_mail_holds_is_shown_in_a_sandbox(log_in, rows):
    boss = log_in("superuser")
    for name in ("campaigns_message_said", "campaigns_caughtmail_said", "campaigns_campaign_said"):
        policy = boss.get(address(name, rows)).headers["Content-Security-Policy"]
        assert policy.startswith("sandbox; default-src 'none'") and "script" not in policy
    raw = boss.get(address("campaigns_caughtmail_raw", rows))
    assert raw.headers["Content-Disposition"].startswith("attachment")


def test_who_looks_at_a_mail_here_does_not_count_as_its_reader(log_in, rows):
    mail = rows["campaigns_caughtmail"]
    mail.raw = bytes(mail.raw).replace(b"<p>", b'<img src="https://x.example/o/AbC-d_1.gif" width="1" alt=""><p>')
    mail.save()
    html = log_in("superuser").get(address("campaigns_caughtmail_said", rows)).content.decode()
    assert "Hello" in html and "/o/" not in html


def test_every_page_names_what_may_run_on_it(log_in, rows, client):
    boss = log_in("superuser")
    for name in ("index", "contacts_contact_change", "campaigns_campaign_add", "campaigns_emailtemplate_change"):
        policy = boss.get(address(name, rows)).headers["Content-Security-Policy"]
        scripts = next(part for part in policy.split(";") if part.strip().startswith("script-src")).split()
        assert "'self'" in scripts and "'unsafe-inline'" not in scripts
        assert "object-src 'none'" in policy and "frame-ancestors 'self'" in policy
    for url in (reverse("public:unsubscribe", args=["x"]), reverse("public:clicked", args=["x", "0"]), "/healthz"):
        assert "unsafe-eval" not in client.get(url).headers["Content-Security-Policy"]
