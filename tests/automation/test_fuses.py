"""The fuse: a step that is about to mail far more people than on any day before waits for a person."""

from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry

from automation import by_hand, fuse_releasing
from automation.fuse_models import Fuse, Mailed
from automation.fuse_releasing import Refused, Terms
from automation.models import Enrollment, Visit
from campaigns import lifecycle
from campaigns.choices import Choices, StepChoice
from campaigns.document import Document, Goal, Reentry, Trigger, Watch
from campaigns.models import EmailTemplate
from campaigns.publishing import publish
from contacts import merging
from contacts.models import Contact, Identity
from ops.models import SiteSettings
from tests import engine
from tests.automation.flows import changed, flow, happens, mail, wait
from tests.automation.fused import DAY, MINUTE, comes, few, names, notes, old, readers, waiting, welcome  # noqa: F401
from tests.factories import NOW, CampaignFactory, ContactFactory, UserFactory

pytestmark = pytest.mark.django_db


def test_a_step_that_mails_few_a_day_asks_before_it_mails_many(inbox):
    publisher = UserFactory()
    campaign = old(welcome())
    for day in range(3):
        comes([f"u9{day}"], NOW + day * DAY)
    now = NOW + 3 * DAY
    comes(names(0, 26), now)
    first = readers(inbox)
    assert len(first) == 3 + 20 and waiting() == 6, "twenty times the best day before, which was 1"
    visit = Visit.objects.filter(left_at=None).first()
    assert visit.explanation == ("Held by the fuse: this step mailed 20 people today; on its best day before it was 1.")
    held = Enrollment.objects.filter(state="held")
    assert held.count() == 6 and not held.exclude(due_at=None).exists()
    assert held.first().get_state_display() == "Waiting for something outside"
    assert notes(inbox) == ["“Welcome” waits for you"]
    fuse = Fuse.objects.get()
    assert fuse_releasing.release(fuse, Terms(6), publisher, now) == 6
    engine.run(now)
    everybody = readers(inbox)
    assert len(everybody) == len(set(everybody)) == 29 and not Enrollment.objects.active().exists()
    assert LogEntry.objects.get(change_message__startswith="Let").change_message == (
        "Let 6 people go on whom the fuse had held."
    )
    assert campaign.fuses == []


def test_transactional_mail_goes_out_however_many_ask_for_it(inbox):
    old(welcome())
    EmailTemplate.objects.update(transactional=True)
    comes(names(0, 25), NOW)
    assert len(readers(inbox)) == 25 and not Fuse.objects.exists()


def test_who_comes_while_it_waits_waits_too_also_on_the_next_day(inbox):
    UserFactory()
    old(welcome())
    comes(names(0, 12), NOW)
    comes(names(20, 3), NOW + DAY)
    assert len(readers(inbox)) == 10 and waiting() == 5
    assert len(notes(inbox)) == 1, "the team is told once"


def test_what_is_released_is_not_held_again_that_day_what_comes_after_is(inbox):
    user = UserFactory()
    old(welcome())
    comes(names(0, 15), NOW)
    fuse_releasing.release(Fuse.objects.get(), Terms(5), user, NOW)
    comes(names(20, 2), NOW)
    assert len(readers(inbox)) == 15 and waiting() == 2
    fuse_releasing.release(Fuse.objects.get(), Terms(2, 3), user, NOW)
    comes(names(30, 4), NOW)
    assert len(readers(inbox)) == 15 + 2 + 3 and waiting() == 1, "three more were allowed"
    fuse_releasing.release(Fuse.objects.get(), Terms(1, None), user, NOW)
    comes(names(40, 3), NOW)
    assert waiting() == 0 and len(readers(inbox)) == 24, "no limit that day"
    comes(names(80, 12), NOW + DAY)
    assert waiting() == 0, "yesterday was the best day"


def test_some_go_on_those_who_waited_longest_first(inbox):
    user = UserFactory()
    old(welcome())
    comes(names(0, 12), NOW)
    comes(names(20, 2), NOW + MINUTE)
    fuse = Fuse.objects.get()
    with pytest.raises(Refused, match="Those who wait go before others"):
        fuse_releasing.release(fuse, Terms(2, None), user, NOW + MINUTE)
    assert waiting() == 4, "nothing was done"
    fuse_releasing.release(fuse, Terms(2), user, NOW + MINUTE)
    engine.run(NOW + MINUTE)
    assert readers(inbox) == names(0, 12) and waiting() == 2
    assert fuse_releasing.release(Fuse.objects.get(), Terms(2), user, NOW + MINUTE) == 2, "they wait for a person still"
    engine.run(NOW + MINUTE)
    assert readers(inbox) == names(0, 12) + names(20, 2)


