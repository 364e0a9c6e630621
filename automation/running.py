"""Test runs: started for test contacts, stopped, told of. What goes quicker in them is in `automation.pace`.

A run runs a copy of the campaign: with a version, enrollments and messages of its own, and active whatever the campaign
does. So it can be started of a draft, is not touched by what is published or paused meanwhile, and nothing of it is in
the campaign's numbers, history, gates or holdouts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef

from automation import enrolling, pace, whying
from automation.admitting import Match
from automation.enrolling import Entry, Start, occasion
from automation.models import Enrollment, TestRun
from campaigns import checking, publishing, watches
from campaigns.document import Document, NotADocument, Trigger, parse, to_json
from campaigns.models import Campaign, Reference, Version
from campaigns.trigger_kinds import TRIGGER_KINDS, kind_of, tree_of
from contacts import consent, writing
from contacts.addresses import normalise
from contacts.models import Contact, Topic
from ops import audit, work
from ops.models import SiteSettings
from segments import conditions

SPEEDS = {1440: "A day takes a minute", 3600: "An hour takes a second", 1: "As in real life"}
MOST = 20  # contacts in one run
STOPPED = "A person stopped the test run."
PUBLISH = "campaigns.publish_campaign"
OUTSIDE_IS_FOR_PUBLISHERS = (
    "Webhooks, the team and other campaigns take a draft for real, so only who may publish lets a test run reach them."
    " Leave that out, or ask somebody who may publish."
)
# By which word a check that fails is remarked.
WORDS = {whying.AUDIENCE: "audience", "Again": "again", "Reason to leave": "exit", "Holdout": "holdout"}


class Refused(ValueError):
    """What a person must change first, in sentences."""

    def __init__(self, sentences: Sequence[str]):
        self.sentences = list(sentences)
        super().__init__(" ".join(self.sentences))


@dataclass(frozen=True)
class Choices:
    """What was chosen for a run."""

    of_draft: bool = True
    speed: int = 1440
    outside: bool = False
    trigger: Trigger | None = None
    properties: Mapping[str, Any] = field(default_factory=dict)
    token: UUID | None = None  # of the form: a run is started once by it

    @property
    def event_type(self) -> str:
        known = self.trigger and self.trigger.kind in TRIGGER_KINDS
        return (kind_of(self.trigger).event_type(self.trigger) if known and self.trigger else None) or ""


def definition(campaign: Campaign, of_draft: bool) -> Document:
    """What would run; raises Refused for a draft that cannot be read."""
    try:
        return parse(campaign.live.document if campaign.live and not of_draft else campaign.draft)
    except NotADocument as fault:
        raise Refused([str(fault)]) from fault


def obstacles(document: Document) -> list[str]:
    """What must be mended before it can run, as the canvas marks it."""
    return [*(problem.sentence for problem in checking.problems(document)), *publishing.missing_on_site(document)]


@transaction.atomic
def start(campaign: Campaign, people: Sequence[Contact], user, now: datetime, choices: Choices) -> TestRun:
    """Let test contacts into a copy of the campaign, at once and past every filter. Raises Refused."""
    document = definition(campaign, choices.of_draft)
    if found := [*_about_people(people), *_about_outside(campaign, user, choices), *obstacles(document)]:
        raise Refused(found)
    remarks = {str(person.pk): _remarks(campaign, document, person, now) for person in people}
    copy = _copy(campaign, document, user, now)
    run = TestRun.objects.create(
        campaign=copy,
        of_draft=choices.of_draft,
        speed=choices.speed,
        outside=choices.outside,
        event_type=choices.event_type,
        properties=dict(choices.properties),
        remarks=remarks,
        started_by=user,
        started_at=now,
        token=choices.token,
    )
    entered = enrolling.insert([_entry(copy, document, person, choices, now) for person in people], now)
    pace.begin(dict.fromkeys(entered.values(), now))
    _remark_on_filter(run, entered, choices.trigger, now)
    audit.note(user, campaign, "Started a test run.")
    work.poke("enrollments")
    return run


def _about_people(people: Sequence[Contact]) -> list[str]:
    if not people:
        return ["Choose at least one test contact."]
    if len(people) > MOST:
        return [f"A test run takes at most {MOST} contacts; choose fewer."]
    return [f"{person} is no test contact; choose another one." for person in people if not person.is_test]


def _about_outside(campaign: Campaign, user, choices: Choices) -> list[str]:
    """A draft that nobody published acts on other systems and on the team only for who may publish it."""
    of_draft = choices.of_draft or campaign.live is None
    refused = choices.outside and of_draft and user is not None and not user.has_perm(PUBLISH)
    return [OUTSIDE_IS_FOR_PUBLISHERS] if refused else []


def _copy(campaign: Campaign, document: Document, user, now: datetime) -> Campaign:
    copy = Campaign.objects.create(
        name=campaign.name, type=campaign.type, objective=campaign.objective, test_of=campaign, created_by=user,
        created_at=now, edited_at=now,
    )  # fmt: skip
    copy.live = Version.objects.create(
        campaign=copy, number=1, document=to_json(document), published_at=now, published_by=user
    )
    copy.state, copy.activated_at = Campaign.State.ACTIVE, now
    copy.save()
    looks_out = {(token, one.role) for one in watches.watching(document) for token in watches.tokens(one.watch)}
    # Only what people inside are watched for: a copy lets nobody in, and guards nothing against deletion.
    Reference.objects.bulk_create(
        Reference(version=copy.live, kind="watch", key=token, role=role) for token, role in sorted(looks_out)
    )
    return copy


def _entry(copy: Campaign, document: Document, person: Contact, choices: Choices, now: datetime) -> Entry:
    name = occasion("test run", copy.pk, person.pk)
    start = Start(person.pk, now, name, type=choices.event_type, properties=choices.properties)
    return Entry(copy, document, start, Match(copy, document, start, True).key)


# --- what would have kept them out ---


def _remarks(campaign: Campaign, document: Document, person: Contact, now: datetime) -> dict[str, str]:
    before = list(Enrollment.objects.filter(campaign=campaign, contact=person).order_by("-pk")[: whying.SHOWN])
    checks = whying.asked_of(campaign, document, person, before, now)
    found = {WORDS.get(check.what, check.what): check.sentence for check in checks if check.holds is False}
    if "audience" in found:
        found["audience"] = "They do not match “Which people”, so in real life they would not enter."
    if "again" in found:
        found["again"] += " So in real life they would not enter."
    if mail := _about_mail(document, person, now):
        found["mail"] = mail
    return found


def _about_mail(document: Document, person: Contact, now: datetime) -> str:
    """What keeps mail from them, and what in real life would keep marketing mail from them."""
    if person.address_id is None:
        return "They have no e-mail address, so no mail can be sent."
    topic = Topic.objects.filter(key=document.topic or "").values_list("pk", flat=True).first()
    refused = consent.verdicts([person.address_id], None, False, now)[person.address_id]
    if refused.outcome in ("unsubscribed", "suppressed"):
        return f"They get no mail of this run: {refused.sentence} What an address has refused holds for tests, too."
    found = consent.verdicts([person.address_id], topic, False, now)[person.address_id]
    return "" if found.allowed else f"In real life they would get no marketing mail: {found.sentence}"


def _remark_on_filter(run: TestRun, entered: Mapping[int, int], trigger: Trigger | None, now: datetime) -> None:
    """The filter of the trigger, asked of the event that was made up."""
    asked = tree_of(trigger) if trigger and trigger.kind in TRIGGER_KINDS else None
    if conditions.is_empty(asked) or conditions.validate(asked, "enrollment"):
        return
    here = now.astimezone(SiteSettings.get().zone)
    rows = Enrollment.objects.filter(pk__in=list(entered.values()))
    fitting = set(conditions.matching(rows, asked, here, only=set(entered)).values_list("contact_id", flat=True))
    said = f"The filter of the trigger asks that {conditions.sentence(asked, 'enrollment')}; that is not so."
    for pk in set(entered) - fitting:
        run.remarks[str(pk)]["filter"] = said
    run.save(update_fields=["remarks"])


# --- the end ---


@transaction.atomic
def stop(run: TestRun, user, now: datetime) -> int:
    """Whoever is inside still leaves; returns how many."""
    inside = Enrollment.objects.active().filter(campaign=run.campaign_id).values_list("pk", flat=True)
    stopped = enrolling.leave(list(inside), "by_hand", STOPPED, now)
    if run.campaign.test_of:
        audit.note(user, run.campaign.test_of, "Stopped a test run.")
    return stopped


def tidy(now: datetime) -> None:
    """A sweep: runs that nobody is inside any more are over."""
    inside = Enrollment.objects.active().filter(campaign=OuterRef("campaign"))
    over = TestRun.objects.filter(~Exists(inside), ended_at=None, started_at__lt=now - timedelta(seconds=5))
    ids = list(over.values_list("pk", flat=True))
    Campaign.with_tests.filter(pk__in=ids).update(state=Campaign.State.ARCHIVED)
    TestRun.objects.filter(pk__in=ids).update(ended_at=now)


# --- whom to test with ---


def testers() -> Any:
    """The test contacts that there are, the newest first."""
    return Contact.objects.current().filter(is_test=True).select_related("address").order_by("-pk")


def lacks_own(user) -> bool:
    """Has this person an address, but no test contact with it?"""
    return bool(_own_address(user)) and not of(user).exists()


def of(user) -> Any:
    """The test contacts with this person's own address."""
    return testers().filter(address__email=_own_address(user) or None)


def own(user, now: datetime) -> Contact:
    """A new test contact with this person's own address; a contact that has it already stays what it is."""
    contact = Contact.objects.create(is_test=True, created_at=now, updated_at=now)
    names = {name: value for name in ("first_name", "last_name") if (value := getattr(user, name, ""))}
    writing.upsert(contact.pk, writing.Upsert(attributes=names, email=_own_address(user)), now)
    contact.refresh_from_db()
    audit.note(user, contact, "Added as a test contact.")
    return contact


def _own_address(user) -> str:
    try:
        return normalise(user.email) if user.email else ""
    except ValueError:
        return ""
