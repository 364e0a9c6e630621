"""Previewing a draft, putting it in force, going back, turning on and off, deleting: what a publisher sees."""

import pytest
from django.urls import reverse
from msgspec.structs import replace

from events import recording
from events.items import Item
from lib import clock
from ops.models import Job, Source
from scoring import defining
from scoring.document import Band, Document, Rule
from scoring.models import Score, ScoreModel, ScorePreview
from tests import engine
from tests.campaigns.typing_in import browser
from tests.factories import NOW

pytestmark = pytest.mark.django_db
PAGES = Rule(uid="p", kind="behavioural", name="Pages", event="page.viewed", points=10, at_most=10)


@pytest.fixture
def model():
    """On: Ann has 50 points (warm), Bob 10 (cold)."""
    source, now = Source.objects.create(name="Shop"), clock.now()
    items = [("ann", number) for number in range(5)] + [("bob", 9)]
    recording.record(
        source, [Item(kind="track", user_id=who, event="page.viewed", message_id=f"m{n}") for who, n in items], now
    )
    model = defining.create("lead", Document(name="Lead", rules=[PAGES]), None, now, active=True)
    engine.run(now)
    model.refresh_from_db()
    assert sorted(Score.objects.values_list("points", flat=True)) == [10, 50]
    return model


@pytest.fixture
def publisher():
    return browser("Publisher")


def url(model, name, query=""):
    return reverse(f"admin:scoring_scoremodel_{name}", args=[model.pk]) + query


def text(response):
    assert response.status_code == 200, response.status_code
    return " ".join(response.content.decode().split())


def drafted(model, points=20, **changes):
    draft = replace(defining.opened(model), rules=[replace(PAGES, points=points)], **changes)
    return defining.save_draft(model, draft, model.draft_revision, None, NOW)


def previewed(client, model):
    client.post(url(model, "preview"))
    engine.run(clock.now())
    return text(client.get(url(model, "preview")))


# --- the preview ---


def test_a_preview_tells_who_changes_band_with_examples_and_both_spreads(publisher, model):
    drafted(model)
    assert "Make the preview" in text(publisher.get(url(model, "preview")))
    page = previewed(publisher, model)
    shown = publisher.get(url(model, "preview")).context
    assert shown["moved"] == 1 and shown["people"] == 2
    assert [(one["before"]["name"], one["after"]["name"], one["count"]) for one in shown["moves"]] == [
        ("Warm", "Hot", 1)
    ]
    assert [(one["before"], one["after"], one["change"]) for one in shown["examples"]] == [
        ("50", "100", "+50"), ("10", "20", "+10"),
    ]  # fmt: skip
    assert ("50", 1, 0) in shown["columns"] and ("100", 0, 1) in shown["columns"]
    assert "Put in force" in page and Score.objects.get(points=50).band == 1
    assert "By the preview 1 person changes band, of 2 with a score." in text(publisher.get(url(model, "edit")))


def test_who_changes_band_with_the_same_points_is_an_example_too(publisher, model):
    drafted(
        model, points=10, bands=[Band(name="Cold", points=0), Band(name="Warm", points=20), Band(name="Hot", points=50)]
    )
    previewed(publisher, model)
    (one,) = publisher.get(url(model, "preview")).context["examples"]
    assert (one["before"], one["after"], one["change"]) == ("50", "50", "0")
    assert (one["band_before"]["name"], one["band_after"]["name"]) == ("Warm", "Hot")


def test_bands_are_told_apart_by_their_names(publisher, model):
    drafted(model, points=10, floor=None, bands=[Band(name="Icy", points=-100), *defining.opened(model).bands])
    previewed(publisher, model)
    assert "nobody changes band, of 2 people with a score" in text(publisher.get(url(model, "edit")))
    drafted(ScoreModel.objects.get(), points=10, bands=[Band(name="Cold", points=0), Band(name="Hot", points=80)])
    previewed(publisher, model)
    assert "1 person changes band" in text(publisher.get(url(model, "edit")))
    (move,) = publisher.get(url(model, "preview")).context["moves"]
    assert (move["before"]["name"], move["after"]["name"], move["count"]) == ("Warm", "Cold", 1)


def test_while_it_is_made_the_page_says_how_far_it_is_and_it_can_be_cancelled(publisher, model):
    drafted(model)
    page = text(publisher.post(url(model, "preview"), follow=True))
    assert "The preview is being made" in page and 'data-busy="yes"' in page
    job = ScorePreview.objects.get().job
    Job.objects.filter(pk=job.pk).update(total=200, done=80)
    assert 'value="40"' in text(publisher.get(url(model, "preview_now")))
    publisher.post(url(model, "preview"))
    assert Job.objects.filter(kind=job.kind).count() == 1  # no second one beside it
    assert "It stops after the part in hand." in text(publisher.post(url(model, "preview_cancel"), follow=True))
    engine.run(clock.now())
    page = text(publisher.get(url(model, "preview")))
    assert "The preview did not end" in page and "Make it anew" in page


