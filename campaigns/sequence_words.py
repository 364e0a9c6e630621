"""A definition in words: what happens, and how two definitions differ; the rest is in `campaigns.head_words`."""

from itertools import zip_longest

from campaigns import document as documents
from campaigns.canvas_limits import numbers_of_rows
from campaigns.document import Document, NotADocument
from campaigns.head_words import parts_changed
from campaigns.impact import describe, difference
from campaigns.models import Campaign
from lib import once


def readable(campaign: Campaign) -> Document:
    """The draft of a campaign; one without steps where it cannot be read."""
    try:
        return documents.parse(campaign.draft)
    except NotADocument:
        return Document(name=campaign.name)


def differences(theirs: Document, mine: Document) -> list[tuple[str, str, str]]:
    """Where two drafts differ, as (what, theirs, mine)."""
    head = [(part.label, part.before, part.after) for part in parts_changed(theirs, mine)]
    steps = zip_longest(steps_in_words(theirs), steps_in_words(mine), fillvalue="")
    numbered = [(f"Step {place}", before, after) for place, (before, after) in enumerate(steps, 1)]
    return [one for one in [*head, *numbered, *_settings(theirs, mine)] if one[1] != one[2]]


def _settings(theirs: Document, mine: Document) -> list[tuple[str, str, str]]:
    """What changed inside steps that both have, where the step in words does not tell."""
    steps = [step for step in difference(theirs, mine) if step.what == "changed"]
    return [
        (f"{step.after[:1].upper()}{step.after[1:]}, {label.lower()}", before, after)
        for step in steps if step.before == step.after
        for label, before, after in step.settings
    ]  # fmt: skip


def steps_in_words(document: Document) -> list[str]:
    """The steps as the form counts them: a wait belongs to what follows it."""
    once.expect(lambda: numbers_of_rows(document))
    found, before = [], ""
    for step in document.steps:
        if step.kind == "wait":
            before += f"{describe(step)}, then "
        else:
            found.append(before + describe(step))
            before = ""
    return found
