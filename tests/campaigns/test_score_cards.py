"""The card “Change the score” of the sequence form: what is saved, shown again, refused, and read by others."""

import pytest
from django.urls import reverse

from campaigns.document import parse
from campaigns.linear import Row, rows
from campaigns.models import Campaign
from scoring.document import Stage
from scoring.models import ScoreModel
from tests.campaigns.typing_in import browser, card, typed
from tests.factories import CampaignFactory, TemplateFactory
from tests.scoring.building import made

pytestmark = pytest.mark.django_db
ADD = "/campaigns/campaign/add/"
STAGES = [Stage(name="Lead", points=50), Stage(name="Customer")]


@pytest.fixture
def lead():
    return made(stages=STAGES)


def score(**changes) -> dict:
    """A card as typed: give 10 points of the score “lead”, for good."""
    return card() | {
        "action": "score", "score_model": "lead", "score_effect": "add", "score_points": "10", "score_stage": "",
        "score_reason": "", "score_fades": "never", "score_fade_amount": "30", "score_fade_unit": "days",
    } | changes  # fmt: skip


def page_of(campaign) -> str:
    return reverse("admin:campaigns_campaign_change", args=[campaign.pk])


def saved(*cards) -> Campaign:
    answer = browser("Marketer").post(ADD, typed(*cards))
    assert answer.status_code == 302, (answer.context["form"].errors, answer.context["cards"].errors)
    return Campaign.objects.get(name="My sequence")


KINDS = [
    ({}, {"effect": "add", "points": 10}, "give 10 points of “Lead”"),
    ({"score_points": "-5"}, {"effect": "add", "points": -5}, "take 5 points of “Lead”"),
    (
        {"score_fades": "half", "score_fade_amount": "2", "score_fade_unit": "weeks", "score_reason": " Demo "},
        {
            "effect": "add", "points": 10, "reason": "Demo",
            "fading": {"how": "half", "amount": 2, "unit": "weeks"},
        },
        "give 10 points of “Lead” (fades by half every 2 weeks)",
    ),
    ({"score_effect": "set", "score_points": "0"}, {"effect": "set", "points": 0}, "set the engagement of “Lead” to 0"),
    ({"score_effect": "reset"}, {"effect": "reset"}, "set the engagement of “Lead” to 0"),
    (
        {"score_effect": "stage", "score_stage": "lead|Customer"},
        {"effect": "stage", "stage": "Customer"},
        "move to the stage “Customer” of “Lead”",
    ),
    (
        {"score_effect": "stage", "score_stage": "lead|Lead", "score_force": "on"},
        {"effect": "stage", "stage": "Lead", "force": True},
        "move to the stage “Lead” of “Lead”, also backwards",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "config", "words"), KINDS)
def test_a_card_becomes_a_step_is_shown_again_and_read_by_others(lead, changes, config, words):
    campaign = saved(card(TemplateFactory()), score(wait_amount="2", **changes))
    step = parse(campaign.draft).steps[2]
    assert (step.kind, step.config) == ("score", {"model": "lead"} | config)
    shown = browser("Marketer").get(page_of(campaign)).context["cards"].forms[1]
    again = {name: shown[name].value() for name in shown.fields if name.startswith("score_")}
    assert str(again["score_points"]) == str(config.get("points", 10)) and again["score_effect"] == config["effect"]
    assert again["score_stage"] == (f"lead|{config['stage']}" if "stage" in config else "")
    assert shown.tells_more is bool({"fading", "force", "reason"} & config.keys())
    sent = {name: "on" if value is True else "" if value is False else value for name, value in again.items()}
    again_card = score(uid=step.uid, wait_uid=parse(campaign.draft).steps[1].uid, wait_amount="2") | sent
    first = parse(campaign.draft).steps[0]
    cards = [card(uid=first.uid, template=None) | {"template": str(first.config["template"])}, again_card]
    browser("Marketer").post(page_of(campaign), typed(*cards, revision="1"))
    campaign.refresh_from_db()
    assert parse(campaign.draft).steps[2] == step
    assert f"Wait 2 days, then {words}" in browser("Analyst").get(page_of(campaign)).content.decode()


