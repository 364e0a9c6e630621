# ruff: noqa: E501  the tables read best in rows
"""Trees: groups, subjects, sentences, and everything that somebody may hand in instead of one."""

import json
import time

import pytest
from django.db.models import BooleanField, Case, Value, When
from hypothesis import given, settings
from hypothesis import strategies as st

from automation.models import Enrollment
from campaigns.models import Campaign, Version
from contacts.models import Address, Contact
from events.models import Event
from ops.models import Source
from segments.conditions import InvalidCondition, compiled, matching, paths, sentence, typed, validate
from tests.segments.population import NOW, contact, leaf

# Leaves of which every part is right by chance, or nearly right, or anything.
_SPAN = {"amount": 2, "unit": "days"}
_ANY = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3) | st.just([]) | st.just({"a": {}})
_PARTS = {
    "event": ["order.completed", "x", ""],
    "sequence": [[{"event": "x"}, {"event": "order.completed"}], [{"event": "x", "where": {"event": "y"}}, {}], [1, None]],
    "message": ["opened", "sent"], "by": ["human", "anyone"], "campaign": [3], "template": [4],
    "where": [{}, {"field": "event.total", "op": ">", "value": 1}, {"all": [{"field": "event.type"}]}],
    "measure": ["count", "sum", "distinct", "first"], "property": ["total", "a.b", "type", "."], "type": ["text", "number"],
    "op": ["≥", "is", "between", "in the last", "before"], "value": [1, "1e999", [1, 2], _SPAN, "2026-06-15"],
    "when": [{"in the last": _SPAN}, {"between ago": [_SPAN, _SPAN]}, {"from": "2026-06-15"}, {"calendar": 1}, {"since": "entry"}],
    "then": ["did", "did not"], "within": [_SPAN], "same": [["total", "total"], ["", 1]],
}  # fmt: skip
BEHAVIOUR = st.builds(
    lambda key, more: {key: None, **more},
    st.sampled_from(["event", "sequence", "message"]),
    st.fixed_dictionaries({}, optional={key: st.sampled_from(good) | _ANY for key, good in _PARTS.items()}),
)

PRO = leaf("is", "pro", field="contact.subscription.plan")
ADULT = leaf("≥", 18, field="contact.age")
FRENCH = leaf("is", "FR", field="contact.country")


def those(tree, queryset=None):
    return list(matching(Contact.objects.order_by("pk") if queryset is None else queryset, tree, NOW))


@pytest.mark.django_db
class TestGroups:
    def test_all_any_and_not_nest(self):
        ann = contact(subscription={"plan": "Pro"}, age=30)
        bob = contact(subscription={"plan": "free"}, age="17", country="fr")
        eve = contact(age=40)
        assert those({"all": [PRO, ADULT]}) == [ann]
        assert those({"any": [PRO, FRENCH]}) == [ann, bob]
        assert those({"not": {"any": [PRO, FRENCH]}}) == [eve]
        assert those({"all": [{"not": PRO}, {"any": [ADULT, FRENCH]}]}) == [bob, eve]
        assert those({"not": {"not": PRO}}) == [ann]

    @pytest.mark.parametrize("tree", [None, {}, {"all": []}, {"not": {"not": {}}}, {"all": [{}, {"all": []}]}])
    def test_nothing_asked_means_everyone(self, tree):
        everyone = [contact(), contact(plan="pro")]
        assert those(tree) == everyone
        assert those({"not": tree}) == []

    def test_a_tree_is_a_filter_a_case_and_a_column(self):
        ann, bob = contact(subscription={"plan": "pro"}), contact()
        condition = compiled(PRO, "contact", NOW)
        assert list(Contact.objects.filter(condition, pk__in=[ann.pk, bob.pk])) == [ann]
        assert list(Contact.objects.filter(pk=bob.pk).filter(~condition)) == [bob]
        assert list(Contact.objects.annotate(pro=condition).order_by("pk").values_list("pro", flat=True)) == [
            True,
            False,
        ]
        case = Case(When(condition, then=Value(True)), default=Value(False), output_field=BooleanField())
        assert list(Contact.objects.annotate(pro=case).order_by("pk").values_list("pro", flat=True)) == [True, False]
        assert Contact.objects.filter(condition).update(is_test=True) == 1

    def test_one_query_whatever_the_tree(self, django_assert_num_queries):
        contact(subscription={"plan": "pro"}, age=20)
        tags = leaf("contains any", ["a"], field="contact.tags")
        tree = {"all": [PRO, {"any": [ADULT, tags, leaf("matches", "a+"), leaf("any of", list(range(10_000)))] * 20}]}
        with django_assert_num_queries(1):
            assert len(those(tree)) == 1

    def test_a_broken_tree_is_refused_not_guessed(self):
        with pytest.raises(InvalidCondition, match="is not an operator"):
            compiled(leaf("resembles", "x"), "contact", NOW)


