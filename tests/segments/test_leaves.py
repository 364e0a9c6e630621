"""The leaves beside fields and behaviour: tags, companies, other segments, consent, samples."""

from datetime import timedelta
from itertools import product

import pytest
from django.db import connection

from automation.models import Enrollment
from contacts import companies, consent
from contacts.models import Address, Change, Contact, ContactTag, Subscription, Suppression, Tag, Topic
from events.models import Event
from lib import clock
from segments import conditions, defining, members, reading
from segments.conditions import matching, sentence, validate, vanished
from segments.models import Segment
from tests.factories import NOW, CampaignFactory, ContactFactory, TopicFactory
from tests.segments.test_membership import made, settle, those_in

pytestmark = pytest.mark.django_db


def those(tree, now=NOW):
    found = set(matching(Contact.objects.all(), tree, now))
    others = set(matching(Contact.objects.all(), {"not": tree}, now))
    assert not found & others and len(found | others) == Contact.objects.count(), "matched + negated = everyone once"
    return found


def problems(tree, subject="contact"):
    return [(problem.path, problem.sentence) for problem in validate(tree, subject)]


def of_events(tree, contacts):
    """The contacts whose events match."""
    Event.objects.all().delete()
    for contact in contacts:
        Event.objects.create(type="users.logged_in", contact=contact, source_id=1, occurred_at=NOW, received_at=NOW)
    return {event.contact for event in matching(Event.objects.select_related("contact"), tree, NOW)}


def field(key, op, value=None):
    return {"field": key, "op": op} | ({} if value is None else {"value": value})


class TestTags:
    @pytest.fixture
    def people(self):
        names = {"none": [], "vip": ["VIP"], "both": ["vip-lounge", "VIP", "Beta"], "beta": ["Beta"]}
        tags = {name: Tag.objects.create(name=name) for name in {name for some in names.values() for name in some}}
        found = {who: ContactFactory() for who in names}
        ContactTag.objects.bulk_create(
            ContactTag(contact=found[who], tag=tags[name]) for who, some in names.items() for name in some
        )
        return found

    @pytest.mark.parametrize(
        ("op", "value", "expected"),
        [
            ("contains", "vip", "vip both"),
            ("does not contain", "VIP", "none beta"),
            ("contains any", ["vip", "beta"], "vip both beta"),
            ("contains all", ["Vip", "beta"], "both"),
            ("contains all", ["vip", "no such tag"], ""),
            ("contains", "no such tag", ""),
            ("length", 1, "vip beta"),
            ("length at most", 1, "none vip beta"),
            ("is set", None, "vip both beta"),
            ("is not set", None, "none"),
        ],
    )
    def test_every_comparison_of_subjects_contact_and_event(self, people, op, value, expected):
        tree = field("contact.tags", op, value)
        assert those(tree) == {people[who] for who in expected.split()}
        assert of_events(tree, people.values()) == {people[who] for who in expected.split()}


class TestCompanies:
    @pytest.fixture
    def people(self):
        found = {who: ContactFactory() for who in ("none", "acme", "both", "initech")}
        told = [
            ("acme", "acme", {"name": "Acme Ltd", "plan": "pro", "seats": "9"}), ("both", "acme", {}),
            ("both", "initech", {"plan": "free", "seats": 3}), ("initech", "initech", {}),
        ]  # fmt: skip
        for who, key, traits in told:
            companies.join([companies.Joining(found[who].pk, key, traits)], None, NOW)
        return found

    @pytest.mark.parametrize(
        ("tree", "expected"),
        [
            (field("company.plan", "is", "PRO"), "acme both"),
            (field("company.plan", "is not", "pro"), "none initech"),
            (field("company.seats", ">", 5), "acme both"),
            (field("company.seats", "≤", 5), "both initech"),
            (field("company.key", "is", "initech"), "both initech"),
            (field("company.name", "is", "acme ltd"), "acme both"),
            (field("company.name", "starts with", "init"), "both initech"),
            (field("company.colour", "is set"), ""),
            (field("company.colour", "is not set"), "none acme both initech"),
        ],
    )
    def test_one_of_their_companies_fits(self, people, tree, expected):
        assert those(tree) == {people[who] for who in expected.split()}
        assert of_events(tree, people.values()) == {people[who] for who in expected.split()}

    def test_says_it(self):
        assert sentence(field("company.plan", "is", "pro"), "contact") == "their company’s plan is “pro”"
        assert problems(field("company.", "is", "x"))[0][0] == "field"

    def test_what_one_tells_of_the_company_concerns_everybody_there(self, people):
        segment = made(condition=field("company.plan", "is", "enterprise"))
        companies.join([companies.Joining(people["acme"].pk, "acme", {"plan": "enterprise"})], None, NOW)
        settle()
        assert those_in(segment) == {people["acme"].pk, people["both"].pk}
        assert not Change.objects.exists()


