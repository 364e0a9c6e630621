"""Changing scores over the API: giving points, stages; what is not there, and what is off."""

import pytest

from contacts import merging
from events.models import Event
from lib import clock
from ops.models import ApiKey, Source
from scoring.models import ScoreChange, ScoreModel
from tests.api.scores import near, points
from tests.factories import ContactFactory
from tests.scoring.building import made

pytestmark = pytest.mark.django_db


# --- giving and taking ---


def test_points_are_given_taken_and_fade(api, lead, settings):
    who = ContactFactory().pk
    body = {"effect": "add", "points": 60, "reason": "Demo", "fades": {"how": "half", "amount": 2, "unit": "weeks"}}
    answer = api.post(f"/api/scores/lead/contacts/{who}/", body)
    assert answer.status_code == 200 and answer.json()["changed"] is True
    assert near(answer.json()["points"], 60) and answer.json()["band"] == "Warm"
    points(api, who, -10)
    settings.CLOCK_OFFSET = str(14 * 86400)
    assert near(api.get(f"/api/scores/lead/contacts/{who}/").json()["points"], 20)
    row = ScoreChange.objects.get(points=60)
    assert (row.cause, row.reason, row.half_life, row.by) == ("api", "Demo", 14 * 86400, None)


def test_the_engagement_is_set_and_reset(api, ann):
    path = "/api/scores/lead/contacts/user:ann/"
    assert api.post(path, {"effect": "set", "points": 7}).json()["engagement"] == 7
    answer = api.post(path, {"effect": "reset", "reason": "Bought elsewhere"}).json()
    assert (answer["engagement"], answer["fit"], answer["points"], answer["band"]) == (0, 20, 20, "Cold")


def test_crossing_a_band_is_an_event_once(api, lead):
    who = ContactFactory().pk
    for number in (85, 5, -5):
        points(api, who, number)
    [event] = Event.objects.filter(type="score.band_changed")
    assert (event.contact_id, event.properties["band"], event.properties["direction"]) == (who, "Hot", "up")


def test_a_request_with_an_id_may_be_sent_again(api, lead):
    who, body = ContactFactory().pk, {"effect": "add", "points": 10, "id": "call-1"}
    first, again = (api.post(f"/api/scores/lead/contacts/{who}/", body).json() for _ in range(2))
    assert (first["points"], first["changed"]) == (10, True)
    assert (again["points"], again["changed"]) == (10, False)
    without = [api.post(f"/api/scores/lead/contacts/{who}/", {"effect": "add", "points": 1}) for _ in range(2)]
    assert [answer.json()["points"] for answer in without] == [11, 12]


def test_an_id_counts_once_in_each_model_and_for_each_source(api, lead):
    made("support", now=clock.now())
    who, body = ContactFactory().pk, {"effect": "add", "points": 10, "id": "call-1"}
    for model in ("lead", "support"):
        assert api.post(f"/api/scores/{model}/contacts/{who}/", body).json()["points"] == 10
    _, other = ApiKey.objects.create_key("server", Source.objects.create(name="CRM"))
    api.credentials(HTTP_AUTHORIZATION=f"Bearer {other}")
    assert api.post(f"/api/scores/lead/contacts/{who}/", body).json()["points"] == 20


def test_an_id_is_of_one_contact_also_after_a_merge(api, lead):
    ann, ben = ContactFactory().pk, ContactFactory().pk
    body = {"effect": "add", "points": 10, "id": "call-1"}
    api.post(f"/api/scores/lead/contacts/{ann}/", body)
    refused = api.post(f"/api/scores/lead/contacts/{ben}/", body)
    assert (refused.status_code, refused.json()["field"]) == (400, "id")
    assert refused.json()["error"] == "“call-1” was the id of a change for another contact; send a new one."
    merging.merge([(ben, ann)], clock.now())
    again = api.post(f"/api/scores/lead/contacts/{ann}/", body)
    assert again.status_code == 200 and again.json()["changed"] is False


