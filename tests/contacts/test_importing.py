"""What an import writes: whom a row is about, what changes, and what is left alone."""

import msgspec
import pytest

from contacts import consent, import_jobs, importing, writing
from contacts.import_models import Import
from contacts.models import Address, Change, ConsentRecord, Contact, Identity, Subscription, Suppression, Topic
from ops import jobs
from tests.contacts.importing import by_id, fates, guessed, imported, received, tried, work
from tests.factories import NOW, ContactFactory, TopicFactory, address_id

pytestmark = pytest.mark.django_db


def known(user_id: str, email: str = "", **attributes) -> Contact:
    pk, _ = writing.contact_for_user(user_id, NOW)
    writing.upsert(pk, writing.Upsert(attributes=attributes, email=email or None), NOW)
    Change.objects.all().delete()
    return Contact.objects.get(pk=pk)


# --- whom a row is about ---


def test_new_people_are_made_with_everything_that_stands_in_their_row():
    whole = imported(
        "id,email,First Name,visits,vip,born,tz,tags",
        ["7", "Ann@Example.com ", "Ann", "12", "yes", "2001-02-28", "Europe/Paris", "lead; vip"],
    )
    ann = by_id("7")
    assert ann.email == "ann@example.com" and ann.timezone == "Europe/Paris" and ann.name == "Ann"
    assert ann.attributes == {"first_name": "Ann", "visits": 12, "vip": True, "born": "2001-02-28"}
    assert set(ann.tags.values_list("name", flat=True)) == {"lead", "vip"}
    assert whole.became["counts"] == {"new": 1} and fates(whole) == {2: "new"}


def test_an_id_decides_before_an_address():
    ann, ben = known("1", "ann@example.com"), known("2", "ben@example.com")
    imported("id,email,plan", "2,ann@example.com,gold")
    ann.refresh_from_db(), ben.refresh_from_db()
    assert ben.attributes == {"plan": "gold"} and ben.email == ann.email == "ann@example.com"
    assert ann.attributes == {} and Contact.objects.count() == 2


def test_without_an_id_the_one_contact_with_the_address_is_meant():
    ann = known("1", "ann@example.com", plan="free")
    whole = imported("email,plan", "ANN@example.com,gold")
    ann.refresh_from_db()
    assert ann.attributes == {"plan": "gold"} and fates(whole) == {2: "updated"} and Contact.objects.count() == 1


def test_an_address_that_several_have_decides_nothing():
    known("1", "home@example.com"), known("2", "home@example.com")
    whole = imported("email,plan", "home@example.com,gold", "new@example.com,gold")
    assert fates(whole) == {2: "refused", 3: "new"} and Contact.objects.count() == 3
    assert whole.became["reasons"]["More than one contact has this e-mail; add a column with their ids."] == {
        "count": 1,
        "examples": [[2, "home@example.com"]],
    }


def test_a_contact_without_an_id_gets_the_one_that_the_file_gives_to_its_address():
    reader = ContactFactory(email="ann@example.com")
    imported("id,email", "7,ann@example.com")
    assert by_id("7") == reader and Contact.objects.count() == 1


def test_a_contact_that_is_known_by_another_id_is_somebody_else():
    ann = known("1", "home@example.com")
    imported("id,email", "2,home@example.com")
    assert by_id("2") != ann and by_id("2").email == "home@example.com"


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_row_with_an_id_and_one_without_are_one_person_whatever_their_order(order):
    rows = ["7,ann@example.com,Ann,", ",ann@example.com,,gold"]
    imported("id,email,name,plan", *(rows[place] for place in order))
    assert Contact.objects.count() == 1 and by_id("7").attributes == {"name": "Ann", "plan": "gold"}


def test_two_new_ids_at_one_address_are_two_people():
    whole = imported("id,email", "1,home@example.com", "2,home@example.com")
    assert whole.became["counts"] == {"new": 2}
    assert Address.objects.count() == 1 and by_id("1") != by_id("2")


def test_the_last_of_the_rows_about_one_person_counts():
    whole = imported("id,plan", "1,free", "2,pro", "1,gold")
    assert fates(whole) == {2: "superseded", 3: "new", 4: "new"}
    assert by_id("1").attributes == {"plan": "gold"}
    assert whole.expected["reasons"][import_jobs.LATER]["examples"] == [[2, "see line 4"]]


