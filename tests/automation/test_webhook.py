"""The step that calls a webhook, from the event to the call at a real server, and on to the mail."""

import base64
import hashlib
import hmac
import json
import time
from datetime import timedelta

import pytest

from automation.call_models import Call, Receiver
from automation.kinds.webhook import WebhookKind
from automation.models import Enrollment, Visit
from automation.webhooks import receivers
from campaigns import lifecycle
from campaigns.document import Document, StepDoc, Trigger
from lib.sealed import unseal
from ops.work import QUEUES
from tests import engine
from tests.automation.webhooks import call, hooked, said
from tests.factories import NOW, TemplateFactory, UserFactory, site
from tests.http_receiver import Receiver as Server
from tests.http_receiver import answer, drip, hang, nothing, raw

pytestmark = pytest.mark.django_db
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def track(track):
    """As `track`, of somebody with an address."""

    def send(now, user, event, **more):
        more.setdefault("traits", {"email": f"{user}@example.com"})
        return track(now, user, event, **more)

    return send


def newest():
    return Call.objects.select_related("enrollment").latest("enrollment_id")


def subjects(inbox):
    return [mail.message["Subject"] for mail in inbox.accepted]


def test_a_sign_up_is_told_and_the_answer_is_used_later(inbox, track, shop):
    shop.answers = [answer(201, {"url": "https://t.example/7", "seats": 5})]
    hooked(
        shop.url + "/trials?who={{ contact.email }}", body='{"mail": "{{ contact.email }}", "plan": {{ event.plan }}}'
    )
    track(NOW, "ann", "users.signed_up", plan='p"ro')
    [got] = shop.got
    assert (got.method, got.path) == ("POST", "/trials?who=ann%40example.com")
    assert got.json == {"mail": "ann@example.com", "plan": 'p"ro'}
    assert got.headers["Content-Type"] == "application/json" and got.headers["Host"] == f"127.0.0.1:{shop.port}"
    assert "Cookie" not in got.headers and "Authorization" not in got.headers
    row = Enrollment.objects.get()
    assert row.data["webhook"] == {"provision": {"url": "https://t.example/7", "seats": 5}}
    assert row.data["plan"] == 'p"ro' and subjects(inbox) == ["It is ready"]
    visit = Visit.objects.get(step_uid="hook")
    assert visit.arm == "done" and visit.explanation == f"127.0.0.1:{shop.port} answered 201 Created."
    assert call().state == "done" and call().status == 201 and call().tries == 1


def test_the_signature_is_that_of_standard_webhooks(inbox, track, shop):
    hooked(shop.url)
    secret = receivers.renew(receivers.receiver(shop.url, NOW), UserFactory(), NOW)
    track(NOW, "ann", "users.signed_up")
    [got] = shop.got
    identity, moment = got.headers["webhook-id"], got.headers["webhook-timestamp"]
    assert identity == f"msg_{call().pk.hex}" and moment == str(int(NOW.timestamp()))
    key = base64.b64decode(secret.removeprefix("whsec_"))
    assert 24 <= len(key) <= 64
    expected = base64.b64encode(hmac.new(key, f"{identity}.{moment}.".encode() + got.body, hashlib.sha256).digest())
    assert got.headers["webhook-signature"] == f"v1,{expected.decode()}"
    receivers.renew(Receiver.objects.get(), UserFactory(), NOW)
    track(NOW + MINUTE, "ben", "users.signed_up")
    assert len(shop.got[1].headers["webhook-signature"].split(" ")) == 2, "both secrets sign for a day"
    track(NOW + DAY + MINUTE, "cleo", "users.signed_up")
    assert len(shop.got[2].headers["webhook-signature"].split(" ")) == 1


def test_what_is_sent_where_no_body_was_written(inbox, track, shop):
    hooked(shop.url)
    track(NOW, "ann", "users.signed_up", traits={"email": "ann@example.com", "first_name": "Ann"}, plan="pro")
    sent = shop.got[0].json
    assert sent["type"] == "campaign.step" and sent["timestamp"] == "2026-03-02T09:00:00+00:00"
    assert sent["data"]["contact"]["email"] == "ann@example.com" and sent["data"]["contact"]["first_name"] == "Ann"
    assert sent["data"]["event"]["plan"] == "pro" and sent["data"]["campaign"] == {"name": "Trial"}


