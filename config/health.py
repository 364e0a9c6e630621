"""`/healthz`: 200 when the database answers and work is done on time, else 503 with the reason."""

from datetime import timedelta

from django.db import DatabaseError
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe

from lib import clock
from ops import work
from ops.models import Heartbeat

SILENT = timedelta(seconds=60)
LATE = timedelta(minutes=5)


@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """For load balancers and alarms; says nothing that a stranger may not know."""
    try:
        found = problems()
    except DatabaseError:
        found = ["The database does not answer."]
    answer = JsonResponse({"ok": not found, "problems": found}, status=503 if found else 200)
    answer["Cache-Control"] = "no-store"
    return answer


def problems() -> list[str]:
    """No worker for a minute, or ready work that is older than five minutes."""
    found = []
    if not Heartbeat.objects.within(SILENT).exists():
        found.append("No worker has given a sign of life for a minute.")
    late = work.due_queues(clock.now() - LATE)
    if late:
        found.append("Work has been waiting for more than five minutes: " + ", ".join(late) + ".")
    return found