@pytest.mark.django_db
class TestSubjects:
    @pytest.fixture
    def order(self):
        ann = Contact.objects.create(
            attributes={"plan": "pro"}, address=Address.objects.create(email="ann@example.com", digest=b"1")
        )
        source = Source.objects.create(name="Shop")
        at = {"occurred_at": NOW, "received_at": NOW}
        Event.objects.create(type="page.viewed", contact=contact(), source=source, **at)
        return Event.objects.create(
            type="order.completed", contact=ann, source=source, properties={"total": "99.5", "ship": {"to": "FR"}}, **at
        )

    def test_an_event_knows_its_properties_and_its_contact(self, order):
        tree = {"all": [
            leaf("≥", 99, field="event.total"), leaf("is", "fr", field="event.ship.to"),
            leaf("is", "order.completed", field="event.type"), leaf("on", "2026-06-15", field="event.occurred_at"),
            leaf("is", "PRO", field="contact.plan"), leaf("ends with", "@example.com", field="contact.email"),
        ]}  # fmt: skip
        assert validate(tree, "event", "order.completed") == []
        assert those(tree, Event.objects.all()) == [order]
        assert len(those({"not": tree}, Event.objects.all())) == 1

    def test_an_enrollment_remembers_its_event(self, order, django_assert_num_queries):
        campaign = Campaign.objects.create(name="Thanks")
        version = Version.objects.create(campaign=campaign, number=1, document={})
        inside = Enrollment.objects.create(
            campaign=campaign, version=version, contact=order.contact, data=order.properties, due_at=NOW,
            event_type="order.completed", event_at=NOW,
        )  # fmt: skip
        Enrollment.objects.create(campaign=campaign, version=version, contact=contact(), due_at=NOW)
        tree = {
            "all": [
                leaf(">", 99, field="event.total"),
                leaf("is", "order.completed", field="event.type"),
                leaf("is", "pro", field="contact.plan"),
            ]
        }
        with django_assert_num_queries(1):
            assert those(tree, Enrollment.objects.all()) == [inside]
        assert len(those({"not": tree}, Enrollment.objects.all())) == 1

    def test_tags_are_those_of_the_contact(self, order):
        order.contact.tags.create(name="VIP")
        tree = leaf("contains", "vip", field="contact.tags")
        assert those(tree, Event.objects.all()) == [order]
        assert len(those({"not": tree}, Event.objects.all())) == 1

    def test_contacts_without_an_address_are_not_lost(self):
        nobody = contact()
        assert those(leaf("is not", "ann@example.com", field="contact.email")) == [nobody]
        assert those(leaf("is not set", field="contact.email")) == [nobody]

    def test_the_columns_of_a_contact_are_fields(self):
        old = Contact.objects.create(
            attributes={"first_name": "Ann"}, created_at=NOW.replace(year=2020), timezone="Europe/Paris", is_test=True
        )
        assert those(leaf("more than ago", {"amount": 52, "unit": "weeks"}, field="contact.created_at")) == [old]
        assert those(leaf("is", True, field="contact.is_test")) == [old]
        assert those(leaf("starts with", "europe/", field="contact.timezone")) == [old]
        assert those(leaf("is", "ann", field="contact.name")) == [old]
        assert those(leaf("is set", field="contact.last_seen_at")) == []


