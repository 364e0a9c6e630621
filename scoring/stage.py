"""The pipeline's stage: what was written about contacts changes their scores, before the segments that read them."""

from collections.abc import Iterable

from scoring import fit, ledger, settling, telling
from scoring.ledger import Pairs
from scoring.models import ScoreRule
from segments import membership, reading
from segments import stage as segments_stage

BEHAVIOURAL = ScoreRule.Kind.BEHAVIOURAL


def follow(batch) -> None:
    """Pipeline stage: only the rules that read what was written, only the contacts touched."""
    rules = list(ScoreRule.objects.in_force().select_related("model"))
    if not rules:
        return
    earned = ledger.earn([rule for rule in rules if rule.kind == BEHAVIOURAL], batch.events)
    asked = _asked([rule for rule in rules if rule.kind != BEHAVIOURAL], batch)
    touched = earned | fit.judge(asked, batch.now)
    if not touched:
        return
    settled = settling.settle(grouped(touched), batch.now)
    keys = {rule.model_id: rule.model.key for rule in rules}
    for one in settled:
        if one.changed:
            batch.written.setdefault(telling.token(keys[one.model_id]), set()).add(one.contact_id)
    telling.tell(settled, segments_stage.occasion_of(batch))


def _asked(rules: Iterable[ScoreRule], batch) -> dict[ScoreRule, set[int]]:
    """By rule, about whom something was written that its condition reads."""
    rules = list(rules)
    if not rules:
        return {}
    written = reading.written(batch.changes, batch.events)
    asked: dict[ScoreRule, set[int]] = {}
    for rule in rules:
        for name in {*rule.reads, reading.EVERYTHING} & written.keys():
            asked.setdefault(rule, set()).update(written[name])
    return asked


def grouped(pairs: Pairs) -> dict[int, set[int]]:
    found: dict[int, set[int]] = {}
    for model, contact in pairs:
        found.setdefault(model, set()).add(contact)
    return found


def settle_apart(pairs: Pairs, occasion: membership.Occasion) -> None:
    """Settle outside of the pipeline, in the lanes of these contacts, which the caller holds; tell everybody."""
    settled = settling.settle(grouped(pairs), occasion.now)
    telling.tell(settled, occasion)
    telling.note(settled, occasion.now, hops=occasion.hops)
