"""Adjusting a score by hand: the form, what it will come to, the deed, and taking it back."""

import re
from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.urls import reverse

from contacts.models import Contact
from events.models import Event
from lib import clock
from scoring import adjusting, reading
from scoring.adjusting import Deed
from scoring.document import Stage
from scoring.models import Score, ScoreChange, ScoreModel
from tests.campaigns.typing_in import browser
from tests.factories import ContactFactory
from tests.scoring.building import made, on
from tests.scoring.test_contact_panel import contact_page, seen

pytestmark = pytest.mark.django_db
KEY = "1f0e6a8e-0000-4000-8000-000000000001"


@pytest.fixture
def client():
    return browser("Marketer")


@pytest.fixture
def ann():
    return ContactFactory(attributes={"first_name": "Ann"})


@pytest.fixture
def lead():
    return made(stages=[Stage(name="Reader", points=10), Stage(name="Customer")])


def url(model, contact, page="adjust"):
    return reverse(f"admin:scoring_scoremodel_{page}", args=[model.pk, contact.pk])


def typed(**changes):
    return {
        "deed": "add", "points": "60", "fading": "never", "amount": "30", "unit": "days", "stage": "",
        "reason": "met at the fair", "key": KEY, **changes,
    }  # fmt: skip


def words(response):
    html = re.sub(r"<(script|style).*?</\1>", " ", response.content.decode(), flags=re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html)).replace("&#x27;", "'")


def said(response):
    return "; ".join(str(message) for message in response.context["messages"])


def points(model, contact):
    return reading.standings(model, [contact.pk], clock.now())[contact.pk].points


def test_the_button_leads_to_the_form(client, ann, lead):
    assert url(lead, ann) in client.get(contact_page(ann)).content.decode()
    page = client.get(url(lead, ann))
    assert "Adjust “Lead” of Ann" in words(page) and page.context["form"]["key"].value()


def test_first_it_says_what_the_score_will_be_and_changes_nothing(client, ann, lead):
    page = words(client.post(url(lead, ann), typed()))
    assert "Give Ann 60 points?" in page and "Points 0 Cold 60 Warm" in page and "Reason: met at the fair" in page
    assert "They go from “Cold” to “Warm”; whatever starts at that starts for them." in page
    assert "They reach the stage “Reader”" in page
    assert not ScoreChange.objects.exists() and not Score.objects.exists() and not Event.objects.exists()


def test_then_it_is_done_noted_and_can_be_taken_back(client, ann, lead):
    done = client.post(url(lead, ann), typed(fading="half", sure="1"), follow=True)
    assert "Ann has 60 points now: Warm." in said(done)
    change = ScoreChange.objects.get()
    assert (change.cause, change.points, change.reason, change.by.username) == (
        "hand",
        60,
        "met at the fair",
        "marketer",
    )
    assert timedelta(seconds=change.half_life) == timedelta(days=30)
    note = LogEntry.objects.filter(object_id=ann.pk).latest("pk")
    assert note.change_message == "Adjusted by hand the score “Lead”." and "fair" not in note.object_repr
    undo = re.search(r'href="([^"]+)">Undo', said(done))[1]
    asked = words(client.get(undo))
    assert "Ann has 60 points (Warm) now, 0 (Cold) then." in asked and points(lead, ann) == pytest.approx(60, abs=1e-3)
    undone = client.post(undo, follow=True)
    assert "Ann has 0 points now: Cold." in said(undone) and points(lead, ann) == 0
    assert "does not count: taken back by hand" in seen(client, contact_page(ann))
    assert "taken back already" in words(client.get(undo))


def test_who_presses_twice_gives_once(client, ann, lead):
    client.post(url(lead, ann), typed(sure="1"))
    again = client.post(url(lead, ann), typed(sure="1"), follow=True)
    assert "done already" in said(again) and points(lead, ann) == 60


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"points": "-1"}, "Take 1 point from Ann?"),
        ({"deed": "set"}, "Set the engagement of Ann to 60 points?"),
        ({"deed": "reset"}, "Reset the engagement of Ann to 0?"),
        ({"deed": "stage", "stage": "2"}, "Move Ann to the stage “Customer”?"),
        ({"fading": "expires", "amount": "2", "unit": "weeks"}, "These points expire after 14 days."),
        ({"fading": "half"}, "These points fade by half every 30 days."),
    ],
)
def test_the_question_says_what_will_be_done(client, ann, lead, changes, sentence):
    assert sentence in words(client.post(url(lead, ann), typed(**changes)))


def test_set_and_reset_concern_engagement(client, ann, lead):
    adjusting.adjust(lead, [ann.pk], Deed("add", 70, "x"), clock.now())
    assert "Points 70 Warm 20 Cold" in words(client.post(url(lead, ann), typed(deed="set", points="20")))
    client.post(url(lead, ann), typed(deed="set", points="20", sure="1"))
    assert points(lead, ann) == 20
    client.post(url(lead, ann), typed(deed="reset", points="", key=KEY[:-1] + "2", sure="1"))
    assert points(lead, ann) == 0


