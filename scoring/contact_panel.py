"""What the contact page says about scores: what they have now, the newest of the ledger, how it went."""

from datetime import datetime
from typing import Any

from contacts.models import Contact
from contacts.panels import Panel, panels
from scoring import contact_chart, ledger_words, reading, shown
from scoring.models import ScoreModel

NEWEST = 8


class Scores(Panel):
    """A part for each active model; five queries a model, whatever the contact's history."""

    title = "Scores"
    template = "scoring/contact_panel.html"
    order = 5
    permission = "scoring.view_scoremodel"

    def context(self, contact, now):
        found = reading.scores_of([contact.pk], now)[contact.pk]
        return {"scores": [_about(model, found[model.key], contact, now) for model in reading.models()]}


def _about(model: ScoreModel, found: reading.Standing, contact: Contact, now: datetime) -> dict[str, Any]:
    lines = reading.ledger(model, contact.pk, now, NEWEST + 1)
    return {
        "model": model,
        "points": shown.points(found.points),
        "fit": shown.points(found.fit),
        "engagement": shown.points(found.engagement),
        "band": found.band,
        "tone": shown.tone_of(model, found.band),
        "cell": found.cell,
        "stage": found.stage,
        "has_stages": bool(model.stages),
        "lines": [ledger_words.told(line, now) for line in lines[:NEWEST]],
        "more": len(lines) > NEWEST,
        "chart": contact_chart.of(model, contact.pk, now) if lines else None,
    }


def register() -> None:
    panels.register("scores", Scores())
