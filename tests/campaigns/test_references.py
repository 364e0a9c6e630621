"""What a published campaign uses is kept, so that it can be said where something is used."""

import pytest

from campaigns.models import Reference
from segments.models import Segment
from tests.factories import CampaignFactory

pytestmark = pytest.mark.django_db


def test_the_events_segments_and_fields_of_conditions_are_kept():
    guests = Segment.objects.create(name="Guests", kind="static")
    audience = {
        "all": [
            {"event": "order.completed", "op": "is", "value": 0},
            {"not": {"message": "clicked"}},
            {"segment": guests.pk},
            {"field": "contact.plan", "op": "is", "value": "pro"},
        ]
    }
    campaign = CampaignFactory(event="users.signed_up", audience=audience)
    kept = Reference.objects.filter(version=campaign.live).exclude(kind="template")
    assert set(kept.values_list("kind", "key", "role")) == {
        ("event_type", "users.signed_up", "trigger"),
        ("event_type", "order.completed", "condition"),
        ("event_type", "email.clicked", "condition"),
        ("segment", str(guests.pk), "condition"),
        ("field", "contact.plan", ""),
    }
