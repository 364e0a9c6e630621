"""“New campaign”: ready-made, as a list, on the canvas, a broadcast, or from a file."""

from dataclasses import dataclass

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from unfold.admin import ModelAdmin

from campaigns.pages import page
from campaigns.starters.install import MAY_USE

BROADCAST = "broadcast"


@dataclass(frozen=True)
class Beginning:
    """One way to begin."""

    icon: str
    title: str
    words: str
    url: str


def new_page(model_admin: ModelAdmin, request: HttpRequest) -> HttpResponse:
    """The ways to begin, for who may make campaigns."""
    if not model_admin.has_add_permission(request):
        raise PermissionDenied
    return page(
        model_admin, request, "campaigns/new.html", "New campaign", beginnings=beginnings(request)
    )  # fmt: skip


def beginnings(request: HttpRequest) -> list[Beginning]:
    """Those that this person may take."""
    name = "admin:campaigns_campaign"
    canvas = reverse(f"{name}_canvas_add")
    ready = Beginning(
        "auto_awesome",
        "Ready-made",
        "Welcome, abandoned checkout, birthday and more: with steps and mails, written and ready to be changed.",
        reverse(f"{name}_ready"),
    )
    others = [
        Beginning(
            "linear_scale",
            "Sequence",
            "Mails one after the other, with waits between them. A form from top to bottom.",
            reverse(f"{name}_add"),
        ),
        Beginning(
            "account_tree",
            "Workflow",
            "Ways that part and meet again, waiting for what people do. Drawn on the canvas.",
            canvas,
        ),
        Beginning(
            "campaign",
            "Broadcast",
            "One mail to a segment or everybody, once: when you activate it, or at a time.",
            f"{canvas}?begin={BROADCAST}",
        ),
        Beginning(
            "upload",
            "From a file",
            "A campaign that was downloaded here or on another site.",
            reverse(f"{name}_upload"),
        ),
    ]
    return [ready, *others] if request.user.has_perms(MAY_USE) else others
