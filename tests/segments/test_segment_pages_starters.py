"""Ready-made segments: each validates, holds whom a few lines of plain Python count, and opens the form filled in."""

from collections import defaultdict
from datetime import timedelta

import pytest
from django.db import connection

from contacts.models import Contact, Identity
from events import recording
from events.items import Item
from events.recording import OwnEvent
from lib import clock
from ops.models import Source
from segments import conditions, starters
from segments.defining import SUBJECT
from segments.models import Segment
from segments.rfm import GROUPS, Thresholds, ThresholdsForm
from tests import engine
from tests.campaigns.typing_in import browser
from tests.segments.test_segment_pages import text, url

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
ORDER, CART, AWAY = "Order Completed", "Product Added", "Cart Abandoned"
# Who did what, how many days ago; an order with what it was worth.
DID = {
    "ann": [(ORDER, 5, 200), (ORDER, 20, 200), (ORDER, 30, 200), (ORDER, 40, 50)],
    "bea": [(ORDER, 5, 10), (ORDER, 100, 10)],
    "cia": [(ORDER, 2, 20)],
    "dan": [(ORDER, 70, 800)],
    "eve": [(ORDER, 170, 20)],
    "fay": [(ORDER, day, 30) for day in (200, 210, 220, 230)],
    "gus": [(ORDER, 400, 499)],
    "hal": [(ORDER, 1, 900)],
    "ida": [(CART, 3, None), (ORDER, 2.5, 40)],
    "jon": [(CART, 3, None)],
    "kim": [(AWAY, 4, None), (ORDER, 1, 40)],
    "lee": [(CART, 0.5, None)],
    "mia": [("Trial Started", 10, None)],
    "ned": [("Trial Started", 10, None), ("Subscription Started", 2, None)],
    "ora": [("Subscription Started", 50, None), ("Subscription Cancelled", 3, None)],
    "pat": [("Trial Started", 50, None)],
    "quy": [],
}
FIRST_SEEN = 500


def last_seen(name):
    """How many days ago."""
    return min([FIRST_SEEN, *(ago for _, ago, _ in DID[name])])


@pytest.fixture
def now(db):
    return clock.now()


@pytest.fixture
def people(now):
    """Name → id, with everything above recorded."""
    source = Source.objects.create(name="Shop")
    items = [Item(kind="identify", user_id=name, timestamp=now - FIRST_SEEN * DAY) for name in DID]
    for name, deeds in DID.items():
        for event, ago, worth in deeds:
            properties = {"dollars": worth} if worth is not None else {}
            items.append(
                Item(kind="track", user_id=name, event=event, timestamp=now - ago * DAY, properties=properties)
            )
    recording.record(source, items, now, triggers=False)
    engine.run(now)
    return dict(Identity.objects.filter(value__in=DID).values_list("value", "contact"))


def matching(tree, now):
    return set(conditions.matching(Contact.objects.current(), tree, now).values_list("identities__value", flat=True))


def held(key, now, settings=None):
    starter = starters.BY_KEY[key]
    tree = starter.tree(settings or starters.usual())
    assert conditions.validate(tree, SUBJECT) == []
    return matching(tree, now)


def orders():
    """Name → [(days ago, worth)]."""
    found = defaultdict(list)
    for name, deeds in DID.items():
        found[name] += [(ago, worth) for event, ago, worth in deeds if event == ORDER]
    return {name: bought for name, bought in found.items() if bought}


EXPECTED = {
    "high_value": lambda: {name for name, bought in orders().items() if sum(worth for _, worth in bought) > 500},
    "first_time_buyers": lambda: {name for name, bought in orders().items() if len(bought) == 1},
    "lapsed_buyers": lambda: {name for name, bought in orders().items() if min(ago for ago, _ in bought) > 90},
    "cart_abandoners": lambda: {"jon", "kim"},
    "trial": lambda: {"mia"},
    "paid": lambda: {"ned"},
    "new": lambda: set(DID),
    "active": lambda: {name for name in DID if last_seen(name) < 30},
    "churned": lambda: {name for name in DID if last_seen(name) > 90},
}


def test_each_holds_whom_a_hand_count_finds(people, now):
    expected = {key: count() for key, count in EXPECTED.items()}
    assert {key: held(key, now) for key in EXPECTED} == expected and all(expected.values())


def group_of(bought, t):
    """The group of a buyer, in plain Python."""
    recency, often, much = min(ago for ago, _ in bought), len(bought), sum(worth for _, worth in bought)
    valuable, champion = often >= t.often or much >= t.much, often >= t.often and much >= t.much
    if recency < t.recent:
        return "champions" if champion else "loyal" if often > 1 else "new_buyers"
    if recency < t.long_ago:
        return "need_attention" if valuable else "cooling_off"
    return "at_risk" if valuable else "lost"


@pytest.mark.parametrize(
    "settings", [Thresholds(amount="dollars"), Thresholds(10, 100, 2, 40, "dollars"), Thresholds(1, 2, 1, 1, "dollars")]
)
def test_every_buyer_is_in_exactly_one_group_of_buyers(people, now, settings):
    expected = defaultdict(set)
    for name, bought in orders().items():
        expected[group_of(bought, settings)].add(name)
    assert {group.key: held(f"rfm_{group.key}", now, settings) for group in GROUPS if expected[group.key]} == {
        key: names for key, names in expected.items() if names
    }
    everywhere = [name for group in GROUPS for name in held(f"rfm_{group.key}", now, settings)]
    assert sorted(everywhere) == sorted(orders())