def test_a_get_carries_no_body_and_put_patch_delete_arrive(inbox, track, shop):
    for method in ("GET", "PUT", "PATCH", "DELETE"):
        campaign = hooked(shop.url, method=method)
        track(NOW, f"u{method}", "users.signed_up")
        lifecycle.archive(campaign, None, NOW)
    assert [(got.method, bool(got.body)) for got in shop.got] == [
        ("GET", False), ("PUT", True), ("PATCH", True), ("DELETE", False),
    ]  # fmt: skip


def test_a_server_that_fails_is_called_again_with_the_same_id_and_body(inbox, track, shop):
    shop.answers = [answer(500), nothing, answer(200)]
    hooked(shop.url)
    track(NOW, "ann", "users.signed_up")
    assert call().state == "queued" and Enrollment.objects.get().state == "held" and not inbox.accepted
    assert timedelta(seconds=24) <= call().due_at - NOW <= timedelta(seconds=36)
    engine.run(call().due_at)
    assert NOW + 2 * MINUTE <= call().due_at <= NOW + 4 * MINUTE
    engine.run(call().due_at)
    assert len({got.headers["webhook-id"] for got in shop.got}) == 1 and len({got.body for got in shop.got}) == 1
    assert len({got.headers["webhook-timestamp"] for got in shop.got}) == 3, "each is signed for its own time"
    place = f"127.0.0.1:{shop.port}"
    assert said()[0].startswith(f"{place} answered 500 Internal Server Error; tried again in ")
    assert said()[1].startswith("127.0.0.1 closed the connection before it had answered; tried again in ")
    assert subjects(inbox) == ["It is ready"] and call().tries == 3


def test_after_eight_attempts_in_a_day_they_leave_by_failed(inbox, track, shop):
    shop.answers = [answer(503)]
    hooked(shop.url)
    track(NOW, "ann", "users.signed_up")
    now = NOW
    while call().state == "queued":
        now = call().due_at
        engine.run(now)
    assert len(shop.got) == 8 and 18 * HOUR < now - NOW < 30 * HOUR
    assert call().state == "failed" and call().reason.endswith("503 Service Unavailable, after 8 attempts.")
    assert subjects(inbox) == ["It takes longer"] and Visit.objects.get(step_uid="hook").arm == "failed"


def test_an_answer_that_will_not_change_is_final(inbox, track, shop):
    again = {400: False, 401: False, 404: False, 410: False, 408: True, 409: True, 425: True, 429: True}
    hooked(shop.url)
    for status, tried_again in again.items():
        shop.answers = [answer(status)]
        track(NOW, f"u{status}", "users.signed_up")
        assert newest().state == ("queued" if tried_again else "failed"), status
    assert len(shop.got) == len(again)


def test_retry_after_is_heeded_up_to_six_hours(inbox, track, shop):
    asked = {"3600": HOUR, "Mon, 02 Mar 2026 10:00:00 GMT": HOUR, "999999999": 6 * HOUR, "soon": None, "-5": None}
    hooked(shop.url)
    for number, (text, waits) in enumerate(asked.items()):
        shop.answers = [answer(429, retry_after=text)]
        track(NOW, f"u{number}", "users.signed_up")
        found = newest().due_at - NOW
        assert found == waits if waits else found < MINUTE, text


def test_the_marketer_says_which_answers_count(inbox, track, shop):
    shop.answers = [answer(409, {"known": True})]
    hooked(shop.url, success="200-299, 409")
    track(NOW, "ann", "users.signed_up")
    assert call().state == "done" and Enrollment.objects.get().data["webhook"]["provision"] == {"known": True}


