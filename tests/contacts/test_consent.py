import datetime as dt
import threading
import time

import pytest
from django.db import connection, transaction

from contacts import consent
from contacts.addresses import address_ids, digest
from contacts.models import Address, Change, ConsentRecord, Contact, Subscription, Suppression, Topic

NOW = dt.datetime(2026, 3, 2, 9, tzinfo=dt.UTC)
pytestmark = pytest.mark.django_db


def made(email="ann@example.com", contacts=1):
    pk = address_ids([email], NOW)[email]
    people = [Contact.objects.create(address_id=pk) for _ in range(contacts)]
    return pk, people


def verdict(pk, topic=None, transactional=False, now=NOW):
    return consent.verdicts([pk], topic and topic.pk, transactional, now)[pk]


def test_unsubscribing_stops_marketing_and_is_written_once():
    pk, (ann, second) = made(contacts=2)
    said = {
        "now": NOW,
        "source": "link in a mail",
        "ip": "203.0.113.9",
        "user_agent": "Mail/1",
        "contact_id": ann.pk,
    }
    assert consent.unsubscribe(pk, **said) is True
    assert consent.unsubscribe(pk, **said) is False
    record = ConsentRecord.objects.get()
    assert (record.action, record.source, record.ip, record.contact) == (
        "withdrawn",
        "link in a mail",
        "203.0.113.9",
        ann,
    )
    assert {change.contact_id for change in Change.objects.filter(kind="consent")} == {ann.pk, second.pk}
    no = verdict(pk)
    assert (no.allowed, no.outcome) == (False, "unsubscribed") and "2 March 2026" in no.sentence
    assert verdict(pk, transactional=True).allowed


@pytest.mark.parametrize("ip", ["", "nonsense", "fe80::1%eth0", None])
def test_an_odd_request_still_unsubscribes(ip):
    pk, _ = made()
    assert consent.unsubscribe(pk, now=NOW, source="x" * 200, ip=ip, user_agent="a\x00" * 400, wording="w\x00")
    assert not verdict(pk).allowed


def test_a_topic_is_left_alone_by_the_others():
    pk, _ = made()
    news, tips = (Topic.objects.create(key=key, name=key) for key in ("news", "tips"))
    assert consent.unsubscribe(pk, now=NOW, source="preferences", topic=news)
    assert not consent.unsubscribe(pk, now=NOW, source="preferences", topic=news)
    assert verdict(pk, news).outcome == "unsubscribed"
    assert verdict(pk, tips).allowed and verdict(pk).allowed
    assert Address.objects.get(pk=pk).unsubscribed_at is None


@pytest.mark.parametrize(
    ("basis", "state", "allowed", "outcome"),
    [
        ("other", None, True, ""),
        ("other", "subscribed", True, ""),
        ("other", "pending", False, "not_subscribed"),
        ("other", "unsubscribed", False, "unsubscribed"),
        ("opt_in", None, False, "not_subscribed"),
        ("opt_in", "subscribed", True, ""),
        ("opt_in", "pending", False, "not_subscribed"),
        ("opt_in", "unsubscribed", False, "unsubscribed"),
        ("double_opt_in", None, False, "not_subscribed"),
        ("double_opt_in", "subscribed", True, ""),
        ("double_opt_in", "pending", False, "not_subscribed"),
        ("double_opt_in", "unsubscribed", False, "unsubscribed"),
    ],
)
def test_a_topic_asks_for_what_its_basis_says(basis, state, allowed, outcome):
    pk, _ = made()
    topic = Topic.objects.create(key="news", name="News", basis=basis)
    if state:
        Subscription.objects.create(address_id=pk, topic=topic, state=state)
    found = verdict(pk, topic)
    assert (found.allowed, found.outcome) == (allowed, outcome)
    assert found.allowed or found.sentence.endswith(".")
    assert verdict(pk, topic, transactional=True).allowed


def test_what_is_unknown_allows_nothing():
    pk, _ = made()
    assert consent.verdicts([pk], 10**6, False, NOW)[pk].outcome == "not_subscribed"
    assert consent.verdicts([-1], None, True, NOW)[-1].outcome == "no_address"


@pytest.mark.parametrize("reason", Suppression.Reason.values)
def test_a_suppression_stops_every_mail(reason):
    pk, _ = made()
    assert consent.suppress(address_id=pk, reason=reason, detail="550 5.1.1", now=NOW)
    assert not consent.suppress(address_id=pk, reason=reason, now=NOW)
    for transactional in (False, True):
        assert verdict(pk, transactional=transactional).outcome == "suppressed"
    assert Change.objects.filter(kind="consent", names=["suppressed"]).count() == 1


