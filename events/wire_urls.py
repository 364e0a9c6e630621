"""The event API's addresses, long and in one letter; included at /v1/."""

from django.urls import path

from events import wire

CALLS = ("track", "identify", "page", "screen", "group", "alias")

urlpatterns = [
    *(path(name, wire.single, {"kind": call}) for call in CALLS for name in (call, call[0])),
    path("batch", wire.batch),
    path("b", wire.batch),
    path("import", wire.batch, {"triggers": False}),
    path("projects/<str:write_key>/settings", wire.browser_settings),
]