def test_an_answer_that_cannot_be_kept_is_a_success_all_the_same(inbox, track, shop):
    remarks = {
        "[1, 2]": "it is not a JSON object",
        "<html>": "it is not JSON",
        '{"a": "\\u0000"}': "it is not JSON",
        '{"a": NaN}': "it is not JSON",
        b"\xff\xfe": "it is not JSON",
        '{"a": "' + "x" * 65_536 + '"}': "it is longer than 64 KB",
        '{"a":' * 60 + "1" + "}" * 60: "it is not JSON",
    }
    hooked(shop.url)
    for number, (body, remark) in enumerate(remarks.items()):
        shop.answers = [answer(200, body)]
        track(NOW, f"u{number}", "users.signed_up")
        made = newest()
        assert made.state == "done" and remark in made.reason and "webhook" not in made.enrollment.data
        assert len(made.attempts.get().excerpt) <= 1000
    assert subjects(inbox) == ["It is ready"] * len(remarks)


def test_answers_stay_beside_each_other_are_used_in_mails_and_conditions_and_survive_a_repeat(inbox, track, shop):
    shop.answers = [answer(200, {"url": "https://t.example/7"}), answer(200, {"seats": 5})]
    site()
    mail = TemplateFactory(subject="At {{ webhook.trial.url }}").pk
    only_if = {"field": "data.webhook.seats_left.seats", "op": ">", "value": 4}
    steps = [
        StepDoc(uid="a", kind="webhook", config={"url": shop.url, "answer": "trial"}, next={"done": "b"}),
        StepDoc(
            uid="b",
            kind="webhook",
            name="Seats left?",
            config={"url": shop.url, "body": '{"at": {{ webhook.trial.url }}}'},
            next={"done": "c"},
        ),
        StepDoc(uid="c", kind="email", config={"template": mail}, only_if=only_if, next={"done": "d"}),
        StepDoc(uid="d", kind="wait", config={"amount": 1, "unit": "days"}, next={"done": None}),
    ]
    triggers = [Trigger(event="users.signed_up")]
    document = Document(name="Trial", triggers=triggers, steps=steps, on_repeat="refresh")
    lifecycle.activate(lifecycle.create(document, None, NOW), None, NOW)
    track(NOW, "ann", "users.signed_up", plan="free")
    assert shop.got[1].json == {"at": "https://t.example/7"} and subjects(inbox) == ["At https://t.example/7"]
    track(NOW, "ann", "users.signed_up", plan="pro")
    answers = {"trial": {"url": "https://t.example/7"}, "seats_left": {"seats": 5}}
    assert Enrollment.objects.get().data == {"plan": "pro", "webhook": answers}


def test_a_redirect_is_not_followed(inbox, track, shop):
    with Server() as other:
        shop.answers = [answer(302, location=other.url)]
        hooked(shop.url)
        track(NOW, "ann", "users.signed_up")
        assert not other.got and call().state == "failed" and "webhooks do not follow" in call().reason


