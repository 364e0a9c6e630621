"""The verbs of a score model's life: made, edited as a draft, put in force, gone back on, turned on and off, deleted.

Each holds the model's row, so that of two people who do something at once the second sees what the first did.
"""

import re
from collections.abc import Collection
from datetime import datetime

from django.db import transaction

from lib.registry import Places, Registry, places_of
from ops import audit, jobs
from scoring import recomputing, ruling
from scoring.checking import MAX_NAME, Problem, problems
from scoring.comparing import differences
from scoring.document import Document, parse, to_json
from scoring.models import ScoreEdition, ScoreModel
from segments.leaves import quoted

# Apps and modules register `places(ids) -> {id: [(what, url)]}`: where score models are used, in words.
USES: Registry = Registry("use of score models")


class Refused(ValueError):
    """Says in one sentence why that cannot be done; `problems` names the places of the definition at fault."""

    def __init__(self, sentence: str, problems: list[Problem] | None = None):
        super().__init__(sentence)
        self.problems = problems or []


class Conflict(Exception):
    """Somebody else saved the draft in between; holds the model as it is now."""

    def __init__(self, model: ScoreModel):
        self.model = model
        super().__init__("Somebody else changed this score model after you opened it.")


# --- making ---


@transaction.atomic
def create(key: str, document: Document, user, now: datetime, active: bool = False) -> ScoreModel:
    """A new model with this definition in force, off or on; raises Refused."""
    model = begin(key, document, user, now)
    model = put_in_force(model, user, now)
    return switch(model, True, user, now) if active else model


@transaction.atomic
def begin(key: str, document: Document, user, now: datetime) -> ScoreModel:
    """A new model that is a draft and nothing else; raises Refused where the key or the name cannot be used."""
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,39}", key):
        raise Refused("The key has small letters, digits and _ only, begins with a letter, and has 40 at most.")
    if ScoreModel.objects.filter(key=key).exists():
        raise Refused(f"There is a score model with the key {quoted(key)} already; choose another one.")
    _check_name(document, None)
    model = ScoreModel.objects.create(
        key=key, name=_name(document), description=document.description[:300], draft=to_json(document),
        draft_revision=1, draft_by=user, draft_at=now, created_by=user, created_at=now, edited_at=now,
    )  # fmt: skip
    audit.note(user, model, "Made the score model.")
    return model


@transaction.atomic
def copy(model: ScoreModel, user, now: datetime) -> ScoreModel:
    """A new model that begins as this one is now; a draft."""
    document = opened(model)
    names = {name.casefold() for name in ScoreModel.objects.values_list("name", flat=True)}
    tries = [f"{document.name[:60]} (copy{number})" for number in ("", *(f" {n}" for n in range(2, 1000)))]
    document.name = next(name for name in tries if name.casefold() not in names)
    return begin(free_key(model.key), document, user, now)


def free_key(wished: str) -> str:
    """A key that no model has: the one wished for, or that with a number."""
    key = re.sub(r"[^a-z0-9]+", "_", wished.lower()).strip("_")
    key = re.sub(r"^[^a-z]*", "", key)[:34].rstrip("_") or "score"
    taken = set(ScoreModel.objects.values_list("key", flat=True))
    return next(one for one in (key, *(f"{key}_{number}" for number in range(2, 10_000))) if one not in taken)


def opened(model: ScoreModel) -> Document:
    """What is being edited: the draft, else what is in force."""
    return parse(model.definition if model.draft is None else model.draft)


def problems_of(model: ScoreModel) -> list[Problem]:
    """What keeps what is being edited from being put in force, the names of other models included."""
    document = opened(model)
    try:
        _check_name(document, model)
    except Refused as refusal:
        return [*refusal.problems, *problems(document)]
    return problems(document)


def _name(document: Document) -> str:
    return document.name.strip()[:MAX_NAME] or "Untitled"


def _check_name(document: Document, model: ScoreModel | None) -> None:
    others = ScoreModel.objects.exclude(pk=model.pk) if model else ScoreModel.objects.all()
    if others.filter(name__iexact=_name(document)).exists():
        sentence = f"There is a score model {quoted(_name(document))} already; choose another name."
        raise Refused(sentence, [Problem("name", sentence)])


def _locked(model: ScoreModel, revision: int | None = None) -> ScoreModel:
    found = ScoreModel.objects.select_for_update(no_key=True).filter(pk=model.pk).first()
    if found is None:
        raise Refused(f"{quoted(model)} was deleted just now.")
    if revision is not None and found.draft_revision != revision:
        raise Conflict(found)
    return found


# --- the draft ---


