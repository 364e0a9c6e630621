"""Building a score model in the admin: what a marketer types, what is saved, what is told."""

import json

import pytest
from django.urls import reverse
from msgspec.structs import replace

from scoring import defining, starters
from scoring.document import Document, Fading, Group, Rule
from scoring.models import ScoreModel
from tests.campaigns.typing_in import browser, person
from tests.factories import NOW

pytestmark = pytest.mark.django_db
CLICKS = Rule(uid="c", kind="behavioural", name="Clicks", event="email.clicked", points=5, group="Mail")
BOSS = Rule(
    uid="b",
    kind="demographic",
    name="Boss",
    points=20,
    condition={"field": "contact.title", "op": "is", "value": "CEO"},
)
PRICING = {"field": "event.url", "op": "contains", "value": "pricing"}


@pytest.fixture
def model():
    document = Document(name="Lead", rules=[BOSS, CLICKS], groups=[Group(name="Mail", cap=30)])
    return defining.create("lead", document, None, NOW)


@pytest.fixture
def marketer():
    return browser("Marketer")


def url(model, name, *arguments, query=""):
    return reverse(f"admin:scoring_scoremodel_{name}", args=[model.pk, *arguments]) + query


def text(response, status=200):
    assert response.status_code == status, response.status_code
    return " ".join(response.content.decode().split())


def post(client, model, page, /, *arguments, query="", **typed):
    model.refresh_from_db()
    data = {"revision": model.draft_revision} | typed
    return client.post(url(model, page, *arguments, query=query), data, follow=True)


def draft(model) -> Document:
    model.refresh_from_db()
    return defining.opened(model)


def rows(*named: tuple, **more) -> dict:
    """A list of (name, points) as the form sends it; a third value takes the row out."""
    data = {"rows-TOTAL_FORMS": len(named), "rows-INITIAL_FORMS": 0}
    for number, (name, points, *rest) in enumerate(named):
        data |= {f"rows-{number}-name": name, f"rows-{number}-points": points, f"rows-{number}-was": name}
        data |= {f"rows-{number}-DELETE": "on"} if rest else {}
    return data | more


def behaviour(**changes) -> dict:
    return {
        "name": "", "event": "email.clicked", "where": "", "effect": "add", "points": "5", "at_most": "20",
        "fading_how": "never", "fading_amount": "30", "fading_unit": "days", "cap": "", "group": "", **changes,
    }  # fmt: skip


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


def test_a_rule_that_is_gone_has_no_page(marketer, model):
    assert marketer.get(url(model, "edit_rule_of", "zzz")).status_code == 404


def test_a_second_rule_about_the_same_event_gets_another_name(marketer, model):
    for typed in (behaviour(where=json.dumps(PRICING)), behaviour(), behaviour(), behaviour(where=json.dumps(PRICING))):
        post(marketer, model, "edit_rule", query="?kind=behavioural", **typed)
    assert [rule.name for rule in draft(model).rules[2:]] == [
        "Clicks a link in an e-mail", "Clicks a link in an e-mail 2", "Clicks a link in an e-mail 3",
        "Clicks a link in an e-mail where the event’s url contains “pricing”",
    ]  # fmt: skip


# --- bands and the like ---


def test_bands_are_put_in_order_by_their_points(marketer, model):
    typed = rows(("Hot", 90), ("Cold", 0), ("Warm", 50, "gone"), ("", ""), ("Tepid", 40), margin=5)
    page = post(marketer, model, "edit_bands", **typed)
    assert "Bands: saved in the draft." in text(page)
    assert [(band.name, band.points) for band in draft(model).bands] == [("Cold", 0), ("Tepid", 40), ("Hot", 90)]
    assert draft(model).margin == 5


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (rows(("Cold", 0), ("Hot", 0), margin=0), "must begin above the one before"),
        (rows(("Cold", 0), ("cold", 9), margin=0), "Two bands are called “cold”"),
        (rows(("Cold", 0), ("", 9), margin=0), "Give the band a name."),
        (rows(("Cold", 0), margin=0), "Make at least two bands"),
        (rows(("Cold", 0), ("Hot", "much"), margin=0), "Write a whole number."),
        (rows(("Cold", 0), ("Hot", 10), margin=10), "no further apart than this"),
        (rows(("Cold", 0), ("Hot", 10), margin=""), "Write a whole number."),
    ],
)
def test_what_is_wrong_with_bands_is_told_and_what_was_typed_stays(marketer, model, typed, said):
    page = text(post(marketer, model, "edit_bands", **typed))
    assert page.count(said) == 1 and 'value="Cold"' in page
    assert model.draft is None and draft(model).margin == 2


