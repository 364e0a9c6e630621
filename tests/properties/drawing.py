"""Definitions at random, each of which could be published as it is: every kind of step, every rule about who is inside.

Nothing is drawn and thrown away. Ways lead on to later steps, and back only from where people have waited, so no circle
is without a pause. The uids are few, so that another definition keeps, moves, replaces and removes steps under people.
"""

from dataclasses import dataclass

from hypothesis import strategies as st

from campaigns.document import Document, Goal, Reentry, StepDoc, Trigger, Watch
from campaigns.flow import arms_of
from campaigns.step_kinds import STEP_KINDS
from tests.properties.people import BOUGHT, LEFT, LOOKED, TRIED, TRIGGER

UIDS = [f"s{number}" for number in range(7)]
DAYS = ["mon", "tue", "wed", "thu", "fri"]
PRO = {"field": "contact.plan", "op": "is", "value": "pro"}
VIP = {"field": "contact.tags", "op": "contains", "value": "vip"}
ORDER = {"field": "data.order", "op": "is", "value": "a"}
LATELY = {"event": LOOKED, "when": {"in the last": {"amount": 2, "unit": "days"}}}
QUIET = {"event": BOUGHT, "when": {"more than ago": {"amount": 1, "unit": "days"}}}
ODD = {"field": "event.order", "op": "is", "value": "b"}
LOST = {"field": "contact.plan", "op": "is", "value": "lost"}
EXITS = [Watch(uid="left", event=LEFT), Watch(uid="lost", condition={"all": [LOST, VIP]})]
EXITS += [Watch(uid="quiet", condition=QUIET), Watch(uid="odd", condition=ODD), Watch(uid="odd", condition=ODD)]
GOALS = [Goal(uid="tried", event=TRIED), Goal(uid="pro", condition=PRO, days=9)]
LEFT_S1 = {"field": "step.s1", "op": "is set"}
CONDITIONS = [PRO, VIP, ORDER, LATELY, LEFT_S1, {"not": PRO}, {"any": [VIP, ORDER]}]
conditions = st.sampled_from(CONDITIONS)
maybe = st.sampled_from([None] * 5 * len(CONDITIONS) + CONDITIONS)
remedies = st.sampled_from(["continue", "continue", "skip", "exit"])
spans = st.sampled_from([(5, "minutes"), (3, "hours"), (1, "days"), (2, "weeks")])
times = st.sampled_from(["02:30", "09:00", "23:45"])
times_of_runs = ["01:45", "02:30", "09:00"]
CRON_LINES = ["30 2 * * *", "45 */8 1-15 3,10 *", "0 9 * 2-4 sun", "15 1 29 2,3 *"]


@dataclass(frozen=True)
class Things:
    """What steps name: ids of templates, lists and campaigns, the topic, the colleague, the receiver of webhooks."""

    templates: list[int]
    lists: list[int]
    campaigns: list[int]
    topic: str
    colleague: str
    url: str


def _span(draw) -> dict:
    amount, unit = draw(spans)
    return {"amount": amount, "unit": unit}


def _window(draw) -> dict:
    return draw(st.just({}) | st.fixed_dictionaries({
        "days": st.sampled_from([[], DAYS, ["sun"]]),
        "from": st.sampled_from(["09:00", "22:00"]), "to": st.sampled_from(["02:30", "17:00"]),
        "outside": st.sampled_from(["hold", "hold", "cancel"]),
    }))  # fmt: skip


def _email(draw, things, ahead):
    window, lateness = _window(draw), draw(st.sampled_from([1, 24, 720]))
    config = {"template": draw(st.sampled_from(things.templates)), "lateness_hours": lateness}
    ways = draw(st.sampled_from([[], [], ["bounced"], ["stale", "capped", "not_sent"]]))
    return config | ({"window": window} if window else {}) | ({"ways": ways} if ways else {})


def _digest(draw, things, ahead):
    return _email(draw, things, ahead) | _span(draw) | {"event": draw(st.sampled_from([BOUGHT, LOOKED]))}


def _wait(draw, things, ahead):
    past = {"past": draw(remedies), "missing": draw(remedies)}
    at = {"at": draw(times)}
    return draw(st.sampled_from([
        _span(draw), {"amount": 2, "unit": "days"} | at, {"amount": 1, "unit": "hours", "days": DAYS[:2]},
        {"mode": "weekday", "days": ["sun"]} | at, {"mode": "date", "date": "2026-03-29"} | at | past,
        {"mode": "random", "amount": 1, "unit": "hours", "to_amount": 2, "to_unit": "days"},
        {"mode": "field", "field": "contact.ends_at", "offset": -1, "offset_unit": "days"} | past,
        {"mode": "field", "field": "contact.ends_at", "anniversary": True} | at | past,
    ]))  # fmt: skip


