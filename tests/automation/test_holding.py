"""Send windows and quiet hours: who would be mailed at another time is held before the mail exists, or goes without."""

from datetime import UTC, datetime, timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.test.utils import CaptureQueriesContext

from automation.advancing import advance
from automation.models import Enrollment, Visit
from campaigns import checking, lifecycle
from campaigns.document import Document, StepDoc, Trigger, Watch
from campaigns.models import Message
from contacts.models import Contact
from events import pipeline
from tests import engine
from tests.factories import NOW, TemplateFactory, site

pytestmark = pytest.mark.django_db
SECOND, HOUR, DAY = timedelta(seconds=1), timedelta(hours=1), timedelta(days=1)
QUARTER = timedelta(minutes=15)
OFFICE = {"days": ["mon", "tue", "wed", "thu", "fri"], "from": "09:00", "to": "18:00"}
EVENING = datetime(2026, 3, 6, 19, tzinfo=UTC)  # a Friday
MONDAY = datetime(2026, 3, 9, 8, tzinfo=UTC)  # 9 o'clock in Berlin


def campaign(step_window=None, transactional=False, **more):
    """A mail to whoever signs up, in the site's time zone: Berlin's."""
    template = TemplateFactory(subject="Hello", transactional=transactional)
    config = {"template": template.pk, **({"window": step_window} if step_window else {})}
    steps = [StepDoc(uid="mail", kind="email", config=config, next={"done": None})]
    document = Document(name="Welcome", triggers=[Trigger(event="users.signed_up")], steps=steps, **more)
    site(timezone="Europe/Berlin")
    return lifecycle.activate(lifecycle.create(document, None, NOW), None, NOW)


def signs_up(track, at=EVENING, user="ann", **traits):
    track(at, user, "users.signed_up", traits={"email": f"{user}@example.com", **traits})


def whom(inbox):
    return [mail.recipient.partition("@")[0] for mail in inbox.accepted]


def test_a_mail_waits_for_the_window_and_does_not_exist_before(inbox, track):
    campaign(window=OFFICE)
    signs_up(track)
    row, visit = Enrollment.objects.get(), Visit.objects.get()
    assert row.state == "active" and MONDAY <= row.due_at < MONDAY + QUARTER
    assert not Message.objects.exists()
    assert visit.explanation.startswith("Held until Mon 9 Mar 2026, 09:")
    assert visit.explanation.endswith("(Europe/Berlin): the send window is Monday to Friday, 09:00 to 18:00.")
    engine.run(MONDAY - SECOND)
    assert whom(inbox) == []
    engine.run(MONDAY + QUARTER)
    assert whom(inbox) == ["ann"]
    visit.refresh_from_db()
    assert visit.arm == "sent" and "the send window is" in visit.facts["held_because"]
    assert Message.objects.get().stale_after == row.due_at + DAY


def test_a_mail_within_the_window_goes_at_once(inbox, track):
    campaign(window=OFFICE)
    signs_up(track, at=MONDAY)
    assert whom(inbox) == ["ann"]


def test_the_window_is_that_of_the_contact_s_clock(inbox, track):
    campaign(window=OFFICE)
    signs_up(track, at=MONDAY, user="ann", timezone="America/New_York")
    signs_up(track, at=MONDAY, user="ben", timezone="Asia/Kathmandu")
    assert whom(inbox) == ["ben"]
    assert Visit.objects.first().explanation.startswith("Held until Mon 9 Mar 2026, 09:")
    engine.run(MONDAY + 5 * HOUR + QUARTER)
    assert whom(inbox) == ["ben", "ann"]


def test_a_window_may_end_after_midnight(inbox, track):
    campaign(window={"from": "20:00", "to": "02:00"})
    signs_up(track, at=datetime(2026, 3, 6, 0, 59, tzinfo=UTC), user="ann")
    signs_up(track, at=datetime(2026, 3, 6, 1, 0, tzinfo=UTC), user="ben")
    assert whom(inbox) == ["ann"]
    engine.run(datetime(2026, 3, 6, 19, 15, tzinfo=UTC))
    assert whom(inbox) == ["ann", "ben"]


def test_outside_of_the_window_a_mail_may_be_left_out_and_they_go_on(inbox, track):
    campaign(window=OFFICE | {"outside": "cancel"})
    signs_up(track)
    engine.run(EVENING + 4 * DAY)
    visit = Visit.objects.get()
    assert whom(inbox) == [] and visit.arm == "outside_window"
    assert visit.explanation == "Not sent: the send window is Monday to Friday, 09:00 to 18:00."
    assert Enrollment.objects.get().state == "finished"


