"""What the canvas asks the server: drawing, panels, saving, numbers; and what it says to what cannot be."""

import json
import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from campaigns import lifecycle
from campaigns.document import Document, parse
from campaigns.linear import Row
from campaigns.models import Campaign
from campaigns.step_numbers import of_steps
from lib import clock
from lib.words import day_and_time
from tests.automation.conftest import inbox, track  # noqa: F401  fixtures
from tests.campaigns.typing_in import browser, person
from tests.factories import NOW, CampaignFactory, TemplateFactory, site

pytestmark = pytest.mark.django_db


def url(name="", *args):
    return reverse(f"admin:campaigns_campaign_canvas{name}", args=args)


def mails(*uids, template=None, **more):
    """A document of mails, one after the other."""
    template = template or TemplateFactory().pk
    steps = [
        {"uid": uid, "kind": "email", "config": {"template": template}, "next": {"done": follower}}
        for uid, follower in zip(uids, [*uids[1:], None], strict=True)
    ]
    return {"name": "Drawn", "triggers": [{"event": "users.signed_up"}], "steps": steps, **more}


def kept(document) -> Campaign:
    return lifecycle.create(parse(document), None, clock.now())


def ask(client, where, body, status=200):
    answer = client.post(where, json.dumps(body), content_type="application/json")
    assert answer.status_code == status, answer.content
    return answer.json()


def panel(client, document, what, key, go="open", **fields):
    asked = {"document": json.dumps(document), "what": what, "key": key, "go": go, **fields}
    answer = client.post(url("_panel"), asked)
    assert answer.status_code == 200, answer.content
    return answer.json()


# --- drawing ---


def test_a_deed_gives_the_document_its_picture_and_what_is_wrong():
    told = ask(browser("Marketer"), url("_draw"), {
        "document": mails("a"), "deed": {"do": "insert", "kind": "email", "at": {"from": "a", "arm": "done"}},
    })  # fmt: skip
    new = told["shown"]
    assert [step["uid"] for step in told["document"]["steps"]] == ["a", new]
    shown = told["drawing"]["steps"][new]
    assert shown["label"] == "Send e-mail" and "Choose the e-mail to send." in shown["problems"]
    assert set(told["drawing"]["picture"]["cards"]) == {"", "a", new}
    assert told["drawing"]["order"] == ["a", new]


def test_what_nobody_gets_to_is_marked_and_what_everybody_leaves_before_is_noted():
    document = mails("a", "b", "c")
    document["steps"][0] |= {"kind": "leave", "config": {}}
    document["steps"][1]["next"] = {"done": None}
    shown = ask(browser("Marketer"), url("_draw"), {"document": document})["drawing"]["steps"]
    assert any("Nobody gets here" in sentence for sentence in shown["c"]["notes"])
    assert any("Everybody leaves here" in sentence for sentence in shown["a"]["notes"])
    assert not shown["b"]["problems"]


@pytest.mark.parametrize("body", [
    b"no json", b"[]", b'{"document": []}', b'{"document": {"steps": 3}}', b'{"document": {"name": "\\u0000"}}',
    b'{"document": {}, "deed": 5}', b'{"document": {}, "deed": {"do": "explode"}}',
    b'{"document": {}, "deed": {"do": "remove", "uid": "gone"}}',
    b'{"document": {}, "deed": {"do": "insert", "kind": "gone", "at": {"from": ""}}}',
    b'{"document": {}, "deed": {"do": "move", "uid": "x", "at": {"into": "y"}}}',
])  # fmt: skip
def test_what_cannot_be_read_or_done_is_told_in_a_sentence(body):
    answer = browser("Marketer").post(url("_draw"), body, content_type="application/json")
    assert answer.status_code == 400 and answer.json()["refused"].endswith(".")


def test_any_configuration_is_drawn():
    steps = [
        {"uid": f"s{number}", "kind": kind, "config": config, "next": {}}
        for number, (kind, config) in enumerate(
            (kind, config)
            for kind in ("wait", "wait_for", "branch", "split", "email", "score", "leave", "no_such_kind")
            for config in ({}, {"amount": "x", "arms": 5}, {"arms": [None, {"uid": 3}], "template": [], "model": {}})
        )
    ]
    told = ask(browser("Marketer"), url("_draw"), {"document": {"steps": steps}})
    assert all(shown["title"] for shown in told["drawing"]["steps"].values())