def test_stages_without_points_come_last(marketer, model):
    post(marketer, model, "edit_stages", **rows(("Customer", ""), ("Qualified", 50), ("Lead", 20)))
    assert [(stage.name, stage.points) for stage in draft(model).stages] == [
        ("Lead", 20), ("Qualified", 50), ("Customer", None),
    ]  # fmt: skip


def test_a_group_that_is_renamed_stays_that_of_its_rules_and_one_that_is_removed_does_not(marketer, model):
    post(marketer, model, "edit_groups", **(rows(("Mail", 40)) | {"rows-0-name": "Mails"}))
    assert draft(model).groups == [Group(name="Mails", cap=40)] and draft(model).rules[1].group == "Mails"
    post(marketer, model, "edit_groups", **rows(("Mails", 40, "gone")))
    assert draft(model).groups == [] and draft(model).rules[1].group == ""


def test_the_grid_and_the_limits_are_edited(marketer, model):
    post(marketer, model, "edit_grid", fit_a="60", fit_b="30", engagement_1="80", engagement_2="10")
    assert (draft(model).fit_grades, draft(model).engagement_grades) == ((30, 60), (10, 80))
    page = post(marketer, model, "edit_grid", fit_a="30", fit_b="30", engagement_1="80", engagement_2="10")
    assert "Grade A must begin above B" in text(page)
    post(marketer, model, "edit_settings", name="Lead", description="Who buys", floor="", ceiling="100")
    assert (draft(model).floor, draft(model).ceiling, draft(model).description) == (None, 100, "Who buys")
    page = post(marketer, model, "edit_settings", name="", description="", floor="5", ceiling="1")
    assert "Give the score model a name." in text(page) and "The ceiling must be above the floor." in text(page)


def test_a_form_that_changes_nothing_makes_no_draft(marketer, model):
    page = post(marketer, model, "edit_settings", name="Lead", description="", floor="0", ceiling="")
    assert "Nothing was changed." in text(page) and draft(model) and model.draft is None


def test_of_two_editors_the_second_sees_what_the_first_did_and_may_put_his_on_top(marketer, model):
    opened = model.draft_revision
    first = replace(defining.opened(model), margin=9)
    defining.save_draft(model, first, opened, person("Publisher", first_name="Paula", last_name="Green"), NOW)
    typed = behaviour(name="Clicks", points="8") | {"revision": opened}
    page = marketer.post(url(model, "edit_rule_of", "c"), typed)
    assert "Paula Green changed “Lead”" in text(page)
    assert "“Clicks”: 8 points instead of 5." in text(page) and "margin" not in text(page)
    assert draft(model).rules[1].points == 5
    again = dict(page.context["typed"]) | {"revision": model.draft_revision}
    marketer.post(page.context["action"], again)
    assert (draft(model).rules[1].points, draft(model).margin) == (8, 9)


# --- a new model ---


def test_a_new_model_begins_as_the_ready_made_one_a_copy_or_empty(marketer, model):
    page = text(marketer.get(reverse("admin:scoring_scoremodel_add")))
    assert "?from=ready" in page and "?from=empty" in page and f"?from=copy&amp;model={model.pk}" in page
    for query, rules in (("?from=ready", 11), ("?from=empty", 0), (f"?from=copy&model={model.pk}", 2)):
        name = f"Model {rules}"
        answer = marketer.post(reverse("admin:scoring_scoremodel_add") + query, {"name": name}, follow=True)
        made = ScoreModel.objects.get(name=name)
        assert (made.key, made.edition, made.is_active) == (f"model_{rules}", 0, False)
        assert len(defining.opened(made).rules) == rules and "Nothing is in force yet." in text(answer)
    assert defining.opened(ScoreModel.objects.get(key="model_11")).bands == starters.document().bands


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"name": " "}, "Give the score model a name."),
        ({"name": "LEAD"}, "There is a score model “LEAD” already"),
        ({"name": "Other", "key": "lead"}, "with the key “lead” already"),
        ({"name": "Other", "key": "My key"}, "small letters"),
    ],
)
def test_a_name_or_key_that_cannot_be_is_told(marketer, model, typed, said):
    page = text(marketer.post(reverse("admin:scoring_scoremodel_add") + "?from=empty", typed))
    assert said in page and ScoreModel.objects.count() == 1
