"""What the contact page says about campaigns: what somebody is in, and how they came, went and were decided about."""

from collections import Counter

from django.db.models import F

from automation.models import Enrollment, Refusal, Visit
from campaigns.models import Step
from contacts.panels import Entry, Panel, Source, panels, sources

SHOWN = 20


class WhatTheyAreIn(Panel):
    """Campaigns with the step and when it goes on; those left lately after them."""

    title = "What they are in"
    template = "admin/contacts/what_they_are_in.html"
    order = 10
    permission = "automation.view_enrollment"

    def context(self, contact, now):
        newest = Enrollment.objects.for_contact(contact).select_related("campaign")
        rows = list(newest.order_by(F("left_at").desc(nulls_first=True), "-entered_at")[:SHOWN])
        open_visits = Visit.objects.filter(enrollment__in=rows, left_at=None)
        explained = dict(open_visits.values_list("enrollment_id", "explanation"))
        steps = self._steps({row.version_id for row in rows})
        for row in rows:
            row.words = row.said if row.state == Enrollment.State.PARKED else explained.get(row.pk) or row.explanation
            of_version = steps.get(row.version_id, {})
            row.step_number, row.step_count = of_version.get(row.step_uid), max(of_version.values(), default=0)
        return {"inside": [row for row in rows if not row.left_at], "left": [row for row in rows if row.left_at]}

    @staticmethod
    def _steps(version_ids):
        """Per version: the number of each step's card, from 1, by uid; a wait stands on the card of what follows."""
        cards: dict[int, dict[str, int]] = {}
        passed: Counter[int] = Counter()
        rows = Step.objects.filter(version__in=version_ids).order_by("position")
        for version, uid, kind in rows.values_list("version", "uid", "kind"):
            cards.setdefault(version, {})[uid] = passed[version] + 1
            passed[version] += kind != "wait"
        return cards


class Entered(Source):
    permission = "automation.view_enrollment"

    def entries(self, contact, until, limit):
        rows = Enrollment.objects.for_contact(contact).filter(entered_at__lte=until).select_related("campaign")
        for row in rows.order_by("-entered_at", "-id")[:limit]:
            yield Entry(row.entered_at, "login", f"entered “{row.campaign}”", tone="success")


class Left(Source):
    permission = "automation.view_enrollment"

    def entries(self, contact, until, limit):
        rows = Enrollment.objects.for_contact(contact).filter(left_at__lte=until).select_related("campaign")
        for row in rows.order_by("-left_at", "-id")[:limit]:
            verb = "finished" if row.state == Enrollment.State.FINISHED else "left"
            yield Entry(row.left_at, "logout", f"{verb} “{row.campaign}”", row.explanation)


class Decisions(Source):
    """What was decided at each step; mails have lines of their own."""

    permission = "automation.view_visit"

    def entries(self, contact, until, limit):
        rows = Visit.objects.filter(enrollment__contact=contact, entered_at__lte=until, message=None)
        for row in rows.select_related("enrollment__campaign").order_by("-entered_at", "-id")[:limit]:
            yield Entry(row.entered_at, "alt_route", f"in “{row.enrollment.campaign}”", row.explanation)


class Refusals(Source):
    permission = "automation.view_refusal"

    def entries(self, contact, until, limit):
        rows = Refusal.objects.filter(contact=contact, at__lte=until).select_related("campaign")
        for row in rows.order_by("-at", "-id")[:limit]:
            yield Entry(row.at, "do_not_disturb_on", f"did not enter “{row.campaign}”", row.explanation)


def register() -> None:
    panels.register("automation", WhatTheyAreIn())
    for key, source in [("entered", Entered()), ("left", Left()), ("decisions", Decisions()), ("refusals", Refusals())]:
        sources.register(key, source)
