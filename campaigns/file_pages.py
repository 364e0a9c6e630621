"""Campaigns as files in the admin: download one; upload one, see how it differs from the draft, and take it."""

import base64
import binascii

from django import forms
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect
from django.utils.http import content_disposition_header
from django.utils.text import slugify
from unfold.widgets import UnfoldAdminFileFieldWidget

from campaigns import applying, files, lifecycle
from campaigns.applying import Change
from campaigns.document import NotADocument
from campaigns.files import NotReadable
from campaigns.models import Campaign
from campaigns.pages import found, number, page, tell
from campaigns.publishing import Refused
from lib import clock, plain_yaml

CHANGED_MEANWHILE = "Somebody changed the draft after you opened this page; look at the differences again."


class UploadForm(forms.Form):
    """The file of a campaign."""

    file = forms.FileField(
        label="File",
        widget=UnfoldAdminFileFieldWidget(attrs={"accept": ".yaml,.yml"}),
        help_text="One that was downloaded here or on another site, or written by hand.",
        error_messages={"required": "Choose a file.", "empty": "The file is empty; choose another one."},
    )


def download_page(model_admin, request: HttpRequest, object_id) -> HttpResponse:
    """The draft as a file; `?live`: what is live."""
    campaign = found(model_admin, request, str(object_id))
    if request.method != "GET":
        return HttpResponseNotAllowed(["GET"])
    try:
        written = files.export(campaign, live="live" in request.GET)
    except NotADocument as fault:
        tell(request, str(fault), 40)
        return redirect("admin:campaigns_campaign_change", campaign.pk)
    name = f"{slugify(campaign.name)[:60] or campaign.uid}.yaml"
    headers = {"Content-Disposition": content_disposition_header(True, name), "Cache-Control": "private, no-store"}
    return HttpResponse(written.text, content_type="application/yaml; charset=utf-8", headers=headers)


def upload_page(model_admin, request: HttpRequest) -> HttpResponse:
    """Choose a file; see what it would change; take it."""
    if not model_admin.has_add_permission(request) or not model_admin.has_change_permission(request):
        raise PermissionDenied
    if request.method != "POST":
        return _choose(model_admin, request, UploadForm())
    if "content" in request.POST:
        return _take(model_admin, request)
    form = UploadForm(request.POST, request.FILES)
    if not form.is_valid():
        return _choose(model_admin, request, form)
    return _compare(model_admin, request, form.cleaned_data["file"].read(plain_yaml.MAX_BYTES + 1))


def _choose(model_admin, request, form: UploadForm, faults=()) -> HttpResponse:
    return page(
        model_admin,
        request,
        "campaigns/upload.html",
        "Upload a campaign",
        None,
        status=400 if faults or form.errors else 200,
        form=form,
        faults=faults,
        media=model_admin.media + form.media,
    )


def _compare(model_admin, request, content: bytes, obstacles=()) -> HttpResponse:
    try:
        change = applying.change(files.read(content))
    except NotReadable as refused:
        return _choose(model_admin, request, UploadForm(), refused.faults)
    return page(
        model_admin,
        request,
        "campaigns/upload_compare.html",
        change.file.document.name,
        change.campaign,
        change=change,
        campaign=change.campaign,
        effect=_effect(change),
        unready=change.file.unready,
        obstacles=[*obstacles, *_obstacles(change)],
        content=base64.b64encode(content).decode(),
        revision=change.campaign.revision if change.campaign else "",
    )


def _effect(change: Change) -> str:
    if change.campaign is None:
        return "It makes a new campaign, as a draft. Nobody is mailed until it is activated."
    if not change.changes_anything:
        return f"The file says what the draft of “{change.campaign}” says already; there is nothing to take."
    live = " What is live stays as it is until you publish the changes." if change.campaign.live_id else ""
    return f"The draft of “{change.campaign}” becomes what the file says.{live}"


def _obstacles(change: Change) -> list[str]:
    if change.campaign and change.campaign.state == Campaign.State.ARCHIVED:
        return [f"The campaign “{change.campaign}” is archived; its draft is not edited any more."]
    return []


def _take(model_admin, request) -> HttpResponse:
    try:
        content = base64.b64decode(request.POST["content"], validate=True)
        file = files.read(content)
        campaign = applying.apply(file, request.user, clock.now(), number(request.POST.get("revision")))
    except (binascii.Error, ValueError) as fault:
        faults = fault.faults if isinstance(fault, NotReadable) else ["The file was lost on the way; choose it again."]
        return _choose(model_admin, request, UploadForm(), faults)
    except lifecycle.Conflict:
        return _compare(model_admin, request, content, [CHANGED_MEANWHILE])
    except Refused as refused:
        return _compare(model_admin, request, content, refused.sentences)
    tell(request, "Taken as a draft. Nobody inside notices until it is published.")
    return redirect("admin:campaigns_campaign_change", campaign.pk)