def test_readers_are_told_apart_by_what_people_opened(people, now):
    def mail(who, number, what, ago, **more):
        properties = {"message": f"{who}{number}", **more}
        return OwnEvent(people[who], f"email.{what}", properties, 0, f"{what}:{who}{number}:{ago}", now - ago * DAY)

    told = [mail(who, number, "sent", 40 + number) for who in ("ann", "bea", "cia") for number in range(3)]
    told += [mail("dan", number, "sent", 40) for number in range(2)]
    told += [mail("ann", 0, "opened", 3, machine=False), mail("bea", 0, "opened", 50, machine=False)]
    told += [mail("cia", 0, "opened", 3, machine=True)]
    recording.record_own(told, now)
    engine.run(now)
    assert held("engaged_readers", now) == {"ann"}
    assert held("unengaged_readers", now) == {"cia"}


def test_the_property_of_the_worth_is_what_orders_hold(people):
    assert starters.amount_property() == "dollars"


def test_without_orders_the_worth_is_the_total_and_an_index_says_so(db):
    assert starters.amount_property() == "total"
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("SET LOCAL enable_sort = off")
    plan = starters.latest_orders().explain()
    assert "type_occurred_at" in plan and "Seq Scan" not in plan


# --- the pages ---


def test_an_empty_list_and_adding_offer_the_ready_made_ones():
    client = browser("Marketer")
    for page in (text(client.get(url("changelist"))), text(client.get(url("add")))):
        for starter in starters.STARTERS:
            assert (f'<strong class="dl-strong">{starter.name}</strong>' in page) == (starter.group != "RFM")
        assert url("rfm") in page and "Order completed" in page
    assert "Cart abandoners" not in text(browser("Analyst").get(url("changelist")))


def test_each_opens_the_form_filled_in_and_can_be_saved_as_it_is():
    client = browser("Marketer")
    for card in client.get(url("add")).context["cards"] + client.get(url("rfm")).context["cards"]:
        form = client.get(card["form"]).context["form"]
        typed = {"name": form.initial["name"], "condition": form["condition"].value(), "revision": ""}
        typed["condition"] = form.fields["condition"].widget.format_value(typed["condition"])
        assert client.post(card["form"], typed).status_code == 302, card["starter"].key
    assert Segment.objects.count() == len(starters.STARTERS)


def test_each_says_how_many_it_would_hold_now(people):
    client = browser("Analyst")
    assert (
        text(client.get(url("count"), {"starter": "first_time_buyers"}))
        == f"{len(EXPECTED['first_time_buyers']())} people now"
    )
    assert text(client.get(url("count"), {"starter": "rfm_champions", "often": "100"})) == "Nobody now"
    assert client.get(url("count"), {"starter": "nonsense"}).status_code == 404
    assert client.get(url("count")).status_code == 404


def test_counting_gives_up_instead_of_keeping_people_waiting(people, monkeypatch):
    monkeypatch.setattr("segments.starter_pages.LONGEST", 0.1)
    sleeping = "pg_sleep(1) IS NOT NULL OR contacts_contact.id > 0"
    monkeypatch.setattr(
        "segments.counting.conditions.matching",
        lambda rows, tree, moment: rows.extra(where=[sleeping]),
    )  # a rule that is slow on any machine
    assert "takes longer to count" in text(browser("Analyst").get(url("count"), {"starter": "active"}))
    with connection.cursor() as cursor:
        cursor.execute("SHOW statement_timeout")
        assert cursor.fetchone()[0] == "0"


def test_thresholds_change_the_rules_that_are_made():
    client = browser("Marketer")
    page = client.get(url("rfm"), {"recent": "7", "long_ago": "90", "often": "3", "much": "50", "amount": "revenue"})
    (card,) = [card for card in page.context["cards"] if card["starter"].key == "rfm_champions"]
    assert "7 days" in card["sentence"] and "at least 3 times" in card["sentence"]
    form = client.get(card["form"]).context["form"]
    assert form.initial["condition"] == conditions.typed(
        starters.BY_KEY["rfm_champions"].tree(Thresholds(7, 90, 3, 50, "revenue")), SUBJECT
    )


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ({"recent": "200"}, "“Long ago” must be more days than “Lately”."),
        ({"often": "0"}, "Often: write a whole number from 1 to 1,000."),
        ({"much": "lots"}, "Much: write a whole number from 1 to 1,000,000,000."),
        ({"amount": "a b"}, "Worth: write the name of one property"),
    ],
)
def test_thresholds_that_make_no_sense_are_named(query, sentence):
    response = browser("Marketer").get(url("rfm"), query)
    assert sentence in text(response) and response.context["cards"] == []
    assert ThresholdsForm(query).is_valid() is False


def test_all_groups_are_made_at_once_and_once():
    client = browser("Marketer")
    assert "7 segments were made" in text(client.post(url("rfm"), follow=True))
    assert {segment.name for segment in Segment.objects.all()} == {group.name for group in GROUPS}
    assert "None was made" in text(client.post(url("rfm"), follow=True))


def test_a_second_one_gets_a_name_of_its_own():
    client = browser("Marketer")
    client.post(url("rfm"))
    (card,) = [card for card in client.get(url("rfm")).context["cards"] if card["starter"].key == "rfm_lost"]
    assert client.get(card["form"]).context["form"].initial["name"] == "Lost 2"
