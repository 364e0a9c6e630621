import datetime as dt

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from contacts import merging
from contacts.models import Address, Change, Company, ConsentRecord, Contact, ContactTag, Identity, Tag, Topic
from lib import clock

pytestmark = pytest.mark.django_db


@pytest.fixture
def ann(api):
    body = {"email": "Ann@Example.com", "attributes": {"first_name": "Ann"}, "add_tags": ["vip"]}
    return api.put("/api/contacts/user:u-1/", body).json()


def test_an_upsert_makes_and_then_writes(api):
    body = {
        "email": "Ann@Example.com",
        "timezone": "Europe/Paris",
        "attributes": {"first_name": "Ann", "last_name": "Lee", "subscription.plan": "pro"},
        "add_tags": ["vip", "new"],
    }
    made = api.put("/api/contacts/user:u-1/", body)
    assert made.status_code == 201
    ann = made.json()
    assert ann["user_ids"] == ["u-1"] and ann["email"] == "ann@example.com" and ann["name"] == "Ann Lee"
    assert ann["attributes"]["subscription"] == {"plan": "pro"} and ann["tags"] == ["new", "vip"]
    again = api.put("/api/contacts/user:u-1/", {"attributes": {"last_name": None}, "remove_tags": ["new"], "email": ""})
    assert again.status_code == 200
    ann = again.json()
    assert ann["name"] == "Ann" and ann["tags"] == ["vip"] and ann["email"] == "" and ann["timezone"] == "Europe/Paris"
    assert Contact.objects.count() == 1


def test_the_pipeline_hears_what_was_written_and_only_once(api, ann, source):
    changes = {change.kind: change for change in Change.objects.filter(contact=ann["id"])}
    assert Change.objects.count() == 4 and changes["tags"].names == ["vip"]
    assert {name for change in Change.objects.filter(kind="attributes") for name in change.names} == {
        "email",
        "first_name",
    }
    assert {change.source for change in Change.objects.exclude(kind="created")} == {source}
    Change.objects.all().delete()
    api.put(
        "/api/contacts/user:u-1/",
        {"email": "ann@example.com", "attributes": {"first_name": "Ann"}, "add_tags": ["vip"]},
    )
    assert not Change.objects.exists()


def test_a_request_that_is_refused_writes_nothing(api):
    answer = api.put("/api/contacts/user:u-9/", {"attributes": {"plan": "pro"}, "timezone": "Mars/Olympus"})
    assert (
        answer.status_code == 400 and answer.json()["field"] == "timezone" and "Europe/Paris" in answer.json()["error"]
    )
    assert not Contact.objects.exists() and not Change.objects.exists()


def test_a_contact_is_read_by_either_id(api, ann):
    for who in (ann["id"], "user:u-1"):
        assert api.get(f"/api/contacts/{who}/").json() == ann


@pytest.mark.parametrize(
    "who", ["0", "99999", "9" * 18, "9" * 30, "-1", "x", "user:", "user:nobody", "user:%00", "١", "user:" + "x" * 300]
)
def test_who_is_not_there_is_404_with_a_sentence(api, who):
    for method in (api.get, api.patch):
        answer = method(f"/api/contacts/{who}/")
        assert answer.status_code in (400, 404) and answer.json()["error"].endswith(".")


def test_a_merged_contact_stands_for_the_other(api, ann):
    other = api.put("/api/contacts/user:u-2/", {}).json()
    merging.merge([(ann["id"], other["id"])], clock.now())
    assert api.get(f"/api/contacts/{other['id']}/").json()["id"] == ann["id"]
    assert api.patch(f"/api/contacts/{other['id']}/", {"add_tags": ["x"]}).json()["tags"] == ["vip", "x"]
    assert [row["id"] for row in api.get("/api/contacts/").json()["results"]] == [ann["id"]]


def test_attributes_by_dotted_path(api, ann):
    path = f"/api/contacts/{ann['id']}/attributes/"
    assert api.patch(path, {"cart.items": ["a"], "cart.total": 3.5}).json()["cart"] == {"items": ["a"], "total": 3.5}
    assert api.patch(path, {"cart.items": None}).json() == {"first_name": "Ann", "cart": {"total": 3.5}}
    assert api.patch(path, {"cart": None, "seen": True}).json() == {"first_name": "Ann", "seen": True}
    assert api.patch(path, {"seen": 1}).json()["seen"] == 1