def test_a_preview_of_an_older_draft_is_none(publisher, model):
    model = drafted(model)
    previewed(publisher, model)
    model.refresh_from_db()
    drafted(model, points=30)
    assert "The draft was changed since the last preview" in text(publisher.get(url(model, "preview")))
    assert "No preview was made of this draft" in text(publisher.get(url(model, "force")))


def test_what_is_to_be_mended_is_not_previewed(publisher, model):
    drafted(model, points=0)
    assert "to be mended first" in text(publisher.post(url(model, "preview"), follow=True))
    assert not ScorePreview.objects.exists()


def test_without_a_draft_there_is_nothing_to_preview(publisher, model):
    assert "There is no draft" in text(publisher.get(url(model, "preview"), follow=True))


def test_of_a_model_that_is_off_the_preview_says_who_would_have_what(publisher, model):
    model = drafted(defining.switch(model, False, None, NOW))
    previewed(publisher, model)
    assert "By the preview 2 people have a score: 1 Hot, 1 Cold." in text(publisher.get(url(model, "edit")))
    assert "Where people come to" in text(publisher.get(url(model, "preview")))


# --- in force ---


def test_putting_in_force_says_what_happens_and_everybody_is_scored_anew(publisher, model):
    drafted(model)
    previewed(publisher, model)
    page = text(publisher.get(url(model, "force")))
    for words in ("1 person changes band", "No campaign starts by it", "“Pages”: 20 points instead of 10."):
        assert words in page
    model.refresh_from_db()
    page = text(publisher.post(url(model, "force"), {"revision": model.draft_revision}, follow=True))
    assert "The draft is in force." in page and url(model, "undo") in page
    engine.run(clock.now())
    assert sorted(Score.objects.values_list("points", flat=True)) == [20, 100]


def test_a_draft_that_was_changed_meanwhile_is_not_put_in_force(publisher, model):
    model = drafted(model)
    opened = model.draft_revision
    drafted(model, points=30)
    page = text(publisher.post(url(model, "force"), {"revision": opened}))
    assert "Somebody changed the draft after you opened this page" in page
    assert ScoreModel.objects.get().edition == 1


def test_a_model_that_is_off_may_be_turned_on_with_its_draft(publisher, model):
    model = drafted(defining.switch(model, False, None, NOW))
    typed = {"revision": model.draft_revision, "turn_on": "on"}
    assert "Turn the model on, too" in text(publisher.get(url(model, "force")))
    publisher.post(url(model, "force"), typed)
    assert ScoreModel.objects.get().is_active


def test_a_draft_is_discarded(model):
    drafted(model)
    marketer = browser("Marketer")
    assert "“Pages”: 20 points instead of 10." in text(marketer.get(url(model, "discard")))
    assert "is discarded" in text(marketer.post(url(model, "discard"), follow=True))
    assert ScoreModel.objects.get().draft is None
    assert "no draft to discard" in text(marketer.get(url(model, "discard"), follow=True))


def test_one_goes_back_to_the_edition_before_or_to_a_chosen_one(publisher, model):
    for points in (20, 30):
        model = defining.put_in_force(drafted(model, points), None, NOW)
    page = text(publisher.get(url(model, "editions")))
    assert "Edition 3 is in force" in page and "“Pages”: 30 points instead of 20." in page
    assert f"{url(model, 'undo')}?edition=1" in page and f"{url(model, 'undo')}?edition=3" not in page
    assert "“Pages”: 20 points instead of 30." in text(publisher.get(url(model, "undo")))
    page = text(publisher.post(url(model, "undo", "?edition=1"), follow=True))
    assert "Edition 1 is in force again, as edition 4." in page
    engine.run(clock.now())
    assert sorted(Score.objects.values_list("points", flat=True)) == [10, 50]
    assert "no edition to go back to" in text(publisher.get(url(model, "undo", "?edition=9"), follow=True))


def test_it_is_turned_off_and_on(publisher, model):
    assert "Events give no points any more" in text(publisher.get(url(model, "switch")))
    assert "“Lead” is off." in text(publisher.post(url(model, "switch"), follow=True))
    assert "in the background" in text(publisher.get(url(model, "switch")))
    assert "“Lead” is on." in text(publisher.post(url(model, "switch"), follow=True))


def test_only_a_model_that_is_off_and_unused_is_deleted(publisher, model):
    delete = reverse("admin:scoring_scoremodel_delete", args=[model.pk])
    assert "“Lead” is on, so it stays" in text(publisher.get(delete))
    assert "turn it off first" in text(publisher.post(delete, follow=True)) and ScoreModel.objects.exists()
    defining.switch(model, False, None, NOW)
    assert "The scores of 2 people" in text(publisher.get(delete))
    assert "“Lead” is deleted." in text(publisher.post(delete, follow=True))
    assert not ScoreModel.objects.exists() and not Score.objects.exists()
    assert publisher.get(f"/scoring/scoremodel/_{ord('1'):x}/delete/").status_code in (302, 404)
