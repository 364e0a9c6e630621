"""`manage.py campaigns`: what it prints, what it exits with, and what is written then."""

import io

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group
from django.core.management import CommandError, call_command

from campaigns import files, lifecycle
from campaigns.document import parse
from campaigns.linear import Row
from campaigns.models import Campaign
from tests.campaigns.test_files import GOOD
from tests.factories import NOW, CampaignFactory, TemplateFactory, UserFactory, site

pytestmark = pytest.mark.django_db


def run(*arguments) -> tuple[int, str]:
    """What it exits with, and everything that it said."""
    out = io.StringIO()
    try:
        call_command("campaigns", *map(str, arguments), stdout=out, stderr=out)
    except CommandError as refused:
        return refused.returncode, out.getvalue() + str(refused)
    except SystemExit as ended:
        return int(ended.code or 0), out.getvalue()
    return 0, out.getvalue()


@pytest.fixture
def campaign(db):
    return CampaignFactory(name="Welcome", template=TemplateFactory(name="Hello"))


@pytest.fixture
def file(campaign, tmp_path):
    path = tmp_path / "welcome.yaml"
    assert run("export", campaign.uid, "-o", path) == (0, "")
    return path


@pytest.fixture
def boss(db):
    return UserFactory(username="boss")


def test_a_campaign_is_exported_by_uid_number_or_name(campaign, file):
    text = file.read_text()
    assert run("export", "Welcome") == run("export", campaign.pk) == (0, text)
    assert run("export", "Nobody")[0] == 2
    assert run("export", campaign.uid, "-o", file.parent / "no" / "such")[0] == 2


def test_what_is_live_is_exported_on_request(campaign, boss):
    document = files.read(files.export(campaign).text).document
    document.objective = "Another one"
    lifecycle.save_draft(campaign, document, campaign.revision, boss, NOW)
    assert "Another one" in run("export", campaign.uid)[1]
    assert "Another one" not in run("export", campaign.uid, "--live")[1]


def test_diff_exits_with_1_where_something_differs(file, campaign):
    assert run("diff", file) == (0, f"{file}: the draft of “Welcome” is the same.\n")
    file.write_text(file.read_text().replace("name: Welcome", "name: Hello there"))
    code, said = run("diff", file)
    assert code == 1 and "Name: Welcome → Hello there" in said
    code, said = run("diff", "--text", file)
    assert code == 1 and "-name: Welcome\n+name: Hello there" in said
    campaign.refresh_from_db()
    assert campaign.name == "Welcome"


def test_apply_updates_the_draft_and_notes_who_did_it(file, campaign, boss):
    file.write_text(file.read_text().replace("name: Welcome", "name: Hello there"))
    code, said = run("apply", file, "--by", "boss", "--dry-run")
    assert code == 0 and "Name: Welcome → Hello there" in said
    assert Campaign.objects.get(pk=campaign.pk).name == "Welcome"
    assert run("apply", file, "--by", "boss") == (
        0,
        f"{file}: updated the draft of “Hello there” ({campaign.uid}).\n",
    )
    campaign.refresh_from_db()
    assert campaign.name == "Hello there" and campaign.live.number == 1 and campaign.revision == 2
    assert "Wrote the draft from a file." in LogEntry.objects.filter(user=boss).values_list("change_message", flat=True)
    assert run("apply", file, "--by", "boss")[1].startswith(f"{file}: left as it was")


def test_publish_publishes_what_is_live_and_leaves_the_rest_to_people(file, campaign, boss, tmp_path):
    site()
    file.write_text(file.read_text().replace("name: Welcome", "name: Hello there"))
    new = tmp_path / "new.yaml"
    new.write_text(GOOD.replace("Welcome", "Another"))
    code, said = run("apply", file, new, "--by", "boss", "--publish")
    assert code == 0 and "Published as version 2." in said and "activate it in the admin" in said
    campaign.refresh_from_db()
    assert campaign.live.number == 2
    assert Campaign.objects.get(name="Another").state == "draft"
    assert "What is live is the same." in run("apply", file, "--by", "boss", "--publish")[1]


