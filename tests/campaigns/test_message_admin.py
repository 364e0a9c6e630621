"""Messages, caught mail and people inside: read by those who may, harmless in the browser, in plain words."""

from datetime import timedelta

import pytest
from django.urls import reverse

from automation.models import Enrollment, Visit
from campaigns.models import Campaign, CaughtMail, Message, MessageBody
from campaigns.pages import SANDBOX
from contacts.models import Contact
from tests.campaigns.typing_in import ROLES, browser
from tests.factories import NOW, CampaignFactory, ContactFactory, MessageFactory

pytestmark = pytest.mark.django_db
RAW = (
    b"From: Ann <ann@acme.example>\r\nTo: bob@example.org\r\nSubject: Hi\r\nMIME-Version: 1.0\r\n"
    b'Content-Type: multipart/alternative; boundary="b"\r\n\r\n'
    b"--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nPlain words\r\n"
    b"--b\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>Rich <script>alert(1)</script></p>\r\n--b--\r\n"
)


def caught(raw: bytes = RAW, **more) -> CaughtMail:
    return CaughtMail.objects.create(
        sender="ann@acme.example", recipient="bob@example.org", subject="Hi", raw=raw, caught_at=NOW, **more
    )


def page_of(row, page: str = "change") -> str:
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_{page}", args=[row.pk])


def sent_message(**more) -> Message:
    message = MessageFactory(contact=ContactFactory(email="bob@example.org"))
    fields = {"state": "sent", "outcome": "sent", "due_at": None, "sent_at": NOW, "settled_at": NOW, **more}
    Message.objects.filter(pk=message.pk).update(**fields)
    MessageBody.objects.create(message=message, subject="For Bob", html="<p>Said</p>", text="Said plainly")
    message.refresh_from_db()
    return message


def test_a_message_tells_its_story():
    message = sent_message(clicked_at=NOW + timedelta(hours=1), clicked_by_human_at=NOW + timedelta(hours=1))
    message.hits.create(kind="open", at=NOW, verdict="machine", why="A scanner's network", user_agent="<script>")
    html = browser("Analyst").get(page_of(message)).content.decode()
    for words in [
        "the receiving server took it",
        "A link was clicked by a person",
        "A scanner&#x27;s network",
        "Said plainly",
    ]:
        assert words in html
    frame = browser("Analyst").get(page_of(message, "said"))
    assert frame.content.endswith(b"<p>Said</p>") and frame.headers["Content-Security-Policy"] == SANDBOX


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (
            {
                "state": "not_sent",
                "outcome": "unsubscribed",
                "reason": "They unsubscribed.",
                "due_at": None,
                "settled_at": NOW,
            },
            "They unsubscribed.",
        ),  # noqa: E501
        (
            {"state": "unknown", "outcome": "unknown", "due_at": None, "settled_at": NOW},
            "it may or may not have arrived",
        ),
        ({"state": "parked", "due_at": None}, "will not go out until a person releases it"),
        ({"due_at": NOW}, "Goes out at once."),
        ({"due_at": NOW, "deferrals": 1}, "after a try that was put off"),
    ],
)
def test_a_message_that_is_not_sent_says_why_or_when(state, words):
    message = MessageFactory()
    Message.objects.filter(pk=message.pk).update(**state)
    assert words in browser("Marketer").get(page_of(message)).content.decode()


def test_messages_are_found_by_the_beginning_of_the_address():
    MessageFactory(contact=ContactFactory(email="ann@example.org"))
    MessageFactory(contact=ContactFactory(email="zoe@example.org"))
    html = browser("Marketer").get(reverse("admin:campaigns_message_changelist"), {"q": "ZOE@ex"}).content.decode()
    assert "zoe@example.org" in html and "ann@example.org" not in html


def test_the_list_of_messages_asks_as_often_for_forty_as_for_one(django_assert_num_queries):
    campaign = CampaignFactory()
    MessageFactory(campaign=campaign)
    client, url = browser("Marketer"), reverse("admin:campaigns_message_changelist")
    few = count_queries(client, url)
    MessageFactory.create_batch(40, campaign=campaign)
    assert count_queries(client, url) == few


def count_queries(client, url: str) -> int:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    client.get(url)
    with CaptureQueriesContext(connection) as asked:
        assert client.get(url).status_code == 200
    return len(asked)


def test_caught_mail_shows_both_parts_and_its_source_and_runs_nothing():
    mail, client = caught(), browser("Marketer")
    html = client.get(page_of(mail)).content.decode()
    assert "Plain words" in html and "multipart/alternative" in html and "alert(1)" not in html
    frame = client.get(page_of(mail, "said"))
    assert b"Rich" in frame.content
    assert frame.headers["Content-Security-Policy"] == SANDBOX
    source = client.get(page_of(mail, "raw"))
    assert source.content == RAW and source.headers["Content-Disposition"].startswith("attachment")


def test_the_links_of_a_caught_mail_stand_below_its_frame_where_they_work():
    links = "<a href='https://shop.example/a?b=1&amp;c=2'>To the <b>shop</b></a><a href='javascript:alert(1)'>x</a>"
    raw = f"Content-Type: text/html\r\n\r\n<html><body>{links}<a href='mailto:a@b.example'>y</a></body></html>"
    mail, client = caught(raw.encode()), browser("Marketer")
    page = client.get(page_of(mail)).content.decode()
    assert 'href="https://shop.example/a?b=1&amp;c=2" target="_blank" rel="noopener noreferrer">To the shop</a>' in page
    assert "javascript:" not in page and 'href="mailto:' not in page
    assert client.get(page_of(mail, "said")).headers["Content-Security-Policy"] == SANDBOX


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"no headers at all", b"Subject: =?utf-8?b?%%%?=\r\nTo: \xff\xfe\r\n\r\n\xff",
        b"Content-Type: text/html; charset=martian\r\n\r\n<p>\xe9</p>",
        b"Content-Type: multipart/mixed; boundary=\r\n\r\n--\r\n", b"Message-ID: [\r\nDate: soon\r\nFrom: <<\r\n\r\nx",
    ],
)  # fmt: skip
def test_a_broken_mail_is_still_shown(raw):
    mail, client = caught(raw), browser("Marketer")
    for page in ("change", "said", "raw"):
        assert client.get(page_of(mail, page)).status_code == 200


