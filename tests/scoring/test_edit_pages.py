"""Building a score model in the admin: what a marketer types, what is saved, what is told."""

import json

import pytest
from msgspec.structs import replace

from scoring import defining
from scoring.document import Fading, Rule
from tests.campaigns.typing_in import browser
from tests.factories import NOW
from tests.scoring.pages import BOSS, CLICKS, PRICING, behaviour, draft, made, post, text, url

pytestmark = pytest.mark.django_db


@pytest.fixture
def model():
    return made()


@pytest.fixture
def marketer():
    return browser("Marketer")


# --- the whole ---


def test_the_whole_model_is_told_in_sentences(marketer, model):
    page = text(marketer.get(url(model, "edit")))
    for words in (
        "+20", "20 points while their title is “CEO”", "5 points when somebody clicks a link in an e-mail, at most 10",
        "30 points together at most", "A from 40, B from 20", "A band is left 2 points below its threshold.",
        "You see what is in force",
    ):  # fmt: skip
        assert words in page
    assert "Put in force" not in page


def test_a_draft_says_what_is_different_and_only_a_publisher_puts_it_in_force(marketer, model):
    post(marketer, model, "edit_settings", name="Lead", description="", floor="0", ceiling="100")
    page = text(marketer.get(url(model, "edit")))
    assert "1 thing is different" in page and "The highest score is 100." in page
    assert "A publisher puts it in force." in page and url(model, "force") not in page
    assert url(model, "force") in text(browser("Publisher").get(url(model, "edit")))


def test_what_is_to_be_mended_leads_to_its_form(marketer, model):
    wrong = replace(defining.opened(model), margin=-1, rules=[BOSS, replace(CLICKS, points=0)])
    defining.save_draft(model, wrong, 1 + 1, None, NOW)
    page = text(marketer.get(url(model, "edit")))
    assert "To be mended" in page and url(model, "edit_rule_of", "c") in page and url(model, "edit_bands") in page
    refused = browser("Publisher").get(url(model, "force"), follow=True)
    assert "Mend first what is marked." in text(refused)


def test_an_analyst_does_not_edit(model):
    for name in ("edit", "edit_bands", "edit_rule", "preview", "discard"):
        assert browser("Analyst").get(url(model, name)).status_code == 403
    assert browser("Analyst").get(url(model, "editions")).status_code == 200


# --- rules ---


def test_a_new_rule_begins_with_what_it_is_about(marketer, model):
    page = text(marketer.get(url(model, "edit_rule")))
    assert all(f"?kind={kind}" in page for kind in ("behavioural", "demographic", "firmographic"))
    page = text(marketer.get(url(model, "edit_rule", query="?kind=behavioural")))
    assert "clicks a link in an e-mail" in page and "score.band_changed" not in page


def test_a_rule_about_behaviour_is_added_with_a_name_of_its_own(marketer, model):
    typed = behaviour(event="page.viewed", where=json.dumps(PRICING), fading_how="half", cap="40", group="Mail")
    page = post(marketer, model, "edit_rule", query="?kind=behavioural", **typed)
    assert "“Views a page” is added in the draft." in text(page)
    rule = draft(model).rules[-1]
    assert rule == Rule(
        uid=rule.uid, kind="behavioural", name="Views a page", event="page.viewed", points=5, at_most=20, cap=40,
        group="Mail", where={"type": "text", **PRICING}, fading=Fading(how="half", amount=30),
    )  # fmt: skip


def test_a_rule_about_the_company_is_added(marketer, model):
    condition = {"field": "company.employees", "op": ">", "value": 100}
    typed = {"name": "Large", "condition": json.dumps(condition), "effect": "add", "points": "-15", "group": ""}
    post(marketer, model, "edit_rule", query="?kind=firmographic", **typed)
    rule = draft(model).rules[-1]
    assert (rule.kind, rule.name, rule.points, rule.condition) == ("firmographic", "Large", -15, condition)


