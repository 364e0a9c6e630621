"""The step that pushes people to a CRM, from the event to the record at a real server, and on to the mail."""

from datetime import timedelta

import pytest
from django.db.models.functions import Now

from automation.models import Enrollment, Visit
from campaigns import lifecycle
from contacts.models import Contact
from integrations import deciding, forgetting
from integrations.models import Connection, Push, Record
from integrations.step import CrmKind
from lib.sealed import seal
from tests import engine
from tests.factories import NOW, UserFactory
from tests.http_receiver import answer, nothing, raw
from tests.integrations.building import NAMES, connection, push, pushing

pytestmark = pytest.mark.django_db
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def subjects(inbox):
    return [mail.message["Subject"] for mail in inbox.accepted]


def test_who_signs_up_has_a_record_in_the_crm_exactly_once(inbox, hubspot, sign_up):
    pushing(connection(), {"lifecyclestage": "lead", "last_plan": "{{ event.plan }}"})
    sign_up("ann", plan="pro")
    [got] = hubspot.writes
    assert got.path == "/crm/objects/2026-09/contacts/batch/upsert"
    [one] = got.json["inputs"]
    assert (one["id"], one["idProperty"]) == ("ann@example.com", "email")
    assert hubspot.records == {
        "501": {
            "email": "ann@example.com", "firstname": "Ann", "lastname": "Smith", "lifecyclestage": "lead",
            "last_plan": "pro",
        }
    }  # fmt: skip
    link = "https://app-eu1.hubspot.com/contacts/77/record/0-1/501"
    visit = Visit.objects.get(step_uid="crm")
    assert (visit.arm, visit.facts) == ("done", {"record": "501", "link": link})
    assert visit.explanation == f"Created as record 501 in HubSpot. {link}"
    assert subjects(inbox) == ["We know you"] and push().state == "done" and push().tries == 1
    engine.run(NOW + DAY)
    assert len(hubspot.writes) == 1


def test_a_changed_address_changes_the_same_record(inbox, hubspot, sign_up):
    to = connection()
    first = pushing(to)
    sign_up("ann")
    lifecycle.archive(first, None, NOW)
    pushing(to, name="Again")
    sign_up("ann", NOW + HOUR, {"email": "ann@new.example", "last_name": "Jones"})
    assert [got.path.rpartition("/")[2] for got in hubspot.writes] == ["upsert", "update"]
    assert list(hubspot.records) == ["501"]
    assert hubspot.by_email("ann@new.example")["lastname"] == "Jones" and Record.objects.count() == 1
    assert Push.objects.latest("created_at").reason == "Updated as record 501 in HubSpot."


def test_a_record_that_was_deleted_there_is_made_anew(inbox, hubspot, sign_up):
    to = connection()
    lifecycle.archive(pushing(to), None, NOW)
    pushing(to, name="Again")
    Record.objects.create(connection=to, contact=_known(sign_up), external_id="9", written_at=NOW)
    Push.objects.all().delete()
    Enrollment.objects.all().delete()
    hubspot.records.clear()
    sign_up("ann", NOW + HOUR)
    assert Record.objects.get().external_id == next(iter(hubspot.records)) != "9"
    assert Visit.objects.get(step_uid="crm").arm == "done"


def _known(sign_up):
    """Ann, of whom no push was made."""
    sign_up("ann", run=False)
    return Contact.objects.get()


def test_missing_values_are_left_as_they_are_there(inbox, hubspot, sign_up):
    to = connection(mapping=[*NAMES, {"field": "contact.plan", "property": "plan"}])
    hubspot.records["7"] = {"email": "ann@example.com", "plan": "gold"}
    pushing(to, {"last_plan": "{{ event.plan | default: '' }}"})
    sign_up("ann")
    assert hubspot.records["7"] == {
        "email": "ann@example.com", "plan": "gold", "firstname": "Ann", "lastname": "Smith"
    }  # fmt: skip


