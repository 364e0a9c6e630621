"""The page on which a sequence is built, the page that only shows it, and what two editors see."""

from dataclasses import replace

from django.contrib.admin.models import LogEntry
from django.core.exceptions import PermissionDenied
from django.shortcuts import redirect

from campaigns import checking, lifecycle, linear, numbers
from campaigns import document as documents
from campaigns.document import Document
from campaigns.head_words import head_in_words
from campaigns.linear import Row
from campaigns.models import Campaign
from campaigns.numbers import Numbers
from campaigns.pages import found, number, page, tell
from campaigns.sequence_form import SequenceForm, show_problems
from campaigns.sequence_words import differences, readable, steps_in_words
from campaigns.step_cards import StepFormSet, initial_rows
from campaigns.verb_pages import buttons
from lib import clock
from ops import audit


def add_page(model_admin, request):
    """A new sequence, blank or begun as a copy of another one (`?copy=`)."""
    if not model_admin.has_add_permission(request):
        raise PermissionDenied
    if request.method == "POST":
        return _save(model_admin, request, None)
    copied = Campaign.objects.filter(pk=number(request.GET.get("copy")) or 0).first()
    document, rows = _copy_of(copied) if copied else (Document(), [Row()])
    form = SequenceForm(initial=SequenceForm.initial_from(document) | {"token": documents.new_uid()})
    return _form_page(model_admin, request, None, form, _cards(form, initial=initial_rows(rows)), copied=copied)


def change_page(model_admin, request, object_id):
    campaign = found(model_admin, request, object_id)
    document = readable(campaign)
    rows = as_cards(document)
    if rows is None or not may_edit(model_admin, request, campaign):
        if request.method == "POST":
            raise PermissionDenied
        if rows is None:
            return redirect("admin:campaigns_campaign_canvas", campaign.pk)
        return _read_page(model_admin, request, campaign, document, rows)
    if request.method == "POST":
        return _save(model_admin, request, campaign)
    form = SequenceForm(initial=SequenceForm.initial_from(document, campaign.revision))
    return _form_page(model_admin, request, campaign, form, _cards(form, initial=initial_rows(rows)))


def as_cards(document: Document) -> list[Row] | None:
    """The rows of the form; None where the form would lose a part of the document."""
    plain = len(document.triggers) <= 1 and all(trigger.kind == "event" for trigger in document.triggers)
    return linear.rows(document) if plain else None


def typed_document(form: SequenceForm, cards, base: Document | None = None) -> Document | None:
    """The document that was typed, on top of what the form does not show.

    None where something is wrong, and then the forms say what and where.
    """
    valid = form.is_valid()
    if not cards.is_valid() or not valid:
        return None
    ordered = cards.in_order()
    document = form.document([card.row for card in ordered], base)
    wrong = checking.problems(document)
    show_problems(wrong, form, ordered)
    return None if wrong else document


def _save(model_admin, request, campaign):
    form = SequenceForm(request.POST)
    cards = _cards(form, request.POST)
    document = typed_document(form, cards, readable(campaign) if campaign else None)
    if document is None:
        return _form_page(model_admin, request, campaign, form, cards)
    if campaign is None:
        campaign, is_new = lifecycle.create_once(document, request.user, clock.now(), form.cleaned_data["token"])
        if not is_new and documents.parse(campaign.draft) != document:  # the way back, and another definition
            return _conflict_page(model_admin, request, campaign, document)
    else:
        revision = form.cleaned_data["revision"] or 0
        try:
            campaign = lifecycle.save_draft(campaign, document, revision, request.user, clock.now())
        except lifecycle.Conflict as conflict:
            return _conflict_page(model_admin, request, conflict.campaign, document)
    tell(request, _saved(campaign))
    return redirect(f"admin:campaigns_campaign_{'preview' if '_preview' in request.POST else 'change'}", campaign.pk)


def _saved(campaign: Campaign) -> str:
    if lifecycle.has_unpublished_changes(campaign):
        return "Saved as a draft. What is live stays as it is until you publish the changes."
    return "Saved." if campaign.live_id else "Saved as a draft. Nobody is mailed until it is activated."


