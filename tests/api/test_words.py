"""Bodies with a value of the wrong kind, in any field of any request: one plain sentence that names the field."""

import json

import pytest
from rest_framework import serializers

from automation.api_bodies import EntryWritten, ExitWritten
from contacts.api_bodies import ContactWritten, TagsWritten, UnsubscribeWritten
from lib import clean_json
from ops.api import Body
from ops.errors import plain_errors
from scoring.api_deeds import Deed, StageWritten
from segments.api_bodies import SegmentEdited, SegmentWritten
from segments.api_people import PeopleWritten
from tests.factories import CampaignFactory, ContactFactory

BODIES = [
    EntryWritten, ExitWritten, ContactWritten, TagsWritten, UnsubscribeWritten, Deed, StageWritten, SegmentWritten,
    SegmentEdited, PeopleWritten,
]  # fmt: skip
ODD = [
    "null", "true", "-1", "1.5", "1e300", "9" * 60, '""', '"   "', '"text"', '"é ü"', "[]", "{}", "[1]", "[null]",
    '[""]', "[[]]", '{"a":{"b":[1,null]}}', '"2026-13-45T00:00"', '"2026-01-01"', "[" * 60 + "]" * 60,
    "NaN", "-Infinity", "1e999", r'"\u0000"', r'"\ud800"', r'["\u0000"]', '"' + "x" * 3_000 + '"',
    json.dumps(["x"] * 1_500), json.dumps(["x" * 400]),
]  # fmt: skip
FRAMEWORK = ["This field", "Ensure", "valid", "Expected", "Not a", "wrong format", "dictionary", "Must be", "`", "YYYY"]


class Asked:
    """What `Body.read` needs of a request."""

    def __init__(self, raw: str):
        self.data = clean_json.parse(raw.encode())


def fields():
    for body in BODIES:
        for name in body().fields:
            yield body, name


def refusal(body: type[Body], raw: str) -> str | None:
    """The sentence that the API would answer; None: it takes the body."""
    try:
        body.read(Asked(raw))  # type: ignore[arg-type]
    except clean_json.Unclean as fault:
        return str(fault)
    except Exception as fault:  # as the API's handler answers
        answer = plain_errors(fault, {})
        assert answer.status_code == 400, fault
        return answer.data["error"]
    return None


@pytest.mark.parametrize(("body", "name"), list(fields()), ids=lambda one: getattr(one, "__name__", one))
def test_every_field_refuses_odd_values_in_a_plain_sentence(body, name):
    said = {refusal(body, f'{{"{name}": {odd}}}') for odd in ODD} - {None}
    assert said, "an odd value in a field is never all right"
    for sentence in said:
        assert sentence.endswith(".") and (sentence[0] == "“" or sentence[0].isupper()), sentence
        assert not [word for word in FRAMEWORK if word in sentence.replace("not valid JSON", "")], sentence


@pytest.mark.parametrize("body", BODIES, ids=lambda one: one.__name__)
@pytest.mark.parametrize("raw", ["[]", '"x"', "1", "null", "true", '{"": 1}', '{"colour": 1}'])
def test_what_is_no_object_or_has_unknown_names_is_refused(body, raw):
    assert refusal(body, raw) in ("Send a JSON object.",) or "is unknown here; send one of" in str(refusal(body, raw))


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ('{"data": {"a": NaN}}', "“data.a” is not a finite number; send a number or null."),
        ('{"data": {"a": [1e999]}}', "“data.a[0]” is not a finite number; send a number or null."),
        ('{"data": -Infinity}', "“data” is not a finite number; send a number or null."),
        ('{"data": ' + "[" * 3_000 + "]" * 3_000 + "}", "The request is nested too deep; make it flatter."),
        ('{"data": NaN', "The request is not valid JSON; check quotes, commas and brackets."),
        ('{"contact": "1", "id": 1.5}', "“id” must be text."),
        ('{"contact": "1", "id": 15}', "“id” must be text."),
    ],
)
def test_what_is_no_number_too_deep_or_no_text_is_called_that(raw, said):
    assert refusal(EntryWritten, raw) == said


def test_a_reason_that_is_a_number_is_refused():
    assert refusal(ExitWritten, '{"reason": 1}') == "“reason” must be text."


