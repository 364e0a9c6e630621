# ruff: noqa: E501  the tables read best in rows
"""The leaf that asks how somebody dealt with our mail."""

from datetime import timedelta

import pytest

from contacts.models import Contact
from segments.conditions import compiled, matching, reads, sentence, validate, vanished
from tests.factories import CampaignFactory
from tests.segments.behaviour import happen
from tests.segments.population import NOW, contact

pytestmark = pytest.mark.django_db
WEEK = {"amount": 7, "unit": "days"}


def mail(state, **more):
    return {"message": state, **more}


@pytest.fixture
def readers():
    """Ann read two mails, one of them twice; Bob's machine opened one; Cleo only clicked; Dan got nothing."""
    ann, bob, cleo, dan = (contact() for _ in range(4))

    def event(who, kind, message, days=3, **more):
        about = {"campaign": 7, "template": 5, "message": message}
        happen(who, f"email.{kind}", ago=timedelta(days=days), **about | more)

    for who, messages in ((ann, ("a1", "a2")), (bob, ("b1",)), (cleo, ("c1",))):
        for message in messages:
            event(who, "sent", message, days=4)
    for message, days in (("a1", 3), ("a1", 2), ("a2", 10)):
        event(ann, "opened", message, days=days, machine=False)
    event(bob, "opened", "b1", machine=True)
    event(cleo, "clicked", "c1", machine=False, campaign=8)
    return [ann, bob, cleo, dan]


@pytest.mark.parametrize(("tree", "names"), [
    (mail("sent"), "abc"),
    (mail("sent", op="≥", value=2), "a"),
    (mail("sent", op="is", value=0), "d"),
    (mail("sent", op="<", value=2), "bcd"),
    (mail("opened"), "ac"),
    (mail("opened", by="human"), "ac"),
    (mail("opened", by="anyone"), "abc"),
    (mail("opened", op="≥", value=2), "a"),
    (mail("opened", op="≥", value=3), ""),
    (mail("opened", op="≥", value=2, when={"in the last": WEEK}), ""),
    (mail("opened", campaign=7), "a"),
    (mail("opened", campaign=8, template=5), "c"),
    (mail("clicked"), "c"),
    (mail("clicked", campaign=7), ""),
    (mail("bounced"), ""),
    (mail("opened", op="≤", value=0, when={"in the last": WEEK}), "bd"),
])  # fmt: skip
def test_different_messages_are_counted(readers, tree, names):
    assert validate(tree, "contact") == []
    matched = [person for person, name in zip(readers, "abcd", strict=True) if name in names]
    assert list(matching(Contact.objects.order_by("pk"), tree, NOW)) == matched
    assert list(matching(Contact.objects.order_by("pk"), {"not": tree}, NOW)) == [
        x for x in readers if x not in matched
    ]
    asked = [person.pk for person in readers[1:3]]
    some = Contact.objects.filter(compiled(tree, "contact", NOW, only=asked), pk__in=asked)
    assert set(some) == {person for person in matched if person.pk in asked}


def test_it_is_said_in_plain_words():
    campaign = CampaignFactory(name="Welcome", active=False)
    assert sentence(mail("opened"), "contact") == "they opened an e-mail"
    assert sentence(mail("opened", op="≥", value=3, when={"in the last": WEEK}), "contact") == (
        "they opened at least 3 e-mails in the last 7 days"
    )
    assert sentence(mail("sent", op="is", value=0), "contact") == "they were sent no e-mail"
    assert sentence(mail("clicked", by="anyone", campaign=campaign.pk), "contact") == (
        "they clicked a link in an e-mail of the campaign “Welcome” (or a machine did)"
    )
    assert sentence(mail("complained", template=campaign.live_id or 0), "contact").startswith(
        "they marked an e-mail as spam"
    )


@pytest.mark.parametrize(("tree", "path", "words"), [
    (mail("read"), "message", "Choose what became"),
    (mail(None), "message", "Choose what became"),
    (mail("opened", by="me"), "by", "“human” or “anyone”"),
    (mail("sent", by="human"), "by", "Only opens and clicks"),
    (mail("sent", campaign="Welcome"), "campaign", "Choose a campaign"),
    (mail("sent", template=True), "template", "Choose a template"),
    (mail("sent", op="contains", value=1), "op", "does not work here"),
    (mail("sent", op="≥", value="x"), "value", "is not a number"),
    (mail("sent", when={"in the last": 3}), "when.in the last", "a number and a unit"),
    (mail("sent", often="x"), "“often”", "says nothing"),
    (mail("sent", where=None), "“where”", "says nothing"),
])  # fmt: skip
def test_what_is_wrong_is_named_in_a_sentence(tree, path, words):
    problems = validate(tree, "contact")
    assert [problem.path for problem in problems] == [path]
    assert words in problems[0].sentence


def test_it_reads_what_tells_of_it_and_names_what_vanished():
    assert reads(mail("opened"), "contact") == {"event:email.opened", "event:email.clicked"}
    campaign = CampaignFactory(active=False)
    assert vanished(mail("sent", campaign=campaign.pk), "contact") == []
    assert vanished(mail("sent", campaign=campaign.pk + 1), "contact") == [
        f"The campaign {campaign.pk + 1} is not there any more, so nobody matches; choose another."
    ]
