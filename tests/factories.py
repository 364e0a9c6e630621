"""What tests need most, hand-sized: a site that may send, contacts, templates, campaigns, messages.

site()                                               # once a test: sending needs a sender
message = MessageFactory()                           # queued, of an active campaign, due at NOW
MessageFactory.create_batch(3, campaign=CampaignFactory(), contact__email="ann@example.com")
"""

from datetime import UTC, datetime
from typing import Any

import factory
from django.contrib.auth import get_user_model

from campaigns import lifecycle, queueing
from campaigns.compiling import DEFAULT_FOOTER_HTML, compile_email
from campaigns.document import Document, Trigger
from campaigns.linear import Row, from_rows
from campaigns.models import Campaign, EmailTemplate, Message
from contacts.addresses import address_ids, normalise
from contacts.models import Contact, Topic
from ops.models import SiteSettings

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)  # a Monday

HTML = (
    '<p>Hello {{ contact.first_name | default: "there" }},</p>'
    '<p><a href="https://shop.example.com/start">Start here</a></p>' + DEFAULT_FOOTER_HTML
)


def site(**changes: Any) -> SiteSettings:
    """The site's settings, complete enough to activate campaigns and to send."""
    complete = {
        "name": "Acme",
        "sender_name": "Ann of Acme",
        "sender_email": "ann@acme.example",
        "postal_address": "1 Acme Street, Springfield",
    }
    return SiteSettings.objects.update_or_create(id=1, defaults=complete | changes)[0]


class UserFactory(factory.django.DjangoModelFactory):
    """A person on the team who may do everything."""

    class Meta:
        model = get_user_model()

    username = factory.Sequence("publisher{}".format)
    email = factory.LazyAttribute(lambda o: f"{o.username}@acme.example")
    is_staff = is_superuser = True


class ContactFactory(factory.django.DjangoModelFactory):
    """A contact with an address; `email=""`: without one. Two with the same `email` share its address."""

    class Meta:
        model = Contact

    class Params:
        email = factory.Sequence("c{}@example.org".format)

    address_id = factory.LazyAttribute(lambda o: address_id(o.email) if o.email else None)
    created_at = updated_at = NOW


def address_id(email: str) -> int:
    return address_ids([email], NOW)[normalise(email)]


class TopicFactory(factory.django.DjangoModelFactory):
    """A topic that may be written about until somebody unsubscribes."""

    class Meta:
        model = Topic

    key = factory.Sequence("topic-{}".format)
    name = factory.Sequence("Tips and news {}".format)


class TemplateFactory(factory.django.DjangoModelFactory):
    """An e-mail template, compiled as saving it in the admin does."""

    class Meta:
        model = EmailTemplate

    name = factory.Sequence("Getting started {}".format)
    subject = "Getting started"
    html = HTML
    edited_at = NOW
    compiled = factory.LazyAttribute(lambda o: compile_email(subject=o.subject, html=o.html, known_links=[]).to_json())


class CampaignFactory(factory.django.DjangoModelFactory):
    """An active campaign of one mail, made and activated by the verbs that the admin uses.

    `rows` are those of the linear form, `event` is what lets people in; `active=False` leaves it a draft.
    """

    class Meta:
        model = Campaign

    class Params:
        template = factory.SubFactory(TemplateFactory)

    name = factory.Sequence("Welcome {}".format)
    event = "users.signed_up"
    active = True
    expected = None  # people a day, or the fuse holds a step at its thousandth mail
    now = NOW
    rows = factory.LazyAttribute(lambda o: [Row(uid="first", template=o.template.pk)])

    @classmethod
    def _create(cls, model_class, *, name, event, active, expected, now, rows, **more):
        more.setdefault("triggers", [Trigger(event=event)])
        document = Document(name=name, steps=from_rows(rows), **more)
        site()
        campaign = lifecycle.create(document, None, now)
        return lifecycle.activate(campaign, UserFactory(), now, expected=expected) if active else campaign


class MessageFactory(factory.django.DjangoModelFactory):
    """A message that is queued by the verb that steps use. `campaign=None`: of no campaign."""

    class Meta:
        model = Message

    key = factory.Sequence("visit:{}:first:1".format)
    contact = factory.SubFactory(ContactFactory)
    template = factory.SubFactory(TemplateFactory)
    campaign = factory.SubFactory(CampaignFactory, template=factory.SelfAttribute("..template"))
    now = NOW

    @classmethod
    def _create(cls, model_class, **fields):
        if campaign := fields["campaign"]:
            fields = {"version": campaign.live, "step_uid": "first", **fields}
        message = queueing.new_message(**fields)
        queueing.queue([message])
        return message