WRONG = [
    ({"score_model": ""}, "Choose the score to change."),
    ({"score_model": "gone"}, "This score no longer exists; choose another one."),
    ({"score_points": ""}, "Points: write a whole number."),
    ({"score_points": "0"}, "Points: write how many to give; a minus takes some."),
    ({"score_points": "many"}, "Points: write a whole number from −1,000 to 1,000."),
    ({"score_points": "1001"}, "Points: write a whole number from −1,000 to 1,000."),
    ({"score_effect": "stage"}, "Choose a stage of this score."),
    ({"score_effect": "stage", "score_stage": "other|Guest"}, "Choose a stage of this score."),
    ({"score_effect": "stage", "score_stage": "lead|Gone"}, "This stage no longer exists; choose another one."),
    ({"score_fades": "half", "score_fade_amount": ""}, "How many: write a whole number of 1 or more."),
    ({"score_fades": "half", "score_fade_amount": "0"}, "How many: write a whole number from 1 to 3,650."),
    ({"score_fades": "expires", "score_fade_amount": "900", "score_fade_unit": "weeks"}, "1 to 3,650 days."),
    ({"score_reason": "x" * 201}, "Reason: write 200 characters at most."),
]


@pytest.mark.parametrize(("changes", "sentence"), WRONG)
def test_what_is_wrong_is_said_on_the_card_and_nothing_is_saved(lead, changes, sentence):
    made("other", stages=[Stage(name="Guest")])
    answer = browser("Marketer").post(ADD, typed(score(**changes)))
    assert answer.status_code == 200 and not Campaign.objects.filter(name="My sequence").exists()
    assert sentence in answer.content.decode() and "This is not saved yet." in answer.content.decode()


def test_what_stands_in_fields_that_nobody_sees_is_no_fault(lead):
    """Another action or effect was chosen after something was typed there."""
    nonsense = {"score_points": "many", "score_stage": "gone|Gone", "score_fade_amount": "-1", "score_fades": "never"}
    campaign = saved(
        card(TemplateFactory()) | nonsense | {"score_model": "gone"},
        score(score_effect="reset", **nonsense),
        score(score_effect="stage", **nonsense | {"score_stage": "lead|Lead"}),
        score(**nonsense | {"score_points": "7"}, template="999999", lateness_hours="soon"),
        card(action="leave") | nonsense,
    )
    steps = [(row.action, row.score) for row in rows(parse(campaign.draft))]
    assert steps[1:4] == [
        ("score", {"model": "lead", "effect": "reset"}),
        ("score", {"model": "lead", "effect": "stage", "stage": "Lead"}),
        ("score", {"model": "lead", "effect": "add", "points": 7}),
    ]


def test_scores_that_are_off_are_offered_and_said_to_be(lead):
    ScoreModel.objects.filter(pk=lead.pk).update(is_active=False)
    page = browser("Marketer").get(ADD).content.decode()
    assert '<option value="lead">Lead (off)</option>' in page and '<optgroup label="Lead">' in page
    read = browser("Analyst").get(page_of(saved(score()))).content.decode()
    assert "Give 10 points of “Lead”, which is off" in read


def test_only_steps_that_mail_tell_what_became_of_mails(lead):
    page = browser("Analyst").get(page_of(saved(card(TemplateFactory()), score(), card(action="leave"))))
    text = page.content.decode()
    assert (text.count("<dt>Waiting</dt>"), text.count("<dt>Sent</dt>")) == (3, 1)


def test_a_score_that_is_gone_is_said_on_its_card(lead):
    campaign = CampaignFactory(
        rows=[Row(uid="a", action="score", score={"model": "lead", "effect": "add", "points": 5})]
    )
    lead.delete()
    page = browser("Marketer").get(page_of(campaign))
    assert page.status_code == 200 and "Choose a score…" in page.content.decode()
    answer = browser("Marketer").post(page_of(campaign), typed(score(uid="a"), revision=str(campaign.revision)))
    assert "This score no longer exists; choose another one." in answer.content.decode()
