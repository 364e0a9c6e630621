"""What the rule builder is told while one edits: the sentence, how many, who for example, and what is wrong where."""

import json

import pytest
from django.core.cache import cache
from django.db import connection
from django.urls import reverse

from segments import live
from segments.offers import CHOICES
from tests.admin.conftest import boss, log_in  # noqa: F401
from tests.factories import CampaignFactory, ContactFactory
from tests.segments.population import leaf

pytestmark = pytest.mark.django_db
PRO = leaf("is", "pro", field="contact.plan")
SOON = leaf("in the last", {"amount": 7, "unit": "days"}, field="contact.created_at")


@pytest.fixture(autouse=True)
def _counted_from_zero():
    cache.clear()


def ask(client, tree, **more):
    body = json.dumps({"tree": tree, "subject": "contact", **more})
    return client.post(reverse("admin:conditions_live"), body, content_type="application/json")


def test_it_says_who_and_how_many_and_shows_some(boss):  # noqa: F811
    people = [ContactFactory(attributes={"plan": "pro", "name": f"Ann {n}"}) for n in range(12)]
    ContactFactory(attributes={"plan": "free"})
    told = ask(boss, {"all": [PRO]}).json()
    assert told["sentence"] == "their plan is “pro”"
    assert (told["count"], told["of"], len(told["examples"])) == (12, 13, 10)
    first = told["examples"][0]
    ann = next(one for one in people if str(one) == first["name"])
    assert first["email"] == ann.address.email
    assert boss.get(first["url"]).status_code == 200


def test_nothing_asked_is_everyone_who_is_still_there(boss):  # noqa: F811
    kept = ContactFactory()
    ContactFactory(merged_into=kept)
    assert ask(boss, None).json() | {"examples": 1} == {"sentence": "", "count": 1, "of": 1, "examples": 1}


def test_what_is_wrong_is_told_by_its_place(boss):  # noqa: F811
    wrong = {"all": [PRO, {"any": [{"not": leaf("≥", "many", field="contact.age")}, leaf("is", field="contact.x")]}]}
    told = ask(boss, wrong).json()
    assert [problem["path"] for problem in told["problems"]] == ["all[1].any[0].not.value", "all[1].any[1].value"]
    assert told["note"].startswith("2 things are missing or wrong") and "count" not in told


def test_what_is_looked_at_later_is_not_counted(boss):  # noqa: F811
    tree = {"all": [leaf("≥", 100, field="event.total")]}
    told = ask(boss, tree, subject="event", event_type="order.completed").json()
    assert "total is at least 100" in told["sentence"] and "count" not in told and "nobody to count" in told["note"]


def test_counting_that_takes_too_long_is_given_up(boss, monkeypatch):  # noqa: F811
    ContactFactory.create_batch(3)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE contacts_contact RENAME TO real_contact")
        slow = "CREATE VIEW contacts_contact AS SELECT * FROM real_contact WHERE pg_sleep(0.1) IS NOT NULL"
        cursor.execute(slow)
    monkeypatch.setattr(live, "SECONDS", 0.05)
    told = ask(boss, {"all": [SOON]}).json()
    assert "in the last 7 days" in told["sentence"] and "count" not in told and "two seconds" in told["note"]


@pytest.mark.parametrize("role", ["", "Engineer"])
def test_who_may_not_see_contacts_learns_nothing_about_them(role, log_in):  # noqa: F811
    client = log_in(role)
    assert ask(client, None).status_code == 403
    assert client.get(reverse("admin:conditions_offers")).status_code == 403


def test_endless_counting_is_told_to_wait(boss, monkeypatch):  # noqa: F811
    monkeypatch.setattr(live, "PER_MINUTE", 2)
    assert [ask(boss, None).status_code for _ in range(3)] == [200, 200, 429]
    answer = ask(boss, None)
    assert "in a minute" in answer.json()["note"] and int(answer["Retry-After"]) >= 1


@pytest.mark.parametrize("body", ["{", "[1]", "5", "[" * 100_000, '{"subject": "shop"}', '{"subject": []}'])
def test_a_forged_question_is_refused(body, boss):  # noqa: F811
    answer = boss.post(reverse("admin:conditions_live"), body, content_type="application/json")
    assert answer.status_code == 400


@pytest.mark.parametrize("tree", [5, [], "x", {"all": 5}, {"all": [None, 5]}, {"field": {}, "op": []}, {"any": []}])
def test_a_forged_tree_is_told_what_is_wrong(tree, boss):  # noqa: F811
    assert ask(boss, tree, event_type={"a": 1}).json()["problems"]


def test_what_there_is_to_choose_comes_with_its_comparisons_and_the_names_of_apps_above(boss):  # noqa: F811
    campaign = CampaignFactory(name="Welcome")
    told = boss.get(reverse("admin:conditions_offers"), {"subject": "event", "event_type": "order.completed"}).json()
    keys = {entry["key"]: entry for entry in told["entries"]}
    assert keys["event.total"]["type"] == "number" and keys["contact.tags"]["type"] == "list"
    more = next(operator for operator in told["operators"] if operator["key"] == ">")
    assert more == {"key": ">", "label": "is more than", "plural": "", "takes": "one", "types": ["number"]}
    assert [campaign.pk, "Welcome"] in told["choices"]["campaign"]
    assert {"campaign", "template"} <= dict(CHOICES.items()).keys()
