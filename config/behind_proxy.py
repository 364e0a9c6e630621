"""Who really calls, when a proxy of ours stands in between (BEHIND_PROXY)."""

import ipaddress
from contextlib import suppress


class TrueAddress:
    """Takes the caller's address from the last entry of X-Forwarded-For, the one that our own proxy wrote.

    So lock-outs and limits meet the one who guesses passwords, not everybody behind the proxy.
    """

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        written = request.META.get("HTTP_X_FORWARDED_FOR", "").rpartition(",")[2].strip()
        with suppress(ValueError):  # no proxy wrote it: the connection's own address stands
            request.META["REMOTE_ADDR"] = str(ipaddress.ip_address(written))
        return self.get_response(request)