class TestSegments:
    def test_in_and_outside_another_segment(self):
        one, other = ContactFactory(), ContactFactory()
        chosen = defining.save(Segment(name="Chosen", kind="static"), None, NOW)
        members.add(chosen, [one.pk], NOW, "hand")
        tree = {"segment": chosen.pk}
        assert those(tree) == {one} == of_events(tree, [one, other])
        assert sentence(tree, "contact") == "they are in the segment “Chosen”"
        assert conditions.reads(tree, "contact") == {f"segment:{chosen.pk}"}
        members.remove(chosen, [one.pk], NOW, "hand")
        assert those(tree) == set()

    @pytest.mark.parametrize("number", [None, "12", 0, -1, True, 1.5, 2**70, [1]])
    def test_what_is_no_segment(self, number):
        assert problems({"segment": number}) == [("segment", "Choose a segment.")]

    def test_a_segment_that_is_not_there(self):
        tree = {"segment": 999}
        assert problems(tree) == [("segment", "There is no segment 999 any more; choose another one.")]
        assert vanished(tree, "contact") == ["The segment 999 was deleted; nobody is in it."]
        ContactFactory()
        assert those(tree) == set()
        assert sentence(tree, "contact") == "they are in a segment that was deleted"


def somebody(topics, unsubscribed, suppressed, held, state):
    contact = ContactFactory()
    address = contact.address
    address.unsubscribed_at, address.held_until = unsubscribed, held
    address.digest = f"digest of {address.pk}".encode().ljust(32)
    address.save()
    if suppressed is not None:
        cleared = None if suppressed else NOW
        Suppression.objects.create(digest=address.digest, reason="bounce", cleared_at=cleared)
    if state:
        Subscription.objects.bulk_create(Subscription(address=address, topic=topic, state=state) for topic in topics)
    return contact


class TestConsent:
    def test_can_be_mailed_is_what_sending_asks(self):
        topics = [TopicFactory(basis=basis) for basis in [*Topic.Basis.values, ""]]
        later, before = NOW + timedelta(hours=1), NOW - timedelta(hours=1)
        for one in product(
            [None, before], [None, True, False], [None, before, NOW, later], [None, *Subscription.State.values]
        ):
            somebody(topics, *one)
        ContactFactory(email="")
        owners = dict(Contact.objects.exclude(address=None).values_list("address", "pk"))
        for topic in [None, *topics]:
            verdicts = consent.verdicts(list(owners), topic and topic.pk, False, NOW)
            allowed = {owners[address] for address, verdict in verdicts.items() if verdict.allowed}
            tree = {"consent": "can be mailed"} | ({"topic": topic.key} if topic else {})
            assert {contact.pk for contact in those(tree)} == allowed
            assert bool(allowed) is (topic is None or topic.basis != "")

    def test_what_was_said(self):
        news, offers = TopicFactory(key="news", name="News"), TopicFactory(key="offers")
        yes = somebody([news], None, None, None, "subscribed")
        waiting = somebody([news, offers], None, None, None, "pending")
        off = somebody([offers], None, None, None, "unsubscribed")
        gone = somebody([], NOW, True, None, None)
        nobody = ContactFactory(email="")
        assert those({"consent": "subscribed", "topic": "news"}) == {yes} == those({"consent": "subscribed"})
        assert those({"consent": "pending"}) == {waiting} == those({"consent": "pending", "topic": "offers"})
        assert those({"consent": "unsubscribed", "topic": "news"}) == set()
        assert those({"consent": "unsubscribed"}) == {off}
        assert those({"consent": "unsubscribed from everything"}) == {gone} == those({"consent": "suppressed"})
        assert those({"consent": "no address"}) == {nobody}
        assert of_events({"consent": "no address"}, [yes, nobody]) == {nobody}
        assert of_events({"consent": "can be mailed", "topic": "news"}, [yes, nobody, waiting]) == {yes}
        said = sentence({"consent": "subscribed", "topic": "news"}, "contact")
        assert said == "they are subscribed to “News”"

    @pytest.mark.parametrize(
        ("leaf", "path"),
        [
            ({"consent": "maybe"}, "consent"),
            ({"consent": None}, "consent"),
            ({"consent": ["subscribed"]}, "consent"),
            ({"consent": "suppressed", "topic": "anything"}, "topic"),
            ({"consent": "subscribed", "topic": ""}, "topic"),
            ({"consent": "subscribed", "topic": 5}, "topic"),
            ({"consent": "subscribed", "topic": "nothing"}, "topic"),
            ({"consent": "subscribed", "op": "is"}, "“op”"),
        ],
    )
    def test_a_wrong_leaf_is_told_where(self, leaf, path):
        assert [where for where, _ in problems(leaf)] == [path]

    def test_a_topic_that_is_gone_matches_nobody(self):
        ContactFactory()
        tree = {"consent": "can be mailed", "topic": "gone"}
        assert those(tree) == set()
        assert vanished(tree, "contact") == ["The topic “gone” was deleted; nobody fits."]

    def test_an_unsubscribe_and_a_hold_move_people(self):
        one, two = ContactFactory(), ContactFactory()
        segment = made(condition={"consent": "can be mailed"})
        consent.unsubscribe(one.address_id, now=NOW, source="test")
        consent.hold(two.address_id, until=NOW + timedelta(hours=1), now=NOW)
        settle()
        assert those_in(segment) == set()

    def test_the_end_of_a_hold_is_noticed(self):
        contact = ContactFactory()
        consent.hold(contact.address_id, until=NOW + timedelta(hours=1), now=NOW)
        tree, after = {"consent": "can be mailed"}, NOW + timedelta(hours=2)
        assert those(tree, NOW) == set() and those(tree, after) == {contact}
        [turned] = conditions.turning(tree, NOW, after)
        assert list(turned) == [contact.pk]
        assert not list(conditions.turning(tree, after, after + timedelta(hours=1))[0])

    def test_a_changed_basis_asks_everybody_again(self, client, django_user_model):
        topic = TopicFactory(key="news", name="News", basis="other")
        contact = ContactFactory()
        segment = made(condition={"consent": "can be mailed", "topic": "news"})
        assert those_in(segment) == {contact.pk}
        client.force_login(django_user_model.objects.create_superuser("root"))
        client.post(f"/contacts/topic/{topic.pk}/change/", {"name": "News", "basis": "opt_in"})
        settle(clock.now())
        assert Topic.objects.get().basis == "opt_in" and those_in(segment) == set()


