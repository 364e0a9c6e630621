"""A campaign as a file of YAML that people read, review and compare; docs/campaign-files.md describes it.

What is as usual is left out, a step leads to the one below it unless `next` says otherwise, and other things of the
site are named, never numbered. What was written and read again is exactly the same definition.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Annotated, Any, get_args, get_origin

import msgspec

from campaigns import checking
from campaigns.canvas_limits import numbers_of_rows
from campaigns.document import Document, StepDoc, parse, to_json
from campaigns.models import Campaign
from campaigns.naming import Fault, ToNames, ToNumbers
from campaigns.step_kinds import STEP_KINDS
from lib import once, plain_yaml
from lib.said_plainly import plainly

FORMAT = "dripline-campaign/1"
UID = re.compile(r"[A-Za-z0-9_-]{1,40}\Z")
HEAD = (
    "# A campaign of Dripline. Make a draft of it: manage.py campaigns apply FILE --by NAME, or Upload in the admin.\n"
)
NEEDED = {"name", "type"}  # without which nobody would find it again
ALWAYS = {"type", "objective", "triggers"}  # also where they are as usual; what has no usual value always stands


class NotReadable(ValueError):
    """A file that is no campaign of this site; `faults` says where and why."""

    def __init__(self, faults: list[Fault]):
        self.faults = faults
        super().__init__(" ".join(map(str, faults)))


@dataclass
class Written:
    """A campaign as text, and what had to be left out of it."""

    text: str
    left_out: list[Fault] = field(default_factory=list)


@dataclass
class CampaignFile:
    """What a file says: which campaign it is of (empty: the one of that name), and its definition.

    `unready`: what keeps it from being published; a draft may hold that.
    """

    uid: str
    document: Document
    unready: list[Fault] = field(default_factory=list)


# --- writing ---


def written(uid: str, document: Document) -> Written:
    """The file of a definition: the same text for the same definition."""
    once.expect(lambda: numbers_of_rows(document))
    names = ToNames()
    plain = names.translated(to_json(document), "")
    parts = [HEAD]
    parts += [f"# Left out: {_comment(str(fault))}\n" for fault in names.faults]
    parts.append(plain_yaml.dump({"format": FORMAT, "uid": uid, **_without_usual(Document, plain)}))
    parts.append(_steps(document, plain["steps"]))
    return Written("".join(parts), names.faults)


def export(campaign: Campaign, live: bool = False) -> Written:
    """The file of a campaign's draft, or of what is live."""
    return written(campaign.uid, parse(campaign.live.document if live and campaign.live else campaign.draft))


def _steps(document: Document, plain: list[dict]) -> str:
    if not plain:
        return "steps: []\n"
    blocks = ["steps:\n"]
    for place, (step, fields) in enumerate(zip(document.steps, plain, strict=True)):
        fields = _without_usual(StepDoc, fields)
        if step.next == _usual_way(document.steps, place):
            fields.pop("next", None)
        elif not step.next:
            fields["next"] = {}
        blocks.append(f"# {place + 1}. {_comment(_said(step))}\n{plain_yaml.dump([fields])}")
    return "".join(blocks)


def _usual_way(steps: list[StepDoc], place: int) -> dict[str, str | None]:
    """To the step below it, or to the end."""
    return {"done": steps[place + 1].uid if place + 1 < len(steps) else None}


def _said(step: StepDoc) -> str:
    """A step in words; that of one that is not filled in yet is its kind's."""
    kind = STEP_KINDS.get(step.kind)
    if kind is None or kind.problems(step.config):
        return kind.label if kind else step.kind
    return kind.describe(step.config)


def _comment(words: str) -> str:
    """On one line, whatever the words hold."""
    return "".join(sign if sign.isprintable() else " " for sign in " ".join(words.split()))[:200]


def _without_usual(struct: type[msgspec.Struct], plain: dict[str, Any]) -> dict[str, Any]:
    """The fields in their order, less those that are as usual; `steps` of a document are written apart."""
    found = {}
    for one in msgspec.structs.fields(struct):
        value, inner = plain[one.name], _inner(one.type)
        if (value != _usual(one) or (struct is Document and one.name in ALWAYS)) and (struct, one.name) != (
            Document,
            "steps",
        ):
            found[one.name] = _shortened(inner, value) if inner else value
    return found


def _shortened(inner: type[msgspec.Struct], value: Any) -> Any:
    if isinstance(value, list):
        return [_without_usual(inner, one) for one in value]
    return _without_usual(inner, value)