class Every(Body):
    """One field of each kind that bodies have."""

    text = serializers.CharField(max_length=3, required=False)
    count = serializers.IntegerField(min_value=-1, max_value=3, required=False)
    share = serializers.FloatField(min_value=0, required=False)
    yes = serializers.BooleanField(required=False)
    one = serializers.ChoiceField(choices=["a", "b"], required=False)
    at = serializers.DateTimeField(required=False)
    key = serializers.SlugField(required=False)
    names = serializers.ListField(child=serializers.CharField(max_length=3), min_length=1, max_length=2, required=False)
    data = serializers.DictField(required=False)
    needed = serializers.CharField()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("{}", "“needed” is missing; send text."),
        ('{"needed": null}', "“needed” cannot be null; send text."),
        ('{"needed": ""}', "“needed” is empty; send text."),
        ('{"needed": []}', "“needed” must be text."),
        ('{"text": "long"}', "“text” has more than 3 characters; shorten it."),
        ('{"text": null}', "“text” cannot be null; leave it out, or send text."),
        ('{"count": 4}', "“count” must be a whole number from −1 to 3."),
        ('{"count": "x"}', "“count” must be a whole number from −1 to 3."),
        ('{"share": -1}', "“share” must be a number of 0 or more."),
        ('{"yes": "perhaps"}', "“yes” must be true or false."),
        ('{"one": "c"}', "“one” must be one of a, b."),
        ('{"at": "soon"}', "“at” must be a time such as 2026-03-02T09:00:00Z."),
        ('{"key": "a b"}', "“key” must be a key of letters, digits, - and _."),
        ('{"names": []}', "“names” needs at least 1; send more."),
        ('{"names": ["a", "b", "c"]}', "“names” has more than 2 entries; send fewer."),
        ('{"names": ["a", "long"]}', "“names[1]” has more than 3 characters; shorten it."),
        ('{"names": {}}', "“names” must be a list."),
        ('{"data": []}', "“data” must be a JSON object."),
    ],
)
def test_each_kind_of_field_says_what_it_takes(given, said):
    assert refusal(Every, given) == said


@pytest.mark.django_db
def test_over_http_the_field_stands_beside_the_sentence(api):
    campaign, contact = CampaignFactory(), ContactFactory()
    answer = api.post(f"/api/campaigns/{campaign.pk}/entries/", {"contact": contact.pk, "at": "soon"})
    assert answer.json() == {"error": "“at” must be a time such as 2026-03-02T09:00:00Z.", "field": "at"}
    answer = api.post("/api/scores/lead/contacts/1/", {"effect": "add", "points": 1, "fades": {"how": "x"}})
    assert answer.json()["field"] == "fades.how"
    assert answer.json()["error"] == "“fades.how” must be one of never, half, expires."


@pytest.mark.django_db
def test_a_parameter_that_nobody_reads_is_refused_with_those_that_are_read(api):
    pk, contact = CampaignFactory().pk, ContactFactory().pk
    people = "state, since, limit, cursor"
    known = {
        f"campaigns/{pk}/enrollments": people, f"contacts/{contact}/enrollments": people,
        f"campaigns/{pk}/entries": "state, limit, cursor", "campaigns": "state, search, limit, cursor",
        "contacts": "email, user_id, search, limit, cursor", "events": "contact, type, since, until, limit, cursor",
        "segments": "search, kind, limit, cursor", "scores": "limit, cursor",
    }  # fmt: skip
    for path, names in known.items():
        for query in ("after=x", "page=abc", "Limit=1"):
            name = query.partition("=")[0]
            answer = api.get(f"/api/{path}/?{query}")
            said = f"“{name}” is no parameter of this list; it takes {names}."
            assert (answer.status_code, answer.json()) == (400, {"error": said, "field": name}), path
        assert api.get(f"/api/{path}/?limit=1").status_code == 200


@pytest.mark.django_db
def test_the_name_of_a_contact_with_a_nul_is_called_that(api):
    answer = api.get("/api/contacts/user:%00/enrollments/")
    said = "The name of a contact contains a character that cannot be looked up; remove it."
    assert (answer.status_code, answer.json()) == (400, {"error": said})


@pytest.mark.django_db
@pytest.mark.parametrize(
    "path", ["campaigns/1/entries/", "segments/", "segments/evaluate/", "events/", "enrollments/1/exit/", "nowhere/"]
)
@pytest.mark.parametrize("kind", ["application/json", "application/x-www-form-urlencoded", "text/plain"])
def test_a_body_of_ten_megabytes_is_refused_in_json(api, path, kind):
    answer = api.generic("POST", f"/api/{path}", '{"a": "' + "x" * 10_000_000 + '"}', content_type=kind)
    assert answer.status_code in (400, 404) and answer["Content-Type"] == "application/json"
    said = answer.json()["error"]
    assert said.endswith(".") and (path == "nowhere/" or "is larger than" in said)
