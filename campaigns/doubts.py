"""What can go live as it is, but is hardly meant: steps that nobody gets to, ways that nobody can take."""

from dataclasses import dataclass

from campaigns.document import Document, StepDoc
from campaigns.flow import Flow
from campaigns.never import contradiction, covered
from campaigns.step_kinds import STEP_KINDS
from campaigns.trigger_kinds import TRIGGER_KINDS

ONCE = (
    "It comes again and again, but each person enters only once. If they should get it each time, choose “Everybody, "
    "every time it happens” under “Who may enter again”."
)
UNREACHED = "Nobody gets here: lead a way to it, move it to a way, or delete it."
LEAVES_ALL = "Everybody leaves here, so nobody gets to what follows. Say “only if”, or delete what follows."
NEVER_HERE = "Nobody can match its “only if”: two parts of it exclude each other. Change one of them."
NEVER = "The way “{}” can never match: two parts of it exclude each other. Change one of them, or delete the way."
ASKED = "The way “{}” can never match: one above it asks the same. Change it, or delete the way."


@dataclass(frozen=True)
class Doubt:
    """A step, empty for who enters, and what is doubtful about it, with how to mend it."""

    uid: str
    sentence: str


def doubts(document: Document) -> list[Doubt]:
    """Everything doubtful, in the order of the steps."""
    flow = Flow(document)
    unreached = set(flow.unreached())
    steps = [Doubt(uid, said) for uid, step in flow.steps.items() for said in about(flow, step, uid in unreached)]
    return [*(Doubt("", said) for said in of_entering(document)), *steps]


def of_entering(document: Document) -> list[str]:
    """What is doubtful about who enters, in sentences."""
    kinds = [(TRIGGER_KINDS.get(trigger.kind), trigger) for trigger in document.triggers]
    returning = any(kind.returns(trigger) for kind, trigger in kinds if kind)
    return [ONCE] if returning and document.reentry.mode == "once" else []


def about(flow: Flow, step: StepDoc, unreached: bool) -> list[str]:
    """What is doubtful about one step, in sentences."""
    kind = STEP_KINDS.get(step.kind)
    found = [UNREACHED] if unreached else []
    found += _never(step)
    if kind and kind.ends and not step.only_if and any(way.target for way in flow.ways[step.uid]):
        found.append(LEAVES_ALL)
    return found


def _never(step: StepDoc) -> list[str]:
    """Conditions that nobody can match, and ways that ask what an earlier one asked."""
    kind = STEP_KINDS.get(step.kind)
    found = [NEVER_HERE] if contradiction(step.only_if) else []
    try:
        asked = list(zip(kind.arms(step.config), kind.trees(step.config), strict=False)) if kind else []
    except Exception:  # a draft may hold anything; what is wrong with it `problems` say
        return found
    found += [NEVER.format(arm.label) for arm, tree in asked if contradiction(tree)]
    return found + [ASKED.format(asked[place][0].label) for place in covered([tree for _, tree in asked])]
