"""A key that stands in a web page cannot make itself somebody else."""

import json

import pytest

from contacts.models import Contact, Identity
from events.models import RejectedEvent
from ops.models import ApiKey, Source

pytestmark = pytest.mark.django_db


def call(client, kind, path, **item):
    _, key = ApiKey.objects.create_key(kind, Source.objects.get_or_create(name="Shop")[0])
    answer = client.post(
        f"/v1/{path}", json.dumps(item), content_type="application/json", headers={"authorization": f"Bearer {key}"}
    )
    assert answer.status_code == 200


def contact_of(user):
    return Identity.objects.get(kind="user", value=user).contact_id


@pytest.fixture
def eve_and_victim(client):
    for user in ("eve", "victim"):
        call(client, "write", "identify", userId=user, traits={"card": f"of {user}"})


def test_a_write_key_does_not_merge_two_known_users_and_says_so(client, eve_and_victim):
    call(client, "write", "alias", userId="eve", previousId="victim")
    assert contact_of("eve") != contact_of("victim")
    assert Contact.objects.get(pk=contact_of("eve")).attributes == {"card": "of eve"}
    assert "only a server key" in RejectedEvent.objects.get().reason


def test_a_server_key_does(client, eve_and_victim):
    call(client, "server", "alias", userId="eve", previousId="victim")
    assert contact_of("eve") == contact_of("victim")
    assert not RejectedEvent.objects.exists()


def test_a_write_key_joins_a_visitor_to_the_user_that_she_turns_out_to_be(client):
    call(client, "write", "track", anonymousId="a1", event="Product Viewed")
    call(client, "write", "identify", userId="ann", traits={"plan": "pro"})
    call(client, "write", "alias", userId="ann", previousId="a1")
    assert Identity.objects.get(kind="anonymous", value="a1").contact_id == contact_of("ann")
    assert not RejectedEvent.objects.exists()
