import datetime as dt
import threading

import pytest
from django.db import connection
from django.test import Client

from campaigns.models import Message, TrackingHit
from campaigns.tokens import token
from contacts.models import Address
from events.models import Event
from tests.factories import HTML, NOW, ContactFactory, MessageFactory, TemplateFactory, site

pytestmark = pytest.mark.django_db

SENT = NOW
LATER = NOW + dt.timedelta(hours=2)
CHROME = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0 Safari/537.36"
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148"
GMAIL = "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)"
APPLE = "Mozilla/5.0"


@pytest.fixture
def clock_at(monkeypatch):
    """Moves the one clock that views read."""
    return lambda at: monkeypatch.setattr("lib.clock.now", lambda: at)


@pytest.fixture
def message(clock_at):
    clock_at(LATER)
    template = TemplateFactory(html=HTML + '<a href="https://other.example.com/?a=1&amp;b=2">Other</a>')
    return sent(MessageFactory(template=template))


def sent(message, links=()):
    Message.objects.filter(pk=message.pk).update(
        state="sent", outcome="sent", due_at=None, sent_at=SENT, settled_at=SENT, links=list(links)
    )
    message.refresh_from_db()
    return message


def open_url(message):
    return f"/o/{token('open', message.pk)}.gif"


def click_url(message, link="0"):
    return f"/c/{token('click', message.pk)}/{link}"


def get(url, agent=CHROME, method="get", **headers):
    return getattr(Client(), method)(url, headers={"user-agent": agent, **headers})


def events(type_):
    return list(Event.objects.filter(type=type_).order_by("received_at", "id"))


def test_an_open_is_kept_and_makes_an_event(message):
    response = get(open_url(message))
    assert response.status_code == 200 and response["Content-Type"] == "image/gif"
    assert response.content.startswith(b"GIF89a") and response["Cache-Control"] == "no-store"
    assert not response.cookies
    message.refresh_from_db()
    assert (message.opened_at, message.opened_by_human_at, message.clicked_at) == (LATER, LATER, None)
    [hit] = message.hits.all()
    assert (hit.kind, hit.verdict, hit.ip, hit.user_agent, hit.at) == ("open", "human", "127.0.0.1", CHROME, LATER)
    [event] = events("email.opened")
    assert event.contact_id == message.contact_id and event.occurred_at == LATER and event.hops == 1
    assert event.properties["campaign"] == message.campaign_id and event.properties["step"] == "first"
    assert event.properties["template_name"] == message.template.name and event.properties["machine"] is False


def test_a_click_leads_on_and_implies_an_open(message):
    response = get(click_url(message, "1"))
    assert (response.status_code, response["Location"]) == (302, "https://other.example.com/?a=1&b=2")
    assert (response["Cache-Control"], response["Referrer-Policy"]) == ("no-store", "no-referrer")
    message.refresh_from_db()
    assert message.clicked_by_human_at == message.clicked_at == message.opened_at == message.opened_by_human_at == LATER
    [event] = events("email.clicked")
    assert event.properties["url"] == "https://other.example.com/?a=1&b=2"
    assert events("email.opened") == []


def test_a_link_made_for_one_message_leads_on(message):
    sent(message, ["https://shop.example.com/cart/7?näme=ü", "javascript:alert(1)"])
    assert get(click_url(message, "d0"))["Location"] == "https://shop.example.com/cart/7?n%C3%A4me=%C3%BC"


@pytest.mark.parametrize("link", ["9", "d9", "d", "-1", "d1", "x", "0x1", "٣", "99999999999999999999"])
def test_a_link_that_leads_nowhere_says_so(message, link):
    sent(message, ["https://shop.example.com/", "javascript:alert(1)"])
    response = get(click_url(message, link))
    assert response.status_code == 404 and "leads nowhere" in response.content.decode()
    assert not TrackingHit.objects.exists()


