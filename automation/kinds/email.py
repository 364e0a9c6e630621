"""Send e-mail: one message to each, and then the way that its outcome names."""

from datetime import datetime, timedelta, tzinfo

from automation import holding, mail_ways, pace
from automation.documents import of_version
from automation.forms.email import EmailForm
from automation.opening import Stretch, next_stretch, opening
from automation.zones import spoken
from campaigns import windows
from campaigns.models import DEFAULT_LATENESS_HOURS, EmailTemplate, Message
from campaigns.queueing import new_message, queue
from campaigns.step_kinds import AT_ONCE, Done, StepKind, Wait
from contacts.models import Topic
from lib import once
from ops.models import SiteSettings

LONGEST_LATENESS = 24 * 30


class EmailKind(StepKind):
    key, label, icon, group = "email", "Send e-mail", "mail", "Messages"
    help = "One mail to each; then they go on, whatever came of it."
    form = EmailForm
    by_the_clock = True

    def problems(self, config):
        found = []
        template = _template(config)
        if template is None:
            found.append("Choose the e-mail to send.")
        elif not template.compiled:
            found.append(f"Open the template “{template}” and save it: it has not been checked yet.")
        hours = config.get("lateness_hours", DEFAULT_LATENESS_HOURS)
        if not isinstance(hours, int) or not 1 <= hours <= LONGEST_LATENESS:
            found.append(f"Say from how many hours on the mail is too late: 1 to {LONGEST_LATENESS}.")
        found += mail_ways.faults(config)
        return found + [sentence for _, sentence in windows.faults(config.get("window"))]

    def references(self, config):
        return [("template", str(config["template"]))]

    def describe(self, config):
        template, window = _template(config), windows.read(config.get("window"))
        what = f"send “{template.name}”" if template else "send an e-mail"
        return f"{what}, only {windows.words(window)}" if window else what

    def arms(self, config):
        return mail_ways.arms(config)

    def wider(self, arm):
        return mail_ways.wider(arm)

    def outcomes(self, config):
        return mail_ways.outcomes()

    def goes_on(self, config, arm, at, zone, window):
        stretch, outside = self._stretch(config, at, zone, window)
        return stretch.opens if stretch and outside != "cancel" else at

    def from_entry(self, config, arrives, sure, now, zone, window):
        if self.problems(config):
            return ""
        due = self._ready(config, arrives)
        stretch, outside = self._stretch(config, due, zone, window)
        if stretch is None or (stretch.opens > due and outside == "cancel"):
            return f"Who enters now is not sent it: {spoken(due, zone)} is outside of the send window."
        if stretch.opens - now < AT_ONCE:
            return f"If someone enters now, this {'goes' if sure else 'may go'} out at once."
        earliest = "" if sure else "at the earliest "
        return f"If someone enters now, this goes out {earliest}{spoken(stretch.opens, zone)}."

    def _ready(self, config, at: datetime) -> datetime:
        """When there is something to send."""
        return at

    def _stretch(self, config, at: datetime, zone: tzinfo, window) -> tuple[Stretch | None, str]:
        """When mails may go out from then on, and what becomes of those who come before that."""
        template, own = _template(config), windows.read(config.get("window")) or windows.read(window)
        awake = once.answer("awake", lambda: windows.awake(SiteSettings.get()))
        quiet = None if template and template.transactional else awake
        heeded = [one for one in (own, quiet) if one]
        if not heeded:
            return Stretch(at, at), ""
        closed = [one for one in heeded if next_stretch(one, at, zone).opens > at]
        cancels = any(one.outside == "cancel" for one in closed)
        return opening(heeded, at, zone), "cancel" if cancels else "hold"

    def run(self, visits, now):
        template = self._template(visits)
        turned = holding.turned(visits, now, transactional=bool(template and template.transactional))
        begun = [visit for place, visit in enumerate(visits) if not visit.message_id and place not in turned]
        messages = self._messages(begun, template, pace.real(visits[0].enrollment, now))
        queue(messages)
        for visit, message in zip(begun, messages, strict=True):
            visit.message = message
        return [turned.get(place) or self._outcome(visit.message) for place, visit in enumerate(visits)]

    def _template(self, visits):
        """Read where somebody has no message yet."""
        if all(visit.message_id for visit in visits):
            return None
        return EmailTemplate.objects.get(pk=visits[0].step.config["template"])

    def _messages(self, visits, template, now):
        if not visits:
            return []
        step = visits[0].step
        lateness = timedelta(hours=step.config.get("lateness_hours", DEFAULT_LATENESS_HOURS))
        version = visits[0].enrollment.version_id  # not the live one: who drains keeps their version's topic
        topic = Topic.objects.filter(key=of_version(version).topic or "").first()
        return [self._message(visit, template, lateness, topic, now) for visit in visits]

    def _message(self, visit, template, lateness, topic, now):
        row = visit.enrollment
        return new_message(
            key=f"visit:{row.pk}:{visit.step_uid}:{visit.occurrence}",
            contact=row.contact,
            template=template,
            campaign=row.campaign,
            version_id=row.version_id,
            step_uid=visit.step_uid,
            topic=topic,
            now=now,
            scheduled=row.scheduled_at,
            lateness=lateness,
            hops=row.hops,
            data={
                "event": {**row.data, "type": row.event_type, "at": row.event_at.isoformat() if row.event_at else None}
            },
        )

    def _outcome(self, message: Message):
        if message.settled_at is None:
            return Wait(f"“{message.template}” is on its way to {message.address}.", None)
        if message.outcome == Message.Outcome.SENT:
            return Done(f"“{message.template}” was sent to {message.address}.", arm="sent")
        return Done(
            f"“{message.template}” was not sent: {message.reason or message.get_outcome_display()}", arm=message.outcome
        )


def _template(config) -> EmailTemplate | None:
    """Without what it says: steps are described by the dozen."""
    pk = config.get("template")
    known = type(pk) is int and 0 < pk < 2**31
    return once.row(EmailTemplate.objects.only("name", "compiled", "transactional"), pk) if known else None
