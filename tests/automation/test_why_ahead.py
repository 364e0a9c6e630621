"""*Why?*, before anything happened: what would keep somebody out, hold their mail or stop it, as things stand now."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from automation import holdouts, whying
from automation.fuse_models import Fuse
from automation.models import Enrollment, SiteAssignment
from automation.why_checks import Check
from campaigns.compiling import DEFAULT_FOOTER_HTML
from campaigns.document import Reentry, Trigger
from campaigns.models import FrequencyCap
from contacts import consent
from contacts.models import Contact
from segments.models import Segment
from tests import engine
from tests.automation.flows import flow, happens, mail, segment_of, step, wait
from tests.factories import NOW, ContactFactory, MessageFactory, TemplateFactory, TopicFactory, site

pytestmark = pytest.mark.django_db
PRO = {"field": "contact.plan", "op": "is", "value": "pro"}
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
MORNING = datetime(2026, 3, 2, 6, tzinfo=UTC)


def said(checks: list[Check], what: str) -> list[tuple[bool | None, bool, str]]:
    return [(check.holds, check.waits, check.sentence) for check in checks if check.what == what]


def ann(timezone: str = "", **attributes) -> Contact:
    return ContactFactory(attributes=attributes, timezone=timezone)


def test_a_send_window_that_is_closed_says_when_it_opens_where_they_are():
    window = {"from": "09:00", "to": "18:00", "outside": "hold"}
    campaign = flow(mail("a"), window=window)
    found = whying.about(campaign, ann(timezone="Asia/Kathmandu"), NOW).ahead
    assert said(found, "Send window") == [
        (True, False, "The send window is 09:00 to 18:00; where they are it is Mon 14:45, so a mail may go out.")
    ]
    ((holds, waits, words),) = said(whying.about(campaign, ann(timezone="America/New_York"), NOW).ahead, "Send window")
    assert holds is None and waits
    assert "it is Mon 04:00, so a mail that is due now waits until Mon 2 Mar 2026, 09:00 (America/New_York)" in words


def test_a_window_outside_of_which_nothing_is_sent_and_quiet_hours():
    site(quiet_from="22:00", quiet_to="07:00")
    window = {"from": "09:00", "to": "18:00", "outside": "cancel"}
    found = whying.about(flow(mail("a"), window=window), ann(), MORNING).ahead
    assert said(found, "Send window")[0][0] is False
    ((holds, waits, words),) = said(found, "Quiet hours")
    assert (holds, waits) == (None, True) and "22:00 to 07:00" in words and "waits until Mon 2 Mar 2026, 07:00" in words
    receipt = TemplateFactory(transactional=True)
    transactional = flow(step("r", "email", {"template": receipt.pk}), name="Receipt")
    assert not said(whying.about(transactional, ann(), MORNING).ahead, "Quiet hours")


@pytest.mark.parametrize(
    ("ago", "kind", "words"),
    [
        (10 * DAY, (True, False), "0 went out in that time. A place is free."),
        (6 * DAY + 20 * HOUR, (None, True), "They would wait for a place until"),
        (DAY, (False, False), "and nothing waits over 1 day"),
    ],
)
def test_a_frequency_limit_tells_what_was_sent_and_when_a_place_is_free(ago, kind, words):
    FrequencyCap.objects.create(most=1, amount=1, unit="weeks")
    contact, campaign = ann(), flow(mail("a"))
    message = MessageFactory(contact=contact)
    type(message).objects.update(sent_at=NOW - ago)
    ((holds, waits, sentence),) = said(whying.about(campaign, contact, NOW).ahead, "Frequency limit")
    assert (holds, waits) == kind and words in sentence and "1 mail in 7 days" in sentence
    contact.is_test = True
    assert said(whying.about(campaign, contact, NOW).ahead, "Frequency limits")[0][0] is True


def test_a_gate_says_how_many_are_inside_and_whether_they_would_queue():
    campaign = flow(step("g", "gate", {"places": 2}, "w"), wait("w", 5))
    happens(["u1"])
    engine.run(NOW)
    assert said(whying.about(campaign, ann(), NOW).ahead, "Gate") == [
        (True, False, "At most 2 at once: 1 inside, 0 waiting. They would get a place at once.")
    ]
    happens(["u2", "u3"])
    engine.run(NOW)
    assert said(whying.about(campaign, ann(), NOW).ahead, "Gate") == [
        (None, True, "At most 2 at once: 2 inside, 1 waiting. They would queue.")
    ]


def test_who_would_be_held_out_by_chance_is_told_before_and_so_it_comes():
    site(holdout=15)
    campaign = flow(wait("a", 1), holdout=50, reentry=Reentry(mode="every_time"))
    happens([f"u{n}" for n in range(20)], "page.viewed")
    engine.run(NOW)
    people = {contact: whying.about(campaign, contact, NOW) for contact in Contact.objects.all()}
    assert not SiteAssignment.objects.exists(), "looking draws nothing"
    foretold = {pk.pk: [holds for holds, *_ in said(answer.checks, "Holdout")] for pk, answer in people.items()}
    happens([f"u{n}" for n in range(20)])
    engine.run(NOW)
    for row in Enrollment.objects.all():
        assert (row.arm == "holdout") == (False in foretold[row.contact_id])
    assert {False, True} <= {holds for found in foretold.values() for holds in found}


def test_what_sends_only_receipts_holds_nobody_out():
    site(holdout=15)
    receipt = TemplateFactory(transactional=True)
    campaign = flow(step("r", "email", {"template": receipt.pk}), holdout=50)
    assert said(whying.about(campaign, ann(), NOW).checks, "Holdout")[0][0] is True
    assert holdouts.held_by_site(0, 1) is False


def test_marketing_and_transactional_mail_ahead_are_told_apart():
    topic = TopicFactory(name="Tips")
    receipt = TemplateFactory(name="Receipt", transactional=True)
    campaign = flow(mail("a", then="r"), step("r", "email", {"template": receipt.pk}), topic=topic.key)
    contact = ann()
    consent.unsubscribe(contact.address_id, now=NOW, source="test", topic=topic)
    marketing, transactional = said(whying.about(campaign, contact, NOW).ahead, "Mail")
    assert marketing[0] is False and "no marketing mail about “Tips”" in marketing[2]
    assert transactional == (True, False, "They may be mailed: “Receipt”.")
    consent.suppress(reason="bounce", now=NOW, address_id=contact.address_id)
    assert [holds for holds, *_ in said(whying.about(campaign, contact, NOW).ahead, "Mail")] == [False, False]


@pytest.mark.parametrize("name", ["", "Ann"])
def test_a_mail_that_could_not_be_written_for_them_says_so(name):
    html = "<p>{{ contact.first_name }}</p>" + DEFAULT_FOOTER_HTML
    of_event = "<p>{{ event.total }}</p>" + DEFAULT_FOOTER_HTML
    mails = [TemplateFactory(name="By name", html=html), TemplateFactory(name="By event", html=of_event)]
    campaign = flow(*(step(f"m{n}", "email", {"template": one.pk}) for n, one in enumerate(mails)))
    contact = ann(**({"first_name": name} if name else {}))
    found = [words for holds, _, words in said(whying.about(campaign, contact, NOW).ahead, "Mail") if holds is False]
    assert [words.startswith("“By name”: ") and "first_name" in words for words in found] == ([] if name else [True])


def test_who_is_inside_is_told_of_what_still_lies_ahead_only():
    hello = mail("a", "First mail", "w")
    tips = mail("b", "Second mail")
    tips.only_if = PRO
    campaign = flow(hello, wait("w", 1, "b"), tips)
    happens(["ann"])
    engine.run(NOW)
    row = Enrollment.objects.get()
    Enrollment.objects.update(state="active", step_uid="w", due_at=NOW + DAY)
    found = whying.about(campaign, row.contact, NOW)
    assert found.inside and len(said(found.ahead, "Mail")) == 1
    names = said(found.ahead, "Mail")[0][2]
    assert names.count("“") == 1
    ((holds, _, words),) = said(found.ahead, "Step")
    assert holds is False and "they would skip it" in words


def test_who_did_it_before_the_campaign_was_activated_is_told_so():
    happens(["ann"], now=NOW - DAY)
    engine.run(NOW)
    campaign = flow(wait("a", 1))
    found = whying.about(campaign, Contact.objects.get(), NOW + HOUR)
    assert not found.would_enter
    assert "that was before the campaign was activated" in said(found.checks, "Who enters")[0][2]


def test_one_of_several_ways_in_is_enough():
    triggers = [Trigger(event="users.signed_up"), Trigger(event="order.completed"), Trigger(kind="api", filter=PRO)]
    campaign = flow(wait("a", 1), triggers=triggers)
    contact = ann(plan="free")
    found = whying.about(campaign, contact, NOW)
    assert [holds for holds, *_ in said(found.checks, "Or")] == [False, False] and not found.would_enter
    Contact.objects.update(attributes={"plan": "pro"})
    contact.refresh_from_db()
    found = whying.about(campaign, contact, NOW)
    assert said(found.checks, "Or")[1][0] is None and found.would_enter
    assert found.in_words == "nothing would keep them out, once something lets them in"


@pytest.mark.parametrize("inside", [True, False])
def test_a_schedule_says_its_next_time_and_whether_they_are_in_its_segment(inside):
    segment = segment_of("Pros", PRO)
    trigger = Trigger(kind="schedule", config={"every": "day", "at": "09:00", "segment": segment.pk})
    campaign = flow(wait("a", 1), triggers=[trigger])
    happens(["ann"], "page.viewed")
    if inside:
        Contact.objects.update(attributes={"plan": "pro"})
        engine.run(NOW)
        Segment.objects.get().memberships.get_or_create(contact=Contact.objects.get(), defaults={"entered_at": NOW})
    engine.run(NOW)
    ((holds, _, words),) = said(whying.about(campaign, Contact.objects.get(), NOW).checks, "Who enters")
    assert holds is inside and "the next time is Tue 3 Mar 2026, 09:00" in words
    assert ("They are not in that segment." in words) is not inside


def test_a_date_says_the_next_day_for_them():
    config = {"field": "contact.birthday", "offset": 0, "at": "09:00", "anniversary": True}
    campaign = flow(wait("a", 1), triggers=[Trigger(kind="date", config=config)])
    engine.run(NOW)
    contact = ann()
    assert "they have no such date." in said(whying.about(campaign, contact, NOW).checks, "Who enters")[0][2]
    Contact.objects.update(attributes={"birthday": "soon"})
    assert (
        "“soon”, which they have, is no date." in said(whying.about(campaign, contact, NOW).checks, "Who enters")[0][2]
    )


def test_a_mail_that_is_stopped_for_everybody_is_told():
    site(sending_stopped_at=NOW)
    found = whying.about(flow(mail("a")), ann(), NOW).ahead
    assert said(found, "Sending")[0][1] is True


def test_a_mail_that_the_fuse_holds_is_told():
    campaign = flow(mail("a"))
    Fuse.objects.create(campaign=campaign, step_uid="a", blown_at=NOW, cause="many", mailed=5000, best=12)
    assert (
        "is held until a person lets it go on: this step mailed 5,000 people today"
        in (said(whying.about(campaign, ann(), NOW).ahead, "Fuse")[0][2])
    )


def test_looking_asks_as_often_for_ten_mails_and_limits_as_for_one():
    contact = ann()

    def queries(count: int) -> int:
        uids = [f"m{n}" for n in range(count)]
        after = dict(zip(uids, [*uids[1:], None], strict=True))
        campaign = flow(*(mail(uid, then=after[uid]) for uid in uids), name=f"Of {count}")
        for number in range(count):
            FrequencyCap.objects.get_or_create(most=5, amount=number + 1, unit="days")
        whying.about(campaign, contact, NOW)
        with CaptureQueriesContext(connection) as found:
            whying.about(campaign, contact, NOW)
        return len(found)

    assert queries(1) == queries(10)