def test_a_rule_is_edited_in_its_place_and_keeps_its_uid(marketer, model):
    page = text(marketer.get(url(model, "edit_rule_of", "c")))
    assert 'value="Clicks"' in page
    post(marketer, model, "edit_rule_of", "c", **behaviour(name="Clicks", effect="reset", points="7", machines="on"))
    assert draft(model).rules[1] == replace(CLICKS, effect="reset", points=0, machines=True, group="", at_most=20)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"event": ""}, "Choose what happens."),
        ({"points": "0"}, "Write how many points the rule gives"),
        ({"points": "lots"}, "Write a whole number."),
        ({"points": "1001"}, "Write points from −1,000 to 1,000."),
        ({"at_most": ""}, "Write how often it counts: from 1 to 1,000 times."),
        ({"cap": "-1"}, "Write a number of points from 1"),
        ({"fading_how": "expires", "fading_amount": "4000"}, "Write a time from 1 to 3,650 days."),
        ({"effect": "set", "points": ""}, "Write what it becomes."),
        ({"where": json.dumps({"field": "contact.plan", "op": "is", "value": "pro"})}, "Only the event itself"),
        ({"where": "{"}, "The conditions could not be read"),
        ({"name": "boss"}, "Two rules are called “boss”; rename one."),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_rule_is_told_once_and_what_was_typed_stays(marketer, model, changes, said):
    page = text(post(marketer, model, "edit_rule_of", "c", **behaviour(**{"name": "Mine", **changes})))
    assert page.count(said) == 1 or ("where" in changes and said in page)  # the builder says it, too
    assert f'value="{changes.get("name", "Mine")}"' in page
    assert draft(model).rules == [BOSS, CLICKS]


def test_a_rule_of_fit_asks_about_fields_only(marketer, model):
    typed = {"name": "Buyers", "condition": json.dumps({"event": "order.completed"}), "effect": "add", "points": "5"}
    page = text(post(marketer, model, "edit_rule", query="?kind=demographic", group="", **typed))
    assert "make a rule about behaviour" in page and len(draft(model).rules) == 2


def test_rules_are_moved_duplicated_and_removed(marketer, model):
    def deed(what):
        return text(post(marketer, model, "edit_rules", deed=what))

    assert "“Clicks (copy)” is added" in deed("duplicate c")
    copy = draft(model).rules[2].uid
    deed(f"up {copy}")
    assert [rule.uid for rule in draft(model).rules] == ["b", copy, "c"]
    assert "stands at the end already" in deed("up b")
    deed("remove b")
    assert [rule.uid for rule in draft(model).rules] == [copy, "c"]
    assert "not in the draft any more" in deed("remove b")
    assert "not in the draft any more" in deed("explode c")


def test_a_rule_that_somebody_removed_meanwhile_can_be_had_back(marketer, model):
    opened = model.draft_revision
    post(marketer, model, "edit_rules", deed="remove c")
    page = marketer.post(url(model, "edit_rule_of", "c"), behaviour(name="Clicks", points="8") | {"revision": opened})
    assert "New rule “Clicks”: 8 points" in text(page) and draft(model).rule("c") is None
    marketer.post(page.context["action"], dict(page.context["typed"]) | {"revision": model.draft_revision})
    assert [rule.uid for rule in draft(model).rules] == ["b", "c"]


def test_a_rule_that_is_gone_has_no_page(marketer, model):
    assert marketer.get(url(model, "edit_rule_of", "zzz")).status_code == 404


def test_a_second_rule_about_the_same_event_gets_another_name(marketer, model):
    for typed in (behaviour(where=json.dumps(PRICING)), behaviour(), behaviour(), behaviour(where=json.dumps(PRICING))):
        post(marketer, model, "edit_rule", query="?kind=behavioural", **typed)
    assert [rule.name for rule in draft(model).rules[2:]] == [
        "Clicks a link in an e-mail", "Clicks a link in an e-mail 2", "Clicks a link in an e-mail 3",
        "Clicks a link in an e-mail where the event’s url contains “pricing”",
    ]  # fmt: skip