@pytest.mark.django_db
class TestProblems:
    @pytest.mark.parametrize(("tree", "path", "part"), [
        ([], "", "no condition"),
        ("pro", "", "no condition"),
        ({"all": PRO}, "all", "needs a list"),
        ({"all": [PRO, {"any": [leaf(">", "x", field="contact.age")]}]}, "all[1].any[0].value", "not a number"),
        ({"not": {"all": [leaf("is", "")]}}, "not.all[0].value", "Write a text"),
        ({"any": []}, "any", "nobody would match"),
        ({"all": [], "any": [PRO]}, "", "stands alone"),
        ({"field": "plan", "op": "is", "value": "x"}, "field", "contact.plan"),
        ({"field": "contact.", "op": "is", "value": "x"}, "field", "is not a field"),
        ({"field": "event.total", "op": ">", "value": 1}, "field", "begins with contact."),
        ({"field": ["contact.plan"], "op": "is"}, "field", "Choose a field"),
        ({"field": "contact.a\x00b", "op": "is", "value": "x"}, "field", "NUL"),
        ({"field": "contact." + "a" * 999, "op": "is set"}, "field", "too long"),
        (leaf("resembles", 1), "op", "not an operator"),
        (leaf([1], 1), "op", "not an operator"),
        ({"field": "contact.v"}, "op", "Choose how"),
        (leaf("is", "a\x00b"), "value", "NUL"),
        (leaf("is", "\ud800"), "value", "surrogate"),
        (leaf("is", "x" * 1001), "value", "too long"),
        (leaf("is", {"a": 1}), "value", "Write a text"),
        (leaf("is", 10**5000), "value", "not a number"),
        (leaf(">", float("inf")), "value", "not a number"),
        (leaf(">", True), "value", "not a number"),
        (leaf("any of", []), "value", "at least one"),
        (leaf("any of", ["a"] * 10_001), "value", "at most 10,000"),
        (leaf("any of", [1, "b"]), "value[1]", "not a number"),
        (leaf("between", [5, 1]), "value", "order"),
        (leaf("between", [1]), "value", "two values"),
        (leaf("before", "tomorrow"), "value", "not a date"),
        (leaf("before", "9999-12-31"), "value", "not a date"),
        (leaf("in the last", 7), "value", "number and a unit"),
        (leaf("in the last", {"amount": 7, "unit": "moons"}), "value", "unit must be"),
        (leaf("in the last", {"amount": 7, "unit": ["days"]}), "value", "unit must be"),
        (leaf("in the last", {"amount": -7, "unit": "days"}), "value", "above 0"),
        (leaf("in the last", {"amount": "1e999", "unit": "days"}), "value", "above 0"),
        (leaf("anniversary in the next", {"amount": 5, "unit": "hours"}), "value", "whole days"),
        (leaf("day of week", ["monday", "someday"]), "value[1]", "not a weekday"),
        (leaf("day of week", [{}]), "value[0]", "not a weekday"),
        (leaf("length", 1.5), "value", "whole number"),
        (leaf("length", "1e400"), "value", "whole number"),
        (leaf("matches", "(["), "value", "not a valid pattern"),
        (leaf("matches", r"(a)\1"), "value", "refers back"),
        (leaf("matches", "((a{1,255}){1,255}){1,255}"), "value", "not a valid pattern"),
        (leaf("contains", "1", "number"), "op", "does not work on a number"),
        (leaf("is", "1", "colour"), "op", "not a type"),
        (leaf("is", "1", "text", field="contact.created_at"), "op", "is a date"),
        (leaf("is set", "x"), "value", "takes no value"),
        ({**PRO, "vlaue": 1}, "“vlaue”", "remove it"),
        ({**PRO, 5: 1}, "“5”", "remove it"),
        ({"all": [PRO] * 1001}, "all[999]", "more than 1,000"),
    ])  # fmt: skip
    def test_a_problem_names_its_place_and_the_remedy(self, tree, path, part):
        problem = validate(tree, "contact")[0]
        assert problem.path == path
        assert part in problem.sentence
        assert len(problem.sentence) < 200

    def test_patterns_that_take_long_do_not_keep_somebody_waiting(self):
        slow = [leaf("matches", f"(((a|b)*){{1,20}}){{1,{20 + number}}}z") for number in range(20)]
        began = time.monotonic()
        problems = validate({"any": slow}, "contact")
        assert "make them simpler" in problems[-1].sentence and time.monotonic() - began < 5

    def test_depth_has_a_limit_of_twenty_and_no_bottom(self):
        tree = PRO
        for _ in range(20):
            tree = {"not": tree}
        assert validate(tree, "contact") == []
        assert "20 levels" in validate({"not": tree}, "contact")[0].sentence
        for _ in range(5_000):
            tree = {"all": [tree]}
        assert "20 levels" in validate(tree, "contact")[0].sentence
        assert paths(tree) == []

    def test_a_registered_property_lends_its_type(self):
        of_text = leaf("is", "many", field="event.total")
        assert validate(of_text, "event") == []
        assert "not a number" in validate(of_text, "event", "order.completed")[0].sentence
        hundred = leaf("is", "100", field="event.total")
        assert typed({"all": [hundred]}, "event", "order.completed") == {"all": [{**hundred, "type": "number"}]}

    @settings(max_examples=150, deadline=None, database=None)
    @given(tree=st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
            st.sampled_from(["all", "any", "not", "field", "op", "value", "type", "x"]),
            inner | st.sampled_from(["contact.v", "contact.tags", "is", ">", "in the last", "any of", "length", "number", "date", "list"]),
            max_size=4),
        max_leaves=12) | BEHAVIOUR)  # fmt: skip
    def test_no_tree_raises(self, tree):
        problems = validate(tree, "contact")
        assert all(problem.sentence.endswith((".", ")")) for problem in problems)
        paths(tree)
        if not problems:
            assert sentence(tree, "contact")
            those(tree)


