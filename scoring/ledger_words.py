"""Lines of the ledger as the contact page tells them: “+5 clicked a link in an e-mail: Pricing”, “now worth 3.1”."""

from dataclasses import dataclass
from datetime import datetime

from django.utils.html import format_html

from lib import words
from scoring import shown
from scoring.models import ScoreChange, ScoreRule
from scoring.reading import Line

GIVEN = {
    ScoreChange.Cause.HAND: "by hand",
    ScoreChange.Cause.STEP: "by a campaign",
    ScoreChange.Cause.API: "by the API",
}


@dataclass(frozen=True)
class Told:
    """One line, ready to be printed."""

    change: ScoreChange
    amount: str
    """“+5”, “−10”, “set to 40”, “reset to 0”."""
    tone: str
    """up, down or same."""
    what: str
    notes: list[str]
    """What it is worth now, how it fades; of a line that does not count, why."""
    when: str
    """“2 days ago”, with the exact time to hover over; “since 3 May” of what is so since then."""
    counts: bool

    @property
    def can_be_taken_back(self) -> bool:
        return self.change.rule_id is None and self.change.ended_at is None


def told(line: Line, now: datetime) -> Told:
    change = line.change
    counts = change.ended_at is None and (bool(line.worth) or (line.effect != ScoreRule.Effect.ADD and not line.note))
    return Told(
        change=change,
        amount=_amount(line),
        tone=_tone(line) if counts else "same",
        what=_what(line),
        notes=_notes(line, counts),
        when=_when(change, now),
        counts=counts,
    )


def _when(change: ScoreChange, now: datetime) -> str:
    if change.rule_id is None or change.event_id:
        return words.spoken_time(change.at, now)
    exact, day = words.day_and_time(change.at), words.day(change.at, now)
    return format_html('<time datetime="{}" title="{}">since {}</time>', change.at.isoformat(), exact, day)


def _amount(line: Line) -> str:
    if line.effect == ScoreRule.Effect.SET:
        return f"set to {shown.points(line.points)}"
    return "reset to 0" if line.effect == ScoreRule.Effect.RESET else shown.signed(line.points)


def _tone(line: Line) -> str:
    if line.effect != ScoreRule.Effect.ADD:
        return "same"
    return "up" if line.points > 0 else "down"


def _what(line: Line) -> str:
    if line.change.cause == ScoreChange.Cause.RULE:
        return f"{line.title}: {line.detail}" if line.detail else line.title
    return given(line.change)


def given(change: ScoreChange) -> str:
    """“by hand by Ann: ‘asked for a refund’”."""
    by = change.by
    who = f" by {by.get_full_name() or by.get_username()}" if by else ""
    how = f"{GIVEN[ScoreChange.Cause(change.cause)]}{who}"
    return f"{how}: “{change.reason}”" if change.reason else how


def _notes(line: Line, counts: bool) -> list[str]:
    note = f"{line.note[:1].lower()}{line.note[1:]}"
    if not counts:
        return [f"does not count: {note}" if note else "is worth nothing any more"]
    worth = shown.points(line.worth)
    faded = line.effect != ScoreRule.Effect.RESET and worth != shown.points(line.points)
    return [said for said in (f"now worth {worth}" if faded else "", note) if said]