@pytest.mark.parametrize("forged", ["x", "A" * 38, "ä" * 38, "%00"])
def test_forged_tokens_get_the_same_pixel_and_record_nothing(message, forged):
    known, unknown = get(open_url(message), method="head"), get(f"/o/{forged}.gif")
    assert unknown.status_code == known.status_code == 200 and dict(unknown.headers) == dict(known.headers)
    assert get(f"/c/{forged}/0").status_code == 404
    assert not TrackingHit.objects.exists()


def test_a_token_serves_one_purpose_only(message):
    assert get(f"/c/{token('open', message.pk)}/0").status_code == 404
    get(f"/o/{token('click', message.pk)}.gif")
    get(f"/o/{token('unsubscribe', message.pk)}.gif")
    assert not TrackingHit.objects.exists()


@pytest.mark.parametrize("method", ["head", "options"])
def test_head_and_options_record_nothing(message, method):
    assert get(open_url(message), method=method).status_code == 200
    assert get(click_url(message), method=method).status_code == 302
    assert not TrackingHit.objects.exists() and not events("email.clicked")


def test_posting_to_a_link_is_refused(message):
    assert get(click_url(message), method="post").status_code == 405


MACHINES = {
    "Apple's proxy": APPLE,
    "Slack": "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
    "Barracuda": "BarracudaCentral/1.0",
    "curl": "curl/8.5.0",
    "Googlebot": "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "headless": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/141.0",
}
PEOPLE = {
    "Chrome": CHROME,
    "iPhone": IPHONE,
    "Gmail's proxy": GMAIL,
    "Thunderbird": "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Thunderbird/128.0",
    "Outlook": "Mozilla/4.0 (compatible; MSIE 7.0; Windows NT 10.0; Win64; x64; Trident/7.0; Microsoft Outlook 16.0)",
    "Cubot": "Mozilla/5.0 (Linux; Android 9; CUBOT NOTE 20) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/90.0 Mobile",
}


@pytest.mark.parametrize("agent", MACHINES.values(), ids=list(MACHINES))
def test_machines_are_told_by_their_names(message, agent):
    get(click_url(message), agent)
    message.refresh_from_db()
    assert message.clicked_at == LATER and message.clicked_by_human_at is None and message.opened_by_human_at is None
    assert message.hits.get().verdict == "machine" and message.hits.get().why
    assert events("email.clicked")[0].properties["machine"] is True


@pytest.mark.parametrize("agent", PEOPLE.values(), ids=list(PEOPLE))
def test_people_are_not_taken_for_machines(message, agent):
    get(open_url(message), agent)
    assert message.hits.get().verdict == "human"


def test_a_browser_that_fetches_ahead_is_a_machine(message):
    get(click_url(message), **{"sec-purpose": "prefetch;prerender"})
    assert message.hits.get().verdict == "machine"


@pytest.mark.parametrize("agent", [CHROME, GMAIL])
def test_within_seconds_of_the_sending_nobody_is_sure(message, clock_at, agent):
    clock_at(SENT + dt.timedelta(seconds=4))
    get(click_url(message), agent)
    message.refresh_from_db()
    assert message.hits.get().verdict == "unsure" and message.clicked_by_human_at is None and message.clicked_at


def test_who_says_nothing_is_unsure(message):
    get(click_url(message), "")
    assert message.hits.get().verdict == "unsure"


def test_three_actions_within_a_second_were_a_machines(message, clock_at):
    """A scanner that calls itself Chrome: the third action betrays the first two as well."""
    for tenth, url in enumerate([open_url(message), click_url(message, "0"), click_url(message, "1")]):
        clock_at(LATER + dt.timedelta(seconds=tenth / 10))
        get(url)
    message.refresh_from_db()
    assert {hit.verdict for hit in message.hits.all()} == {"machine"}
    assert message.opened_at == LATER and message.clicked_at == LATER + dt.timedelta(seconds=0.1)
    assert message.opened_by_human_at is None and message.clicked_by_human_at is None


