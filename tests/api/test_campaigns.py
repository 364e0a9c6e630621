"""Campaigns over the API: what they are, letting people in now or at a time, who is inside, the way, and out again."""

import datetime as dt
import threading

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from automation import requesting, running
from automation.models import Enrollment, EntryRequest, Fuse
from campaigns import lifecycle
from campaigns.document import Trigger
from campaigns.linear import Row
from campaigns.models import Campaign
from campaigns.resuming import Resumption
from contacts import writing
from contacts.merging import merge
from contacts.models import Contact
from lib import clock
from ops.models import Source
from tests import engine
from tests.factories import CampaignFactory, ContactFactory, TemplateFactory, UserFactory

pytestmark = pytest.mark.django_db
HOUR = dt.timedelta(hours=1)
API = [Trigger(kind="api")]


@pytest.fixture
def now():
    return clock.now()


@pytest.fixture
def moved(monkeypatch, now):
    """`moved(hours=2)`: the product's clock stands that much later."""

    def move(**span):
        monkeypatch.setattr(clock, "now", lambda: now + dt.timedelta(**span))
        return clock.now()

    return move


@pytest.fixture
def ann(source, now):
    writing.upsert_user("ann", writing.Upsert(email="ann@example.com"), now, source)
    return Contact.objects.get(identities__value="ann")


@pytest.fixture
def welcome(now):
    template = TemplateFactory(name="Hello")
    rows = [Row(uid="later", wait_uid="wait", wait_amount=1, wait_unit="days", template=template.pk)]
    return CampaignFactory(name="Welcome", template=template, rows=rows, triggers=API, now=now)


def entries(campaign) -> str:
    return f"/api/campaigns/{campaign.pk}/entries/"


def test_campaigns_are_listed_with_state_and_numbers(api, welcome, ann):
    api.post(entries(welcome), {"contact": "user:ann"})
    one = next(row for row in api.get("/api/campaigns/?search=welc").json()["results"] if row["id"] == welcome.pk)
    assert (one["name"], one["state"], one["version"], one["unpublished"]) == ("Welcome", "active", 1, False)
    assert one["numbers"] == {"inside": 1, "sent": 0, "opened": 0, "clicked": 0}
    assert api.get("/api/campaigns/?state=paused").json()["results"] == []
    assert api.get("/api/campaigns/?state=odd").status_code == 400


def test_a_campaign_tells_its_steps_in_words_with_who_waits_there(api, welcome, ann):
    api.post(entries(welcome), {"contact": "user:ann"})
    engine.run(clock.now())
    for which in (str(welcome.pk), f"uid:{welcome.uid}"):
        whole = api.get(f"/api/campaigns/{which}/").json()
        assert [(step["uid"], step["sentence"]) for step in whole["steps"]] == [
            ("wait", "wait 1 day"),
            ("later", "send “Hello”"),
        ]
        assert whole["steps"][0]["numbers"]["inside"] == 1
        assert {"what": "Again", "sentence": "Each person once."} in whole["about"]
    for which in ("0", "uid:nobody", "welcome", "9" * 30, "uid:"):
        assert api.get(f"/api/campaigns/{which}/").status_code == 404


def test_a_step_that_waits_for_a_person_is_told(api, welcome, now):
    assert api.get(f"/api/campaigns/{welcome.pk}/").json()["fuses"] == []
    Fuse.objects.create(campaign=welcome, step_uid="later", cause="many", blown_at=now, mailed=1000, best=12)
    (fuse,) = api.get(f"/api/campaigns/{welcome.pk}/").json()["fuses"]
    assert (fuse["step"], fuse["waiting"]) == ("later", 0)
    assert fuse["sentence"] == "this step mailed 1,000 people today; on its best day before it was 12."


