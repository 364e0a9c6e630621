"""A definition with a value of the wrong kind, in any field: one plain sentence, or it can be opened and checked."""

import copy
import json

import pytest
from django.urls import reverse

from campaigns import files
from campaigns.checking import problems
from campaigns.choices import NoChoice
from campaigns.choices import parse as choices
from campaigns.document import Document, Goal, NotADocument, StepDoc, Trigger, Watch, parse, to_json
from campaigns.models import Campaign
from lib import clean_json
from tests.campaigns.typing_in import browser
from tests.factories import CampaignFactory

pytestmark = pytest.mark.django_db
WHOLE = to_json(
    Document(
        name="Welcome",
        triggers=[Trigger(event="users.signed_up")],
        exits=[Watch(uid="out", event="order.completed")],
        goals=[Goal(uid="goal", event="order.completed")],
        steps=[StepDoc(uid="wait", kind="wait", config={"amount": 1}, next={"done": None})],
    )
)
DEEP = "[" * 200 + "]" * 200
ODD = [
    "null", "true", "-1", "1.5", "1e300", "9" * 60, '""', '"text"', '"3"', "[]", "{}", "[1]", DEEP,
    '{"a":{"b":[1,null]}}', "NaN", "-Infinity", "1e999", r'"\u0000"', r'"\ud800"', '"<script>"',
    '"' + "x" * 3_000 + '"',
]  # fmt: skip
RAW = ["Expected", "`", "$", "msgspec", "Traceback", "\n", "<=", "NoneType", "array", "str,"]


def places(value, path=()):
    """Every place in the definition, and one more in each mapping and list."""
    if path:
        yield path
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from places(inner, (*path, name))
        yield (*path, "more")
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from places(inner, (*path, number))


def with_odd(path, odd: str) -> str:
    """The definition as JSON with this text in one place."""
    whole = copy.deepcopy(WHOLE)
    at = whole
    for name in path[:-1]:
        at = at[name]
    at[path[-1]] = "HERE"
    return json.dumps(whole).replace('"HERE"', odd)


def is_plain(sentence: str) -> bool:
    begins = sentence[0] == "“" or sentence[0].isupper()
    return begins and sentence.endswith((".", "?")) and not any(raw in sentence for raw in RAW)


def read(path, odd: str) -> Document | str:
    """As the pages that take one read it: the definition, or the sentence that refuses it."""
    try:
        return parse(clean_json.parse(with_odd(path, odd).encode(), levels=80))
    except (clean_json.Unclean, NotADocument) as refusal:
        return str(refusal)


def test_every_field_takes_no_odd_value_or_says_so_in_a_plain_sentence():
    found = {(path, odd): read(path, odd) for path in places(WHOLE) for odd in ODD}
    refused = {said for said in found.values() if isinstance(said, str)}
    assert not [said for said in refused if not is_plain(said)]
    assert len(refused) > 60
    assert "“holdout” must be a whole number, not text." in refused
    assert "“triggers” must be a list, not a mapping of names to values." in refused
    assert "“reentry.mode” cannot be “text”, which is not one of the choices here; choose another one." in refused
    assert "“steps[0].uid” has at most 200 characters; change it to that." in refused


def test_what_is_taken_can_be_checked():
    """Whatever a draft holds, what is wrong with it is a list of sentences, and never a fault of ours."""
    kinds = [odd for odd in ODD if len(odd) < 100]
    documents = [read(path, odd) for path in places(WHOLE) for odd in kinds]
    said = {one.sentence for document in documents if isinstance(document, Document) for one in problems(document)}
    assert len(said) > 20 and not [sentence for sentence in said if not is_plain(sentence)]


