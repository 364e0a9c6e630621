"""Scores over the API: what models are, what contacts have, who has most, the ledger; the documentation."""

import datetime as dt
import json
import re
from pathlib import Path
from textwrap import dedent

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from contacts import merging
from events.models import Event
from lib import clock
from scoring.document import Band
from scoring.models import ScoreModel
from tests.api.scores import CHIEF, near, points
from tests.factories import ContactFactory
from tests.scoring.building import made, on

pytestmark = pytest.mark.django_db
DAY = dt.timedelta(days=1)

# --- what a contact has ---


def test_a_contact_has_a_score_as_of_this_moment(api, ann):
    her = api.get("/api/scores/lead/contacts/user:ann/").json()
    assert near(her["points"], 80) and near(her["engagement"], 60) and her["fit"] == 20
    assert (her["contact"], her["model"], her["band"], her["cell"], her["stage"]) == (ann, "lead", "Hot", "B1", "Lead")
    assert dt.datetime.fromisoformat(her["at"]) <= clock.now()


def test_what_fades_is_less_a_month_later(api, ann, settings):
    settings.CLOCK_OFFSET = str(30 * 86400)
    her = api.get(f"/api/scores/lead/contacts/{ann}/").json()
    assert near(her["points"], 50) and near(her["engagement"], 30)


def test_who_never_earned_anything_has_nothing_in_the_lowest_band(api, lead):
    his = api.get(f"/api/scores/lead/contacts/{ContactFactory().pk}/").json()
    assert (his["points"], his["band"], his["cell"], his["stage"]) == (0, "Cold", "C3", "")


def test_a_contact_has_a_score_in_every_model_that_is_on(api, ann):
    made("support", now=clock.now(), rules=[on("page.viewed", 7)])
    off = made("off", now=clock.now(), rules=[on("page.viewed", 7)])
    ScoreModel.objects.filter(pk=off.pk).update(is_active=False)
    found = api.get("/api/scores/contacts/user:ann/").json()
    assert [(one["model"], one["band"]) for one in found["scores"]] == [("lead", "Hot"), ("support", "Cold")]
    assert found["contact"] == ann and found["scores"][0]["name"] == "Lead"


def test_who_was_merged_stands_for_the_other(api, ann):
    other = ContactFactory()
    merging.merge([(ann, other.pk)], clock.now())
    assert api.get(f"/api/scores/lead/contacts/{other.pk}/").json()["contact"] == ann


# --- who has most ---


@pytest.fixture
def crowd(api, lead):
    """Ids of contacts with 10, 60, 90 and 55 points; the third is a customer."""
    people = [ContactFactory().pk for _ in range(4)]
    for who, number in zip(people, (10, 60, 90, 55), strict=True):
        points(api, who, number)
    api.post(f"/api/scores/lead/contacts/{people[2]}/stage/", {"stage": "Customer"})
    return people


def test_those_with_most_points_come_first(api, crowd):
    cold, warm, hot, last = crowd
    rows = api.get("/api/scores/lead/contacts/").json()["results"]
    assert [(row["contact"], row["points"], row["band"]) for row in rows] == [
        (hot, 90, "Hot"), (warm, 60, "Warm"), (last, 55, "Warm"), (cold, 10, "Cold"),
    ]  # fmt: skip
    assert rows[0]["email"].endswith("@example.org") and rows[0]["user_ids"] == []


@pytest.mark.parametrize(
    ("query", "places"),
    [
        ("?limit=1", [2]),
        ("?band=warm", [1, 3]),
        ("?band=Warm&limit=1", [1]),
        ("?cell=c1", [2, 1, 3]),
        ("?cell=A1", []),
        ("?stage=lead", [1, 3]),
        ("?stage=Customer", [2]),
    ],
)
def test_the_top_is_narrowed_down(api, crowd, query, places):
    rows = api.get(f"/api/scores/lead/contacts/{query}").json()["results"]
    assert [row["contact"] for row in rows] == [crowd[place] for place in places]


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("?limit=0", "“limit” is a number from 1 to 200."),
        ("?limit=201", "“limit” is a number from 1 to 200."),
        ("?limit=ten", "“limit” is a number from 1 to 200."),
        ("?band=boiling", "There is no band “boiling” in this score model; it has “Cold”, “Warm”, “Hot”."),
        ("?stage=x", "There is no stage “x” in this score model; it has “Lead”, “Customer”."),
        ("?cell=D4", "“cell” is one of A1 to C3: the grade of the fit, then that of the engagement."),
        ("?band=%00", "A parameter contains a character that cannot be looked up; remove it."),
    ],
)
def test_what_cannot_be_asked_of_the_top_is_said(api, crowd, query, sentence):
    answer = api.get(f"/api/scores/lead/contacts/{query}")
    assert (answer.status_code, answer.json()["error"]) == (400, sentence)


def test_the_number_of_queries_does_not_grow_with_the_top(api, crowd):
    def queries(limit):
        with CaptureQueriesContext(
            connection,
        ) as seen:
            assert len(api.get(f"/api/scores/lead/contacts/?limit={limit}").json()["results"]) == limit
        return len(seen)

    queries(1)  # notes the use of the key
    assert queries(4) == queries(1)


# --- the ledger ---


