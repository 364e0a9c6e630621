"""Requests made from the descriptions of both APIs, good ones and bad ones: none is answered 5xx, all as described."""

import pytest
import schemathesis
from django.core.cache import cache
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from automation import requesting
from automation.models import Enrollment, EntryRequest, Visit
from campaigns.document import Trigger
from campaigns.models import Campaign
from contacts import writing
from contacts.models import Contact
from lib import clock
from ops.models import ApiKey
from scoring import adjusting
from scoring.adjusting import Deed
from scoring.document import Stage
from segments import defining
from segments.models import Segment
from tests import engine
from tests.api.wire_description import WIRE
from tests.factories import CampaignFactory
from tests.scoring.building import made

pytestmark = pytest.mark.django_db
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
# Without these nobody would ever be found.
WHO = st.sampled_from(["user:ann", "user:ann", "user:nobody", "user:a\x00", "user:", "0", "9" * 30])
PRO = {"field": "contact.plan", "op": "is", "value": "pro"}
TREES = st.sampled_from(
    [PRO, {"not": {"any": [PRO]}}, {}, {"all": [PRO, {"field": "contact.age", "op": ">", "value": "x"}]}]
)
CAMPAIGNS = st.sampled_from(["uid:welcome", "uid:welcome", "uid:", "0", "uid:a\x00", "9" * 30])
ROW = 77
MODES = list(schemathesis.GenerationMode)


@pytest.fixture
def app():
    """The product as WSGI, in the test's own transaction, as Django's test client has it."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield get_wsgi_application()
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture
def ask(request):
    """`ask(schema, operation, key)`: that one operation, asked for in good and in bad ways."""
    seeded = request.config.getoption("hypothesis_seed", None) is not None

    def ask(schema, operation, key, examples):
        @settings(
            max_examples=examples,
            deadline=None,
            database=None,
            derandomize=not seeded,
            suppress_health_check=list(HealthCheck),
        )
        @given(st.data())
        def run(data):
            case = data.draw(operation.as_strategy(data.draw(st.sampled_from(MODES))))
            if "who" in (case.path_parameters or {}):
                case.path_parameters["who"] = data.draw(st.one_of(st.just(case.path_parameters["who"]), WHO))
            if "segment" in (case.path_parameters or {}):
                there = st.sampled_from(list(Segment.objects.values_list("pk", flat=True)))
                case.path_parameters["segment"] = data.draw(st.one_of(st.just(case.path_parameters["segment"]), there))
            for name, there in (("campaign", CAMPAIGNS), ("enrollment", st.just(ROW)), ("entry", st.just(ROW))):
                if name in (case.path_parameters or {}):
                    case.path_parameters[name] = data.draw(st.one_of(st.just(case.path_parameters[name]), there))
            if isinstance(case.body, dict) and "contact" in case.body:
                case.body["contact"] = data.draw(st.one_of(st.just(case.body["contact"]), WHO))
            if "key" in (case.path_parameters or {}):
                case.path_parameters["key"] = data.draw(
                    st.one_of(st.just(case.path_parameters["key"]), st.just("lead"))
                )
            if isinstance(case.body, dict) and "condition" in case.body:
                case.body["condition"] = data.draw(st.one_of(st.just(case.body["condition"]), TREES))
            cache.clear()
            with transaction.atomic():
                answer = case.call(headers={"Authorization": f"Bearer {key}"})
                transaction.set_rollback(True)
            case.validate_response(answer, checks=CHECKS)

        run()

    return ask


API = [
    "contacts_list",
    "contacts_read",
    "contacts_upsert",
    "contacts_update",
    "contacts_set_attributes",
    "contacts_add_tags",
    "contacts_remove_tags",
    "contacts_unsubscribe",
    "events_list",
    "events_add",
    "event_types_list",
    "segments_list",
    "segments_create",
    "segments_read",
    "segments_update",
    "segments_delete",
    "segments_refresh",
    "segments_evaluate",
    "segments_members",
    "segments_add_members",
    "segments_remove_members",
    "segments_move_members",
    "segments_member",
    "contacts_enrollments",
    "campaigns_list",
    "campaigns_read",
    "campaigns_enrollments",
    "campaigns_entries",
    "campaigns_enroll",
    "enrollments_read",
    "enrollments_exit",
    "entries_read",
    "entries_cancel",
    "scores_list",
    "scores_read",
    "scores_recomputing",
    "scores_recompute",
    "scores_top",
    "scores_of_contact",
    "scores_change",
    "scores_move_stage",
    "scores_ledger",
    "scores_all_of_contact",
]


def operations(schema) -> dict:
    found = [result.ok() for result in schema.get_all_operations()]
    return {operation.definition.raw["operationId"]: operation for operation in found}


def test_the_description_holds_these_operations(app):
    assert sorted(operations(schemathesis.openapi.from_wsgi("/api/schema/?format=json", app))) == sorted(API)


@pytest.mark.parametrize("name", API)
def test_the_api_answers_as_it_says(name, app, source, key_for, ask):
    writing.upsert_user("ann", writing.Upsert(email="ann@example.com"), clock.now(), source)
    for kind, condition in (("dynamic", PRO), ("static", None)):
        defining.save(Segment(name=kind, kind=kind, condition=condition), None, clock.now())
    score = made(now=clock.now(), stages=[Stage(name="Lead", points=50)])
    adjusting.adjust(score, [Contact.objects.get().pk], Deed("add", 60), clock.now())
    if name.split("_")[0] in ("campaigns", "enrollments", "entries"):
        inside(source)
    schema = schemathesis.openapi.from_wsgi("/api/schema/?format=json", app)
    few = ("segments", "scores", "campaigns", "enrollments", "entries")
    ask(schema, operations(schema)[name], key_for(), 12 if name.startswith(few) else 40)


def inside(source) -> None:
    """Somebody in a campaign, let in by a request."""
    campaign = CampaignFactory(triggers=[Trigger(kind="api")], now=clock.now())
    Campaign.objects.filter(pk=campaign.pk).update(uid="welcome")
    entry, _ = requesting.ask(campaign, Contact.objects.get().pk, source, clock.now(), key="first")
    engine.run(clock.now())
    EntryRequest.objects.filter(pk=entry.pk).update(id=ROW, enrollment=None)
    Visit.objects.all().delete()
    Enrollment.objects.filter(pk=entry.enrollment_id).update(id=ROW)


@pytest.mark.parametrize("name", ["batch", "import", "track", "identify", "page", "screen", "group", "alias"])
def test_the_event_api_answers_as_its_clients_expect(name, app, source, ask):
    schema = schemathesis.openapi.from_dict(WIRE)
    schema.app = app
    key = ApiKey.objects.create_key("write", source)[1]
    ask(schema, operations(schema)[name], key, 30)


def test_a_name_that_is_empty_is_an_error_like_any_other(api):
    answer = api.put("/api/contacts/user:ann/", {"": None})
    assert answer.status_code == 400 and answer.json()["error"].startswith("“” is unknown here; send one of email,")
