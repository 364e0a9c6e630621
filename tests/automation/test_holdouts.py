"""Held out by chance: of a campaign, of the site; kept through changes and merges; never at the cost of a receipt."""

from datetime import timedelta

import pytest

from automation.models import Assignment, Enrollment, SiteAssignment, Visit
from campaigns.document import Reentry
from campaigns.linear import Row
from contacts import merging
from contacts.models import Contact
from tests import engine
from tests.automation.publishing_again import edit, now_rows, publish, subjects
from tests.factories import NOW, CampaignFactory, TemplateFactory, site

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
OFTEN = Reentry(mode="every_time")


def both(**more):
    """A receipt, and two days later an offer."""
    receipt, offer = TemplateFactory(subject="Receipt", transactional=True), TemplateFactory(subject="Offer")
    rows = [
        Row(uid="receipt", template=receipt.pk),
        Row(uid="offer", wait_uid="wait", wait_amount=2, wait_unit="days", template=offer.pk),
    ]
    return CampaignFactory(event="users.signed_up", rows=rows, **more)


def come(track, *names, now=NOW):
    for name in names:
        track(now, name, "users.signed_up", traits={"email": f"{name}@example.com"}, run=name == names[-1])


def hold(campaign, contact_id, arm="holdout"):
    Assignment.objects.create(campaign=campaign, contact_id=contact_id, name="holdout", arm=arm, at=NOW)


@pytest.fixture
def ann(track):
    track(NOW, "ann", "users.logged_in", traits={"email": "ann@example.com"})
    return Contact.objects.get(identities__value="ann")


@pytest.mark.parametrize("whose", ["campaign", "site"])
def test_whoever_is_held_out_gets_the_receipt_and_not_the_offer(inbox, track, ann, whose):
    site(holdout=15 if whose == "site" else 0)
    campaign = both(holdout=50 if whose == "campaign" else 0)
    if whose == "site":
        SiteAssignment.objects.create(contact=ann, held_out=True, at=NOW)
    else:
        hold(campaign, ann.pk)
    come(track, "ann")
    row = Enrollment.objects.get()
    assert (row.arm, row.state, row.left_at) == ("holdout", "active", None)
    engine.run(NOW + 2 * DAY)
    assert subjects(inbox) == ["Receipt"]
    offer = Visit.objects.get(step_uid="offer")
    assert offer.arm == "holdout" and offer.explanation.startswith("Not sent: they are held out by chance")
    assert Enrollment.objects.get().state == "finished"


def test_who_is_not_held_out_gets_both_and_marketing_alone_is_nothing_at_all(inbox, track, ann):
    campaign = both(holdout=50)
    hold(campaign, ann.pk, arm="in")
    only = CampaignFactory(event="users.signed_up", template=TemplateFactory(subject="News"), holdout=50)
    hold(only, ann.pk)
    come(track, "ann")
    engine.run(NOW + 2 * DAY)
    assert subjects(inbox) == ["Receipt", "Offer"]
    row = Enrollment.objects.get(campaign=only)
    assert (row.arm, row.state, row.left_at, row.visits.count()) == ("holdout", "finished", NOW, 0)


def test_a_campaign_of_receipts_alone_holds_nobody_out(inbox, track, ann):
    campaign = CampaignFactory(
        event="users.signed_up", template=TemplateFactory(subject="Receipt", transactional=True), holdout=50
    )
    hold(campaign, ann.pk)
    come(track, "ann")
    assert subjects(inbox) == ["Receipt"] and Enrollment.objects.get().arm == ""


@pytest.mark.parametrize("percent", [0, 1, 50])
def test_another_percentage_moves_nobody_who_was_assigned(track, inbox, percent):
    site(holdout=15)
    campaign = CampaignFactory(event="users.signed_up", holdout=25, reentry=OFTEN)
    names = [f"p{number}" for number in range(40)]
    come(track, *names)
    before = dict(Assignment.objects.values_list("contact", "arm"))
    of_site = dict(SiteAssignment.objects.values_list("contact", "held_out"))
    assert len(before) == len(of_site) == 40 and {"holdout", "in"} == set(before.values())
    edit(campaign, now_rows(campaign), holdout=percent)
    publish(campaign, NOW + DAY)
    site(holdout=min(percent, 1))
    come(track, *names, now=NOW + DAY)
    assert dict(Assignment.objects.values_list("contact", "arm")) == before
    assert dict(SiteAssignment.objects.values_list("contact", "held_out")) == of_site
    held = {pk for pk, arm in before.items() if arm == "holdout"} | {pk for pk, out in of_site.items() if out}
    again = Enrollment.objects.filter(entered_at=NOW + DAY)
    assert set(again.filter(arm="holdout").values_list("contact", flat=True)) == held and again.count() == 40


@pytest.mark.parametrize(("winner", "loser", "arm"), [("holdout", "in", "holdout"), ("in", "holdout", "in")])
def test_a_merge_moves_nobody(track, ann, winner, loser, arm):
    campaign = both(holdout=50)
    come(track, "bob")
    bob = Contact.objects.get(identities__value="bob")
    Assignment.objects.all().delete()
    for contact, its in ((ann, winner), (bob, loser)):
        hold(campaign, contact.pk, its)
        SiteAssignment.objects.update_or_create(contact=contact, defaults={"held_out": its == "holdout", "at": NOW})
    merging.merge([(ann.pk, bob.pk)], NOW)
    engine.run(NOW)
    assert list(Assignment.objects.values_list("contact", "arm")) == [(ann.pk, arm)]
    assert list(SiteAssignment.objects.values_list("contact", "held_out")) == [(ann.pk, arm == "holdout")]


def test_what_only_the_other_one_was_assigned_is_the_winner_s(track, ann):
    campaign = both()
    come(track, "bob")
    bob = Contact.objects.get(identities__value="bob")
    hold(campaign, bob.pk)
    merging.merge([(ann.pk, bob.pk)], NOW)
    engine.run(NOW)
    assert list(Assignment.objects.values_list("contact", "arm")) == [(ann.pk, "holdout")]
