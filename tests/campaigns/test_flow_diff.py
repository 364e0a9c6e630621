"""What a draft would change, as pictures; and what is hardly meant, asked about before it is live."""

import pytest
from django.urls import reverse

from automation.models import Enrollment
from campaigns import lifecycle
from campaigns.document import Document, Reentry, StepDoc, Trigger, parse
from campaigns.doubts import doubts
from campaigns.flow_diff import pictures
from campaigns.impact import difference, parts_changed
from campaigns.models import Campaign
from tests.campaigns.typing_in import browser, person
from tests.factories import NOW, ContactFactory, TemplateFactory, site

pytestmark = pytest.mark.django_db
PRO = {"field": "contact.plan", "op": "is", "value": "pro"}


def step(uid: str, kind: str, then: str | None = None, **config) -> StepDoc:
    return StepDoc(uid=uid, kind=kind, config=config, next={"done": then})


def wait(uid: str, days: int, then: str | None) -> StepDoc:
    return step(uid, "wait", then, amount=days, unit="days")


def live(*steps: StepDoc) -> Campaign:
    site()
    document = Document(name="Flow", triggers=[Trigger(event="users.signed_up")], steps=list(steps))
    return lifecycle.activate(lifecycle.create(document, None, NOW), None, NOW)


def redrawn(campaign: Campaign, *steps: StepDoc) -> Campaign:
    document = parse(campaign.draft)
    document.steps = list(steps)
    return lifecycle.save_draft(campaign, document, campaign.revision, person("Marketer"), NOW)


@pytest.fixture
def changed():
    """“a” stays, “b” changes, “c” goes, with seven in it, “d” comes."""
    tag = TemplateFactory().pk
    a, c, d = step("a", "email", "b", template=tag), wait("c", 3, None), step("d", "leave")
    campaign = live(a, wait("b", 2, "c"), c)
    for contact in [ContactFactory() for _ in range(7)]:
        Enrollment.objects.create(campaign=campaign, contact=contact, version=campaign.live, step_uid="c", due_at=NOW)
    return redrawn(campaign, a, wait("b", 5, "d"), d)


def marks(side) -> dict[str, str]:
    return {card.uid: card.mark.what for card in side.drawing.cards if card.mark}


def test_both_pictures_mark_what_differs_and_say_it_in_words(changed):
    old, new = parse(changed.live.document), parse(changed.draft)
    found = pictures(old, new, difference(old, new))
    before, after = found.sides
    assert marks(before) == {"a": "same", "b": "changed", "c": "removed"}
    assert marks(after) == {"a": "same", "b": "changed", "d": "added"}
    assert (before.told, after.told) == ("Before: 1 removed, 1 changed", "After: 1 new, 1 changed")
    assert [stop.card.uid for stop in found.stops] == ["", "a", "b", "c", "d"], "as a list, for a phone"
    assert [(sign, words) for _, sign, words in found.legend] == [("+", "new"), ("−", "removed"), ("≠", "changed")]


def test_before_publishing_the_pictures_tell_who_stands_where(changed):
    html = browser("Publisher").get(reverse("admin:campaigns_campaign_publish", args=[changed.pk])).content.decode()
    assert 'aria-label="After: 1 new, 1 changed"' in html and "7 here: to be decided" in html
    versions = browser("Analyst").get(reverse("admin:campaigns_campaign_versions", args=[changed.pk])).content.decode()
    assert 'aria-label="Before: 1 removed, 1 changed"' in versions and "7 here" not in versions


def test_a_first_draft_has_one_picture_and_the_same_flow_none():
    flow = Document(steps=[step("a", "leave")])
    assert [side.title for side in pictures(Document(), flow, difference(Document(), flow)).sides] == ["After"]
    assert pictures(flow, flow, difference(flow, flow)) is None


@pytest.mark.parametrize(("after", "elsewhere"), [
    ("abc", []),
    ("bac", ["b", "a"]),  # changed places: b goes on with a, and a with c
    ("acb", ["a", "c", "b"]),
    ("axbc", []), ("ac", []), ("xabcy", []),  # put between, taken out
])  # fmt: skip
def test_steps_that_change_places_are_a_difference_and_those_put_between_only_themselves(after, elsewhere):
    site()
    old, new = (Document(steps=[wait(uid, ord(uid), then) for uid, then in zip(flow, [*flow[1:], None], strict=True)])
                for flow in ("abc", after))  # fmt: skip
    found = difference(old, new)
    assert [change.uid for change in found if change.ways_change] == elsewhere
    told = {change.uid: (change.ways_before, change.ways_after) for change in found if change.ways_change}
    if after == "acb":
        assert told["c"] == ("then → the end", "then → wait 98 days")
        assert marks(pictures(old, new, found).sides[1]) == {"a": "leads", "c": "leads", "b": "leads"}


