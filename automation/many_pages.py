"""The same deed for many whom a fault has stopped: for chosen ones, or for all that the list is filtered to."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.urls import reverse
from django.utils.html import format_html

from automation import by_hand, parked
from automation.hand_pages import PUBLISH
from automation.models import Enrollment
from automation.parked import DEEDS, Deed
from campaigns.models import Campaign
from campaigns.pages import number
from contacts.admin import ids_found
from lib import clock
from lib.admin import ask
from lib.words import people

MOST = 1_000
FILTERS = ("state__exact", "campaign__id__exact", "step", "q")
OTHERS = "Those of the chosen ones that are not stopped by a fault stay as they are."
AS_A_JOB = "It is done step by step, in the background; Jobs shows how far it is."


def address_of(deed: str, asked: QueryDict, ids: list[int] | None = None) -> str:
    """The page that asks first; without ids it is about all that the list's own filters name."""
    query = QueryDict(mutable=True)
    query["deed"] = deed
    if ids is None:
        query["all"] = "1"
        for name in FILTERS:
            if value := str(asked.get(name) or ""):
                query[name] = value
    else:
        query["ids"] = ",".join(map(str, ids))
    return f"{reverse('admin:automation_enrollment_many')}?{query.urlencode(safe=',')}"


def offered(request: HttpRequest) -> list[dict[str, Any]]:
    """Above the list, once it shows those stopped by a fault: what can be done with all of them."""
    if request.GET.get("state__exact") != Enrollment.State.PARKED or not request.user.has_perm(PUBLISH):
        return []
    if not _All.of(request.GET).rows().exists():
        return []
    return [
        {"label": deed.label_for_all, "url": address_of(key, request.GET), "danger": deed.danger}
        for key, deed in DEEDS.items()
    ]


@dataclass(frozen=True)
class _All:
    """Whom the list is filtered to."""

    campaign: int | None
    step: str
    term: str
    none: bool

    @classmethod
    def of(cls, asked: QueryDict) -> "_All":
        campaign, state = asked.get("campaign__id__exact"), asked.get("state__exact", Enrollment.State.PARKED)
        known = number(campaign) if campaign else None
        step, term = asked.get("step", ""), asked.get("q", "").strip()
        wrong = state != Enrollment.State.PARKED or (bool(campaign) and known is None) or "\x00" in step + term
        return cls(known, step, term, wrong)

    def rows(self) -> QuerySet[Enrollment]:
        if self.none:
            return Enrollment.objects.none()
        rows = parked.found(self.campaign, self.step)
        return rows.filter(contact__in=ids_found(self.term)) if self.term else rows

    @property
    def where(self) -> str:
        campaign = Campaign.objects.filter(pk=self.campaign).first() if self.campaign is not None else None
        return f" in “{campaign}”" if campaign else ""


def many_page(model_admin, request: HttpRequest) -> HttpResponse:
    """Ask once, saying how many; then do it."""
    if not model_admin.has_view_permission(request) or not request.user.has_perm(PUBLISH):
        raise PermissionDenied
    key = request.GET.get("deed", "")
    key = key if key in DEEDS else "release"
    page = _all_of_them if request.GET.get("all") else _chosen
    return page(model_admin, request, key, DEEDS[key], clock.now())


def _chosen(model_admin, request: HttpRequest, key: str, deed: Deed, now: datetime) -> HttpResponse:
    ids = [pk for one in request.GET.get("ids", "").split(",") if (pk := number(one)) is not None][:MOST]
    count = by_hand.parked(ids).count()
    lines = [deed.line] if count == len(ids) else [deed.line, OTHERS]

    def decide() -> str:
        return _told(deed, deed.act(by_hand.parked(ids), request.user, now))

    return _ask(model_admin, request, deed, f"{deed.label}: {people(count)} stopped by a fault?", lines, decide)


def _all_of_them(model_admin, request: HttpRequest, key: str, deed: Deed, now: datetime) -> HttpResponse:
    whom = _All.of(request.GET)
    count, where = whom.rows().count(), whom.where
    if not count and request.method == "GET":
        messages.info(request, f"Nobody is stopped by a fault{where}.")
        return HttpResponseRedirect(_back())

    def decide() -> str:
        if whom.none or whom.term:  # a search finds few
            return _told(deed, deed.act(whom.rows(), request.user, now))
        title = f"{deed.label}: people stopped by a fault{where}"
        job = parked.start(key, whom.campaign, whom.step, title, request.user, now)
        if job is None:
            return _told(deed, 0)
        link = reverse("admin:ops_job_change", args=[job.pk])
        return format_html("{}: {} – <a href='{}'>see how far it is</a>.", deed.label, people(count), link)

    lines = [deed.line] if whom.none or whom.term else [deed.line, AS_A_JOB]
    title = f"{deed.label}: {'all ' if count > 1 else ''}{people(count)} stopped by a fault{where}?"
    return _ask(model_admin, request, deed, title, lines, decide)


def _back() -> str:
    return f"{reverse('admin:automation_enrollment_changelist')}?state__exact=parked"


def _told(deed: Deed, done: int) -> str:
    return f"{deed.label}: {people(done)}." if done else "None of them was stopped by a fault any more."


def _ask(model_admin, request: HttpRequest, deed: Deed, title: str, lines: list[str], act) -> HttpResponse:
    return ask(
        request,
        model_admin,
        title=title,
        lines=lines,
        button=deed.label,
        act=act,
        back=_back(),
        danger=deed.danger,
    )
