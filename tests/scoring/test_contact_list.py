"""Scores in the list of contacts: the column, the order, the filters."""

import pytest
from django.contrib.auth.models import Group, Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from contacts import writing
from contacts.admin import ContactAdmin
from lib import clock
from scoring import adjusting
from scoring.adjusting import Deed
from scoring.contact_list import _cell_number
from scoring.document import Stage
from scoring.score_field import CELLS
from tests import engine
from tests.campaigns.typing_in import browser
from tests.factories import ContactFactory
from tests.scoring.building import half, made, on, whose
from tests.segments.test_segment_pages import text

pytestmark = pytest.mark.django_db
LIST = "admin:contacts_contact_changelist"


@pytest.fixture
def client():
    return browser("Marketer")


def someone(name, points=0, model=None):
    contact = ContactFactory(attributes={"first_name": name})
    if points:
        adjusting.adjust(model, [contact.pk], Deed("add", points, "test"), clock.now())
    return contact


def names(client, **query):
    return [str(contact) for contact in client.get(reverse(LIST), query).context["cl"].result_list]


def order(client, title, minus=""):
    """What a click on the head of the column asks for."""
    columns = client.get(reverse(LIST)).context["cl"].list_display
    found = [place for place, column in enumerate(columns) if getattr(column, "short_description", "") == title]
    return f"{minus}{found[0]}"


def test_no_column_where_no_model_is_on(client):
    someone("Ann")
    page = client.get(reverse(LIST))
    assert [column for column in page.context["cl"].list_display if callable(column)] == []
    assert "score_band" not in text(page)


def test_the_column_says_points_and_band_as_of_now(client):
    model = made(rules=[on("button.clicked", 40, fading=half(30))])
    ann = someone("Ann", 62, model)
    page = text(client.get(reverse(LIST)))
    assert "62" in page and "Warm" in page
    someone("Ben")
    assert "Cold" in text(client.get(reverse(LIST))) and ann.pk


def test_the_first_two_models_have_columns(client):
    for key in ("a", "b", "c"):
        made(key)
    columns = client.get(reverse(LIST)).context["cl"].list_display
    assert [column.short_description for column in columns if callable(column)] == ["A", "B"]


def test_the_list_is_sorted_by_points_and_nobody_is_lost(client):
    model, other = made(floor=None), made("other")
    someone("Low", 5, model)
    someone("None")
    someone("High", 90, model)
    someone("Below", -7, model)
    someone("Elsewhere", 50, other)
    assert names(client, o=order(client, "Lead")) == ["High", "Low", "Elsewhere", "None", "Below"]
    assert names(client, o=order(client, "Lead", "-")) == ["Below", "Elsewhere", "None", "Low", "High"]
    assert names(client, o=order(client, "Other"))[0] == "Elsewhere"


def test_the_pages_of_a_sorted_list_follow_each_other(client, monkeypatch):
    monkeypatch.setattr(ContactAdmin, "list_per_page", 2)
    model = made()
    for name, points in [("Low", 5), ("None", 0), ("High", 90), ("Middle", 50), ("Nil", 0)]:
        someone(name, points, model)
    lead = order(client, "Lead")
    assert [names(client, o=lead, p=page) for page in (1, 2, 3)] == [["High", "Middle"], ["Low", "Nil"], ["None"]]


def test_it_can_be_sorted_and_narrowed_at_once(client):
    model = made()
    for name, points in [("Warm", 60), ("Hot", 90), ("Hotter", 95), ("Cold", 1)]:
        someone(name, points, model)
    assert names(client, o=order(client, "Lead"), score_band="lead:2") == ["Hotter", "Hot"]


def test_filters_by_band_cell_and_stage(client):
    rule = whose({"field": "contact.plan", "op": "is", "value": "pro"}, 50)
    model = made(rules=[rule], stages=[Stage(name="Reader", points=10), Stage(name="Customer")])
    fit = someone("Fit", 1, model)
    writing.set_attributes([fit.pk], {"plan": "pro"}, clock.now())
    engine.run(clock.now())
    someone("Keen", 60, model)
    someone("Nobody")
    assert names(client, score_band="lead:1") == ["Keen", "Fit"]
    assert names(client, score_band="lead:0") == ["Nobody"]
    assert names(client, score_cell="lead:6") == ["Fit"]
    assert names(client, score_cell="lead:2") == ["Keen"]
    assert names(client, score_cell="lead:0") == ["Nobody"]
    assert names(client, score_stage="lead:0") == ["Nobody"]
    assert names(client, score_stage="lead:1") == ["Keen", "Fit"]
    assert names(client, score_stage="lead:2") == []
    page = text(client.get(reverse(LIST)))
    assert "Reader" in page and "lead:2" in page


def test_the_numbers_of_cells_are_those_of_the_grid():
    assert {cell: _cell_number(cell) for cell in ("A1", "A3", "B2", "C1", "C3")} == {
        "A1": 8, "A3": 6, "B2": 4, "C1": 2, "C3": 0,
    }  # fmt: skip
    assert sorted(map(_cell_number, CELLS)) == list(range(9))


@pytest.mark.parametrize("value", ["lead", "lead:x", "other:1", ":", "lead:99999999999", "lead:-1", "lead:²"])
def test_a_link_that_cannot_be_read_narrows_nothing(client, value):
    made()
    someone("Ann")
    for parameter in ("score_band", "score_cell", "score_stage"):
        assert names(client, **{parameter: value}) == ["Ann"]


def test_who_may_not_see_scores_sees_none(client):
    model = made()
    someone("Ann", 62, model)
    group = Group.objects.get(name="Marketer")
    group.permissions.remove(*Permission.objects.filter(content_type__app_label="scoring"))
    page = text(browser("Marketer").get(reverse(LIST)))
    assert "Ann" in page and "Warm" not in page and "score_band" not in page


def test_the_number_of_queries_does_not_grow_with_the_list(client):
    model = made()
    someone("Ann", 62, model)
    query = {"o": order(client, "Lead"), "score_band": "lead:1"}
    client.get(reverse(LIST), query)
    with CaptureQueriesContext(connection) as few:
        client.get(reverse(LIST), query)
    for number in range(20):
        someone(f"Ann {number}", 55 + number, model)
    with CaptureQueriesContext(connection) as many:
        assert len(names(client, **query)) == 21
    assert len(many) == len(few)