FIELDS = {
    "contact.tags": "VIP;early", "contact.seats": "12", "contact.name": "Ann Smith", "contact.timezone": "Europe/Paris",
    "contact.email": "ann@example.com", "contact.is_test": "false", "contact.Plan.tier": "Gold", "contact.on": "true",
    "contact.created_at": "2026-03-02T08:00:00+00:00", "company.name": "Acme Ltd", "company.key": "ACME",
    "computed.orders": "2", "computed.last": "Blue Shoe", "score.lead": "8", "score.lead.band": "Cold",
}  # fmt: skip


def test_what_conditions_can_read_can_be_written_as_it_was_typed(inbox, hubspot, sign_up, track, monkeypatch):
    from contacts.models import Company, CompanyMember, ContactTag, Tag
    from segments.computed_models import ComputedAttribute
    from tests.integrations import hubspot as fake
    from tests.scoring import building

    names = {key: f"p{number}" for number, key in enumerate(FIELDS)}
    monkeypatch.setattr(fake, "PROPERTIES", {"email", *names.values()})
    building.made(rules=[building.on("order.completed", 4)], now=NOW - DAY)
    made = {"event": "order.completed", "filled_at": NOW}
    ComputedAttribute.objects.create(key="orders", label="orders", type="number", measure="count", **made)
    ComputedAttribute.objects.create(key="last", label="last", type="text", measure="last", of="item", **made)
    pushing(connection(mapping=[{"field": key, "property": name} for key, name in names.items()]))
    for ago, item in ((HOUR, "Red Hat"), (MINUTE, "Blue Shoe")):
        track(NOW - ago, "ann", "order.completed", item=item)
    traits = {"seats": 12, "Plan": {"tier": "Gold"}, "on": True, "timezone": "Europe/Paris"}
    contact = Contact.objects.get()
    for name in ("VIP", "early"):
        ContactTag.objects.create(contact=contact, tag=Tag.objects.create(name=name))
    company = Company.objects.create(key="ACME", attributes={"name": "Acme Ltd"})
    CompanyMember.objects.create(contact=contact, company=company)
    sign_up("ann", traits=traits)
    written = hubspot.by_email("ann@example.com")
    assert {key: written.get(name) for key, name in names.items()} == FIELDS


def test_what_the_crm_refuses_fails_in_plain_words_and_holds_up_nobody(inbox, hubspot, sign_up):
    pushing(connection())
    for user in ("ann", "refused", "ben"):
        sign_up(user, run=False)
    engine.run(NOW)
    assert {record["firstname"] for record in hubspot.records.values()} == {"Ann", "Ben"}
    failed = Push.objects.get(state="failed")
    assert failed.reason == "HubSpot does not take their address for an e-mail address."
    assert sorted(subjects(inbox)) == ["We do not know you", "We know you", "We know you"]


def test_a_batch_that_is_refused_whole_is_halved_until_the_culprit_is_alone(inbox, hubspot, sign_up):
    hubspot.partial = False
    pushing(connection())
    for user in ("ann", "ben", "cleo", "refused", "dora"):
        sign_up(user, run=False)
    engine.run(NOW)
    assert len(hubspot.records) == 4 and Push.objects.get(state="failed").contact.email == "refused@example.com"


@pytest.mark.parametrize("partial", [True, False])
def test_a_property_that_is_none_is_named(inbox, hubspot, sign_up, partial):
    hubspot.partial = partial
    pushing(connection(mapping=[*NAMES, {"field": "contact.email", "property": "no_such"}]))
    for user in ("ann", "ben", "cleo"):
        sign_up(user, run=False)
    engine.run(NOW)
    assert set(Push.objects.values_list("state", "reason")) == {
        ("failed", "HubSpot has no contact property “no_such”; make it there, or mend the connection’s properties.")
    }
    assert len(hubspot.writes) == 1, "it is the mapping, so nobody is tried one by one"


