"""Time travel, in the demo only: the clock of the whole installation moves on by a day."""

from datetime import timedelta

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseRedirect
from django.urls import path, reverse
from django.views.decorators.http import require_POST

from lib import clock, words

DAY = timedelta(days=1)


def is_possible() -> bool:
    return bool(settings.DEMO) and settings.CLOCK_OFFSET.startswith("file:")


@require_POST
def move_on(request: HttpRequest) -> HttpResponseRedirect:
    if not (is_possible() and request.user.is_superuser):
        raise PermissionDenied
    clock.move(DAY)
    now = words.day_and_time(clock.now())
    messages.success(request, f"It is now {now}. Mails that have become due are being sent.")
    return HttpResponseRedirect(reverse("admin:index"))


def urls(site) -> list:
    return [path("time-travel/", site.admin_view(move_on), name="time_travel")]