def test_all_caught_mail_is_deleted_after_a_question_by_who_may():
    caught()
    url = reverse("admin:campaigns_caughtmail_delete_all")
    assert browser("Analyst").post(url).status_code == 403
    owner = browser(is_superuser=True)
    assert "1 mail is deleted here." in owner.get(url).content.decode() and CaughtMail.objects.count() == 1
    owner.post(url)
    assert not CaughtMail.objects.exists()


def enrolled(**more) -> Enrollment:
    campaign = CampaignFactory(name="Welcome")
    contact = ContactFactory(attributes={"first_name": "Zoe"})
    fields = {"step_uid": "first", "due_at": NOW, "entered_at": NOW, **more}
    return Enrollment.objects.create(
        campaign=campaign, contact=Contact.objects.get(pk=contact.pk), version=campaign.live, **fields
    )


def test_somebody_inside_is_explained_step_by_step():
    row = enrolled(due_at=NOW + timedelta(days=9000))
    Visit.objects.create(
        enrollment=row,
        version=row.version,
        step_uid="first",
        kind="email",
        entered_at=NOW,
        explanation="The mail was queued.",
    )
    html = browser("Analyst").get(page_of(row)).content.decode()
    assert "The mail was queued." in html and "Here now." in html and "Goes on" in html
    assert page_of(row.contact) in html and "Send “Getting started" in html


def test_who_is_inside_a_paused_sequence_goes_on_when_it_is_resumed():
    row = enrolled(due_at=NOW + timedelta(days=9000), entry_key="cart-7")
    Campaign.objects.filter(pk=row.campaign_id).update(state="paused")
    html = browser("Analyst").get(reverse("admin:automation_enrollment_changelist")).content.decode()
    rows = html.partition('id="result_list"')[2].partition("</table>")[0]
    assert "cart-7" in rows and "Send “Getting started" in rows, "which of several entries, and where they stand"
    assert "Paused" in rows and "when it is resumed" in rows and "Under way" not in rows
    assert "1 entry" in " ".join(html.split())


def test_who_was_parked_after_a_fault_is_released_by_a_publisher():
    row = enrolled(state="parked", due_at=None, reason="fault", explanation="The template was deleted.")
    assert "The template was deleted." in browser("Marketer").get(page_of(row)).content.decode()
    assert browser("Marketer").post(page_of(row, "release")).status_code == 403
    assert Enrollment.objects.get(pk=row.pk).state == "parked"
    browser("Publisher").post(page_of(row, "release"))
    assert Enrollment.objects.get(pk=row.pk).state == "active"


READERS = {"Marketer", "Publisher", "Analyst"}
WRITERS = {"Marketer", "Publisher"}
PAGES = {
    "campaigns_campaign_changelist": READERS,
    "campaigns_campaign_add": WRITERS,
    "campaigns_campaign_change": READERS,
    "campaigns_campaign_preview": READERS,
    "campaigns_campaign_history": READERS,
    "campaigns_emailtemplate_changelist": READERS,
    "campaigns_emailtemplate_add": WRITERS,
    "campaigns_emailtemplate_change": READERS,
    "campaigns_message_changelist": READERS,
    "campaigns_message_change": READERS,
    "campaigns_message_said": READERS,
    "campaigns_message_add": set(),
    "campaigns_message_delete": set(),
    "campaigns_caughtmail_changelist": READERS,
    "campaigns_caughtmail_change": READERS,
    "campaigns_caughtmail_said": READERS,
    "campaigns_caughtmail_raw": READERS,
    "campaigns_caughtmail_delete": set(),
    "automation_enrollment_changelist": READERS,
    "automation_enrollment_change": READERS,
    "automation_enrollment_add": set(),
    "automation_enrollment_delete": set(),
}


@pytest.mark.parametrize("role", ["", *ROLES])
def test_every_page_opens_for_those_whose_work_it_is_and_for_nobody_else(role):
    row, mail = enrolled(), caught()
    message = sent_message()
    rows = {
        "campaign": row.campaign,
        "emailtemplate": message.template,
        "message": message,
        "caughtmail": mail,
        "enrollment": row,
    }
    client = browser(role)
    for name, allowed in PAGES.items():
        model, page = name.split("_")[1:]
        url = reverse(f"admin:{name}", args=[] if page in ("changelist", "add") else [rows[model].pk])
        assert client.get(url).status_code == (200 if role in allowed else 403), f"{role or 'no role'} at {name}"


def test_empty_lists_say_what_will_be_there():
    client = browser("Marketer")
    for name, words in {"message": "No messages yet", "caughtmail": "No mail was caught"}.items():
        assert words in client.get(reverse(f"admin:campaigns_{name}_changelist")).content.decode()
    assert "Nobody is inside" in client.get(reverse("admin:automation_enrollment_changelist")).content.decode()


def test_unknown_objects_are_not_found():
    client = browser("Marketer")
    for name in (
        "campaigns_campaign_change",
        "campaigns_message_change",
        "campaigns_caughtmail_change",
        "automation_enrollment_change",
    ):  # noqa: E501
        for pk in ("999999", "oops", "0'"):
            assert client.get(reverse(f"admin:{name}", args=[pk])).status_code == 404