def test_the_canvas_answers_in_these_sentences_and_opens_what_it_has_taken():
    client, campaign = browser("Marketer"), CampaignFactory(active=False)
    save = reverse("admin:campaigns_campaign_canvas_save", args=[campaign.pk])
    for number, path in enumerate(places(WHOLE)):
        odd = ODD[number % len(ODD)]
        campaign.refresh_from_db()
        body = f'{{"document": {with_odd(path, odd)}, "revision": {campaign.revision}}}'
        answer, expected = client.post(save, body, "application/json"), read(path, odd)
        if isinstance(expected, str):
            said = answer.json()["refused"]
            assert answer.status_code == 400 and (said == expected or said.startswith("“document.") and is_plain(said))
        else:
            assert answer.status_code == 200
            page = client.get(reverse("admin:campaigns_campaign_canvas", args=[campaign.pk]))
            assert page.status_code == 200, (path, odd)


def test_a_mail_that_is_none_is_said_in_a_sentence_on_every_page():
    client, campaign = browser("Publisher"), CampaignFactory(active=False)
    pages = ["change", "activate", "preview"]
    asked = [reverse(f"admin:campaigns_campaign_{page}", args=[campaign.pk]) for page in pages]
    asked.append(reverse("admin:automation_testrun_start") + f"?campaign={campaign.pk}")
    for odd in ('["1"]', "9" * 30):
        draft = Campaign.objects.get(pk=campaign.pk).draft
        draft["steps"][0]["config"]["template"] = json.loads(odd)
        Campaign.objects.filter(pk=campaign.pk).update(draft=draft)
        for address in asked:
            page = client.get(address)
            assert page.status_code in (200, 302), (odd, address)
        said = client.post(asked[1], {"revision": campaign.revision}).content.decode()
        assert "Choose the e-mail to send." in said
    assert Campaign.objects.get(pk=campaign.pk).state == "draft"


@pytest.mark.parametrize("revision", ["true", "null", '"1"', "1.0", "[]", "NaN", "{}"])
def test_a_revision_that_is_none_is_refused(revision):
    campaign = CampaignFactory(active=False)
    save = reverse("admin:campaigns_campaign_canvas_save", args=[campaign.pk])
    body = f'{{"document": {json.dumps(WHOLE)}, "revision": {revision}}}'
    answer = browser("Marketer").post(save, body, "application/json")
    assert answer.status_code == 400 and is_plain(answer.json()["refused"])
    assert Campaign.objects.get(pk=campaign.pk).revision == campaign.revision


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("holdout: ten", "holdout: This must be a whole number, not text."),
        ("exits: 3", "exits: This must be a list, not a whole number."),
        ("exits: [{name: Out}]", "exits[0].uid: This is missing; send it, too."),
        ("priority: urgent", "priority: This cannot be “urgent”, which is not one of the choices here"),
        ("entry_key: " + "x" * 201, "entry_key: This has at most 200 characters"),
    ],
)
def test_a_file_names_the_line_in_the_same_words(line, said):
    with pytest.raises(files.NotReadable) as refused:
        files.read(f"name: Welcome\n{line}\nsteps: []\n")
    assert str(refused.value.faults[0]).startswith(said)


def test_a_choice_about_those_inside_is_refused_in_words():
    with pytest.raises(NoChoice) as refused:
        choices({"waits": {"wait": "now"}})
    assert is_plain(str(refused.value)) and "“waits” cannot be “now”" in str(refused.value)


def test_a_body_that_is_far_too_large_is_refused_in_a_sentence():
    campaign = CampaignFactory(active=False)
    save, client = reverse("admin:campaigns_campaign_canvas_save", args=[campaign.pk]), browser("Marketer")
    large = '{"document": {"objective": "' + "x" * 10_000_000 + '"}}'
    answer = client.post(save, large, "application/json")
    assert answer.status_code == 400
    assert answer.json()["refused"] == "The request is larger than 2 MB; send less at once."
    panel = client.post(
        reverse("admin:campaigns_campaign_canvas_panel"), {"document": "x" * 5_000_000}, headers={"Accept": "text/html"}
    )
    assert panel.status_code == 400 and b"The request is larger than 2 MB; send less at once." in panel.content
