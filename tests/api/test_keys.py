"""Who may call what: keys, scopes, throttles, and how a refusal reads."""

import base64
import datetime as dt

import pytest
from django.db import DataError, OperationalError
from django.urls import reverse
from rest_framework.test import APIClient

from config import api as routes
from contacts.models import Contact
from lib import clock
from ops import authentication
from ops.models import ApiKey

pytestmark = pytest.mark.django_db

# Every address and method of the API, and the scope it asks for.
SCOPES = {
    ("GET", "/api/contacts/"): "contacts:read",
    ("GET", "/api/contacts/1/"): "contacts:read",
    ("PUT", "/api/contacts/1/"): "contacts:write",
    ("PATCH", "/api/contacts/1/"): "contacts:write",
    ("PATCH", "/api/contacts/1/attributes/"): "contacts:write",
    ("POST", "/api/contacts/1/tags/"): "contacts:write",
    ("DELETE", "/api/contacts/1/tags/?name=x"): "contacts:write",
    ("POST", "/api/contacts/1/unsubscribe/"): "contacts:write",
    ("GET", "/api/events/"): "events:read",
    ("POST", "/api/events/"): "events:write",
    ("GET", "/api/event-types/"): "events:read",
    ("GET", "/api/segments/"): "segments:read",
    ("POST", "/api/segments/"): "segments:write",
    ("POST", "/api/segments/evaluate/"): "segments:read",
    ("GET", "/api/segments/1/"): "segments:read",
    ("PATCH", "/api/segments/1/"): "segments:write",
    ("DELETE", "/api/segments/1/"): "segments:write",
    ("POST", "/api/segments/1/refresh/"): "segments:write",
    ("GET", "/api/segments/1/members/"): "segments:read",
    ("POST", "/api/segments/1/members/"): "segments:write",
    ("POST", "/api/segments/1/members/remove/"): "segments:write",
    ("POST", "/api/segments/1/members/move/"): "segments:write",
    ("GET", "/api/segments/1/contacts/1/"): "segments:read",
    ("GET", "/api/contacts/1/enrollments/"): "campaigns:read",
    ("GET", "/api/campaigns/"): "campaigns:read",
    ("GET", "/api/campaigns/1/"): "campaigns:read",
    ("GET", "/api/campaigns/1/enrollments/"): "campaigns:read",
    ("GET", "/api/campaigns/1/entries/"): "campaigns:read",
    ("POST", "/api/campaigns/1/entries/"): "campaigns:write",
    ("GET", "/api/enrollments/1/"): "campaigns:read",
    ("POST", "/api/enrollments/1/exit/"): "campaigns:write",
    ("GET", "/api/entries/1/"): "campaigns:read",
    ("DELETE", "/api/entries/1/"): "campaigns:write",
    ("GET", "/api/scores/"): "scores:read",
    ("GET", "/api/scores/lead/"): "scores:read",
    ("GET", "/api/scores/lead/recompute/"): "scores:read",
    ("POST", "/api/scores/lead/recompute/"): "scores:write",
    ("GET", "/api/scores/lead/contacts/"): "scores:read",
    ("GET", "/api/scores/contacts/1/"): "scores:read",
    ("GET", "/api/scores/lead/contacts/1/"): "scores:read",
    ("POST", "/api/scores/lead/contacts/1/"): "scores:write",
    ("GET", "/api/scores/lead/contacts/1/ledger/"): "scores:read",
    ("POST", "/api/scores/lead/contacts/1/stage/"): "scores:write",
}
OPEN = {"api-schema", "api-docs", "api-nothing"}


def test_the_table_of_scopes_names_every_address():
    named = {reverse(f"api-{name}", args=args) for name, args in ADDRESSES}
    assert {path.partition("?")[0] for _, path in SCOPES} == named
    assert {route.name for route in routes.urlpatterns} == {f"api-{name}" for name, _ in ADDRESSES} | OPEN
    for _, path in SCOPES:
        view = [
            view
            for name, args in ADDRESSES
            for view in [_view(name)]
            if reverse(f"api-{name}", args=args) == path.partition("?")[0]
        ][0]
        methods = {method.upper() for method in ("get", "post", "put", "patch", "delete") if hasattr(view, method)}
        assert methods == set(view.scopes) == {m for m, p in SCOPES if p.partition("?")[0] == path.partition("?")[0]}


ADDRESSES = [
    ("contacts", []),
    ("contact", ["1"]),
    ("contact-attributes", ["1"]),
    ("contact-tags", ["1"]),
    ("contact-unsubscribe", ["1"]),
    ("events", []),
    ("event-types", []),
    ("segments", []),
    ("segments-evaluate", []),
    ("segment", [1]),
    ("segment-refresh", [1]),
    ("segment-members", [1]),
    ("segment-remove", [1]),
    ("segment-move", [1]),
    ("segment-contact", [1, "1"]),
    ("contact-enrollments", ["1"]),
    ("campaigns", []),
    ("campaign", ["1"]),
    ("campaign-enrollments", ["1"]),
    ("campaign-entries", ["1"]),
    ("enrollment", [1]),
    ("enrollment-exit", [1]),
    ("entry", [1]),
    ("scores", []),
    ("score", ["lead"]),
    ("score-recompute", ["lead"]),
    ("score-top", ["lead"]),
    ("scores-of-contact", ["1"]),
    ("score-contact", ["lead", "1"]),
    ("score-ledger", ["lead", "1"]),
    ("score-stage", ["lead", "1"]),
]


