"""What step R does inside the product (`manage.py shell`): models with ten rules, and edits of one on a large site."""

import json
import sys
from collections.abc import Callable
from datetime import datetime, timedelta

from msgspec.structs import replace

from benchmarks.volume import _load, _rolled_back, _seconds, _work
from lib import clock
from scoring import defining, fading, previewing, settling
from scoring.document import Document, Fading, Rule, parse
from scoring.models import Score, ScoreModel

OTHERS = ["page.viewed", "article.viewed", "product.viewed"]
AT_ONCE, DUE = 5_000, 10_000
LARGE = {"field": "event.value", "op": "≥", "value": 50, "type": "number"}
HALF = Fading(how="half", amount=30)


def _rules(fitting: int) -> list[Rule]:
    """Ten about behaviour; so many ask for orders, every second of these for large ones."""
    found = []
    for n in range(10):
        event = "order.completed" if n < fitting else OTHERS[n % len(OTHERS)]
        where = LARGE if n < fitting and n % 2 else None
        found.append(
            Rule(
                uid=f"r{n}",
                name=f"Rule {n}",
                kind="behavioural",
                event=event,
                where=where,
                points=1 + n,
                at_most=10,
                fading=HALF if n % 3 == 0 else Fading(),
            )  # fmt: skip
        )
    return found


def install(key: str, fitting: int) -> None:
    """A model of ten rules, the only one that is on."""
    _turn_off()
    defining.create(key, Document(name=key.capitalize(), rules=_rules(fitting)), None, clock.now(), active=True)


def _turn_off() -> None:
    for model in ScoreModel.objects.active():
        defining.switch(model, False, None, clock.now())


def measure(contacts: int, events: int) -> None:
    """Print the figures as JSON, on one line."""
    now = clock.now()
    _turn_off()
    _load(contacts, events, now)
    rules = _rules(3)
    model = defining.create("volume", Document(name="Volume", rules=rules), None, now)
    found = {"R_site_turned_on_s": _seconds(lambda: (defining.switch(model, True, None, now), _work(now)))}
    found["R_site_scores"] = Score.objects.filter(model=model).count()
    edits = {
        "points": [replace(rules[0], points=7), *rules[1:]],
        "filter": [replace(rules[0], where=LARGE), *rules[1:]],
        "rule": [*rules[1:], replace(rules[0], uid="more", name="More", event="page.viewed")],
    }
    for name, edited in edits.items():
        found |= _edit(model, name, edited, now)
    found |= _settled(model, now) | _looked(model, now)
    sys.stdout.write(json.dumps(found) + "\n")


def _edit(model: ScoreModel, name: str, rules: list[Rule], now: datetime) -> dict[str, float]:
    """Preview it, then put it in force until everybody's score follows it; and back again."""
    model.refresh_from_db()
    before = parse(model.definition)
    saved = defining.save_draft(model, replace(before, rules=rules), model.draft_revision, None, now)
    preview = _seconds(lambda: (previewing.start(saved, None, now), _work(now)))
    seconds = _seconds(lambda: (defining.put_in_force(saved, None, now), _work(now)))
    model.refresh_from_db()
    assert model.is_settled and model.preview.made_at
    defining.undo(model, None, now)
    _work(now)
    return {f"R_site_{name}_preview_s": preview, f"R_site_{name}_edit_s": seconds}


def _best(work: Callable[[], object], times: int = 3) -> float:
    seconds = []
    for _ in range(times):
        with _rolled_back():
            seconds.append(_seconds(work))
    return min(seconds)


def _settled(model: ScoreModel, now: datetime) -> dict[str, float]:
    rows = Score.objects.filter(model=model).values_list("contact", flat=True)
    some = list(rows.order_by("contact")[:AT_ONCE])
    each = _best(lambda: settling.settle({model.pk: some}, now)) / max(1, len(some)) * 1e6
    return {"R_site_settle_us_each": each}


def _looked(model: ScoreModel, now: datetime) -> dict[str, float]:
    """Those due at once are looked at in thousands, until nobody is due; what moves is told of."""
    some = list(Score.objects.filter(model=model).order_by("contact").values_list("contact", flat=True)[:DUE])
    Score.objects.update(due_at=None)
    Score.objects.filter(model=model, contact__in=some).update(due_at=now)
    later = now + timedelta(days=10)

    def look() -> None:
        while fading.look(later):
            pass

    with _rolled_back():
        seconds = _seconds(look)
    return {"R_site_looked_at": len(some), "R_site_look_us_each": seconds / max(1, len(some)) * 1e6}
