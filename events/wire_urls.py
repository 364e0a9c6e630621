"""The event API's addresses, long and in one letter; included at /v1/."""

from django.urls import path, re_path

from events import wire

CALLS = ("track", "identify", "page", "screen", "group", "alias")

urlpatterns = [
    *(re_path(f"^(?:{call}|{call[0]})/?$", wire.single, {"kind": call}) for call in CALLS),
    re_path("^(?:batch|b)/?$", wire.batch),
    re_path("^import/?$", wire.batch, {"triggers": False}),
    path("projects/<str:write_key>/settings", wire.browser_settings),
    re_path("", wire.nothing_here),
]