ADD = {"effect": "add", "points": 5}
BAD = [
    ({}, "effect"),
    ([], None),
    ({"effect": "multiply", "points": 5}, "effect"),
    ({"effect": None, "points": 5}, "effect"),
    ({"effect": ["add"], "points": 5}, "effect"),
    ({"effect": "add"}, "points"),
    (ADD | {"points": 0}, "points"),
    (ADD | {"points": 1001}, "points"),
    (ADD | {"points": -1001}, "points"),
    (ADD | {"points": 10**30}, "points"),
    (ADD | {"points": 1.5}, "points"),
    (ADD | {"points": "many"}, "points"),
    (ADD | {"points": True}, "points"),
    (ADD | {"points": None}, "points"),
    (ADD | {"points": [5]}, "points"),
    (ADD | {"point": 5}, "point"),
    (ADD | {"": 5}, None),
    (ADD | {"reason": "x" * 201}, "reason"),
    (ADD | {"reason": {"a": 1}}, "reason"),
    (ADD | {"id": ""}, "id"),
    (ADD | {"id": "x" * 201}, "id"),
    (ADD | {"id": {}}, "id"),
    (ADD | {"fades": "half"}, "fades"),
    (ADD | {"fades": {}}, "fades.how"),
    (ADD | {"fades": {"how": "slowly"}}, "fades.how"),
    (ADD | {"fades": {"how": "half"}}, "fades.amount"),
    (ADD | {"fades": {"how": "half", "amount": 0}}, "fades.amount"),
    (ADD | {"fades": {"how": "half", "amount": 3651}}, "fades.amount"),
    (ADD | {"fades": {"how": "expires", "amount": 600, "unit": "weeks"}}, "fades.amount"),
    (ADD | {"fades": {"how": "half", "amount": 1, "unit": "seconds"}}, "fades.unit"),
    (ADD | {"fades": {"how": "half", "amount": 1, "every": "day"}}, "fades.every"),
    ({"effect": "set"}, "points"),
    ({"effect": "reset", "points": 5}, "points"),
    ({"effect": "reset", "fades": {"how": "never"}}, "points"),
]


@pytest.mark.parametrize(("body", "field"), BAD)
def test_what_cannot_be_done_names_the_field_and_changes_nothing(api, lead, body, field):
    answer = api.post(f"/api/scores/lead/contacts/{ContactFactory().pk}/", body)
    assert answer.status_code == 400 and answer.json()["error"].endswith(".") and answer.json().get("field") == field
    assert not ScoreChange.objects.exists()


RAW = [
    b'{"effect": "add", "points": NaN}',
    b'{"effect": "add", "points": 1e999}',
    b'{"effect": "add", "points": 5, "reason": "\\u0000"}',
    b'{"effect": "add", "points": 5, "reason": "\\ud800"}',
    b'{"effect": "add", "points": 5, "id": "\\udfff"}',
    b'{"effect": "add", "points": 5, "reason": "' + b"x" * 1_000_000 + b'"}',
    b'{"effect": "add", "fades": ' + b"[" * 50 + b"]" * 50 + b"}",
    b"[" * 100_000,
    b"\xff\xfe",
    b"null",
    b'"add"',
]


@pytest.mark.parametrize("raw", RAW, ids=range(len(RAW)))
def test_a_hostile_body_is_one_sentence(api, lead, raw):
    answer = api.generic("POST", f"/api/scores/lead/contacts/{ContactFactory().pk}/", raw, "application/json")
    assert answer.status_code == 400 and answer.json()["error"].endswith(".")
    assert not ScoreChange.objects.exists()


# --- stages ---