def test_the_ledger_tells_every_line_and_adds_up(api, ann):
    body = {"effect": "add", "points": -5, "reason": "Asked for a refund"}
    now = api.post("/api/scores/lead/contacts/user:ann/", body).json()
    lines = api.get("/api/scores/lead/contacts/user:ann/ledger/").json()["results"]
    assert [(one["title"], one["points"], one["cause"]) for one in lines] == [
        ("Asked for a refund", -5, "api"),
        ("chief", 20, "rule"),
        ("clicked a button", 40, "rule"),
        ("clicked a button", 40, "rule"),
    ]
    assert near(sum(one["worth"] for one in lines), now["points"])
    clicked = lines[2]
    assert clicked["rule"] == "clicks" and clicked["event"] in {
        str(pk) for pk in Event.objects.values_list("id", flat=True)
    }
    assert (clicked["note"], clicked["ended_at"], clicked["ended_because"]) == ("Fades by half every 30 days", None, "")
    assert (lines[0]["reason"], lines[0]["rule"], lines[0]["event"]) == ("Asked for a refund", None, None)


def test_the_ledger_is_read_page_by_page_to_its_end(api, ann):
    whole = [one["id"] for one in api.get("/api/scores/lead/contacts/user:ann/ledger/").json()["results"]]
    found, following = [], ""
    while following is not None:
        answer = api.get(f"/api/scores/lead/contacts/user:ann/ledger/?limit=1&cursor={following}").json()
        found += [one["id"] for one in answer["results"]]
        following = answer["next"]
    assert found == whole and len(whole) == 3


def test_the_ledger_before_a_time(api, ann):
    before = (clock.now() - DAY).isoformat()
    lines = api.get("/api/scores/lead/contacts/user:ann/ledger/", {"before": before}).json()["results"]
    assert [(one["title"], one["points"]) for one in lines] == [("clicked a button", 40)] and near(
        lines[0]["worth"], 20
    )


@pytest.mark.parametrize(
    "query",
    ["cursor=x", "cursor=1", "cursor=1-x", "cursor=-1-1", f"cursor={'9' * 40}-1", "before=yesterday", "limit=-1"],
)
def test_a_place_in_the_ledger_that_cannot_be_is_said(api, ann, query):
    answer = api.get(f"/api/scores/lead/contacts/user:ann/ledger/?{query}")
    assert answer.status_code == 400 and answer.json()["field"] == query.partition("=")[0]


# --- models ---


def test_a_model_tells_its_rules_in_words_and_as_data(api, ann):
    answer = api.get("/api/scores/lead/").json()
    assert [rule["sentence"] for rule in answer["rules"]] == [
        "40 points when somebody clicks a button, at most 10 times; fades by half every 30 days",
        "20 points while their title is “CEO”",
    ]
    clicks = answer["rules"][0]
    assert (clicks["uid"], clicks["part"], clicks["points"], clicks["event"]) == (
        "clicks",
        "engagement",
        40,
        "button.clicked",
    )
    assert clicks["fading"] == {"how": "half", "amount": 30, "unit": "days"}
    assert answer["rules"][1]["condition"] == CHIEF | {"value": "CEO"}
    assert answer["groups"] == [{"name": "Mail", "cap": 30}]
    assert answer["stages"] == [{"name": "Lead", "points": 50}, {"name": "Customer", "points": None}]
    assert answer["grid"] == {"fit": {"B": 20, "A": 40}, "engagement": {"2": 25, "1": 50}}
    assert (answer["floor"], answer["ceiling"], answer["margin"], answer["edition"]) == (0, None, 2, 1)


def test_the_models_are_listed_with_how_many_are_in_each_band(api, crowd):
    made("support", now=clock.now(), bands=[Band(name="Calm", points=0), Band(name="Angry", points=10)])
    points(api, crowd[0], 20, model="support")
    support, lead = api.get("/api/scores/").json()["results"]
    assert [(band["name"], band["points"], band["people"]) for band in lead["bands"]] == [
        ("Cold", 0, 1), ("Warm", 50, 2), ("Hot", 80, 1),
    ]  # fmt: skip
    assert [band["people"] for band in support["bands"]] == [0, 1] and (support["people"], lead["people"]) == (1, 4)
    assert (lead["key"], lead["active"], lead["state"], lead["progress"], lead["fault"]) == (
        "lead",
        True,
        "settled",
        None,
        "",
    )


def test_a_model_says_since_when_events_are_kept(api, ann):
    first = Event.objects.order_by("occurred_at").first()
    assert dt.datetime.fromisoformat(api.get("/api/scores/lead/").json()["computed_from"]) <= first.received_at


# --- the documentation ---


def section() -> str:
    whole = (Path(__file__).resolve().parents[2] / "docs" / "api.md").read_text()
    return whole.partition("## Scores\n")[2].partition("\n## ")[0]


def test_the_examples_of_the_documentation_work(api, lead):
    api.put("/api/contacts/user:u-1001/", {"email": "ann@example.com"})
    blocks = [dedent(block) for block in re.findall(r"(?:^    .+\n)+", section(), re.MULTILINE)]
    asked = 0
    for block in blocks:
        first, _, body = block.partition("\n")
        if match := re.fullmatch(r"(GET|POST) (\S+)", first):
            sent = json.loads(body) if body.strip() else None
            answer = api.generic(match[1], match[2], json.dumps(sent) if sent else "", content_type="application/json")
            assert answer.status_code == 200, (first, answer.content)
            asked += 1
        else:
            shown = json.loads(block)
            assert shown.keys() == api.get("/api/scores/lead/contacts/user:u-1001/").json().keys()
    assert asked == 3
    her = api.get("/api/scores/lead/contacts/user:u-1001/").json()
    assert (round(her["points"]), her["stage"]) == (10, "Customer")