def _wait_for(draw, things, ahead):
    second = {"field": "event.order", "op": "is", "value": "b"}
    found = [
        {"uid": "bought", "event": BOUGHT},
        {
            "uid": "looked",
            "event": LOOKED,
            "filter": draw(st.sampled_from([None, second])),
        },
        {"uid": "pro", "condition": draw(st.sampled_from([PRO, VIP, LATELY, QUIET]))},
    ]
    arms = draw(st.lists(st.sampled_from(found), min_size=1, max_size=3, unique_by=lambda arm: arm["uid"]))
    since = draw(st.sampled_from(["step", "step", "entry", "ever"]))
    return {"arms": arms, "timeout": _span(draw), "since": since, "again": draw(st.booleans())}


def _branch(draw, things, ahead):
    asked = draw(st.lists(conditions, min_size=1, max_size=2, unique_by=repr))
    return {"arms": [{"uid": f"w{n}", "name": f"Way {n}", "condition": tree} for n, tree in enumerate(asked)]}


def _split(draw, things, ahead):
    share = draw(st.sampled_from([0, 50, 90]))
    return {
        "arms": [{"uid": "one", "name": "One", "percent": share}, {"uid": "two", "name": "Two", "percent": 100 - share}]
    }


def _gate(draw, things, ahead):
    until = draw(st.sampled_from(["", *ahead]))
    return {"places": draw(st.sampled_from([1, 1, 2]))} | ({"until": until} if until else {})


def _tag(draw, things, ahead):
    return draw(st.sampled_from([{"add": ["vip"]}, {"remove": ["vip"]}, {"add": ["new"], "remove": ["vip"]}]))


def _attribute(draw, things, ahead):
    return draw(st.sampled_from([
        {"attribute": "plan", "value": "pro"}, {"attribute": "plan", "kind": "nothing"},
        {"attribute": "plan", "value": "lost"}, {"attribute": "last", "value": "{{ event.order }}"},
    ]))  # fmt: skip


def _list(draw, things, ahead):
    one, other = draw(st.permutations(things.lists))[:2]
    effect = draw(st.sampled_from(["add", "remove", "move"]))
    return {"effect": effect, "segment": one} | ({"to": {"segment": other}} if effect == "move" else {})


def _score(draw, things, ahead):
    return {
        "model": "lead",
        "effect": draw(st.sampled_from(["add", "set", "reset"])),
        "points": draw(st.sampled_from([-3, 5])),
    }


def _campaign(draw, things, ahead):
    return {"campaign": draw(st.sampled_from(things.campaigns))}


def _notify(draw, things, ahead):
    return {
        "to": things.colleague,
        "subject": "Call",
        "text": draw(st.sampled_from(["Today!", "About {{ event.order }}"])),
    }


def _webhook(draw, things, ahead):
    return {
        "url": f"{things.url}/hook",
        "body": draw(st.sampled_from(["", '{"order": "{{ event.order | default: 1 }}"}'])),
    }


CONFIGS = {
    "email": _email, "digest": _digest, "wait": _wait, "wait_for": _wait_for, "branch": _branch, "split": _split,
    "gate": _gate, "tag": _tag, "attribute": _attribute, "list": _list, "score": _score, "start": _campaign,
    "end": _campaign, "notify": _notify, "webhook": _webhook, "leave": lambda *_: {},
}  # fmt: skip
# Those in which people stay most often: that is where others find them. Everybody comes to the first one.
STAYING = ["email", "gate", "wait", "wait_for"]
KINDS = [*sorted(CONFIGS), *STAYING * 4, *["webhook", "digest"] * 2]
FIRST = [*STAYING * 2, "email", "gate", "webhook", "digest", "branch", "split", "tag"]


@st.composite
def flows(draw, things: Things) -> list[StepDoc]:
    """Steps in the order in which they are read; whoever comes to the last has come to the end."""
    uids = draw(st.permutations(UIDS))[: draw(st.integers(3, len(UIDS)))]
    return [_step(draw, things, uids, place) for place in range(len(uids))]


