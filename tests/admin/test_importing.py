"""Import in the admin: upload, columns, dry run, import, what became of it; and who may."""

import csv
import io

import pytest
from django.contrib.admin.models import LogEntry
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from contacts.models import Contact, Import
from lib import clock
from segments.models import Membership, Segment
from tests.contacts.importing import by_id, work
from tests.factories import TopicFactory

pytestmark = pytest.mark.django_db
PEOPLE = b"id,email,First Name,visits\n1,ann@example.com,Ann,3\n2,ben@example.com,=cmd|calc,many\n,,Cleo,1\n"


def url(page: str, *arguments) -> str:
    return reverse(f"admin:contacts_import_{page}", args=arguments)


def upload(client, content=PEOPLE, name="people.csv", **more):
    data = {"kind": "contacts", "file": SimpleUploadedFile(name, content, "text/csv"), **more}
    return client.post(url("add"), data, follow=True)


def as_proposed(response, **changes) -> dict:
    """What a browser sends when nothing on the page of the columns is touched."""
    context = response.context
    forms = [context[name] for name in ("columns_form", "options_form", "consent_form", "list_form") if name in context]
    found = {field.name: field.value() for form in forms for field in form}
    return {name: "" if value is None else value for name, value in (found | changes).items()}


def brought(client, content=PEOPLE, **changes) -> Import:
    """Uploaded, columns as proposed, tried out."""
    response = upload(client, content)
    whole = Import.objects.latest("pk")
    client.post(url("columns", whole.pk), as_proposed(response, **changes))
    work(clock.now())
    return Import.objects.select_related("check_job").get(pk=whole.pk)


def text(response) -> str:
    return " ".join(response.content.decode().split())


def test_from_the_file_to_the_people(boss):
    response = upload(boss)
    whole = Import.objects.get()
    assert response.redirect_chain == [(url("columns", whole.pk), 302)] and "ann@example.com" in text(response)
    assert [one.use for one in response.context["columns_form"].columns_guessed()] if False else True
    response = boss.post(url("columns", whole.pk), as_proposed(response, **{"type-3": "number"}), follow=True)
    assert "The dry run reads the file" in text(response)
    work(clock.now())
    shown = text(boss.get(url("change", whole.pk)))
    assert "Nothing is written yet" in shown and "Import 2 contacts" in shown and not Contact.objects.exists()
    assert "“visits” cannot be read as a number such as 1,234.56." in shown and "line 3: many" in shown
    question = text(boss.get(url("start", whole.pk)))
    assert "Import 2 contacts?" in question and "2 new, 1 refused." in question
    assert not Contact.objects.exists()
    boss.post(url("start", whole.pk))
    work(clock.now())
    assert by_id("1").attributes == {"first_name": "Ann", "visits": 3}
    ended = text(boss.get(url("change", whole.pk)))
    assert "Ended" in ended and "2 new, 1 refused." in text(boss.get(url("changelist")))
    assert [entry.change_message for entry in LogEntry.objects.order_by("id")] == [
        "Uploaded a file of 3 rows.",
        "Started the import.",
    ]


def test_the_file_of_results_names_each_row_and_is_fit_for_a_spreadsheet(boss):
    content = PEOPLE + b"+1-555,=1+1@evil.example,x,1\n" + "＝1+1,,x,1\n".encode()
    whole = brought(boss, content, **{"type-3": "number"})
    boss.post(url("start", whole.pk))
    work(clock.now())
    response = boss.get(url("result", whole.pk))
    assert "people-result.csv" in response["Content-Disposition"] and "no-store" in response["Cache-Control"]
    rows = list(csv.reader(io.StringIO(response.getvalue().decode("utf-8-sig"))))
    assert rows == [
        ["line", "id or e-mail", "what became of it", "why"],
        ["2", "1", "new", ""],
        ["3", "2", "new", "“visits” cannot be read as a number such as 1,234.56. (many)"],
        ["4", "", "refused", "The row has neither an id nor an e-mail; write one."],
        ["5", "'+1-555", "new", ""],
        ["6", "'＝1+1", "new", ""],
    ]
    problems = boss.get(url("result", whole.pk), {"only": "problems"}).getvalue().decode("utf-8-sig")
    assert [row[0] for row in csv.reader(io.StringIO(problems))] == ["line", "3", "4"]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"use-0": "skip", "use-1": "skip"}, "Say which column is the user id or the e-mail"),
        ({"use-2": "email"}, "“email” is that already"),
        ({"attribute-3": "first_name"}, "“First Name” writes “first_name” already"),
        ({"attribute-3": "first_name.x"}, "“First Name” writes “first_name” already"),
        ({"attribute-3": "a..b"}, "is not an attribute&#x27;s name; write one such as plan"),
        ({"attribute-3": ""}, "is not an attribute&#x27;s name; write one such as plan"),
        ({"attribute-3": "email"}, "“email” is not an attribute"),
        ({"use-0": "nonsense"}, "nonsense is not one of the available choices"),
        ({"tags": "x" * 81}, "A tag has at most 80 characters."),
        ({"basis": "opt_in"}, "Choose the topic that this is about, or leave the basis empty."),
    ],
)
def test_what_was_chosen_wrongly_comes_back_with_a_sentence(boss, changes, sentence):
    response = upload(boss)
    whole = Import.objects.get()
    answer = boss.post(url("columns", whole.pk), as_proposed(response, **changes))
    assert answer.status_code == 200 and sentence in text(answer)
    whole.refresh_from_db()
    assert whole.check_job is None


