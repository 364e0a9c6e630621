"""step.* and data.*: what came of an earlier step, and what an enrollment carries with it, in conditions.

Both are asked of enrollments only: a contact has no steps.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from django.db.models import F, OuterRef, Subquery, Value
from django.db.models.expressions import Combinable

from automation.models import Visit
from campaigns.models import Campaign
from campaigns.step_kinds import STEP_KINDS, StepKind
from segments.catalogue import SOURCES
from segments.entries import STEPS, Choice, Entry
from segments.fields import ROOTS, Lasting, OneValue, UnknownField, as_json
from segments.leaves import Scope, Subject, quoted
from segments.sql import Sql
from segments.values import TYPES

OFFERED = 200  # campaigns whose steps are offered, those edited last


@dataclass(frozen=True)
class DataField(OneValue):
    """A path into an enrollment's data: the entry event's properties, and answers of webhooks."""

    key: str
    keys: tuple[str, ...]
    type: str = ""
    reads: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        return f"the {' '.join(self.keys).replace('_', ' ')} in the campaign’s data"

    def expression(self, scope: Scope, type_: str) -> Combinable:
        return Sql(TYPES[type_].json, j=self._sent(), zone=Value(scope.zone))

    def seen(self, scope: Scope, type_: str) -> Combinable:
        return as_json(self._sent())

    def _sent(self) -> Combinable:
        return Sql("({c} #> {keys}::text[])", c=F("data"), keys=Value(list(self.keys)))


@dataclass(frozen=True)
class StepField(Lasting):
    """The way by which the enrollment last left a step; nothing where it never came there."""

    key: str
    uid: str
    scope: Scope
    type: str = "text"
    reads: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        name = _names(self.scope).get(self.uid)
        return f"the outcome of {quoted(name)}" if name else f"the outcome of the step {self.uid}"

    def test(self, comparison) -> Sql:
        return comparison.of(Sql(TYPES["text"].column, c=_last_arm(self.uid)))

    def seen(self, scope: Scope, type_: str) -> Combinable:
        return as_json(_last_arm(self.uid))

    def vanished(self, scope: Scope) -> Iterator[str]:
        if self.uid not in _names(scope):
            yield f"No campaign has the step {quoted(self.uid)} any more; choose another one."


def _last_arm(uid: str) -> Subquery:
    left = Visit.objects.filter(enrollment=OuterRef("pk"), step_uid=uid, left_at__isnull=False)
    return Subquery(left.order_by("-occurrence").values("arm")[:1])


def data_field(key: str, keys: tuple[str, ...], scope: Scope) -> DataField:
    _inside_a_campaign(key, scope)
    return DataField(key, keys)


def step_field(key: str, keys: tuple[str, ...], scope: Scope) -> StepField:
    _inside_a_campaign(key, scope)
    if len(keys) != 1:
        raise UnknownField(f"{quoted(key)} is not a field; write step. and the uid of a step.")
    return StepField(key, keys[0], scope)


def _inside_a_campaign(key: str, scope: Scope) -> None:
    if scope.subject.key != "enrollment":
        raise UnknownField(f"{quoted(key)} can be asked inside a campaign only; use a field that begins with contact.")


# --- the steps of campaigns ---


def _names(scope: Scope) -> dict[str, str]:
    """The steps of all campaigns by uid, as they are called; read once for the whole tree."""
    if "steps" not in scope.memo:
        scope.memo["steps"] = {uid: name for _, uid, name, _ in _steps(Campaign.objects.all())}
    return scope.memo["steps"]


def _steps(campaigns) -> Iterator[tuple[str, str, str, list[Choice]]]:
    """(campaign, uid, name, ways out) of each step of their drafts, and of what is live."""
    for title, draft, live in campaigns.values_list("name", "draft", "live__document"):
        seen: set[str] = set()
        for document in (draft, live):
            for step in _as_list(document):
                if step["uid"] not in seen:
                    seen.add(step["uid"])
                    yield title, step["uid"], *_said(step)


def _as_list(document: dict | None) -> list[dict]:
    steps = (document or {}).get("steps") or []
    return [step for step in steps if isinstance(step, dict) and isinstance(step.get("uid"), str)]


def _said(step: dict) -> tuple[str, list[Choice]]:
    kind = STEP_KINDS.get(step.get("kind") or "")
    name = step.get("name") or (kind.label if kind else step["uid"])
    return str(name), [*_ways(kind, step.get("config") or {}), Choice("skipped", "skipped")]


def _ways(kind: StepKind | None, config: dict) -> list[Choice]:
    try:
        return [Choice(arm.key, arm.label or arm.key) for arm in kind.outcomes(config)] if kind else []
    except (AttributeError, KeyError, TypeError, ValueError):  # a draft need not be complete
        return []


def entries(subject: Subject) -> Iterator[Entry]:
    """What the rule builder offers inside campaigns."""
    if subject.key != "enrollment":
        return
    lately = Campaign.objects.exclude(state=Campaign.State.ARCHIVED).order_by("-edited_at")[:OFFERED]
    for title, uid, name, ways in _steps(lately):
        label, group = f"Outcome of “{name}” in {title}", f"{STEPS}: {title}"
        yield Entry("field", f"step.{uid}", label, group, "text", values=tuple(ways))


def register() -> None:
    fields: dict[str, Callable] = {"data": data_field, "step": step_field}
    for root, make in fields.items():
        ROOTS.register(root, make)
    SOURCES.register("steps", entries)