def test_without_an_address_and_a_record_they_leave_by_failed(inbox, hubspot, track):
    pushing(connection())
    track(NOW, "ann", "users.signed_up")
    assert push().reason == "They have no e-mail address, by which HubSpot knows people." and not hubspot.writes
    assert Visit.objects.get(step_uid="crm").arm == "failed"


def test_a_crm_that_fails_is_asked_again_with_back_off(inbox, hubspot, sign_up):
    hubspot.faults = [answer(502), nothing, answer(200, b"<html>")]
    pushing(connection())
    sign_up("ann")
    assert push().state == "queued" and Enrollment.objects.get().state == "held" and not inbox.accepted
    assert push().reason.startswith("HubSpot answered 502; tried again in ")
    assert timedelta(seconds=24) <= push().due_at - NOW <= timedelta(seconds=36)
    for _ in range(3):
        engine.run(max(push().due_at, Connection.objects.get().rests_until or push().due_at))
    assert len(hubspot.writes) == 4 and len(hubspot.records) == 1
    assert subjects(inbox) == ["We know you"] and push().tries == 4 and Connection.objects.get().rests_until is None


def test_after_eight_attempts_in_a_day_they_leave_by_failed(inbox, hubspot, sign_up):
    hubspot.faults = [answer(503)] * 20
    pushing(connection())
    sign_up("ann")
    now = NOW
    while push().state == "queued":
        now = max(push().due_at, Connection.objects.get().rests_until)
        engine.run(now)
    assert len(hubspot.writes) == 8 and now - NOW > 18 * HOUR
    assert push().reason == "HubSpot answered 503, after 8 attempts." and subjects(inbox) == ["We do not know you"]


def test_asked_too_often_the_whole_connection_rests_as_long_as_it_is_told(inbox, hubspot, sign_up):
    hubspot.faults = [answer(429, {"policyName": "TEN_SECONDLY_ROLLING"}, retry_after="120")]
    pushing(connection())
    sign_up("ann")
    assert Connection.objects.get().rests_until == NOW + 2 * MINUTE
    sign_up("ben", NOW + MINUTE)
    assert len(hubspot.writes) == 1, "Ben waits, too"
    engine.run(NOW + 3 * MINUTE)
    assert len(hubspot.records) == 2 and len(hubspot.writes) == 2


@pytest.mark.parametrize("status", [401, 403])
def test_who_is_not_let_in_is_paused_with_one_alarm_and_loses_nothing(inbox, hubspot, sign_up, status, caplog):
    hubspot.faults = [answer(status)] * 3
    to = connection()
    pushing(to)
    for user in ("ann", "ben"):
        sign_up(user, run=False)
    engine.run(NOW)
    to.refresh_from_db()
    assert to.state == "paused" and "access token" in to.reason and len(hubspot.writes) == 1
    assert caplog.text.count("connection.paused") == 1
    assert set(Push.objects.values_list("state", "tries")) == {("queued", 0)}
    assert set(Enrollment.objects.values_list("state", flat=True)) == {"held"}
    engine.run(NOW + 30 * DAY)
    assert len(hubspot.writes) == 1
    hubspot.faults.clear()
    assert deciding.resume(to, UserFactory(), NOW + 31 * DAY) == 2
    engine.run(NOW + 31 * DAY)
    assert len(hubspot.records) == 2


def test_a_token_that_cannot_be_opened_pauses_the_connection(inbox, hubspot, sign_up):
    to = connection(secret="gAAAA-not-ours")
    pushing(to)
    sign_up("ann")
    to.refresh_from_db()
    assert to.reason == "What was kept of its access token cannot be read any more; type it in again."
    assert not hubspot.got and push().state == "queued" and "gAAAA" not in push().reason
    to.secret = seal("pat-eu1-secret")
    to.save()
    deciding.resume(to, UserFactory(), NOW)
    engine.run(NOW)
    assert push().state == "done"