def test_sixty_mails_are_drawn_with_as_many_queries_as_one():
    document = mails(*(f"s{number}" for number in range(60)))
    for step in document["steps"]:
        step["config"] = {"template": TemplateFactory().pk}
    client, one = browser("Marketer"), {**document, "steps": [{**document["steps"][0], "next": {"done": None}}]}
    with CaptureQueriesContext(connection) as few:
        ask(client, url("_draw"), {"document": one})
    with CaptureQueriesContext(connection) as many:
        told = ask(client, url("_draw"), {"document": document})
    assert len(many) <= len(few)
    assert len({step["words"] for step in told["drawing"]["steps"].values()}) == 60


# --- panels ---


def test_the_panel_of_a_step_is_checked_by_its_kind_and_gives_the_document_back():
    client, template, document = browser("Marketer"), TemplateFactory(name="Spring"), mails("a", "b")
    opened = panel(client, document, "step", "a")["html"]
    assert "Spring" in opened and "Only if" in opened and "Send e-mail" in opened
    typed = {"set-mail": "", "set-lateness_hours": "0", "step-name": "", "step-only_if": ""}
    refused = panel(client, document, "step", "a", "apply", **typed)["html"]
    assert "Choose the mail to send." in refused and "write a whole number" in refused
    typed |= {"set-mail": template.pk, "set-lateness_hours": "5", "step-name": "First"}
    assert panel(client, document, "step", "a", "look", **typed)["words"] == "send “Spring”"
    done = panel(client, document, "step", "a", "apply", **typed)
    assert done["document"]["steps"][0]["config"] == {"template": template.pk, "lateness_hours": 5}
    assert done["drawing"]["steps"]["a"]["title"] == "First"
    assert done["document"]["steps"][0]["next"] == {"done": "b"}


def test_arms_that_a_panel_adds_lead_where_the_step_led_and_removed_ones_leave_their_steps_marked():
    client = browser("Marketer")
    document = mails("a", "b")
    document["steps"][0] |= {"kind": "split", "config": {}}
    rows = {"set-arms-TOTAL_FORMS": "2", "set-arms-INITIAL_FORMS": "0", "step-name": "", "step-only_if": ""}
    for number, name in enumerate(("One", "Two")):
        rows |= {
            f"set-arms-{number}-name": name,
            f"set-arms-{number}-percent": "50",
            f"set-arms-{number}-ORDER": number,
        }
    done = panel(client, document, "step", "a", "apply", **rows)
    assert "document" in done, done["html"]
    arms = done["document"]["steps"][0]["next"]
    assert len(arms) == 2 and set(arms.values()) == {"b"}


def test_the_panel_of_the_whole_keeps_what_it_does_not_show():
    client = browser("Marketer")
    document = mails("a", exits=[{"uid": "x", "event": "order.completed"}])
    opened = panel(client, document, "entry", "")["html"]
    assert "They leave early when" in opened and 'data-key="x"' in opened
    fields = {
        "set-name": "Renamed", "set-type": "welcome", "set-objective": "", "set-topic": "", "set-audience": "",
        "set-reentry_mode": "once", "set-reentry_amount": "30", "set-reentry_unit": "days", "set-entry_key": "",
        "set-on_repeat": "ignore", "set-holdout": "10", "set-priority": "high", "set-overdue": "shift",
    }  # fmt: skip
    done = panel(client, document, "entry", "", "apply", **fields)["document"]
    assert (done["name"], done["holdout"], done["priority"], done["overdue"]) == ("Renamed", 10, "high", "shift")
    assert done["triggers"] == parse_json(document)["triggers"] and len(done["exits"]) == 1
    assert (
        "Give the campaign a name."
        in panel(client, document, "entry", "", "apply", **fields | {"set-name": ""})["html"]
    )


def parse_json(document):
    from campaigns.document import to_json

    return to_json(parse(document))


