"""What a campaign does, each kind of step as a story: somebody signs up, and what comes of it in the world."""

import base64
import hashlib
import hmac

import pytest

from automation.webhooks import receivers
from campaigns.document import Reentry, Trigger
from campaigns.step_kinds import STEP_KINDS
from integrations.hubspot.connector import HubSpot as Connector
from lib import clock
from segments.models import Segment
from tests.automation.flows import mail, step, wait
from tests.automation.webhooks import LOOPBACK
from tests.factories import TemplateFactory, UserFactory
from tests.http_receiver import Receiver, answer
from tests.integrations.building import connection
from tests.integrations.hubspot import HubSpot
from tests.scoring.building import made
from tests.stories.telling import Stories, begins, mails, monday  # noqa: F401  a fixture

pytestmark = pytest.mark.django_db
stories = Stories()
PRO = {"field": "contact.plan", "op": "is", "value": "pro"}
DAY = {"amount": 1, "unit": "days"}


def signs_up(shop, *people, **traits):
    told = [
        {"userId": person, "traits": {"email": f"{person}@example.com", "first_name": person.capitalize(), **traits}}
        for person in people
    ]
    signed_up = [{"type": "track", "userId": person, "event": "users.signed_up"} for person in people]
    shop.send(*({"type": "identify", **one} for one in told), *signed_up)


@stories.of("email")
def _(shop, inbox):
    later = TemplateFactory(subject="Was it sent?").pk
    first = step("mail", "email", {"template": TemplateFactory(subject="Hello {{ contact.first_name }}").pk},
                 {"done": "later"})  # fmt: skip
    sent = {"field": "step.mail", "op": "is", "value": "sent"}
    begins(first, step("later", "email", {"template": later}, only_if=sent))
    signs_up(shop, "ann")
    shop.identify("bob", first_name="Bob")  # no address: no mail, and no harm
    shop.track("bob", "users.signed_up")
    assert mails(inbox) == [("ann", "Hello Ann"), ("ann", "Was it sent?")]


@stories.of("digest")
def _(shop, inbox):
    listed = "{% for event in digest.events %}{{ event.by }}, {% endfor %}{{ digest.count }} in all"
    config = {"template": TemplateFactory(subject=listed).pk, "event": "teammate.invited", **DAY}
    begins(step("digest", "digest", config), triggers=[Trigger(event="teammate.invited")])
    shop.identify("ann", email="ann@example.com")
    for name in ("Bob", "Cid", "Eve"):
        shop.track("ann", "teammate.invited", properties={"by": name})
        shop.pass_time(hours=7)
    assert mails(inbox) == []
    shop.pass_time(hours=4)
    assert mails(inbox) == [("ann", "Bob, Cid, Eve, 3 in all")]


@stories.of("wait")
def _(shop, inbox):
    begins(step("wait", "wait", {"amount": 2, "unit": "days", "at": "15:00"}, "mail"), mail("mail", "Two days later"))
    signs_up(shop, "ann", timezone="America/New_York")
    shop.pass_time(days=2, hours=10, minutes=58)  # Wednesday, 14:58 in New York
    assert mails(inbox) == []
    shop.pass_time(minutes=3)
    assert mails(inbox) == [("ann", "Two days later")]


@stories.of("wait_for")
def _(shop, inbox):
    config = {"arms": [{"uid": "bought", "event": "order.completed"}], "timeout": DAY}
    begins(step("wait", "wait_for", config, {"bought": "yes", "timeout": "no"}),
           mail("yes", "Thank you"), mail("no", "Still thinking?"))  # fmt: skip
    signs_up(shop, "ann", "bob")
    shop.pass_time(hours=5)
    shop.track("ann", "order.completed")
    assert mails(inbox) == [("ann", "Thank you")]
    shop.pass_time(hours=20)
    assert mails(inbox)[1:] == [("bob", "Still thinking?")]