def test_publish_publishes_steps_that_only_changed_places(file, boss):
    campaign = CampaignFactory(rows=[Row(uid=uid, template=TemplateFactory(name=uid).pk) for uid in ("one", "two")])
    document = parse(campaign.draft)
    document.steps.reverse()
    for step, then in zip(document.steps, (document.steps[1].uid, None), strict=True):
        step.next = dict.fromkeys(step.next, then)
    file.write_text(files.written(campaign.uid, document).text)
    assert "Published as version 2." in run("apply", file, "--by", "boss", "--publish")[1]


def test_all_or_none(file, campaign, boss, tmp_path):
    file.write_text(file.read_text().replace("name: Welcome", "name: Hello there"))
    bad = tmp_path / "bad.yaml"
    bad.write_text(GOOD.replace("uid: bye, kind", "uid: a b, kind"))
    code, said = run("apply", file, bad, tmp_path / "missing.yaml", "--by", "boss")
    assert code == 2
    code, said = run("apply", file, bad, "--by", "boss")
    assert code == 2 and f"{bad}: steps[0].uid: Give each step a uid" in said
    assert Campaign.objects.get(pk=campaign.pk).name == "Welcome"


def test_an_unfinished_file_is_applied_as_a_draft_and_what_is_missing_is_said(boss, tmp_path):
    file = tmp_path / "unfinished.yaml"
    file.write_text("uid: bye\n" + GOOD.replace("users.signed_up", "users.vanished"))
    missing = "triggers[0].event: There is no event type “users.vanished”"
    code, said = run("diff", file)
    assert code == 1 and f"Before it can be published: {missing}" in said
    code, said = run("apply", file, "--by", "boss")
    assert code == 0 and "1 thing has to be put right before it can be published:" in said and missing in said
    assert Campaign.objects.get(uid="bye").state == "draft"


def test_what_is_live_is_not_published_from_an_unfinished_file(file, campaign, boss):
    file.write_text(file.read_text().replace("users.signed_up", "users.vanished"))
    code, said = run("apply", file, "--by", "boss", "--publish")
    assert code == 2 and "users.vanished" in said
    campaign.refresh_from_db()
    assert campaign.live.number == 1 and parse(campaign.draft).triggers[0].event == "users.signed_up"


def test_two_files_of_one_campaign_are_refused(file, boss):
    code, said = run("apply", file, file, "--by", "boss")
    assert code == 2 and "of the same campaign" in said


@pytest.mark.parametrize(
    ("role", "by", "publish", "said"),
    [
        (None, "", False, "Say who does it"),
        (None, "ghost", False, "nobody with the log-in name “ghost”"),
        ("Analyst", "ann", False, "“ann” may not edit campaigns."),
        ("Marketer", "ann", True, "“ann” may not publish campaigns."),
        ("Marketer", "ann", False, ""),
        ("Publisher", "ann", True, ""),
    ],
)
def test_it_may_do_what_the_person_may(role, by, publish, said, file):
    if role:
        UserFactory(username="ann", is_superuser=False).groups.add(Group.objects.get(name=role))
    arguments = [*(["--by", by] if by else []), *(["--publish"] if publish else [])]
    code, found = run("apply", file, *arguments)
    assert (code, said in found) == (2 if said else 0, True), found


def test_ready_made_ones_are_listed_and_made(boss):
    code, said = run("ready")
    assert code == 0 and "abandoned_checkout" in said and "Reminds people who began to pay" in said
    assert run("ready", "upsell", "--by", "boss") == (0, "Made a draft of “Upsell” (ready-upsell), switched off.\n")
    assert run("ready", "upsell", "--by", "boss")[1] == "Made a draft of “Upsell (2)” (ready-upsell-2), switched off.\n"
    assert run("ready", "nothing", "--by", "boss")[0] == 2
    assert run("ready", "upsell") == (2, "Say who does it: --by NAME, a log-in name. The audit log names them.")
    UserFactory(username="guest", is_superuser=False)
    assert run("ready", "upsell", "--by", "guest") == (2, "“guest” may not edit campaigns.")
