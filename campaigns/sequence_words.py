"""A definition in words: who gets in, how often, what happens; and how two definitions differ."""

from campaigns import document as documents
from campaigns import windows
from campaigns.document import Document, NotADocument, Trigger
from campaigns.models import Campaign
from campaigns.publishing import describe
from campaigns.trigger_kinds import TRIGGER_KINDS, subject_of
from contacts.models import Topic
from segments import conditions

OUTSIDE = {"hold": "mails wait until it opens", "cancel": "mails are not sent"}
AGAIN = {
    "once": "Each person once.",
    "every_time": "Everybody, every time it happens.",
}


def readable(campaign: Campaign) -> Document:
    """The draft of a campaign; one without steps where it cannot be read."""
    try:
        return documents.parse(campaign.draft)
    except NotADocument:
        return Document(name=campaign.name)


def in_words(tree: dict, subject: str, event_type: str | None = None) -> str:
    """A condition in words, also one that was written before its fields changed."""
    try:
        return conditions.sentence(tree, subject, event_type)
    except conditions.InvalidCondition:
        return "a condition holds that can no longer be read"


def trigger_in_words(trigger: Trigger) -> str:
    """“When somebody abandons a cart, but only if …”."""
    kind = TRIGGER_KINDS.get(trigger.kind)
    if kind is None:
        return "In a way that this version does not know."
    asked = (subject_of(trigger), kind.event_type(trigger))
    condition = f", but only if {in_words(trigger.filter, *asked)}" if trigger.filter else ""
    return f"{kind.describe(trigger)}{condition}."


def window_in_words(config: dict) -> str:
    """“Monday to Friday, 09:00 to 18:00; outside of it a mail is not sent”."""
    window = windows.read(config)
    if window is None:
        return "a window that cannot be read"
    return f"{windows.words(window)}; outside of it {OUTSIDE[window.outside]}"


def head_in_words(document: Document) -> list[tuple[str, str]]:
    """Everything but the steps, as (label, sentence)."""
    again = AGAIN.get(document.reentry.mode) or f"At most once per {document.reentry.amount} {document.reentry.unit}."
    topic = Topic.objects.filter(key=document.topic).first() if document.topic else None
    lines = [
        ("Objective", document.objective),
        ("Who enters", " ".join(trigger_in_words(trigger) for trigger in document.triggers)),
        ("Which people", f"{in_words(document.audience, 'contact')}." if document.audience else "Everybody."),
        ("Again", again),
        ("Topic", str(topic or "No topic")),
        ("Entry key", document.entry_key),
        ("Send window", f"{window_in_words(document.window)}." if document.window else ""),
        ("Holdout", f"{document.holdout} % get nothing." if document.holdout else ""),
    ]
    return [(label, words) for label, words in lines if words]


def differences(theirs: Document, mine: Document) -> list[tuple[str, str, str]]:
    """Where two drafts differ, as (what, theirs, mine)."""
    before, after = dict(_in_words(theirs)), dict(_in_words(mine))
    names = [*before, *(name for name in after if name not in before)]
    return [(name, before.get(name, ""), after.get(name, "")) for name in names if before.get(name) != after.get(name)]


def _in_words(document: Document) -> list[tuple[str, str]]:
    steps = [(f"Step {place}", words) for place, words in enumerate(steps_in_words(document), 1)]
    return [("Name", document.name), ("Type", document.type), *head_in_words(document), *steps]


def steps_in_words(document: Document) -> list[str]:
    """The steps as the form counts them: a wait belongs to what follows it."""
    found, before = [], ""
    for step in document.steps:
        if step.kind == "wait":
            before += f"{describe(step)}, then "
        else:
            found.append(before + describe(step))
            before = ""
    return found
