"""Times and days as people type them: each is the instant that is meant, or refused in a sentence."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from django.forms import modelform_factory

from automation.forms.timed_triggers import BroadcastForm, DateForm, ScheduleForm
from automation.forms.wait import WaitForm
from automation.kinds.wait import WaitKind
from automation.models import DateDue, Enrollment
from automation.scheduling import Broadcast, Schedule, moment, next_run
from automation.triggers.kinds import KINDS
from campaigns import windows
from campaigns.document import Trigger
from campaigns.window_form import WindowFields
from contacts.models import Change
from lib.words import in_plain_words
from ops.admin import SiteSettingsForm
from ops.models import SiteSettings
from tests import engine
from tests.automation.flows import flow, step
from tests.automation.publishing_again import DAY
from tests.factories import NOW, site

pytestmark = pytest.mark.django_db
TRIGGERS = {kind.key: kind for kind in KINDS}
NINE = ["09:00", "9:00", " 9:00 ", "09:00:00", "٠٩:٠٠", "０９:００", "०९:००"]
NO_TIMES = ["9.00", "24:00", "25:00", "23:60", "9", "0900", "9:00 PM", "09:00 PM", "09:00xyz", "+9:00", "09:00:30",
            "-1:00", "1_0:00", "12:3045", "09+01", "0900Z", "T0900", "09:00\x00"]  # fmt: skip
NO_DAYS = ["24.12.2026", "12/24/2026", "20261224", "2026-W52-4", "2026-02-30", "2026-1-5", "0001-01-01", "9999-12-31",
           "2026-12-24T10:00", "today", "-026-12-24", "2026-12-24\x00"]  # fmt: skip


def window(text: str, to: str = "18:00") -> WindowFields:
    return WindowFields({"window_from": text, "window_to": to, "window_outside": "hold"})


def quiet(text: str):
    form = modelform_factory(SiteSettings, SiteSettingsForm, fields=["quiet_from", "quiet_to"])
    return form({"quiet_from": text, "quiet_to": "08:00"})


# Each form with a time of day: how it is filled in, its field, and what it makes of it.
FORMS = {
    "wait": (lambda text: WaitForm({"mode": "for", "amount": "2", "unit": "days", "at": text}), "at",
             lambda form: form.config()["at"]),
    "weekday": (lambda text: WaitForm({"mode": "weekday", "days": ["mon"], "at": text}), "at",
                lambda form: form.config()["at"]),
    "window": (window, "window_from", lambda form: form.window({})["from"]),
    "quiet hours": (quiet, "quiet_from", lambda form: f"{form.cleaned_data['quiet_from']:%H:%M}"),
    "broadcast": (lambda text: BroadcastForm({"when": "at", "date": "2026-12-24", "time": text}), "time",
                  lambda form: form.config()["at"][11:]),
    "schedule": (lambda text: ScheduleForm({"every": "day", "at": text}), "at", lambda form: form.config()["at"]),
    "date": (lambda text: DateForm({"field": "contact.birthday", "when": "on", "at": text}), "at",
             lambda form: form.config()["at"]),
}  # fmt: skip


@pytest.mark.parametrize("name", FORMS)
def test_nine_is_nine_however_it_is_typed_and_what_is_no_time_is_refused(name):
    filled, field, given = FORMS[name]
    for text in NINE[: 4 if name == "quiet hours" else None]:  # that one is Django's own, which reads our digits only
        form = filled(text)
        assert field not in form.errors, (text, form.errors)
        assert given(form) == "09:00", text
    for text in NO_TIMES:
        errors = filled(text).errors
        assert list(errors)[:1] == [field], text
        assert any(word in errors[field][0] for word in ("such as", "Null characters")), errors


@pytest.mark.parametrize("text", [*NO_TIMES, "9:00", "٠٩:٠٠", "", None, 9, [9]])
def test_a_file_that_says_no_time_is_refused_in_a_sentence(text):
    """“0900Z” and the like were taken, and stopped the page that worked out the next run."""
    for kind, config in (
        ("schedule", {"every": "day", "at": text}),
        ("date", {"field": "contact.birthday", "at": text}),
        ("broadcast", {"at": f"2026-12-24T{text}"}),
    ):
        assert TRIGGERS[kind].problems(Trigger(kind=kind, config=config)), kind
    assert windows.faults({"from": text, "to": "18:00"})
    assert WaitKind().problems({"mode": "weekday", "days": ["mon"], "at": text})


@pytest.mark.parametrize("day", NO_DAYS)
def test_what_is_no_day_is_refused_at_its_field(day):
    assert list(BroadcastForm({"when": "at", "date": day, "time": "09:00"}).errors) == ["date"]
    assert list(WaitForm({"mode": "date", "date": day}).errors) == ["date"]
    assert TRIGGERS["broadcast"].problems(Trigger(kind="broadcast", config={"at": f"{day}T09:00"}))
    assert WaitKind().problems({"mode": "date", "date": day})


def test_a_day_in_other_digits_is_that_day():
    assert BroadcastForm({"when": "at", "date": "２０２６-１２-２４", "time": "9:00"}).config
    form = WaitForm({"mode": "date", "date": "٢٠٢٦-١٢-٢٤"})
    assert form.is_valid() and form.config()["date"] == "2026-12-24"


def test_a_missing_time_is_asked_for_at_its_own_field_and_midnight_closes_a_window():
    assert list(BroadcastForm({"when": "at", "date": "2026-12-24", "time": ""}).errors) == ["time"]
    form = window("09:00", "24:00")
    assert form.is_valid() and form.window({}) == {"from": "09:00", "to": "00:00"}


@pytest.mark.parametrize(
    ("zone", "day", "at", "instant"),
    [
        ("Europe/Berlin", "2026-03-29", "02:30", "2026-03-29 01:00"),
        ("Europe/Berlin", "2026-10-25", "02:30", "2026-10-25 00:30"),
        ("America/New_York", "2026-03-08", "02:30", "2026-03-08 07:00"),
        ("America/New_York", "2026-11-01", "01:30", "2026-11-01 05:30"),
        ("Australia/Lord_Howe", "2026-10-04", "02:15", "2026-10-03 15:30"),
        ("Australia/Lord_Howe", "2026-04-05", "01:45", "2026-04-04 14:45"),
        ("Asia/Kathmandu", "2026-03-29", "02:30", "2026-03-28 20:45"),
    ],
)
def test_the_same_local_time_is_the_same_instant_wherever_it_is_typed(track, zone, day, at, instant):
    """Of a wait until a date, a broadcast, a schedule and a date of somebody’s."""
    expected = datetime.fromisoformat(instant).replace(tzinfo=UTC)
    form = WaitForm({"mode": "date", "date": day, "at": at})
    assert form.is_valid()
    flow(step("here", "wait", form.config()))
    track(NOW, "ann", "users.signed_up", traits={"timezone": zone, "renews_at": day})
    assert Enrollment.objects.get().due_at == expected
    there = ZoneInfo(zone)
    assert moment(Broadcast(at=f"{day}T{at}"), there) == expected
    assert next_run(Schedule(every="day", at=at), expected - DAY / 2, there) == expected
    dated = Trigger(kind="date", config={"field": "contact.renews_at", "at": at})
    flow(step("here", "wait", form.config()), name="Dated", triggers=[dated])
    engine.run(NOW)
    assert DateDue.objects.get().due_at == expected


ENDS_OF_TIME = ["0001-01-01", "9999-12-31", "9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+14:00"]


def test_a_date_at_the_end_of_time_stops_nobody(track):
    """Neither whoever waits for it, nor the page of the contact."""
    site()
    for offset, anniversary in ((-365, False), (365, True)):
        dated = {"field": "contact.renews_at", "offset": offset, "anniversary": anniversary}
        flow(step("end", "leave"), name="Dated", triggers=[Trigger(kind="date", config={**dated, "at": "09:00"})])
        flow(step("here", "wait", {"mode": "field", **dated}, None), name="Waits")
    for sent in ENDS_OF_TIME:
        track(NOW, f"u{sent}", "users.signed_up", traits={"renews_at": sent}, run=sent == ENDS_OF_TIME[-1])
        assert in_plain_words(sent) in (sent, "1 Jan 1", "31 Dec 9999")
    assert Enrollment.objects.count() == 8 and not Change.objects.exists()
    assert not list(Enrollment.objects.filter(state="parked").values_list("explanation", flat=True))