def test_a_stage_is_reached_forward_only_unless_forced(api, lead):
    path = f"/api/scores/lead/contacts/{ContactFactory().pk}/stage/"
    steps = [
        ({"stage": "customer"}, "Customer", True),
        ({"stage": "Lead"}, "Customer", False),
        ({"stage": "Lead", "force": True}, "Lead", True),
        ({"stage": "", "force": True}, "", True),
    ]
    for body, stage, changed in steps:
        answer = api.post(path, body)
        assert (answer.status_code, answer.json()["stage"], answer.json()["changed"]) == (200, stage, changed)
    assert Event.objects.filter(type="score.stage_reached").count() == 1


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "stage"),
        ({"stage": ""}, "stage"),
        ({"stage": "Friend"}, "stage"),
        ({"stage": 3}, "stage"),
        ({"stage": None}, "stage"),
        ({"stage": ["Lead"]}, "stage"),
        ({"stage": "Lead", "force": "perhaps"}, "force"),
        ({"stage": "Lead", "now": True}, "now"),
    ],
)
def test_a_stage_that_cannot_be_is_said(api, lead, body, field):
    answer = api.post(f"/api/scores/lead/contacts/{ContactFactory().pk}/stage/", body)
    assert (answer.status_code, answer.json()["field"]) == (400, field) and answer.json()["error"].endswith(".")


def test_a_model_without_stages_says_so(api, source):
    made(now=clock.now())
    answer = api.post(f"/api/scores/lead/contacts/{ContactFactory().pk}/stage/", {"stage": "Lead"})
    assert answer.json()["error"] == "There is no stage “Lead” in this score model; it has no stages."


# --- what is not there, and what is off ---


@pytest.mark.parametrize("key", ["nothing", "Lead", "%00", "é", "x" * 500, "1"])
@pytest.mark.parametrize("rest", ["", "recompute/", "contacts/", "contacts/1/", "contacts/1/ledger/"])
def test_an_unknown_model_is_404_with_a_sentence(api, lead, key, rest):
    answer = api.get(f"/api/scores/{key}/{rest}")
    assert answer.status_code == 404 and "GET /api/scores/ lists them." in answer.json()["error"]


@pytest.mark.parametrize("who", ["0", "9" * 30, "user:nobody", "ann", "user:"])
def test_an_unknown_contact_is_404_with_a_sentence(api, lead, who):
    for path in (f"lead/contacts/{who}/", f"lead/contacts/{who}/ledger/", f"contacts/{who}/"):
        answer = api.get(f"/api/scores/{path}")
        assert answer.status_code == 404 and "contact" in answer.json()["error"], path
    for path, body in ((f"lead/contacts/{who}/", ADD), (f"lead/contacts/{who}/stage/", {"stage": "Lead"})):
        assert api.post(f"/api/scores/{path}", body).status_code == 404


def test_a_model_that_is_off_is_read_but_not_changed(api, ann, lead):
    ScoreModel.objects.filter(pk=lead.pk).update(is_active=False)
    assert near(api.get("/api/scores/lead/contacts/user:ann/").json()["points"], 80)
    assert len(api.get("/api/scores/lead/contacts/").json()["results"]) == 1
    bodies = {"contacts/user:ann/": ADD, "contacts/user:ann/stage/": {"stage": "Lead"}, "recompute/": {}}
    for path, body in bodies.items():
        answer = api.post(f"/api/scores/lead/{path}", body)
        assert (answer.status_code, answer.json()["field"]) == (400, "key"), path
        assert answer.json()["error"] == "“Lead” is off and scores nothing; turn it on first."


def test_a_model_may_be_called_contacts(api, source):
    made("contacts", now=clock.now())
    who = ContactFactory().pk
    points(api, who, 5, model="contacts")
    assert api.get("/api/scores/contacts/").json()["key"] == "contacts"
    assert api.get("/api/scores/contacts/contacts/").json()["results"][0]["points"] == 5
    assert api.get(f"/api/scores/contacts/{who}/").json()["scores"][0]["points"] == 5
    assert api.get("/api/scores/contacts/recompute/").json()["state"] == "none"
