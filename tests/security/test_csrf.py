"""Nobody's log-in can be used from another site."""

import pytest

from events.models import Event
from tests.security.addresses import address, names

pytestmark = pytest.mark.django_db


def test_no_page_of_the_admin_takes_a_post_from_elsewhere(log_in, rows):
    boss = log_in("superuser", enforce_csrf_checks=True)
    taken = [name for name in names() if boss.post(address(name, rows)).status_code not in (403, 405)]
    assert not taken


def test_the_refusal_is_in_plain_words(log_in):
    html = log_in("superuser", enforce_csrf_checks=True).post("/time-travel/").content.decode()
    assert "Nothing was done" in html and "CSRF" not in html


def test_a_log_in_opens_neither_api(log_in):
    boss = log_in("superuser")
    assert boss.get("/api/contacts/").status_code == 401
    assert boss.post("/v1/track", {"userId": "u1", "event": "X"}, content_type="application/json").status_code == 401
    assert not Event.objects.exists()
