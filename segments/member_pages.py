"""Who is in a segment, all of them; and what a person does to a list: put in, take out, move, take that back."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.dateparse import parse_datetime
from django.utils.html import format_html
from django.utils.http import urlencode
from unfold.admin import ModelAdmin
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget

from contacts.import_lists import FOUND, look_up
from contacts.models import Contact
from contacts.searching import beginning_with
from lib import clock
from lib.admin import ask
from lib.pages import found, number, page, tell
from ops import audit
from segments import member_lists, members, moving
from segments.models import Membership, Segment
from segments.standing import people

PASTED = 5_000  # more than that is a file
CHOSEN = 1_000
SEARCHED = 20
SEE_CONTACTS = "contacts.view_contact"


def members_page(model_admin: ModelAdmin, request: HttpRequest, object_id: int) -> HttpResponse:
    """Newest first, a page at a time; in a list they can be chosen, to be taken out or moved."""
    segment = found(model_admin, request, str(object_id))
    if not request.user.has_perm(SEE_CONTACTS):
        raise PermissionDenied
    term = request.GET.get("q", "").strip()
    shown = member_lists.newest(segment, number(request.GET.get("before")), term, member_lists.A_PAGE)
    older = {"before": str(shown.older), **({"q": term} if term else {})}
    return page(
        model_admin,
        request,
        "segments/members.html",
        f"Members of {segment}",
        segment,
        segment=segment,
        now=clock.now(),
        rows=shown.rows,
        term=term,
        older=shown.older and urlencode(older),
        is_newest="before" not in request.GET,
        size=Segment.objects.with_size().get(pk=segment.pk).size,
        pick=_may_fill(model_admin, request, segment),
    )


class PutForm(forms.Form):
    """People, as they were pasted."""

    people = forms.CharField(
        label="Ids or e-mail addresses",
        required=False,
        max_length=400_000,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 6, "autocomplete": "off", "spellcheck": "false"}),
        help_text="One a line, or with commas between them. Ids are those of your product.",
        error_messages={"max_length": "That is a long list; add it from a file instead."},
    )

    def clean_people(self) -> list[str]:
        text = self.cleaned_data["people"].replace(",", "\n").replace(";", "\n")
        pasted = list(dict.fromkeys(line.strip().strip('"') for line in text.splitlines() if line.strip()))
        if len(pasted) > PASTED:
            raise forms.ValidationError(f"These are more than {PASTED:,}; add them from a file instead.")
        return pasted


def put_page(model_admin: ModelAdmin, request: HttpRequest, object_id: int) -> HttpResponse:
    """Put people into a list: searched for, or pasted; whoever was not found is named."""
    segment = _list_to_fill(model_admin, request, object_id)
    form, now = PutForm(request.POST or None), clock.now()
    put = _put(segment, form, request, now) if request.method == "POST" and form.is_valid() else None
    term = request.GET.get("q", "").strip()
    candidates = beginning_with(term).select_related("address").order_by("-pk")[:SEARCHED] if term else []
    there = Membership.objects.current().filter(segment=segment, contact__in=[one.pk for one in candidates])
    return page(
        model_admin,
        request,
        "segments/put.html",
        f"Add people to {segment}",
        segment,
        segment=segment,
        form=PutForm() if put else form,
        put=put,
        term=term,
        candidates=candidates,
        there=set(there.values_list("contact_id", flat=True)),
        media=model_admin.media + form.media,
    )


def _put(segment: Segment, form: PutForm, request: HttpRequest, now: datetime) -> dict[str, Any] | None:
    pasted = form.cleaned_data["people"]
    chosen = _chosen(request.POST.getlist("contact"))
    if not pasted and not chosen:
        form.add_error("people", "Choose somebody, or write whom to add.")
        return None
    fates, ids = look_up([(place, [text]) for place, text in enumerate(pasted, start=1)], 0)
    missing = [text for text, fate in zip(pasted, fates, strict=True) if fate.what != FOUND]
    wanted = {*ids, *chosen}
    added = members.add(segment, wanted, now, Membership.Cause.HAND, request.user)
    if added:
        audit.note(request.user, segment, f"Put {people(added)} in.")
    undo = _undo_url([segment], now) if added else ""
    there = len(wanted) - added
    return {"added": people(added), "several": added > 1, "there": there, "missing": missing, "undo": undo}


def take_page(model_admin: ModelAdmin, request: HttpRequest, object_id: int) -> HttpResponse:
    """Take the chosen people, or everybody, out of a list."""
    segment = _list_to_fill(model_admin, request, object_id)
    ids = _concerned(request, segment)
    if ids == []:
        return _nobody_chosen(request, segment)
    count = _count(segment, ids)
    return ask(
        request,
        model_admin,
        title=f"Take {people(count)} out of “{segment}”?",
        lines=["They stay contacts. Whatever starts when somebody leaves this segment starts for them."],
        button="Take out",
        act=lambda: _shifted(request, segment, None, ids),
        back=reverse("admin:segments_segment_members", args=[segment.pk]),
        danger=ids is None,
    )


class MoveForm(forms.Form):
    """Where to."""

    target = forms.ModelChoiceField(
        Segment.objects.none(),
        label="To which list",
        empty_label="Choose a list…",
        widget=UnfoldAdminSelectWidget,
        error_messages={
            "required": "Choose the list to which they go.",
            "invalid_choice": "There is no such list any more; choose another one.",
        },
    )

    def __init__(self, *args: Any, source: Segment, **options: Any):
        super().__init__(*args, **options)
        self.fields["target"].queryset = Segment.objects.static().exclude(pk=source.pk)  # type: ignore[attr-defined]


def move_page(model_admin: ModelAdmin, request: HttpRequest, object_id: int) -> HttpResponse:
    """Move the chosen people, or everybody, to another list."""
    segment = _list_to_fill(model_admin, request, object_id)
    ids = _concerned(request, segment)
    if ids == []:
        return _nobody_chosen(request, segment)
    form = MoveForm(request.POST or None, source=segment)
    return ask(
        request,
        model_admin,
        title=f"Move {people(_count(segment, ids))} to another list?",
        lines=[f"They leave “{segment}”. Whoever is on the other list already stays there once."],
        button="Move",
        act=lambda form: _shifted(request, segment, form.cleaned_data["target"], ids),
        back=reverse("admin:segments_segment_members", args=[segment.pk]),
        form=form,
    )


def _shifted(request: HttpRequest, source: Segment, target: Segment | None, ids: list[int] | None) -> str:
    """Do it at once for some, in the background for everybody; what to say."""
    now, done = clock.now(), "moved" if target else "taken out"
    if ids is None:
        moving.start(source, target, request.user, now)
        audit.note(request.user, source, "Moved everybody to another list." if target else "Took everybody out.")
        return f"Everybody is {done} in the background; Settings → Jobs shows how far it is."
    count = moving.shift(source, target, ids, now, request.user)
    if not count:
        return "Nothing had to be done: they were not in it any more."
    audit.note(request.user, source, f"{people(count).capitalize()} {done} by hand.")
    lists = [source, target] if target else [source]
    undo = _undo_url(lists, now)
    sentence = f"{people(count)} {'was' if count == 1 else 'were'} {done}{f' to “{target}”' if target else ''}."
    return format_html('{} <a class="text-link" href="{}">Undo</a>', sentence, undo)


def undo_page(model_admin: ModelAdmin, request: HttpRequest, object_id: int) -> HttpResponse:
    """Take back what the same person did by hand at one moment."""
    segment = _list_to_fill(model_admin, request, object_id)
    at = _moment(request.GET.get("at", ""))
    other = Segment.objects.static().filter(pk=number(request.GET.get("other")) or 0).first()
    lists = [segment, other] if other else [segment]
    gone, came = moving.gone_and_came(segment, at, request.user) if at else ([], [])

    def act() -> str:
        count = moving.undo(lists, at, request.user, clock.now()) if at else 0
        if not count:
            return "Nothing was left to undo."
        audit.note(request.user, segment, f"Took back what was done by hand, for {people(count)}.")
        return f"It is as it was before, for {people(count)}."

    lines = [f"{people(len(gone)).capitalize()} would be put back." if gone else ""]
    lines += [f"{people(len(came)).capitalize()} would be taken out again." if came else ""]
    return ask(
        request,
        model_admin,
        title=f"Undo what you did to “{segment}”?",
        lines=[line for line in lines if line] or ["Nothing is left to undo."],
        button="Undo",
        act=act,
        back=reverse("admin:segments_segment_members", args=[segment.pk]),
    )


def _undo_url(lists: Sequence[Segment], at: datetime) -> str:
    other = {"other": str(lists[1].pk)} if len(lists) > 1 else {}
    query = urlencode({"at": at.isoformat(), **other})
    return f"{reverse('admin:segments_segment_undo', args=[lists[0].pk])}?{query}"


def _moment(text: str) -> datetime | None:
    try:
        at = parse_datetime(text)
    except ValueError:
        return None
    return at if at and at.tzinfo else None


def _concerned(request: HttpRequest, segment: Segment) -> list[int] | None:
    """The ids that were chosen; None for everybody."""
    return None if request.GET.get("all") else _chosen(request.GET.getlist("contact"))


def _nobody_chosen(request: HttpRequest, segment: Segment) -> HttpResponse:
    tell(request, "Choose somebody first.", messages.WARNING)
    return redirect("admin:segments_segment_members", segment.pk)


def _chosen(texts: Sequence[str]) -> list[int]:
    ids = {pk for text in texts[:CHOSEN] if (pk := number(text))}
    return list(Contact.objects.current().filter(pk__in=ids).values_list("pk", flat=True))


def _count(segment: Segment, ids: list[int] | None) -> int:
    rows = Membership.objects.current().filter(segment=segment)
    return rows.count() if ids is None else rows.filter(contact__in=ids).count()


def _may_fill(model_admin: ModelAdmin, request: HttpRequest, segment: Segment) -> bool:
    return not segment.is_dynamic and model_admin.has_change_permission(request, segment)


def _list_to_fill(model_admin: ModelAdmin, request: HttpRequest, object_id: int) -> Segment:
    segment = found(model_admin, request, str(object_id))
    if not (_may_fill(model_admin, request, segment) and request.user.has_perm(SEE_CONTACTS)):
        raise PermissionDenied
    return segment