def _form_page(model_admin, request, campaign, form, cards, **context):
    counted = numbers.by_step(campaign) if campaign else {}
    return page(
        model_admin,
        request,
        "campaigns/sequence_form.html",
        campaign.name if campaign else "New sequence",
        campaign,
        campaign=campaign,
        form=form,
        cards=cards,
        blank=cards.empty_form,
        ordered=[(card, _row_numbers(card, counted)) for card in cards.in_order()],
        dropped=cards.dropped(),
        gone=_gone(cards, counted),
        media=model_admin.media + form.media + cards.media,
        buttons=buttons(request, campaign),
        unpublished=bool(campaign) and lifecycle.has_unpublished_changes(campaign),
        copyable=None if campaign else Campaign.objects.order_by("name")[:200],
        **context,
    )


def _cards(form: SequenceForm, data=None, initial=None):
    return StepFormSet(data, prefix="steps", initial=initial, form_kwargs={"offered": form.offered})


def _row_numbers(card, counted: dict[str, Numbers]) -> Numbers:
    """What came of one card: its mail's numbers, with those who wait before it."""
    step, wait = (counted.get(card[name].value() or "-") for name in ("uid", "wait_uid"))
    return _added(step, wait, card["action"].value() == "email")


def _added(step: Numbers | None, wait: Numbers | None, mails: bool) -> Numbers:
    found = replace(step or Numbers(), mails=mails)
    return replace(found, waiting=found.waiting + wait.waiting) if wait else found


def _gone(cards, counted: dict[str, Numbers]) -> list[Numbers]:
    """Numbers of steps that the sequence had once."""
    shown = {card[name].value() for card in cards.forms for name in ("uid", "wait_uid")}
    return [found for uid, found in counted.items() if uid and uid not in shown and (found.sent or found.waiting)]


def _read_page(model_admin, request, campaign, document, rows: list[Row]):
    counted = numbers.by_step(campaign)
    return page(
        model_admin,
        request,
        "campaigns/sequence_read.html",
        campaign.name,
        campaign,
        campaign=campaign,
        head=head_in_words(document),
        steps=_read_steps(document, rows, counted),
        buttons=buttons(request, campaign),
        may_change=model_admin.has_change_permission(request, campaign),
    )


def _read_steps(document: Document, rows: list[Row], counted: dict[str, Numbers]) -> list[tuple[str, Numbers]]:
    """Each step in words with what came of it, as the form shows it: wait and mail as one."""
    numbered = [_added(counted.get(row.uid), counted.get(row.wait_uid or "-"), row.action == "email") for row in rows]
    return list(zip(steps_in_words(document), numbered, strict=True))


def _conflict_page(model_admin, request, campaign: Campaign, mine: Document):
    """Somebody saved first. Nothing is lost: what was typed travels along in hidden fields."""
    typed = [(name, value) for name, values in request.POST.lists() for value in values]
    typed = [pair for pair in typed if pair[0] not in ("revision", "csrfmiddlewaretoken")]
    return page(
        model_admin,
        request,
        "campaigns/sequence_conflict.html",
        "Two people edited this campaign",
        campaign,
        status=409,
        campaign=campaign,
        typed=typed,
        saved_by=last_editor(campaign),
        differences=differences(documents.parse(campaign.draft), mine),
    )


def last_editor(campaign: Campaign) -> str:
    entry = (
        LogEntry.objects.filter(content_type__model="campaign", object_id=str(campaign.pk))
        .select_related("user")
        .order_by("-action_time", "-pk")
        .first()
    )
    return audit.name_of(entry.user) if entry else "Somebody"


def _copy_of(campaign: Campaign) -> tuple[Document, list[Row]]:
    """A copy to begin with: a new name, new steps, the same words."""
    document = readable(campaign)
    rows = as_cards(document)
    document.name = f"{document.name[:110]} (copy)"
    for row in rows or []:
        row.uid = row.wait_uid = ""
    return document, rows or [Row()]


def may_edit(model_admin, request, campaign) -> bool:
    return model_admin.has_change_permission(request, campaign) and campaign.state != Campaign.State.ARCHIVED