def _view(name):
    return next(route.callback.cls for route in routes.urlpatterns if route.name == f"api-{name}")


def ask(method, path, authorization=None):
    headers = {"HTTP_AUTHORIZATION": authorization} if authorization is not None else {}
    return APIClient().generic(method, path, "{}", content_type="application/json", **headers)


@pytest.mark.parametrize(("method", "path"), SCOPES)
def test_each_method_asks_for_its_scope_and_no_other(method, path, key_for):
    assert ask(method, path).status_code == 401
    others = [scope for scope in ApiKey.Scope.values if scope != SCOPES[method, path]]
    refused = ask(method, path, f"Bearer {key_for(*others)}")
    assert refused.status_code == 403 and SCOPES[method, path] in refused.json()["error"]
    assert ask(method, path, f"Bearer {key_for(SCOPES[method, path])}").status_code in (200, 400, 404)


@pytest.mark.parametrize(("method", "path"), SCOPES)
def test_a_write_key_opens_nothing_here(method, path, key_for):
    refused = ask(method, path, f"Bearer {key_for(kind='write')}")
    assert refused.status_code == 403 and "server key" in refused.json()["error"]


def test_a_wrong_method_is_named_as_such(key_for):
    answer = ask("DELETE", "/api/contacts/", f"Bearer {key_for()}")
    assert answer.status_code == 405 and answer.json()["error"].endswith(".")
    assert ask("OPTIONS", "/api/contacts/", f"Bearer {key_for()}").status_code == 200
    assert ask("OPTIONS", "/api/contacts/1/tags/").status_code == 401


@pytest.mark.parametrize("scheme", ["Bearer {}", "bearer  {}", "Basic {basic}", "basic {basic}"])
def test_the_key_is_read_from_the_header(scheme, key_for):
    key = key_for()
    basic = base64.b64encode(f"{key}:".encode()).decode()
    assert ask("GET", "/api/event-types/", scheme.format(key, basic=basic)).status_code == 200


@pytest.mark.parametrize(
    "header",
    [
        "Bearer",
        "Bearer ",
        "Bearer x",
        "Bearer dls_x_y",
        "Basic",
        "Basic !!!",
        "Basic /w==",
        "Token x",
        "Bearer dls_é_x",
        "Bearer " + "x_" * 5000,
        "Bearer \x00_\x00",
        "x",
        "Basic " + base64.b64encode(b"\x00_a:").decode(),
    ],
)
def test_what_is_no_key_is_401_with_a_sentence(header):
    answer = ask("GET", "/api/contacts/", header)
    assert answer.status_code == 401 and answer["WWW-Authenticate"].startswith("Bearer")
    assert answer.json()["error"].endswith(".")


def test_a_revoked_key_opens_nothing(key_for, db):
    text = key_for()
    ApiKey.objects.get().revoke(clock.now())
    assert ask("GET", "/api/contacts/", f"Bearer {text}").status_code == 401


def test_guessing_keys_is_slowed_down_but_good_keys_go_on(monkeypatch, key_for):
    monkeypatch.setattr(authentication, "WRONG_KEYS_PER_MINUTE", 3)
    answers = [ask("GET", "/api/contacts/", "Bearer dls_wrong_key") for _ in range(5)]
    assert [answer.status_code for answer in answers] == [401, 401, 401, 429, 429]
    assert 0 < int(answers[-1]["Retry-After"]) <= 60
    assert ask("GET", "/api/contacts/", f"Bearer {key_for()}").status_code == 200


def test_each_key_has_its_own_rate(monkeypatch, key_for):
    monkeypatch.setattr(authentication.KeyThrottle, "THROTTLE_RATES", {"key": "2/min"})
    first, second = f"Bearer {key_for()}", f"Bearer {key_for()}"
    assert [ask("GET", "/api/event-types/", first).status_code for _ in range(3)] == [200, 200, 429]
    slowed = ask("GET", "/api/event-types/", first)
    assert 0 < int(slowed["Retry-After"]) <= 60 and slowed.json()["error"].endswith(".")
    assert ask("GET", "/api/event-types/", second).status_code == 200


def test_last_use_is_written_once_a_minute(key_for, monkeypatch, django_assert_num_queries):
    header, moment = f"Bearer {key_for()}", dt.datetime(2026, 3, 2, 9, tzinfo=dt.UTC)
    for seconds, expected in [(0, 0), (59, 0), (61, 61)]:
        monkeypatch.setattr(clock, "now", lambda s=seconds: moment + dt.timedelta(seconds=s))
        ask("GET", "/api/event-types/", header)
        assert ApiKey.objects.get().last_used_at == moment + dt.timedelta(seconds=expected)


@pytest.mark.parametrize(
    ("fault", "status"),
    [(OperationalError("server closed"), 503), (DataError("too long"), 400), (RuntimeError("secret 42"), 500)],
)
def test_a_fault_is_one_sentence_without_a_trace(fault, status, api, monkeypatch):
    def fail(*_):
        raise fault

    monkeypatch.setattr(Contact.objects, "current", fail)
    answer = api.get("/api/contacts/")
    assert answer.status_code == status and list(answer.json()) == ["error"]
    assert "secret" not in answer.content.decode() and answer.json()["error"].endswith(".")
    assert status != 503 or answer["Retry-After"]


@pytest.mark.parametrize("path", ["/api/", "/api/nothing/", "/api/contacts", "/api/contacts/1/nothing/"])
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "PATCH"])
def test_an_unknown_address_answers_in_json(path, method):
    answer = ask(method, path)
    assert answer.status_code == 404 and path in answer.json()["error"]
