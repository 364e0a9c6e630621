"""What is typed about a wait, what is wrong with it, and what it says about itself."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from automation.forms.timed_triggers import DateForm, ScheduleForm
from automation.forms.wait import WaitForm
from automation.kinds.wait import WaitKind
from campaigns.document import Document
from campaigns.linear import Row, from_rows, rows
from contacts.models import Contact
from tests.factories import ContactFactory

KIND, PARIS = WaitKind(), ZoneInfo("Europe/Paris")
NOW = datetime(2026, 11, 22, 13, tzinfo=UTC)  # a Sunday
# Configuration, in words, and what it means for somebody who gets there now.
WAITS = [
    ({"amount": 2, "unit": "days"}, "wait 2 days", "they go on Tue 24 Nov 2026, 14:00 (Europe/Paris)."),
    (
        {"amount": 2, "unit": "days", "at": "15:00"},
        "wait 2 days, then until 15:00",
        "they go on Tue 24 Nov 2026, 15:00 (Europe/Paris).",
    ),
    (
        {"amount": 3, "unit": "hours", "at": "15:00"},
        "wait 3 hours, then until the next 15:00",
        "they go on Mon 23 Nov 2026, 15:00 (Europe/Paris).",
    ),
    (
        {"amount": 1, "unit": "weeks", "days": ["mon", "tue", "wed"]},
        "wait 7 days, then until Monday to Wednesday",
        "they go on Mon 30 Nov 2026, 14:00 (Europe/Paris).",
    ),
    (
        {"mode": "weekday", "days": ["thu", "mon"], "at": "10:00"},
        "wait until Monday or Thursday, 10:00",
        "they go on Mon 23 Nov 2026, 10:00 (Europe/Paris).",
    ),
    (
        {"mode": "date", "date": "2026-12-24", "at": "09:00"},
        "wait until Thu 24 Dec 2026, 09:00",
        "they go on Thu 24 Dec 2026, 09:00 (Europe/Paris).",
    ),
    (
        {"mode": "date", "date": "2025-12-24", "past": "exit"},
        "wait until Wed 24 Dec 2025, 00:00, leave if it is past",
        "the date is past already: they leave.",
    ),
    (
        {"mode": "field", "field": "contact.trial_ends_at", "offset": -3, "at": "09:00"},
        "wait until 3 days before their trial ends at, 09:00",
        "they go on Sat 19 Dec 2026, 09:00 (Europe/Paris).",
    ),
    (
        {"mode": "field", "field": "contact.born_on", "anniversary": True, "missing": "skip"},
        "wait until the anniversary of their born on, skip the next mail if there is none",
        "they go on Wed 22 Dec 2027, 00:00 (Europe/Paris).",
    ),
    (
        {"mode": "random", "amount": 1, "unit": "days", "to_amount": 2.5, "to_unit": "days"},
        "wait between 1 day and 2 days and 12 hours, by chance",
        "they go on between Mon 23 Nov 2026, 14:00 (Europe/Paris) and Wed 25 Nov 2026, 02:00 (Europe/Paris).",
    ),
]
WRONG = [
    ({}, "Say how long to wait, such as 2 days."),
    ({"amount": 0, "unit": "days"}, "Say how long to wait: a number above 0."),
    ({"amount": 3, "unit": "years"}, "Choose minutes, hours, days or weeks to wait."),
    ({"amount": 731, "unit": "days"}, "A wait is at most 2 years long."),
    ({"amount": float("nan"), "unit": "days"}, "Say how long to wait: a number above 0."),
    ({"amount": 1.5, "unit": "days", "at": "09:00"}, "Write a whole number of days, or no time of day."),
    ({"amount": 1, "unit": "days", "at": "25:00"}, "Time of day: write one such as 15:00."),
    ({"amount": 1, "unit": "days", "days": ["moonday"]}, "Weekdays: choose among Monday to Sunday."),
    ({"mode": "weekday", "at": "09:00"}, "Choose at least one weekday to wait for."),
    ({"mode": "weekday", "days": ["mon"]}, "Time of day: write one such as 15:00."),
    ({"mode": "date", "date": "24.12.2026"}, "Date: write the day to wait for, such as 2026-12-24."),
    ({"mode": "field"}, "Choose the field that holds the date, such as contact.trial_ends_at."),
    ({"mode": "field", "field": "contact.email"}, "“contact.email” holds no date; choose another field."),
    (
        {"mode": "field", "field": "score.lead"},
        "Choose the field that holds the date, such as contact.trial_ends_at.",
    ),
    (
        {"mode": "field", "field": "contact.x", "offset": 731},
        "Before or after: write a whole number of at most 730 days.",
    ),
    (
        {"mode": "field", "field": "contact.x", "past": "cry"},
        "If the date is past: choose to go on, to leave, or to skip the next mail.",
    ),
    (
        {"mode": "random", "amount": 2, "unit": "days", "to_amount": 24, "to_unit": "hours"},
        "The longest wait must be longer than the shortest.",
    ),
    ({"mode": "later"}, "Choose what to wait for: a length of time, a weekday, a date."),
]
JUNK = [None, True, -1, 1e308, float("inf"), 10**400, "", "\x00", "é" * 500, [], [[]], {}, {"a": [None]}, ["mon", 1]]


@pytest.mark.django_db
@pytest.mark.parametrize(("config", "words", "then"), WAITS)
def test_a_wait_says_what_it_is_and_gives_an_example_and_its_form_keeps_it(config, words, then):
    assert KIND.problems(config) == []
    assert KIND.describe(config) == words
    example = KIND.example(config, NOW, PARIS)
    assert example.startswith("If ") and example.endswith(then)
    typed = {name: value for name, value in WaitForm.initial_from(config).items() if value not in (None, False)}
    form = WaitForm(data={f"step-{name}": value for name, value in typed.items()}, prefix="step")
    assert form.is_valid(), form.errors
    assert form.config() == config


@pytest.mark.django_db
@pytest.mark.parametrize(("config", "sentence"), WRONG)
def test_what_is_wrong_is_said_in_one_sentence(config, sentence):
    assert KIND.problems(config) == [sentence]
    assert KIND.describe(config) == "wait" and KIND.example(config, NOW, PARIS) == ""


@pytest.mark.django_db
def test_a_configuration_may_hold_anything():
    names = ["mode", "amount", "unit", "to_amount", "to_unit", "at", "days", "date", "field", "offset", "offset_unit"]
    for mode in ("for", "weekday", "date", "field", "random"):
        whole = next(config for config, _, _ in WAITS if config.get("mode", "for") == mode)
        for name in [*names, "anniversary", "past", "missing"]:
            for junk in JUNK:
                config = {**whole, name: junk}
                assert all(sentence.endswith(".") for sentence in KIND.problems(config))
                KIND.describe(config), KIND.example(config, NOW, PARIS)
    for name in (*names, "past"):
        for junk in JUNK:
            str(WaitForm(initial=WaitForm.initial_from({"mode": "for", name: junk}))[name])


@pytest.mark.django_db
def test_the_form_says_at_each_field_what_is_wrong_and_offers_known_dates():
    ContactFactory(attributes={"trial_ends_at": "2026-12-01"})
    form = WaitForm(data={"mode": "field", "when": "before", "offset": "-1"})
    assert form.errors["offset"] == ["How far from it: write a whole number of 0 or more."]
    form = WaitForm(data={"mode": "weekday", "at": "9"})
    assert set(form.errors) == {"days", "at"}
    drawn = str(WaitForm(event_type="order.completed")["field"])
    assert 'value="contact.created_at"' in drawn and "<datalist" in drawn
    assert Contact.objects.exists()


@pytest.mark.django_db
def test_what_is_left_in_a_field_that_is_not_shown_keeps_nobody_back():
    form = WaitForm(data={"mode": "for", "amount": "2", "unit": "days", "offset": "-1"})
    assert form.is_valid() and form.config() == {"amount": 2, "unit": "days"}
    form = ScheduleForm(data={"every": "cron", "cron": "30 7 * * 1-5", "day": "99", "at": "9", "months": ["13"]})
    assert form.is_valid() and form.config() == {"every": "cron", "cron": "30 7 * * 1-5"}
    form = DateForm(data={"field": "birthday", "when": "on", "days": "400", "at": "09:00"})
    assert form.is_valid() and form.config()["offset"] == 0
    for days in ("400", "", "x"):
        form = DateForm(data={"field": "birthday", "when": "after", "days": days, "at": "09:00"})
        assert form.errors == {"days": ["Write 0 to 365 days before or after the date."]}


@pytest.mark.django_db
@pytest.mark.parametrize(("typed", "meant"), [
    ("birthday", "contact.birthday"), (" trial.ends", "contact.trial.ends"), ("company.renews", "company.renews"),
])  # fmt: skip
def test_a_bare_name_of_a_date_is_an_attribute(typed, meant):
    form = DateForm(data={"field": typed, "when": "on", "at": "09:00"})
    assert form.is_valid() and form.config()["field"] == meant


@pytest.mark.django_db
def test_only_what_counts_is_marked_to_be_shown():
    form = WaitForm(prefix="step")
    assert form["offset"].field.widget.attrs["data-shown-for"] == "step-mode=field;step-when=before,after"
    assert form["amount"].field.widget.attrs["data-shown-for"] == "step-mode=for,random"


def test_the_linear_form_shows_plain_waits_and_leaves_the_others_to_the_canvas():
    steps = from_rows([Row(uid="mail", wait_uid="wait", wait_amount=2, template=1)])
    assert steps[0].config == {"amount": 2, "unit": "days"}
    assert rows(Document(steps=steps))
    steps[0].config["at"] = "15:00"
    assert rows(Document(steps=steps)) is None
