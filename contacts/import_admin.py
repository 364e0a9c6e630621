"""Imports in the admin: the file, its columns, the dry run, the import, what became of each row."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.http import content_disposition_header
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from contacts import import_results, importing
from contacts.import_files import DELIMITERS, ENCODINGS, NotReadable
from contacts.import_forms import ColumnsForm, ConsentForm, ListForm, OptionsForm, UploadForm
from contacts.import_mapping import Mapping
from contacts.import_models import Import
from contacts.import_tally import Tally
from lib import clock
from lib.admin import BigTableAdmin, ask, moment
from ops import audit

MAY = "contacts.import_contact"
STAGES = {
    "columns": "Waits for its columns",
    "checking": "Dry run",
    "checked": "Waits for your word",
    "importing": "Under way",
    "ended": "Ended",
}
BADGES = {"Ended": "success", "Under way": "info", "Dry run": "info", **dict.fromkeys(["Stopped", "Failed"], "danger")}


@admin.register(Import)
class ImportAdmin(BigTableAdmin):
    """Each file with what became of it; whoever may import sees all of them."""

    list_display = ["file_name", "what_for", "rows_in_words", "stage_in_words", "came_of_it", "created_by", "began"]
    list_filter = [("kind", ChoicesDropdownFilter)]
    list_select_related = ["check_job", "import_job", "created_by"]
    ordering = ["-id"]
    actions = None
    empty_icon = "upload_file"
    empty_title = "Nothing was imported yet"
    empty_sentence = "Bring the people of a spreadsheet or of another system: nothing is written before you say so."
    began = moment("created_at", "uploaded")

    # --- who may ---

    def has_module_permission(self, request):
        return request.user.has_perm(MAY)

    def has_view_permission(self, request, obj=None):
        return request.user.has_perm(MAY)

    has_add_permission = has_change_permission = has_view_permission

    def has_delete_permission(self, request, obj=None):
        return False

    # --- the list ---

    @display(description="for")
    def what_for(self, whole):
        return "people" if whole.kind == Import.Kind.CONTACTS else "a list"

    @display(description="rows")
    def rows_in_words(self, whole):
        return f"{whole.rows:,}"

    @display(description="state", label=BADGES)
    def stage_in_words(self, whole):
        return _stage(whole)

    @display(description="what became of it")
    def came_of_it(self, whole):
        return (whole.import_job.result if whole.import_job else "") or "–"

    # --- the pages ---

    def get_urls(self):
        def view(name: str, respond):
            def found(request: HttpRequest, pk: int) -> HttpResponse:
                return respond(request, self.found(request, pk))

            return path(f"<int:pk>/{name}/", self.admin_site.admin_view(found), name=f"contacts_import_{name}")

        return [
            view("columns", self.columns_view),
            view("now", self.now_view),
            view("start", self.start_view),
            view("cancel", self.cancel_view),
            view("forget", self.forget_view),
            view("result", self.result_view),
            *super().get_urls(),
        ]

    def found(self, request: HttpRequest, pk: int | str) -> Import:
        if not self.has_view_permission(request):
            raise PermissionDenied
        key = int(pk) if str(pk).isdecimal() and len(str(pk)) < 19 else 0
        whole = Import.objects.select_related("check_job", "import_job", "created_by").filter(pk=key).first()
        if whole is None:
            raise Http404("There is no such import.")
        return whole

    def add_view(self, request, form_url="", extra_context=None):
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = UploadForm(request.POST or None, request.FILES or None, initial=_asked_for(request))
        if request.method == "POST" and form.is_valid():
            data = form.cleaned_data
            try:
                whole = importing.receive(
                    data["file"], data["file"].name, data["kind"], request.user, clock.now(), data["destination"]
                )
            except NotReadable as fault:
                form.add_error("file", str(fault))
            else:
                audit.note(request.user, whole, f"Uploaded a file of {whole.rows:,} rows.")
                return redirect("admin:contacts_import_columns", whole.pk)
        return self.page(request, "upload", "Import", form=form, media=self.media + form.media)

    def columns_view(self, request: HttpRequest, whole: Import) -> HttpResponse:
        if whole.started_at or whole.wiped_at:
            messages.info(request, "This file has done its duty; upload it again for another import.")
            return _to(whole)
        data = request.POST if request.method == "POST" else None
        forms = _forms(whole, data)
        if data is not None and all(form.is_valid() for form in forms.values()):
            importing.try_out(whole, _mapping(forms), request.user, clock.now())
            return _to(whole)
        job = whole.check_job
        fault = job.result if job and job.state == job.State.FAILED else ""
        read_as = f"{ENCODINGS.get(whole.encoding, whole.encoding)}, separated by {DELIMITERS[whole.delimiter]}s"
        media = sum((form.media for form in forms.values()), self.media)
        return self.page(
            request, "columns", str(whole), whole, **forms, fault=fault, read_as=read_as, media=media,
            wrong=any(form.errors for form in forms.values()),
        )  # fmt: skip

    def change_view(self, request, object_id, form_url="", extra_context=None):
        whole = self.found(request, object_id)
        if whole.stage == "columns" and not whole.wiped_at:
            return redirect("admin:contacts_import_columns", whole.pk)
        return self.page(request, "import", str(whole), whole, **_shown(whole))

    def now_view(self, request: HttpRequest, whole: Import) -> HttpResponse:
        return self.page(request, "now", str(whole), whole, **_shown(whole))

    # --- the deeds ---

    def start_view(self, request: HttpRequest, whole: Import) -> HttpResponse:
        if whole.stage != "checked":
            messages.info(request, "There is nothing to start: see below.")
            return _to(whole)
        found = import_results.report(whole, whole.expected)
        people = _people(found["taken"])

        def act():
            if not importing.start(whole, request.user, clock.now()):
                return "Somebody started it already."
            audit.note(request.user, whole, "Started the import.")
            return None  # its page shows it

        counts = ", ".join(f"{count:,} {word.lower()}" for word, count in found["counts"])
        lines = [f"{counts[0].upper()}{counts[1:]}.", *found["lines"], "No campaign is started by it; segments follow."]
        deed = "Add" if whole.kind == Import.Kind.LIST else "Import"
        return ask(
            request, self, title=f"{deed} {people}?", lines=lines, button=f"{deed} {people}", act=act, back=_url(whole)
        )

    def cancel_view(self, request: HttpRequest, whole: Import) -> HttpResponse:
        def act():
            if not importing.cancel(whole):
                return "It had ended already."
            audit.note(request.user, whole, "Stopped the import.")
            return "It stops after the part in hand."

        lines = ["It stops after the part in hand.", "What was written so far stays; the rest is not written."]
        return ask(
            request,
            self,
            title=f"Stop “{whole}”?",
            lines=lines,
            button="Stop it",
            act=act,
            back=_url(whole),
            danger=True,
        )

    def forget_view(self, request: HttpRequest, whole: Import) -> HttpResponse:
        def act():
            importing.forget(whole, clock.now())
            audit.note(request.user, whole, "Deleted the file.")
            return "The file and everything in it that names people is deleted; the counts stay."

        lines = ["The file and what became of each row are deleted; the counts stay.", "Nobody who was imported is."]
        return ask(
            request, self, title="Delete the file?", lines=lines, button="Delete the file", act=act, back=_url(whole),
            danger=True,
        )  # fmt: skip

    def result_view(self, request: HttpRequest, whole: Import) -> StreamingHttpResponse:
        only_problems = request.GET.get("only") == "problems"
        name = (
            f"{whole.file_name.rpartition('.')[0] or whole.file_name}-{'problems' if only_problems else 'result'}.csv"
        )
        answer = StreamingHttpResponse(
            (line.encode() for line in import_results.as_csv(whole, only_problems)),
            content_type="text/csv; charset=utf-8",
        )
        answer.headers["Content-Disposition"] = content_disposition_header(True, name)
        answer.headers["Cache-Control"] = "private, no-store"
        return answer

    def page(self, request, template: str, title: str, whole: Import | None = None, **context: Any) -> TemplateResponse:
        shared = {**self.admin_site.each_context(request), "opts": self.opts, "original": whole, "title": title}
        context = {"media": self.media, **shared, "whole": whole, "now": clock.now(), **context}
        return TemplateResponse(request, f"admin/contacts/imports/{template}.html", context)


def _url(whole: Import) -> str:
    return reverse("admin:contacts_import_change", args=[whole.pk])


def _to(whole: Import) -> HttpResponse:
    return redirect(_url(whole))


def _asked_for(request: HttpRequest) -> dict[str, str]:
    """`?segment=12`, as the page of a segment links here, asks for a list that goes there."""
    for key, _one in importing.DESTINATIONS.items():
        if pk := request.GET.get(key, ""):
            return {"destination": f"{key}:{pk}", "kind": "list"}
    return {"kind": "contacts"}


def _forms(whole: Import, data) -> dict[str, Any]:
    if whole.kind == Import.Kind.LIST:
        return {"list_form": ListForm(whole, data)}
    return {
        "columns_form": ColumnsForm(whole, data),
        "options_form": OptionsForm(whole, data),
        "consent_form": ConsentForm(whole, data),
    }


def _mapping(forms: dict[str, Any]) -> Mapping:
    if "list_form" in forms:
        return forms["list_form"].mapping()
    chosen = forms["options_form"].chosen() | forms["consent_form"].chosen()
    return Mapping(columns=forms["columns_form"].columns(), **chosen)


def _stage(whole: Import) -> str:
    job = whole.import_job
    if job and job.state in (job.State.FAILED, job.State.CANCELLED):
        return "Failed" if job.state == job.State.FAILED else "Stopped"
    return STAGES[whole.stage]


def _shown(whole: Import) -> dict[str, Any]:
    """What the page of an import says in its present stage."""
    job = whole.import_job or whole.check_job
    done, total = (job.done, job.total or whole.rows) if job else (0, whole.rows)
    kept = whole.became if whole.started_at else whole.expected
    said = Tally.of(kept).counts
    return {
        "stage": whole.stage,
        "stage_in_words": _stage(whole),
        "badge": BADGES.get(_stage(whole), "warning"),
        "job": job,
        "share": min(100, round(100 * done / max(total, 1))),
        "done": done,
        "total": total,
        "report": import_results.report(whole, kept) if said else None,
        "people": _people(import_results.report(whole, kept)["taken"]) if said else "",
        "has_file": not whole.wiped_at,
    }


def _people(count: int) -> str:
    return "1 contact" if count == 1 else f"{count:,} contacts"
