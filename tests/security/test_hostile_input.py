"""Input that is meant to hurt: what it must not break, fill or slow down, and what it is answered."""

import json
from io import BytesIO

import pytest
from django.urls import reverse

from config.wsgi import application
from contacts.models import Company, Contact
from events.models import Event, RejectedEvent
from ops.models import ApiKey
from tests.security.addresses import names

pytestmark = pytest.mark.django_db

ORDER = {"type": "track", "event": "Order Completed", "userId": "u1"}
ODD = [
    b'"\\ud800"', b'"\\u0000"', b"1e999", b"9" * 4000, b"[" * 900 + b"]" * 900, b'[{"a":' * 400 + b"1" + b"}]" * 400,
    b'"<\\/pre><script>"', '"\u202e\u2028\ufeff"'.encode(), b'"\xff"', b"{" + b'"a":[[[[1]]]],' * 400 + b'"b":1}',
]  # fmt: skip


@pytest.fixture
def post(client, source):
    text = ApiKey.objects.create_key("write", source)[1]

    def post(path, body):
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {text}"}
        return client.post(f"/v1/{path}", raw, content_type="application/json", headers=headers)

    return post


@pytest.mark.parametrize("odd", ODD, ids=range(len(ODD)))
def test_whatever_was_refused_can_be_looked_at(odd, post, log_in):
    places = (b'{"type":"track","event":"X","userId":"u1","properties":%b}', b'{"type":%b}', b'{"userId":[%b]}', b"%b")
    for place in places:
        post("batch", b'{"batch":[' + place.replace(b"%b", odd) + b"]}")
    boss = log_in("superuser")
    for row in RejectedEvent.objects.all():
        page = boss.get(reverse("admin:events_rejectedevent_change", args=[row.pk]))
        assert page.status_code == 200
        assert len(page.content) < 200_000, "a few bytes of depth became a page that no browser likes"


@pytest.mark.parametrize("call", ["identify", "group"])
def test_nobody_can_be_made_to_grow_without_end(call, post):
    who = {"type": call, "userId": "u1", "groupId": "acme"}
    for part in range(5):
        post("batch", {"batch": [{**who, "traits": {"a": {f"{part}-{n}": "x" * 10_000 for n in range(3)}}}]})
    kept = (Contact if call == "identify" else Company).objects.get().attributes
    assert 50_000 < len(json.dumps(kept)) < 70_000
    assert "64 KB" in RejectedEvent.objects.first().reason
    assert post("batch", {"batch": [{**who, "traits": {"a": None, "plan": "pro"}}]}).status_code == 200
    assert (Contact if call == "identify" else Company).objects.get().attributes == {"plan": "pro"}


def test_a_batch_does_not_become_far_more_than_was_sent(post):
    answer = post("batch", {"batch": [ORDER] * 1000, "context": {"a": "x" * 30_000}})
    assert answer.status_code == 400 and "context" in answer.json()["error"]
    assert not Event.objects.exists()
    assert post("batch", {"batch": [ORDER] * 100, "context": {"a": "x" * 3000}}).status_code == 200
    assert Event.objects.count() == 100


@pytest.mark.parametrize("path", ["track/", "t/", "batch/", "import/"])
def test_a_slash_too_many_does_no_harm(path, post):
    body = {"batch": [ORDER]} if path in ("batch/", "import/") else ORDER
    assert post(path, body).json() == {"received": 1}


@pytest.mark.parametrize("path", ["", "trak", "batch/x", "v1/batch"])
def test_a_slip_in_the_address_is_told_as_the_clients_understand(path, post):
    answer = post(path, ORDER)
    assert answer.status_code == 404 and "/v1/batch" in answer.json()["error"]


def test_the_api_heeds_what_surrounds_a_batch(client, source):
    text = ApiKey.objects.create_key("server", source)[1]
    body = {"batch": [ORDER, ORDER | {"context": {"ip": "2"}}], "context": {"ip": "1"}}
    headers = {"Authorization": f"Bearer {text}"}
    client.post("/api/events/", body, content_type="application/json", headers=headers)
    assert [event.context["ip"] for event in Event.objects.order_by("id")] == ["1", "2"]


@pytest.mark.django_db(transaction=True)  # the web server's way in closes connections that are too old
def test_a_body_in_chunks_is_read(source):
    """As Java's and Go's clients send it; Django alone would take it for empty."""
    text = ApiKey.objects.create_key("write", source)[1]
    answers = []
    environ = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/v1/track",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_AUTHORIZATION": f"Bearer {text}",
        "HTTP_TRANSFER_ENCODING": "chunked",
        "wsgi.input": BytesIO(json.dumps(ORDER).encode()),
        "wsgi.input_terminated": True,
        "wsgi.url_scheme": "http",
    }
    body = b"".join(application(environ, lambda status, headers: answers.append(status)))
    assert (answers, json.loads(body)) == (["200 OK"], {"received": 1})


def test_a_nul_in_a_search_is_a_bad_request_and_no_fault(log_in):
    boss = log_in("superuser")
    for name in sorted(name for name in names() if name.endswith("_changelist")):
        for query in ("q=%00", "state=%00", "type=%00", "pk=%00", "id__in=%00"):
            assert boss.get(f"{reverse(f'admin:{name}')}?{query}").status_code in (400, 403), (name, query)
    assert boss.get("/django_q/failure/%00/change/").status_code == 400


def test_a_name_of_any_length_may_fail_to_log_in(client, settings):
    settings.AXES_ENABLED = True
    for name in ("x" * 100_000, "a\x00b", "😈" * 300):
        assert client.post("/login/", {"username": name, "password": "y" * 5000}).status_code == 200
