"""Why somebody is in, why not: each part true or false, and what it saw."""

import pytest
from django.template.loader import render_to_string
from hypothesis import given, settings
from hypothesis import strategies as st

from contacts.models import Contact, ContactTag, Tag
from events.models import Event, EventRollup
from segments import conditions, defining, explaining, members
from segments.models import Segment
from tests.factories import NOW, ContactFactory, TopicFactory, site

pytestmark = pytest.mark.django_db


def field(key, op, value=None):
    return {"field": key, "op": op} | ({} if value is None else {"value": value})


PRO, ADULT = field("contact.plan", "is", "pro"), field("contact.age", "≥", 18)


def test_each_part_says_whether_it_is_so_and_what_it_saw(django_assert_max_num_queries):
    site()
    contact = ContactFactory(attributes={"plan": "free", "age": 30})
    ContactTag.objects.create(contact=contact, tag=Tag.objects.create(name="VIP"))
    tagged = field("contact.tags", "contains", "vip")
    tree = {"all": [PRO, {"any": [ADULT, field("contact.city", "is set")]}, {"not": tagged}]}
    with django_assert_max_num_queries(2):  # the site's time zone; the row
        node = explaining.explain(tree, contact.pk, NOW)
    assert (node.sentence, node.holds) == ("All of these", False)
    plan, either, untagged = node.children
    assert (plan.sentence, plan.holds, plan.seen) == ("their plan is “pro”", False, "free")
    assert either.holds and [(part.holds, part.seen) for part in either.children] == [(True, "30"), (False, "nothing")]
    assert not untagged.holds and untagged.children[0].holds and untagged.children[0].seen == "vip"


def test_every_kind_of_leaf_shows_something():
    contact = ContactFactory(attributes={"born": "1990-06-18"})
    TopicFactory(key="news")
    chosen = defining.save(Segment(name="Chosen", kind="static"), None, NOW)
    EventRollup.objects.create(contact=contact, type="order.completed", count=1, first_at=NOW, last_at=NOW)
    leaves = [
        {"segment": chosen.pk}, {"consent": "can be mailed", "topic": "news"}, {"sample": 100},
        {"event": "order.completed"}, field("company.plan", "is", "pro"), field("contact.born", "is set"),
    ]  # fmt: skip
    before = explaining.explain({"any": leaves}, contact.pk, NOW)
    members.add(chosen, [contact.pk], NOW, "hand")
    node = explaining.explain({"any": leaves}, contact.pk, NOW)
    assert before.children[0].seen == "not in it" and not before.children[0].holds
    assert node.children[0].seen.startswith("in it since") and node.children[0].holds
    assert node.children[1].seen == "said nothing" and node.children[1].holds
    assert node.children[2].seen.startswith("place ")
    assert node.children[3].holds and node.children[3].seen == "1"
    assert node.children[4].seen == "nothing" and not node.children[4].holds
    assert node.children[5].seen == "18 Jun 1990"


def test_an_event_is_explained_too():
    contact = ContactFactory(attributes={"plan": "pro"})
    Event.objects.create(
        type="order.completed", contact=contact, source_id=1, occurred_at=NOW, received_at=NOW, properties={"total": 50}
    )
    tree = {"all": [PRO, field("event.total", ">", 100)]}
    node = explaining.explain_row(Event.objects.all(), tree, NOW, "order.completed")
    assert [(part.holds, part.seen) for part in node.children] == [(True, "pro"), (False, "50")]


def test_nobody_and_everyone():
    contact = ContactFactory()
    assert explaining.explain(PRO, 0, NOW) is None
    assert explaining.explain(None, contact.pk, NOW).sentence == "Everyone"
    with pytest.raises(conditions.InvalidCondition):
        explaining.explain({"field": "contact.x", "op": "resembles"}, contact.pk, NOW)


leaf = st.sampled_from(
    [PRO, ADULT, field("contact.plan", "is not", "pro"), field("contact.age", "<", 5), {"sample": 50}]
)
trees = st.recursive(
    leaf,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda some: {"all": some}),
        st.lists(inner, min_size=1, max_size=3).map(lambda some: {"any": some}),
        inner.map(lambda one: {"not": one}),
    ),
    max_leaves=8,
)


@settings(max_examples=40, deadline=None)
@given(
    trees, st.sampled_from([{}, {"plan": "pro"}, {"plan": "free", "age": 3}, {"age": "x"}, {"plan": "pro", "age": 44}])
)
def test_the_parts_add_up_to_the_answer(tree, attributes):
    contact = Contact.objects.create(attributes=attributes)
    holds = conditions.matching(Contact.objects.filter(pk=contact.pk), tree, NOW).exists()
    assert explaining.explain(tree, contact.pk, NOW).holds is holds


def test_more_parts_than_a_row_has_columns():
    contact = ContactFactory(attributes={"n": 7})
    tree = {"any": [field("contact.n", "is", number) for number in range(900)]}
    node = explaining.explain(tree, contact.pk, NOW)
    assert [number for number, part in enumerate(node.children) if part.holds] == [7]


def test_the_page_says_it_in_words_and_by_icon_and_escapes():
    contact = ContactFactory(attributes={"plan": "<b>free</b>"})
    node = explaining.explain({"all": [PRO, {"not": ADULT}]}, contact.pk, NOW)
    html = render_to_string("segments/why.html", {"node": node})
    assert "&lt;b&gt;free" in html and "<b>free" not in html
    assert ">check<" in html and ">close<" in html and ">yes<" in html and ">no<" in html
    assert html.count("<li") == 4