def test_many_that_are_released_are_spread(inbox, monkeypatch):
    user = UserFactory()
    monkeypatch.setattr(fuse_releasing, "AT_ONCE", 3)
    old(welcome())
    comes(names(0, 14), NOW)
    fuse_releasing.release(Fuse.objects.get(), Terms(4), user, NOW + 3 * DAY)
    due = sorted(Enrollment.objects.active().values_list("due_at", flat=True))
    assert due == [NOW + 3 * DAY + part * 225 * timedelta(seconds=1) for part in range(4)]
    engine.run(NOW + 3 * DAY + 15 * MINUTE)
    assert len(readers(inbox)) == 14, "the days of waiting make no mail too late"


def test_two_decisions_at_once_are_one(inbox):
    user = UserFactory()
    old(welcome())
    comes(names(0, 12), NOW)
    fuse = Fuse.objects.get()
    assert fuse_releasing.take_out(fuse, user, NOW) == 2
    with pytest.raises(Refused, match="Somebody has decided"):
        fuse_releasing.release(fuse, Terms(2), user, NOW)
    out = Enrollment.objects.filter(state="exited")
    assert set(out.values_list("reason", "explanation")) == {
        ("fuse", "A person took them out, whom the fuse had held.")
    }


# --- what it is not for ---


@pytest.mark.parametrize(("day", "mailed"), [(6, 30), (8, 10)])
def test_in_the_first_days_as_many_go_as_were_said_when_it_was_activated(inbox, day, mailed):
    document = Document(name="New", triggers=[Trigger(event="users.signed_up")], steps=[mail("hello")])
    CampaignFactory(active=False)  # completes the site
    lifecycle.activate(lifecycle.create(document, None, NOW), None, NOW, expected=30)
    comes(names(0, 35), NOW + day * DAY)
    assert len(readers(inbox)) == mailed and waiting() == 35 - mailed


def test_those_of_the_first_days_were_counted_wherever_they_get_to_and_leave_the_others_their_room(inbox):
    """A back-fill of thirty gets to its second mail on the tenth day, when the campaign's first days are over."""
    UserFactory()
    steps = mail("hello", then="later"), wait("later", 10, "more"), mail("more")
    document = Document(name="New", triggers=[Trigger(event="users.signed_up")], steps=list(steps))
    CampaignFactory(active=False)  # completes the site
    lifecycle.activate(lifecycle.create(document, None, NOW), None, NOW, expected=30)
    comes(names(0, 30), NOW)
    comes(names(50, 10), NOW + 5 * MINUTE + 8 * DAY)
    inbox.accepted.clear()
    engine.run(NOW + 10 * DAY)
    assert readers(inbox) == names(0, 30) and waiting() == 0
    engine.run(NOW + 18 * DAY + 10 * MINUTE)
    assert len(readers(inbox)) == 40 and waiting() == 0 and not Fuse.objects.exists()


def test_more_than_were_counted_are_held_in_a_later_step_too(inbox):
    UserFactory()
    document = Document(
        name="New", triggers=[Trigger(event="users.signed_up")], steps=[wait("later", 10, "more"), mail("more")]
    )
    CampaignFactory(active=False)
    lifecycle.activate(lifecycle.create(document, None, NOW), None, NOW, expected=20)
    comes(names(0, 35), NOW)
    engine.run(NOW + 10 * DAY)
    assert len(readers(inbox)) == 20 + 10 and waiting() == 5, "as many as were counted, and the usual room"


def test_a_broadcast_goes_to_as_many_as_were_confirmed_whenever_it_goes(inbox):
    people = ContactFactory.create_batch(14)
    Contact.objects.filter(pk=people[0].pk).update(is_test=True)
    at = (NOW + 20 * DAY).strftime("%Y-%m-%dT%H:%M")
    draft = CampaignFactory(active=False, triggers=[Trigger(kind="broadcast", config={"at": at})])
    lifecycle.activate(draft, UserFactory(), NOW, expected=14)
    engine.run(NOW + 20 * DAY)
    engine.run(NOW + 20 * DAY + 20 * MINUTE)
    assert len(inbox.accepted) == 14 and waiting() == 0


def test_test_contacts_and_people_without_an_address_neither_count_nor_wait(inbox):
    old(welcome(reentry=Reentry(mode="every_time")))
    comes(names(0, 9), NOW)
    Contact.objects.filter(address__email__startswith="u000").update(is_test=True)
    comes(names(0, 9), NOW)
    assert len(readers(inbox)) == 18 and Mailed.objects.get(mailed__gt=0).mailed == 9
    comes(names(20, 2), NOW)
    assert len(readers(inbox)) == 19 and waiting() == 1


# --- nobody is lost ---


@pytest.fixture
def stopped(inbox):
    """Ten were mailed, two wait; a second mail would follow."""
    UserFactory()
    bought = Watch(uid="bought", event="order.completed")
    reads = Goal(uid="reads", event="page.viewed")
    steps = mail("hello", then="later"), wait("later", 2, "more"), mail("more")
    campaign = old(flow(*steps, exits=[bought], goals=[reads]))
    comes(names(0, 12), NOW)
    return campaign


