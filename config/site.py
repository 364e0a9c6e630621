"""The admin site: the marketer's workshop."""

from contextlib import nullcontext
from functools import update_wrapper
from typing import Any

from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from unfold.forms import AuthenticationForm
from unfold.sites import UnfoldAdminSite

from config import logged_out
from lib import once
from ops.models import SiteSettings
from reports import operations_pages, time_travel
from segments import live

# Alpine, which draws Unfold's menus and switches, compiles expressions: allowed here and nowhere public.
ALPINE = {"script-src": ["'unsafe-eval'"]}


class LogInForm(AuthenticationForm):
    error_messages = {
        **AuthenticationForm.error_messages,
        "invalid_login": "This username and this password do not belong together; mind capital letters.",
    }

    def clean_username(self):
        """No name is longer, and neither is the column in which a failure is noted."""
        return self.cleaned_data["username"][:150]


class DriplineSite(UnfoldAdminSite):
    site_header = site_title = "Dripline"
    index_title = "Start"
    enable_nav_sidebar = True
    login_form = LogInForm

    def admin_view(self, view, cacheable=False):
        """Every page in the site's own time zone, with the one exception that Unfold needs from the CSP."""
        checked = super().admin_view(view, cacheable)

        def in_site_time(request: HttpRequest, *args, **kwargs) -> HttpResponse:
            if "%00" in request.META.get("QUERY_STRING", "") or "\x00" in request.path:
                raise BadRequest("PostgreSQL keeps no NUL, so nothing can be found by one.")
            if carried := logged_out.kept(request):
                return logged_out.log_in_first(self, request, carried, reverse(f"{self.name}:login"))
            # What a page names in many places (templates, campaigns …) is read once; not where something is done.
            reading = once.reading(()) if request.method in ("GET", "HEAD") else nullcontext()
            with timezone.override(SiteSettings.get().zone), reading:
                return _ready(checked(request, *args, **kwargs))

        return update_wrapper(in_site_time, checked)

    def login(self, request, extra_context=None):
        carried = request.POST.get("kept", "") if request.method == "POST" else ""
        response = super().login(request, extra_context or {"kept": carried})
        if carried and response.status_code == 302:
            response = logged_out.send_again(request, carried, response.url) or response
        return _ready(response)

    def extra_urls(self):
        return time_travel.urls(self) + operations_pages.urls(self) + live.urls(self)


def _ready(response: Any) -> HttpResponse:
    """Rendered while the time zone holds; a policy that the view set for itself stays."""
    if hasattr(response, "render") and not response.is_rendered:
        response.render()
    response._csp_update = {**ALPINE, **(getattr(response, "_csp_update", None) or {})}
    return response