def test_an_exit_cancels_what_was_not_begun(inbox, hubspot, sign_up):
    to = connection(state="paused", paused_at=NOW)
    campaign = pushing(to)
    sign_up("ann")
    lifecycle.archive(campaign, None, NOW)
    engine.run(NOW)
    assert push().state == "cancelled" and push().due_at is None
    deciding.resume(to, UserFactory(), NOW)
    engine.run(NOW)
    assert not hubspot.got


def test_a_paused_campaign_writes_nothing_until_it_is_resumed(inbox, hubspot, sign_up):
    hubspot.faults = [answer(500)]
    campaign = pushing(connection())
    sign_up("ann")
    lifecycle.pause(campaign, None, NOW)
    engine.run(NOW + HOUR)
    assert len(hubspot.writes) == 1
    lifecycle.resume(campaign, None, NOW + HOUR)
    engine.run(NOW + HOUR)
    assert len(hubspot.records) == 1


def test_test_contacts_are_pushed_only_where_that_is_wished(inbox, hubspot, sign_up):
    to = connection()
    pushing(to)
    sign_up("ann", run=False)
    Contact.objects.update(is_test=True)
    engine.run(NOW)
    assert not Push.objects.exists() and not hubspot.got
    assert Visit.objects.get(step_uid="crm").explanation == "A test contact, so nothing was pushed to HubSpot."
    Connection.objects.update(pushes_tests=True)
    sign_up("ben", run=False)
    Contact.objects.update(is_test=True)
    engine.run(NOW)
    assert len(hubspot.records) == 1


def test_two_contacts_of_one_address_are_written_one_after_the_other(inbox, hubspot, sign_up):
    pushing(connection())
    for user in ("ann", "bob"):
        sign_up(user, run=False, traits={"email": "both@example.com"})
    engine.run(NOW)
    if Contact.objects.filter(merged_into=None).count() == 2:
        assert [len(got.json["inputs"]) for got in hubspot.writes] == [1, 1]
        assert set(Record.objects.values_list("external_id", flat=True)) == {"501"}
    assert len(hubspot.records) == 1


def test_a_value_that_cannot_be_worked_out_fails_that_one_only(inbox, hubspot, sign_up):
    pushing(connection(), {"last_plan": "{{ event.plan }}"})
    sign_up("ann", run=False)
    sign_up("ben", run=False, plan="pro")
    engine.run(NOW)
    assert Push.objects.get(state="failed").reason.startswith("“last_plan” could not be worked out: ")
    assert hubspot.by_email("ben@example.com")["last_plan"] == "pro"


HOSTILE = [
    b"", b"{", b"[]", b"null", b'{"results": 5, "errors": "x"}', b'{"results": [1, null, {"id": {}}]}',
    b'{"results": [{"id": "1\\u0000", "properties": 3}]}', b'{"errors": [{"context": {"objectWriteTraceId": 5}}]}',
    b"[" * 100_000, b'{"results": [{"id": "../../x", "properties": {"email": "ann@example.com"}}]}', b"\xff\xfe",
]  # fmt: skip


@pytest.mark.parametrize("body", HOSTILE, ids=range(len(HOSTILE)))
def test_an_answer_that_says_nothing_is_asked_for_again(inbox, hubspot, sign_up, body):
    hubspot.faults = [answer(200, body)]
    pushing(connection())
    sign_up("ann")
    assert push().state == "queued" and "does not say what became of it" in push().reason
    engine.run(max(push().due_at, Connection.objects.get().rests_until))
    assert push().state == "done"


def test_a_hostile_error_is_shown_short_and_plain(inbox, hubspot, sign_up):
    hubspot.faults = [answer(400, {"message": "<script>\x01" + "x" * 5000}), raw(b"HTTP/1.1 999 no\r\n\r\n")]
    pushing(connection())
    sign_up("ann")
    assert push().state == "failed" and len(push().reason) < 250 and push().reason.startswith("HubSpot says: <script>")