def test_who_waits_leaves_by_a_reason_and_by_a_goal(stopped, inbox):
    happens(["u0011"], "order.completed", NOW + MINUTE)
    happens(["u0010"], "page.viewed", NOW + MINUTE)
    engine.run(NOW + MINUTE)
    assert waiting() == 0 and len(readers(inbox)) == 10
    assert set(Enrollment.objects.filter(state="exited").values_list("reason", flat=True)) == {"exit", "goal"}
    comes(["u0030"], NOW + DAY)
    assert waiting() == 1, "nobody has decided yet"
    assert fuse_releasing.release(Fuse.objects.get(), Terms(1), None, NOW + DAY) == 1
    comes(["u0031"], NOW + DAY)
    assert waiting() == 0 and len(readers(inbox)) == 12


def test_archiving_takes_them_out(stopped):
    lifecycle.archive(stopped, None, NOW)
    assert not Enrollment.objects.active().exists() and not fuse_releasing.all_blown().exists()


def test_a_person_moves_one_of_them_on(stopped, inbox):
    row = Enrollment.objects.filter(state="held").first()
    by_hand.move(row, "later", None, NOW)
    engine.run(NOW)
    row.refresh_from_db()
    assert (row.state, row.step_uid) == ("active", "later") and waiting() == 1


def test_a_pause_does_not_let_them_go(stopped, inbox):
    lifecycle.pause(stopped, None, NOW)
    lifecycle.resume(stopped, None, NOW + MINUTE)
    engine.run(NOW + MINUTE)
    assert waiting() == 2 and len(readers(inbox)) == 10
    lifecycle.pause(stopped, None, NOW + MINUTE)
    fuse_releasing.release(Fuse.objects.get(), Terms(2), None, NOW + MINUTE)
    engine.run(NOW + MINUTE)
    assert len(readers(inbox)) == 10, "it is paused"
    lifecycle.resume(stopped, None, NOW + 2 * MINUTE)
    engine.run(NOW + 2 * MINUTE)
    assert len(readers(inbox)) == 12


def test_a_new_version_takes_them_along_and_a_removed_step_moves_them(stopped, inbox):
    document = lifecycle.parse(stopped.draft)
    changed(stopped, document.steps[0], document.steps[1], mail("more", "other"))
    assert waiting() == 2
    stopped.refresh_from_db()
    document = lifecycle.parse(stopped.draft)
    document.steps = document.steps[1:]
    lifecycle.save_draft(stopped, document, stopped.revision, None, NOW)
    publish(stopped, None, NOW, Choices(removed={"hello": StepChoice(then="due", target="later")}))
    engine.run(NOW)
    assert waiting() == 2 and len(readers(inbox)) == 10, "a person has not decided yet"
    [row] = fuse_releasing.blown(stopped, NOW)
    assert row.waiting == 2
    assert fuse_releasing.release(Fuse.objects.get(), Terms(2), None, NOW) == 2
    engine.run(NOW)
    assert Enrollment.objects.filter(state="active", step_uid="later").count() == 12
    assert not fuse_releasing.all_blown().exists(), "the step is there no more, and nobody waits"


def test_a_merge_takes_the_younger_one_out(stopped, inbox):
    ids = dict(Identity.objects.filter(kind="user").values_list("value", "contact_id"))
    merging.merge([(ids["u0000"], ids["u0011"])], NOW)
    merging.merge([(ContactFactory().pk, ids["u0010"])], NOW)
    engine.run(NOW)
    assert Enrollment.objects.get(reason="merged").contact_id == ids["u0000"] and waiting() == 1
    fuse_releasing.release(Fuse.objects.get(), Terms(1), None, NOW)
    engine.run(NOW)
    assert waiting() == 0 and len(inbox.accepted) == 12, "eleven, and the note to the team"


def test_what_a_person_let_go_stays_so_through_the_quiet_hours(inbox):
    user = UserFactory()
    old(welcome())
    comes(names(0, 12), NOW)
    night = NOW + timedelta(hours=12)
    SiteSettings.objects.update(quiet_from="20:00", quiet_to="08:00")
    fuse_releasing.release(Fuse.objects.get(), Terms(1), user, night)
    engine.run(night)
    assert Visit.objects.filter(left_at=None, facts__has_key="held_until").count() == 1
    assert len(readers(inbox)) == 10 and waiting() == 1
    engine.run(NOW + DAY)
    assert len(readers(inbox)) == 11 and waiting() == 1, "the other one still waits for a person"


def test_the_same_release_said_twice_lets_nobody_else_go(inbox):
    user = UserFactory()
    old(welcome())
    comes(names(0, 14), NOW)
    fuse = Fuse.objects.get()
    terms = Terms(1, 0, fuse_releasing.first_waiting(fuse))
    assert fuse_releasing.release(fuse, terms, user, NOW) == 1
    with pytest.raises(Refused, match="decided about it meanwhile"):
        fuse_releasing.release(fuse, terms, user, NOW)
    assert waiting() == 3
