"""The step “notify the team”: a plain mail to a colleague, once for each visit, counted nowhere."""

import pytest

from automation.forms.notify import NotifyForm
from automation.kinds.notify import NotifyKind
from campaigns.models import EmailTemplate, Message
from campaigns.numbers import by_step
from contacts.models import Contact
from events.models import Event
from tests import engine
from tests.automation.flows import flow, happens, queries_to_advance, step, ways, words
from tests.factories import NOW, UserFactory

pytestmark = pytest.mark.django_db
TEXT = "Call {{ contact.first_name | default: 'them' }}.\nToday, {{ event.plan }}!"


@pytest.fixture
def sam():
    return UserFactory(username="sam", email="sam@acme.example")


def notify(then=None, **more):
    config = {"to": "sam", "subject": "New: {{ contact.email | default: 'somebody' }}", "text": TEXT, **more}
    return step("notify", "notify", config, then)


def test_a_colleague_gets_a_plain_mail_about_the_person(track, inbox, sam):
    flow(notify())
    track(NOW, "ann", "users.signed_up", traits={"email": "ann@example.com", "first_name": "Ann"}, plan="pro")
    [mail] = inbox.accepted
    assert (mail.recipient, mail.message["Subject"]) == ("sam@acme.example", "New: ann@example.com")
    body = mail.message.get_body(("plain",)).get_content()
    assert "Call Ann." in body and "Today, pro!" in body
    assert mail.message["List-Unsubscribe"] is None and mail.message["Auto-Submitted"] == "auto-generated"
    assert words("notify") == ["sam was notified."]
    engine.run(NOW)
    assert len(inbox.accepted) == 1


def test_it_concerns_neither_the_address_of_the_person_nor_any_number(track, inbox, sam):
    campaign = flow(notify())
    track(NOW, "ben", "users.signed_up", plan="free")  # has no address
    [mail] = inbox.accepted
    assert mail.message["Subject"] == "New: somebody"
    assert "/o/" not in mail.message.get_body(("html",)).get_content(), "no pixel"
    assert not Event.objects.filter(type__startswith="email.").exists()
    assert by_step(campaign).get("notify") is None or by_step(campaign)["notify"].sent == 0
    assert Message.objects.get().contact == Contact.objects.get(identities__value="ben")


def test_what_cannot_be_written_goes_its_own_way(track, inbox, sam):
    flow(notify({"failed": None, "done": None}, text="{{ contact.phone }}"))
    track(NOW, "ann", "users.signed_up")
    assert ways("notify") == {"ann": "failed"} and not inbox.accepted


def test_who_left_the_team_is_not_written_to_and_people_go_on(track, inbox, sam):
    flow(notify())
    sam.is_active = False
    sam.save()
    track(NOW, "ann", "users.signed_up", plan="pro")
    assert words("notify") == ["sam is not on the team any more, so nobody was notified."]


def test_the_template_is_made_once_and_the_team_may_change_it(track, inbox, sam):
    flow(notify(), reentry={"mode": "every_time"})
    track(NOW, "ann", "users.signed_up", plan="pro")
    EmailTemplate.objects.filter(name="Note to the team").update(subject="Note: {{ note.subject }}")
    track(NOW, "ann", "users.signed_up", plan="pro")
    assert len(inbox.accepted) == 2 and EmailTemplate.objects.filter(name="Note to the team").count() == 1


def test_the_number_of_queries_does_not_grow_with_the_people(inbox, sam):
    flow(notify(text="{{ contact.email }}"))
    happens(["first"])
    engine.run(NOW)
    people = [f"u{number}" for number in range(200)]
    assert queries_to_advance(["second"]) == queries_to_advance(people)
    assert Message.objects.filter(purpose="note").count() == 202


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"to": ""}, "Choose whom to notify."),
        ({"to": "nobody"}, "Choose a person on the team who has an e-mail address."),
        ({"to": "a\x00"}, "Choose a person on the team who has an e-mail address."),
        ({"to": 5}, "This step cannot be read; fill in its settings again."),
        ({"subject": " "}, "Write what the note is about: 1 to 200 characters."),
        ({"subject": "x" * 201}, "Write what the note is about: 1 to 200 characters."),
        ({"text": ""}, "Write what the note says."),
        ({"text": "x" * 5_001}, "The text is longer than 5,000 characters; shorten it."),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(sam, more, sentence):
    assert NotifyKind().problems(notify(**more).config) == [sentence]
    assert NotifyKind().problems([]) and NotifyKind().problems({})


def test_the_form_offers_the_team(sam):
    assert NotifyKind().problems(notify().config) == []
    assert NotifyKind().describe(notify().config).startswith("notify sam: “New: ")
    form = NotifyForm(notify().config)
    assert form.is_valid(), form.errors
    assert form.config() == notify().config
    assert NotifyForm(notify(to="ghost").config).errors["to"]