def test_the_last_row_counts_also_over_the_parts_of_a_large_file(monkeypatch):
    monkeypatch.setattr(importing, "PART_ROWS", 2)
    rows = [f"{n % 5},{n}" for n in range(12)]
    whole = imported("id,visits", *rows)
    assert whole.parts.count() == 6
    assert {n: by_id(str(n)).attributes["visits"] for n in range(5)} == {0: 10, 1: 11, 2: 7, 3: 8, 4: 9}
    assert whole.became["counts"] == {"new": 5, "superseded": 7}


# --- what changes ---


def test_what_is_so_already_is_not_written_again():
    known("1", "ann@example.com", plan="gold")
    whole = imported("id,email,plan", "1,ann@example.com,gold")
    assert fates(whole) == {2: "unchanged"} and not Change.objects.exists()


def test_nothing_is_started_but_segments_and_counts_hear_of_it():
    ann = known("1", "ann@example.com", plan="free")
    imported("id,plan", "1,gold", "2,gold", tags=["lead"])
    news = {(change.contact_id, change.kind): change for change in Change.objects.all()}
    assert news[ann.pk, "attributes"].names == ["plan"] and news[ann.pk, "tags"].names == ["lead"]
    assert (by_id("2").pk, "created") in news
    assert not any(change.triggers for change in news.values())


@pytest.mark.parametrize(("empty", "left"), [("leave", {"plan": "gold", "a": {"b": 1}}), ("clear", {"a": {}})])
def test_an_empty_cell_leaves_or_takes_away_as_was_chosen(empty, left):
    known("1", "ann@example.com", plan="gold", **{"a.b": 1})
    whole = received("id,email,plan,a.b", "1,,,", "2,,,")
    mapping = guessed(whole, empty=empty)
    mapping.columns[2].use = mapping.columns[3].use = "attribute"
    importing.try_out(whole, mapping, None, NOW)
    work()
    whole.refresh_from_db()
    importing.start(whole, None, NOW)
    work()
    assert by_id("1").attributes == left and by_id("1").email == "ann@example.com" and by_id("2").attributes == {}


@pytest.mark.parametrize(
    ("options", "expected", "plans"),
    [
        ({"known": "leave"}, {2: "left", 3: "new"}, ["free", "gold"]),
        ({"unknown": "leave"}, {2: "updated", 3: "left"}, ["gold"]),
    ],
)
def test_only_new_people_or_only_known_ones(options, expected, plans):
    known("1", "ann@example.com", plan="free")
    whole = imported("id,email,plan", "1,ann@example.com,gold", "2,ben@example.com,gold", tags=["x"], **options)
    assert fates(whole) == expected
    assert sorted(contact.attributes["plan"] for contact in Contact.objects.all()) == plans
    assert Address.objects.filter(email="ben@example.com").exists() is ("known" in options)


def test_a_cell_that_cannot_be_read_is_named_and_the_rest_is_taken():
    """Among more rows than the guesses look at."""
    whole = received("id,visits,email", *(f"{n},{n},u{n}@example.com" for n in range(5)))
    mapping = guessed(whole)
    lines = [(2, ["9", "many", "nobody"]), (3, ["10", "3", "ben@example.com"])]
    whole.parts.update(rows=msgspec.json.encode(lines).decode())
    importing.try_out(whole, mapping, None, NOW)
    work()
    whole.refresh_from_db()
    importing.start(whole, None, NOW)
    work()
    whole.refresh_from_db()
    assert by_id("9").attributes == {} and by_id("9").address is None and by_id("10").attributes == {"visits": 3}
    assert {reason: found["examples"] for reason, found in whole.became["reasons"].items()} == {
        "The e-mail cannot be read: write exactly one address such as ann@example.com.": [[2, "nobody"]],
        "“visits” cannot be read as a number such as 1,234.56.": [[2, "many"]],
    }


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("1,a@b.co,x,y", "The row has not as many cells as the header (3); mend it."),
        ("1,a@b.co", "The row has not as many cells as the header (3); mend it."),
        (",,gold", "The row has neither an id nor an e-mail; write one."),
        (",nobody@,gold", "The e-mail cannot be read: the part after the @ is not a domain such as example.com."),
        (f"{'9' * 256},a@b.co,gold", "The id is longer than 255 characters; shorten it."),
        ("1,a@b.co,go\x00ld", "The row contains a NUL character; remove it."),
    ],
)
def test_a_row_that_cannot_be_taken_is_refused_with_a_sentence_and_the_others_are_taken(row, reason):
    whole = imported("id,email,plan", "7,ann@example.com,gold", row)
    assert fates(whole) == {2: "new", 3: "refused"}
    assert [*whole.became["reasons"]] == [reason] and Contact.objects.count() == 1


