"""Bands, stages, groups, grid and limits of a score model, two editors at once, and new models."""

import pytest
from django.urls import reverse
from msgspec.structs import replace

from scoring import defining, starters
from scoring.document import Document, Group
from scoring.models import ScoreModel
from tests.campaigns.typing_in import browser, person
from tests.factories import NOW
from tests.scoring.pages import behaviour, draft, made, post, rows, text, url

pytestmark = pytest.mark.django_db


@pytest.fixture
def model():
    return made()


@pytest.fixture
def marketer():
    return browser("Marketer")


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


def test_the_name_of_another_model_is_told_at_its_field(marketer, model):
    other = defining.begin("other", Document(name="Other"), None, NOW)
    typed = {"name": "LEAD", "description": "", "floor": "0", "ceiling": ""}
    assert "There is a score model “LEAD” already" in text(post(marketer, other, "edit_settings", **typed))
    post(marketer, model, "edit_settings", **(typed | {"name": "Other"}))
    page = text(marketer.get(url(model, "edit")))
    assert "There is a score model “Other” already; choose another name." in page and "Preview" not in page


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