def test_any_draft_is_compared(changed):
    odd = [StepDoc(uid=kind, kind=kind) for kind in ("wait", "email", "branch", "gone", "webhook", "score", "list")]
    campaign = redrawn(changed, *odd)
    page = browser("Analyst").get(reverse("admin:campaigns_campaign_versions", args=[campaign.pk]))
    assert page.status_code == 200 and "gone" in page.content.decode()


def branch(*arms: tuple[str, dict]) -> StepDoc:
    config = {"arms": [{"uid": name, "name": name, "condition": condition} for name, condition in arms]}
    return StepDoc(uid="way", kind="branch", config=config, next={"else": None, **{name: None for name, _ in arms}})


def test_what_is_hardly_meant_is_told_with_how_to_mend_it():
    never = {"all": [PRO, {"field": "contact.plan", "op": "is not set"}]}
    document = Document(steps=[branch(("big", PRO), ("never", never)), step("lost", "leave")])
    assert [(doubt.uid, doubt.sentence.partition(":")[0]) for doubt in doubts(document)] == [
        ("way", "The way “never” can never match"),
        ("lost", "Nobody gets here"),
    ]
    assert all(doubt.sentence.count(".") for doubt in doubts(document))


@pytest.mark.parametrize(("kind", "config", "mode", "doubtful"), [
    ("date", {"field": "contact.birthday", "anniversary": True}, "once", True),
    ("date", {"field": "contact.birthday", "anniversary": True}, "every_time", False),
    ("date", {"field": "contact.birthday", "anniversary": False}, "once", False),
    ("schedule", {"every": "month"}, "once", True),
    ("broadcast", {}, "once", False),
])  # fmt: skip
def test_what_comes_again_for_nobody_is_doubtful(kind, config, mode, doubtful):
    document = Document(triggers=[Trigger(kind=kind, config=config)], reentry=Reentry(mode=mode))
    assert [doubt.uid for doubt in doubts(document)] == [""] * doubtful


def test_a_way_leads_elsewhere_where_its_step_is_another_not_where_it_says_something_else():
    def leading(big: str | None, *steps: StepDoc) -> Document:
        way = branch(("big", PRO))
        way.next = {"big": big, "else": None}
        return Document(steps=[way, *steps])

    first, second = step("first", "wait", amount=1, unit="days"), step("second", "wait", amount=1, unit="days")
    longer = step("first", "wait", amount=2, unit="days")
    live = leading("first", first, second)
    changed = {
        change.uid: (change.what, change.ways_change) for change in difference(live, leading("first", longer, second))
    }
    assert changed == {"way": ("same", False), "first": ("changed", False), "second": ("same", False)}
    assert [change.ways_change for change in difference(live, leading("second", first, second))] == [True, False, False]
    joined, longer = leading(None), leading(None, second)
    longer.steps[0].next = {"big": "second", "else": "second"}
    assert not difference(joined, longer)[0].ways_change, "it only has another follower"
    assert parts_changed(joined, longer) == ["1 step added"]


def test_a_step_is_called_by_its_name_and_told_by_what_it_does():
    named = wait("w", 1, None)
    named.name = "A day to think"
    (change,) = difference(Document(steps=[wait("w", 1, None)]), Document(steps=[named]))
    assert (change.what, change.before, change.after) == ("changed", "wait 1 day", "A day to think (wait 1 day)")


def test_on_a_phone_the_list_says_where_each_way_leads():
    way = branch(("big", PRO))
    way.next = {"big": "thanks", "else": None}
    after = Document(steps=[way, step("again", "leave", "way"), step("thanks", "leave", "again")])
    found = pictures(Document(), after, difference(Document(), after))
    assert [(stop.card.uid, stop.ways) for stop in found.stops] == [
        ("", []),
        ("way", ["big: on to “Leave the campaign”", "Everybody else: ends here"]),
        ("thanks", []),
        ("again", ["Back to “Branch: “big” or everybody else”"]),
    ]


def test_it_can_be_published_all_the_same_but_not_unasked(changed):
    campaign = redrawn(changed, *parse(changed.live.document).steps, step("lost", "leave"))
    url = reverse("admin:campaigns_campaign_publish", args=[campaign.pk])
    html = browser("Publisher").get(url).content.decode()
    assert "Is this meant?" in html and "Nobody gets here" in html and "Publish anyway" in html
    answer = browser("Publisher").post(url, {"revision": campaign.revision, "people": "follow"})
    assert answer.status_code == 302 and Campaign.objects.get(pk=campaign.pk).live.number == 2
    pause = browser("Publisher").get(reverse("admin:campaigns_campaign_pause", args=[campaign.pk]))
    assert "Is this meant?" not in pause.content.decode()
