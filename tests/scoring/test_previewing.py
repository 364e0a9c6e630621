"""A preview says what putting the draft in force then does."""

from datetime import timedelta

import pytest

from contacts.models import Contact
from scoring import adjusting, defining, previewing
from scoring.adjusting import Deed
from scoring.document import Band, Document, parse
from scoring.models import Score, ScoreChange, ScorePreview
from tests import engine
from tests.factories import NOW
from tests.scoring.building import half, on, whose
from tests.scoring.test_settling import DAY, Shop

pytestmark = pytest.mark.django_db
CEO = {"field": "contact.title", "op": "is", "value": "CEO"}
PRO = {"field": "event.plan", "op": "is", "value": "pro"}


@pytest.fixture
def lead():
    shop = Shop()
    rules = [on("button.clicked", 10, at_most=9), on("page.viewed", 1), whose(CEO, 20)]
    lead = defining.create("lead", Document(name="Lead", rules=rules), None, NOW, active=True)
    for number in range(9):
        user = f"u{number}"
        shop.tells(user, title="CEO" if number % 3 == 0 else "CTO")
        for n in range(number):
            shop.does(user, "button.clicked", at=NOW - timedelta(hours=n), plan="pro" if n % 2 else "free")
            shop.does(user, "form.submitted", at=NOW - n * DAY)
    engine.run(NOW)
    adjusting.adjust(lead, [Contact.objects.get(identities__value="u1").pk], Deed("add", 33), NOW)
    engine.run(NOW)
    lead.refresh_from_db()
    return lead


EDITS = {
    "points": {"rules": [on("button.clicked", 5), on("page.viewed", 1), whose(CEO, 40)]},
    "a filter": {"rules": [on("button.clicked", 10, where=PRO), whose(CEO, 20)]},
    "new and gone": {"rules": [on("form.submitted", 30, at_most=2, fading=half(5)), on("page.viewed", 1)]},
    "who": {"rules": [on("button.clicked", 10), whose({"not": CEO}, 25)]},
    "times and caps": {"rules": [on("button.clicked", 10, at_most=3, cap=25), whose(CEO, 20)], "ceiling": 40},
    "bands": {"bands": [Band(name="Low", points=0), Band(name="High", points=30)]},
    "reset": {
        "rules": [on("button.clicked", 10), on("form.submitted", 0, effect="reset"), whose(CEO, 5, effect="set")]
    },
    "nothing": {"description": "Other words."},
}


@pytest.mark.parametrize("edit", EDITS)
def test_everybody_has_what_the_preview_said(lead, edit):
    draft = parse(lead.definition)
    for name, value in EDITS[edit].items():
        setattr(draft, name, value)
    lead = defining.save_draft(lead, draft, lead.draft_revision, None, NOW)
    ledger = set(ScoreChange.objects.values_list("pk", "ended_at"))
    said = {
        one.contact: one for one in previewing.compare(lead, draft, Contact.objects.values_list("pk", flat=True), NOW)
    }
    assert set(ScoreChange.objects.values_list("pk", "ended_at")) == ledger
    before = dict(Score.objects.values_list("contact_id", "points"))
    assert {pk: one.before for pk, one in said.items()} == {pk: before.get(pk, 0) for pk in said}
    defining.put_in_force(lead, None, NOW)
    engine.run(NOW)
    after = {pk: (points, band) for pk, points, band in Score.objects.values_list("contact_id", "points", "band")}
    assert {pk: (one.after, one.band_after) for pk, one in said.items()} == {pk: after[pk] for pk in said}
    assert after.keys() <= said.keys()


def test_the_job_adds_up_what_changes(lead, monkeypatch):
    monkeypatch.setattr(previewing, "AT_ONCE", 2)
    draft = parse(lead.definition)
    draft.rules[0].points = 15
    lead = defining.save_draft(lead, draft, lead.draft_revision, None, NOW)
    job = previewing.start(lead, None, NOW)
    engine.run(NOW)
    preview = ScorePreview.objects.get()
    said = previewing.compare(lead, draft, Contact.objects.values_list("pk", flat=True), NOW)
    moved = [one for one in said if one.band_before != one.band_after]
    outcome = preview.outcome
    assert preview.made_at == NOW and moved
    assert (outcome["people"], outcome["moved"]) == (len(said), len(moved))
    assert sum(number for *_, number in outcome["bands"]) == len(said)
    assert [example["contact"] for example in outcome["examples"][: len(moved)]] == [
        one.contact for one in sorted(moved, key=lambda one: one.weight, reverse=True)
    ]
    assert sum(outcome["before"]) == sum(outcome["after"]) == len(said)
    assert outcome["edges"][0] <= min(one.before for one in said) and len(outcome["edges"]) == len(
        outcome["before"]
    ) == len(outcome["after"])
    job.refresh_from_db()
    assert job.result == f"{len(moved)} people would change band."


def test_a_draft_that_is_edited_meanwhile_stops_its_preview(lead):
    draft = parse(lead.definition)
    draft.rules[0].points = 15
    lead = defining.save_draft(lead, draft, lead.draft_revision, None, NOW)
    job = previewing.start(lead, None, NOW)
    draft.rules[0].points = 16
    defining.save_draft(lead, draft, lead.draft_revision, None, NOW)
    engine.run(NOW)
    job.refresh_from_db()
    assert "changed again" in job.result
    assert ScorePreview.objects.get().made_at is None
