"""Sending, against a real database and a real, misbehaving mail server. How mails are claimed: test_claiming."""

import datetime as dt
from collections import Counter

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from campaigns import announcing, claiming, doors, lifecycle, sending
from campaigns.models import Message, MessageBody
from campaigns.rendering import message_id
from campaigns.tokens import message_of
from contacts import consent
from contacts.models import Address, ConsentRecord, Suppression, Tag
from events.models import Event
from ops.models import SiteSettings
from tests.factories import (
    HTML,
    NOW,
    CampaignFactory,
    ContactFactory,
    MessageFactory,
    TemplateFactory,
    TopicFactory,
    UserFactory,
    site,
)
from tests.smtp_server import FaultySmtpServer

pytestmark = pytest.mark.django_db
SECOND, HOUR, DAY = dt.timedelta(seconds=1), dt.timedelta(hours=1), dt.timedelta(days=1)


@pytest.fixture
def server(settings):
    settings.MAIL_CONNECTIONS = 1
    with FaultySmtpServer() as server:
        settings.EMAIL_URL = server.url
        yield server


def mailed(server):
    return sorted(mail.recipient for mail in server.accepted)


def sent(message, at=NOW):
    sending.send_due(at)
    message.refresh_from_db()
    return message


# --- What is sent -------------------------------------------------------------------------------------------


def test_a_mail_arrives_as_it_was_written(server):
    contact = ContactFactory(email="ann@example.com", attributes={"first_name": "Ann"})
    message = sent(MessageFactory(contact=contact))
    assert (message.state, message.outcome, message.due_at, message.sent_at) == ("sent", "sent", None, NOW)
    [mail] = server.accepted
    assert (mail.sender, mail.recipient) == ("ann@acme.example", "ann@example.com")
    assert (mail.message["From"], mail.message["To"]) == ("Ann of Acme <ann@acme.example>", "ann@example.com")
    assert mail.message["Message-ID"] == message.message_id == f"<{message.pk.hex}@acme.example>"
    html = mail.message.get_body(["html"]).get_content()
    assert "Hello Ann" in html and "1 Acme Street" in html and "https://shop.example.com" not in html
    assert "https://shop.example.com/start" in mail.message.get_body(["plain"]).get_content()
    assert server.violations == []


def test_what_was_said_is_kept(server):
    message = sent(MessageFactory(contact__attributes={"first_name": "Ann"}))
    body = MessageBody.objects.get()
    assert body.message == message and body.subject == "Getting started" and "Hello Ann" in body.html and body.text


def test_marketing_mail_has_one_click_unsubscribe_as_rfc_8058_has_it(server, settings):
    settings.PUBLIC_URL = "https://mail.acme.example"
    message = sent(MessageFactory())
    headers = server.accepted[0].message
    uri = headers["List-Unsubscribe"]
    assert uri.startswith("<https://mail.acme.example/u/") and uri.endswith(">") and uri.count("<") == 1
    assert message_of("unsubscribe", uri[1:-1].rpartition("/")[2]) == message.pk
    assert headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert headers.get("Auto-Submitted") is None
    assert uri[1:-1] in headers.get_body(["html"]).get_content()


def test_transactional_mail_offers_no_unsubscribing(server):
    MessageFactory(template__transactional=True, template__html="<p>Your receipt</p>")
    sending.send_due(NOW)
    headers = server.accepted[0].message
    assert headers["List-Unsubscribe"] is None and headers["List-Unsubscribe-Post"] is None
    assert headers["Auto-Submitted"] == "auto-generated"


def test_tags_and_the_event_reach_the_template(server):
    template = TemplateFactory(html="{{ contact.tags | join: '+' }} {{ event.plan }} {{ campaign.name }}" + HTML)
    message = MessageFactory(template=template, data={"event": {"plan": "pro"}}, campaign__name="Hello")
    for name in ("vip", "beta"):
        message.contact.tags.add(Tag.objects.create(name=name))
    sending.send_due(NOW)
    assert "beta+vip pro Hello" in server.accepted[0].message.get_body(["html"]).get_content()


