"""The event API, as clients see it."""

import base64
import gzip
import json
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.db import connection, connections

from contacts.models import Change, Company, Contact, Identity
from events.models import Event, RejectedEvent
from ops.models import ApiKey

pytestmark = pytest.mark.django_db

ORDER = {"type": "track", "event": "Order Completed", "userId": "u1", "properties": {"dollars": 5}}


def basic(text):
    return {"Authorization": "Basic " + base64.b64encode(text.encode()).decode()}


# --- calls ---


@pytest.mark.parametrize(
    ("path", "body"),
    [
        *((path, {"userId": "u1", "event": "X"}) for path in ("track", "t")),
        *((path, {"userId": "u1", "traits": {"plan": "pro"}}) for path in ("identify", "i")),
        *((path, {"anonymousId": "a1", "name": "Home"}) for path in ("page", "p", "screen", "s")),
        *((path, {"userId": "u1", "groupId": "acme"}) for path in ("group", "g")),
        *((path, {"userId": "u1", "previousId": "a1"}) for path in ("alias", "a")),
        *((path, {"batch": [ORDER]}) for path in ("batch", "b", "import")),
    ],
)
def test_every_call_is_taken(post, path, body):
    answer = post(path, body)
    assert (answer.status_code, answer.json()) == (200, {"received": 1})
    assert Identity.objects.exists() and not RejectedEvent.objects.exists()
    assert Company.objects.exists() == (path in ("group", "g"))


def test_a_batch_keeps_what_is_good_and_shows_what_is_not(post):
    answer = post("batch", {"batch": [ORDER, {"type": "track", "userId": "u1"}, 7, {**ORDER, "userId": []}, ORDER]})
    assert (answer.status_code, answer.json()) == (200, {"received": 5})
    assert Event.objects.count() == 2
    shown = dict(RejectedEvent.objects.values_list("payload", "reason"))
    assert shown["7"] == "The event is not a JSON object; send an object with a “type”."
    assert any("“userId” is of the wrong kind" in reason for reason in shown.values())
    assert len(shown) == 3


def test_nulls_are_as_good_as_nothing(post):
    nulls = dict.fromkeys(["anonymousId", "properties", "context", "traits", "timestamp", "messageId", "integrations"])
    post(
        "batch", {"batch": [{**nulls, "type": "track", "event": "X", "userId": "u1"}], "context": None, "sentAt": None}
    )
    assert Event.objects.count() == 1


def test_context_and_sent_at_of_the_batch_hold_for_its_items(post, now):
    own = {**ORDER, "context": {"ip": "2"}}
    sent_at = "2000-01-01T10:00:00Z"
    post("batch", {"batch": [ORDER, own], "context": {"ip": "1", "app": "x"}, "sentAt": sent_at})
    post("batch", {"batch": [{**ORDER, "timestamp": "2000-01-01T09:00:00Z"}], "sentAt": sent_at})
    first, second, third = Event.objects.order_by("id")
    assert first.context == {"ip": "1", "app": "x"}
    assert second.context == {"ip": "2", "app": "x"}
    assert abs(third.received_at - third.occurred_at - timedelta(hours=1)) < timedelta(seconds=1)


def test_an_import_starts_nothing(post):
    post("import", {"batch": [ORDER]})
    assert not Change.objects.filter(triggers=True).exists()


def test_the_same_batch_again_changes_nothing(post):
    body = {"batch": [{**ORDER, "messageId": "m1"}, {**ORDER, "messageId": "m2"}]}
    assert post("batch", body).json() == post("batch", body).json() == {"received": 2}
    assert Event.objects.count() == 2


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "x/y"]
)
def test_json_is_read_whatever_it_is_called(post, content_type):
    assert post("batch", {"batch": [ORDER]}, content_type=content_type).status_code == 200
    packed = gzip.compress(json.dumps({"batch": [ORDER]}).encode())
    assert post("batch", packed, content_type=content_type, **{"Content-Encoding": "gzip"}).status_code == 200
    assert Event.objects.count() == 2


# --- keys ---


def test_every_way_of_showing_the_key_works(post, write_key):
    for headers in (basic(write_key), basic(write_key + ":"), {"Authorization": f"Bearer {write_key}"}):
        assert post("track", ORDER, **headers).status_code == 200
    assert post("track", {**ORDER, "writeKey": write_key}, key=None).status_code == 200
    assert post("batch", {"batch": [ORDER], "writeKey": write_key}, key=None).status_code == 200
    assert Event.objects.count() == 5


