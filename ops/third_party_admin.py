"""Other people's admins in our look. django-q2's is read-only for everyone: a schedule names a function that is run."""

from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.contrib import admin
from django_q.models import Failure, OrmQ, Schedule, Success
from unfold.decorators import display

from lib.admin import BigTableAdmin, ReadOnlyAdmin, moment

for model in (Schedule, Success, Failure, OrmQ, AccessAttempt, AccessLog, AccessFailureLog):
    if admin.site.is_registered(model):
        admin.site.unregister(model)


@admin.register(Schedule)
class ScheduleAdmin(ReadOnlyAdmin):
    list_display = ["name", "func", "next_time", "repeats_in_words"]
    fields = ["name", "func", "next_time", "repeats_in_words"]
    readonly_fields = fields
    counted_as = "background task", "background tasks"
    empty_title = "No background tasks yet"
    empty_sentence = "They are set up when the first worker starts."
    next_time = moment("next_run", "next")

    @display(description="how often")
    def repeats_in_words(self, schedule):
        if schedule.schedule_type != Schedule.MINUTES:
            return schedule.get_schedule_type_display()
        return "every minute" if schedule.minutes == 1 else f"every {schedule.minutes} minutes"


class TaskAdmin(BigTableAdmin, ReadOnlyAdmin):
    list_display = ["name", "func", "began", "ended"]
    fields = ["name", "func", "began", "ended"]
    readonly_fields = fields
    ordering = ["-started"]
    began = moment("started", "began")
    ended = moment("stopped", "ended")


@admin.register(Success)
class SuccessAdmin(TaskAdmin):
    counted_as = "finished task", "finished tasks"
    empty_title = "Successful tasks are not kept"
    empty_sentence = "There are too many of them; only failures stay."


@admin.register(Failure)
class FailureAdmin(TaskAdmin):
    fields = readonly_fields = ["name", "func", "began", "ended", "fault"]
    counted_as = "failed task", "failed tasks"
    empty_icon = "task_alt"
    empty_title = "No task failed"
    empty_sentence = "A task that fails is kept here; its work stays due and is tried again by itself."

    @display(description="what went wrong")
    def fault(self, task):
        return str(task.result).partition("\n")[0][:400]


@admin.register(OrmQ)
class QueueAdmin(ReadOnlyAdmin):
    list_display = ["name", "func", "taken"]
    list_display_links = None
    counted_as = "waiting task", "waiting tasks"
    empty_icon = "task_alt"
    empty_title = "The queue is empty"
    empty_sentence = "Tasks wait here for a worker, as a rule for less than a second."
    taken = moment("lock", "waiting since")


class AccessAdmin(BigTableAdmin, ReadOnlyAdmin):
    list_display = ["username", "ip_address", "when", "user_agent"]
    fields = ["username", "ip_address", "when", "user_agent", "path_info"]
    readonly_fields = fields
    ordering = ["-attempt_time"]
    when = moment("attempt_time", "when")


@admin.register(AccessAttempt)
class AccessAttemptAdmin(AccessAdmin):
    """Deleting a row unlocks whoever failed too often."""

    list_display = ["username", "ip_address", "failures_since_start", "when", "user_agent"]
    counted_as = "failed log-in", "failed log-ins"
    empty_icon = "task_alt"
    empty_title = "No failed log-ins"
    empty_sentence = "Who fails too often is locked out for a while and appears here; delete the row to unlock them."

    def has_delete_permission(self, request, obj=None):
        return request.user.has_perm("axes.delete_accessattempt")


@admin.register(AccessLog)
class AccessLogAdmin(AccessAdmin):
    counted_as = "log-in", "log-ins"
    empty_title = "No log-ins yet"


@admin.register(AccessFailureLog)
class AccessFailureLogAdmin(AccessAdmin):
    counted_as = "failed log-in", "failed log-ins"
    empty_icon = "task_alt"
    empty_title = "No failed log-ins"