@stories.of("branch")
def _(shop, inbox):
    arms = [{"uid": "pro", "name": "Pro", "condition": PRO}]
    begins(step("branch", "branch", {"arms": arms}, {"pro": "a", "else": "b"}),
           mail("a", "For pros", then="both"), mail("b", "For all", then="both"), mail("both", "For both"))  # fmt: skip
    signs_up(shop, "ann", plan="pro")
    signs_up(shop, "bob")
    assert mails(inbox) == [("ann", "For pros"), ("ann", "For both"), ("bob", "For all"), ("bob", "For both")]


@stories.of("split")
def _(shop, inbox):
    arms = [{"uid": uid, "name": uid, "percent": 50} for uid in ("a", "b")]
    begins(step("split", "split", {"arms": arms}, {"a": "x", "b": "y"}), mail("x", "A"), mail("y", "B"),
           reentry=Reentry(mode="every_time"))  # fmt: skip
    people = [f"p{number}" for number in range(12)]
    signs_up(shop, *people)
    first = dict(mails(inbox))
    assert set(first) == set(people) and set(first.values()) == {"A", "B"}
    signs_up(shop, *people)
    assert dict(mails(inbox)[12:]) == first, "whoever came again goes the same way"


@stories.of("gate")
def _(shop, inbox):
    begins(step("gate", "gate", {"places": 1}, "in"), mail("in", "Your turn", then="stay"), wait("stay", 1, "out"),
           mail("out", "Over"))  # fmt: skip
    signs_up(shop, "ann", "bob")
    assert mails(inbox) == [("ann", "Your turn")]
    shop.pass_time(days=1, minutes=1)
    assert mails(inbox)[1:] == [("ann", "Over"), ("bob", "Your turn")]


@stories.of("tag")
def _(shop, inbox):
    begins(step("tag", "tag", {"add": ["new", "trial"], "remove": ["old"]}, "mail"),
           mail("mail", "You are {{ contact.tags | join: ' and ' }}"))  # fmt: skip
    signs_up(shop, "ann", tags=["old"])
    assert mails(inbox) == [("ann", "You are new and trial")]


@stories.of("attribute")
def _(shop, inbox):
    config = {"attribute": "level", "value": "{{ contact.plan | upcase }}-1"}
    begins(step("set", "attribute", config, "mail"), mail("mail", "Level {{ contact.level }}"))
    signs_up(shop, "ann", plan="pro")
    assert mails(inbox) == [("ann", "Level PRO-1")]


@stories.of("list")
def _(shop, inbox):
    wins, losses = (Segment.objects.create(name=name, kind=Segment.Kind.STATIC) for name in ("Wins", "Losses"))
    entered = [Trigger(kind="segment_entered", config={"segment": wins.pk})]
    begins(mail("hello", "You are on the list"), name="List", triggers=entered)
    begins(step("put", "list", {"effect": "add", "segment": losses.pk}, "move"),
           step("move", "list", {"effect": "move", "segment": losses.pk, "to": {"segment": wins.pk}}))  # fmt: skip
    signs_up(shop, "ann")
    assert mails(inbox) == [("ann", "You are on the list")]


@stories.of("notify")
def _(shop, inbox):
    UserFactory(username="sam", email="sam@acme.example")
    note = {"to": "sam", "subject": "Call {{ contact.first_name }}", "text": "She signed up."}
    begins(step("note", "notify", note, "mail"), mail("mail", "Hello"))
    signs_up(shop, "ann")
    assert sorted(mails(inbox)) == [("ann", "Hello"), ("sam", "Call Ann")]


@stories.of("score")
def _(shop, inbox):
    made("lead", now=clock.now())
    hot = {"field": "score.lead", "op": "≥", "value": 40}
    begins(step("score", "score", {"model": "lead", "effect": "add", "points": 40}, "mail"),
           mail("mail", "Shall we talk?"))  # fmt: skip
    begins(step("cold", "wait", {"amount": 1, "unit": "minutes"}, "talk"),
           step("talk", "email", {"template": TemplateFactory(subject="You are hot").pk}, only_if=hot))  # fmt: skip
    signs_up(shop, "ann")
    shop.pass_time(minutes=2)
    assert mails(inbox) == [("ann", "Shall we talk?"), ("ann", "You are hot")]