class TestSamples:
    @pytest.fixture
    def crowd(self):
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO contacts_contact (attributes, timezone, is_test, fence, created_at, updated_at)"
                " SELECT '{}', '', false, 0, now(), now() FROM generate_series(1, 4000)"
            )

    def test_the_share_is_about_right_and_grows_nested(self, crowd):
        shares = [0, 0.5, 10, 20, 50, 99.9, 100]
        found = [those({"sample": share, "of": "offer"}) for share in shares]
        for smaller, larger in zip(found, found[1:], strict=False):
            assert smaller <= larger
        for share, those_found in zip(shares, found, strict=True):
            assert abs(len(those_found) / 40 - share) < 3
        assert not found[0] and len(found[-1]) == 4000

    def test_texts_make_samples_that_have_nothing_to_do_with_each_other(self, crowd):
        one, two = those({"sample": 50, "of": "a"}), those({"sample": 50, "of": "b"})
        assert abs(len(one & two) - 1000) < 120
        assert those({"sample": 50}) not in (one, two)

    def test_a_sample_is_the_same_for_every_subject(self, crowd):
        some = list(Contact.objects.all()[:20])
        assert of_events({"sample": 50}, some) == those({"sample": 50}) & set(some)

    @pytest.mark.parametrize(
        ("leaf", "path"),
        [
            ({"sample": -1}, "sample"), ({"sample": 101}, "sample"), ({"sample": "many"}, "sample"),
            ({"sample": None}, "sample"), ({"sample": True}, "sample"), ({"sample": 5, "of": 7}, "of"),
            ({"sample": 5, "of": "x" * 2000}, "of"), ({"sample": 5, "value": 1}, "“value”"),
        ],
    )  # fmt: skip
    def test_a_wrong_leaf_is_told_where(self, leaf, path):
        assert [where for where, _ in problems(leaf)] == [path]

    def test_says_it(self):
        assert sentence({"sample": 12.5, "of": "offer"}, "contact") == "they are among a random 12.5 % of “offer”"
        assert sentence({"sample": 10}, "contact") == "they are among a random 10 %"
        assert conditions.reads({"sample": 10}, "contact") == set()


def test_the_leaves_work_for_people_inside_a_campaign():
    contact, campaign = ContactFactory(), CampaignFactory()
    Enrollment.objects.create(
        campaign=campaign, version=campaign.live, contact=contact, entered_at=NOW, step_uid="first", due_at=NOW
    )
    chosen = defining.save(Segment(name="Chosen", kind="static"), None, NOW)
    members.add(chosen, [contact.pk], NOW, "hand")
    tree = {
        "all": [
            {"segment": chosen.pk}, {"consent": "can be mailed"}, {"sample": 100},
            field("company.plan", "is not set"), field("contact.tags", "does not contain", "x"),
        ]
    }  # fmt: skip
    assert matching(Enrollment.objects.all(), tree, NOW).count() == 1
    assert matching(Enrollment.objects.all(), {"not": tree}, NOW).count() == 0


def test_what_the_leaves_read_is_what_is_written():
    address = ContactFactory().address
    consent.suppress(reason="blocklist", now=NOW, address_id=address.pk)
    written = reading.written(Change.objects.all(), [])
    assert written.keys() & conditions.reads({"consent": "suppressed"}, "contact") == {"consent"}
    assert Address.objects.count() == 1