def test_a_burst_leaves_what_a_person_did_before(message, clock_at):
    get(click_url(message, "0"))
    for tenth in range(3):
        clock_at(LATER + dt.timedelta(seconds=60 + tenth / 10))
        get(click_url(message, "1"))
    message.refresh_from_db()
    assert message.clicked_by_human_at == message.opened_by_human_at == LATER


def test_a_person_after_a_machine_counts(message, clock_at):
    get(open_url(message), APPLE)
    clock_at(LATER + dt.timedelta(seconds=30))
    get(open_url(message), CHROME)
    message.refresh_from_db()
    assert message.opened_at == LATER and message.opened_by_human_at == LATER + dt.timedelta(seconds=30)
    assert [event.properties["machine"] for event in events("email.opened")] == [True, False]


def test_events_are_bounded_by_the_minute(message, clock_at):
    for second in (0, 5, 10, 70):
        clock_at(LATER + dt.timedelta(seconds=second))
        get(open_url(message))
    assert message.hits.count() == 4 and len(events("email.opened")) == 2


def test_hammering_a_pixel_fills_no_table_and_hides_no_click(message, clock_at):
    TrackingHit.objects.bulk_create(
        TrackingHit(message=message, kind="open", at=LATER, verdict="machine") for _ in range(199)
    )
    for minute in range(1, 4):
        clock_at(LATER + dt.timedelta(minutes=minute))
        assert get(open_url(message)).status_code == 200
    assert message.hits.count() == 200 and len(events("email.opened")) == 1
    get(click_url(message))
    assert len(events("email.clicked")) == 1


def test_a_test_mail_makes_no_events(message):
    Message.objects.filter(pk=message.pk).update(purpose="test")
    assert get(click_url(message)).status_code == 302
    assert message.hits.count() == 1 and events("email.clicked") == []


@pytest.mark.parametrize(("allowed", "site_tracks", "kept"), [(None, False, 0), (False, True, 0), (True, False, 1)])
def test_who_took_consent_to_tracking_back_is_not_tracked_by_old_mails(message, allowed, site_tracks, kept):
    site(track_engagement=site_tracks)
    Address.objects.update(tracking_allowed=allowed)
    assert get(click_url(message)).status_code == 302
    assert get(open_url(message)).status_code == 200
    message.refresh_from_db()
    assert message.hits.filter(kind="click").count() == kept and bool(message.opened_at) is bool(kept)


def test_odd_headers_break_nothing(message):
    assert get(click_url(message), "a\x00\udce4" + "x" * 5000).status_code == 302
    assert len(message.hits.get().user_agent) == 300


def test_behind_a_proxy_its_word_on_the_address_counts(message, settings):
    forged = {"x-forwarded-for": "6.6.6.6, 203.0.113.9"}
    get(click_url(message), **forged)
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    get(click_url(message), **forged)
    assert [hit.ip for hit in message.hits.order_by("id")] == ["127.0.0.1", "203.0.113.9"]


def test_opens_of_a_merged_contact_belong_to_who_it_became(message):
    winner = ContactFactory()
    message.contact.merged_into = winner
    message.contact.save()
    get(open_url(message))
    assert events("email.opened")[0].contact_id == winner.pk


@pytest.mark.django_db(transaction=True)
def test_many_at_once_make_one_event(clock_at):
    clock_at(LATER)
    message = sent(MessageFactory())

    def hit():
        try:
            get(open_url(message))
        finally:
            connection.close()

    threads = [threading.Thread(target=hit) for _ in range(6)]
    [thread.start() for thread in threads]
    [thread.join(20) for thread in threads]
    assert message.hits.count() == 6
    assert 1 <= len(events("email.opened")) <= 2, "one for people, one for machines"
    message.refresh_from_db()
    assert message.opened_by_human_at is None, "six at once are no person"
