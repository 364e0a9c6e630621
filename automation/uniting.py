"""Merge: the older enrollment survives, the other exits `merged`; where `once` is for ever, a finished one does."""

from datetime import datetime

from django.db.models import F
from django.db.models.functions import Greatest

from automation.enrolling import leave
from automation.models import Assignment, DateDue, Enrollment, EntryRequest, Refusal, SiteAssignment


def unite(winner_id: int, loser_id: int, now: datetime) -> None:
    """A merge step: enrollments, assignments and refusals of the loser become the winner's."""
    _leave_younger(winner_id, loser_id, now)
    _leave_what_one_has_been_through(winner_id, loser_id, now)
    _yield_once(winner_id, loser_id)
    Enrollment.objects.filter(contact_id=loser_id).update(contact_id=winner_id)
    _assignments(winner_id, loser_id)
    _days(winner_id, loser_id)
    Refusal.objects.filter(contact_id=loser_id).update(contact_id=winner_id)
    EntryRequest.objects.filter(contact_id=loser_id).update(contact_id=winner_id)


def _leave_younger(winner_id: int, loser_id: int, now: datetime) -> None:
    """Of two enrollments inside the same campaign under the same key, the younger leaves."""
    inside = Enrollment.objects.active().filter(contact_id__in=[winner_id, loser_id]).order_by("entered_at", "pk")
    seen: set[tuple[int, str]] = set()
    younger = []
    for row in inside:
        if (row.campaign_id, row.entry_key) in seen:
            younger.append(row.pk)
        seen.add((row.campaign_id, row.entry_key))
    leave(younger, "merged", "The contact was merged with another one that was already inside.", now)


def _leave_what_one_has_been_through(winner_id: int, loser_id: int, now: datetime) -> None:
    """`once` is for ever: else the mails that one of them has got would go to the same mailbox again."""
    both = Enrollment.objects.filter(contact_id__in=[winner_id, loser_id], once=True)
    through = set(both.filter(state="finished").exclude(arm="holdout").values_list("campaign_id", "entry_key"))
    again = [row.pk for row in both.active() if (row.campaign_id, row.entry_key) in through]
    leave(again, "merged", "The contact was merged with another one that had been through the campaign.", now)


def _yield_once(winner_id: int, loser_id: int) -> None:
    """`once` counts the two as one from now on; the rows of both stay as history, so only the older is marked."""
    both = Enrollment.objects.filter(contact_id__in=[winner_id, loser_id], once=True).order_by("entered_at", "pk")
    seen: set[tuple[int, str]] = set()
    later = []
    for row in both:
        if (row.campaign_id, row.entry_key) in seen:
            later.append(row.pk)
        seen.add((row.campaign_id, row.entry_key))
    Enrollment.objects.filter(pk__in=later).update(once=False)


def _assignments(winner_id: int, loser_id: int) -> None:
    """A merge moves nobody who is already assigned: the winner's choices stand."""
    kept = Assignment.objects.filter(contact_id=winner_id).values_list("campaign_id", "name")
    for campaign_id, name in kept:
        Assignment.objects.filter(contact_id=loser_id, campaign_id=campaign_id, name=name).delete()
    Assignment.objects.filter(contact_id=loser_id).update(contact_id=winner_id)
    if SiteAssignment.objects.filter(contact_id=winner_id).exists():
        SiteAssignment.objects.filter(contact_id=loser_id).delete()
    SiteAssignment.objects.filter(contact_id=loser_id).update(contact_id=winner_id)


def _days(winner_id: int, loser_id: int) -> None:
    """A day that let one of them in lets the other in no more. When the winner's comes is worked out by its news."""
    past = DateDue.objects.filter(contact_id=loser_id)
    for day in past.exclude(done=None):
        same = DateDue.objects.filter(campaign_id=day.campaign_id, trigger=day.trigger, contact_id=winner_id)
        if not same.update(done=Greatest(F("done"), day.done)):
            DateDue.objects.filter(pk=day.pk).update(contact_id=winner_id)
    past.delete()