def test_a_digest_keeps_an_address_out_that_comes_later():
    assert consent.suppress(digest=digest("ann@example.com"), reason="erased", now=NOW)
    assert not consent.suppress(digest=digest("ann@example.com"), reason="erased", now=NOW)
    pk, _ = made()
    assert verdict(pk, transactional=True).outcome == "suppressed"


def test_a_person_may_lift_bounces_and_blocks_but_not_complaints():
    pk, _ = made()
    consent.suppress(address_id=pk, reason="bounce", now=NOW)
    consent.suppress(address_id=pk, reason="blocklist", now=NOW)
    assert consent.clear_suppression(pk, now=NOW) == 2
    assert verdict(pk).allowed
    consent.suppress(address_id=pk, reason="bounce", now=NOW)
    consent.suppress(address_id=pk, reason="complaint", now=NOW)
    with pytest.raises(consent.StaysSuppressed, match="spam"):
        consent.clear_suppression(pk, now=NOW)
    assert Suppression.objects.filter(cleared_at=None).count() == 2


def test_a_soft_bounce_holds_for_a_while():
    pk, _ = made()
    until = NOW + dt.timedelta(hours=24)
    Address.objects.update(held_until=until)
    held = verdict(pk, transactional=True)
    assert (held.allowed, held.outcome, held.held_until) == (False, "held", until)
    assert verdict(pk, now=until).allowed


def test_each_message_can_name_the_entry_that_allowed_it():
    pk, _ = made()
    topic = Topic.objects.create(key="news", name="News", basis="opt_in")
    assert verdict(pk).consent_record_id is None
    assert consent.resubscribe(pk, now=NOW, source="form", topic=topic, basis="opt_in", wording="Yes, send me news.")
    given = ConsentRecord.objects.get()
    assert (given.action, given.wording) == ("given", "Yes, send me news.")
    assert verdict(pk, topic).consent_record_id == given.pk
    assert verdict(pk).consent_record_id is None
    consent.unsubscribe(pk, now=NOW, source="link", topic=topic)
    assert consent.resubscribe(pk, now=NOW, source="form", topic=topic)
    assert not consent.resubscribe(pk, now=NOW, source="form", topic=topic)
    again = ConsentRecord.objects.get(action="restored")
    assert verdict(pk, topic).consent_record_id == again.pk


def test_agreeing_to_a_topic_does_not_lift_the_unsubscription_from_everything():
    pk, _ = made()
    topic = Topic.objects.create(key="news", name="News", basis="opt_in")
    consent.unsubscribe(pk, now=NOW, source="link")
    consent.resubscribe(pk, now=NOW, source="form", topic=topic)
    assert verdict(pk, topic).outcome == "unsubscribed"
    assert consent.resubscribe(pk, now=NOW, source="by hand")
    assert verdict(pk, topic).allowed


def test_one_query_however_many_addresses(django_assert_num_queries):
    ids = list(address_ids([f"p{i}@example.com" for i in range(50)], NOW).values())
    topic = Topic.objects.create(key="news", name="News")
    consent.unsubscribe(ids[0], now=NOW, source="link")
    with django_assert_num_queries(1):
        found = consent.blocks(ids, topic.pk, False, NOW)
    assert list(found) == [ids[0]] and found[ids[0]][0] == "unsubscribed"


@pytest.mark.django_db(transaction=True)
def test_two_posts_at_once_write_one_record():
    pk, _ = made()
    start, said = threading.Barrier(6), []

    def post():
        start.wait()
        said.append(consent.unsubscribe(pk, now=NOW, source="link"))
        connection.close()

    run([post] * 6)
    assert sorted(said) == [False] * 5 + [True] and ConsentRecord.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_an_unsubscribe_waits_for_a_message_that_is_being_marked():
    pk, _ = made()
    order, marked = [], threading.Event()

    def send():
        with transaction.atomic():
            list(Address.objects.select_for_update(no_key=True).filter(pk=pk))
            assert verdict(pk).allowed
            marked.set()
            time.sleep(0.3)
            order.append("marked")
        connection.close()

    def leave():
        marked.wait()
        consent.unsubscribe(pk, now=NOW, source="link")
        order.append("unsubscribed")
        connection.close()

    run([send, leave])
    assert order == ["marked", "unsubscribed"]


def run(targets):
    threads = [threading.Thread(target=target) for target in targets]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