@pytest.mark.parametrize(
    "attributes",
    [
        {"email": "x@y.de"},
        {"tags": ["x"]},
        {"": 1},
        {"a..b": 1},
        {".a": 1},
        {"a" * 129: 1},
        {".".join("a" * 30): 1},
        {"x": "y" * 70_000},
    ],
)
def test_names_that_are_no_attributes_are_refused(api, ann, attributes):
    answer = api.patch(f"/api/contacts/{ann['id']}/attributes/", attributes)
    assert answer.status_code == 400 and answer.json()["error"].endswith(".")
    assert answer.json().get("field", "attributes").startswith("attributes")
    assert Contact.objects.get().attributes == {"first_name": "Ann"}


def test_tags_are_put_on_and_taken_off(api, ann):
    path = f"/api/contacts/{ann['id']}/tags/"
    assert api.post(path, {"tags": ["b", "a", "a "]}).json() == {"tags": ["a", "b", "vip"]}
    assert api.delete(f"{path}?name=a&name=vip&name=never").json() == {"tags": ["b"]}
    assert api.delete(path).status_code == 400
    assert api.post(path, {"tags": []}).status_code == 400 and api.post(path, {"tags": [""]}).status_code == 400
    assert ContactTag.objects.count() == 1 and Tag.objects.count() == 3


def test_unsubscribing(api, ann):
    Topic.objects.create(key="news", name="News")
    path = f"/api/contacts/{ann['id']}/unsubscribe/"
    assert api.post(path, {"topic": "news"}).json() == {"changed": True, "email": "ann@example.com"}
    assert not Address.objects.get().unsubscribed_at
    assert api.post(path, {"source": "account page", "wording": "No more mail"}).json()["changed"] is True
    assert api.post(path, {}).json()["changed"] is False and api.post(path).json()["changed"] is False
    assert Address.objects.get().unsubscribed_at and api.get("/api/contacts/user:u-1/").json()["unsubscribed_at"]
    assert ConsentRecord.objects.filter(topic=None).get().source == "API, Web shop: account page"
    assert api.post(path, {"topic": "never"}).json()["field"] == "topic"
    nobody = api.put("/api/contacts/user:u-2/", {}).json()
    assert "no e-mail address" in api.post(f"/api/contacts/{nobody['id']}/unsubscribe/", {}).json()["error"]


def test_finding(api, ann):
    bob = api.put("/api/contacts/user:bob/", {"email": "bob@example.com", "attributes": {"name": "Annika"}}).json()

    def ids(query):
        return [row["id"] for row in api.get(f"/api/contacts/?{query}").json()["results"]]

    assert ids("") == [bob["id"], ann["id"]]
    assert ids("email=BOB@example.com") == [bob["id"]] and ids("user_id=u-1") == [ann["id"]]
    assert (
        ids("search=ann") == [bob["id"], ann["id"]]
        and ids("search=bob") == [bob["id"]]
        and ids("search=u-") == [ann["id"]]
    )
    assert ids("search=ann&email=bob@example.com") == [bob["id"]] and ids("search=%25") == [] and ids("search=nn") == []
    assert api.get("/api/contacts/?email=nonsense").json()["field"] == "email"


def test_pages_show_everyone_once(api):
    Contact.objects.bulk_create(Contact(attributes={"n": n}) for n in range(7))
    seen, cursor = [], ""
    while cursor is not None:
        page = api.get(f"/api/contacts/?limit=3&cursor={cursor}").json()
        seen += [row["attributes"]["n"] for row in page["results"]]
        cursor = page["next"]
    assert seen == [6, 5, 4, 3, 2, 1, 0]


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=201",
        "limit=x",
        "limit=-1",
        "limit=²",
        "limit=" + "9" * 100,
        "cursor=x",
        "cursor=-1",
        "cursor=" + "9" * 40,
        "search=%00",
        "email=%00",
        "user_id=%00",
    ],
)
def test_odd_parameters_get_a_sentence(api, query):
    answer = api.get(f"/api/contacts/?{query}")
    assert (
        answer.status_code == 400
        and answer.json()["error"].endswith(".")
        and answer.json()["field"] == query.partition("=")[0]
    )


