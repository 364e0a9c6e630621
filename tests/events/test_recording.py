"""The one door in."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from contacts.models import Change, Company, CompanyMember, Contact, Identity
from events import recording
from events.models import Event, EventKey, EventTypeRow, RejectedEvent
from events.recording import OwnEvent
from ops.models import Source
from tests.events.conftest import identify, track

pytestmark = pytest.mark.django_db


def reasons():
    return list(RejectedEvent.objects.order_by("id").values_list("reason", flat=True))


# --- what is stored ---


def test_a_track_call_becomes_an_event_of_its_contact(send, source, now):
    done = send(track(properties={"dollars": 29.33, "order_id": "7"}, context={"library": {"name": "x"}}))
    assert (done.accepted, done.duplicates, done.rejected) == (1, 0, [])
    event = Event.objects.get()
    assert event.type == "order.completed"
    assert event.properties == {"dollars": 29.33, "order_id": "7"}
    assert event.context == {"library": {"name": "x"}}
    assert (event.source, event.received_at, event.occurred_at, event.hops) == (source, now, now, 0)
    assert event.contact.identities.get().value == "u1"
    assert event.contact.last_seen_at == now
    assert event.id.version == 7


def test_every_event_leaves_a_change_for_the_pipeline(send, source, now):
    send(track(), track(event="Signed Up"))
    changes = Change.objects.filter(kind="event").order_by("id")
    assert [change.event_id for change in changes] == [event.id for event in Event.objects.order_by("id")]
    assert [event.type for event in Event.objects.order_by("id")] == ["order.completed", "users.signed_up"]
    for change in changes:
        assert (change.kind, change.triggers, change.source, change.due_at) == ("event", True, source, now)
        assert change.event_at == now


def test_an_import_triggers_nothing(send):
    send(track(), identify(plan="pro"), triggers=False)
    assert set(Change.objects.values_list("kind", "triggers")) == {
        ("created", False),
        ("event", False),
        ("attributes", False),
    }


def test_pages_and_screens_are_one_type(send):
    send(
        {
            "kind": "page",
            "user_id": "u1",
            "name": "Pricing",
            "category": "Docs",
            "properties": {"url": "https://e.com"},
        },
        {"kind": "screen", "user_id": "u1", "name": "Home"},
        {"kind": "page", "user_id": "u1"},
    )
    page, screen, bare = Event.objects.order_by("id")
    assert {page.type, screen.type, bare.type} == {"page.viewed"}
    assert page.properties == {"name": "Pricing", "category": "Docs", "url": "https://e.com"}
    assert screen.properties == {"name": "Home", "screen": "Home"}
    assert bare.properties == {}


def test_an_unknown_name_is_kept_and_noted_at_first_sight(send, now):
    send(track("Rocket Launched"), track("Rocket Launched"), track("Order Completed"))
    row = EventTypeRow.objects.get(key="Rocket Launched")
    assert (row.first_seen_at, row.last_seen_at, row.adopted_at) == (now, now, None)
    assert EventTypeRow.objects.get(key="order.completed").first_seen_at == now
    send(track("Rocket Launched"), at=now + timedelta(hours=3))
    row.refresh_from_db()
    assert (row.first_seen_at, row.last_seen_at) == (now, now + timedelta(hours=3))


def test_the_wrong_kind_of_a_known_property_is_kept(send):
    send(track(properties={"dollars": "a lot", "products": 3}))
    assert Event.objects.get().properties == {"dollars": "a lot", "products": 3}


def test_integers_that_javascript_would_spoil_are_kept_as_text(send):
    send(track(properties={"id": 2**60, "n": 7}))
    assert Event.objects.get().properties == {"id": str(2**60), "n": 7}


# --- twice ---


def test_the_same_message_id_counts_once_for_every_kind_of_call(send):
    calls = [
        track(message_id="m1"),
        identify("u1", "m2", plan="pro"),
        {"kind": "group", "user_id": "u1", "group_id": "acme", "message_id": "m3"},
        {"kind": "alias", "user_id": "u1", "previous_id": "a1", "message_id": "m4"},
    ]
    assert send(*calls).accepted == 4
    Contact.objects.update(attributes={"plan": "free"})
    again = send(*calls)
    assert (again.accepted, again.duplicates) == (0, 4)
    assert Event.objects.count() == 1
    assert Contact.objects.get().attributes == {"plan": "free"}, "an old identify is not applied a second time"


def test_duplicates_within_a_batch(send):
    done = send(track(message_id="m1"), track(message_id="m1"), track(message_id="m2"))
    assert (done.accepted, done.duplicates) == (2, 1)
    assert Event.objects.count() == 2


def test_without_a_message_id_nothing_is_a_duplicate(send):
    assert send(track(), track(message_id="")).accepted == 2
    assert not EventKey.objects.exists()


def test_two_sources_may_use_the_same_message_id(send, now):
    send(track(message_id="m1"))
    assert send(track(message_id="m1"), source=Source.objects.create(name="App")).accepted == 1


def test_the_key_is_sixteen_bytes_of_sha_256(send, source):
    import hashlib

    send(track(message_id="m1"))
    digest = hashlib.sha256(f"{source.pk}:m1".encode()).digest()
    assert EventKey.objects.get().key == UUID(bytes=digest[:16])


def test_duplicates_make_no_contacts(send):
    send(track(user_id="u1", message_id="m1"))
    send(track(user_id="u2", message_id="m1"))
    assert Contact.objects.count() == 1


# --- when ---


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ({}, "2026-11-20 12:00:00"),
        ({"timestamp": "1997-01-18T00:00:00Z"}, "1997-01-18 00:00:00"),
        ({"timestamp": "1997-01-18"}, "1997-01-18 00:00:00"),
        ({"timestamp": "2026-11-20T10:00:00+02:00"}, "2026-11-20 08:00:00"),
        ({"original_timestamp": "2026-11-20T09:00:00.500Z"}, "2026-11-20 09:00:00.5"),
        ({"timestamp": 1_700_000_000}, "2023-11-14 22:13:20"),
        ({"timestamp": 1_700_000_000_000}, "2023-11-14 22:13:20"),
        ({"timestamp": datetime(2026, 11, 19, tzinfo=UTC)}, "2026-11-19 00:00:00"),
        # it lies ahead, or cannot be read: the time of receipt
        ({"timestamp": "2027-01-01T00:00:00Z"}, "2026-11-20 12:00:00"),
        *(
            ({"timestamp": odd}, "2026-11-20 12:00:00")
            for odd in ["yesterday", "", True, [], {}, 1e300, -1e300, "0001-01-01T00:00:00+14:00", "9999-12-31", "١٩٩٧"]
        ),
        # the client's clock is an hour ahead, or behind
        ({"timestamp": "2026-11-20T12:30:00Z", "sent_at": "2026-11-20T13:00:00Z"}, "2026-11-20 11:30:00"),
        ({"original_timestamp": "2026-11-20T10:30:00Z", "sent_at": "2026-11-20T11:00:00Z"}, "2026-11-20 11:30:00"),
        # up to a minute is the way it took
        ({"timestamp": "2026-11-20T11:30:00Z", "sent_at": "2026-11-20T11:59:00Z"}, "2026-11-20 11:30:00"),
        ({"timestamp": "2026-11-20T11:30:00Z", "sent_at": "2026-11-20T11:58:59Z"}, "2026-11-20 11:31:01"),
        ({"timestamp": "2026-11-20T11:30:00Z", "sent_at": "rubbish"}, "2026-11-20 11:30:00"),
        ({"timestamp": "1900-01-02T00:00:00Z", "sent_at": "2199-01-01T00:00:00Z"}, "2026-11-20 12:00:00"),
    ],
)  # fmt: skip
def test_when_it_happened(send, times, expected):
    send(track(**times))
    assert Event.objects.get().occurred_at == at(expected)


def test_old_events_do_not_say_that_somebody_was_seen_now(send, now):
    send(track(timestamp="1997-01-18T00:00:00Z"))
    assert Contact.objects.get().last_seen_at == at("1997-01-18")
    send(track())
    send(track(timestamp="1998-01-18T00:00:00Z"))
    assert Contact.objects.get().last_seen_at == now


# --- what is refused ---

BAD = [
    ({"kind": "dance", "user_id": "u1"}, "must be one of"),
    ({"kind": "track", "event": "X"}, "userId"),
    ({"kind": "track", "event": "X", "user_id": "", "anonymous_id": "  "}, "userId"),
    (track(None), "needs an “event”"),
    (track("  "), "needs an “event”"),
    (track("x" * 121), "longer than 120"),
    (track("a\x00b"), "NUL"),
    (track(message_id="m" * 100), "“messageId” is longer than 99"),
    (track(user_id="u" * 256), "“userId” is longer than 255"),
    (track(user_id="a\x00b"), "NUL"),
    (track(user_id="\ud800"), "surrogate"),
    (track(properties={"a": "\x00"}), "NUL"),
    (track(properties={"a": "\udfff"}), "surrogate"),
    (track(properties={"a": float("inf")}), "finite"),
    (track(properties={"a": "x" * 33_000}), "larger than 32 KB"),
    (track(properties={str(n): n for n in range(300)}), "more than 256 keys"),
    (track(context={"k" * 200: 1}), "more than 128 characters"),
    (identify(bio="x" * 33_000), "larger than 32 KB"),
    ({"kind": "group", "user_id": "u1"}, "groupId"),
    ({"kind": "alias", "user_id": "u1"}, "previousId"),
    ({"kind": "alias", "anonymous_id": "u1", "previous_id": "x"}, "userId"),
]


@pytest.mark.parametrize(("bad", "words"), BAD, ids=[words for _, words in BAD])
def test_a_bad_item_is_refused_alone_with_a_sentence(send, bad, words):
    done = send(track(message_id="good"), bad, track())
    assert done.accepted == 2
    [(index, reason)] = done.rejected
    assert index == 1 and words in reason and reason.endswith(".")
    row = RejectedEvent.objects.get()
    assert row.reason == reason and len(row.payload) <= 4000
    assert "type" in row.payload or "nested" in row.payload


def test_deep_nesting_is_refused_alone(send):
    deep: dict = {}
    for _ in range(5000):
        deep = {"a": deep}
    done = send(track(properties=deep), track())
    assert (done.accepted, len(done.rejected)) == (1, 1)


def test_a_refused_item_may_be_sent_again_when_it_is_mended(send):
    send(track(None, message_id="m1"))
    assert send(track(message_id="m1")).accepted == 1


# --- traits ---


def test_traits_become_attributes_in_our_spelling(send, now):
    send(identify(firstName="Ann", lastName="Lee", createdAt="2020-01-01", subscription={"plan": "free", "seats": 2}))
    contact = Contact.objects.get()
    assert contact.name == "Ann Lee"
    assert contact.attributes == {
        "first_name": "Ann", "last_name": "Lee", "created_at": "2020-01-01",
        "subscription": {"plan": "free", "seats": 2},
    }  # fmt: skip
    assert contact.last_seen_at == now


def test_objects_are_merged_level_by_level_lists_replaced_and_null_removes(send):
    send(identify(a={"b": {"c": 1, "d": 2}}, tags=[1, 2], gone=1, deep={"gone": 1, "kept": 1}))
    send(identify(a={"b": {"c": 9}}, tags=[3], gone=None, deep={"gone": None}, never=None))
    assert Contact.objects.get().attributes == {"a": {"b": {"c": 9, "d": 2}}, "tags": [3], "deep": {"kept": 1}}


def test_changes_name_the_paths_that_became_different_and_only_those(send):
    send(identify(plan="free", seats=2, address={"city": "Rome", "zip": "1"}))
    Change.objects.all().delete()
    send(identify(plan="free", seats=3, address={"city": "Oslo", "zip": "1"}))
    change = Change.objects.get()
    assert (change.kind, sorted(change.names)) == ("attributes", ["address.city", "seats"])
    Change.objects.all().delete()
    send(identify(plan="free", seats=3))
    assert not Change.objects.exists()


def test_attributes_come_before_the_events_of_the_same_request(send):
    send(track(), identify(plan="pro"))
    assert list(Change.objects.order_by("id").values_list("kind", flat=True)) == ["created", "attributes", "event"]


def test_several_identifies_in_one_batch_apply_in_their_order(send):
    send(identify(plan="free", a=1), identify(plan="pro"), identify("u2", plan="x"))
    plans = {who.value: who.contact.attributes for who in Identity.objects.all()}
    assert plans == {"u1": {"plan": "pro", "a": 1}, "u2": {"plan": "x"}}


def test_traits_in_the_context_count_and_are_not_stored_twice(send):
    send(track(context={"traits": {"plan": "pro"}, "ip": "1.2.3.4"}))
    assert Contact.objects.get().attributes == {"plan": "pro"}
    assert Event.objects.get().context == {"ip": "1.2.3.4"}


def test_the_email_becomes_the_address(send):
    send(identify(email="Ann@Example.com"), identify("u2", email="ann@example.com"))
    ann, other = Contact.objects.order_by("id")
    assert ann.email == "ann@example.com"
    assert ann.address_id == other.address_id, "two users with one address stay two contacts"
    assert "email" not in ann.attributes
    assert "email" in Change.objects.filter(kind="attributes").first().names
    send(identify(email=None))
    ann.refresh_from_db()
    assert ann.address is None


def test_an_unusable_email_is_noted_and_the_rest_kept(send):
    done = send(identify(email="not an address", plan="pro"), identify("u2", email=["a@e.com"]))
    assert (done.accepted, done.rejected) == (2, [])
    assert reasons() == [
        "The e-mail “not an address” is not an address; the other traits were kept.",
        "The e-mail “['a@e.com']” is not an address; the other traits were kept.",
    ]
    assert Contact.objects.order_by("id").first().attributes == {"plan": "pro"}


def test_the_time_zone_has_a_column_of_its_own(send):
    send(identify(timezone="Europe/Berlin"), identify("u2", timezone="Mars/Base"), identify("u3", timezone={"x": 1}))
    assert list(Contact.objects.order_by("id").values_list("timezone", flat=True)) == ["Europe/Berlin", "", ""]
    assert "Mars/Base" in reasons()[0]


def test_a_contact_cannot_be_given_attributes_without_end(send):
    for start in range(0, 1000, 250):
        send(identify(**{f"k{n}": n for n in range(start, start + 250)}))
    send(identify(one_more=1))
    assert len(Contact.objects.get().attributes) == 1000
    assert "over 1,000 attributes" in reasons()[0]


# --- companies ---


def group(user_id="u1", group_id="acme", **traits):
    return {"kind": "group", "user_id": user_id, "group_id": group_id, "traits": traits}


def test_group_makes_the_company_and_its_members(send):
    send(group(name="Acme", plan="pro"), group("u2", seats=9), group("u2", "other"))
    acme = Company.objects.get(key="acme")
    assert acme.attributes == {"name": "Acme", "plan": "pro", "seats": 9}
    assert acme.contacts.count() == 2
    assert CompanyMember.objects.count() == 3
    assert list(Change.objects.filter(kind="company").order_by("id").values_list("names", flat=True)) == [
        ["acme", "attributes"], ["acme", "attributes"], ["other"],
    ]  # fmt: skip
    assert Contact.objects.order_by("id").first().attributes == {}


def test_saying_the_same_of_a_company_again_changes_nothing(send):
    send(group(name="Acme"))
    Change.objects.all().delete()
    send(group(name="Acme"))
    assert not Change.objects.exists()
    send(group(plan="pro"))
    assert Change.objects.get().names == ["acme", "attributes"]
    assert Company.objects.get().attributes == {"name": "Acme", "plan": "pro"}


# --- how much it costs ---


@pytest.mark.parametrize("several", [2, 60])
def test_the_number_of_queries_is_fixed(send, django_assert_max_num_queries, several):
    people = [f"u{n}" for n in range(several)]
    send(*(track(user_id=None, anonymous_id=f"a-{who}") for who in people))
    send(*(identify(who, plan="x") for who in people[::2]))
    everything = [
        call
        for who in people
        for call in (
            track(user_id=who, anonymous_id=f"a-{who}", message_id=f"t-{who}"),
            identify(who, f"i-{who}", email=f"{who}@e.com", n=1),
            group(who, f"g-{who}", name=who),
            {"kind": "alias", "user_id": who, "previous_id": f"p-{who}"},
        )
    ]
    with django_assert_max_num_queries(44):
        assert send(*everything).accepted == 4 * several


def test_known_contacts_cost_five_statements(send, django_assert_num_queries):
    people = [track(user_id=f"u{n}", message_id=f"first-{n}") for n in range(30)]
    send(*people)
    with django_assert_num_queries(7):  # keys, ids, events; and two savepoints
        send(*(call | {"message_id": f"then-{n}"} for n, call in enumerate(people)))


# --- the engine's own events ---


def own(contact, key="sent:1", hops=1, at=None, **properties):
    return OwnEvent(contact.pk, "email.sent", properties, hops, key, at)


def test_the_engine_records_its_own_events_once(db, now):
    contact = Contact.objects.create()
    rows = [own(contact, "sent:1", at=now, campaign="Welcome"), own(contact, "sent:1", at=now)]
    assert recording.record_own(rows, now) == 1
    assert recording.record_own(rows, now) == 0
    event = Event.objects.get()
    assert (event.type, event.contact, event.hops) == ("email.sent", contact, 1)
    assert event.source.name == "Dripline"
    assert event.properties == {"campaign": "Welcome"}
    assert Change.objects.get().triggers
    contact.refresh_from_db()
    assert contact.last_seen_at is None, "being written to is not being seen"


def test_own_events_of_merged_contacts_go_to_what_they_became(db, now):
    winner = Contact.objects.create()
    loser = Contact.objects.create(merged_into=winner)
    gone = Contact(pk=10**9)
    assert recording.record_own([own(loser, "a", at=now), own(gone, "b", at=now)], now) == 1
    assert Event.objects.get().contact == winner


def test_a_loop_ends_after_ten_hops_and_is_shown(db, now):
    contact = Contact.objects.create()
    rows = [own(contact, "a", hops=10, at=now), own(contact, "b", hops=11, at=now)]
    assert recording.record_own(rows, now) == 1
    assert "More than 10" in RejectedEvent.objects.get().reason


def test_an_own_event_that_cannot_be_kept_leaves_the_others_alone(db, now):
    contact = Contact.objects.create()
    nobody = OwnEvent(None, "email.sent", {}, 1, "c", now)
    rows = [own(contact, "a", at=now, text="\x00"), nobody, own(contact, "b", at=now)]
    assert recording.record_own(rows, now) == 1
    assert "NUL" in RejectedEvent.objects.get().reason
