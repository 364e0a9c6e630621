"""A date of theirs comes: birthdays and trial ends, where they are, once for each date."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from automation import dating
from automation.dating import Config, Rule
from automation.models import DateDue, Enrollment, Refusal
from campaigns import lifecycle, publishing
from campaigns.document import Reentry, Trigger
from campaigns.head_words import trigger_in_words
from campaigns.trigger_kinds import TRIGGER_KINDS, from_settings, settings_of
from contacts import merging, writing
from contacts.models import Contact
from ops.work import QUEUES, SWEEPS
from tests import engine
from tests.factories import NOW, CampaignFactory, ContactFactory, site

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
BIRTHDAY = {"field": "contact.birthday", "at": "09:00", "anniversary": True}


def campaign(config=BIRTHDAY, **more):
    trigger = Trigger(kind="date", config=config, filter=more.pop("filter", None))
    more.setdefault("reentry", Reentry(mode="every_time"))
    made = CampaignFactory(triggers=[trigger], **more)
    engine.run(NOW)
    return made


def readers(inbox):
    return [mail.recipient for mail in inbox.accepted]


def at(year, month, day, hour=0, minute=0):
    return datetime(year, month, day, hour, minute, tzinfo=UTC)


def test_a_birthday_brings_a_mail_in_the_morning_where_she_is_every_year(inbox, track):
    campaign()
    traits = {"email": "ann@example.com", "birthday": "1990-03-05", "timezone": "America/New_York"}
    track(NOW, "ann", "users.logged_in", traits=traits)
    engine.run(at(2026, 3, 5, 13, 59))
    assert readers(inbox) == []
    engine.run(at(2026, 3, 5, 14))  # nine o'clock in New York, in winter
    assert readers(inbox) == ["ann@example.com"]
    engine.run(at(2026, 3, 6))
    assert len(inbox.accepted) == 1
    engine.run(at(2027, 3, 5, 14))
    assert len(inbox.accepted) == 2
    assert Enrollment.objects.latest("id").data == {"date": "2027-03-05", "field": "contact.birthday"}


def test_those_known_before_the_campaign_was_activated_are_found_by_the_job(inbox):
    ContactFactory(email="ann@example.com", attributes={"birthday": "1990-03-05"})
    ContactFactory(email="bob@example.com", attributes={"birthday": "no date"})
    ContactFactory(email="cid@example.com")
    campaign()
    assert DateDue.objects.filter(due_at__isnull=False).count() == 1
    engine.run(at(2026, 3, 5, 9))
    assert readers(inbox) == ["ann@example.com"]


def test_so_many_days_before_a_date_at_a_time_of_day_once(inbox, track):
    campaign({"field": "contact.trial.ends", "offset": -3, "at": "17:30"})
    traits = {"email": "ann@example.com", "trial": {"ends": "2026-03-10T12:00:00Z"}, "timezone": "Asia/Kathmandu"}
    track(NOW, "ann", "users.logged_in", traits=traits)
    engine.run(at(2026, 3, 7, 11, 44))
    assert readers(inbox) == []
    engine.run(at(2026, 3, 7, 11, 45))
    assert readers(inbox) == ["ann@example.com"]
    engine.run(at(2027, 3, 8))
    assert len(inbox.accepted) == 1


def test_a_changed_date_counts_anew_and_the_same_one_never_twice(inbox, track):
    campaign({"field": "contact.renews", "at": "09:00"})

    def tell(now, day):
        track(now, "ann", "users.logged_in", traits={"email": "ann@example.com", "renews": day})

    tell(NOW, "2026-03-20")
    tell(NOW + DAY, "2026-03-05")  # earlier
    engine.run(at(2026, 3, 5, 9))
    assert len(inbox.accepted) == 1
    tell(at(2026, 3, 5, 10), "2026-03-05")
    tell(at(2026, 3, 5, 10), None)
    tell(at(2026, 3, 5, 11), "2026-03-05")  # over
    engine.run(at(2026, 3, 20, 9))
    assert len(inbox.accepted) == 1
    tell(at(2026, 3, 21), "2026-04-05")
    engine.run(at(2026, 4, 5, 9))
    assert len(inbox.accepted) == 2


def test_another_time_zone_moves_the_moment_and_does_not_repeat_it(inbox, track):
    campaign()
    ann = ContactFactory(email="ann@example.com", timezone="Europe/Berlin")
    writing.set_attributes([ann.pk], {"birthday": "1990-03-05"}, NOW)
    engine.run(NOW)
    assert DateDue.objects.get().due_at == at(2026, 3, 5, 8)
    writing.set_timezone([ann.pk], "Asia/Tokyo", NOW)
    engine.run(NOW)
    engine.run(at(2026, 3, 5, 0))
    assert readers(inbox) == ["ann@example.com"]
    writing.set_timezone([ann.pk], "America/New_York", at(2026, 3, 5, 1))
    engine.run(at(2026, 3, 6))
    assert len(inbox.accepted) == 1


def test_another_time_zone_of_the_site_works_everybody_out_again():
    ContactFactory(attributes={"birthday": "1990-03-05"})
    campaign()
    assert DateDue.objects.get().due_at == at(2026, 3, 5, 9)
    site(timezone="Asia/Tokyo")
    SWEEPS["time zone of campaigns"](NOW)
    engine.run(NOW)
    assert DateDue.objects.get().due_at == at(2026, 3, 5, 0)


TABLE = [  # (first day, zone, time of day, now, expected)
    ("1988-02-29", "Europe/Berlin", "09:00", at(2026, 1, 1), at(2026, 2, 28, 8)),
    ("1988-02-29", "Europe/Berlin", "09:00", at(2028, 1, 1), at(2028, 2, 29, 8)),
    ("1990-03-29", "Europe/Berlin", "02:30", at(2026, 3, 1), at(2026, 3, 29, 1)),  # left out: 03:00 summer time
    ("1990-10-25", "Europe/Berlin", "02:30", at(2026, 10, 1), at(2026, 10, 25, 0, 30)),  # twice: the first
    ("1990-03-08", "America/New_York", "02:30", at(2026, 3, 1), at(2026, 3, 8, 7)),
    ("1990-11-01", "America/New_York", "01:30", at(2026, 10, 1), at(2026, 11, 1, 5, 30)),
    ("1990-05-05", "Asia/Kathmandu", "09:00", at(2026, 3, 1), at(2026, 5, 5, 3, 15)),
    ("1990-10-04", "Australia/Lord_Howe", "02:10", at(2026, 9, 1), at(2026, 10, 3, 15, 30)),  # half an hour left out
    ("1990-04-05", "Australia/Lord_Howe", "01:45", at(2026, 4, 1), at(2026, 4, 4, 14, 45)),
    ("1990-03-05", "UTC", "09:00", at(2026, 3, 5, 9), at(2027, 3, 5, 9)),  # not the moment itself again
]


@pytest.mark.parametrize("first, zone, time, now, expected", TABLE)
def test_a_table_of_moments(first, zone, time, now, expected):
    from datetime import date
    from zoneinfo import ZoneInfo

    rule = Rule(1, "key", Config("contact.birthday", at=time, anniversary=True))
    assert rule.next_day(date.fromisoformat(first), ZoneInfo(zone), now, None)[1] == expected


def test_after_an_outage_of_days_it_is_too_late_and_says_so(inbox):
    ann = ContactFactory(email="ann@example.com", attributes={"birthday": "1990-03-05"})
    campaign()
    engine.run(at(2026, 3, 9, 9, 1))
    assert readers(inbox) == [] and Refusal.objects.get(contact=ann).reason == "late"
    assert DateDue.objects.get().due_at == at(2027, 3, 5, 9)


def test_a_paused_campaign_lets_nobody_in_and_notes_who_came(inbox):
    ContactFactory(attributes={"birthday": "1990-03-05"})
    lifecycle.pause(campaign(), None, NOW)
    engine.run(at(2026, 3, 5, 9))
    assert readers(inbox) == [] and Refusal.objects.get().reason == "paused"


def test_what_came_or_was_written_while_nobody_was_let_in_is_looked_at_anew_once_the_campaign_is_open_again(inbox):
    ann = ContactFactory(email="ann@example.com", attributes={"birthday": "1990-03-05"})
    bob = ContactFactory(email="bob@example.com", attributes={"birthday": "1990-03-20"})
    made = lifecycle.drain(campaign(), None, NOW)
    writing.upsert(bob.pk, writing.Upsert(attributes={"birthday": "1990-04-20"}), at(2026, 3, 4))
    engine.run(at(2026, 3, 6))
    lifecycle.reopen(made, None, at(2026, 3, 6))
    for day in (6, 20):
        engine.run(at(2026, 3, day, 9))
    assert readers(inbox) == [] and not Refusal.objects.exists()
    assert dict(DateDue.objects.values_list("contact", "due_at")) == {
        ann.pk: at(2027, 3, 5, 9), bob.pk: at(2026, 4, 20, 9)
    }  # fmt: skip


def test_the_filters_are_asked_on_that_day(inbox):
    pro = {"field": "contact.plan", "op": "is", "value": "pro"}
    for plan, country in (("pro", "fr"), ("free", "fr"), ("pro", "de")):
        ContactFactory(
            email=f"{plan}-{country}@example.com",
            attributes={"birthday": "1990-03-05", "plan": plan, "country": country},
        )
    campaign(filter=pro, audience={"field": "contact.country", "op": "is", "value": "fr"})
    engine.run(at(2026, 3, 5, 9))
    assert readers(inbox) == ["pro-fr@example.com"]
    assert list(Refusal.objects.values_list("reason", flat=True)) == ["audience"]


def test_an_edit_of_the_offset_is_worked_out_anew_and_one_of_the_filter_is_not(inbox):
    ContactFactory(attributes={"birthday": "1990-03-05"})
    made = campaign()
    draft = lifecycle.parse(made.draft)
    draft.triggers[0].config = {**BIRTHDAY, "offset": -1}
    made = lifecycle.save_draft(made, draft, made.revision, None, NOW)
    publishing.publish(made, None, NOW)
    engine.run(NOW)
    assert list(DateDue.objects.values_list("due_at", flat=True)) == [at(2026, 3, 4, 9)]


def test_two_who_are_one_person_get_one_mail(inbox):
    ann, bob = (ContactFactory(email=f"{n}@example.com", attributes={"birthday": "1990-03-05"}) for n in "ab")
    campaign()
    DateDue.objects.filter(contact=ann).update(due_at=at(2026, 3, 6))
    engine.run(at(2026, 3, 5, 9))
    assert readers(inbox) == ["b@example.com"]
    merging.merge([(ann.pk, bob.pk)], at(2026, 3, 5, 9, 5))
    engine.run(at(2026, 3, 7))
    engine.run(at(2027, 3, 1))
    assert len(inbox.accepted) == 1


def test_nobody_is_asked_but_those_whose_day_it_is_and_two_hundred_cost_as_much_as_one():
    ContactFactory.create_batch(30, attributes={"birthday": "1990-07-01"})
    made = campaign()
    counts = []
    for size, day in ((1, 4), (1, 5), (200, 6)):
        people = ContactFactory.create_batch(size, attributes={"birthday": f"1990-03-0{day}"})
        rule = dating.rules_of(made.pk, lifecycle.parse(made.draft))[0]
        dating.work_out(rule, [one.pk for one in people], NOW)
        with CaptureQueriesContext(connection) as captured:
            assert QUEUES["dates"].work(at(2026, 3, day, 9)) == size
        counts.append(len(captured))
    assert counts[1] == counts[2]
    assert Enrollment.objects.count() == 202


def test_what_an_import_tells_counts_too_when_its_day_comes(inbox):
    from events import recording
    from events.items import Item
    from ops.models import Source

    campaign()
    person = Item(kind="identify", user_id="u1", traits={"email": "ann@example.com", "birthday": "1990-03-05"})
    recording.record(Source.objects.create(name="Shop"), [person], NOW, triggers=False)
    engine.run(NOW)
    engine.run(at(2026, 3, 5, 9))
    assert readers(inbox) == ["ann@example.com"] and Contact.objects.count() == 1


@pytest.mark.parametrize(
    "config, words",
    [
        (BIRTHDAY, "On their birthday, every year, at 09:00 where they are."),
        ({"field": "contact.trial_end", "offset": -1, "at": "17:30", "anniversary": False},
         "1 day before their trial end, at 17:30 where they are."),
    ],
)  # fmt: skip
def test_it_reads_as_a_sentence_and_its_form_gives_it_back(config, words):
    ContactFactory(attributes={"birthday": "1990-03-05", "trial_end": "2026-05-05"})
    config = {"offset": 0, **config}
    trigger = Trigger(kind="date", config=config)
    assert trigger_in_words(trigger) == words
    kind = TRIGGER_KINDS["date"]
    assert kind.form and kind.problems(trigger) == []
    shown = kind.form.initial_from(settings_of(trigger))
    typed = {name: value for name, value in shown.items() if value not in (None, False)}
    form = kind.form(typed | {"filter": ""})
    assert form.is_valid(), form.errors
    assert from_settings("date", form.config()) == trigger


def test_an_edit_of_a_computed_date_moves_the_days(inbox, track):
    from segments import computed_writing
    from segments.computed_models import ComputedAttribute

    last = ComputedAttribute.objects.create(
        key="last_order", label="last order", event="order.completed", measure="last", type="date"
    )
    track(NOW, "ann", "order.completed", traits={"email": "ann@example.com"})
    track(NOW + 3 * DAY, "ann", "trial.started")
    made = campaign({"field": "computed.last_order", "offset": 10, "at": "09:00"})
    assert DateDue.objects.get(campaign=made).day == NOW.date()
    last.event, last.revision = "trial.started", last.revision + 1
    last.save()
    computed_writing.start(last, None, NOW + 3 * DAY)
    engine.run(NOW + 3 * DAY)
    assert DateDue.objects.get(campaign=made).due_at == at(2026, 3, 15, 9)
