"""The page of somebody inside a campaign: the way they took, drawn and told decision by decision; what comes next."""

from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from automation import hand_pages, webhook_admin
from automation.models import Enrollment
from automation.way_taken import LONGEST, WayTaken
from campaigns.document import NotADocument, parse
from campaigns.message_admin import link_to
from campaigns.pages import found, page
from campaigns.publishing import describe
from lib import clock


def enrollment_page(model_admin, request: HttpRequest, object_id: str) -> HttpResponse:
    """A fixed number of queries for each version, however long the way."""
    enrollment = found(model_admin, request, object_id)
    visits = list(enrollment.visits.select_related("message", "version").order_by("-id")[:LONGEST])[::-1]
    before = enrollment.visits.filter(pk__lt=visits[0].pk).count() if len(visits) == LONGEST else 0
    webhook_admin.attach(visits, enrollment)
    return page(
        model_admin,
        request,
        "automation/enrollment.html",
        str(enrollment),
        enrollment,
        enrollment=enrollment,
        way=WayTaken(enrollment, visits, before),
        coming=steps_to_come(enrollment),
        now=clock.now(),
        buttons=hand_pages.buttons(request, enrollment),
        why=f"{reverse('admin:automation_enrollment_why')}?contact={enrollment.contact_id}"
        f"&campaign={enrollment.campaign.test_of_id or enrollment.campaign_id}",
        contact_link=link_to(enrollment.contact),
        campaign_link=link_to(enrollment.campaign.test_run if enrollment.campaign.test_of_id else enrollment.campaign),
    )


def steps_to_come(enrollment: Enrollment) -> list[str]:
    """The steps ahead in words, along the usual way of the enrollment's version; none for who is out."""
    if enrollment.state not in Enrollment.INSIDE or enrollment.arm == "holdout":
        return []
    try:
        document = parse(enrollment.version.document)
    except NotADocument:
        return []
    words: list[str] = []
    step = document.step(enrollment.step_uid)
    while step and len(words) < len(document.steps):  # a way may lead back
        words.append(describe(step))
        step = document.step(step.next.get("done") or "")
    return words
