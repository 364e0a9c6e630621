"""People inside campaigns, in the admin: who is where, why, and what comes next."""

from django.contrib import admin
from django.contrib.admin import RelatedOnlyFieldListFilter
from django.core.exceptions import PermissionDenied
from django.urls import path, reverse
from unfold.decorators import display

from automation import engine, webhook_admin
from automation.models import Enrollment
from campaigns.document import NotADocument, parse
from campaigns.message_admin import link_to
from campaigns.models import Campaign
from campaigns.pages import found, page
from campaigns.publishing import describe
from campaigns.step_filters import StandsIn
from contacts.admin import ids_found
from lib import clock
from lib.admin import BigTableAdmin, ReadOnlyAdmin, ask, moment
from lib.words import spoken_time
from ops import audit

COLOURS = {
    "Under way": "info",
    "Waiting for its mail or webhook": "info",
    "Paused": "warning",
    "Parked after a fault": "danger",
    "Finished": "success",
    "Left early": "",
}
LONGEST_PATH = 300


@admin.register(Enrollment)
class EnrollmentAdmin(BigTableAdmin, ReadOnlyAdmin):
    list_display = ["who", "campaign", "state_badge", "goes_on", "entered", "left"]
    list_display_links = ["who"]
    list_select_related = ["contact__address", "campaign"]
    list_filter = ["state", ("campaign", RelatedOnlyFieldListFilter), StandsIn]
    search_fields = ["contact__name"]
    search_help_text = "Name, e-mail or id begins with…"
    counted_as = "entry", "entries"
    ordering = ["-id"]
    empty_icon = "directions_walk"
    empty_title = "Nobody is inside a sequence yet"
    empty_sentence = "Somebody enters when a sequence is active and they do what stands there under “Who enters”."
    entered = moment("entered_at", "entered")
    left = moment("left_at", "left", empty="")

    @display(description="goes on", ordering="due_at")
    def goes_on(self, enrollment):
        if enrollment.due_at and enrollment.campaign.state == Campaign.State.PAUSED:
            return "when it is resumed"
        return spoken_time(enrollment.due_at, clock.now(), empty="")

    def get_search_results(self, request, queryset, search_term):
        term = search_term.strip()
        return (queryset.filter(contact__in=ids_found(term)) if term else queryset), False

    @display(description="Who")
    def who(self, enrollment):
        return enrollment.contact

    @display(description="State", label=COLOURS)
    def state_badge(self, enrollment):
        paused = enrollment.state == Enrollment.State.ACTIVE and enrollment.campaign.state == Campaign.State.PAUSED
        return "Paused" if paused else enrollment.get_state_display()

    def changelist_view(self, request, extra_context=None):
        return super().changelist_view(request, {"title": "People inside", **(extra_context or {})})

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("contact__address", "campaign", "version")

    def change_view(self, request, object_id, form_url="", extra_context=None):
        enrollment = found(self, request, object_id)
        visits = list(enrollment.visits.select_related("message").order_by("-id")[:LONGEST_PATH])
        webhook_admin.attach(visits, enrollment)
        return page(
            self,
            request,
            "automation/enrollment.html",
            str(enrollment),
            enrollment,
            enrollment=enrollment,
            visits=visits[::-1],
            coming=steps_to_come(enrollment),
            now=clock.now(),
            contact_link=link_to(enrollment.contact),
            campaign_link=link_to(enrollment.campaign),
        )

    def get_urls(self):
        view = self.admin_site.admin_view(self.release_view)
        return [
            path("<int:object_id>/release/", view, name="automation_enrollment_release"),
            *super().get_urls(),
        ]

    def release_view(self, request, object_id):
        """Let one that was parked after a fault try again."""
        enrollment = found(self, request, str(object_id))
        if not request.user.has_perm("campaigns.publish_campaign"):
            raise PermissionDenied

        def act() -> str:
            engine.release(enrollment, clock.now())
            audit.note(request.user, enrollment, "Let it try again.")
            return f"{enrollment.contact} tries the step again."

        return ask(
            request,
            self,
            title=f"Let {enrollment.contact} try again?",
            lines=["The step that went wrong is tried once more now. If it fails again, it is parked again."],
            button="Try again",
            act=act,
            back=reverse("admin:automation_enrollment_change", args=[enrollment.pk]),
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
