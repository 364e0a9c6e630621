"""People of every role, and one row of everything that has a page."""

from io import BytesIO

import pytest
from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group
from django.core.cache import cache
from django.test import Client
from django_q.models import Failure, OrmQ, Schedule, Success
from msgspec.structs import replace

from automation import running
from automation.models import Call, Enrollment, Fuse
from automation.running import Choices
from automation.webhooks import receivers
from campaigns.models import CaughtMail, FrequencyCap
from contacts import importing
from contacts.models import Company, Tag
from events.items import Item
from events.models import Event, EventTypeRow, RejectedEvent
from events.recording import record
from integrations.models import Connection, Push
from lib import clock
from ops import audit
from ops.models import ApiKey, Heartbeat, Job, SiteSettings, Source, User
from scoring import defining as scores
from scoring.document import Document as ScoreDocument
from scoring.document import Rule as ScoreRule
from scoring.models import ScoreChange
from segments import defining
from segments.computed_models import ComputedAttribute
from segments.models import Segment
from tests import factories

RAW = b"Subject: Hello\r\nContent-Type: text/html\r\n\r\n<p>Hello</p>"


@pytest.fixture(autouse=True)
def _fresh_counters():
    cache.clear()


@pytest.fixture
def log_in(db):
    """`log_in("Marketer")`: a client of somebody with that role; "superuser"; "nobody": staff without a role."""

    def client(role: str, **options) -> Client:
        user = User.objects.create_user(
            role.lower(), f"{role.lower()}@acme.example", is_staff=True, is_superuser=role == "superuser"
        )
        if role not in ("superuser", "nobody"):
            user.groups.add(Group.objects.get(name=role))
        browser = Client(**options)
        browser.force_login(user)
        return browser

    return client


@pytest.fixture
def source(db):
    return Source.objects.create(name="Web shop")


@pytest.fixture
def tell(source):
    """`tell(Item(…), …)` records what a product sends."""
    return lambda *items: record(source, items, clock.now())


def _score_model(now):
    """In force, with an edition to go back to and a draft."""
    rule = ScoreRule(uid="page", kind="behavioural", name="Views a page", event="page.viewed", points=1)
    model = scores.create("lead", ScoreDocument(name="Lead score", rules=[rule]), None, now)
    for margin in (3, 4):
        draft = replace(scores.opened(model), margin=margin)
        model = scores.save_draft(model, draft, model.draft_revision, None, now)
        if margin == 3:
            model = scores.put_in_force(model, None, now)
    return model


@pytest.fixture
def rows(source, tell):
    """A row of everything that has a page, by the name of its model."""
    now = clock.now()
    tell(Item(kind="track", user_id="u1", event="Rocket Launched"))
    message = factories.MessageFactory()
    campaign = message.campaign
    contact = message.contact
    enrollment = Enrollment.objects.create(
        campaign=campaign, version=campaign.live, contact=contact, entry_key="x", step_uid="first", due_at=now,
        entered_at=now,
    )  # fmt: skip
    call = Call.objects.create(
        enrollment=enrollment, campaign=campaign, step_uid="hook", config={"method": "POST"}, answer_name="trial",
        receiver=receivers.receiver("https://api.example.com", now), due_at=now,
    )  # fmt: skip
    crm = Connection.objects.create(name="HubSpot", kind="hubspot", secret="unreadable")
    push = Push.objects.create(
        key="visit:1:crm:1", connection=crm, contact=contact, enrollment=enrollment, campaign=campaign, step_uid="crm",
        due_at=now,
    )  # fmt: skip
    lead = _score_model(now)
    audit.note(campaign.live.published_by, campaign, "Looked.")
    task = {"func": "ops.tasks.sweep", "started": now, "stopped": now}
    attempt = {"username": "eve", "attempt_time": now, "ip_address": "127.0.0.1"}
    return {
        "contacts_contact": contact,
        "contacts_address": contact.address,
        "contacts_company": Company.objects.create(key="acme"),
        "contacts_tag": Tag.objects.create(name="lead"),
        "contacts_topic": factories.TopicFactory(),
        "segments_segment": defining.save(Segment(name="Guests", kind="static"), None, now),
        "segments_computedattribute": ComputedAttribute.objects.create(
            key="orders", label="orders", event="order.completed"
        ),
        "scoring_scoremodel": lead,
        "scoring_scorechange": ScoreChange.objects.create(
            model=lead, contact=contact, at=now, cause="hand", effect="add", points=5, reason="Met at the fair"
        ),
        "contacts_import": importing.receive(BytesIO(b"email\nann@example.com\n"), "a.csv", "contacts", None, now),
        "events_event": Event.objects.get(type="Rocket Launched"),
        "events_eventtyperow": EventTypeRow.objects.get(key="Rocket Launched"),
        "events_rejectedevent": RejectedEvent.objects.create(source=source, reason="No name.", payload="{}"),
        "campaigns_campaign": campaign,
        "campaigns_frequencycap": FrequencyCap.objects.create(most=3),
        "campaigns_emailtemplate": message.template,
        "campaigns_message": message,
        "campaigns_caughtmail": CaughtMail.objects.create(sender="a@x.y", recipient="b@x.y", raw=RAW, caught_at=now),
        "automation_enrollment": enrollment,
        "automation_visit": enrollment.visits.create(
            version=campaign.live, step_uid="first", kind="email", entered_at=now
        ),
        "automation_fuse": Fuse.objects.create(campaign=campaign, step_uid="first", cause="many", blown_at=now),
        "automation_testrun": running.start(campaign, [factories.ContactFactory(is_test=True)], None, now, Choices()),
        "automation_call": call,
        "automation_receiver": call.receiver,
        "integrations_connection": crm,
        "integrations_push": push,
        "ops_sitesettings": SiteSettings.get(),
        "ops_source": source,
        "ops_apikey": ApiKey.objects.create_key("server", source)[0],
        "ops_user": User.objects.first(),
        "ops_job": Job.objects.create(kind="x", title="Import"),
        "ops_heartbeat": Heartbeat.objects.create(worker="w", role="mail", beat_at=now),
        "auth_group": Group.objects.first(),
        "admin_logentry": LogEntry.objects.first(),
        "django_q_schedule": Schedule.objects.create(func="ops.tasks.sweep", name="sweep"),
        "django_q_ormq": OrmQ.objects.create(key="dripline", payload="x", lock=now),
        "django_q_success": Success.objects.create(id="s" * 32, name="s", success=True, **task),
        "django_q_failure": Failure.objects.create(id="f" * 32, name="f", success=False, **task),
        "axes_accessattempt": AccessAttempt.objects.create(failures_since_start=1, **attempt),
        "axes_accesslog": AccessLog.objects.create(**attempt),
        "axes_accessfailurelog": AccessFailureLog.objects.create(**attempt),
    }