@pytest.mark.parametrize(("tree", "words"), [
    (None, "everyone"),
    ({"all": [leaf("is", "pro", field="contact.plan"), ADULT]}, "their plan is “pro” and their age is at least 18"),
    ({"all": [PRO, {"any": [ADULT, FRENCH]}]}, "their subscription plan is “pro” and (their age is at least 18 or their country is “FR”)"),
    ({"all": [{"not": PRO}, ADULT]}, "it is not true that (their subscription plan is “pro”) and their age is at least 18"),
    ({"all": [ADULT, {"not": PRO}]}, "their age is at least 18 and it is not true that their subscription plan is “pro”"),
    ({"not": {"any": [PRO, ADULT]}}, "it is not true that (their subscription plan is “pro” or their age is at least 18)"),
    (leaf("any of", ["a", "b", "c"]), "their v is any of “a”, “b” or “c”"),
    (leaf("between", ["2026-01-01", "2026-12-31"]), "their v is between 1 January 2026 and 31 December 2026"),
    (leaf("between", [0.5, "1e3"]), "their v is between 0.5 and 1000"),
    (leaf("before", "2026-01-01 18:00"), "their v is before 1 January 2026, 18:00"),
    (leaf("in the last", {"amount": 7, "unit": "days"}), "their v is in the last 7 days"),
    (leaf("more than ago", {"amount": 1, "unit": "days"}), "their v is more than 1 day ago"),
    (leaf("day of week", ["monday", "sunday"]), "their v falls on Monday or Sunday"),
    (leaf("contains any", ["vip"], field="contact.tags"), "their tags include any of “vip”"),
    (leaf("does not contain", "vip", field="contact.tags"), "their tags do not include “vip”"),
    (leaf("is not set", field="contact.email"), "their e-mail address is not set"),
    (leaf("is", True), "their v is yes"),
    (leaf("is", "{}"), "their v is “{}”"),
])  # fmt: skip
def test_a_tree_reads_as_a_sentence(tree, words):
    assert sentence(tree, "contact") == words


def test_the_fields_that_a_tree_reads_are_known():
    tree = {"all": [PRO, {"not": {"any": [leaf(">", 1, field="event.total"), PRO]}}]}
    assert paths(tree) == ["contact.subscription.plan", "event.total"]
    assert sentence(leaf(">", 1, field="event.order_total"), "event") == "the event’s order total is more than 1"


@pytest.mark.django_db
def test_nobody_writes_sql_through_a_condition():
    ann = contact(**{"a'; DROP TABLE x; --": 'it\'s %s {x} "q"'})
    tree = leaf("is", 'it\'s %s {x} "q"', field="contact.a'; DROP TABLE x; --")
    assert json.loads(json.dumps(tree)) == tree
    assert those(tree) == [ann]
    assert those({"not": tree}) == []


def test_only_so_many_leaves_may_look_into_events():
    bought = {"event": "order.completed"}
    assert validate({"all": [bought] * 50}, "contact") == []
    [problem] = validate({"all": [bought] * 51}, "contact")
    assert problem.sentence.startswith("It asks in 51 places what people did")
    filters = {"event": "order.completed", "where": {"any": [{"field": "event.total", "op": "is", "value": 1}] * 100}}
    assert "more than 100 parts" in validate(filters, "contact")[0].sentence