def test_somebody_is_let_in_now_and_their_way_is_told(api, welcome, ann):
    answer = api.post(entries(welcome), {"contact": "user:ann", "data": {"plan": "pro"}})
    entry = answer.json()
    assert answer.status_code == 201 and entry["state"] == "entered" and entry["contact"] == ann.pk
    engine.run(clock.now())
    row = api.get(f"/api/enrollments/{entry['enrollment']}/").json()
    assert (row["state"], row["step"], row["email"], row["user_ids"]) == ("active", "wait", "ann@example.com", ["ann"])
    assert len(row["path"]) == 1 and row["path"][0]["explanation"].startswith("Waits 1 day, until ")
    assert Enrollment.objects.get().data == {"plan": "pro"}
    assert [one["id"] for one in api.get("/api/contacts/user:ann/enrollments/").json()["results"]] == [row["id"]]
    listed = api.get(f"/api/campaigns/{welcome.pk}/enrollments/?state=active").json()["results"]
    assert [one["id"] for one in listed] == [row["id"]]
    assert api.get(f"/api/campaigns/{welcome.pk}/enrollments/?state=exited").json()["results"] == []


def test_runs_of_tests_are_told_to_nobody(api, welcome, ann, now):
    Contact.objects.filter(pk=ann.pk).update(is_test=True)
    ann.refresh_from_db()
    run = running.start(welcome, [ann], None, now, running.Choices())
    assert api.get("/api/contacts/user:ann/enrollments/").json()["results"] == []
    assert api.get(f"/api/enrollments/{Enrollment.objects.get().pk}/").status_code == 404
    assert api.get(f"/api/campaigns/{run.campaign_id}/").status_code == 404
    assert [one["id"] for one in api.get("/api/campaigns/").json()["results"] if one["name"] == welcome.name] == [
        welcome.pk
    ]


def test_who_may_not_enter_is_told_why(api, welcome, ann):
    api.post(entries(welcome), {"contact": ann.pk})
    again = api.post(entries(welcome), {"contact": ann.pk}).json()
    assert (again["state"], again["reason"]) == ("refused", "inside")
    assert again["explanation"] == "They were already inside, so the repeat was ignored."


def test_the_same_request_again_lets_nobody_in_again(api, welcome, ann):
    body = {"contact": "user:ann", "id": "trial-778"}
    first, again = api.post(entries(welcome), body), api.post(entries(welcome), body)
    assert (first.status_code, again.status_code) == (201, 200) and first.json() == again.json()
    assert EntryRequest.objects.count() == Enrollment.objects.count() == 1
    other = api.post(entries(welcome), body | {"contact": ContactFactory().pk})
    assert other.status_code == 400 and other.json()["field"] == "id"


def test_an_entry_is_planned_comes_true_and_can_be_cancelled_before(api, welcome, ann, now, moved):
    bob = ContactFactory()
    at = (now + 2 * HOUR).isoformat()
    planned = api.post(entries(welcome), {"contact": "user:ann", "at": at}).json()
    gone = api.post(entries(welcome), {"contact": bob.pk, "at": at}).json()
    assert planned["state"] == gone["state"] == "planned" and planned["enrollment"] is None
    cancelled = api.delete(f"/api/entries/{gone['id']}/").json()
    assert (cancelled["state"], cancelled["explanation"]) == ("cancelled", "Cancelled before its time.")
    engine.run(moved(hours=1))
    assert not Enrollment.objects.exists()
    engine.run(moved(hours=2))
    entry = api.get(f"/api/entries/{planned['id']}/").json()
    assert entry["state"] == "entered" and Enrollment.objects.get().contact == ann
    assert api.delete(f"/api/entries/{planned['id']}/").json()["state"] == "entered", "what is over stays"
    assert [one["id"] for one in api.get(f"{entries(welcome)}?state=cancelled").json()["results"]] == [gone["id"]]


def test_whoever_is_let_out_gets_no_more_mail(api, ann, inbox_of, now, moved):
    campaign, inbox = inbox_of
    entry = api.post(entries(campaign), {"contact": "user:ann"}).json()
    engine.run(clock.now())
    out = api.post(f"/api/enrollments/{entry['enrollment']}/exit/", {"reason": "They ordered."}).json()
    assert (out["changed"], out["state"], out["reason"], out["explanation"]) == (True, "exited", "api", "They ordered.")
    again = api.post(f"/api/enrollments/{entry['enrollment']}/exit/").json()
    assert (again["changed"], again["explanation"]) == (False, "They ordered.")
    engine.run(moved(days=3))
    assert inbox.accepted == []


