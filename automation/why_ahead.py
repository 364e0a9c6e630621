"""*Why?*, what lies ahead: what would hold or stop the next mails to somebody, were they due at this moment."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import cast

from automation import fuses, gates
from automation.capped import LONGEST, PRIORITIES, who_goes_first
from automation.documents import of_version
from automation.fuse_models import Fuse
from automation.models import Enrollment
from automation.opening import opening
from automation.why_checks import Check, node
from automation.zones import flaw, in_zone, zone_of
from campaigns import capping, previews, windows, worked_out
from campaigns.compiling import CompiledEmail
from campaigns.document import Document, StepDoc
from campaigns.flow import ways_of
from campaigns.liquid import OnMissing
from campaigns.models import Campaign, EmailTemplate
from campaigns.publishing import describe
from campaigns.windows import Window
from contacts import consent
from contacts.models import Contact, Topic
from lib.durations import in_words
from ops.models import SiteSettings

ASKED_AT_MOST = 10  # steps whose “only if” is looked at


def checks(
    campaign: Campaign, document: Document, contact: Contact, inside: Enrollment | None, now: datetime
) -> Iterator[Check]:
    """In the order in which a mail meets them; a fixed number of queries, and one or two for each “only if”."""
    if inside:
        document = of_version(inside.version_id)
    ahead = _Ahead(campaign, document, contact, inside, now)
    yield from ahead.gates()
    yield from ahead.conditions()
    if not ahead.mails:
        return
    yield from ahead.hours()
    yield from ahead.limits()
    yield from ahead.fuses()
    yield from ahead.writing()
    yield from ahead.consent()
    if ahead.site.sending_stopped_at:
        yield Check("Sending", None, "All mail is stopped at the moment, until somebody lets it go on.", waits=True)


class _Ahead:
    def __init__(self, campaign, document: Document, contact: Contact, inside: Enrollment | None, now: datetime):
        self.campaign, self.document, self.contact, self.inside, self.now = campaign, document, contact, inside, now
        self.site = SiteSettings.get()
        self.zone = zone_of(contact.timezone, self.site)
        self.steps = list(reachable(document, inside.step_uid if inside else None))
        found = EmailTemplate.objects.in_bulk([step.template for step in self.steps if step.template])
        self.mails = [(step, found[step.template]) for step in self.steps if step.template in found]
        self.marketing = [(step, mail) for step, mail in self.mails if not mail.transactional]
        self.topic = Topic.objects.filter(key=document.topic or "").first()

    def gates(self) -> Iterator[Check]:
        asked = [step for step in self.steps if step.kind == "gate"]
        standing = gates.standing(self.campaign) if asked else {}
        for step in asked:
            places, inside, waiting = standing.get(step.uid, (step.config.get("places", 0), 0, 0))
            said = f"At most {places:,} at once: {inside:,} inside, {waiting:,} waiting"
            if inside < places and not waiting:
                yield Check("Gate", True, f"{said}. They would get a place at once.")
            else:
                yield Check("Gate", None, f"{said}. They would queue.", waits=True)

    def conditions(self) -> Iterator[Check]:
        """Steps that are done only if something is so, asked of them as they are now."""
        for step in [step for step in self.steps if step.only_if][:ASKED_AT_MOST]:
            rows = (
                Enrollment.objects.filter(pk=self.inside.pk)
                if self.inside
                else Contact.objects.filter(pk=self.contact.pk)
            )
            its, fault = node(rows, step.only_if, self.contact, self.now)
            words = f"“{step.name or describe(step)}” is done only for some"
            if its is None:
                yield Check("Step", None, f"{words}. {fault}")
            else:
                yield Check("Step", its.holds, f"{words}: {'for them' if its.holds else 'they would skip it'}.", its)

    def hours(self) -> Iterator[Check]:
        """Send windows and quiet hours, as they stand where the person is."""
        own = [windows.read(step.config.get("window") or self.document.window) for step, _ in self.mails]
        for words, window in {windows.words(one): one for one in own if one}.items():
            yield self._about_hours("Send window", f"The send window is {words}", window)
        awake = windows.awake(self.site) if self.marketing else None
        if awake:
            rule = f"Nothing is sent in the quiet hours, {awake.end} to {awake.start}"
            yield self._about_hours("Quiet hours", rule, awake)

    def _about_hours(self, what: str, rule: str, window: Window) -> Check:
        stretch = opening([window], self.now, self.zone)
        there = f"where they are it is {self.now.astimezone(self.zone):%a %H:%M}"
        wrong = flaw(self.contact.timezone, self.site)
        if stretch is None:
            return Check(what, False, f"{rule}; {there}. It leaves no time to send.{wrong}")
        if stretch.opens <= self.now:
            return Check(what, True, f"{rule}; {there}, so a mail may go out.{wrong}")
        when = in_zone(stretch.opens, self.contact.timezone, self.site)
        if window.outside == "cancel":
            return Check(what, False, f"{rule}; {there}, so a mail that is due now is not sent.{wrong}")
        return Check(what, None, f"{rule}; {there}, so a mail that is due now waits until {when}.{wrong}", waits=True)

    def limits(self) -> Iterator[Check]:
        """Frequency limits, by what was sent to the address lately."""
        caps = capping.caps_for(self.topic.pk if self.topic else None) if self.marketing else []
        address = self.contact.address_id
        if not caps or address is None:
            return
        if self.contact.is_test:
            yield Check("Frequency limits", True, "They are a test contact: no limit holds for them.")
            return
        places = capping.Places(caps, [address], self.now)
        waits = not any(trigger.kind == "broadcast" for trigger in self.document.triggers)
        first = who_goes_first([address], PRIORITIES[self.document.priority])[address]
        for cap in caps:
            count, blocked = places.count(cap, address), places.by(cap, address, first)
            said = f"At most {cap}: {count:,} went out in that time"
            said += f", and {first:,} more important {'waits' if first == 1 else 'wait'} for a place" if first else ""
            yield self._about_limit(said, blocked.until if blocked else None, waits)

    def _about_limit(self, said: str, until: datetime | None, waits: bool) -> Check:
        if until is None:
            return Check("Frequency limit", True, f"{said}. A place is free.")
        when = in_zone(until, self.contact.timezone, self.site)
        if not waits:
            return Check("Frequency limit", False, f"{said}, and a broadcast does not wait.")
        if until > self.now + LONGEST:
            longest = in_words(LONGEST)
            return Check("Frequency limit", False, f"{said}. A place is free {when}, and nothing waits over {longest}.")
        return Check("Frequency limit", None, f"{said}. They would wait for a place until {when}.", waits=True)

    def fuses(self) -> Iterator[Check]:
        """Steps that wait for a person, because they were about to mail far more people than ever."""
        steps = {step.uid: mail for step, mail in self.mails}
        for fuse in Fuse.objects.filter(campaign=self.campaign, step_uid__in=steps, blown_at__isnull=False):
            why = fuses.sentence(fuse, fuses.today(self.now))
            said = f"“{steps[fuse.step_uid]}” is held until a person lets it go on: {why}"
            yield Check("Fuse", None, said, waits=True)

    def writing(self) -> Iterator[Check]:
        """Mails that could not be written by what is known now; what an entry brings, only who is inside has."""
        row = self.inside
        read = {mail: worked_out.paths(mail) for step, mail in self.mails[:ASKED_AT_MOST] if step.kind == "email"}
        read = {mail: paths for mail, paths in read.items() if row or not any(map(_of_an_entry, paths))}
        if not read:
            return
        values = previews.values(self.contact, None, self.now, frozenset().union(*read.values()))
        if row:
            answers = row.data.get("webhook")
            values |= {"event": {**row.data, "type": row.event_type, "at": row.event_at}, "webhook": answers or {}}
        for mail in read:
            compiled = CompiledEmail.from_json(mail.compiled)
            if problem := previews.rendered(compiled, self.contact, values, cast(OnMissing, mail.on_missing)).problem:
                yield Check("Mail", False, f"“{mail}”: {problem}")

    def consent(self) -> Iterator[Check]:
        """What sending would ask of their address: other things of marketing than of transactional mail."""
        if self.contact.address_id is None:
            yield Check("Mail", False, "They have no e-mail address, so no mail can be sent.")
            return
        for transactional, kind in ((False, "marketing"), (True, "transactional")):
            names = [f"“{mail}”" for _, mail in self.mails if mail.transactional is transactional]
            if names:
                yield self._about_consent(transactional, kind, ", ".join(dict.fromkeys(names)))

    def _about_consent(self, transactional: bool, kind: str, names: str) -> Check:
        address, topic = self.contact.address_id, self.topic.pk if self.topic and not transactional else None
        assert address is not None
        found = consent.verdicts([address], topic, transactional, self.now)[address]
        about = f" about “{self.topic}”" if topic else ""
        if found.allowed:
            return Check("Mail", True, f"They may be mailed{about}: {names}.")
        said = f"They would get no {kind} mail{about} ({names}): {found.sentence}"
        return Check("Mail", None if found.outcome == "held" else False, said, waits=found.outcome == "held")


def _of_an_entry(path: str) -> bool:
    return path.partition(".")[0].partition("[")[0] in ("event", "webhook")


def reachable(document: Document, uid: str | None) -> Iterable[StepDoc]:
    """The steps that somebody may come to who stands there, in the order of the definition; None: at the beginning."""
    if uid is None:
        return document.steps
    seen, ahead = {uid}, [uid]
    while ahead:
        step = document.step(ahead.pop())
        for way in ways_of(step) if step else ():
            if way.target and way.target not in seen:
                seen.add(way.target)
                ahead.append(way.target)
    return [step for step in document.steps if step.uid in seen]
