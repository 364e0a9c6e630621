"""Ready-made campaigns: each is complete, and becomes a draft of the site's own, once for each press."""

import re
from datetime import timedelta

import pytest

from campaigns import checking, files, lifecycle
from campaigns.document import parse
from campaigns.models import Campaign, EmailTemplate
from campaigns.publishing import missing_on_site
from campaigns.starters import install
from campaigns.starters.install import AlreadyThere, made_of, next_number, use
from campaigns.starters.mails import BASE, html_of
from campaigns.starters.shelf import longest_way, starters
from campaigns.step_kinds import STEP_KINDS
from events import types as event_types
from segments.models import Segment
from tests.factories import NOW, UserFactory, site

pytestmark = pytest.mark.django_db
KEYS, DAY = list(starters()), timedelta(days=1)


@pytest.fixture(autouse=True)
def _without_campaigns(db):
    """The tests' site begins with the Welcome sequence."""
    Campaign.objects.all().delete()
    EmailTemplate.objects.all().delete()


# --- what stands in the files ---


@pytest.mark.parametrize("key", KEYS)
def test_it_has_no_problems_but_those_of_the_site(key):
    campaign = use(starters()[key], 1, None, NOW)
    document = parse(campaign.draft)
    assert checking.problems(document) == []
    assert campaign.state == Campaign.State.DRAFT and campaign.live is None
    text = files.export(campaign).text
    assert files.written(campaign.uid, files.read(text).document).text == text, "its file is the same after a return"
    assert [sentence[:38] for sentence in missing_on_site(document)] == [
        "Say in Settings → Site which address t",
        "Write your postal address in Settings ",
    ]
    site()
    assert missing_on_site(document) == []


@pytest.mark.parametrize("key", KEYS)
def test_its_words_are_whole(key):
    starter = starters()[key]
    used = [step.config["template"] for step in starter.outline.steps if step.kind == "email"]
    assert sorted(used) == sorted(mail.name for mail in starter.mails), "each mail is sent by one step"
    assert starter.length_in_words and starter.title and starter.when.endswith(".")
    assert {key for key in starter.needs if not key.startswith("contact.")} == set(starter.events)
    assert set(starter.events) <= {key for key, _ in event_types.choices()}
    days = longest_way(starter.outline) / DAY
    assert all(goal.days >= days for goal in starter.outline.goals if starter.outline.exit_on_goal), "mailed after it"
    assert starter.outline.objective and starter.outline.type in Campaign.Type.values
    for mail in starter.mails:
        words = " ".join([mail.name, mail.subject, mail.preheader, mail.title, *mail.paragraphs, mail.button])
        assert not re.search(r"lorem|todo|xxx|\[[a-z ]+\]|\s\s", words, re.IGNORECASE), words
        assert len(re.sub(r"{[{%].*?[}%]}", "", mail.subject)) <= 60 and len(mail.preheader) <= 100 and mail.paragraphs
        assert all(paragraph.rstrip("}").endswith((".", "?", "!", ":", "%")) for paragraph in mail.paragraphs)


@pytest.mark.parametrize("key", KEYS)
def test_every_mail_can_be_sent_to_somebody_of_whom_nothing_is_known(key):
    site()
    use(starters()[key], 1, None, NOW)
    templates = EmailTemplate.objects.filter(name__in=[mail.name for mail in starters()[key].mails])
    assert len(templates) == len(starters()[key].mails)
    for template in templates:
        assert template.compiled["warnings"] == []
        assert all(
            one["has_default"]
            for one in template.compiled["variables"]
            if one["path"].startswith(("contact.", "event.", "webhook."))
        )


def test_names_of_mails_are_names_of_their_own():
    names = [mail.name for starter in starters().values() for mail in starter.mails]
    assert len(names) == len(set(names))


# --- becoming the site's own ---


def test_pressed_twice_it_is_made_once_and_the_next_has_names_of_its_own():
    starter = starters()["abandoned_checkout"]
    first = use(starter, next_number(starter), UserFactory(), NOW)
    assert next_number(starter) == 2
    with pytest.raises(AlreadyThere):
        use(starter, 1, UserFactory(), NOW)
    assert made_of(starter) == [first] and EmailTemplate.objects.filter(name__startswith="Checkout").count() == 3
    second = use(starter, 2, UserFactory(), NOW)
    assert (first.name, second.name) == ("Abandoned checkout", "Abandoned checkout (2)")
    mails = EmailTemplate.objects.filter(pk__in=[step.config.get("template") for step in parse(second.draft).steps])
    assert sorted(mails.values_list("name", flat=True)) == [
        "Checkout 1: Still there (2)",
        "Checkout 2: Can we help? (2)",
        "Checkout 3: Last reminder (2)",
    ]


def test_an_archived_one_is_not_in_the_way_but_keeps_its_number():
    starter = starters()["upsell"]
    lifecycle.archive(use(starter, 1, None, NOW), None, NOW)
    assert made_of(starter) == [] and next_number(starter) == 2


def test_the_buttons_lead_to_the_site_that_was_given():
    use(starters()["abandoned_trial_form"], 1, None, NOW, base="https://acme.example/app")
    for template in EmailTemplate.objects.filter(name__startswith="Trial form"):
        assert "https://acme.example/app/trial" in template.html and BASE not in template.html


def test_a_segment_that_is_there_is_taken_and_else_one_is_made():
    use(starters()["re_engagement"], 1, UserFactory(), NOW)
    churned = Segment.objects.get(name="Churned")
    campaign = use(starters()["re_engagement"], 2, UserFactory(), NOW)
    assert Segment.objects.count() == 1
    assert campaign.draft["triggers"][0]["filter"]["value"] == churned.pk


def test_the_welcome_sequence_comes_with_an_empty_site_only():
    welcome = install(NOW)
    assert welcome and welcome.name == "Welcome sequence" and made_of(starters()["welcome"]) == [welcome]
    assert install(NOW) is None


def test_a_transactional_mail_has_no_link_to_unsubscribe():
    marketing = starters()["welcome"].mails[0]
    assert "unsubscribe_url" in html_of(marketing)
    transactional = type(marketing)(
        name="A", subject="A", preheader="", title="A", paragraphs=("A",), transactional=True
    )
    assert "unsubscribe_url" not in html_of(transactional) and 'class="button"' not in html_of(transactional)


def test_its_steps_are_kinds_that_are_there():
    kinds = {step.kind for starter in starters().values() for step in starter.outline.steps}
    assert kinds <= {kind.key for kind in STEP_KINDS}