def test_triggers_exits_and_goals_are_added_changed_and_removed():
    client, document = browser("Marketer"), mails("a")
    event = {"set-event": "order.completed", "set-filter": ""}
    two = panel(client, document, "trigger", "new:event", "apply", **event)["document"]
    assert [trigger["event"] for trigger in two["triggers"]] == ["users.signed_up", "order.completed"]
    one = panel(client, two, "trigger", "0", "remove")["document"]
    assert [trigger["event"] for trigger in one["triggers"]] == ["order.completed"]
    watch = {"set-what": "event", "set-condition": "", "set-name": "", **event}
    left = panel(client, document, "exit", "new", "apply", **watch)["document"]
    assert left["exits"][0]["event"] == "order.completed" and left["exits"][0]["uid"]
    goal = panel(client, document, "goal", "new", "apply", **watch, **{"set-days": "7"})["document"]
    assert goal["goals"][0]["days"] == 7
    uid = goal["goals"][0]["uid"]
    changed = panel(client, goal, "goal", uid, "apply", **watch | {"set-days": "9", "set-name": "Bought"})["document"]
    assert [(one["uid"], one["days"], one["name"]) for one in changed["goals"]] == [(uid, 9, "Bought")]
    nothing = watch | {"set-what": "condition"}
    assert "Say what must be true" in panel(client, document, "exit", "new", "apply", **nothing)["html"]


def test_a_panel_of_what_is_gone_says_so():
    client = browser("Marketer")
    for what, key in (("step", "gone"), ("trigger", "7"), ("trigger", "new:gone"), ("exit", "gone"), ("goal", "")):
        answer = client.post(url("_panel"), {"document": "{}", "what": what, "key": key})
        assert answer.status_code == 400 and answer.json()["refused"].endswith(".")


# --- saving ---


def test_a_draft_with_problems_is_saved_and_the_problems_are_told():
    campaign, client = kept(mails("a")), browser("Marketer")
    document = mails("a", "b", name="Renamed")
    document["steps"][1]["config"] = {}
    told = ask(client, url("_save", campaign.pk), {"document": document, "revision": campaign.revision})
    campaign.refresh_from_db()
    assert campaign.name == "Renamed" and len(campaign.draft["steps"]) == 2
    assert told["revision"] == campaign.revision == 2 and "1 thing has to be put right" in told["said"]


def test_two_editors_notice_each_other_and_nothing_is_lost():
    campaign = kept(mails("a"))
    ask(
        browser("Publisher", first_name="Paula"),
        url("_save", campaign.pk),
        {"document": mails("a", "b"), "revision": 1},
    )
    theirs = ask(browser("Marketer"), url("_save", campaign.pk), {"document": mails("c"), "revision": 1}, 409)
    assert theirs["by"] == "Paula" and theirs["revision"] == 2
    campaign.refresh_from_db()
    assert theirs["when"] == day_and_time(campaign.edited_at), "by the site's clock, as on other pages"
    assert [step["uid"] for step in theirs["document"]["steps"]] == ["a", "b"] and theirs["drawing"]["order"] == [
        "a",
        "b",
    ]
    ask(browser("Marketer"), url("_save", campaign.pk), {"document": mails("c"), "revision": theirs["revision"]})
    campaign.refresh_from_db()
    assert [step["uid"] for step in campaign.draft["steps"]] == ["c"]


def test_the_first_save_makes_the_campaign():
    told = ask(browser("Marketer"), url("_add"), {"document": mails("a", name="New one")})
    campaign = Campaign.objects.get(name="New one")
    assert told["go"] == url("", campaign.pk)
    assert campaign.created_by == person("Marketer")


def test_whoever_saves_again_because_the_answer_was_lost_does_nothing_twice():
    client, before = browser("Marketer"), Campaign.objects.count()
    begun = client.get(url("_add")).context["canvas"]
    for name in ("New one", "New one", "New one, better"):
        told = ask(client, url("_add"), {"document": mails("a", name=name), "made": begun["made"]})
    campaign = Campaign.objects.get(name="New one, better")
    assert Campaign.objects.count() == before + 1 and told["go"] == url("", campaign.pk)
    changed = {"document": mails("a", "b"), "revision": campaign.revision}
    first, again = (ask(client, url("_save", campaign.pk), changed) for _ in range(2))
    assert first == again
    ask(browser("Publisher"), url("_add"), {"document": mails("a", name="Not hers"), "made": begun["made"]})
    for made in ("gone", 5, None, "ABCDEF01"):
        ask(client, url("_add"), {"document": mails("a", name="One more"), "made": made})
    assert Campaign.objects.count() == before + 6


