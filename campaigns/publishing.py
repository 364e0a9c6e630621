"""From draft to version: validated, frozen, with the rows that say what it uses."""

from dataclasses import dataclass, field
from datetime import datetime

from django.db import transaction

from campaigns import doors, watches
from campaigns.checking import problems
from campaigns.compiling import check_marketing
from campaigns.document import Document, NotADocument, parse, to_json
from campaigns.models import Campaign, Edge, EmailTemplate, Reference, Step, Version
from campaigns.step_kinds import STEP_KINDS
from campaigns.trigger_kinds import event_types_of, kind_of
from ops import audit
from ops.models import SiteSettings
from segments import conditions


class Refused(Exception):
    """What a person must change first, in sentences; `problems` names the places."""

    def __init__(self, found):
        self.problems = list(found)
        self.sentences = [problem if isinstance(problem, str) else problem.sentence for problem in self.problems]
        super().__init__(" ".join(self.sentences))


@dataclass
class StepChange:
    """One step of the difference between the draft and what is live."""

    uid: str
    what: str  # added · removed · changed · same
    before: str = ""
    after: str = ""
    waiting: doors.Waiting | None = None
    consequence: str = ""


@dataclass
class Impact:
    """What publishing the draft would do, step by step and to how many people."""

    steps: list[StepChange] = field(default_factory=list)
    other: list[str] = field(default_factory=list)
    people_inside: int = 0
    refusals: list[str] = field(default_factory=list)

    @property
    def changes_anything(self) -> bool:
        return bool(self.other) or any(step.what != "same" for step in self.steps)


def publish(campaign: Campaign, user, now: datetime) -> Version:
    """Freeze the draft as the next version and let people inside follow it; raises Refused."""
    with transaction.atomic():
        campaign = Campaign.objects.select_for_update().get(pk=campaign.pk)
        document = _checked(campaign)
        if campaign.live:
            refusals = impact(campaign).refusals
            if refusals:
                raise Refused(refusals)
        version = _freeze(campaign, document, user, now)
        campaign.live = version
        campaign.save(update_fields=["live"])
        for listener in doors.on_published:
            listener(campaign, version, now)
        audit.note(user, campaign, f"Published version {version.number}.")
    return version


def _checked(campaign: Campaign) -> Document:
    try:
        document = parse(campaign.draft)
    except NotADocument as fault:
        raise Refused([str(fault)]) from fault
    found = [*problems(document), *missing_on_site(document)]
    if found:
        raise Refused(found)
    return document


def missing_on_site(document: Document) -> list[str]:
    """What the installation lacks for this campaign: law and mailbox providers ask for it."""
    site, found = SiteSettings.get(), []
    if not site.sender_email:
        found.append("Say in Settings → Site which address the mails come from.")
    templates = EmailTemplate.objects.filter(
        pk__in=[step.config.get("template") for step in document.steps if step.kind == "email"]
    )
    marketing = [template for template in templates if not template.transactional]
    if marketing and not site.postal_address.strip():
        found.append("Write your postal address in Settings → Site: marketing mail may not go out without it.")
    for template in marketing:
        found += [f"The mail “{template}”: {problem}" for problem in check_marketing(template.html, template.text)]
    return found


def _freeze(campaign: Campaign, document: Document, user, now: datetime) -> Version:
    number = (campaign.versions.order_by("-number").values_list("number", flat=True).first() or 0) + 1
    version = Version.objects.create(
        campaign=campaign, number=number, document=to_json(document), published_at=now, published_by=user
    )
    steps = Step.objects.bulk_create(
        Step(version=version, uid=step.uid, kind=step.kind, config=step.config, only_if=step.only_if, position=position)
        for position, step in enumerate(document.steps)
    )
    by_uid = {step.uid: step for step in steps}
    Edge.objects.bulk_create(
        Edge(step=by_uid[step.uid], arm=arm, target=by_uid[target] if target else None)
        for step in document.steps
        for arm, target in step.next.items()
    )
    Reference.objects.bulk_create(
        Reference(version=version, kind=kind, key=key, role=role) for kind, key, role in sorted(_references(document))
    )
    return version


