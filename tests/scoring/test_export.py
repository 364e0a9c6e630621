"""Scores in the file of a segment's members."""

import csv

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from lib import clock
from scoring import adjusting
from scoring.adjusting import Deed
from scoring.document import Band, Stage
from scoring.models import ScoreModel
from segments import exporting, members
from tests.campaigns.typing_in import browser
from tests.factories import ContactFactory
from tests.scoring.building import made
from tests.segments.test_segment_pages import made as segment_made
from tests.segments.test_segment_pages import text

pytestmark = pytest.mark.django_db


@pytest.fixture
def guests():
    segment = segment_made("Guests", kind="static")
    contacts = [ContactFactory(attributes={"first_name": name}) for name in ("Ann", "Ben", "Cem")]
    members.add(segment, [contact.pk for contact in contacts], clock.now(), "hand")
    return segment, contacts


def exported(segment):
    lines = "".join(exporting.lines(segment, clock.now())).removeprefix("\ufeff")
    return {row["first_name"].strip("'"): row for row in csv.DictReader(lines.splitlines())}


def test_the_file_holds_the_scores_of_each_active_model(guests, monkeypatch):
    monkeypatch.setattr(exporting, "AT_ONCE", 2)
    segment, (ann, _ben, _cem) = guests
    lead = made(stages=[Stage(name="Reader", points=10)])
    made("off")
    ScoreModel.objects.filter(key="off").update(is_active=False)
    adjusting.adjust(lead, [ann.pk], Deed("add", 62, "test"), clock.now())
    rows = exported(segment)
    assert [name for name in rows["Ann"] if name.startswith("score")] == [
        "score.lead", "score.lead.fit", "score.lead.engagement", "score.lead.band", "score.lead.cell",
        "score.lead.stage",
    ]  # fmt: skip
    assert [cell for name, cell in rows["Ann"].items() if name.startswith("score")] == [
        "62", "0", "62", "Warm", "C1", "Reader"
    ]  # fmt: skip
    assert [rows["Ben"]["score.lead"], rows["Ben"]["score.lead.band"], rows["Cem"]["score.lead.stage"]] == [
        "0", "Cold", ""
    ]  # fmt: skip


def test_names_that_a_spreadsheet_would_execute_are_harmless(guests):
    made(bands=[Band(name="=cmd|' /C calc'!A0", points=0)])
    assert exported(guests[0])["Ann"]["score.lead.band"] == "'=cmd|' /C calc'!A0"


def test_the_page_says_that_scores_are_in_it(guests):
    url = reverse("admin:segments_segment_export", args=[guests[0].pk])
    assert "scores" not in text(browser("Publisher").get(url))
    made()
    assert "their scores in each active model" in text(browser("Publisher").get(url))


def test_the_number_of_queries_is_that_of_the_parts_not_of_the_members_or_models(guests):
    segment, _ = guests

    def count():
        with CaptureQueriesContext(connection) as asked:
            exported(segment)
        return len(asked)

    made()
    few = count()
    members.add(segment, [contact.pk for contact in ContactFactory.create_batch(20)], clock.now(), "hand")
    made("other")
    assert count() == few
