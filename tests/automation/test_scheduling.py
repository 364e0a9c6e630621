"""When schedules run, in any zone and by any cron line; how their settings read, and what is wrong with them."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from automation import cron_lines, times
from automation.scheduling import Schedule, last_run, next_run
from campaigns.document import Trigger
from campaigns.head_words import trigger_in_words
from campaigns.trigger_kinds import TRIGGER_KINDS, from_settings, settings_of
from tests.factories import NOW

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


def at(year, month, day, hour=0, minute=0):
    return datetime(year, month, day, hour, minute, tzinfo=UTC)


BERLIN, LORD_HOWE = "Europe/Berlin", "Australia/Lord_Howe"
RUNS = [  # (schedule, zone, after, next run)
    ({"every": "day", "at": "09:00"}, BERLIN, at(2026, 3, 28, 8), at(2026, 3, 29, 7)),  # the clocks go forward
    ({"every": "day", "at": "02:30"}, BERLIN, at(2026, 3, 28, 12), at(2026, 3, 29, 1)),  # left out: 03:00
    ({"every": "day", "at": "02:30"}, BERLIN, at(2026, 10, 24, 12), at(2026, 10, 25, 0, 30)),  # twice: the first
    ({"every": "day", "at": "02:30"}, BERLIN, at(2026, 10, 25, 0, 30), at(2026, 10, 26, 1, 30)),  # and not again
    ({"every": "day", "at": "02:10"}, LORD_HOWE, at(2026, 10, 3, 12), at(2026, 10, 3, 15, 30)),
    ({"every": "weekdays", "at": "09:00"}, "UTC", at(2026, 3, 6, 9), at(2026, 3, 9, 9)),
    ({"every": "week", "days": ["mon", "thu"], "at": "09:00"}, "UTC", at(2026, 3, 2, 9), at(2026, 3, 5, 9)),
    ({"every": "month", "day": 31, "at": "09:00"}, "UTC", at(2026, 1, 31, 9), at(2026, 2, 28, 9)),
    ({"every": "month", "day": 1, "at": "09:00"}, "Asia/Kathmandu", at(2026, 3, 2), at(2026, 4, 1, 3, 15)),
    ({"every": "months", "months": [4, 1], "day": 31, "at": "09:00"}, "UTC", at(2026, 1, 31, 9), at(2026, 4, 30, 9)),
    ({"every": "months", "months": [2], "day": 29, "at": "09:00"}, "UTC", at(2026, 2, 28, 9), at(2027, 2, 28, 9)),
    ({"every": "hours", "hours": 1, "at": "09:30"}, BERLIN, at(2026, 3, 29, 0, 30), at(2026, 3, 29, 1)),  # 03:00
    ({"every": "hours", "hours": 1, "at": "09:30"}, BERLIN, at(2026, 3, 29, 1), at(2026, 3, 29, 1, 30)),
    ({"every": "hours", "hours": 1, "at": "09:30"}, BERLIN, at(2026, 10, 25, 0, 30), at(2026, 10, 25, 2, 30)),  # twice
    ({"every": "hours", "hours": 6, "at": "09:15"}, "Asia/Kathmandu", at(2026, 3, 2, 15, 30), at(2026, 3, 2, 21, 30)),
    ({"every": "cron", "cron": "30 7 * * 1-5"}, BERLIN, at(2026, 3, 27, 6, 30), at(2026, 3, 30, 5, 30)),
    ({"every": "cron", "cron": "0 9 29 2 *"}, "UTC", at(2028, 2, 29, 9), at(2032, 2, 29, 9)),
    ({"every": "cron", "cron": "0 18 L */3 *"}, "UTC", at(2026, 1, 31, 18), at(2026, 4, 30, 18)),
    ({"every": "cron", "cron": "0 9 13 * fri"}, "UTC", at(2026, 3, 6, 9), at(2026, 3, 13, 9)),  # either
    ({"every": "cron", "cron": "30 2 * * *"}, BERLIN, at(2026, 3, 28, 12), at(2026, 3, 29, 1)),
]  # fmt: skip


@pytest.mark.parametrize("config, zone, after, expected", RUNS)
def test_a_table_of_runs(config, zone, after, expected):
    schedule = Schedule(**config)
    assert next_run(schedule, after, ZoneInfo(zone)) == expected
    assert last_run(schedule, expected, ZoneInfo(zone)) == expected
    assert last_run(schedule, expected - timedelta(minutes=1), ZoneInfo(zone)) <= after


def reached(zone, hours):
    """Minute by minute, what the clocks there show for the first time: several at once where they leap."""
    now = at(2026, 3, 27) if hours < 500 else at(2026, 10, 1)
    furthest = times.local(now, zone)
    for _ in range(hours * 60):
        now += timedelta(minutes=1)
        shown = times.local(now, zone)
        if shown > furthest:
            yield now, [furthest + timedelta(minutes=one + 1) for one in range((shown - furthest) // MINUTE)]
            furthest = shown


@settings(max_examples=40, deadline=None)
@given(
    zone=st.sampled_from(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"]),
    hours=st.sampled_from([100, 800]),
    minute=st.integers(0, 59),
    every=st.lists(st.integers(0, 23), min_size=1, max_size=24, unique=True),
    days=st.lists(st.integers(0, 6), min_size=1, max_size=7, unique=True),
)
def test_whatever_the_clocks_do_each_time_that_they_show_is_a_run_once(zone, hours, minute, every, days):
    line = f"{minute} {','.join(map(str, every))} * * {','.join(str((day + 1) % 7) for day in days)}"
    schedule, there = Schedule(every="cron", cron=line), ZoneInfo(zone)
    expected = [
        now
        for now, shown in reached(there, hours)
        if any(one.minute == minute and one.hour in every and one.weekday() in days for one in shown)
    ]
    run = at(2026, 3, 27) if hours < 500 else at(2026, 10, 1)
    for one in expected:
        assert next_run(schedule, run, there) == one == last_run(schedule, one, there)
        run = one


@pytest.mark.parametrize(
    "kind, config, words",
    [
        ("schedule", {"every": "day", "at": "09:00"}, "Every day at 09:00, everybody whom the filters let in."),
        ("schedule", {"every": "weekdays", "at": "09:00"},
         "Every Monday to Friday at 09:00, everybody whom the filters let in."),
        ("schedule", {"every": "week", "days": ["mon", "thu"], "at": "17:30", "zone": "Europe/Paris"},
         "Every Monday and Thursday at 17:30 (Europe/Paris), everybody whom the filters let in."),
        ("schedule", {"every": "month", "day": 31, "at": "09:00"},
         "Every month on day 31 at 09:00, everybody whom the filters let in."),
        ("schedule", {"every": "months", "months": [10, 1, 4, 7], "day": 1, "at": "09:00"},
         "Every January, April, July and October on day 1 at 09:00, everybody whom the filters let in."),
        ("schedule", {"every": "hours", "hours": 3, "at": "09:30"},
         "Every 3 hours, counted from 09:30, everybody whom the filters let in."),
        ("schedule", {"every": "cron", "cron": "30 7 * * 1-5", "zone": "Europe/Paris"},
         "At 07:30 on Monday through Friday (Europe/Paris), everybody whom the filters let in."),
        ("broadcast", {}, "When it is activated, once, everybody whom the filters let in."),
        ("broadcast", {"at": "2026-12-24T18:00", "zone": "Europe/Paris"},
         "On 24 December 2026 at 18:00 (Europe/Paris), once, everybody whom the filters let in."),
    ],
)  # fmt: skip
def test_they_read_as_sentences_and_their_forms_give_them_back(kind, config, words):
    trigger = Trigger(kind=kind, config=config)
    assert trigger_in_words(trigger) == words
    of = TRIGGER_KINDS[kind]
    assert of.form and of.problems(trigger) == []
    shown = of.form.initial_from(settings_of(trigger))
    form = of.form({name: value for name, value in shown.items() if value is not None})
    assert form.is_valid(), form.errors
    assert from_settings(kind, form.config()) == trigger


EXAMPLE = "30 7 * * 1-5 (Monday to Friday at 07:30)"
FIVE = "Write a cron line of five parts: minute, hour, day of the month, month, weekday; such as "
WRONG_LINES = {  # what is said of each
    "": f"{FIVE}{EXAMPLE}.",
    "@daily": f"{FIVE}{EXAMPLE}.",
    "0 0 9 * * 1": f"{FIVE}{EXAMPLE}.",
    "61 9 * * *": f"The cron line’s minute cannot be read; write one such as {EXAMPLE}.",
    "0 9 * * \x00": f"The cron line’s day of week cannot be read; write one such as {EXAMPLE}.",
    "*/5 * * * *": "The cron line runs more often than once an hour; write one minute only, such as 0.",
    "0 0 */10 2 mon#5": "There is never such a day; change the cron line’s day of the month, month or weekday.",
    f"0 {'1,' * 60}1 * * *": "The cron line is longer than 100 characters; shorten it.",
}


@pytest.mark.parametrize(
    "kind, config, said",
    [
        ("schedule", {"every": "week", "at": "09:00"}, "Choose at least one day of the week."),
        ("schedule", {"every": "month", "day": 40, "at": "09:00"}, "Write a day of the month: 1 to 31."),
        (
            "schedule",
            {"every": "months", "at": "09:00"},
            "Choose at least one month, from 1 for January to 12 for December.",
        ),
        (
            "schedule",
            {"every": "months", "months": [0, 13]},
            "Choose at least one month, from 1 for January to 12 for December.",
        ),
        ("schedule", {"every": "hours", "hours": 0}, "Write every how many hours: 1, 2, 3, 4, 6, 8, 12."),
        ("schedule", {"every": "hours", "hours": 5}, "Write every how many hours: 1, 2, 3, 4, 6, 8, 12."),
        ("schedule", {"every": "often"}, "Choose how often people come in, on which days, and at what time."),
        *(("schedule", {"every": "cron", "cron": line}, said) for line, said in WRONG_LINES.items()),
        ("schedule", {"at": "25:00"}, "Write a time of day such as 09:00."),
        ("schedule", {"zone": "Mars/Olympus"}, "There is no such time zone; choose one such as Europe/Paris."),
        ("broadcast", {"segment": 99}, "This segment no longer exists; choose another one, or everybody."),
        ("broadcast", {"at": "tomorrow"}, "Write when it goes out: a date and a time of day."),
    ],
)
def test_what_is_wrong_is_told_in_a_sentence(kind, config, said):
    trigger = Trigger(kind=kind, config=config)
    assert TRIGGER_KINDS[kind].problems(trigger) == [said]
    assert trigger_in_words(trigger)  # also of a draft that is wrong


PART = st.text("0123456789*/,-L#WMONJAFSTUE \x00²٣", max_size=6)


@given(line=st.lists(PART, min_size=5, max_size=5).map(" ".join) | st.text(max_size=30))
def test_of_any_cron_line_it_is_said_what_it_means_or_what_is_wrong(line):
    schedule = Schedule(every="cron", cron=line)
    if fault := cron_lines.problem(line):
        assert fault.endswith(".") and cron_lines.in_words(line) == "As a cron line says"
    else:
        assert next_run(schedule, NOW, UTC) > NOW >= last_run(schedule, NOW, UTC) and cron_lines.in_words(line)


def test_the_form_asks_only_for_what_counts():
    form = TRIGGER_KINDS["schedule"].form
    assert form and not form({"every": "cron", "cron": "every day"}).is_valid()
    typed = {"every": "months", "months": ["1", "7"], "day": "", "at": "08:30", "cron": "nonsense", "days": ["mon"]}
    filled = form(typed)
    assert filled.is_valid(), filled.errors
    assert filled.config() == {"every": "months", "months": [1, 7], "day": 1, "at": "08:30"}
    for wrong, said in (
        ({"every": "months", "at": "09:00"}, {"months": ["Choose at least one month."]}),
        ({"every": "week", "at": "09:00"}, {"days": ["Choose at least one day of the week."]}),
        ({"every": "hours", "hours": "5", "at": "09:00"}, {"hours": ["Choose how many hours lie between two runs."]}),
        ({"every": "day", "at": ""}, {"at": ["Write a time of day such as 09:00."]}),
    ):
        assert form(wrong).errors == said


def test_beside_its_settings_stands_when_it_runs_next():
    kind, paris = TRIGGER_KINDS["schedule"], ZoneInfo("Europe/Paris")
    weekly = Trigger(kind="schedule", config={"every": "cron", "cron": "30 7 * * 1-5"})
    assert kind.example(weekly, at(2026, 3, 26, 12), paris) == (
        "The next runs: Fri 27 Mar 2026, 07:30; Mon 30 Mar 2026, 07:30; Tue 31 Mar 2026, 07:30 (Europe/Paris)."
    )
    late = Trigger(kind="broadcast", config={"at": "2026-03-01T09:00"})
    said = "That time has passed, so it goes out as soon as it is activated."
    assert TRIGGER_KINDS["broadcast"].example(late, NOW, paris) == said