@pytest.mark.parametrize(
    ("allowed", "site_tracks", "tracked"), [(None, True, 1), (None, False, 0), (False, True, 0), (True, False, 1)]
)
def test_who_agreed_to_no_tracking_gets_plain_links_and_no_pixel(server, allowed, site_tracks, tracked):
    message = MessageFactory()
    site(track_engagement=site_tracks)
    Address.objects.update(tracking_allowed=allowed)
    sent(message)
    html = server.accepted[0].message.get_body(["html"]).get_content()
    assert ("/c/" in html, "/o/" in html) == (bool(tracked), bool(tracked))
    assert ("https://shop.example.com/start" in html) is not bool(tracked)


def test_a_batch_goes_out_over_one_connection(server):
    MessageFactory.create_batch(30, campaign=CampaignFactory())
    assert sending.send_due(NOW) == 30
    assert len(set(mailed(server))) == 30 and server.connections == 1
    assert set(Message.objects.values_list("state", flat=True)) == {"sent"}
    assert sending.send_due(NOW) == 0


def test_the_number_of_queries_grows_by_the_marks_alone(server):
    """One marks a message, consent checked, and settles the one before. All others are the batch's."""
    campaign = CampaignFactory()
    MessageFactory.create_batch(1, campaign=campaign)
    sending.send_due(NOW)  # connects and compiles

    def queries(count):
        MessageFactory.create_batch(count, campaign=campaign)
        with CaptureQueriesContext(connection) as caught:
            assert sending.send_due(NOW) == count
        savepoint = ("SAVEPOINT", "RELEASE", "ROLLBACK")
        return [query["sql"] for query in caught if not query["sql"].startswith(savepoint)]

    few, many = queries(20), queries(200)
    assert len(many) - len(few) == 180
    assert len(few) - 21 <= 8  # the last one is settled by itself


# --- What is not sent: consent, lateness, faults of the template ------------------------------------------------


def unsubscribe(message):
    consent.unsubscribe(message.address_id, now=NOW, source="test")


def complain(message):
    consent.suppress(reason="complaint", now=NOW, address_id=message.address_id)


def forget_address(message):
    Message.objects.filter(pk=message.pk).update(address=None)


REFUSALS = {
    "unsubscribed": (unsubscribe, "marketing", "unsubscribed"),
    "complained": (complain, "marketing", "suppressed"),
    "complained, transactional": (complain, "transactional", "suppressed"),
    "complained, test": (complain, "test", "suppressed"),
    "no address": (forget_address, "marketing", "no_address"),
}


@pytest.mark.parametrize(("deed", "purpose", "outcome"), REFUSALS.values(), ids=list(REFUSALS))
def test_who_may_not_be_written_to_is_not(server, deed, purpose, outcome):
    message = MessageFactory(purpose=purpose)
    deed(message)
    sent(message)
    assert (message.state, message.outcome, message.due_at, message.settled_at) == ("not_sent", outcome, None, NOW)
    assert message.reason and server.accepted == [] and server.connections == 0


@pytest.mark.parametrize("purpose", ["transactional", "test"])
def test_unsubscribing_stops_marketing_only(server, purpose):
    message = MessageFactory(purpose=purpose)
    unsubscribe(message)
    assert sent(message).state == "sent"


def test_a_topic_that_needs_consent_is_not_written_about_without(server):
    topic = TopicFactory(basis="opt_in")
    without, agreed = MessageFactory(topic=topic), MessageFactory(topic=topic)
    consent.resubscribe(agreed.address_id, now=NOW, source="a form", topic=topic)
    sent(without), agreed.refresh_from_db()
    assert (without.state, without.outcome) == ("not_sent", "not_subscribed")
    assert agreed.state == "sent" and agreed.consent_record == ConsentRecord.objects.get()


