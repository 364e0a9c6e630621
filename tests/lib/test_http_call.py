"""Calls to addresses that people type: where they may lead, for how long, and to which address of a name."""

import socket
import time
from ipaddress import ip_address, ip_network

import pytest

from lib import http_call
from lib.http_call import Failed, Request, call
from lib.outside import Forbidden, is_public, places
from tests.certificates import self_signed
from tests.http_receiver import Receiver, answer, drip, hang, raw

LOOPBACK = [ip_network("127.0.0.0/8")]
PRIVATE = [
    "127.0.0.1", "0.0.0.0", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254", "100.64.0.1",
    "100.127.255.255", "192.0.0.1", "192.0.2.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.1.1.1",
    "240.0.0.1", "255.255.255.255", "192.88.99.1", "::", "::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1",
    "::ffff:169.254.169.254", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "100::1",
    "fc00::1", "fd00:ec2::254", "fe80::1", "fec0::1", "ff02::1", "2001::1", "2001:db8::1",
    "2002:7f00:1::", "2002:a9fe:a9fe::1",
]  # fmt: skip
PUBLIC = ["1.1.1.1", "8.8.8.8", "93.184.216.34", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "::ffff:1.1.1.1"]
PUBLIC += ["64:ff9b::101:101"]


@pytest.fixture
def server():
    with Receiver() as server:
        yield server


@pytest.fixture
def names(monkeypatch):
    """`names["shop.example"] = ["203.0.113.9"]`: what the name server would say, each time it is asked."""
    told, real = {}, socket.getaddrinfo

    def look_up(host, port, *_, **options):
        if host not in told:
            return real(host, port, *_, **options)
        asked.append(host)
        one = told[host].pop(0) if isinstance(told[host][0], list) else told[host]
        return [found for address in one for found in real(address, port, **options)]

    asked: list[str] = []
    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    told["asked"] = asked
    return told


def test_only_the_public_internet_is_public():
    assert [text for text in PRIVATE if is_public(ip_address(text))] == []
    assert [text for text in PUBLIC if not is_public(ip_address(text))] == []


def test_numbers_in_disguise_are_seen_through():
    for host in ("2130706433", "0x7f000001", "0177.0.0.1", "127.1", "127.0.0.1", "localhost"):
        with pytest.raises((Forbidden, OSError)):
            places(host, 80, [])


def test_nothing_private_is_called(server):
    with pytest.raises(Failed, match="may not reach") as fault:
        call(Request("GET", server.url))
    assert fault.value.permanent and not server.got


def test_one_private_address_among_public_ones_forbids_the_name(names, server):
    names["mixed.example"] = ["93.184.216.34", "127.0.0.1"]
    with pytest.raises(Failed, match="mixed.example.*127.0.0.1"):
        call(Request("GET", f"http://mixed.example:{server.port}/"))


def test_a_name_that_changes_its_mind_is_asked_once(names, server):
    """DNS rebinding: an address that may be called when it is looked at, another one when it is connected to."""
    names["rebind.example"] = [["127.0.0.1"], ["127.0.0.2"]]
    got = call(Request("GET", f"http://rebind.example:{server.port}/x"), LOOPBACK)
    assert got.status == 200 and names["asked"] == ["rebind.example"]
    assert server.got[0].headers["Host"] == f"rebind.example:{server.port}"
    names["inside.example"] = ["127.0.0.1"]
    with pytest.raises(Failed, match="may not reach"):
        call(Request("GET", f"http://inside.example:{server.port}/"))
    assert len(server.got) == 1


def test_the_certificate_is_checked_for_the_name_at_the_address_that_was_looked_at(names, monkeypatch):
    names["localhost"], names["other.example"] = ["127.0.0.1"], ["127.0.0.1"]
    with Receiver(tls=True) as server:
        http_call._context.cache_clear()
        with pytest.raises(Failed, match="certificate of localhost cannot be trusted"):
            call(Request("GET", f"https://localhost:{server.port}/"), LOOPBACK)
        monkeypatch.setenv("SSL_CERT_FILE", str(self_signed()))
        http_call._context.cache_clear()
        assert call(Request("GET", f"https://localhost:{server.port}/"), LOOPBACK).status == 200
        with pytest.raises(Failed, match="certificate of other.example cannot be trusted"):
            call(Request("GET", f"https://other.example:{server.port}/"), LOOPBACK)
        assert "localhost" in server.names and "other.example" in server.names, "each is asked for by its name"
    http_call._context.cache_clear()


def test_the_environment_has_no_say(server, monkeypatch):
    with Receiver() as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        assert call(Request("GET", server.url), LOOPBACK).status == 200
        assert len(server.got) == 1 and not proxy.got


def test_a_redirect_is_an_answer_like_another(server):
    server.answers = [answer(307, location="http://169.254.169.254/latest/meta-data/")]
    assert call(Request("POST", server.url, body=b"{}"), LOOPBACK).status == 307 and len(server.got) == 1


@pytest.mark.parametrize(
    "act",
    [
        hang,
        drip(b"HTTP/1.1 200 OK\r\n" + b"a" * 99, 0.05),
        raw(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\na", then=3),
    ],
    ids=["silence", "dripping headers", "half a body"],
)
def test_the_whole_of_a_call_has_an_end(server, act):
    server.answers = [act]
    began = time.monotonic()
    with pytest.raises(Failed, match="did not answer within 0.5 seconds"):
        call(Request("GET", server.url, seconds=0.5), LOOPBACK)
    assert time.monotonic() - began < 2


def test_of_a_huge_answer_no_more_is_read_than_asked_for(server):
    server.answers = [answer(200, b"x" * 5_000_000)]
    got = call(Request("GET", server.url, most=1000), LOOPBACK)
    assert got.cut and len(got.body) == 1000
    server.answers = [raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 200_000)]
    with pytest.raises(Failed, match="more than an answer may hold"):
        call(Request("GET", server.url, most=60_000), LOOPBACK)


def test_no_header_can_be_smuggled_in(server):
    for headers in ({"X-A": "1\r\nX-B: 2"}, {"X-A\r\nX-B": "1"}):
        with pytest.raises(Failed):
            call(Request("GET", server.url, headers), LOOPBACK)
    with pytest.raises(Failed):
        call(Request("GET", f"{server.url}/a b\r\nX-B: 2"), LOOPBACK)
    assert all("X-B" not in got.headers for got in server.got)


def test_what_cannot_be_reached_says_so():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(Failed, match="127.0.0.1 refused the connection"):
        call(Request("GET", f"http://127.0.0.1:{port}/"), LOOPBACK)
    with pytest.raises(Failed, match="could not be found"):
        call(Request("GET", "http://nothing.invalid/"), LOOPBACK)
