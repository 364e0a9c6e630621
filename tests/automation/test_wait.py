"""The wait in all its modes: from the event to the mail, with a moved clock."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from automation import by_hand
from automation.advancing import advance
from automation.kinds.wait import WaitKind
from automation.models import Enrollment, Visit
from campaigns import lifecycle
from campaigns.document import Document, StepDoc, Trigger
from contacts.models import Contact
from events import pipeline, recording
from events.items import Item
from ops.models import Source
from tests import engine
from tests.factories import NOW, TemplateFactory, site

pytestmark = pytest.mark.django_db
SECOND, DAY = timedelta(seconds=1), timedelta(days=1)
PARIS = "Europe/Paris"


def waiting(**config):
    """Somebody signs up, waits, and gets a mail, and a day later another one."""
    first, second = (TemplateFactory(subject=subject).pk for subject in ("first", "second"))
    steps = [
        StepDoc(uid="wait", kind="wait", config=config, next={"done": "first"}),
        StepDoc(uid="first", kind="email", config={"template": first}, next={"done": "pause"}),
        StepDoc(uid="pause", kind="wait", config={"amount": 1, "unit": "days"}, next={"done": "second"}),
        StepDoc(uid="second", kind="email", config={"template": second}, next={"done": None}),
    ]
    site(timezone=PARIS)
    document = Document(name="Welcome", triggers=[Trigger(event="users.signed_up")], steps=steps)
    return lifecycle.activate(lifecycle.create(document, None, NOW), None, NOW)


def signs_up(track, user="ann", at=NOW, properties=(), **traits):
    track(at, user, "users.signed_up", traits={"email": f"{user}@example.com", **traits}, **dict(properties))


def mails(inbox):
    return [mail.message["Subject"] for mail in inbox.accepted]


def utc(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def comes_at(inbox, moment, how_many=1):
    """The next mail comes then, and not a second sooner."""
    before = len(inbox.accepted)
    engine.run(utc(moment) - SECOND)
    assert len(inbox.accepted) == before
    engine.run(utc(moment))
    assert len(inbox.accepted) == before + how_many


def explained(uid="wait"):
    return Visit.objects.get(step_uid=uid).explanation


# --- a length of time, and then ---


def test_so_many_days_at_a_time_of_day_are_calendar_days_of_the_contact(inbox, track):
    waiting(amount=2, unit="days", at="15:00")
    signs_up(track, timezone="America/New_York")
    assert explained() == "Waits 2 days, then until Wed 4 Mar 2026, 15:00 (America/New_York)."
    comes_at(inbox, "2026-03-04 20:00")
    assert explained() == "Waited 2 days, then until 15:00."


def test_so_many_hours_and_then_the_next_time_of_day_on_a_working_day(inbox, track):
    waiting(amount=5, unit="hours", at="10:00", days=["mon", "tue", "wed", "thu", "fri"])
    signs_up(track, at=utc("2026-03-06 08:00"))  # a Friday
    comes_at(inbox, "2026-03-09 09:00")


def test_so_many_days_and_then_the_same_time_of_an_allowed_day(inbox, track):
    waiting(amount=1, unit="days", days=["mon", "wed"])
    signs_up(track, at=utc("2026-03-02 09:00"))
    comes_at(inbox, "2026-03-04 09:00")


def test_until_a_weekday_and_time_of_the_site_where_the_contact_s_zone_is_unknown(inbox, track):
    waiting(mode="weekday", days=["mon", "thu"], at="09:30")
    signs_up(track)
    assert explained() == "Waits until Thu 5 Mar 2026, 09:30 (Europe/Paris)."
    comes_at(inbox, "2026-03-05 08:30")


def test_a_zone_that_is_none_counts_as_missing_and_is_flagged(inbox, track):
    waiting(amount=1, unit="days", at="09:00")
    source = Source.objects.get()
    recording.record(source, [Item(kind="identify", user_id="ann", traits={"email": "ann@example.com"})], NOW)
    Contact.objects.update(timezone="Mars/Olympus")
    track(NOW, "ann", "users.signed_up")
    assert explained().endswith("(Europe/Paris). “Mars/Olympus” is no time zone, so Europe/Paris was taken.")
    comes_at(inbox, "2026-03-03 08:00")


def test_chance_picks_a_length_between_the_two_the_same_for_ever(inbox, track):
    waiting(mode="random", amount=1, unit="hours", to_amount=3, to_unit="days")
    for number in range(20):
        track(NOW, f"u{number}", "users.signed_up", run=False)
    engine.run(NOW)
    lengths = [row.due_at - NOW for row in Enrollment.objects.all()]
    assert all(timedelta(hours=1) <= length <= 3 * DAY for length in lengths)
    assert len(set(lengths)) == 20 and min(lengths) < DAY < 2 * DAY < max(lengths)
    visit = Visit.objects.select_related("enrollment__contact").first()
    assert visit.facts["until"] == visit.enrollment.due_at.isoformat()
    assert "by chance, until" in visit.explanation
    config = {"mode": "random", "amount": 1, "unit": "hours", "to_amount": 3, "to_unit": "days"}
    assert [wait.until for wait in WaitKind().due_again([visit], config, NOW)] == [visit.enrollment.due_at]


# --- until a date ---


def test_until_a_date_in_the_contact_s_zone(inbox, track):
    waiting(mode="date", date="2026-03-29", at="02:30")
    signs_up(track, timezone="Europe/Berlin")
    comes_at(inbox, "2026-03-29 01:00")  # 02:30 is left out that night


def test_so_many_days_before_a_date_of_theirs(inbox, track):
    waiting(mode="field", field="contact.trial.ends_on", offset=-3, at="09:00")
    signs_up(track, trial={"ends_on": "2026-04-01"}, timezone="Europe/Berlin")
    assert explained() == (
        "Waits until Sun 29 Mar 2026, 09:00 (Europe/Berlin): 3 days before their trial ends on, 09:00."
    )
    assert Visit.objects.get().facts["date"] == "2026-04-01"
    comes_at(inbox, "2026-03-29 07:00")


SENT = [
    ("2026-03-10T18:00:00Z", "2026-03-10 20:00"),
    ("2026-03-10 18:00", "2026-03-10 19:00"),  # names no zone: their own
    ("2026-03-10", "2026-03-10 01:00"),
    (1773165600, "2026-03-10 20:00"),
]


def test_hours_after_a_property_of_what_let_them_in(inbox, track):
    waiting(mode="field", field="event.delivery", offset=2, offset_unit="hours")
    for number, (sent, _) in enumerate(SENT):
        track(NOW, f"u{number}", "users.signed_up", run=False, delivery=sent)
    engine.run(NOW)
    due = Enrollment.objects.order_by("contact__identities__value").values_list("due_at", flat=True)
    assert list(due) == [utc(moment) for _, moment in SENT]


def test_the_next_birthday_and_of_29_february_the_28th(inbox, track):
    waiting(mode="field", field="contact.born_on", anniversary=True, at="08:00")
    signs_up(track, "ann", born_on="1990-03-02")  # today, at 8 there: an hour and more ago
    signs_up(track, "ben", born_on="2004-02-29")
    signs_up(track, "cem", born_on="1980-03-03T23:30:00Z")  # in Paris, the 4th
    due = dict(Enrollment.objects.values_list("contact__address__email", "due_at"))
    assert due == {
        "ann@example.com": utc("2027-03-02 07:00"),
        "ben@example.com": utc("2027-02-28 07:00"),
        "cem@example.com": utc("2026-03-04 07:00"),
    }


def test_a_date_that_is_put_off_or_forward_meanwhile_moves_the_wait(inbox, track):
    waiting(mode="field", field="contact.trial_ends_at")
    signs_up(track, trial_ends_at="2026-03-10T12:00:00Z")
    signs_up(track, at=NOW + DAY, trial_ends_at="2026-03-20T12:00:00Z")
    assert "Fri 20 Mar 2026, 13:00" in explained()
    engine.run(utc("2026-03-10 12:00"))
    assert mails(inbox) == []
    signs_up(track, at=utc("2026-03-10 13:00"), trial_ends_at="2026-03-15T12:00:00Z", plan="pro")
    assert "Sun 15 Mar 2026, 13:00" in explained()
    comes_at(inbox, "2026-03-15 12:00")


@pytest.mark.parametrize(("sent", "got"), [("2026-03-01", ["first"]), (None, []), ("whenever", [])])
def test_a_date_that_is_past_all_at_once_is_over_and_one_that_is_taken_away_stays(inbox, track, sent, got):
    """Also where whoever comes after it would leave: they waited for it, and it has come."""
    waiting(mode="field", field="contact.trial_ends_at", past="exit")
    signs_up(track, trial_ends_at="2026-03-10T12:00:00Z")
    signs_up(track, at=NOW + DAY, trial_ends_at=sent)
    assert mails(inbox) == got
    if not got:
        comes_at(inbox, "2026-03-10 12:00")


def test_who_is_woken_before_a_date_that_stays_goes_on(inbox, track):
    waiting(mode="field", field="contact.trial_ends_at")
    signs_up(track, trial_ends_at="2026-03-10T12:00:00Z")
    by_hand.wake(Enrollment.objects.get(), None, NOW + DAY)
    engine.run(NOW + DAY)
    assert mails(inbox) == ["first"]


# --- past and missing ---

OUTCOMES = [("continue", ["first"], ["first", "second"]), ("exit", [], []), ("skip", [], ["second"])]


@pytest.mark.parametrize(("remedy", "now", "later"), OUTCOMES)
def test_a_date_that_is_past(inbox, track, remedy, now, later):
    waiting(mode="date", date="2026-03-01", at="09:00", past=remedy)
    signs_up(track)
    assert mails(inbox) == now
    engine.run(NOW + DAY)
    assert mails(inbox) == later
    assert explained().startswith("Sun 1 Mar 2026, 09:00 (Europe/Paris) is past already, so ")
    row = Enrollment.objects.get()
    assert (row.state, row.reason) == (("exited", "date_past") if remedy == "exit" else ("finished", ""))
    assert not row.skips_message
    if remedy == "skip":
        left_out = Visit.objects.get(step_uid="first")
        assert left_out.arm == "skipped" and left_out.explanation.startswith("Left out")


@pytest.mark.parametrize(("remedy", "now", "later"), OUTCOMES)
def test_a_date_that_is_missing(inbox, track, remedy, now, later):
    waiting(mode="field", field="contact.trial_ends_at", missing=remedy)
    signs_up(track)
    assert mails(inbox) == now
    engine.run(NOW + DAY)
    assert mails(inbox) == later
    assert explained().startswith("There is no date in their trial ends at, so ")


NO_DATE, TOO_FAR = ", in their trial ends at, is no date, so they leave.", "is more than 2 years away, so they leave."
UNUSABLE = [
    ("soon", f"“soon”{NO_DATE}"),
    ("2026-02-30", f"“2026-02-30”{NO_DATE}"),
    (["2026-03-10"], NO_DATE),
    ({"day": 10}, NO_DATE),
    (True, f"“yes”{NO_DATE}"),
    (-6e13, NO_DATE),
    ("x" * 5000, NO_DATE),
    ("9997-12-31", TOO_FAR),
    ("2028-03-02", TOO_FAR),
    ("", "There is no date in their trial ends at, so they leave."),
]


def test_who_has_no_usable_date_leaves_with_the_reason(inbox, track):
    waiting(mode="field", field="contact.trial_ends_at", offset=1)
    for number, (sent, _) in enumerate(UNUSABLE):
        track(NOW, f"u{number}", "users.signed_up", traits={"trial_ends_at": sent}, run=False)
    engine.run(NOW)
    rows = Enrollment.objects.order_by("contact__identities__value")
    assert {(row.state, row.reason) for row in rows} == {("exited", "bad_date")}
    for row, (_, words) in zip(rows, UNUSABLE, strict=True):
        assert row.explanation.endswith(words)


# --- once more, by another configuration ---


def due_again(now, **config):
    visits = list(Visit.objects.filter(left_at=None).select_related("enrollment__contact").order_by("id"))
    return [wait and wait.until for wait in WaitKind().due_again(visits, config, utc(now))]


def test_time_already_waited_counts_when_the_wait_is_changed(inbox, track):
    waiting(amount=5, unit="days")
    signs_up(track, timezone="Europe/Berlin")
    assert due_again("2026-03-03 09:00", amount=2, unit="days") == [utc("2026-03-04 09:00")]
    assert due_again("2026-03-03 09:00", amount=2, unit="days", at="15:00") == [utc("2026-03-04 14:00")]
    assert due_again("2026-03-03 09:00", amount=1, unit="hours") == [utc("2026-03-03 09:00")]
    assert due_again("2026-03-03 09:00", mode="date", date="2026-01-01") == [utc("2026-03-03 09:00")]
    assert due_again("2026-03-03 09:00", mode="field", field="contact.trial_ends_at") == [None]


# --- in sets ---


def test_a_round_takes_as_many_queries_for_two_hundred_as_for_one(inbox, track):
    waiting(mode="field", field="contact.trial_ends_at", offset=-1)
    spent = []
    for people in (1, 200):
        items = [
            item
            for number in range(people)
            for item in (
                Item(kind="identify", user_id=f"p{people}n{number}", traits={"trial_ends_at": "2026-03-20"}),
                Item(kind="track", user_id=f"p{people}n{number}", event="users.signed_up"),
            )
        ]
        recording.record(Source.objects.get(), items, NOW)
        while pipeline.drain(NOW):
            pass
        with CaptureQueriesContext(connection) as captured:
            assert advance(NOW) == people
        spent.append(len(captured))
    assert spent[0] == spent[1] and Enrollment.objects.filter(due_at=utc("2026-03-18 23:00")).count() == 201
    with CaptureQueriesContext(connection) as captured:
        assert len(due_again("2026-03-03 09:00", mode="field", field="contact.trial_ends_at")) == 201
    assert len(captured) <= 3  # the visits, the site, the dates