def test_a_mail_with_a_window_of_its_own_heeds_no_other_one(inbox, track):
    campaign(window=OFFICE, step_window={"days": ["sat"]})
    signs_up(track)
    engine.run(EVENING + 5 * HOUR)
    assert whom(inbox) == ["ann"]


def test_quiet_hours_of_the_site_hold_marketing_but_no_receipts(inbox, track):
    campaign()
    campaign(transactional=True)
    site(quiet_from="21:00", quiet_to="08:00")
    night = datetime(2026, 3, 6, 22, tzinfo=UTC)
    signs_up(track, at=night)
    assert len(inbox.accepted) == 1
    held = Visit.objects.get(left_at=None).explanation
    assert held.endswith("nothing is sent in the quiet hours, 21:00 to 08:00.")
    engine.run(night + 9 * HOUR + QUARTER)
    assert len(inbox.accepted) == 2


def test_quiet_hours_and_window_both_count_and_where_they_leave_no_time_nothing_is_sent(inbox, track):
    campaign(window={"from": "07:00", "to": "09:00"})
    site(quiet_from="21:00", quiet_to="08:30")
    signs_up(track)
    saturday = datetime(2026, 3, 7, 7, 30, tzinfo=UTC)
    assert saturday <= Enrollment.objects.get().due_at < saturday + QUARTER
    site(quiet_from="21:00", quiet_to="10:00")
    engine.run(saturday + QUARTER)
    visit = Visit.objects.get()
    assert whom(inbox) == [] and visit.arm == "outside_window" and visit.explanation.endswith("leaves no time to send.")


def test_quiet_hours_may_leave_mails_out(inbox, track):
    campaign()
    site(quiet_from="18:00", quiet_to="08:00", quiet_cancels=True)
    signs_up(track)
    assert Visit.objects.get().arm == "outside_window" and not Message.objects.exists()


def test_after_a_hold_everything_is_looked_at_again(inbox, track):
    plan = {"field": "contact.plan", "op": "is", "value": "free"}
    gone = [Watch(uid="left", name="Cancelled", event="subscription.cancelled")]
    campaign(window=OFFICE, audience=plan, keep_matching=True, exits=gone)
    for user in ("ann", "ben", "cem", "dora"):
        signs_up(track, user=user, plan="free")
    Contact.objects.filter(address__email="ben@example.com").update(attributes={"plan": "pro"})
    track(EVENING + DAY, "cem", "subscription.cancelled")
    dora = Contact.objects.get(address__email="dora@example.com")
    dora.address.unsubscribed_at = EVENING + DAY
    dora.address.save()
    engine.run(MONDAY + QUARTER)
    assert whom(inbox) == ["ann"]
    reasons = dict(Enrollment.objects.values_list("contact__address__email", "reason"))
    assert reasons["ben@example.com"] == "stopped_matching" and reasons["cem@example.com"] == "exit"
    assert Message.objects.get(contact=dora).outcome == Message.Outcome.UNSUBSCRIBED


def test_releases_are_spread_over_a_quarter_of_an_hour_in_as_many_queries_for_many(inbox, track):
    campaign(window=OFFICE)
    spent = []
    signs_up(track)  # what is read once and kept
    for people in (1, 60):
        for number in range(people):
            track(EVENING, f"p{people}n{number}", "users.signed_up", run=False)
        while pipeline.drain(EVENING):
            pass
        with CaptureQueriesContext(connection) as captured:
            assert advance(EVENING) == people
        spent.append(len(captured))
    assert spent[0] == spent[1]
    due = sorted(Enrollment.objects.values_list("due_at", flat=True))
    assert MONDAY <= due[0] < MONDAY + QUARTER / 5 and MONDAY + QUARTER * 4 / 5 < due[-1] < MONDAY + QUARTER
    assert len(set(due)) == 62


def test_a_window_that_is_wrong_keeps_a_draft_from_being_published():
    found = checking.problems(Document(name="x", window={"from": "9"}))
    assert [problem.sentence for problem in found if problem.place == "window"] == [
        "Send window: write when it opens, such as 09:00.",
        "Send window: write when it closes, such as 09:00.",
    ]


@pytest.mark.parametrize(
    "hours", [{"quiet_from": "21:00"}, {"quiet_to": "08:00"}, {"quiet_from": "8:00", "quiet_to": "08:00"}]
)
def test_quiet_hours_need_a_beginning_and_another_end(hours):
    settings = site()
    for name, value in hours.items():
        setattr(settings, name, value)
    with pytest.raises(ValidationError, match="Quiet hours"):
        settings.full_clean()