def hand_over(server, meanwhile):
    """Send what is due, with `meanwhile(message)` just before the mark of each: the mail is there but for its dot."""
    work = sending.Batch(claiming.claim(NOW, 10), sending.transport_from(server.url), NOW)
    mark = work._mark
    work._mark = lambda message, results: (meanwhile(message), mark(message, results))[1]
    work.send()


def test_unsubscribing_between_the_claim_and_the_dot_is_heeded(server):
    messages = MessageFactory.create_batch(3, campaign=CampaignFactory())
    hand_over(server, lambda message: message.pk == messages[1].pk and unsubscribe(message))
    [message.refresh_from_db() for message in messages]
    assert [message.state for message in messages] == ["sent", "not_sent", "sent"]
    assert messages[1].outcome == "unsubscribed" and messages[1].address.email not in mailed(server)
    assert len(server.accepted) == 2


def test_too_late_is_not_sent(server):
    message = MessageFactory(lateness=HOUR)
    sent(message, NOW + 2 * HOUR)
    assert (message.state, message.outcome) == ("not_sent", "stale") and server.accepted == []


def test_a_held_mailbox_waits(server):
    message = MessageFactory(lateness=2 * DAY)
    Address.objects.update(held_until=NOW + DAY)
    sent(message)
    assert (message.state, message.due_at, message.deferrals) == ("queued", NOW + DAY, 0)
    assert sent(message, NOW + DAY).state == "sent"


def test_a_mailbox_held_for_longer_than_the_mail_may_wait_ends_it(server):
    message = MessageFactory(lateness=HOUR)
    Address.objects.update(held_until=NOW + DAY)
    assert (sent(message).state, message.outcome) == ("not_sent", "bounced")


NO_NAME = "<p>{{ contact.first_name }}</p>" + HTML
UNWRITTEN = {
    "a missing value": ({"html": NO_NAME}, "render_failed", "first_name"),
    "a missing value, to be skipped": ({"html": NO_NAME, "on_missing": "skip"}, "skipped", "first_name"),
    "abort": ({"html": '{% abort "no cart any more" %}' + HTML}, "skipped", "no cart any more"),
}


@pytest.mark.parametrize(("template", "outcome", "why"), UNWRITTEN.values(), ids=list(UNWRITTEN))
def test_a_mail_that_cannot_be_written_leaves_the_others_alone(server, template, outcome, why):
    campaign = CampaignFactory()
    before, bad, after = (
        MessageFactory(campaign=campaign, template=TemplateFactory(**fields)) for fields in ({}, template, {})
    )
    sending.send_due(NOW)
    bad.refresh_from_db()
    assert (bad.state, bad.outcome) == ("not_sent", outcome) and why in bad.reason
    assert mailed(server) == sorted([before.address.email, after.address.email])
    assert not hasattr(bad, "body")


def test_a_missing_value_may_be_left_blank(server):
    assert sent(MessageFactory(template__html=NO_NAME, template__on_missing="blank")).state == "sent"


def test_a_batch_of_nothing_but_unwritable_mails_is_settled_whole(server):
    messages = MessageFactory.create_batch(5, campaign=CampaignFactory(), template__html=NO_NAME)
    sending.send_due(NOW)
    assert Counter(Message.objects.values_list("outcome", flat=True)) == {"render_failed": len(messages)}


def test_mails_of_a_paused_campaign_wait(server):
    message = MessageFactory()
    lifecycle.pause(message.campaign, UserFactory(), NOW)
    assert sent(message).state == "queued"
    lifecycle.resume(message.campaign, UserFactory(), NOW)
    assert sent(message).state == "sent"


def test_pausing_stops_what_is_in_hand(server):
    """Up to the mark nothing is lost by waiting: the mails go out when the campaign goes on."""
    campaign = CampaignFactory()
    MessageFactory.create_batch(3, campaign=campaign)
    hand_over(server, lambda message: server.accepted and pause_once(campaign))
    assert Counter(Message.objects.values_list("state", flat=True)) == {"sent": 1, "queued": 2}
    assert sending.send_due(NOW) == 0
    lifecycle.resume(campaign, UserFactory(), NOW)
    assert sending.send_due(NOW) == 2 and len(set(mailed(server))) == len(server.accepted) == 3


