"""What marketers do to campaigns that are drawn: draw them anew, edit them on the canvas, publish, go back.

Publishing may die or fail at any statement.
"""

import contextlib
from random import Random

from hypothesis import strategies as st
from hypothesis.stateful import rule

from campaigns import checking, flow_edits, lifecycle, publishing
from campaigns.choices import Choices, StepChoice
from campaigns.document import Document, StepDoc, parse
from campaigns.flow import Flow
from campaigns.flow_edits import CannotBeDone, Deed
from campaigns.impact import impact
from campaigns.models import Campaign
from tests.properties import drawing
from tests.properties.deciding import seeds
from tests.properties.drawing import flows
from tests.properties.dying import fates
from tests.properties.machine import Machine
from tests.properties.promises import Promises


class Editing(Machine):
    """The part of the machine over drawn campaigns in which they are edited."""

    def _edit(self, index, change, valid: bool = False) -> Campaign | None:
        campaign = Campaign.objects.get(pk=self.campaigns[index])
        document = change(parse(campaign.draft))
        found = [one for one in checking.problems(document) if "is archived" not in one.sentence]
        assert not (valid and found), "drawn to be valid"
        if found:
            return None
        return lifecycle.save_draft(campaign, document, campaign.revision, self.site.user, self.now)

    @rule(data=st.data(), index=st.integers(0, 1), head=st.booleans(), seed=seeds, fate=fates)
    def draw_anew(self, data, index, head, seed, fate):
        def change(document):
            document.steps = data.draw(flows(self.site.things))
            if head:
                drawing.head(data.draw, document, self.site.things)
            return document

        self._edit(index, change, valid=True)
        self.publish(index, seed, fate)

    @rule(data=st.data(), index=st.integers(0, 1), seed=seeds, fate=fates)
    def edit_on_the_canvas(self, data, index, seed, fate):
        with contextlib.suppress(CannotBeDone):
            if self._edit(index, lambda document: self._deed(data.draw, document)):
                self.publish(index, seed, fate)

    def _deed(self, draw, document: Document) -> Document:
        flow, uids = Flow(document), [step.uid for step in document.steps]
        ways = [way for ways in flow.ways.values() for way in ways]
        place = draw(st.sampled_from([{"from": way.source, "arm": way.arm} for way in ways]))
        uid, rest = draw(st.sampled_from(uids)), draw(st.booleans())
        do = draw(st.sampled_from(["insert", "insert", "remove", "move", "copy", "lead", "settings"]))
        if do == "settings":
            return self._set(draw, document, uid, document.step(uid).kind)
        kind = draw(st.sampled_from(drawing.KINDS)) if do == "insert" else ""
        to = draw(st.sampled_from([None, *uids])) if do == "lead" else None
        deed = Deed(do=do, uid=uid, kind=kind, at=place, to=to, rest=rest)
        after, shown = flow_edits.do(document, deed)
        return self._set(draw, after, shown, kind) if do == "insert" else after

    def _set(self, draw, document: Document, uid: str, kind: str) -> Document:
        step = document.step(uid)
        before = StepDoc(uid=uid, kind=kind, config=step.config, next=step.next)
        ahead = [other.uid for other in document.steps if other.uid != uid]
        step.config = drawing.config(draw, self.site.things, kind, ahead)
        flow_edits.settle_arms(step, before)
        return document

    @rule(index=st.integers(0, 1), seed=seeds, fate=fates)
    def publish(self, index, seed, fate):
        campaign = Campaign.objects.get(pk=self.campaigns[index])
        if not checking.problems(parse(campaign.draft)):
            choices = self._choices(Random(seed), campaign)
            promises = Promises(campaign, choices)
            with self.whole(fate):
                publishing.publish(campaign, self.site.user, self.now, choices)
            if not fate.struck:
                promises.are_kept(self.now)

    def _choices(self, chance: Random, campaign: Campaign) -> Choices:
        uids, asking = [step.uid for step in parse(campaign.draft).steps], impact(campaign).steps
        deeds = ["next", "step", "due", "due", "exit"]
        gone = [step.uid for step in asking if step.asks == "removed"]
        waits = [step.uid for step in asking if step.asks == "wait"]
        return Choices(
            people=chance.choice(["follow", "follow", "follow", "drain"]),
            removed={uid: StepChoice(then=chance.choice(deeds), target=chance.choice(uids)) for uid in gone},
            waits={uid: chance.choice(["keep", "recompute"]) for uid in waits},
        )

    @rule(index=st.integers(0, 1), seed=seeds, fate=fates)
    def roll_back(self, index, seed, fate):
        row = Random(seed).choice(list(Campaign.objects.get(pk=self.campaigns[index]).versions.order_by("number")))
        if self._edit(index, lambda _: parse(row.document)):
            self.publish(index, seed, fate)
