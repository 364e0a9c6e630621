"""From draft to version: validated, frozen, with the rows that say what it uses."""

from datetime import datetime

from django.db import transaction

from campaigns import approving, doors, watches
from campaigns.approving import CHANGED_MEANWHILE
from campaigns.checking import problems
from campaigns.choices import Choices, StepChoice
from campaigns.choices import to_json as choices_to_json
from campaigns.compiling import check_marketing
from campaigns.document import Document, NotADocument, parse, to_json
from campaigns.impact import describe, impact
from campaigns.models import Campaign, Edge, EmailTemplate, Reference, Step, Version
from campaigns.step_kinds import STEP_KINDS
from campaigns.trigger_kinds import event_types_of, kind_of
from lib.outages import again_after_deadlock
from ops import audit
from ops.models import SiteSettings
from segments import conditions

__all__ = ["Choices", "Refused", "StepChoice", "describe", "impact", "missing_on_site", "publish"]

MAILS = ("email", "digest")  # kinds of steps that send a template


class Refused(Exception):
    """What a person must change first, in sentences; `problems` names the places."""

    def __init__(self, found):
        self.problems = list(found)
        self.sentences = [problem if isinstance(problem, str) else problem.sentence for problem in self.problems]
        super().__init__(" ".join(self.sentences))


@again_after_deadlock  # people inside are moved while mails to them are settled
def publish(
    campaign: Campaign, user, now: datetime, choices: Choices | None = None, revision: int | None = None
) -> Version:
    """Freeze the draft as the next version; people inside follow it, or what else was chosen. Raises Refused.

    While it holds the campaign nobody enters or moves, so that the choices are tested against who is inside *now*.
    `revision`: the draft that was looked at; another one is not published, nor the same once more.
    """
    choices = choices or Choices()
    with transaction.atomic():
        campaign = Campaign.objects.select_for_update().get(pk=campaign.pk)
        if revision is not None:
            _is_what_was_shown(campaign, revision)
        document = _checked(campaign)
        if campaign.live:
            refusals = impact(campaign).faults(choices, document)
            if refusals:
                raise Refused(refusals)
        version = _freeze(campaign, document, user, now, choices)
        campaign.live = version
        campaign.save(update_fields=["live"])
        for listener in doors.on_published:
            listener(campaign, version, now)
        approving.grant(campaign, user, now)
        audit.note(user, campaign, f"Published version {version.number}{_in_brief(choices)}.")
    return version


def _is_what_was_shown(campaign: Campaign, revision: int) -> None:
    """Of two people at once the second has been shown what is live by now."""
    if campaign.revision != revision:
        raise Refused([CHANGED_MEANWHILE])
    if campaign.live and campaign.draft == campaign.live.document:
        raise Refused([f"Version {campaign.live.number} says all of it already: there is nothing to publish."])


def _in_brief(choices: Choices) -> str:
    return "; those inside finish on theirs" if choices.drains else ""


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
    named = {step.template for step in document.steps if step.kind in MAILS and step.template}
    templates = EmailTemplate.objects.filter(pk__in=named)
    marketing = [template for template in templates if not template.transactional]
    if marketing and not site.postal_address.strip():
        found.append("Write your postal address in Settings → Site: marketing mail may not go out without it.")
    for template in marketing:
        found += [f"The mail “{template}”: {problem}" for problem in check_marketing(template.html, template.text)]
    return found


def _freeze(campaign: Campaign, document: Document, user, now: datetime, choices: Choices) -> Version:
    number = (campaign.versions.order_by("-number").values_list("number", flat=True).first() or 0) + 1
    version = Version.objects.create(
        campaign=campaign,
        number=number,
        document=to_json(document),
        published_at=now,
        published_by=user,
        choices=choices_to_json(choices),
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
