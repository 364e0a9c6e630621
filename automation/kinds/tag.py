"""Tag: puts tags on people and takes others off."""

from collections.abc import Iterator

import msgspec

from automation.forms.tag import TagForm
from automation.in_hand import hops_of, with_people
from automation.kinds.arms import read
from campaigns.step_kinds import Done, StepKind
from contacts import writing

LONGEST, MOST = 80, 20


class Tags(msgspec.Struct, kw_only=True):
    """The configuration."""

    add: list[str] = []
    remove: list[str] = []


class TagKind(StepKind):
    key, label, icon = "tag", "Tag", "sell"
    group, form = "People", TagForm
    help = "Puts tags on people, or takes them off."

    def problems(self, config):
        tags = read(config, Tags)
        return ["This step cannot be read; say again which tags."] if tags is None else list(_about(tags))

    def references(self, config):
        return [("tag", name) for name in dict.fromkeys([*config.get("add", []), *config.get("remove", [])])]

    def describe(self, config):
        tags = read(config, Tags)
        said = [*_said("tag with", tags.add), *_said("take off the tag", tags.remove)] if tags else []
        return " and ".join(said) or "tag"

    def run(self, visits, now):
        tags = msgspec.convert(visits[0].step.config, Tags)
        said = " and ".join([*_said("got the tag", tags.add), *_said("lost the tag", tags.remove)])

        def work(going, contacts):
            ids, hops = set(contacts.values()), hops_of(going, contacts)
            writing.add_tags(ids, tags.add, now, hops=hops)
            writing.remove_tags(ids, tags.remove, now, hops=hops)
            return [Done(f"They {said}.") for _ in going]

        return with_people(visits, now, work)


def _about(tags: Tags) -> Iterator[str]:
    if not tags.add and not tags.remove:
        yield "Write a tag to put on or to take off."
    if len(tags.add) + len(tags.remove) > MOST:
        yield f"A step changes at most {MOST} tags; make a second step of the others."
        return
    for name in [*tags.add, *tags.remove]:
        if not name.strip() or name != name.strip() or len(name) > LONGEST or "\x00" in name or "," in name:
            yield f"“{name[:60]}” is no tag: write 1 to {LONGEST} characters, without a comma."
    for name in sorted(set(tags.add) & set(tags.remove)):
        yield f"The tag “{name}” is put on and taken off by the same step; remove it from one of the two."


def _said(verb: str, names: list[str]) -> Iterator[str]:
    if names:
        yield f"{verb} {', '.join(f'“{name}”' for name in names)}"