@pytest.fixture
def inbox_of(settings, now):
    from tests.smtp_server import FaultySmtpServer

    template = TemplateFactory()
    rows = [Row(uid="later", wait_amount=1, wait_unit="days", template=template.pk)]
    with FaultySmtpServer() as server:
        settings.EMAIL_URL = server.url
        settings.MAIL_CONNECTIONS = 1
        yield CampaignFactory(template=template, rows=rows, triggers=API, now=now), server


@pytest.mark.parametrize(
    ("body", "field", "said"),
    [
        ({}, "contact", "“contact” is missing; send text."),
        ({"contact": "user:nobody"}, None, "There is no contact “user:nobody”."),
        ({"contact": "ann"}, None, "A contact is named by its number"),
        ({"contact": "user:ann", "at": "soon"}, "at", ""),
        ({"contact": "user:ann", "at": "2999-01-01T00:00:00Z"}, None, "“at” is at most 2 years from now."),
        ({"contact": "user:ann", "data": [1]}, "data", ""),
        ({"contact": "user:ann", "data": {"a": "\x00"}}, None, "NUL"),
        ({"contact": "user:ann", "id": "x" * 201}, "id", ""),
        ({"contact": "user:ann", "colour": 1}, "colour", "is unknown here"),
        ([], None, "Send a JSON object."),
    ],
)
def test_what_cannot_be_taken_is_told_in_a_sentence(body, field, said, api, welcome, ann):
    answer = api.post(entries(welcome), body)
    assert answer.status_code in (400, 404), answer.json()
    assert said in answer.json()["error"] and "\n" not in answer.json()["error"]
    assert field is None or answer.json()["field"] == field
    assert not EntryRequest.objects.exists()


def test_a_campaign_that_takes_nobody_from_the_api_says_so(api, ann, now):
    campaign = CampaignFactory(now=now)
    said = api.post(entries(campaign), {"contact": "user:ann"}).json()["error"]
    assert "does not take people in by “your own software sends them”" in said
    draft = CampaignFactory(active=False, triggers=API)
    assert "is a draft" in api.post(entries(draft), {"contact": "user:ann"}).json()["error"]
    lifecycle.archive(campaign, UserFactory(), now)
    assert "is archived" in api.post(entries(campaign), {"contact": "user:ann"}).json()["error"]


def test_a_planned_entry_of_a_merged_contact_is_the_other_one_s(welcome, ann, source, now):
    other = ContactFactory()
    requesting.ask(welcome, other.pk, source, now, at=now + HOUR)
    merge([(ann.pk, other.pk)], now)
    engine.run(now + HOUR)
    assert Enrollment.objects.get().contact == ann


def test_two_requests_for_one_contact_in_one_batch_let_them_in_once(welcome, ann, source, now):
    for _ in range(3):
        requesting.ask(welcome, ann.pk, source, now, at=now + HOUR)
    engine.run(now + HOUR)
    assert sorted(EntryRequest.objects.values_list("state", flat=True)) == ["entered", "refused", "refused"]
    assert Enrollment.objects.count() == 1


def test_the_number_of_queries_does_not_grow_with_the_people(welcome, source, now):
    def queries(people: int, at) -> int:
        for contact in ContactFactory.create_batch(people):
            requesting.ask(welcome, contact.pk, source, now, at=at)
        with CaptureQueriesContext(connection) as found:
            assert requesting.work(at) == people
        return len(found)

    queries(1, now + HOUR)  # what is read once
    assert queries(1, now + 2 * HOUR) == queries(60, now + 3 * HOUR)


