"""The machine over four campaigns that are known: three sequences that differ in whom they take in again, and one that
branches; publishing adds, removes and moves steps under people.
"""

import contextlib

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import rule

from campaigns import lifecycle, publishing
from campaigns.document import Document, Goal, Reentry, StepDoc, Trigger, Watch, parse
from campaigns.linear import Row, from_rows
from campaigns.models import Campaign
from ops.models import Source
from tests.factories import NOW, CampaignFactory, TemplateFactory, UserFactory
from tests.properties import invariants
from tests.properties.beginnings import Beginning
from tests.properties.dying import fates
from tests.properties.machine import Machine, run, which
from tests.properties.people import BOUGHT, LEFT, LOOKED, TRIED, TRIGGER
from tests.smtp_server import FaultySmtpServer

DEED, LOOK = {"uid": "bought", "event": BOUGHT}, {"uid": "looked", "event": LOOKED}
# Steps as (hours to wait, uid of the mail): publishing another plan removes, adds and moves steps under people.
PLANS = {
    "long": [(0, "first"), (24, "second"), (24, "third")],
    "short": [(0, "first"), (2, "third")],
    "other": [(1, "fourth"), (0, "second")],
}
# The same for the campaign that branches: hours until the time is up, and what else opens a way.
FLOWS = {"long": (24, ()), "short": (2, (LOOK,)), "other": (5, ())}
LEAVES, IS_FOR = Watch(uid="left", event=LEFT), Goal(uid="goal", event=TRIED)


def plan(name: str, template: int) -> list[Row]:
    return [
        Row(uid=uid, wait_uid=f"before-{uid}", wait_amount=hours, wait_unit="hours", template=template)
        for hours, uid in PLANS[name]
    ]


def flow(name: str, template: int) -> list[StepDoc]:
    """Whoever buys is thanked, whoever only looks is asked, the rest are reminded; the ways join again."""
    hours, more = FLOWS[name]
    config = {
        "arms": [DEED, *more], "timeout": {"amount": hours, "unit": "hours"}, "again": name == "long",
    }  # fmt: skip
    ways = {arm["uid"]: f"mail-{arm['uid']}" for arm in config["arms"]} | {"timeout": "remind"}
    mails = ["mail-bought", *(f"mail-{arm['uid']}" for arm in more), "remind"]
    return [
        StepDoc(uid="wait", kind="wait_for", config=config, next=ways),
        *(StepDoc(uid=uid, kind="email", config={"template": template}, next={"done": "last"}) for uid in mails),
        StepDoc(uid="last", kind="wait", config={"amount": 3, "unit": "hours"}, next={"done": "bye"}),
        StepDoc(uid="bye", kind="email", config={"template": template}, next={"done": None}),
    ]


class Site:
    """What every example begins with: three campaigns that differ in whom they take in again, and one that branches."""

    def __init__(self, server: FaultySmtpServer, patch: pytest.MonkeyPatch):
        self.server, self.user, self.template = server, UserFactory(), TemplateFactory()
        self.source = Source.objects.create(name="Shop")
        again = Reentry(mode="every_time")
        self.campaigns = [
            CampaignFactory(event=TRIGGER, template=self.template, rows=plan("long", self.template.pk), **more).pk
            for more in ({}, {"reentry": again, "on_repeat": "restart"}, {"reentry": again, "entry_key": "order"})
        ]
        document = Document(
            name="Branches", triggers=[Trigger(event=TRIGGER)], reentry=again, entry_key="order",
            exits=[LEAVES], goals=[IS_FOR], exit_on_goal=False, steps=flow("long", self.template.pk),
        )  # fmt: skip
        branching = lifecycle.activate(lifecycle.create(document, self.user, NOW), self.user, NOW)
        self.campaigns.append(branching.pk)
        self.once = self.campaigns[0]
        self.beginning = Beginning(patch)


class Known(Machine):
    @rule(index=which, name=st.sampled_from(sorted(PLANS)), fate=fates)
    def publish(self, index, name, fate):
        campaign = Campaign.objects.get(pk=self.site.campaigns[index])
        document = parse(campaign.draft)
        branches = campaign.pk == self.site.campaigns[3]
        template = self.site.template.pk
        document.steps = flow(name, template) if branches else from_rows(plan(name, template))
        campaign = lifecycle.save_draft(campaign, document, campaign.revision, self.site.user, self.now)
        # Refused: in so many words, somebody stands in a step that is removed.
        with contextlib.suppress(publishing.Refused), self.whole(fate):
            publishing.publish(campaign, self.site.user, self.now)

    def what_is_left(self) -> None:
        super().what_is_left()
        invariants.everybody_took_the_way_that_was_theirs(self.behind)


@pytest.fixture
def site(db, settings, monkeypatch):
    with FaultySmtpServer() as server:
        settings.EMAIL_URL, settings.MAIL_CONNECTIONS = server.url, 1
        yield Site(server, monkeypatch)


def test_the_engine_keeps_its_promises_whatever_comes(site, request):
    run(lambda: Known(site), request, examples=4)