@pytest.mark.parametrize(
    "headers",
    [
        {},
        basic("dlw_wrong_key:"),
        basic(""),
        {"Authorization": "Basic %%%"},
        {"Authorization": "Basic /w=="},
        {"Authorization": "Bearer " + "x" * 5000},
        {"Authorization": "Digest x"},
        {"Authorization": "Bearer \x00"},
    ],
)
def test_an_unknown_key_is_401_and_writes_nothing(post, headers):
    answer = post("track", ORDER, key=None, **headers)
    assert answer.status_code == 401 and answer.json()["error"].endswith(".")
    assert post("track", {**ORDER, "writeKey": {"a": 1}}, key=None).status_code == 401
    assert not Event.objects.exists() and not RejectedEvent.objects.exists()


def test_a_revoked_key_is_unknown(post, now):
    ApiKey.objects.get().revoke(now)
    assert post("track", ORDER).status_code == 401


def test_a_server_key_needs_the_scope_to_add_events(post, source):
    may = ApiKey.objects.create_key("server", source, ["events:write"])[1]
    may_not = ApiKey.objects.create_key("server", source, ["events:read"])[1]
    assert post("track", ORDER, key=may).status_code == 200
    assert post("track", ORDER, key=may_not).status_code == 403


def test_the_use_of_a_key_is_noted_at_most_once_a_minute(post):
    post("track", ORDER)
    first = ApiKey.objects.get().last_used_at
    assert first is not None
    post("track", ORDER)
    assert ApiKey.objects.get().last_used_at == first


def test_too_many_requests_are_told_to_wait(post, settings):
    cache.clear()
    settings.EVENT_REQUESTS_PER_MINUTE = 2
    answers = [post("track", ORDER) for _ in range(3)]
    if answers[-1].status_code == 200:  # the minute turned in between
        answers = [post("track", ORDER) for _ in range(3)]
    assert answers[-1].status_code == 429
    assert 1 <= int(answers[-1]["Retry-After"]) <= 61
    cache.clear()


# --- what is refused as a whole ---


def packed(body):
    return gzip.compress(body)


BIG = json.dumps({"batch": [ORDER], "padding": "x" * 520_000}).encode()


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"", {}),
        (b"{", {}),
        (b"[]", {}),
        (b"7", {}),
        (b"{}", {}),
        (b'{"batch": 7}', {}),
        (b'{"batch": {}}', {}),
        (b"[" * 100_000, {}),
        (b'{"batch":' + b"[" * 100_000, {}),
        (b"\xff\xfe", {}),
        (BIG, {}),
        (packed(BIG), {"Content-Encoding": "gzip"}),
        (packed(b"0" * 100_000_000), {"Content-Encoding": "gzip"}),
        (packed(b'{"batch": []}')[:-9], {"Content-Encoding": "gzip"}),
        (b'{"batch": []}', {"Content-Encoding": "gzip"}),
        (b'{"batch": []}', {"Content-Encoding": "br"}),
        (json.dumps({"batch": [{}] * 2501}).encode(), {}),
    ],
    ids=range(17),
)
def test_malformed_or_too_large_is_400_with_a_sentence(post, body, headers):
    answer = post("batch", body, **headers)
    assert answer.status_code == 400
    assert answer.json()["error"].endswith((".", "}."))
    assert not RejectedEvent.objects.exists()


def test_one_event_may_have_32_kb(post):
    large = {**ORDER, "properties": {"text": "x" * 33_000}}
    assert post("track", large).status_code == 400
    assert post("batch", {"batch": [large, ORDER]}).status_code == 200
    assert Event.objects.count() == 1
    assert "32 KB" in RejectedEvent.objects.get().reason