# What conditions read (segments.reading) that is referred to.
READ = {"event": "event_type", "segment": "segment", "score": "score"}


def _references(document: Document) -> set[tuple[str, str, str]]:
    found = {("event_type", key, "trigger") for key in event_types_of(document.triggers)}
    found |= {("trigger", one.kind, "trigger") for one in document.triggers if not kind_of(one).by_event}
    found |= {(kind, key, "trigger") for one in document.triggers for kind, key in kind_of(one).references(one)}
    trees = [document.audience, *(t.filter for t in document.triggers), *(s.only_if for s in document.steps)]
    trees += [tree for step in document.steps for tree in STEP_KINDS[step.kind].trees(step.config)]
    for role, _, watch in watches.watching(document):
        trees += [tree for tree, _, _ in watches.trees(watch)]
        found |= {("watch", token, role) for token in watches.tokens(watch)}
        found |= {("event_type", watch.event, "watch")} if watch.event else set()
    found |= {("field", path, "") for tree in trees for path in conditions.paths(tree)}
    read = {token.partition(":") for tree in trees for token in conditions.reads(tree, "enrollment")}
    found |= {(READ[word], key, "condition") for word, _, key in read if word in READ}
    for step in document.steps:
        found |= {(kind, key, "") for kind, key in STEP_KINDS[step.kind].references(step.config)}
    return found


def impact(campaign: Campaign) -> Impact:
    """The difference between the draft and what is live, and what it means for the people inside."""
    new, waiting = parse(campaign.draft), doors.who_is_inside(campaign)
    old = parse(campaign.live.document) if campaign.live else Document()
    found = Impact(people_inside=sum(step.count for step in waiting.values()))
    for uid in [*(s.uid for s in new.steps), *(s.uid for s in old.steps if not new.step(s.uid))]:
        found.steps.append(_compare(uid, old, new, waiting.get(uid)))
    found.refusals = [step.consequence for step in found.steps if step.what == "removed" and step.waiting]
    found.other = [label for label, name in _PARTS.items() if getattr(old, name) != getattr(new, name)]
    return found


_PARTS = {
    "The name changes.": "name",
    "The type changes.": "type",
    "The objective changes.": "objective",
    "The topic changes.": "topic",
    "What lets people in changes: it applies to new entries only.": "triggers",
    "Who may be in changes: it applies to new entries only.": "audience",
    "How often people may enter changes.": "reentry",
    "The entry key changes: it applies to new entries only.": "entry_key",
    "What happens on a repeat of the trigger changes.": "on_repeat",
    "The holdout changes: nobody who is already assigned moves.": "holdout",
}


def _compare(uid: str, old: Document, new: Document, waiting: doors.Waiting | None) -> StepChange:
    before, after = old.step(uid), new.step(uid)
    change = StepChange(uid, "same", describe(before), describe(after), waiting)
    if before is None:
        change.what = "added"
    elif after is None:
        change.what = "removed"
        if waiting:
            people = "1 person waits" if waiting.count == 1 else f"{waiting.count:,} people wait"
            change.consequence = (
                f"{people} in the step “{change.before}”, so it cannot be removed now; let them pass first."
            )
    elif before != after:
        change.what = "changed" if (before.config, before.only_if) != (after.config, after.only_if) else "same"
        if waiting and change.what == "changed" and after.kind == "wait":
            change.consequence = "Those who wait here keep their time."
    return change


def describe(step) -> str:
    """A step in words, with its condition."""
    if step is None:
        return ""
    kind = STEP_KINDS.get(step.kind)
    words = kind.describe(step.config) if kind else step.kind
    return f"{words}, only if {conditions.sentence(step.only_if, 'enrollment')}" if step.only_if else words