def test_no_character_ends_the_dry_run():
    whole = imported("id,plan", "a\x00b,1", "a\x00b,2", "c\ufeff\u2028d,\U0001f600")
    assert fates(whole) == {2: "superseded", 3: "refused", 4: "new"} and Contact.objects.count() == 1


def test_a_contact_never_holds_more_than_it_may():
    whole = imported("id,note", ["1", "x" * 65_000])
    assert by_id("1").attributes == {} and "more than 64 KB" in [*whole.became["reasons"]][0]


# --- the dry run ---


def test_a_dry_run_writes_nothing_and_foretells_the_import():
    known("1", "ann@example.com", plan="free"), known("2", plan="gold")
    Suppression.objects.create(digest=bytes(32), reason="bounce")
    before = [model.objects.count() for model in (Contact, Address, Identity, Change)]
    rows = ["id,email,plan", "1,,gold", "2,,gold", "3,c@example.com,gold", ",,gold", "3,c@example.com,pro"]
    whole = tried(received(*rows), tags=["x"])
    assert [model.objects.count() for model in (Contact, Address, Identity, Change)] == before
    assert whole.expected["counts"] == {"updated": 2, "new": 1, "refused": 1, "superseded": 1}
    assert [row["what"] for row in whole.expected["preview"]] == ["updated", "updated", "superseded", "refused", "new"]
    assert whole.expected["preview"][4]["cells"] == ["3", "c@example.com", "pro"]
    importing.start(whole, None, NOW)
    work()
    whole.refresh_from_db()
    assert whole.became["counts"] == whole.expected["counts"]


# --- consent ---


AGREED = {"basis": "opt_in", "agreed_on": "2026-03-01", "agreed_through": "the fair", "wording": "I want tips."}


def test_a_topic_with_its_basis_subscribes_and_the_ledger_says_why():
    topic = TopicFactory(key="tips", basis=Topic.Basis.OPT_IN)
    whole = imported("email", "ann@example.com", topic=topic.pk, **AGREED)
    [record] = ConsentRecord.objects.all()
    assert (record.action, record.basis, record.topic, record.at) == ("given", "opt_in", topic, NOW)
    assert record.source == "Import of people.csv"
    assert record.wording == "I want tips.\nAgreed on 1 March 2026 through the fair."
    assert record.contact.email == "ann@example.com" and whole.became["subscribed"] == whole.expected["subscribed"] == 1
    assert consent.verdicts([record.address_id], topic.pk, False, NOW)[record.address_id].allowed
    assert Change.objects.filter(kind="consent", names=["topic:tips"], triggers=False).count() == 1


def test_without_a_basis_nobody_is_subscribed():
    topic = TopicFactory(basis=Topic.Basis.OPT_IN)
    imported("email", "ann@example.com")
    [address] = Address.objects.all()
    assert not Subscription.objects.exists() and not ConsentRecord.objects.exists()
    assert not consent.verdicts([address.pk], topic.pk, False, NOW)[address.pk].allowed


@pytest.mark.parametrize("everything", [True, False])
def test_whoever_unsubscribed_stays_so(everything):
    topic, address = TopicFactory(), address_id("ann@example.com")
    consent.unsubscribe(address, now=NOW, source="link", topic=None if everything else topic)
    whole = imported("email", "ann@example.com", topic=topic.pk, **AGREED)
    assert not consent.verdicts([address], topic.pk, False, NOW)[address].allowed
    assert not Subscription.objects.filter(state="subscribed").exists()
    assert "The address unsubscribed before, and stays so." in whole.became["reasons"]
    assert whole.became["subscribed"] == 0


def test_an_import_again_adds_nothing_to_the_ledger():
    topic = TopicFactory()
    for _ in range(2):
        imported("email", "ann@example.com", topic=topic.pk, **AGREED)
    assert ConsentRecord.objects.count() == 1 and Contact.objects.count() == 1


def test_consent_advances_the_fence_of_the_address():
    topic, address = TopicFactory(), address_id("ann@example.com")
    imported("email", "ann@example.com", topic=topic.pk, **AGREED)
    assert Address.objects.get(pk=address).fence == 1


