import datetime as dt

import pytest

from contacts.models import Contact
from events.models import Event, EventTypeRow, RejectedEvent

pytestmark = pytest.mark.django_db


def track(n, **fields):
    return {
        "type": "track",
        "userId": f"u-{n % 3}",
        "event": "order.completed",
        "properties": {"n": n},
        "messageId": f"m-{n}",
    } | fields


def send(api, *batch):
    return api.post("/api/events/", {"batch": list(batch)})


def test_a_batch_is_taken_and_each_item_is_accounted_for(api):
    answer = send(
        api, track(1), {"type": "nonsense", "userId": "u"}, track(1), track(2), {"type": "track", "event": "x"}
    )
    assert answer.status_code == 200
    said = answer.json()
    assert (said["accepted"], said["duplicates"]) == (2, 1)
    assert [row["index"] for row in said["rejected"]] == [1, 4] and all(
        row["reason"].endswith(".") for row in said["rejected"]
    )
    assert send(api, track(2)).json() == {"accepted": 0, "duplicates": 1, "rejected": []}
    assert Event.objects.count() == 2 and RejectedEvent.objects.count() == 2


def test_identify_writes_the_contact(api):
    send(api, {"type": "identify", "userId": "u-1", "traits": {"plan": "pro", "email": "ann@example.com"}})
    assert api.get("/api/contacts/user:u-1/").json()["attributes"]["plan"] == "pro"


def test_events_are_read_in_pages_newest_first(api):
    for n in range(7):
        send(api, track(n))
    seen, cursor = [], ""
    while cursor is not None:
        page = api.get(f"/api/events/?limit=3&cursor={cursor}").json()
        seen += [row["properties"]["n"] for row in page["results"]]
        cursor = page["next"]
    assert sorted(seen) == list(range(7)) and len(set(seen)) == 7


def test_events_are_filtered(api):
    send(api, track(0), track(1), track(2, event="Order Refunded"))
    before = dt.datetime.now(dt.UTC) - dt.timedelta(hours=1)
    count = lambda query: len(api.get(f"/api/events/?{query}").json()["results"])  # noqa: E731
    assert count("contact=user:u-1") == 1 and count(f"contact={Contact.objects.first().pk}") == 1
    assert count("type=order.completed") == 2 and count("type=Order Refunded") == 1 and count("type=never") == 0
    stamp = before.isoformat().replace("+00:00", "Z")
    assert count(f"since={stamp}") == 3 and count(f"until={stamp}") == 0
    assert count(f"since={before.isoformat()}") == 3  # the + was not encoded
    assert api.get("/api/events/?contact=user:nobody").status_code == 404
    shown = api.get("/api/events/?contact=user:u-1").json()["results"][0]
    assert (shown["type"], shown["source"], shown["properties"]) == ("order.completed", "Web shop", {"n": 1})


@pytest.mark.parametrize(
    "query",
    [
        "since=x",
        "since=2026-03-02",
        "until=2026-13-02T09:00:00Z",
        "since=2026-03-02T09:00:00",
        "cursor=x",
        "cursor=1",
        "limit=0",
        "type=%00",
    ],
)
def test_odd_parameters_get_a_sentence(api, query):
    answer = api.get(f"/api/events/?{query}")
    assert (
        answer.status_code == 400
        and answer.json()["error"].endswith(".")
        and answer.json()["field"] == query.partition("=")[0]
    )


def test_event_types_say_what_they_are(api):
    send(api, track(1, event="rocket.launched"))
    EventTypeRow.objects.create(key="tea.drunk", label="Tea drunk", adopted_at=dt.datetime.now(dt.UTC))
    found = {row["key"]: row for row in api.get("/api/event-types/").json()["results"]}
    assert found["order.completed"]["status"] == "built_in" and found["order.completed"]["properties"]
    assert found["rocket.launched"]["status"] == "unregistered"
    assert (found["tea.drunk"]["status"], found["tea.drunk"]["label"]) == ("adopted", "Tea drunk")


def test_the_number_of_queries_is_fixed(api, django_assert_num_queries):
    send(api, *(track(n) for n in range(30)))
    with django_assert_num_queries(2):
        assert len(api.get("/api/events/").json()["results"]) == 30
    with django_assert_num_queries(3):
        api.get("/api/events/?contact=user:u-1")
    with django_assert_num_queries(2):
        api.get("/api/event-types/")


HOSTILE = [
    b"",
    b"[]",
    b"null",
    b"{}",
    b"{",
    b'{"batch": {}}',
    b'{"batch": [}',
    b"\xff",
    b'{"batch": "x"}',
    b'{"batch": null}',
    b'{"batch": [' + b"{}," * 2500 + b"{}]}",
    b'{"batch": [' + b"[" * 5000 + b"]" * 5000 + b"]}",
    b'{"batch": ["' + b"x" * 600_000 + b'"]}',
]


def test_a_hostile_body_gets_a_sentence(api):
    for raw in HOSTILE:
        answer = api.generic("POST", "/api/events/", raw, content_type="application/json")
        said = answer.json()
        assert answer.status_code == 400 and said["error"].endswith(".") or len(said["rejected"]) == 1, raw[:100]
    assert not Event.objects.exists()


TRACK = b'"type":"track","userId":"u","event":"x"'
ITEMS = [
    b"null",
    b"5",
    b"[]",
    b"{}",
    b'{"type": 5}',
    b'{"type":"track","userId":"u","event":"x\\u0000"}',
    b'{"type":"track","userId":"u\\u0000","event":"x"}',
    b'{%s,"properties":{"a":"\\u0000"}}' % TRACK,
    b'{%s,"properties":{"a":"\\ud800"}}' % TRACK,
    b'{%s,"properties":{"a":1e999}}' % TRACK,
    b'{%s,"messageId":"%s"}' % (TRACK, b"m" * 100),
    b'{%s,"properties":%s}' % (TRACK, b'{"a":' * 200 + b"1" + b"}" * 200),
    b'{%s,"properties":{"a":"%s"}}' % (TRACK, b"y" * 33_000),
]


def test_a_hostile_item_leaves_the_others_alone(api):
    good = b'{"type":"track","userId":"u-1","event":"order.completed"}'
    for item in ITEMS:
        answer = api.generic("POST", "/api/events/", b'{"batch": [%s, %s]}' % (item, good))
        assert answer.status_code == 200, item[:100]
        said = answer.json()
        assert said["accepted"] == 1 and [row["index"] for row in said["rejected"]] == [0], item[:100]