def test_a_failed_push_can_be_made_again_and_moves_nobody(inbox, hubspot, sign_up):
    hubspot.faults = [answer(400, {"message": "No."})]
    pushing(connection())
    sign_up("ann")
    assert push().state == "failed" and subjects(inbox) == ["We do not know you"]
    assert deciding.again(Push.objects.all(), UserFactory(), NOW + DAY) == 1
    engine.run(NOW + DAY)
    assert push().state == "done" and len(hubspot.records) == 1 and len(inbox.accepted) == 1


def test_a_merge_keeps_the_record_by_which_the_crm_knows_them(inbox, hubspot, sign_up):
    from contacts import merging

    to = connection()
    sign_up("ann")
    sign_up("ben")
    ann, ben = Contact.objects.order_by("pk")
    Record.objects.create(connection=to, contact=ben, external_id="12", written_at=NOW)
    merging.merge([(ann.pk, ben.pk)], NOW)
    merging.move_history(NOW)
    assert Record.objects.get().contact_id == ann.pk
    Record.objects.create(connection=to, contact=ben, external_id="13", written_at=NOW)
    merging.move_history(NOW + DAY)
    assert Record.objects.get(contact=ann).external_id == "12", "the winner’s stays"


def test_what_was_sent_is_forgotten_after_ninety_days(inbox, hubspot, sign_up):
    pushing(connection())
    sign_up("ann")
    assert push().sent["firstname"] == "Ann"
    forgetting.forget_old(NOW + 89 * DAY)
    assert push().sent
    forgetting.forget_old(NOW + 91 * DAY)
    assert push().sent == {} and push().external_id == "501"


def test_a_private_network_is_not_reached(inbox, hubspot, sign_up, settings):
    settings.WEBHOOK_NETWORKS = []
    pushing(connection())
    sign_up("ann")
    assert not hubspot.got and "network that webhooks may not reach" in push().reason


WRONG = [
    {}, {"connection": "x"}, {"connection": -1}, {"connection": 2**80}, {"connection": None}, {"connection": []},
    {"connection": 10**9}, {"values": 5},
]  # fmt: skip


def test_the_kind_takes_anything_that_json_can_hold(db):
    kind = CrmKind()
    for config in WRONG:
        assert kind.problems(config) and kind.describe(config) == "push them to a CRM", config
    to = connection()
    assert kind.problems({"connection": to.pk}) == [] and kind.describe({"connection": to.pk}) == "push them to HubSpot"
    for values, said in (
        ([{"property": "Nope!", "value": "x"}], "no property of HubSpot"),
        ([{"property": "email", "value": "x"}], "written by itself"),
        ([{"property": "plan", "value": " "}], "Write the value of “plan”"),
        ([{"property": "plan", "value": "{{ x"}], "The value of “plan”"),
        ([{"property": "plan", "value": "1"}, {"property": "plan", "value": "2"}], "stands there twice"),
    ):
        [sentence] = kind.problems({"connection": to.pk, "values": values})
        assert said in sentence
    assert kind.problems({"connection": to.pk, "values": [{"property": 5}]})


def test_a_lost_lease_is_written_again_alone_and_three_lone_losses_park_it(inbox, hubspot, sign_up):
    from integrations import claiming

    pushing(connection(state="paused", paused_at=NOW))
    sign_up("ann")
    Connection.objects.update(state="active", paused_at=None)
    for losses in range(4):
        [row] = claiming.claim(NOW)
        assert row.losses == max(losses - 1, 0) and claiming.claim(NOW) == []
        Push.objects.update(lease_until=Now() - MINUTE)
        assert claiming.is_due(NOW) and claiming.take_back(NOW) == 1
    assert push().state == "parked" and push().due_at is None
    assert deciding.discard(Push.objects.all(), UserFactory(), NOW) == 1
    engine.run(NOW)
    assert Visit.objects.get(step_uid="crm").arm == "failed" and not hubspot.got