def test_a_page_of_enrollments_asks_the_database_as_often_for_many_as_for_one(api, welcome, source, now):
    def queries() -> int:
        with CaptureQueriesContext(connection) as found:
            assert api.get(f"/api/campaigns/{welcome.pk}/enrollments/?limit=100").status_code == 200
        return len(found)

    requesting.ask(welcome, ContactFactory().pk, source, now)
    queries()
    one = queries()
    for contact in ContactFactory.create_batch(30):
        requesting.ask(welcome, contact.pk, source, now)
    assert queries() == one


@pytest.mark.django_db(transaction=True)
def test_the_same_key_twice_at_the_same_time_counts_once():
    now = clock.now()
    campaign, contact, source = (
        CampaignFactory(triggers=API, now=now),
        ContactFactory(),
        Source.objects.create(name="S"),
    )
    answers, gate = [], threading.Barrier(2)

    def ask():
        try:
            gate.wait()
            answers.append(requesting.ask(campaign, contact.pk, source, now, key="k"))
        finally:
            connection.close()

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(new for _, new in answers) == [False, True]
    assert len({row.pk for row, _ in answers}) == 1 and Enrollment.objects.count() == 1


def test_a_filter_that_stands_twice_is_refused_not_half_heard(api, welcome):
    answer = api.get(f"/api/campaigns/{welcome.pk}/enrollments/?state=active&state=parked")
    assert answer.status_code == 400
    assert answer.json() == {"error": "“state” stands twice in the address; send it once.", "field": "state"}


def test_who_was_stopped_by_a_fault_is_told_of_in_plain_words(api, welcome, ann):
    pk = api.post(entries(welcome), {"contact": "user:ann"}).json()["enrollment"]
    Enrollment.objects.update(state="parked", due_at=None, reason="fault", explanation="KeyError: x")
    row = api.get(f"/api/enrollments/{pk}/").json()
    assert row["state"] == "parked" and row["explanation"].startswith("A fault of Dripline’s own stopped them here")


def test_the_answer_names_the_enrollment_of_the_same_key(api, now, ann):
    rows = [Row(wait_amount=1, template=TemplateFactory().pk)]
    campaign = CampaignFactory(triggers=API, entry_key="order_id", on_repeat="refresh", rows=rows, now=now)
    first, other, again = (
        api.post(entries(campaign), {"contact": "user:ann", "data": {"order_id": key, "total": total}}).json()
        for key, total in (("A1", 1), ("A2", 2), ("A1", 3))
    )
    assert again["enrollment"] == first["enrollment"] != other["enrollment"]
    assert again["explanation"] == "They were inside already, and have the new data."
    assert Enrollment.objects.get(pk=first["enrollment"]).data["total"] == 3


def test_who_was_refused_by_a_pause_and_let_in_after_it_is_told_so(api, welcome, ann, moved):
    lifecycle.pause(welcome, UserFactory(), clock.now())
    entry = api.post(entries(welcome), {"contact": "user:ann"}).json()
    assert (entry["state"], entry["reason"], entry["enrollment"]) == ("refused", "paused", None)
    lifecycle.resume(Campaign.objects.get(pk=welcome.pk), UserFactory(), moved(hours=1), Resumption(enter=True))
    engine.run(clock.now())
    entry = api.get(f"/api/entries/{entry['id']}/").json()
    assert (entry["state"], entry["reason"]) == ("entered", "") and entry["enrollment"] == Enrollment.objects.get().pk


@pytest.mark.django_db(transaction=True)
def test_two_requests_at_the_same_time_let_in_once_and_say_who_was_quicker():
    now = clock.now()
    campaign, contact = CampaignFactory(triggers=API, now=now), ContactFactory()
    source, gate, rows = Source.objects.create(name="S"), threading.Barrier(4), []

    def ask():
        try:
            gate.wait()
            rows.append(requesting.ask(campaign, contact.pk, source, now)[0])
        finally:
            connection.close()

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(row.state for row in rows) == ["entered", "refused", "refused", "refused"]
    assert len({row.enrollment_id for row in rows}) == 1
    assert {row.explanation for row in rows if row.state == "refused"} <= {
        "They were already inside, so the repeat was ignored.",
        "They were already inside, let in by another request at the same moment.",
    }