def test_whoever_may_not_edit_looks_only():
    campaign, archived = kept(mails("a")), kept(mails("a"))
    lifecycle.archive(archived, person("Publisher"), clock.now())
    page = browser("Analyst").get(url("", campaign.pk)).content.decode()
    assert "Changing it needs the role" in page and 'data-do="save"' not in page
    page = browser("Marketer").get(url("", archived.pk)).content.decode()
    assert "This campaign is archived" in page and 'data-do="save"' not in page
    for client, one in ((browser("Analyst"), campaign), (browser("Marketer"), archived)):
        answer = client.post(
            url("_save", one.pk), {"document": mails("b"), "revision": 1}, content_type="application/json"
        )
        assert answer.status_code == 403
        assert ("archived" if one is archived else "role") in answer.json()["refused"]
    assert campaign.draft["steps"][0]["uid"] == "a"


# --- the list and the canvas show the same ---


def test_a_list_can_be_shown_both_ways_and_what_branches_opens_in_the_canvas():
    client, campaign = browser("Marketer"), CampaignFactory(active=False)
    change = reverse("admin:campaigns_campaign_change", args=[campaign.pk])
    assert url("", campaign.pk) in client.get(change).content.decode()
    assert change in client.get(url("", campaign.pk)).content.decode()
    branching = mails("a", "b")
    branching["steps"][0]["next"] = {"sent": "b", "done": None}
    other = kept(branching)
    answer = client.get(reverse("admin:campaigns_campaign_change", args=[other.pk]))
    assert answer.status_code == 302 and answer.url == url("", other.pk)


def test_an_empty_campaign_is_a_canvas_with_a_beginning():
    site()
    page = browser("Marketer").get(url("_add"))
    assert page.status_code == 200 and page.context["canvas"]["document"] == parse_json({})
    assert list(page.context["canvas"]["drawing"]["picture"]["cards"]) == [""]
    assert Document().steps == []


# --- numbers, and where they lead ---


@pytest.fixture
def two_inside(track, inbox):  # noqa: F811
    """Ann and Ben got their mail and wait."""
    site()
    wait = Row(uid="end", wait_uid="wait", wait_amount=3, action="leave")
    campaign = CampaignFactory(rows=[Row(uid="mail", template=TemplateFactory().pk), wait])
    for user in ("ann", "ben"):
        track(NOW, user, "users.signed_up", traits={"email": f"{user}@example.com"})
    return campaign


def test_each_step_has_its_numbers_in_few_queries(two_inside, django_assert_max_num_queries):
    with django_assert_max_num_queries(4):
        found = of_steps(two_inside)
    assert (found["mail"]["passed"], found["mail"]["sent"], found["mail"]["waiting"]) == (2, 2, 0)
    assert (found["wait"]["passed"], found["wait"]["waiting"]) == (0, 2)
    answer = browser("Analyst").get(url("_numbers", two_inside.pk))
    assert answer.json() == {"steps": found} and "no-store" in answer["Cache-Control"]


def test_a_number_leads_to_the_people_and_the_mails(two_inside):
    client, urls = browser("Analyst"), browser("Analyst").get(url("", two_inside.pk)).context["canvas"]["urls"]
    assert client.get(urls["people"] + "&step=wait").context["cl"].result_count == 2
    assert client.get(urls["people"] + "&step=mail").context["cl"].result_count == 0
    stand = client.get(urls["people"] + "&step=wait").content.decode()
    assert re.search(r"<title>\s*(.*?) \|", stand)[1] == f"People in “wait 3 days” of “{two_inside}”"
    assert f"People in “{two_inside}” |" in client.get(urls["people"]).content.decode()
    went = client.get(urls["taken"] + "&step=mail&way=on").content.decode()
    assert re.search(r"<title>\s*Who went through “.*” in “Welcome", went)
    assert "ann@example.com" in went and "was sent to ben@example.com" in went
    assert client.get(urls["taken"] + "&step=mail&way=not").context["cl"].result_count == 0
    page = client.get(urls["mails"] + "&step=mail&came=sent").content.decode()
    assert "ann@example.com" in page and "ben@example.com" in page
    assert "ann@example.com" not in client.get(urls["mails"] + "&step=mail&came=clicked").content.decode()


def test_a_step_filter_takes_anything(two_inside):
    client = browser("Analyst")
    for name in ("automation_enrollment", "campaigns_message", "automation_visit"):
        for query in (
            "way=by:%00&step=x",
            "campaign=x&step=wait&way=by:gone",
            "way=gone",
            "step=%00",
            "step=gone",
            "step=wait&campaign__id__exact=99999",
            "step=wait&came=gone",
        ):
            assert client.get(f"{reverse(f'admin:{name}_changelist')}?{query}").status_code in (200, 302, 400)
