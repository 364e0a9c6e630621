"""Segment entered, segment left: what people do, and what time does, lets them in; an edit of the rules does not."""

from datetime import timedelta

import pytest

from automation.models import Enrollment
from campaigns.document import Reentry, Trigger
from campaigns.head_words import trigger_in_words
from campaigns.trigger_kinds import TRIGGER_KINDS, from_settings, settings_of
from segments import defining
from segments.models import Segment
from tests import engine
from tests.factories import NOW, CampaignFactory, UserFactory

pytestmark = pytest.mark.django_db
PRO = {"field": "contact.plan", "op": "is", "value": "pro"}
SEEN_LATELY = {"event": "users.logged_in", "measure": "count", "op": "≥", "value": 1, "when": {
    "in the last": {"amount": 7, "unit": "days"}}}  # fmt: skip


def segment(condition, name="Customers"):
    made = defining.save(Segment(name=name, condition=condition), UserFactory(), NOW)
    engine.run(NOW)
    return made


def campaign(kind, of, **more):
    return CampaignFactory(triggers=[Trigger(kind=kind, config={"segment": of.pk})], **more)


def readers(inbox):
    return [mail.recipient for mail in inbox.accepted]


def test_who_enters_the_segment_gets_the_mail_and_who_enters_another_does_not(inbox, track):
    customers = segment(PRO)
    segment({"field": "contact.plan", "op": "is", "value": "free"}, "Free users")
    campaign("segment_entered", customers)
    track(NOW, "ann", "users.logged_in", traits={"email": "ann@example.com", "plan": "pro"})
    track(NOW, "bob", "users.logged_in", traits={"email": "bob@example.com", "plan": "free"})
    assert readers(inbox) == ["ann@example.com"]
    assert Enrollment.objects.get().data["segment_name"] == "Customers"


def test_who_leaves_it_by_the_passing_of_time_gets_the_mail(inbox, track):
    lately = segment(SEEN_LATELY)
    campaign("segment_left", lately, reentry=Reentry(mode="every_time"))
    track(NOW, "ann", "users.logged_in", traits={"email": "ann@example.com"})
    engine.run(NOW + timedelta(days=6, hours=23))
    assert readers(inbox) == []
    engine.run(NOW + timedelta(days=7, minutes=2))
    assert readers(inbox) == ["ann@example.com"]


def test_an_edit_of_the_rules_lets_nobody_in(inbox, track):
    customers = segment({"field": "contact.plan", "op": "is", "value": "enterprise"})
    campaign("segment_entered", customers)
    track(NOW, "ann", "users.logged_in", traits={"email": "ann@example.com", "plan": "pro"})
    customers.condition = PRO
    defining.save(customers, UserFactory(), NOW)
    engine.run(NOW)
    assert readers(inbox) == [] and not Enrollment.objects.exists()


def test_it_reads_as_a_sentence_and_its_form_gives_it_back():
    customers = segment(PRO)
    trigger = Trigger(kind="segment_entered", config={"segment": customers.pk})
    assert trigger_in_words(trigger) == "When somebody enters the segment “Customers”."
    form_class = TRIGGER_KINDS["segment_entered"].form
    assert form_class
    form = form_class({"segment": str(customers.pk), "filter": ""})
    assert form.is_valid() and from_settings("segment_entered", form.config()) == trigger
    assert "selected>Customers" in form_class(initial=form_class.initial_from(settings_of(trigger))).as_p()
    assert not form_class({"segment": "77", "filter": ""}).is_valid()


def test_the_segment_is_used_in_the_campaign_so_that_it_cannot_be_deleted_unseen():
    customers = segment(PRO)
    made = campaign("segment_entered", customers)
    uses = defining.USES.items()
    found = [words for _, places in uses for words, _ in places([customers.pk]).get(customers.pk, [])]
    assert found == [f"the campaign “{made}”"]
