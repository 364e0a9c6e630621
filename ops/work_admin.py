"""Background work in the admin: jobs with their progress, and the workers' signs of life."""

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404
from django.urls import path, reverse
from django.utils.html import format_html
from unfold.contrib.filters.admin import ChoicesDropdownFilter, DropdownFilter
from unfold.decorators import display

from lib.admin import BigTableAdmin, ReadOnlyAdmin, ask, facts_table, moment
from ops import audit, jobs
from ops.models import Heartbeat, Job

STATES = {"Waiting": "info", "Running": "info", "Done": "success", "Failed": "danger", "Cancelled": "warning"}


class AskedForBy(DropdownFilter):
    title, parameter_name = "asked for by", "by"

    def lookups(self, request, model_admin):
        return [("people", "somebody"), ("itself", "nobody: schedules, segments, dates")]

    def queryset(self, request, queryset):
        return queryset.filter(created_by__isnull=self.value() == "itself") if self.value() else queryset


@admin.register(Job)
class JobAdmin(BigTableAdmin, ReadOnlyAdmin):
    list_display = ["title", "state_in_words", "progress", "created_by", "began", "ended"]
    list_filter = [("state", ChoicesDropdownFilter), AskedForBy]
    list_select_related = ["created_by"]
    fields = ["title", "state_in_words", "progress", "result", "asked_for", "created_by", "began", "ended"]
    readonly_fields = fields
    change_form_outer_before_template = "admin/ops/cancel_job.html"
    empty_icon = "pending_actions"
    empty_title = "No jobs yet"
    empty_sentence = "Imports, exports and other long work appear here with their progress."
    began = moment("created_at", "asked for")
    ended = moment("finished_at", "ended", empty="not yet")

    @display(description="state", label=STATES)
    def state_in_words(self, job):
        return job.get_state_display()

    @display(description="progress")
    def progress(self, job):
        if not job.total:
            return f"{job.done:,} done" if job.done else "–"
        share = min(100, round(100 * job.done / job.total))
        words = f"{job.done:,} of {job.total:,}"
        return format_html(
            '<div class="dl-bar" role="progressbar" aria-valuenow="{}" aria-valuemin="0" aria-valuemax="100">'
            '<i style="width: {}%"></i></div><span class="dl-faint">{}</span>',
            share,
            share,
            words,
        )

    @display(description="for what")
    def asked_for(self, job):
        return facts_table(job.arguments)

    def may_cancel(self, request, job) -> bool:
        return (
            job is not None
            and job.due_at is not None
            and not job.cancel_asked
            and request.user.has_perm("ops.change_job")
        )

    def change_view(self, request, object_id, form_url="", extra_context=None):
        job = self.get_object(request, object_id)
        cancellable = self.may_cancel(request, job)
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), "cancellable": cancellable})

    def get_urls(self):
        cancel = path("<int:pk>/cancel/", self.admin_site.admin_view(self.cancel_view), name="ops_job_cancel")
        return [cancel, *super().get_urls()]

    def cancel_view(self, request, pk):
        if not request.user.has_perm("ops.change_job"):
            raise PermissionDenied
        job = Job.objects.filter(pk=pk).first()
        if job is None:
            raise Http404("There is no such job.")

        def act():
            if not jobs.cancel(pk):
                return "The job had ended already."
            audit.note(request.user, job, "Cancelled the job.")
            return f"“{job}” stops after the part in hand."

        return ask(
            request,
            self,
            title=f"Cancel “{job}”?",
            button="Cancel the job",
            act=act,
            danger=True,
            lines=["It stops after the part in hand. What was done so far stays."],
            back=reverse("admin:ops_job_change", args=[pk]),
        )


@admin.register(Heartbeat)
class HeartbeatAdmin(ReadOnlyAdmin):
    list_display = ["worker", "role", "sign", "note"]
    list_display_links = None
    counted_as = "sign of life", "signs of life"
    ordering = ["-beat_at"]
    empty_icon = "monitor_heart"
    empty_title = "No worker has been seen"
    empty_sentence = (
        "Without a worker nothing is sent. Whoever runs this installation starts it with “manage.py worker”."
    )
    sign = moment("beat_at", "last sign of life")