def _step(draw, things: Things, uids: list[str], place: int) -> StepDoc:
    ahead = uids[place + 1 :]
    kind = draw(st.sampled_from(KINDS if place else FIRST))
    only_if = draw(maybe) if place else None
    step = StepDoc(uid=uids[place], kind=kind, config=config(draw, things, kind, ahead), only_if=only_if)
    onward = st.sampled_from([*ahead[:1] * 6, *ahead, None])
    back = st.sampled_from([*ahead[:1] * 6, *uids[: place + 1]])
    for arm in arms_of(step):
        returns = STEP_KINDS[kind].pauses(step.config, arm.key) and not step.only_if
        step.next[arm.key] = draw(onward | back if returns else onward)
    if kind == "email" and draw(st.booleans()):
        step.next["bounced"] = draw(onward)
    return step


def config(draw, things: Things, kind: str, ahead: list[str]) -> dict:
    """Settings that a step of that kind may have, with these steps below it."""
    return CONFIGS[kind](draw, things, ahead)


@st.composite
def documents(draw, things: Things, name: str) -> Document:
    """A whole definition, which people and other campaigns may enter."""
    found = Document(name=name, steps=draw(flows(things)))
    head(draw, found, things)
    return found


def _schedule(draw, things: Things) -> dict:
    zone = {"zone": draw(st.sampled_from(["", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"]))}
    whom = {"segment": draw(st.sampled_from([None, None, things.lists[0]]))}
    every = st.fixed_dictionaries({"every": st.sampled_from(["day", "weekdays"])})
    every |= st.just({"every": "hours", "hours": 6}) | st.just({"every": "hours", "hours": 2})
    every |= st.just({"every": "week", "days": ["sun", "tue"]})
    every |= st.just({"every": "month", "day": 31}) | st.just({"every": "months", "months": [2, 3, 10], "day": 29})
    every |= st.fixed_dictionaries({"every": st.just("cron"), "cron": st.sampled_from(CRON_LINES)})
    return draw(every) | {"at": draw(st.sampled_from(times_of_runs))} | zone | whom


def _broadcast(draw, things: Things) -> dict:
    return {
        "segment": draw(st.sampled_from([None, *things.lists])),
        "at": draw(st.sampled_from(["", "2026-03-02T11:00", "2026-03-29T02:30"])),
        "zone": draw(st.sampled_from(["", "America/New_York"])),
    }


def _date(draw, things: Things) -> dict:
    return {
        "field": "contact.ends_at",
        "offset": draw(st.sampled_from([-1, 0, 3])),
        "at": draw(times),
        "anniversary": draw(st.booleans()),
    }


TIMED = {"schedule": _schedule, "broadcast": _broadcast, "date": _date}


def _triggers(draw, things: Things) -> list[Trigger]:
    """What people do, other campaigns and other software; often time, too."""
    found = [Trigger(event=TRIGGER), Trigger(kind="campaign"), Trigger(kind="api")]
    for kind in draw(st.sampled_from([[], [], ["schedule"], ["schedule"], ["date"], ["broadcast"]])):
        found.append(Trigger(kind=kind, config=TIMED[kind](draw, things)))
    return found


def head(draw, document: Document, things: Things) -> None:
    """Everything about a definition but its name and its steps."""
    document.triggers = _triggers(draw, things)
    document.topic = draw(st.sampled_from([None, things.topic]))
    again = [Reentry(mode="every_time"), Reentry(mode="every_time"), Reentry(), Reentry(mode="once_per", amount=2)]
    document.reentry = draw(st.sampled_from(again))
    document.entry_key = draw(st.sampled_from(["", "order"]))
    document.on_repeat = draw(st.sampled_from(["ignore", "refresh", "restart"]))
    document.audience, document.keep_matching = draw(st.sampled_from([None, {"not": LOST}])), draw(st.booleans())
    document.holdout = draw(st.sampled_from([0] * 7 + [50]))
    document.exits = draw(st.lists(st.sampled_from(EXITS), max_size=2, unique_by=lambda watch: watch.uid))
    document.goals = draw(st.lists(st.sampled_from(GOALS), max_size=2, unique_by=lambda goal: goal.uid))
    document.exit_on_goal = draw(st.booleans())
    document.priority = draw(st.sampled_from(["low", "normal", "high"]))
    document.overdue = draw(st.sampled_from(["send", "send", "shift", "exit"]))
    document.window = _window(draw)