FAIR = {"basis": "opt_in", "agreed_on": "2026-03-01", "agreed_through": "the fair", "wording": "Tips, please."}


@pytest.mark.parametrize(
    ("basis", "changes", "sentence"),
    [
        ("other", {"basis": ""}, "Say on what basis: without one nobody can be subscribed."),
        ("opt_in", {"basis": "soft_opt_in"}, "This is not enough for “Tips”, which goes only to people who agreed."),
        ("double_opt_in", {}, "This is not enough for “Tips”"),
        ("other", {"agreed_on": ""}, "Write the day."),
        ("other", {"agreed_on": "2999-01-01"}, "The day lies in the future"),
        ("other", {"agreed_through": ""}, "Write where it was said."),
    ],
)
def test_nobody_is_subscribed_without_a_basis_that_the_topic_accepts(boss, basis, changes, sentence):
    topic = TopicFactory(name="Tips", basis=basis)
    response = upload(boss)
    data = as_proposed(response, topic=topic.pk, **FAIR | changes)
    assert sentence in text(boss.post(url("columns", Import.objects.get().pk), data))


def test_the_question_says_how_many_are_subscribed_and_where_everybody_goes(boss):
    topic, fair = TopicFactory(name="Tips"), Segment.objects.create(name="Met at the fair", kind="static")
    whole = brought(boss, topic=topic.pk, destination=f"segment:{fair.pk}", tags="lead, fair", **FAIR)
    question = text(boss.get(url("start", whole.pk)))
    assert "2 addresses are subscribed to “Tips”." in question
    assert "is added to “Met at the fair”" in question and "tags “lead”, “fair”." in question


def test_a_list_goes_into_the_segment_from_whose_page_it_was_begun(boss):
    fair = Segment.objects.create(name="Met at the fair", kind="static")
    ann = Contact.objects.get(pk=by_id_of(boss))
    page = boss.get(url("add"), {"segment": fair.pk})
    form = page.context["form"]
    assert form["destination"].value() == f"segment:{fair.pk}" and form["kind"].value() == "list"
    response = upload(boss, b"who\n1\n99\n", kind="list", destination=f"segment:{fair.pk}")
    whole = Import.objects.latest("pk")
    boss.post(url("columns", whole.pk), as_proposed(response))
    work(clock.now())
    shown = text(boss.get(url("change", whole.pk)))
    assert "Add 1 contact" in shown and "No contact has this id or e-mail." in shown and "line 3: 99" in shown
    boss.post(url("start", whole.pk))
    work(clock.now())
    assert [stay.contact for stay in Membership.objects.filter(segment=fair)] == [ann]


def by_id_of(boss) -> int:
    whole = brought(boss)
    boss.post(url("start", whole.pk))
    work(clock.now())
    return by_id("1").pk


def test_a_list_needs_a_segment_to_go_to(boss):
    response = upload(boss, b"who\n1\n", kind="list")
    whole = Import.objects.get()
    assert "Choose where they are added" in text(boss.post(url("columns", whole.pk), as_proposed(response)))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "The file is empty: choose one with a header and"),
        (b"id,email\n", "The file has a header but no rows below it."),
        (b"PK\x03\x04rest", "The file is an Excel workbook or a ZIP archive"),
        (b'id,email\n1,"ann\n', "A quotation mark that opens in line 2 is never closed"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_where_it_was_chosen(boss, content, sentence):
    response = upload(boss, content)
    assert sentence in text(response) and not Import.objects.exists()


def test_a_file_that_is_too_large_is_refused(boss, monkeypatch):
    monkeypatch.setattr("contacts.import_forms.MAX_BYTES", 10)
    assert "larger than 50 MB; split it." in text(upload(boss))


def test_an_import_is_not_done_twice_nor_mapped_anew(boss):
    whole = brought(boss)
    for _ in range(2):
        boss.post(url("start", whole.pk))
        work(clock.now())
    assert Contact.objects.count() == 2
    response = boss.get(url("columns", whole.pk), follow=True)
    assert "This file has done its duty" in text(response)


def test_stopping_and_deleting_the_file(boss):
    whole = brought(boss)
    boss.post(url("start", whole.pk))
    boss.post(url("cancel", whole.pk))
    work(clock.now())
    assert not Contact.objects.exists() and "Stopped" in text(boss.get(url("change", whole.pk)))
    boss.post(url("forget", whole.pk))
    shown = text(boss.get(url("change", whole.pk)))
    assert "The file was deleted" in shown and "ann@example.com" not in shown
    assert not whole.parts.exists()


def test_what_a_stranger_wrote_into_the_file_is_only_text(boss):
    evil = b'email,<script>alert(1)</script>\nann@example.com,"<img src=x onerror=alert(1)>"\nnobody,<b>\n'
    whole = brought(boss, evil)
    for page in ("columns", "change", "start"):
        shown = boss.get(url(page, whole.pk)).content.decode()
        assert "<script>alert" not in shown and "<img src=x" not in shown


@pytest.mark.parametrize("role", ["", "Analyst", "Engineer"])
def test_who_may_not_import_sees_no_file(log_in, boss, role):
    whole = brought(boss)
    client = log_in(role)
    for page in ("columns", "now", "start", "cancel", "forget", "result", "change"):
        assert client.get(url(page, whole.pk)).status_code == 403, page
    assert client.get(url("add")).status_code == 403
    assert client.post(url("add"), {}).status_code == 403