def test_the_number_of_queries_is_fixed(api, django_assert_num_queries):
    vip, acme = Tag.objects.create(name="vip"), Company.objects.create(key="acme")
    for n in range(20):
        contact = Contact.objects.create()
        contact.tags.add(vip)
        contact.companies.add(acme)
        Identity.objects.create(kind="user", value=f"u{n}", contact=contact)
    api.get("/api/contacts/")  # the key's last use is written now
    with django_assert_num_queries(5):  # key, contacts with addresses, ids, tags, companies
        assert len(api.get("/api/contacts/").json()["results"]) == 20
    with django_assert_num_queries(6):
        api.get("/api/contacts/user:u1/")
    body = {"email": "a@example.com", "attributes": {"a": 1}, "add_tags": ["vip", "new"], "timezone": "UTC"}
    api.put("/api/contacts/user:u1/", body)
    with CaptureQueriesContext(connection) as few:
        api.put("/api/contacts/user:u2/", body)
    with django_assert_num_queries(len(few)):
        tags = [f"tag {n}" for n in range(50)]
        api.put("/api/contacts/user:u3/", {**body, "attributes": {f"a{n}": n for n in range(100)}, "add_tags": tags})
    assert len(few) <= 40


HOSTILE = [
    b"",
    b"[]",
    b"null",
    b"5",
    b"{",
    b'"x"',
    b"\xff\xfe",
    b'{"attributes": 5}',
    b'{"attributes": {"a": "\\u0000"}}',
    b'{"attributes": {"a\\u0000": 1}}',
    b'{"attributes": {"a": "\\ud800"}}',
    b'{"attributes": {"a": 1e999}}',
    b'{"attributes": {"a": NaN}}',
    b'{"attributes": {"a": ' + b"[" * 5000 + b"]" * 5000 + b"}}",
    b'{"attributes": ' + b'{"a":' * 30 + b"1" + b"}" * 31,
    b'{"a": "' + b"x" * 1_100_000 + b'"}',
    b'{"unknown": 1}',
    b'{"email": 5}',
    b'{"email": ["x@y.de"]}',
    b'{"email": "a@e.com, b@e.com"}',
    b'{"email": null}',
    b'{"email": "a@e.com\\nBcc: b@e.com"}',
    b'{"timezone": {}}',
    b'{"timezone": "../etc/passwd"}',
    b'{"add_tags": "x"}',
    b'{"add_tags": [null]}',
    b'{"add_tags": [{}]}',
    b'{"add_tags": ["' + b"x" * 81 + b'"]}',
    b'{"attributes": {"a": 123456789012345678901234567890}}',
    b'{"attributes": {' + b",".join(b'"k%d": 1' % n for n in range(300)) + b"}}",
]


@pytest.mark.parametrize(
    ("method", "path"), [("PATCH", ""), ("PATCH", "attributes/"), ("POST", "tags/"), ("POST", "unsubscribe/")]
)
def test_hostile_bodies_never_break_anything(api, ann, method, path):
    for raw in HOSTILE:
        answer = api.generic(method, f"/api/contacts/{ann['id']}/{path}", raw, content_type="application/json")
        assert answer.status_code in (200, 400), raw[:100]
        assert answer.status_code == 200 or answer.json()["error"][-1] in ".?", raw[:100]
    assert api.get("/api/contacts/user:u-1/").status_code == 200


def test_a_large_number_is_kept_as_text(api, ann):
    api.generic("PATCH", "/api/contacts/user:u-1/attributes/", b'{"n": 123456789012345678901234567890}')
    assert Contact.objects.get().attributes["n"] == "123456789012345678901234567890"


def test_times_are_told_with_their_zone(api, ann):
    assert dt.datetime.fromisoformat(ann["created_at"]).tzinfo