def test_suppressed_addresses_are_named_and_not_subscribed():
    topic, address = TopicFactory(), address_id("ann@example.com")
    consent.suppress(address_id=address, reason="complaint", now=NOW)
    whole = imported("email", "ann@example.com", topic=topic.pk, **AGREED)
    [(reason, found)] = whole.became["reasons"].items()
    assert "Complained" in reason and found["examples"] == [[2, "ann@example.com"]]
    assert fates(whole) == {2: "new"} and not Subscription.objects.exists()


def test_whoever_was_erased_is_not_taken_up_again():
    from contacts.addresses import digest

    consent.suppress(digest=digest("ann@example.com"), reason="erased", now=NOW)
    whole = imported("id,email", "1,ann@example.com", "2,ben@example.com")
    assert fates(whole) == {2: "refused", 3: "new"} and not Address.objects.filter(email__startswith="ann").exists()


# --- killed, cancelled, twice ---


def test_a_worker_killed_in_the_middle_leaves_whole_parts_and_another_goes_on(monkeypatch):
    monkeypatch.setattr(importing, "PART_ROWS", 2)
    whole = tried(received("id,email", *(f"{n},u{n}@example.com" for n in range(6))), tags=["x"])
    importing.start(whole, None, NOW)
    jobs._run_one(NOW)
    real, calls = import_jobs._put, []

    def die(*arguments):
        calls.append(1)
        raise KeyboardInterrupt  # after everything of the part was written, before its commit

    monkeypatch.setattr(import_jobs, "_put", die)
    with pytest.raises(KeyboardInterrupt):
        jobs._run_one(NOW)
    assert Contact.objects.count() == 2 and calls
    monkeypatch.setattr(import_jobs, "_put", real)
    work()
    whole.refresh_from_db()
    assert Contact.objects.count() == 6 and whole.became["counts"] == {"new": 6}


def test_a_cancelled_import_keeps_what_it_did_and_does_no_more(monkeypatch):
    monkeypatch.setattr(importing, "PART_ROWS", 2)
    whole = tried(received("id", *(str(n) for n in range(6))))
    importing.start(whole, None, NOW)
    jobs._run_one(NOW)
    whole = Import.objects.get(pk=whole.pk)
    assert whole.stage == "importing" and importing.cancel(whole)
    work()
    whole = Import.objects.get(pk=whole.pk)
    assert whole.stage == "ended" and whole.import_job.state == "cancelled" and Contact.objects.count() == 2
    assert whole.import_job.result == "2 new."


def test_an_import_is_started_once():
    whole = tried(received("id", "1"))
    assert importing.start(whole, None, NOW) and not importing.start(whole, None, NOW)


def test_an_import_is_not_started_before_its_dry_run_has_ended():
    whole = received("id", "1")
    assert not importing.start(whole, None, NOW)
    importing.try_out(whole, guessed(whole), None, NOW)
    assert not importing.start(whole, None, NOW)


def test_mapping_anew_ends_the_dry_run_that_is_under_way():
    whole = received("id", "1")
    importing.try_out(whole, guessed(whole), None, NOW)
    first = whole.check_job
    importing.try_out(whole, guessed(whole), None, NOW)
    work()
    first.refresh_from_db(), whole.refresh_from_db()
    assert first.state == "cancelled" and whole.expected["counts"] == {"new": 1}


def test_what_names_people_is_deleted_after_thirty_days():
    whole = imported("id,email", "1,ann@example.com", ",,")
    importing.wipe(NOW + importing.KEPT)
    assert whole.parts.exists()
    importing.wipe(NOW + importing.KEPT * 1.01)
    whole.refresh_from_db()
    assert not whole.parts.exists() and whole.became["counts"] == {"new": 1}
    assert "ann" not in str([whole.columns, whole.expected, whole.became])


def test_the_number_of_queries_does_not_grow_with_the_rows(django_assert_max_num_queries):
    topic = TopicFactory()
    for n in range(1, 5):
        known(f"u{n}", f"u{n}@example.com")
    counts = []
    for size in (4, 400):
        whole = tried(
            received("id,email,plan,tags", *(f"u{n},u{n}@example.com,{size},a;b{size}" for n in range(size))),
            topic=topic.pk,
            **AGREED,
        )
        importing.start(whole, None, NOW)
        with django_assert_max_num_queries(60) as queries:
            jobs._run_one(NOW)
        counts.append(len(queries))
    assert counts[0] >= counts[1] - 2, "a new contact besides the known ones is made by one more statement"