@stories.of("start")
def _(shop, inbox):
    other = begins(mail("tips", "Tips"), name="Tips", triggers=[Trigger(kind="campaign")], audience=PRO)
    begins(step("start", "start", {"campaign": other.pk}, {"done": "mail", "refused": "no"}),
           mail("mail", "More to come"), mail("no", "No more to come"))  # fmt: skip
    signs_up(shop, "ann", plan="pro")
    signs_up(shop, "bob")
    assert sorted(mails(inbox)) == [("ann", "More to come"), ("ann", "Tips"), ("bob", "No more to come")]


@stories.of("end")
def _(shop, inbox):
    trial = begins(wait("days", 1, "mail"), mail("mail", "Your trial ends"), name="Trial")
    begins(step("end", "end", {"campaign": trial.pk}, "mail"), mail("mail", "Thank you"), name="Bought",
           triggers=[Trigger(event="order.completed")])  # fmt: skip
    signs_up(shop, "ann", "bob")
    shop.track("ann", "order.completed")
    shop.pass_time(days=1, minutes=1)
    assert mails(inbox) == [("ann", "Thank you"), ("bob", "Your trial ends")]


@stories.of("leave")
def _(shop, inbox):
    begins(step("leave", "leave", only_if=PRO, then="mail"), mail("mail", "Become a pro"))
    signs_up(shop, "ann", plan="pro")
    signs_up(shop, "bob")
    assert mails(inbox) == [("bob", "Become a pro")]


@stories.of("webhook")
def _(shop, inbox):
    shop.settings.WEBHOOK_NETWORKS, shop.settings.WEBHOOK_HTTP = LOOPBACK, True
    with Receiver() as product:
        product.answers = [answer(503), answer(200, {"url": "https://t.example/ann"})]
        config = {"url": product.url, "body": '{"name": "{{ contact.first_name }}"}', "answer": "trial"}
        begins(step("call", "webhook", config, {"done": "mail", "failed": "mail"}),
               mail("mail", 'Yours: {{ webhook.trial.url | default: "none" }}'))  # fmt: skip
        secret = receivers.renew(receivers.receiver(product.url, clock.now()), UserFactory(), clock.now())
        signs_up(shop, "ann")
        assert mails(inbox) == []  # the product was down; it is asked again, with the same id
        shop.pass_time(minutes=2)
        first, second = product.got
        assert first.json == second.json == {"name": "Ann"}
        assert first.headers["webhook-id"] == second.headers["webhook-id"]
        signed = f"{second.headers['webhook-id']}.{second.headers['webhook-timestamp']}.".encode() + second.body
        digest = hmac.new(base64.b64decode(secret.removeprefix("whsec_")), signed, hashlib.sha256).digest()
        assert f"v1,{base64.b64encode(digest).decode()}" in second.headers["webhook-signature"].split()
    assert mails(inbox) == [("ann", "Yours: https://t.example/ann")]


@stories.of("crm")
def _(shop, inbox):
    shop.settings.WEBHOOK_NETWORKS = LOOPBACK
    with HubSpot() as hubspot, pytest.MonkeyPatch.context() as patch:
        patch.setattr(Connector, "base", hubspot.url)
        begins(step("push", "crm", {"connection": connection().pk}, {"done": "mail", "failed": "no"}),
               mail("mail", "Sales know you"), mail("no", "Sales do not"))  # fmt: skip
        signs_up(shop, "ann")
        assert hubspot.by_email("ann@example.com")["firstname"] == "Ann"
    assert mails(inbox) == [("ann", "Sales know you")]


@pytest.mark.parametrize("kind", sorted(stories))
def test_it_does_what_it_says(kind, monday, inbox):  # noqa: F811
    stories[kind](monday, inbox)


def test_each_kind_has_a_story():
    assert set(stories) == {kind.key for kind in STEP_KINDS}
