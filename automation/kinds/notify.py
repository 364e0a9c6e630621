"""Notify: a plain mail to a person on the team, once for each visit."""

import msgspec

from automation import liquid_values
from automation.forms.notify import NotifyForm
from automation.kinds.arms import read
from automation.liquid_values import NotWritten
from campaigns import notes
from campaigns.models import Message
from campaigns.step_kinds import Arm, Done, StepKind, Wait

LONGEST_SUBJECT = 200


class Note(msgspec.Struct, kw_only=True):
    """The configuration; `to` is the user name of somebody on the team."""

    to: str = ""
    subject: str = ""
    text: str = ""


class NotifyKind(StepKind):
    key, label, icon = "notify", "Notify the team", "notifications"
    group, form = "Messages", NotifyForm
    help = "Sends a plain mail to a person on your team, such as “call her today”."
    outside = True

    def problems(self, config):
        note = read(config, Note)
        if note is None:
            return ["This step cannot be read; fill in its settings again."]
        found = []
        if "\x00" in note.to or notes.colleague(note.to) is None:
            found.append(
                "Choose a person on the team who has an e-mail address." if note.to else "Choose whom to notify."
            )
        if not note.subject.strip() or len(note.subject) > LONGEST_SUBJECT:
            found.append(f"Write what the note is about: 1 to {LONGEST_SUBJECT} characters.")
        if not note.text.strip():
            found.append("Write what the note says.")
        return [
            *found,
            *liquid_values.problems(note.subject, "The subject"),
            *liquid_values.problems(note.text, "The text"),
        ]

    def describe(self, config):
        note = read(config, Note)
        return f"notify {note.to}: “{note.subject[:60]}”" if note and note.to else "notify the team"

    def arms(self, config):
        return [Arm("failed", "It could not be written"), Arm("done", "On")]

    def run(self, visits, now):
        note = msgspec.convert(visits[0].step.config, Note)
        user = notes.colleague(note.to)
        fresh = [visit for visit in visits if not visit.message_id]
        faults = {} if user is None else self._send(note, user, fresh, now)
        return [_outcome(note, visit, faults.get(id(visit))) for visit in visits]

    def _send(self, note, user, visits, now):
        if not visits:
            return {}
        contacts = {visit.enrollment.contact_id: visit.enrollment.contact_id for visit in visits}
        values = liquid_values.Values(visits, [note.subject, note.text], now, contacts)
        faults, written = {}, []
        for visit in visits:
            try:
                written.append((visit, values.write(note.subject, visit), values.write(note.text, visit)))
            except NotWritten as fault:
                faults[id(visit)] = str(fault)
        messages = notes.queue(user, [_about(visit, *said) for visit, *said in written], now)
        for (visit, *_), message in zip(written, messages, strict=True):
            visit.message = message
        return faults


def _about(visit, subject: str, text: str) -> notes.Note:
    row = visit.enrollment
    return notes.Note(
        key=f"visit:{row.pk}:{visit.step_uid}:{visit.occurrence}",
        contact=row.contact,
        campaign=row.campaign,
        version_id=row.version_id,
        step_uid=visit.step_uid,
        subject=" ".join(subject.split())[:LONGEST_SUBJECT] or "Note",
        text=text,
    )


def _outcome(note: Note, visit, fault: str | None):
    if fault:
        return Done(f"Nobody was notified: {fault}", arm="failed")
    message: Message | None = visit.message
    if message is None:
        return Done(f"{note.to} is not on the team any more, so nobody was notified.")
    if message.settled_at is None:
        return Wait(f"A note to {note.to} is on its way.", None)
    if message.outcome == Message.Outcome.SENT:
        return Done(f"{note.to} was notified.")
    return Done(f"{note.to} was not notified: {message.reason or message.get_outcome_display()}")
