"""Behind a proxy the caller is who the proxy says, and nobody can claim to be somebody else."""

import pytest
from django.test import RequestFactory

from config.behind_proxy import TrueAddress


@pytest.mark.parametrize(
    "header, caller",
    [
        ("203.0.113.7", "203.0.113.7"),
        ("10.9.8.7, 203.0.113.7", "203.0.113.7"),  # what stands before the last was said by the caller
        ("2001:db8::1", "2001:db8::1"),
        ("", "192.0.2.1"),
        ("nonsense", "192.0.2.1"),
        ("203.0.113.7\r\nX: y", "192.0.2.1"),
    ],
)
def test_the_last_entry_counts(header, caller):
    request = RequestFactory().get("/", REMOTE_ADDR="192.0.2.1", HTTP_X_FORWARDED_FOR=header)
    assert TrueAddress(lambda seen: seen.META["REMOTE_ADDR"])(request) == caller
