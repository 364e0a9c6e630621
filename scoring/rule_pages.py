"""Rules in the draft of a score model: made in a form, edited, duplicated, moved, removed."""

from typing import get_args

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from msgspec.structs import replace

from lib.pages import page, tell
from scoring import defining
from scoring.document import MAX_RULES, Document, Kind, Rule, new_uid
from scoring.editing import edit_url, editable, saved
from scoring.models import ScoreModel
from scoring.rule_form import RuleForm, blank
from scoring.wording import free_name
from segments.leaves import quoted

MAX_UID = 40
GONE = "The rule is not in the draft any more; somebody removed it."


def new_page(model_admin, request: HttpRequest, object_id: int) -> HttpResponse:
    """First what kind of rule it shall be, then its form."""
    model = editable(model_admin, request, object_id)
    kind = request.GET.get("kind", "")
    if kind not in get_args(Kind):
        return page(
            model_admin, request, "scoring/rule_kinds.html", "Add a rule", model, model=model, back=edit_url(model)
        )
    return _form(model_admin, request, model, blank(kind))  # type: ignore[arg-type]


def rule_page(model_admin, request: HttpRequest, object_id: int, uid: str) -> HttpResponse:
    model = editable(model_admin, request, object_id)
    rule = defining.opened(model).rule(uid)
    if rule is None and request.method == "POST":  # somebody removed it meanwhile: what was typed is not lost
        rule = Rule(uid=uid[:MAX_UID], kind="behavioural" if "event" in request.POST else "demographic")
    if rule is None:
        raise Http404(GONE)
    return _form(model_admin, request, model, rule)


def _form(model_admin, request: HttpRequest, model: ScoreModel, rule: Rule) -> HttpResponse:
    document = defining.opened(model)
    form = RuleForm(request.POST if request.method == "POST" else None, document=document, rule=rule)
    if request.method == "POST" and (typed := form.typed(document)):
        name = next((one.name for one in typed.rules if one.uid == rule.uid), typed.rules[-1].name)
        said = f"{quoted(name)} is {'saved' if rule.uid else 'added'} in the draft."
        return saved(model_admin, request, model, typed, said, f"#{rule.part}")
    return page(
        model_admin,
        request,
        "scoring/rule.html",
        f"Edit the rule {quoted(rule.name)}" if rule.uid else "Add a rule",
        model,
        model=model,
        form=form,
        rule=rule,
        revision=request.POST.get("revision") or model.draft_revision,
        media=model_admin.media + form.media,
        back=f"{edit_url(model)}#{rule.part}",
    )


# --- the buttons beside a rule ---


def change_rules(model_admin, request: HttpRequest, object_id: int) -> HttpResponse:
    """Duplicate, remove or move the rule that the button names: `deed` is “up <uid>”."""
    model = editable(model_admin, request, object_id)
    deed, _, uid = request.POST.get("deed", "").partition(" ")
    document = defining.opened(model)
    rule = document.rule(uid)
    if rule is None or deed not in DEEDS:
        tell(request, GONE, 30)
        return redirect(edit_url(model))
    if deed == "duplicate" and len(document.rules) >= MAX_RULES:
        tell(request, f"A model has {MAX_RULES} rules at most; remove one first.", 40)
        return redirect(edit_url(model))
    changed, said = DEEDS[deed](document, rule)
    return saved(model_admin, request, model, changed, said, f"#{rule.part}")


def _duplicate(document: Document, rule: Rule) -> tuple[Document, str]:
    copy = replace(rule, uid=new_uid(), name=free_name(rule.name, [one.name for one in document.rules]))
    place = document.rules.index(rule) + 1
    rules = [*document.rules[:place], copy, *document.rules[place:]]
    return replace(document, rules=rules), f"{quoted(copy.name)} is added in the draft."


def _remove(document: Document, rule: Rule) -> tuple[Document, str]:
    rules = [one for one in document.rules if one.uid != rule.uid]
    return replace(document, rules=rules), f"{quoted(rule.name)} is removed in the draft."


def _move(document: Document, rule: Rule, by: int) -> tuple[Document, str]:
    """Past its neighbour of the same part; the others stay where they are."""
    rules = list(document.rules)
    places = [number for number, one in enumerate(rules) if one.part == rule.part]
    here = rules.index(rule)
    beside = places.index(here) + by
    if not 0 <= beside < len(places):
        return document, f"{quoted(rule.name)} stands at the end already."
    there = places[beside]
    rules[here], rules[there] = rules[there], rules[here]
    return replace(document, rules=rules), f"{quoted(rule.name)} is moved in the draft."


DEEDS = {
    "duplicate": _duplicate,
    "remove": _remove,
    "up": lambda document, rule: _move(document, rule, -1),
    "down": lambda document, rule: _move(document, rule, 1),
}
