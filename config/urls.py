"""Every URL of the product: the event API, the management API, the public pages of mails, and the admin."""

from django.contrib import admin
from django.urls import include, path

from config.health import healthz

urlpatterns = [
    path("healthz", healthz),
    path("v1/", include("events.wire_urls")),
    path("api/", include("config.api")),
    path("", include("campaigns.urls")),
    path("", admin.site.urls),
]

handler400 = "config.bad_requests.bad_request"