def pause_once(campaign):
    campaign.refresh_from_db()
    if campaign.state == "active":
        lifecycle.pause(campaign, UserFactory(), NOW)


# --- What the server says -------------------------------------------------------------------------------------------

ANSWERS = {
    # verb, answer → state, outcome, due in
    "accepted": ("DOT", {}, "sent", "sent", None),
    "try later": ("RCPT", {"reply": "451 4.3.0 busy"}, "queued", "", 30 * SECOND),
    "greylisted": ("RCPT", {"reply": "450 4.7.1 come back"}, "queued", "", 30 * SECOND),
    "later, after the body": ("DOT", {"reply": "452 4.3.1 no room"}, "queued", "", 30 * SECOND),
    "closing": ("MAIL", {"reply": "421 4.3.2 closing"}, "queued", "", 30 * SECOND),
    "dropped before the dot": ("BODY", {"drop": True}, "queued", "", 30 * SECOND),
    "full for now": ("RCPT", {"reply": "452 4.2.2 full"}, "queued", "", DAY),
    "full": ("RCPT", {"reply": "552 5.2.2 full"}, "queued", "", DAY),
    "no such user": ("RCPT", {"reply": "550 5.1.1 unknown"}, "not_sent", "bounced", None),
    "policy": ("RCPT", {"reply": "550 5.7.1 blocked"}, "not_sent", "refused", None),
    "bad content": ("DOT", {"reply": "554 5.6.0 no"}, "not_sent", "refused", None),
    "dropped after the dot": ("DOT", {"drop": True, "accept": True}, "unknown", "unknown", None),
    "log in first": ("MAIL", {"reply": "530 5.7.0 log in"}, "queued", "", 60 * SECOND),
}


@pytest.mark.parametrize(("verb", "rule", "state", "outcome", "due"), ANSWERS.values(), ids=list(ANSWERS))
def test_each_answer_ends_in_its_state(server, verb, rule, state, outcome, due):
    server.on(verb, **rule)
    message = sent(MessageFactory())
    assert (message.state, message.outcome) == (state, outcome)
    assert message.due_at == (due and NOW + due) and message.lease_until is None
    assert bool(message.settled_at) is (state != "queued") and (message.reason or state == "sent")
    assert bool(Suppression.objects.count()) is (outcome == "bounced")
    message.campaign.refresh_from_db()
    assert (message.campaign.state == "paused") is (rule.get("reply", "").startswith("550 5.7.1"))
    assert bool(SiteSettings.get().sending_stopped_at) is rule.get("reply", "").startswith("530")


def test_a_later_that_passes_is_sent_in_the_end(server):
    server.greylist()
    message = sent(MessageFactory())
    assert message.state == "queued" and message.deferrals == 1
    assert sent(message, NOW + 29 * SECOND).state == "queued"
    assert sent(message, NOW + 30 * SECOND).state == "sent"


def test_later_and_later_backs_off_and_ends_after_three_days(server):
    server.on("RCPT", reply="451 4.3.0 busy")
    message, waits, at = MessageFactory(), [], NOW
    while sent(message, at).state == "queued":
        waits.append(message.due_at - at)
        at = message.due_at
    assert waits[:4] == [30 * SECOND, 60 * SECOND, 120 * SECOND, 240 * SECOND]
    assert max(waits) == 4 * HOUR and 2 * DAY < at - NOW <= 3 * DAY and len(waits) < 40
    assert (message.state, message.outcome) == ("not_sent", "refused") and "3 days" in message.reason


def test_later_than_it_may_be_is_never(server):
    server.on("RCPT", reply="452 4.2.2 full")
    message = sent(MessageFactory(lateness=HOUR))
    assert (message.state, message.outcome) == ("not_sent", "bounced")


