"""F10 and F15: what marketers and operators do while mails are in hand: edit, pause, merge, archive, migrate."""

import time
from collections import Counter

from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import connection, models, transaction
from django.db.migrations import AddField, Migration, RemoveField
from django.db.migrations.loader import MigrationLoader

from campaigns import lifecycle
from campaigns.document import parse
from campaigns.linear import Row, from_rows
from campaigns.models import Campaign, Message
from campaigns.publishing import Refused, publish
from contacts import merging
from contacts.models import Contact
from lib import clock
from tests.factories import CampaignFactory, TemplateFactory, UserFactory
from tests.faults.scene import Scene

# --- F10 ---


def at_random(scene: Scene) -> str:
    """Deeds at random while people sign up, wait a second or so and are written to; in the end it is archived."""
    scene.some_leave = True
    scene.server.on("DOT", delay=0.02)
    someone = UserFactory()
    done: Counter[str] = Counter()
    lifecycle.archive(scene.campaign, None, clock.now())  # one of our own, which waits before it writes
    for _ in range(4 if scene.full else 2):
        templates = [scene.template, TemplateFactory()]
        scene.campaign = CampaignFactory(rows=rows(scene, templates[0]), now=clock.now())
        with scene.worker():
            for _ in range(40):
                scene.sign_up(12)
                scene.wait_until(lambda until=time.monotonic() + 0.4: time.monotonic() > until, 10, "a moment passes")
                done[deed(scene, someone, templates)] += 1
            if Campaign.objects.get(pk=scene.campaign.pk).state == "paused":
                lifecycle.resume(scene.campaign, someone, clock.now())
            scene.sign_up(200)
            scene.mails_go_on(20)
            lifecycle.archive(scene.campaign, someone, clock.now())
            done["archived"] += 1
            scene.all_is_settled()
    assert not Message.objects.filter(state="unknown").exists()
    done["unsubscribed"] = scene.unsubscribed
    return ", ".join(f"{deed} {count} times" for deed, count in sorted(done.items()) if deed)


def rows(scene: Scene, template) -> list[Row]:
    wait = scene.chance.choice([0, 0.01, 0.02, 0.03])  # minutes
    return [Row(uid="first", template=template.pk, wait_uid="wait", wait_amount=wait, wait_unit="minutes")]


def deed(scene: Scene, someone, templates: list) -> str:
    """What was done: nothing, at times."""
    campaign, now = Campaign.objects.get(pk=scene.campaign.pk), clock.now()
    if campaign.state == "paused":
        lifecycle.resume(campaign, someone, now)
        return "resumed"
    chosen = scene.chance.choice(["paused", "edited and published", "merged", "merged", ""])
    if chosen == "paused":
        lifecycle.pause(campaign, someone, now)
    elif chosen == "edited and published":
        document = parse(campaign.draft)
        document.steps = from_rows(rows(scene, scene.chance.choice(templates)))
        try:
            publish(lifecycle.save_draft(campaign, document, campaign.revision, someone, now), someone, now)
        except Refused:  # somebody waits in a step that this would remove
            return "not published because people wait in what goes"
    elif chosen == "merged":
        merge_two(scene)
    return chosen


def merge_two(scene: Scene) -> None:
    """Of the latest, who may be waiting or be written to just now."""
    two = scene.chance.sample(range(max(0, scene.people - 60), scene.people), 2)
    found = Contact.objects.filter(address__email__in=[f"u{number}@example.com" for number in two], merged_into=None)
    ids = list(found.values_list("pk", flat=True))
    if len(ids) == 2:
        with transaction.atomic():
            merging.merge([(ids[0], ids[1])], clock.now())


# --- F15 ---

NOTE = models.CharField(max_length=20, default="", db_default="")
INDEX = models.Index(fields=["created_at", "fault_note"], name="fault_index")
THERE = [("fault_column", [AddField("message", "fault_note", NOTE)]),
         ("fault_index", [AddIndexConcurrently("message", INDEX)])]  # fmt: skip
BACK = [("fault_index_gone", [RemoveIndexConcurrently("message", "fault_index")]),
        ("fault_column_gone", [RemoveField("message", "fault_note")])]  # fmt: skip


def migrated(scene: Scene) -> str:
    """The table of messages gets a column and an index, and loses them again, under a worker that sends."""
    scene.server.on("DOT", delay=0.02)
    took = []
    with scene.worker():
        scene.sign_up(1000)
        scene.mails_go_on(40)
        state = MigrationLoader(connection).project_state()
        for name, operations in (THERE + BACK) * (4 if scene.full else 2):
            began = time.monotonic()
            state = apply(name, operations, state)
            took.append(time.monotonic() - began)
            scene.mails_go_on(20)
        scene.all_is_settled()
    assert not Message.objects.filter(state="unknown").exists()
    return f"{len(took)} migrations of the table of messages, none took more than {max(took):.1f} s; nothing unknown"


def apply(name: str, operations: list, state):
    """As `migrate` does it; an index that is made beside the work forbids a transaction."""
    migration = Migration(name, "campaigns")
    migration.operations, migration.atomic = operations, "index" not in name
    with connection.schema_editor(atomic=migration.atomic) as editor:
        return migration.apply(state, editor)
