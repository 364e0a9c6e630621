"""Segments over the API: made, read, edited, deleted, tried; who is in them, put in, taken out and moved."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from contacts import merging, writing
from contacts.models import Contact, Identity
from events.models import Event
from events.pipeline import drain
from lib import clock
from ops import jobs
from segments import api as segment_api
from segments import refreshing, trying
from segments.models import Membership, Segment
from tests.factories import ContactFactory

pytestmark = pytest.mark.django_db
PRO = {"field": "contact.plan", "op": "is", "value": "pro"}


def settle():
    while jobs.run_due(clock.now()) or drain(clock.now()):
        pass


@pytest.fixture
def pros():
    return [ContactFactory(attributes={"plan": "pro"}).pk for _ in range(3)]


@pytest.fixture
def free(pros):
    return ContactFactory(attributes={"plan": "free"}).pk


@pytest.fixture
def pro(api, pros, free):
    """The answer to making the segment of professionals, worked out."""
    made = api.post("/api/segments/", {"name": "Professionals", "condition": PRO}).json()
    settle()
    return made


@pytest.fixture
def guests(api):
    return api.post("/api/segments/", {"name": "Guests", "kind": "static"}).json()["id"]


def those_in(api, segment, query=""):
    return [row["contact"] for row in api.get(f"/api/segments/{segment}/members/{query}").json()["results"]]


# --- what they are ---


def test_a_segment_is_answered_at_once_and_worked_out_in_the_background(api, pros, free):
    answer = api.post("/api/segments/", {"name": "Professionals", "condition": PRO})
    made = answer.json()
    assert answer.status_code == 201 and made["sentence"] == "their plan is “pro”"
    assert (made["state"], made["progress"], made["size"], made["refreshed_at"]) == ("working_out", 0, 0, None)
    settle()
    now = api.get(f"/api/segments/{made['id']}/").json()
    assert (now["state"], now["progress"], now["size"], now["fault"]) == ("settled", None, 3, "")
    assert now["refreshed_at"] and now["refresh_seconds"] >= 0
    assert sorted(those_in(api, made["id"])) == sorted(pros)


def test_how_far_it_is_worked_out_is_told(api, pros, free, monkeypatch):
    monkeypatch.setattr(refreshing, "AT_ONCE", 1)
    made = api.post("/api/segments/", {"name": "Professionals", "condition": PRO}).json()
    for _ in range(3):  # the barrier, the comparison, the first of three
        jobs._run_one(clock.now())
    now = api.get(f"/api/segments/{made['id']}/").json()
    assert (now["state"], now["progress"], now["size"]) == ("working_out", 33, 1)
    jobs.cancel(Segment.objects.get().refresh_id)
    settle()
    stopped = api.get(f"/api/segments/{made['id']}/").json()
    assert stopped["state"] == "stopped" and stopped["fault"].startswith("Cancelled")
    again = api.post(f"/api/segments/{made['id']}/refresh/").json()
    assert again["state"] == "working_out"
    settle()
    assert api.get(f"/api/segments/{made['id']}/").json()["state"] == "settled"


def test_the_same_request_again_makes_no_second_one(api, pro):
    again = api.post("/api/segments/", {"name": "Professionals", "condition": PRO})
    assert again.status_code == 200 and again.json()["id"] == pro["id"] and again.json()["revision"] == 1
    other = api.post("/api/segments/", {"name": "Professionals", "condition": {}})
    assert other.status_code == 400 and other.json()["field"] == "name" and "another name" in other.json()["error"]
    assert Segment.objects.count() == 1


def test_an_edit_writes_what_is_named_and_counts_only_other_conditions(api, pro, free, pros):
    path = f"/api/segments/{pro['id']}/"
    named = api.patch(path, {"name": "Pros", "condition": PRO}).json()
    assert (named["name"], named["revision"], named["state"]) == ("Pros", 1, "settled")
    edited = api.patch(path, {"condition": {"not": PRO}}).json()
    assert (edited["name"], edited["revision"], edited["state"]) == ("Pros", 2, "working_out")
    settle()
    assert those_in(api, pro["id"]) == [free]
    assert not Event.objects.filter(type__startswith="segment.").exists(), "an edit starts nothing"
    unknown = api.patch(path, {"kind": "static"})
    assert unknown.status_code == 400 and unknown.json()["field"] == "kind"


DEEP = {"all": [PRO, {"any": [PRO, {"field": "contact.age", "op": ">", "value": "old", "type": "number"}]}]}


@pytest.mark.parametrize(
    ("method", "path"), [("post", "/api/segments/"), ("post", "/api/segments/evaluate/"), ("patch", "")]
)
def test_a_fault_names_its_place_in_the_tree(api, pro, method, path):
    body = {"condition": DEEP} | ({"name": "Old"} if path == "/api/segments/" else {})
    answer = getattr(api, method)(path or f"/api/segments/{pro['id']}/", body)
    said = answer.json()
    assert answer.status_code == 400
    assert said["field"] == "condition.all[1].any[1].value" and said["error"].startswith("all[1].any[1].value: ")
    assert [one["path"] for one in said["problems"]] == ["all[1].any[1].value"]
    assert said["error"] == f"all[1].any[1].value: {said['problems'][0]['sentence']}" and said["error"].endswith(".")
    assert api.get(f"/api/segments/{pro['id']}/").json()["condition"] == PRO


def test_every_fault_of_a_tree_is_listed(api):
    tree = {"all": [{"field": "contact.plan", "op": "resembles", "value": "x"}, {"any": []}]}
    said = api.post("/api/segments/evaluate/", {"condition": tree}).json()
    assert [one["path"] for one in said["problems"]] == ["all[0].op", "all[1].any"]


def nested(levels):
    tree = PRO
    for _ in range(levels):
        tree = {"all": [tree, PRO]}
    return tree


def test_a_condition_may_be_twenty_groups_deep_and_no_deeper(api):
    assert api.post("/api/segments/evaluate/", {"condition": nested(20)}).status_code == 200
    for levels in (21, 60, 400):
        answer = api.post("/api/segments/evaluate/", {"condition": nested(levels)})
        assert answer.status_code == 400 and "deep" in answer.json()["error"], levels


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": "x"}, "condition"),
        ({"name": "x", "condition": None}, "condition"),
        ({"name": "x", "kind": "static", "condition": {}}, "condition"),
        ({"name": "", "condition": {}}, "name"),
        ({"condition": {}}, "name"),
        ({"name": "x" * 121, "condition": {}}, "name"),
        ({"name": "x", "kind": "odd"}, "kind"),
        ({"name": "x", "condition": 5}, "condition"),
        ({"name": "x", "condition": "everyone"}, "condition"),
        ({"name": "x", "condition": [PRO]}, "condition"),
        ({"name": "x", "condition": {"field": "contact.plan"}}, "condition.op"),
        ({"name": "x", "condition": {}, "size": 5}, "size"),
    ],
)
def test_what_cannot_be_a_segment_is_refused_by_name(api, body, field):
    answer = api.post("/api/segments/", body)
    assert answer.status_code == 400 and answer.json()["field"] == field, answer.json()
    assert answer.json()["error"][-1] in ".?" and not Segment.objects.exists()


def test_one_that_is_used_is_not_deleted(api, guests):
    friends = api.post("/api/segments/", {"name": "Not guests", "condition": {"not": {"segment": guests}}}).json()["id"]
    answer = api.delete(f"/api/segments/{guests}/")
    assert answer.status_code == 409 and "is used by the segment “Not guests”" in answer.json()["error"]
    [use] = answer.json()["uses"]
    assert use["what"] == "the segment “Not guests”" and f"/{friends}/" in use["url"]
    assert api.delete(f"/api/segments/{friends}/").status_code == 204
    assert api.delete(f"/api/segments/{guests}/").status_code == 204 and not Segment.objects.exists()
    assert api.delete(f"/api/segments/{guests}/").status_code == 404


def test_one_that_cannot_be_evaluated_any_more_says_so(api, pro):
    Segment.objects.update(fault="There is no field “contact.gone” any more.")
    now = api.get(f"/api/segments/{pro['id']}/").json()
    assert now["state"] == "faulty" and now["fault"].startswith("There is no field")


def test_finding(api, pro, guests):
    def ids(query):
        return [row["id"] for row in api.get(f"/api/segments/?{query}").json()["results"]]

    assert ids("") == [guests, pro["id"]] and ids("search=prof") == [pro["id"]] and ids("kind=static") == [guests]
    assert ids("limit=1") == [guests] and ids(f"cursor={guests}") == [pro["id"]]
    assert api.get("/api/segments/?kind=odd").json()["field"] == "kind"


@pytest.mark.parametrize("path", ["", "refresh/", "members/", "members/remove/", "members/move/", "contacts/1/"])
@pytest.mark.parametrize("pk", ["0", "999999", "9" * 30])
def test_what_is_not_there_is_404_with_a_sentence(api, path, pk):
    address = f"/api/segments/{pk}/{path}"
    bodies = {"refresh/": {}, "members/remove/": {"contacts": [1]}, "members/move/": {"contacts": [1], "to": 1}}
    answer = api.post(address, bodies[path]) if path in bodies else api.get(address)
    assert answer.status_code == 404 and answer.json()["error"].startswith("There is no segment")


# --- who is in them ---


def test_members_say_who_since_when_and_why(api, pro, free):
    ann, _ = writing.upsert_user(
        "u-1", writing.Upsert(email="ann@example.com", attributes={"plan": "pro"}), clock.now()
    )
    settle()
    rows = api.get(f"/api/segments/{pro['id']}/members/").json()["results"]
    assert len(rows) == 4
    assert rows[0] == {
        "contact": ann, "user_ids": ["u-1"], "email": "ann@example.com", "since": rows[0]["since"], "cause": "change",
    }  # fmt: skip
    assert {row["cause"] for row in rows[1:]} == {"definition"}
    stamp = rows[0]["since"].replace("+00:00", "Z")
    assert those_in(api, pro["id"], f"?since={stamp}") == [ann] and those_in(api, pro["id"], "?cause=change") == [ann]
    assert api.get(f"/api/segments/{pro['id']}/members/?cause=odd").json()["field"] == "cause"
    assert api.get(f"/api/segments/{pro['id']}/members/?since=odd").json()["field"] == "since"


def test_pages_of_members_show_everyone_once(api, pro, pros):
    seen, cursor = [], ""
    while cursor is not None:
        page = api.get(f"/api/segments/{pro['id']}/members/?limit=2&cursor={cursor}").json()
        seen += [row["contact"] for row in page["results"]]
        cursor = page["next"]
    assert seen == sorted(pros, reverse=True)


@pytest.mark.django_db(transaction=True)
def test_members_are_read_where_no_transaction_is_open(api, guests):
    """As in a server, where a request opens none by itself."""
    who = ContactFactory().pk
    api.post(f"/api/segments/{guests}/members/", {"contacts": [who]})
    assert those_in(api, guests) == [who]
    Segment.objects.update(used_at=None)
    assert api.get(f"/api/segments/{guests}/contacts/{who}/").json()["is_in"]
    assert Segment.objects.get().used_at


def test_reading_members_counts_as_use_once_a_minute(api, pro, pros, django_assert_num_queries):
    assert pro["used_at"] is None
    those_in(api, pro["id"])
    first = Segment.objects.get().used_at
    assert first
    api.get(f"/api/segments/{pro['id']}/contacts/{pros[0]}/")
    assert Segment.objects.get().used_at == first
    with django_assert_num_queries(5):  # key, segment, members with addresses, their ids, the use
        those_in(api, pro["id"])


def test_is_this_contact_in(api, pro, pros, free):
    path = f"/api/segments/{pro['id']}/contacts/"
    stay = api.get(f"{path}{pros[0]}/").json()
    assert (
        stay["is_in"]
        and stay["since"]
        and (stay["cause"], stay["until"], stay["left_because"]) == ("definition", None, "")
    )
    assert stay["why"] == {"sentence": "their plan is “pro”", "holds": True, "seen": "pro"}
    never = {"contact": free, "is_in": False, "since": None, "cause": "", "until": None, "left_because": ""}
    seen = {"sentence": "their plan is “pro”", "holds": False, "seen": "free"}
    assert api.get(f"{path}{free}/").json() == never | {"why": seen}
    writing.set_attributes([pros[0]], {"plan": "free"}, clock.now())
    settle()
    left = api.get(f"{path}{pros[0]}/").json()
    assert not left["is_in"] and left["until"] and left["left_because"] == "change"
    assert api.get(f"{path}user:nobody/").status_code == 404


@pytest.fixture
def people(db):
    """Ann by her user id, two who share an address, one who was merged into Ann."""
    ann, _ = writing.upsert_user("u-1", writing.Upsert(email="ann@example.com"), clock.now())
    pair = [ContactFactory(email="two@example.com").pk for _ in range(2)]
    merged = ContactFactory(email=None).pk
    merging.merge([(ann, merged)], clock.now())
    return {"ann": ann, "pair": pair, "merged": merged}


def test_people_are_put_in_by_any_name_and_who_was_not_found_is_told(api, guests, people):
    body = {
        "contacts": [people["merged"], 999999, -1, 0, 2**53 + 1],
        "user_ids": ["u-1", "nobody"],
        "emails": ["TWO@example.com", "none@example.com", "odd"],
    }
    said = api.post(f"/api/segments/{guests}/members/", body).json()
    assert (said["changed"], said["unchanged"]) == (3, 0)
    assert said["not_found"] == {
        "contacts": [999999, -1, 0, 2**53 + 1],
        "user_ids": ["nobody"],
        "emails": ["none@example.com", "odd"],
    }
    assert sorted(those_in(api, guests)) == sorted([people["ann"], *people["pair"]])
    assert set(Membership.objects.values_list("entered_by", flat=True)) == {"api"}
    again = api.post(f"/api/segments/{guests}/members/", body).json()
    assert (again["changed"], again["unchanged"]) == (0, 3) and Membership.objects.count() == 3


def test_people_are_taken_out_and_moved(api, guests, people):
    vips = api.post("/api/segments/", {"name": "VIPs", "kind": "static"}).json()["id"]
    everybody = {"contacts": [people["ann"], *people["pair"]]}
    api.post(f"/api/segments/{guests}/members/", {"contacts": everybody["contacts"][:2]})
    moved = api.post(f"/api/segments/{guests}/members/move/", everybody | {"to": vips}).json()
    assert (moved["changed"], moved["unchanged"]) == (2, 1)
    assert those_in(api, guests) == [] and sorted(those_in(api, vips)) == sorted(everybody["contacts"][:2])
    out = api.post(f"/api/segments/{vips}/members/remove/", {"user_ids": ["u-1"], "emails": []}).json()
    assert (out["changed"], those_in(api, vips)) == (1, [people["pair"][0]])
    left = Membership.objects.get(segment=vips, contact=people["ann"])
    assert left.left_by == "api"
    assert api.post(f"/api/segments/{guests}/members/move/", everybody | {"to": guests}).json()["field"] == "to"
    assert api.post(f"/api/segments/{guests}/members/move/", everybody | {"to": 999999}).json()["field"] == "to"


def test_rules_refuse_a_hand(api, pro, guests, free):
    path = f"/api/segments/{pro['id']}/members/"
    for address, body in [
        (path, {}),
        (f"{path}remove/", {}),
        (f"/api/segments/{guests}/members/move/", {"to": pro["id"]}),
    ]:
        answer = api.post(address, {"contacts": [free]} | body)
        assert answer.status_code == 400 and "fills itself" in answer.json()["error"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"contacts": []},
        {"contacts": ["x"]},
        {"contacts": 5},
        {"emails": [None]},
        {"people": [1]},
        {"contacts": list(range(1, 1002))},
        {"contacts": list(range(1, 600)), "user_ids": [str(n) for n in range(600)]},
    ],
)
def test_odd_lists_of_people_get_a_sentence(api, guests, body):
    for path in ("", "remove/"):
        answer = api.post(f"/api/segments/{guests}/members/{path}", body)
        assert answer.status_code == 400 and answer.json()["error"][-1] in ".?"


def test_the_number_of_queries_does_not_grow_with_the_list(api, guests):
    people = ContactFactory.create_batch(40)
    Identity.objects.bulk_create(Identity(kind="user", value=f"u{c.pk}", contact=c) for c in people)
    path = f"/api/segments/{guests}/members/"
    api.post(path, {"contacts": [people[0].pk]})
    with CaptureQueriesContext(connection) as few:
        api.post(path, {"contacts": [people[1].pk], "user_ids": [f"u{people[2].pk}"]})
    with CaptureQueriesContext(connection) as many:
        some = {"contacts": [c.pk for c in people[:20]], "user_ids": [f"u{c.pk}" for c in people[20:]]}
        assert api.post(path, some).json()["changed"] == 37
    assert len(many) == len(few) <= 15


# --- trying ---


def test_a_condition_is_tried_and_nothing_is_saved(api, pros, free):
    said = api.post("/api/segments/evaluate/", {"condition": PRO}).json()
    assert said["count"] == 3 and said["sample"] == pros and said["matching"] is None
    assert said["sentence"] == "their plan is “pro”" and said["at"]
    assert api.post("/api/segments/evaluate/", {"condition": {}}).json()["count"] == 4
    assert not Segment.objects.exists() and not Membership.objects.exists()


def test_a_condition_is_tried_of_some_people(api, pros, free):
    body = {"condition": PRO, "contacts": [pros[0], free, 999999], "user_ids": ["nobody"]}
    said = api.post("/api/segments/evaluate/", body).json()
    assert (said["count"], said["matching"], said["sample"]) == (1, [pros[0]], [pros[0]])
    assert said["not_found"] == {"contacts": [999999], "user_ids": ["nobody"], "emails": []}
    nobody = api.post("/api/segments/evaluate/", {"condition": PRO, "contacts": []}).json()
    assert (nobody["count"], nobody["matching"]) == (0, [])


def test_a_sample_shows_ten_at_most_and_all_of_those_asked_about(api):
    ids = [ContactFactory(email=None, attributes={"plan": "pro"}).pk for _ in range(15)]
    said = api.post("/api/segments/evaluate/", {"condition": PRO, "contacts": ids}).json()
    assert len(said["sample"]) == 10 and said["matching"] == ids
    assert len(api.post("/api/segments/evaluate/", {"condition": PRO}).json()["sample"]) == 10


def test_what_takes_too_long_is_refused_in_words(api, monkeypatch):
    ContactFactory(attributes={"plan": "pro"})
    monkeypatch.setattr(segment_api, "SECONDS", 0.2)
    monkeypatch.setattr(trying, "_TRY", "WITH found AS ({inside}) SELECT pg_sleep(5), %s")
    answer = api.post("/api/segments/evaluate/", {"condition": PRO})
    assert answer.status_code == 400 and "save it as a segment" in answer.json()["error"]
    assert Contact.objects.count() == 1, "the connection goes on"


def test_trials_have_a_limit_of_their_own(api, settings):
    from django.core.cache import cache

    cache.clear()
    body = {"condition": PRO}
    codes = [api.post("/api/segments/evaluate/", body).status_code for _ in range(121)]
    cache.clear()
    assert codes == [200] * 120 + [429]