def test_a_hard_bounce_suppresses_the_address_for_every_mail(server):
    server.on("RCPT", reply="550 5.1.1 unknown", times=1)
    bounced = sent(MessageFactory(contact__email="gone@example.org"))
    row = Suppression.objects.get()
    assert row.reason == "bounce" and "550 5.1.1" in row.detail and "550 5.1.1" in bounced.reason
    receipt = sent(MessageFactory(contact__email="gone@example.org", template__transactional=True))
    assert (receipt.state, receipt.outcome) == ("not_sent", "suppressed")


def test_a_full_mailbox_holds_the_address_and_five_in_a_row_are_final(server):
    server.on("RCPT", reply="452 4.2.2 full")
    message, at = MessageFactory(), NOW
    for bounces in range(1, 5):
        sent(message, at)
        address = Address.objects.get()
        assert (message.state, address.soft_bounces, address.held_until) == ("queued", bounces, at + DAY)
        at = message.due_at
    assert sent(message, at).state in ("queued", "not_sent")
    assert (message.state, message.outcome) == ("not_sent", "bounced") and Suppression.objects.exists()


def test_a_mail_that_arrives_ends_the_row_of_soft_bounces(server):
    message = MessageFactory()
    Address.objects.update(soft_bounces=4)
    sent(message)
    assert Address.objects.get().soft_bounces == 0


def test_a_policy_refusal_pauses_the_campaign_and_says_why(server):
    server.on("RCPT", reply="550 5.7.1 your domain is blocked here")
    message = sent(MessageFactory())
    message.campaign.refresh_from_db()
    assert message.campaign.state == "paused" and "your domain is blocked here" in message.campaign.stopped_because
    assert not Suppression.objects.exists()


def test_a_policy_refusal_of_mail_without_a_campaign_is_no_error(server):
    site()
    server.on("RCPT", reply="550 5.7.1 blocked")
    assert sent(MessageFactory(campaign=None)).outcome == "refused"


def test_a_refused_log_in_stops_all_mail_until_a_person_lets_it_go_on(server):
    rule = server.on("MAIL", reply="535 5.7.8 wrong password")
    messages = MessageFactory.create_batch(3, campaign=CampaignFactory())
    sending.send_due(NOW)
    stopped = SiteSettings.get()
    assert stopped.sending_stopped_at == NOW and "535" in stopped.sending_stopped_because
    assert set(Message.objects.values_list("state", flat=True)) == {"queued"}
    server.rules.remove(rule)
    assert sending.send_due(NOW + HOUR) == 0
    stopped.allow_sending()
    assert sending.send_due(NOW + HOUR) == 3 and len(mailed(server)) == len(messages)


def test_a_server_that_is_down_puts_everything_off(settings):
    settings.MAIL_CONNECTIONS = 1
    with FaultySmtpServer() as gone:
        settings.EMAIL_URL = gone.url
    MessageFactory.create_batch(4, campaign=CampaignFactory())
    sending.send_due(NOW)
    assert set(Message.objects.values_list("state", "due_at", "attempts")) == {("queued", NOW + 30 * SECOND, 0)}
    assert "refused the connection" in Message.objects.first().reason


def test_one_bad_answer_among_many_touches_only_its_own(server):
    batch = MessageFactory.create_batch(6, campaign=CampaignFactory())
    gone, full, busy = (message.address.email for message in batch[1:4])
    server.on("RCPT", reply="550 5.1.1 unknown", when=lambda n, line: gone in line)
    server.on("RCPT", reply="452 4.2.2 full", when=lambda n, line: full in line)
    server.on("RCPT", reply="451 4.3.0 busy", when=lambda n, line: busy in line)
    sending.send_due(NOW)
    states = dict(Message.objects.values_list("pk", "state"))
    assert [states[message.pk] for message in batch] == ["sent", "not_sent", "queued", "queued", "sent", "sent"]
    assert len(mailed(server)) == len(set(mailed(server))) == 3 and Suppression.objects.count() == 1
    assert server.violations == []