def _usual(one: msgspec.structs.FieldInfo) -> Any:
    if one.default_factory is not msgspec.NODEFAULT:
        return msgspec.to_builtins(one.default_factory())
    return one.default


def _inner(kind: Any) -> type[msgspec.Struct] | None:
    """The struct that a field holds, or a list of them, whatever its limits."""
    if get_origin(kind) is Annotated:
        kind = get_args(kind)[0]
    if get_origin(kind) is list:
        kind = get_args(kind)[0]
    return kind if isinstance(kind, type) and issubclass(kind, msgspec.Struct) else None


# --- reading ---


def read(raw: bytes | str) -> CampaignFile:
    """What a file says; raises NotReadable with everything that no draft can hold, each at its place."""
    try:
        value = plain_yaml.load(raw)
    except plain_yaml.Unreadable as fault:
        raise NotReadable([Fault("", str(fault))]) from fault
    return read_value(value)


def read_value(value: Any) -> CampaignFile:
    """The same of a file that is loaded already; `value` is filled in on the way."""
    uid, plain = _plain(value)
    numbers = ToNumbers()
    document = _typed(numbers.translated(plain, ""))
    if numbers.faults:
        raise NotReadable(numbers.faults)
    unready = [Fault(one.place, one.sentence) for one in checking.problems(document)]
    if faults := [fault for fault in unready if fault.place in NEEDED or fault.sentence == checking.SAME_UID]:
        raise NotReadable(faults)
    return CampaignFile(uid, document, unready)


def outline(value: Any) -> Document:
    """The definition with the names that stand in the file, as to draw it: nothing is looked up on the site."""
    return _typed(_plain(value)[1])


def _plain(value: Any) -> tuple[str, dict[str, Any]]:
    uid, plain = _opened(value)
    if faults := [*_unknown(Document, plain, ""), *_step_faults(plain.get("steps"))]:
        raise NotReadable(faults)
    _fill_in_ways(plain)
    return uid, plain


def _opened(value: Any) -> tuple[str, dict[str, Any]]:
    if not isinstance(value, dict):
        raise NotReadable([Fault("", "This is no campaign: its first lines are “format”, “uid” and “name”.")])
    plain = dict(value)
    form, uid = plain.pop("format", FORMAT), plain.pop("uid", "")
    if form != FORMAT:
        raise NotReadable([Fault("format", f"This is no campaign of this product’s version; write {FORMAT}.")])
    if uid != "" and (not isinstance(uid, str) or not UID.match(uid)):
        raise NotReadable([Fault("uid", "The uid has 1 to 40 letters, digits, - and _; put it into quotes.")])
    return uid, plain


def _unknown(struct: type[msgspec.Struct], plain: Any, path: str) -> Iterator[Fault]:
    """Names that nothing knows: else a slip of the pen would be dropped in silence."""
    if not isinstance(plain, dict):
        return
    fields = {one.name: one for one in msgspec.structs.fields(struct)}
    for name in plain:
        if name not in fields:
            yield Fault(path, f"“{name[:60]}” is unknown here; it is one of {', '.join(fields)}.")
    for name, one in fields.items():
        if (inner := _inner(one.type)) and name in plain:
            here = f"{path}.{name}" if path else name
            many = plain[name] if isinstance(plain[name], list) else [plain[name]]
            for number, held in enumerate(many):
                yield from _unknown(inner, held, f"{here}[{number}]" if isinstance(plain[name], list) else here)


def _step_faults(steps: Any) -> Iterator[Fault]:
    for number, step in enumerate(steps if isinstance(steps, list) else ()):
        uid = step.get("uid") if isinstance(step, dict) else ""
        if not isinstance(uid, str) or not UID.match(uid):
            sentence = "Give each step a uid of its own, such as welcome-mail: 1 to 40 letters, digits, - and _."
            yield Fault(f"steps[{number}].uid", sentence)


def _fill_in_ways(plain: dict[str, Any]) -> None:
    steps = plain.get("steps")
    if isinstance(steps, list):
        for place, step in enumerate(steps):
            if "next" not in step:
                below = steps[place + 1]["uid"] if place + 1 < len(steps) else None
                step["next"] = {"done": below}


def _typed(plain: dict[str, Any]) -> Document:
    try:
        return msgspec.convert(plain, Document)
    except msgspec.ValidationError as fault:
        said = plainly(fault)
        raise NotReadable([Fault(said.path, f"{'This' if said.path else 'It'} {said.words}.")]) from fault