@transaction.atomic
def save_draft(model: ScoreModel, document: Document, revision: int, user, now: datetime) -> ScoreModel:
    """Save the draft that was opened at `revision`, finished or not; raises Conflict where somebody saved since.

    Nothing that is in force changes. A draft that says the same as what is in force is none.
    """
    model = _locked(model, revision)
    same = model.edition > 0 and document == parse(model.definition)
    model.draft = None if same else to_json(document)
    model.draft_revision += 1
    model.draft_by, model.draft_at = user, now
    changed = ["draft", "draft_revision", "draft_by", "draft_at"]
    if not model.edition:  # nothing is in force whose name it could bear
        _check_name(document, model)
        model.name, model.description = _name(document), document.description[:300]
        changed += ["name", "description"]
    model.save(update_fields=changed)
    audit.note(user, model, "Edited the draft.")
    return model


@transaction.atomic
def discard_draft(model: ScoreModel, user, now: datetime, revision: int | None = None) -> ScoreModel:
    """Forget the draft; what is in force stays. Raises Refused, Conflict."""
    model = _locked(model, revision)
    if not model.edition:
        raise Refused("Nothing is in force yet, so there is nothing to go back to; delete the model instead.")
    model.draft, model.draft_by, model.draft_at = None, None, None
    model.draft_revision += 1
    model.save(update_fields=["draft", "draft_revision", "draft_by", "draft_at"])
    audit.note(user, model, "Discarded the draft.")
    return model


# --- in force ---


@transaction.atomic
def put_in_force(model: ScoreModel, user, now: datetime, revision: int | None = None) -> ScoreModel:
    """The draft becomes the definition, and everybody is scored by it in the background.

    Raises Refused with what is wrong in it, and Conflict where it is not the draft of that revision any more.
    """
    model = _locked(model, revision)
    if model.draft is None:
        raise Refused("There is no draft; what you see is in force already.")
    _enforce(model, parse(model.draft), user, now)
    model.draft, model.draft_by, model.draft_at = None, None, None
    model.draft_revision += 1
    model.save(update_fields=["draft", "draft_revision", "draft_by", "draft_at"])
    audit.note(user, model, f"Put edition {model.edition} in force.")
    return model


@transaction.atomic
def undo(model: ScoreModel, user, now: datetime, number: int | None = None) -> ScoreModel:
    """Put the edition before in force again, or the one of that number; a draft stays as it is. Raises Refused."""
    model = _locked(model)
    number = model.edition - 1 if number is None else number
    edition = model.editions.filter(number=number).first() if number != model.edition else None
    if edition is None:
        raise Refused("There is no edition to go back to.")
    _enforce(model, parse(edition.definition), user, now)
    audit.note(user, model, f"Went back to edition {number}, as edition {model.edition}.")
    return model


def _enforce(model: ScoreModel, document: Document, user, now: datetime) -> None:
    _check_name(document, model)
    if found := problems(document):
        more = f" {len(found) - 1} more things are to be mended." if len(found) > 1 else ""
        raise Refused(f"{found[0].sentence}{more}", found)
    changes = differences(parse(model.definition), document) if model.edition else ["The first one."]
    model.edition += 1
    ScoreEdition.objects.create(
        model=model, number=model.edition, definition=to_json(document), changes=changes, at=now, by=user
    )
    ruling.write(model, document, now)
    if model.is_active:
        recomputing.start(model, user, now)


@transaction.atomic
def switch(model: ScoreModel, on: bool, user, now: datetime) -> ScoreModel:
    """Turn it on, and everybody is scored in the background; or off, and nobody is. Raises Refused."""
    model = _locked(model)
    if model.is_active == on:
        raise Refused(f"{quoted(model)} is {'on' if on else 'off'} already.")
    if on and not model.edition:
        raise Refused("Nothing is in force yet; put the draft in force first.")
    # What happened while it was off was not scored, so nobody's score follows any definition.
    model.is_active, model.filled_edition, model.edited_at = on, 0, now
    model.save(update_fields=["is_active", "filled_edition", "edited_at"])
    if on:
        recomputing.start(model, user, now)
    elif model.job_id:
        jobs.cancel(model.job_id)
    audit.note(user, model, "Turned the score model on." if on else "Turned the score model off.")
    return model


# --- deleting ---


def uses_of(ids: Collection[int]) -> Places:
    """Where score models are used, by their id: (what, in words; the address of its page)."""
    return places_of(USES, ids)


def uses(model: ScoreModel) -> list[tuple[str, str]]:
    """Where a score model is used: (what, in words; the address of its page)."""
    return uses_of([model.pk]).get(model.pk, [])


@transaction.atomic
def delete(model: ScoreModel, user) -> None:
    """Delete a model that is off and that nothing uses, with everybody's scores; raises Refused."""
    model = _locked(model)
    if model.is_active:
        raise Refused(f"{quoted(model)} is on; turn it off first.")
    if found := uses(model):
        raise Refused(f"{quoted(model)} is used by {', '.join(what for what, _ in found)}; remove it there first.")
    audit.note(user, model, "Deleted the score model.")
    model.delete()