def test_what_is_no_answer_is_tried_again(inbox, track, shop):
    acts = {
        "is not HTTP": raw(b"SSH-2.0-OpenSSH_9.6\r\n\r\n"),
        "in the middle of its answer": raw(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort"),
        "in the middle of its": raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
        "answered is not HTTP": raw(b"HTTP/1.1 200 OK\r\nX-A: " + b"b" * 70_000 + b"\r\n\r\n"),
        "sent more than an answer may hold": raw(b"HTTP/1.1 100 Continue\r\n\r\n" * 9_000),
        "closed the connection before": nothing,
    }
    hooked(shop.url)
    for number, (words, act) in enumerate(acts.items()):
        shop.answers = [act]
        track(NOW, f"u{number}", "users.signed_up")
        made = newest()
        assert words in made.reason and made.state == "queued" and made.due_at > NOW, words


def test_a_server_that_drips_is_left_after_the_time_out(inbox, track, shop):
    shop.answers = [drip(b"HTTP/1.1 200 OK\r\nX-Slow: " + b"a" * 200, 0.1)]
    hooked(shop.url, timeout=1)
    began = time.monotonic()
    track(NOW, "ann", "users.signed_up")
    assert time.monotonic() - began < 4 and said()[0].startswith("127.0.0.1 did not answer within 1 seconds"[:24])
    assert call().state == "queued"


def test_a_missing_value_fails_the_call_and_says_which(inbox, track, shop):
    hooked(shop.url, body='{"plan": {{ event.plan }}}')
    track(NOW, "ann", "users.signed_up")
    assert not shop.got and call().state == "failed" and "`event.plan` has no value" in call().reason
    assert call().tries == 0 and subjects(inbox) == ["It takes longer"]


def test_a_body_that_a_value_breaks_is_not_sent(inbox, track, shop):
    hooked(shop.url, body='{"plan": {{ event.plan }} {% if event.plan == "x" %},{% endif %} }')
    track(NOW, "ann", "users.signed_up", plan="x")
    assert not shop.got and "the body is not JSON" in call().reason


def test_no_value_becomes_more_than_a_value(inbox, track, shop):
    values = ['", "admin": true, "x": "', "\\", "\n", "é☃", "\x01\x02", "\u2028", '{"a": 1}', "1, 2", "a&b=c/../#?"]
    body = '{"in": "<{{ event.v }}>", "out": {{ event.v }}, "n": [{{ event.v }}]}'
    hooked(shop.url + "/{{ event.v }}?q={{ event.v }}", body=body)
    for number, value in enumerate(values):
        track(NOW, f"u{number}", "users.signed_up", v=value)
        got = shop.got[number]
        assert got.json == {"in": f"<{value}>", "out": value, "n": [value]}
        path, _, query = got.path.partition("?")
        assert path.count("/") == 1 and query.count("=") == 1 and "&" not in query


def test_numbers_lists_and_objects_stay_what_they_are(inbox, track, shop):
    body = '{% capture s %}<{{ event.s }}>{% endcapture %}{"n": {{ event.n }}, "yes": {{ event.yes }}, '
    body += '"items": {{ event.items }}, "text": "{{ event.items }}", "up": {{ event.s | upcase }}, "caught": {{ s }}}'
    hooked(shop.url, body=body)
    track(NOW, "ann", "users.signed_up", n=1.5, yes=True, items=[{"id": 1}], s='a"b')
    sent = shop.got[0].json
    assert sent["n"] == 1.5 and sent["yes"] is True and sent["items"] == [{"id": 1}]
    assert json.loads(sent["text"]) == [{"id": 1}] and sent["up"] == 'A"B' and sent["caught"] == '<a"b>'


def test_who_leaves_has_nothing_called(inbox, track, shop):
    shop.answers = [answer(500)]
    campaign = hooked(shop.url)
    track(NOW, "ann", "users.signed_up")
    lifecycle.archive(campaign, None, NOW)
    assert call().state == "cancelled" and call().due_at is None
    engine.run(NOW + DAY)
    assert len(shop.got) == 1


def test_a_paused_campaign_calls_nobody_until_it_is_resumed(inbox, track, shop):
    shop.answers = [answer(500), answer(200)]
    campaign = hooked(shop.url)
    track(NOW, "ann", "users.signed_up")
    lifecycle.pause(campaign, None, NOW)
    engine.run(NOW + HOUR)
    assert len(shop.got) == 1 and call().state == "queued"
    lifecycle.resume(campaign, None, NOW + HOUR)
    engine.run(NOW + HOUR)
    assert len(shop.got) == 2 and call().state == "done"


def test_merged_people_are_called_about_once(inbox, track, shop):
    from contacts import merging
    from contacts.models import Identity

    shop.answers = [answer(500)]
    hooked(shop.url)
    track(NOW, "ann", "users.signed_up")
    track(NOW + MINUTE, "ben", "users.signed_up", run=True)
    ann, ben = (Identity.objects.get(value=name).contact_id for name in ("ann", "ben"))
    merging.merge([(ann, ben)], NOW + 2 * MINUTE)
    merging.move_history(NOW + 2 * MINUTE)
    assert sorted(Call.objects.values_list("state", flat=True)) == ["cancelled", "queued"]


def test_a_receiver_that_is_down_does_not_hold_up_another(inbox, track, shop, settings):
    settings.WEBHOOK_CONNECTIONS = 4
    with Server() as dead:
        dead.answers = [hang]
        hooked(dead.url, timeout=1)
        hooked(shop.url, event="cart.abandoned")
        for n in range(6):
            if n < 3:
                track(NOW, f"d{n}", "users.signed_up", run=False)
            track(NOW, f"s{n}", "cart.abandoned", run=False)
        for name in ("changes", "enrollments") * 12:
            QUEUES[name].work(NOW)
        began = time.monotonic()
        engine.run(NOW)
        assert len(shop.got) == 6 and max(got.at for got in shop.got) - began < 2
        assert dead.most_at_once <= 3
        Call.objects.filter(receiver__origin=dead.url).update(due_at=NOW)
        assert Receiver.objects.get(origin=dead.url).failing
        dead.most_at_once = 0
        theirs = Call.objects.filter(receiver__origin=dead.url, state="queued")
        theirs.exclude(pk__in=list(theirs.values_list("pk", flat=True)[:2])).update(due_at=NOW + DAY)
        engine.run(NOW)
        assert dead.most_at_once == 1, "one that does not answer is asked one call at a time"


SAFE = "https://a.example"
WRONG = [
    {}, {"url": 7}, {"url": []}, {"url": "\x00"}, {"url": None}, {"url": "x" * 10**6}, {"method": "TRACE"},
    {"url": SAFE, "timeout": float("nan")}, {"url": SAFE, "timeout": 31}, {"url": SAFE, "timeout": True - 1},
    {"url": SAFE, "success": ""}, {"url": SAFE, "success": "200-" + "9" * 5000}, {"url": SAFE, "success": "٢٠٠"},
    {"url": SAFE, "body": "{{ contact.x"}, {"url": SAFE, "body": "{{ contcat.x }}"}, {"url": SAFE, "body": "\x01"},
    {"url": f"{SAFE}/{{% if %}}"}, {"url": SAFE, "method": "GET", "body": "{}"}, {"url": SAFE, "answer": "No way"},
    {"url": SAFE, "body": "x" * 10**6}, {"url": SAFE, "headers": 5}, {"url": SAFE, "headers": [{"name": "a\nb"}]},
    {"url": SAFE, "headers": [{"name": "X", "value": "é\r\n"}]},
    {"url": SAFE, "headers": [{"name": "X", "value": "\0"}]},
    {"url": SAFE, "headers": [{"name": "Cookie", "value": "a"}]}, {"url": SAFE, "headers": [{"name": "Host"}]},
    {"url": SAFE, "headers": [{"name": "Authorization", "value": "Bearer x"}]},
    {"url": SAFE, "headers": [{"name": "X-Key", "secret": "nope\x00"}]},
    {"url": SAFE, "headers": [{"name": "A", "value": "1"}, {"name": "a", "value": "2"}]},
]  # fmt: skip
ASTRAY = [
    "http://a.example/", "ftp://a.example/", "https://user:pw@a.example/", "https://a.example@b.example/",
    "//a.example", "https://{{ contact.host }}/", "https://a.example{{ contact.x }}/", "https:///x", "https://a b/", "https://%31/",
    "https://0x7f.1/", "https://2130706433/", "https://017700000001/", "https://127.1/", "https://0177.0.0.1/",
    "https://a.example:99999/", "https://a.example:0/", "https://a.example/#x", "https://a.example\\@b.example/",
    "https://-a.example/", "https://" + "a" * 64 + ".example/", "javascript:alert(1)", "https://[fe80::1%25eth0]/",
]  # fmt: skip


def test_the_kind_takes_anything_that_json_can_hold():
    kind = WebhookKind()
    for config in [*WRONG, *({"url": url} for url in ASTRAY)]:
        found = kind.problems(config)
        assert found and all(one[0].isupper() or one[0] == "“" for one in found), config
        assert kind.describe(config).startswith("call ")
    for url in (
        "https://api.example.com/x",
        "https://bücher.example:8443?a={{ contact.id }}",
        "https://[2606:4700::1]/",
    ):
        assert kind.problems({"url": url}) == []
    assert kind.describe({"url": "https://api.example.com/x"}) == "call the webhook of api.example.com"


def test_the_signing_secret_is_sealed_in_the_database(db):
    row = receivers.receiver("https://a.example", NOW)
    assert "whsec_" not in row.secret and unseal(row.secret).startswith("whsec_")
    assert receivers.receiver("https://a.example", NOW) == row