def test_an_unknown_marketing_mail_is_never_sent_again(server):
    server.on("DOT", drop=True, accept=True, times=1)
    message = sent(MessageFactory())
    assert message.state == "unknown" and message.due_at is None and "may or may not" in message.reason
    assert sent(message, NOW + DAY).state == "unknown" and len(server.accepted) == 1
    assert MessageBody.objects.filter(message=message).exists()


def test_an_unknown_transactional_mail_is_sent_once_more_under_the_same_id(server):
    server.on("DOT", drop=True, accept=True, times=2)
    message = MessageFactory(template__transactional=True)
    assert sent(message).state == "queued" and message.resent
    site(sender_email="other@elsewhere.example")
    assert sent(message, NOW + HOUR).state == "unknown"
    assert sent(message, NOW + DAY).state == "unknown"
    assert [mail.message["Message-ID"] for mail in server.accepted] == [message.message_id] * 2


def test_a_mail_that_no_server_could_take_is_its_own_fault_alone(server):
    before, bad, after = MessageFactory.create_batch(3, campaign=CampaignFactory())
    Address.objects.filter(pk=bad.address_id).update(email="bad address@example.org")
    sending.send_due(NOW)
    bad.refresh_from_db()
    assert (bad.state, bad.outcome) == ("not_sent", "refused") and "e-mail address" in bad.reason
    assert mailed(server) == sorted([before.address.email, after.address.email])


# --- Telling of it --------------------------------------------------------------------------------------------------


@pytest.fixture
def heard(monkeypatch):
    calls = []
    monkeypatch.setitem(doors.on_settled._items, "test", lambda messages, now: calls.append((list(messages), now)))
    return calls


def test_what_was_settled_is_announced_once(server, heard):
    good, bad = MessageFactory.create_batch(2, campaign=CampaignFactory())
    server.on("RCPT", reply="550 5.1.1 unknown", when=lambda n, line: bad.address.email in line)
    sending.send_due(NOW)
    assert announcing.is_due(NOW) and announcing.announce(NOW + SECOND) == 2
    assert not announcing.is_due(NOW) and announcing.announce(NOW + SECOND) == 0
    [(messages, at)] = heard
    assert {message.pk for message in messages} == {good.pk, bad.pk} and at == NOW + SECOND
    [event] = Event.objects.filter(type="email.sent")
    assert event.contact_id == good.contact_id and event.occurred_at == NOW and event.hops == 1
    assert event.properties["message"] == str(good.pk) and event.properties["campaign"] == good.campaign_id
    assert Event.objects.get(type="email.bounced").contact_id == bad.contact_id


def test_tests_are_settled_without_an_event(server, heard):
    MessageFactory(purpose="test", campaign=None)
    sending.send_due(NOW)
    assert announcing.announce(NOW) == 1 and len(heard) == 1 and not Event.objects.exists()


def test_a_listener_that_fails_leaves_everything_to_be_announced_again(server, monkeypatch):
    MessageFactory()
    sending.send_due(NOW)

    def fail(messages, now):
        raise RuntimeError

    with monkeypatch.context() as patch:
        patch.setitem(doors.on_settled._items, "test", fail)
        with pytest.raises(RuntimeError):
            announcing.announce(NOW)
    assert not Event.objects.exists()
    assert announcing.announce(NOW) == 1 and Event.objects.count() == 1


def test_announcing_costs_the_same_for_many(server):
    campaign = CampaignFactory()

    def queries(count):
        MessageFactory.create_batch(count, campaign=campaign)
        sending.send_due(NOW)
        with CaptureQueriesContext(connection) as caught:
            assert announcing.announce(NOW) == count
        return len(caught)

    queries(1)
    assert queries(40) <= queries(2) + 1


def test_the_message_id_names_the_row_and_the_sender():
    message = MessageFactory()
    assert message_id(message, site(sender_email="a@bücher.example")) == f"<{message.pk.hex}@xn--bcher-kva.example>"