HOSTILE = [
    b'"\\u0000"', b'"a\\u0000b"', b'"\\ud800"', b'"\\udc00\\ud800"', b"1e999", b"-1e999", b"1e99999999", b"9" * 400,
    b"9" * 5000, b"NaN", b"Infinity", b'"\xff"', b'"\x00"', b"[" * 900 + b"]" * 900, b"[" * 5000 + b"]" * 5000,
    b'{"a":' * 5000 + b"1" + b"}" * 5000, b'{"a":1,"a":2}', b'{"":1}', b'{"\\u0000":1}', b'{"' + b"k" * 200 + b'":1}',
    b"{" + b",".join(b'"%d":1' % n for n in range(300)) + b"}", b'"\\ud83d\\ude00"', b"0." + b"1" * 3000,
    '"\u202e\ufeff\u0085"'.encode(), b"-0", b"true", b"null",
    b'"%s %(a)s {} $1"', b"\"'; DROP TABLE events_event; --\"",
]  # fmt: skip
PLACES = [
    b'{"type":"track","event":"X","userId":"u1","properties":{"a":%b}}',
    b'{"type":"track","event":"X","userId":"u1","properties":%b}',
    b'{"type":"track","event":"X","userId":%b}',
    b'{"type":"track","event":%b,"userId":"u1"}',
    b'{"type":%b,"event":"X","userId":"u1"}',
    b'{"type":"track","event":"X","userId":"u1","messageId":%b}',
    b'{"type":"track","event":"X","userId":"u1","timestamp":%b,"sentAt":%b}',
    b'{"type":"track","event":"X","userId":"u1","context":{"traits":%b}}',
    b'{"type":"identify","userId":"u1","traits":{"a":%b,"email":%b,"timezone":%b}}',
    b'{"type":"group","userId":"u1","groupId":%b,"traits":{"a":%b}}',
    b'{"type":"page","userId":"u1","name":%b}',
    b'{"type":"alias","userId":"u1","previousId":%b}',
]


@pytest.mark.parametrize("hostile", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_json_never_breaks_us_and_harms_no_other_item(post, hostile):
    good = json.dumps(ORDER).encode()
    for place in PLACES:
        bad = place.replace(b"%b", hostile)
        for path, body in (("batch", b'{"batch":[' + bad + b"," + good + b"]}"), ("track", bad)):
            answer = post(path, body)
            assert answer.status_code in (200, 400), (place, answer.content)
            assert "received" in answer.json() or answer.json()["error"].endswith(".")
    orders = Event.objects.filter(type="order.completed").count()
    whole = b"[" * 5000 in hostile or b'{"a":' * 5000 in hostile or b"\x00" in hostile
    assert orders == (0 if whole else len(PLACES)), "the good item beside the bad one was lost"
    assert Contact.objects.count() < 60


def test_what_is_nested_too_deep_is_called_that(post):
    answer = post("track", PLACES[0].replace(b"%b", b"[" * 3_000 + b"]" * 3_000))
    assert (answer.status_code, answer.json()["error"]) == (400, "The request is nested too deep; make it flatter.")


# --- around it ---


def test_browsers_may_ask_first(client):
    answer = client.options(
        "/v1/batch",
        headers={
            "Origin": "https://shop.example.com",
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization,content-type",
        },
    )
    assert answer.status_code == 200
    assert answer["Access-Control-Allow-Origin"] == "*"
    assert "authorization" in answer["Access-Control-Allow-Headers"]
    assert client.options("/v1/batch").status_code == 204
    assert client.get("/v1/batch").status_code == 405


def test_the_browser_client_finds_its_integration(client, write_key):
    answer = client.get(f"/v1/projects/{write_key}/settings", headers={"Origin": "https://shop.example.com"})
    segment = answer.json()["integrations"]["Segment.io"]
    assert segment["apiKey"] == write_key
    assert segment["apiHost"].endswith("/v1")
    assert answer["Access-Control-Allow-Origin"] == "*"


@pytest.mark.django_db(transaction=True)
def test_when_the_database_fails_nothing_is_half_written_and_the_client_tries_again(post):
    other = connections.create_connection("default")
    with other.cursor() as holding, connection.cursor() as cursor:
        holding.execute("BEGIN; LOCK TABLE events_event IN ACCESS EXCLUSIVE MODE")
        cursor.execute("SET lock_timeout = '100ms'")
        body = {"batch": [{**ORDER, "messageId": "m1"}]}
        answer = post("batch", body)
        holding.execute("ROLLBACK")
        cursor.execute("SET lock_timeout = 0")
    other.close()
    assert answer.status_code == 503 and int(answer["Retry-After"]) > 0
    assert not Contact.objects.exists()
    assert post("batch", body).status_code == 200
    assert Event.objects.count() == 1
