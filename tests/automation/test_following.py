"""Publishing while people are inside: they follow or drain, waits are kept or recomputed, removed steps are decided."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from automation import engine as verbs
from automation.advancing import advance
from automation.models import Enrollment, Visit
from campaigns import lifecycle, publishing, sending
from campaigns.models import Message, Version
from contacts import merging
from contacts.models import Contact
from events import pipeline
from tests import engine
from tests.automation.publishing_again import (
    DAY,
    HOUR,
    edit,
    everybody_stands_in_their_version,
    mails,
    now_rows,
    publish,
    subjects,
    template,
)  # fmt: skip
from tests.factories import NOW, CampaignFactory, TopicFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def three(inbox):
    return CampaignFactory(event="users.signed_up", rows=mails("first", "second", "third"))


def come(track, *names, at=NOW, run=True):
    for name in names:
        track(at, name, "users.signed_up", traits={"email": f"{name}@example.com"}, run=run and name == names[-1])


def people(count: int, campaign, uid: str, **fields) -> None:
    """Many who wait in a step, without the way there."""
    contacts = Contact.objects.bulk_create(Contact(created_at=NOW, updated_at=NOW) for _ in range(count))
    rows = Enrollment.objects.bulk_create(
        Enrollment(
            campaign=campaign,
            contact=contact,
            version=campaign.live,
            step_uid=uid,
            due_at=NOW + DAY,
            scheduled_at=NOW + DAY,
            entered_at=NOW,
            **fields,
        )
        for contact in contacts
    )
    Visit.objects.bulk_create(
        Visit(enrollment=row, version=campaign.live, step_uid=uid, kind="wait", entered_at=NOW, explanation="Waits.")
        for row in rows
    )


def without(campaign, *uids):
    """The rows without some waits and mails."""
    kept = [row for row in now_rows(campaign) if row.uid not in uids]
    for row in kept:
        if row.wait_uid in uids:
            row.wait_uid, row.wait_amount = "", 0
    return kept


# --- follow and drain ---


def test_who_drains_gets_the_old_mails_and_who_enters_gets_the_new(inbox, track, three):
    come(track, "ann")
    rows = now_rows(three)
    rows[1].template, rows[2].template = template("new second"), template("new third")
    edit(three, rows)
    version = publish(three, NOW + HOUR, people="drain")
    assert Version.objects.get(pk=version.pk).choices["people"] == "drain"
    come(track, "bob", at=NOW + HOUR)
    engine.run(NOW + DAY + HOUR)
    engine.run(NOW + 2 * DAY + HOUR)
    by_name = {"ann": [], "bob": []}
    for mail in inbox.accepted:
        by_name[mail.recipient.partition("@")[0]].append(mail.message["Subject"])
    assert by_name == {"ann": ["first", "second", "third"], "bob": ["first", "new second", "new third"]}


def test_who_drains_may_have_steps_that_are_no_more(inbox, track, three):
    come(track, "ann")
    edit(three, without(three, "mail1", "wait1"))
    publish(three, NOW + HOUR, people="drain")
    engine.run(NOW + DAY)
    engine.run(NOW + 2 * DAY)
    assert subjects(inbox) == ["first", "second", "third"]
    assert Enrollment.objects.get().state == "finished"


def test_who_drains_is_mailed_under_the_topic_of_their_version(inbox, track, three):
    come(track, "ann")
    edit(three, now_rows(three), topic=TopicFactory(key="news").key)
    publish(three, NOW, people="drain")
    come(track, "bob", at=NOW)
    engine.run(NOW + DAY)
    mailed = Message.objects.filter(step_uid="mail1").order_by("contact_id")
    assert list(mailed.values_list("topic__key", flat=True)) == [None, "news"]


def test_following_takes_along_who_drains_from_older_versions(inbox, track, three):
    come(track, "ann")
    edit(three, now_rows(three)[:2])
    publish(three, NOW, people="drain")
    come(track, "bob", at=NOW)
    rows = now_rows(three)
    rows[1].template = template("new second")
    edit(three, rows)
    publish(three, NOW + HOUR)
    assert set(Enrollment.objects.values_list("version__number", flat=True)) == {3}
    engine.run(NOW + DAY)
    assert sorted(subjects(inbox)) == ["first", "first", "new second", "new second"]


def test_steps_that_only_an_older_version_has_must_be_decided_too(inbox, track, three):
    come(track, "ann")
    edit(three, without(three, "mail1", "wait1"))
    publish(three, NOW, people="drain")
    edit(three, now_rows(three), objective="Another one")
    with pytest.raises(publishing.Refused) as refusal:
        publish(three, NOW)
    assert refusal.value.sentences == [
        "1 person waits in the step “wait 1 day”, which is removed: choose what becomes of them."
    ]
    publish(three, NOW, removed={"wait1": ("next", "")})
    assert Enrollment.objects.get().step_uid == "wait2"
    everybody_stands_in_their_version()


# --- waits ---


@pytest.mark.parametrize(("days", "due"), [(3, NOW + 3 * DAY), (0.25, NOW + 12 * HOUR), (0.75, NOW + 18 * HOUR)])
def test_a_wait_is_worked_out_anew_and_what_was_waited_counts(inbox, track, three, days, due):
    come(track, "ann")
    rows = now_rows(three)
    rows[1].wait_amount = days
    edit(three, rows)
    publish(three, NOW + 12 * HOUR, waits={"wait1": "recompute"})
    row = Enrollment.objects.get()
    assert row.due_at == row.scheduled_at == due
    assert "version 2" in row.visits.get(left_at=None).explanation
    if due > NOW + 12 * HOUR:
        engine.run(due - 60 * (HOUR / 3600))
        assert subjects(inbox) == ["first"]
    engine.run(due)
    assert subjects(inbox) == ["first", "second"]


def test_a_wait_that_would_have_ended_long_ago_makes_no_mail_too_late(inbox, track):
    campaign = CampaignFactory(event="users.signed_up", rows=mails("first", "second", wait=10))
    come(track, "ann")
    rows = now_rows(campaign)
    rows[1].wait_amount = 1
    edit(campaign, rows)
    publish(campaign, NOW + 8 * DAY, waits={"wait1": "recompute"})
    engine.run(NOW + 8 * DAY)
    assert subjects(inbox) == ["first", "second"]


def test_a_wait_that_nobody_chose_to_recompute_is_kept(inbox, track, three):
    come(track, "ann")
    rows = now_rows(three)
    rows[1].wait_amount = 5
    edit(three, rows)
    publish(three, NOW + HOUR)
    assert Enrollment.objects.get().due_at == NOW + DAY


# --- removed steps ---


def test_forty_people_wait_in_a_step_that_is_removed_and_publishing_is_refused_until_it_is_decided(three):
    people(40, three, "wait1")
    edit(three, without(three, "wait1"))
    with pytest.raises(publishing.Refused) as refusal:
        publish(three, NOW)
    assert refusal.value.sentences == [
        "40 people wait in the step “wait 1 day”, which is removed: choose what becomes of them."
    ]
    three.refresh_from_db()
    assert three.live.number == 1
    with pytest.raises(publishing.Refused, match="choose a step that the new version has"):
        publish(three, NOW, removed={"wait1": ("step", "nonsense")})


@pytest.mark.parametrize(
    ("deed", "target", "at_once", "a_day_later", "where"),
    [
        ("next", "", ["second"], [], "wait2"),
        ("step", "mail2", ["third"], [], ""),
        ("due", "mail2", [], ["third"], ""),
        ("due", "mail1", [], ["second"], "wait2"),
        ("exit", "", [], [], ""),
    ],
)
def test_each_choice_for_those_in_a_removed_step(inbox, track, three, deed, target, at_once, a_day_later, where):
    come(track, "ann", "bob", "cy")
    edit(three, without(three, "wait1"))
    publish(three, NOW + HOUR, removed={"wait1": (deed, target)})
    everybody_stands_in_their_version()
    engine.run(NOW + HOUR)
    assert subjects(inbox) == ["first"] * 3 + at_once * 3
    engine.run(NOW + DAY)
    assert subjects(inbox) == ["first"] * 3 + (at_once + a_day_later) * 3
    inside = set(Enrollment.objects.active().values_list("step_uid", flat=True))
    assert inside == ({where} if where else set())
    if deed == "exit":
        assert set(Enrollment.objects.values_list("state", "reason")) == {("exited", "step_removed")}
    left = Visit.objects.filter(step_uid="wait1")
    assert left.count() == 3 and not left.filter(left_at=None).exists()
    assert all("removed" in visit.explanation.lower() for visit in left)


def test_nothing_after_a_removed_last_step_is_the_end(inbox, track, three):
    come(track, "ann")
    edit(three, now_rows(three)[:1])
    publish(three, NOW, removed={"wait1": ("next", "")})
    row = Enrollment.objects.get()
    assert (row.state, row.due_at, row.left_at) == ("finished", None, NOW)
    assert row.explanation.endswith("Nothing came after it.")


def test_a_step_that_becomes_another_kind_of_step_is_removed_for_those_inside(inbox, track, three):
    come(track, "ann")
    steps = lifecycle.parse(three.draft).steps
    steps[1].kind, steps[1].config = "leave", {}
    edit(three, steps)
    with pytest.raises(publishing.Refused, match="choose what becomes of them"):
        publish(three, NOW)
    publish(three, NOW, removed={"wait1": ("step", "wait1")})
    engine.run(NOW)
    assert list(Enrollment.objects.values_list("state", "reason")) == [("exited", "step")]


def held(track, campaign):
    """Ann’s first mail is queued, and she waits for it."""
    come(track, "ann", run=False)
    pipeline.drain(NOW), advance(NOW)
    assert Enrollment.objects.get().state == "held"


@pytest.mark.parametrize(
    ("deed", "target", "got"),
    [("next", "", ["second"]), ("due", "mail1", ["first", "second"]), ("exit", "", [])],
)
def test_who_waits_for_the_mail_of_a_removed_step(inbox, track, three, deed, target, got):
    held(track, three)
    rows = without(three, "mail0", "wait1")
    edit(three, rows)
    publish(three, NOW, removed={"mail0": (deed, target)})
    everybody_stands_in_their_version()
    engine.run(NOW)
    assert subjects(inbox) == got
    assert Message.objects.filter(settled_at=None).count() == 0
    assert not Visit.objects.filter(step_uid="mail0", left_at=None).exists()


@pytest.mark.parametrize("deed", ["next", "due"])
def test_a_mail_that_is_out_but_not_heard_of_is_not_mailed_again(inbox, track, three, deed):
    come(track, "ann", run=False)
    pipeline.drain(NOW), advance(NOW), sending.send_due(NOW)
    edit(three, without(three, "mail0", "wait1"))
    publish(three, NOW, removed={"mail0": (deed, "mail1" if deed == "due" else "")})
    engine.run(NOW)
    assert subjects(inbox) == ["first", "second"]
    engine.run(NOW + DAY)
    assert subjects(inbox) == ["first", "second", "third"]


def test_who_is_parked_in_a_removed_step_goes_on_now_where_that_was_chosen(inbox, track, three):
    come(track, "ann")
    Enrollment.objects.update(state="parked", due_at=None, reason="fault", explanation="boom")
    edit(three, without(three, "wait1"))
    publish(three, NOW, removed={"wait1": ("next", "")})
    engine.run(NOW)
    assert subjects(inbox) == ["first", "second"]


def test_who_is_parked_in_a_step_that_stays_waits_for_a_person_as_before(inbox, track, three):
    come(track, "ann")
    Enrollment.objects.update(state="parked", due_at=None, reason="fault", explanation="boom")
    edit(three, without(three, "mail2", "wait2"))
    publish(three, NOW)
    row = Enrollment.objects.get()
    assert (row.state, row.version.number) == ("parked", 2)
    verbs.release(row, NOW)
    engine.run(NOW)
    assert subjects(inbox) == ["first", "second"]


def test_who_is_to_go_elsewhere_when_due_can_be_moved_once_more_before(inbox, track, three):
    come(track, "ann")
    edit(three, without(three, "wait1"))
    publish(three, NOW, removed={"wait1": ("due", "mail1")})
    edit(three, without(three, "mail1"))
    publish(three, NOW + HOUR, removed={"mail1": ("due", "mail2")})
    engine.run(NOW + HOUR)
    assert subjects(inbox) == ["first"]
    engine.run(NOW + DAY)
    assert subjects(inbox) == ["first", "third"]


def test_publishing_while_paused_decides_and_nothing_moves_before_it_is_resumed(inbox, track, three):
    come(track, "ann")
    lifecycle.pause(three, None, NOW)
    edit(three, without(three, "wait1"))
    publish(three, NOW + HOUR, removed={"wait1": ("next", "")})
    engine.run(NOW + HOUR)
    assert subjects(inbox) == ["first"]
    lifecycle.resume(three, None, NOW + 2 * HOUR)
    engine.run(NOW + 2 * HOUR)
    assert subjects(inbox) == ["first", "second"]


def test_a_chosen_step_may_lead_back_and_is_mailed_by_its_own_visit(inbox, track, three):
    come(track, "ann")
    edit(three, without(three, "wait1"))
    publish(three, NOW, removed={"wait1": ("step", "mail0")})
    engine.run(NOW)
    assert subjects(inbox) == ["first", "first", "second"], "sent again because a person chose it"
    assert sorted(Visit.objects.filter(step_uid="mail0").values_list("occurrence", flat=True)) == [1, 2]


def test_merged_people_follow_with_the_enrollment_that_survives(inbox, track, three):
    come(track, "ann", "anna")
    ann, anna = Contact.objects.order_by("id")
    merging.merge([(ann.pk, anna.pk)], NOW)
    edit(three, without(three, "wait1"))
    publish(three, NOW, removed={"wait1": ("due", "mail1")})
    engine.run(NOW)
    everybody_stands_in_their_version()
    engine.run(NOW + DAY)
    assert subjects(inbox) == ["first", "first", "second"]


# --- sets ---


@pytest.mark.parametrize("deed", ["next", "due", "exit"])
def test_five_thousand_in_flight_take_as_many_statements_as_ten(inbox, deed):
    counts = []
    for size in (10, 5000):
        campaign = CampaignFactory(rows=mails("first", "second", "third"))
        for uid in ("wait1", "wait2"):
            people(size // 2, campaign, uid)
        rows = without(campaign, "wait1")
        rows[2].wait_amount = 3
        edit(campaign, rows)
        with CaptureQueriesContext(connection) as captured:
            chosen = {"wait1": (deed, "mail1" if deed == "due" else "")}
            version = publish(campaign, NOW + HOUR, removed=chosen, waits={"wait2": "recompute"})
        counts.append(len(captured))
        inside = Enrollment.objects.active().filter(campaign=campaign)
        assert inside.count() == (size // 2 if deed == "exit" else size)
        assert set(inside.values_list("version", flat=True)) == {version.pk}
        assert set(inside.filter(step_uid="wait2").values_list("due_at", flat=True)) == {NOW + 3 * DAY}
        assert not inside.filter(step_uid="wait1").exists()
    assert counts[0] == counts[1] < 70
