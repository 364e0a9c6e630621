"""Pages of test runs: starting one, what came of it, doing it again, stopping it."""

from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.contrib.postgres.expressions import ArraySubquery
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse

from automation import pace, running
from automation.models import Enrollment, TestRun, Visit
from automation.run_forms import StartForm
from automation.running import SPEEDS
from campaigns.canvas_pages import looked_at
from campaigns.document import Document
from campaigns.models import Campaign
from campaigns.pages import found, number, page, tell
from campaigns.sequence_words import readable
from lib import clock
from lib.admin import ask
from ops.models import SiteSettings

TEST = "campaigns.send_test"
LISTED = 10


def start_page(model_admin, request: HttpRequest) -> HttpResponse:
    """Choose whom to test with; `campaign`, or the run that is done again, stands in the address."""
    if not request.user.has_perm(TEST):
        raise PermissionDenied
    again = TestRun.objects.filter(pk=number(request.GET.get("again")) or 0).select_related("campaign__test_of").first()
    asked = again.campaign.test_of_id if again else number(request.GET.get("campaign"))
    campaign = Campaign.objects.select_related("live").filter(pk=asked or 0).first()
    if campaign is None:
        raise Http404("There is no such campaign.")
    if before := _started_by(request):
        return _shown(request, before, "This form has started a test run already; here it is.")
    document = _definition(campaign, again, request)
    data = request.POST if request.method == "POST" else None
    form = StartForm(data, campaign=campaign, document=document, user=request.user, again=again)
    if data is not None and form.is_valid():
        try:
            run = _start_once(campaign, form, request)
        except running.Refused as refused:
            for sentence in refused.sentences:
                form.add_error(None, sentence)
        else:
            return _shown(request, run, "The test run has begun. Look here how it goes on, and into the mailbox.")
    return page(
        model_admin,
        request,
        "automation/run_start.html",
        f"Test run: {campaign}",
        campaign=campaign,
        form=form,
        obstacles=[] if form.is_bound else running.obstacles(document),
        runs=[_told(run) for run in of_campaign(campaign)[:LISTED]],
        media=model_admin.media + form.media,
    )


def _definition(campaign: Campaign, again: TestRun | None, request: HttpRequest) -> Document:
    """What the form asks about: the draft; where that cannot be read, nothing."""
    live = request.POST.get("version") == "live" or (again is not None and not again.of_draft)
    return running.definition(campaign, of_draft=False) if campaign.live_id and live else readable(campaign)


def _shown(request: HttpRequest, run: TestRun, said: str) -> HttpResponse:
    tell(request, said)
    return redirect("admin:automation_testrun_change", run.pk)


def _started_by(request: HttpRequest) -> TestRun | None:
    """The run that this form has started before."""
    try:
        return TestRun.objects.filter(token=UUID(request.POST.get("token", ""))).first()
    except ValueError:
        return None


def _start_once(campaign: Campaign, form: StartForm, request: HttpRequest) -> TestRun:
    try:
        return _start(campaign, form, request.user)
    except IntegrityError:  # the same form at the same time: its token was waited for
        if before := _started_by(request):
            return before
        raise


@transaction.atomic  # a test contact is not left behind by a run that was refused
def _start(campaign: Campaign, form: StartForm, user) -> TestRun:
    now = clock.now()
    return running.start(campaign, form.people_to_test(now), user, now, form.chosen())


def of_campaign(campaign: Campaign):
    rows = with_states(TestRun.objects.filter(campaign__test_of=campaign))
    return rows.select_related("campaign__test_of", "started_by")


def with_states(runs: QuerySet[TestRun]) -> QuerySet[TestRun]:
    """`states`: those in which their people are."""
    states = Enrollment.objects.filter(campaign=OuterRef("campaign")).order_by().values("state").distinct()
    return runs.annotate(states=ArraySubquery(states))


def run_page(model_admin, request: HttpRequest, object_id: str) -> HttpResponse:
    """What was chosen, who is where, and what would have kept them out."""
    run = found(model_admin, request, object_id)
    return page(
        model_admin,
        request,
        "automation/run.html",
        str(run),
        run,
        run=run,
        told=_told(run),
        **_where(run),
        may=request.user.has_perm(TEST),
        campaign=run.campaign.test_of,
    )


@looked_at
def now_fragment(model_admin, request: HttpRequest, object_id: int) -> HttpResponse:
    """What the page's script fetches while somebody is inside."""
    run = found(model_admin, request, str(object_id))
    response = TemplateResponse(request, "automation/run_people.html", _where(run))
    response["Cache-Control"] = "no-store"
    return response


def _where(run: TestRun) -> dict[str, Any]:
    visits = Visit.objects.filter(enrollment=OuterRef("pk"))
    rows = Enrollment.objects.filter(campaign=run.campaign_id).select_related("contact__address", "campaign__test_run")
    rows = rows.annotate(said_last=Subquery(visits.order_by("-pk").values("explanation")[:1]), taken=Count("visits"))
    zone = SiteSettings.get().zone
    people = [_person(run, row, zone) for row in rows.prefetch_related("moments").order_by("pk")]
    return {"people": people, "inside": any(person["row"].left_at is None for person in people)}


def _person(run: TestRun, row: Any, zone: ZoneInfo) -> dict[str, Any]:
    shown = pace.clock_of(row)
    return {
        "row": row,
        "now": row.explanation if row.left_at else row.said_last or "",
        "shows": shown(row.left_at or clock.now()).astimezone(zone) if shown else None,
        "remarks": list(run.remarks.get(str(row.contact_id), {}).values()),
        "steps": row.taken,
    }


def stop_page(model_admin, request: HttpRequest, object_id: int) -> HttpResponse:
    """Ask, then let everybody out."""
    run = found(model_admin, request, str(object_id))
    if not request.user.has_perm(TEST):
        raise PermissionDenied

    def act() -> str:
        stopped = running.stop(run, request.user, clock.now())
        return "The test run was stopped." if stopped else "It was over already."

    return ask(
        request,
        model_admin,
        title="Stop this test run?",
        lines=["Whoever is inside it leaves, and gets no more of its mails. What it did so far stays here."],
        button="Stop",
        act=act,
        back=reverse("admin:automation_testrun_change", args=[run.pk]),
        danger=True,
    )


def _told(run: TestRun) -> dict[str, Any]:
    """A run in a line."""
    return {"run": run, "what": what(run), "speed": SPEEDS.get(run.speed, ""), "state": state(run)}


def what(run: TestRun) -> str:
    return "The draft" if run.of_draft else "What was live"


def state(run: Any) -> str:
    """How far it is, or how it ended."""
    states = set(run.states)  # as of `with_states`
    if "parked" in states:
        return "Stopped by a fault"
    if states & set(Enrollment.INSIDE):
        return "Under way"
    return "Finished" if states <= {"finished"} else "Left early"
