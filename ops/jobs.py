"""Background work that a person started: one batch a transaction, with progress and a way to cancel.

A kind of job is a function `step(job, now) -> bool`: it does one batch from `job.cursor` on, sets
`job.cursor`, `job.done`, `job.total` and `job.result`, and returns True when nothing is left. It runs inside
the transaction that claims the job, so a batch is done once, with its progress, or not at all.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import InterfaceError, OperationalError, transaction

from lib.due import Question
from lib.registry import Registry
from ops.models import Job

log = structlog.get_logger(__name__)
Step = Callable[[Job, datetime], bool]
KEPT = timedelta(days=30)
FORGOTTEN_AT_ONCE = 1_000


class JobFailed(Exception):
    """Ends a job; the text is the sentence that its page shows."""


@dataclass(frozen=True)
class Kind:
    key: str
    title: str
    step: Step
    stopped: Callable[[Job], object] | None = None
    """Told of a job that was cancelled or failed."""


kinds: Registry[Kind] = Registry("kind of job")


def register(key: str, title: str, step: Step, stopped: Callable[[Job], object] | None = None) -> Kind:
    """Make a kind of job known, in `AppConfig.ready()`."""
    return kinds.register(key, Kind(key, title, step, stopped))


def start(kind: str, title: str, arguments: dict[str, Any], user, now: datetime) -> Job:
    """Queue a job; without a title it bears that of its kind. LookupError for an unknown kind."""
    title = title or kinds[kind].title
    return Job.objects.create(
        kind=kinds[kind].key,
        title=title[:200],
        arguments=arguments,
        created_by=user,
        created_at=now,
        due_at=now,
    )


def cancel(job_id: int) -> bool:
    """Ask a job to stop after the batch in hand; False when it had ended already."""
    return bool(Job.objects.filter(pk=job_id, due_at__isnull=False).update(cancel_asked=True))


def forget_old(now: datetime) -> None:
    """Sweep: what nobody asked for, such as the runs of schedules, is kept for a month after its end."""
    old = Job.objects.filter(created_by=None, finished_at__lt=now - KEPT).order_by("pk")
    Job.objects.filter(pk__in=old.values_list("pk", flat=True)[:FORGOTTEN_AT_ONCE]).delete()


is_due = Question(lambda now: Job.objects.due(now))


def run_due(now: datetime, seconds: float = 5) -> int:
    """Work off due jobs, a batch of each in turn, for about so many seconds; the number of batches."""
    ends, batches = time.monotonic() + seconds, 0
    while time.monotonic() < ends and _run_one(now):
        batches += 1
    return batches


@transaction.atomic
def _run_one(now: datetime) -> bool:
    # Those just worked on go to the end of the queue: the least advanced one is next.
    waiting = Job.objects.due(now).order_by("due_at", "done", "id")
    job = waiting.select_for_update(skip_locked=True, of=("self",)).first()
    if job is None:
        return False
    if job.cancel_asked:
        _end(job, Job.State.CANCELLED, now, job.result or "Cancelled; what was done so far stays.")
    else:
        _run_batch(job, now)
    return True


def _run_batch(job: Job, now: datetime) -> None:
    try:
        with transaction.atomic():
            finished = kinds[job.kind].step(job, now)
            _save_progress(job, now)
    except (OperationalError, InterfaceError):
        raise  # a lost connection or a full server is not the job's fault: it stays due
    except JobFailed as fault:
        _fail(job, now, str(fault))
    except Exception:  # noqa: BLE001  whatever a step does wrong, its job fails and the others go on
        log.exception("job.failed", job=job.pk, kind=job.kind)
        _fail(job, now, "It stopped because of a fault in the program; the log names it. Nothing was half done.")
    else:
        if finished:
            _end(job, Job.State.DONE, now, job.result)


def _save_progress(job: Job, now: datetime) -> None:
    job.state, job.due_at = Job.State.RUNNING, max(job.due_at or now, now)  # a step may put the next one off
    job.save(update_fields=["state", "due_at", "cursor", "done", "total", "result"])


def _fail(job: Job, now: datetime, sentence: str) -> None:
    job.refresh_from_db(fields=["cursor", "done", "total"])  # as they were before the batch that failed
    _end(job, Job.State.FAILED, now, sentence)


def _end(job: Job, state: str, now: datetime, result: str) -> None:
    job.state, job.due_at, job.finished_at, job.result = state, None, now, result
    job.save(update_fields=["state", "due_at", "finished_at", "result"])
    if state != Job.State.DONE and (tell := kinds[job.kind].stopped):
        tell(job)
