"""Whoever was logged out meanwhile and sends a form loses nothing of it: the log-in carries it along, and back."""

import json
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest
from django.template.response import TemplateResponse

MOST = 500_000  # characters
NOT_KEPT = ("password", "secret")  # parts of names of fields: a page does not repeat them


def kept(request: HttpRequest) -> str:
    """What was sent with a form by somebody who is not logged in; empty where it is not to be carried along."""
    if request.method != "POST" or request.user.is_authenticated or request.FILES:
        return ""
    if "text/html" not in request.headers.get("Accept", ""):  # a script asks, which has an answer of its own
        return ""
    pairs = [(name, value) for name, values in request.POST.lists() for value in values]
    pairs = [pair for pair in pairs if pair[0] != "csrfmiddlewaretoken"]
    if any(word in name.lower() for name, _ in pairs for word in NOT_KEPT):
        return ""
    text = json.dumps(pairs)
    return text if pairs and len(text) <= MOST else ""


def log_in_first(site: Any, request: HttpRequest, carried: str, log_in: str) -> Any:
    """The log-in page, with what was sent in its form."""
    back = urlencode({"next": request.get_full_path()})
    request.method = "GET"  # nothing of it is done
    return site.login(request, {"kept": carried, "app_path": f"{log_in}?{back}"})


def send_again(request: HttpRequest, carried: str, url: str) -> TemplateResponse | None:
    """The page with the button that sends it to where it was meant for; None for what we did not write."""
    try:
        pairs = [(str(name), str(value)) for name, value in json.loads(carried)]
    except (TypeError, ValueError):
        return None
    response = TemplateResponse(request, "registration/send_again.html", {"pairs": pairs, "url": url})
    response["Cache-Control"] = "private, no-store"
    return response