def test_what_was_typed_can_be_changed_before_it_is_done(client, ann, lead):
    page = client.post(url(lead, ann), typed(again="1"))
    assert page.context["form"]["points"].value() == "60" and "Go on" in words(page)
    assert not page.context["form"].errors and not ScoreChange.objects.exists()


def test_a_limit_of_the_model_is_said(client, ann):
    model = made(ceiling=100)
    adjusting.adjust(model, [ann.pk], Deed("reset", 0, "x"), clock.now())
    assert "Their points stay as they are" in words(client.post(url(model, ann), typed(deed="reset", points="")))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"points": ""}, "Write a whole number from −1,000 to 1,000."),  # noqa: RUF001
        ({"points": "1.5"}, "Write a whole number from −1,000 to 1,000."),  # noqa: RUF001
        ({"points": "1001"}, "Write a whole number from −1,000 to 1,000."),  # noqa: RUF001
        ({"points": "0"}, "0 points change nothing; write another number."),
        ({"reason": " "}, "Say in a few words why."),
        ({"reason": "x" * 201}, "Say it in 200 characters."),
        ({"fading": "half", "amount": ""}, "Write a whole number from 1 to 3,650."),
        ({"fading": "half", "amount": "0"}, "Write a whole number from 1 to 3,650."),
        ({"deed": "stage"}, "Choose the stage."),
        ({"deed": "stage", "stage": "0"}, "They are at this stage already; choose another one."),
        ({"deed": "explode"}, "Select a valid choice."),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_sentence(client, ann, lead, changes, sentence):
    page = words(client.post(url(lead, ann), typed(**changes, sure="1")))
    assert sentence in page and not ScoreChange.objects.exists()


def test_a_stage_is_moved_to_and_back(client, ann, lead):
    move = typed(deed="stage", stage="2", points="", reason="")
    assert "Whatever starts when somebody reaches this stage" in words(client.post(url(lead, ann), move))
    done = client.post(url(lead, ann), move | {"sure": "1"}, follow=True)
    assert "Ann is at the stage “Customer” now." in said(done)
    assert Event.objects.get(type="score.stage_reached").contact_id == ann.pk
    undo = re.search(r'href="([^"]+)">Undo', said(done))[1].replace("&amp;", "&")
    assert "From the stage “Customer” to “none”" in words(client.get(undo))
    assert "Ann is at the stage “none” again." in said(client.post(undo, follow=True))
    assert "they are at another stage by now" in said(client.get(undo, follow=True))


def test_a_step_back_is_warned_of_and_starts_nothing(client, ann, lead):
    adjusting.move_stage(lead, [ann.pk], 2, clock.now())
    Event.objects.all().delete()
    back = typed(deed="stage", stage="1", reason="")
    assert "That is a step back." in words(client.post(url(lead, ann), back))
    client.post(url(lead, ann), back | {"sure": "1"})
    assert Score.objects.get().stage == 1 and not Event.objects.exists()


def test_a_model_without_stages_offers_none(client, ann):
    page = words(client.get(url(made(), ann)))
    assert "Move to a stage" not in page and "Reset engagement" in page


def test_a_model_that_is_off_is_not_adjusted(client, ann, lead):
    adjusting.adjust(lead, [ann.pk], Deed("add", 60, "x"), clock.now())
    given = reverse("admin:scoring_scoremodel_take_back", args=[lead.pk, ScoreChange.objects.get().pk])
    ScoreModel.objects.update(is_active=False)
    for page in (url(lead, ann), given, f"{url(lead, ann, 'stage_back')}?is=1&was=0"):
        assert "is off; turn it on first" in said(client.get(page, follow=True))
    client.post(given)
    assert ScoreChange.objects.live().exists()


def test_what_a_rule_gave_cannot_be_taken_back_here(client, ann):
    model = made(rules=[on("button.clicked", 5)])
    rule = model.rules.get()
    given = ScoreChange.objects.create(model=model, rule=rule, contact=ann, at=clock.now())
    assert client.get(reverse("admin:scoring_scoremodel_take_back", args=[model.pk, given.pk])).status_code == 404


def test_somebody_who_was_merged_away_is_not_adjusted(client, ann, lead):
    Contact.objects.filter(pk=ann.pk).update(merged_into=ContactFactory())
    assert client.get(url(lead, ann)).status_code == 404


@pytest.mark.parametrize("role", ["Analyst", "Engineer", ""])
def test_who_may_not_change_contacts_does_not(role, ann, lead):
    stranger = browser(role)
    assert stranger.get(url(lead, ann)).status_code == 403
    assert stranger.post(url(lead, ann), typed(sure="1")).status_code == 403
    assert not ScoreChange.objects.exists()


def test_each_part_of_the_form_names_the_deeds_that_need_it(ann, lead):
    """For the script that hides the others."""
    html = browser("Publisher").get(url(lead, ann)).content.decode()
    assert re.findall(r'data-for="([^"]+)"', html) == [
        "add set", "add set", "half expires", "half expires", "stage", "add set reset",
    ]  # fmt: skip
