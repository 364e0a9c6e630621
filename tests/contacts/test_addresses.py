import datetime as dt
import threading

import pytest
from django.db import connection, transaction
from hypothesis import given
from hypothesis import strategies as st

from contacts import addresses
from contacts.addresses import NotAnAddress, address_ids, digest, normalise
from contacts.models import Address

NOW = dt.datetime(2026, 3, 2, 9, tzinfo=dt.UTC)

KEPT = {
    "ann@example.com": "ann@example.com",
    "  Ann.Lee@Example.COM\t": "ann.lee@example.com",
    "ann+shop@example.com": "ann+shop@example.com",
    "o'brien@example.co.uk": "o'brien@example.co.uk",
    "a@bücher.example": "a@xn--bcher-kva.example",
    "a@XN--BCHER-KVA.example": "a@xn--bcher-kva.example",
    "a@BÜCHER。example": "a@xn--bcher-kva.example",
    "jörg@example.com": "jörg@example.com",
    "jo\u0308rg@example.com": "jörg@example.com",
    "用户@例子.中国": "用户@xn--fsqu00a.xn--fiqs8s",
}
REFUSED = [
    "", " ", "ann", "@example.com", "ann@", "ann@@example.com", "a@e.com, b@e.com", "a@e.com;b@e.com",
    "Ann <ann@example.com>", '"ann lee"@example.com', '"ann"@example.com', "ann lee@example.com",
    "ann@example.com\n", "ann@example.com\r\nBcc: x@e.com", "ann\x00@example.com", "ann\u200b@example.com",
    "\u202eann@example.com", "ann@exam\u00adple.com", "ann\u00a0@example.com", "ann\ud800@example.com",
    ".ann@example.com", "ann.@example.com", "a..b@example.com", "ann@localhost", "ann@-example.com",
    "ann@example-.com", "ann@example..com", "ann@.example.com", "ann@example.com.", "ann@127.0.0.1",
    "ann@[127.0.0.1]", "ann@exa_mple.com", "ann@xn--\u00e9.com", "ann@xn--zzzzzz--.com",
    "a" * 65 + "@example.com", "ö" * 33 + "@example.com", "ann@" + "a" * 64 + ".com",
    "a" * 60 + "@" + ".".join(["b" * 60] * 4) + ".com", "ann@example.com?bcc=x@e.com", "ann@exam ple.com",
]  # fmt: skip


@pytest.mark.parametrize("raw", KEPT)
def test_one_mailbox_has_one_spelling(raw):
    assert normalise(raw) == KEPT[raw]


@pytest.mark.parametrize("raw", REFUSED)
def test_what_is_not_one_address_is_refused_in_a_sentence(raw):
    with pytest.raises(NotAnAddress) as refused:
        normalise(raw)
    assert str(refused.value).endswith(".") and len(str(refused.value)) < 300


@pytest.mark.parametrize("raw", [None, 5, ["ann@example.com"], b"ann@example.com"])
def test_what_is_no_text_is_refused(raw):
    with pytest.raises(NotAnAddress):
        normalise(raw)


@given(st.one_of(st.text(max_size=40), st.from_regex(r"[^@\s]{1,12}@[^@\s]{1,12}\.[a-z]{2,4}", fullmatch=True)))
def test_an_address_is_its_own_spelling_and_fits_a_header(raw):
    try:
        email = normalise(raw)
    except NotAnAddress:
        return
    assert normalise(email) == email
    assert len(email.encode()) <= 254 and email.count("@") == 1 and email.isprintable() and " " not in email
    assert email.partition("@")[2].isascii()


def test_the_digest_depends_on_address_and_secret(settings):
    first = digest("ann@example.com")
    assert len(first) == 32 and first == digest("ann@example.com") != digest("bob@example.com")
    settings.SECRET_KEY = "another"
    assert digest("ann@example.com") != first


@pytest.mark.django_db
def test_rows_are_found_or_made_in_two_queries(django_assert_num_queries):
    known = address_ids(["ann@example.com"], NOW)["ann@example.com"]
    raws = [
        "ANN@example.com",
        " ann@example.com",
        "bob@example.com",
        "nonsense",
        *(f"p{i}@example.com" for i in range(300)),
    ]
    with django_assert_num_queries(2):
        ids = address_ids(raws, NOW)
    assert ids["ANN@example.com"] == ids[" ann@example.com"] == known
    assert "nonsense" not in ids and len(ids) == 303
    bob = Address.objects.get(email="bob@example.com")
    assert bytes(bob.digest) == digest("bob@example.com") and bob.created_at == NOW
    assert Address.objects.count() == 302


@pytest.mark.django_db
def test_nothing_to_find_asks_nothing(django_assert_num_queries):
    with django_assert_num_queries(0):
        assert address_ids(["nonsense"], NOW) == {}


@pytest.mark.django_db(transaction=True)
def test_two_requests_with_the_same_new_addresses_share_rows():
    emails = [f"p{i}@example.com" for i in range(200)]
    found, start = [], threading.Barrier(4)

    def bring(order):
        start.wait()
        with transaction.atomic():
            found.append(address_ids(order, NOW))
        connection.close()

    threads = [threading.Thread(target=bring, args=(emails[:: 1 if i % 2 else -1],)) for i in range(4)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert len(found) == 4 and all(ids == found[0] for ids in found)
    assert Address.objects.count() == 200


def test_the_fast_way_takes_what_the_slow_way_takes():
    assert addresses._plain_domain.match("example.com") and not addresses._plain_domain.match("example.com\n")
