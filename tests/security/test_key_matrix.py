"""Every address outside the admin × every kind of key; the management API's scopes are in tests/api/test_keys.py."""

import pytest
from django.test import Client
from django.urls import get_resolver
from django.urls.resolvers import URLPattern

from campaigns.models import Message
from events.models import Event
from lib import clock
from ops.models import ApiKey

pytestmark = pytest.mark.django_db

TRACK = {"type": "track", "event": "Order Completed", "userId": "u1"}
CALLS = ["track", "identify", "page", "screen", "group", "alias", "t", "i", "p", "s", "g", "a"]
WIRE = [*((call, TRACK) for call in CALLS), *((call, {"batch": [TRACK]}) for call in ("batch", "b", "import"))]
WIRE_ANSWERS = {
    "none": 401,
    "unknown": 401,
    "revoked": 401,
    "write": 200,
    "server, all scopes": 200,
    "server, events:write": 200,
    "server, other scopes": 403,
    "server, no scope": 403,
}
# What a stranger is answered at the public addresses, by the method; a wrong token changes nothing anywhere.
PUBLIC = {
    "/healthz": {"GET": (200, 503), "POST": (405,)},
    "/o/x.gif": {"GET": (200,), "POST": (405,)},
    "/c/x/1": {"GET": (404,), "POST": (405,)},
    "/u/x": {"GET": (200,), "POST": (200,)},
    "/u/x/": {"GET": (200,), "POST": (200,)},
    "/confirm/x": {"GET": (200,), "POST": (200,)},
    "/u/x/undo": {"GET": (405,), "POST": (200,)},
    "/api/schema/": {"GET": (200,), "POST": (405,)},
    "/api/docs/": {"GET": (200,), "POST": (405,)},
    "/api/nothing": {"GET": (404,), "POST": (404,)},
    "/v1/projects/x/settings": {"GET": (200,), "POST": (200,)},
}


@pytest.fixture
def keys(source):
    """The text of a key of every kind, by its name in WIRE_ANSWERS."""

    def make(kind, scopes=None):
        return ApiKey.objects.create_key(kind, source, scopes=scopes)

    revoked, text = make("write")
    ApiKey.objects.filter(pk=revoked.pk).update(revoked_at=clock.now())
    others = [scope for scope in ApiKey.Scope.values if scope != "events:write"]
    return {
        "unknown": "dlw_000000000000_unknown",
        "revoked": text,
        "write": make("write")[1],
        "server, all scopes": make("server")[1],
        "server, events:write": make("server", ["events:write"])[1],
        "server, other scopes": make("server", others)[1],
        "server, no scope": make("server", [])[1],
    }


@pytest.mark.parametrize("who", WIRE_ANSWERS)
def test_events_are_taken_from_those_who_may_add_them(who, keys, client):
    headers = {"Authorization": f"Bearer {keys[who]}"} if who in keys else {}
    for call, body in WIRE:
        answer = client.post(f"/v1/{call}", body, content_type="application/json", headers=headers)
        assert answer.status_code == WIRE_ANSWERS[who], call
        assert client.get(f"/v1/{call}", headers=headers).status_code == 405
    assert Event.objects.exists() == (WIRE_ANSWERS[who] == 200)


@pytest.mark.parametrize("who", ["write", "server, all scopes", "revoked"])
def test_a_key_opens_no_page_of_the_admin(who, keys, client):
    for path in ("/", "/contacts/contact/", "/ops/apikey/add/"):
        answer = client.get(path, headers={"Authorization": f"Bearer {keys[who]}"})
        assert answer.status_code == 302 and "/login/" in answer.url


@pytest.mark.parametrize("path", PUBLIC)
def test_a_stranger_may_look_at_what_is_public_and_change_nothing(path, rows, client):
    before = list(Message.objects.values())
    for method, statuses in PUBLIC[path].items():
        assert client.generic(method, path).status_code in statuses, method
    assert list(Message.objects.values()) == before


def test_somebody_logged_in_is_nobody_to_the_apis(log_in):
    """A browser sends its cookie along wherever a page makes it; keys alone count."""
    boss: Client = log_in("superuser")
    assert boss.get("/api/contacts/").status_code == 401
    assert boss.post("/v1/track", TRACK, content_type="application/json").status_code == 401


def test_the_tables_know_every_address_outside_the_admin():
    found = {str(one.pattern) for one in outside(get_resolver().url_patterns)}
    calls = {f"^(?:{call}|{call[0]})/?$" for call in CALLS[:6]} | {"^(?:batch|b)/?$", "^import/?$"}
    public = {"healthz", "o/<str:token>.gif", "c/<str:token>/<str:link>", "schema/", "docs/", "^.*$", ""}
    public |= {
        "confirm/<str:token>",
        "u/<str:token>",
        "u/<str:token>/",
        "u/<str:token>/undo",
        "projects/<str:write_key>/settings",
    }
    contacts = {f"contacts/{rest}" for rest in ("", "<str:who>/", *(f"<str:who>/{part}/" for part in OF_A_CONTACT))}
    segments = {f"segments/{rest}" for rest in ("", "evaluate/", *(f"<int:segment>/{part}" for part in OF_A_SEGMENT))}
    scores = {f"scores/{rest}" for rest in ("", "contacts/<str:who>/", *(f"<str:key>/{part}" for part in OF_A_SCORE))}
    campaigns = {f"campaigns/{rest}" for rest in ("", *(f"<str:campaign>/{part}" for part in OF_A_CAMPAIGN))}
    campaigns |= {"enrollments/<int:enrollment>/", "enrollments/<int:enrollment>/exit/", "entries/<int:entry>/"}
    known = calls | public | contacts | segments | scores | campaigns | {"events/", "event-types/"}
    assert found == known, "a new address: say who may call it"


OF_A_CONTACT = ("attributes", "tags", "unsubscribe", "enrollments")
OF_A_CAMPAIGN = ("", "enrollments/", "entries/")
OF_A_SEGMENT = ("", "refresh/", "members/", "members/remove/", "members/move/", "contacts/<str:who>/")

OF_A_CONTACTS_SCORE = ("", "ledger/", "stage/")
OF_A_SCORE = ("", "recompute/", "contacts/", *(f"contacts/<str:who>/{part}" for part in OF_A_CONTACTS_SCORE))


def outside(found):
    for one in found:
        if isinstance(one, URLPattern):
            yield one
        elif getattr(one, "namespace", None) != "admin":
            yield from outside(one.url_patterns)
