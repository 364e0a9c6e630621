"""What a cell is read as, and what a column is taken for."""

from zoneinfo import ZoneInfo

import pytest

from contacts.import_guesses import attribute_name, describe
from contacts.import_types import TYPES, Unreadable

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("kind", "cell", "value"),
    [
        ("text", "007", "007"),
        ("number", "12", 12),
        ("number", "-12.50", -12.5),
        ("number", "1,234.5", 1234.5),
        ("number", "1 234", 1234),
        ("number", "1e3", 1000),
        ("number", "12.00", 12),
        ("number_comma", "1.234,5", 1234.5),
        ("number_comma", "12,50", 12.5),
        ("yes_no", "YES", True),
        ("yes_no", "nein", False),
        ("yes_no", "0", False),
        ("date", "2026-02-28", "2026-02-28"),
        ("date", "2026-07-01 12:00", "2026-07-01T10:00:00+00:00"),
        ("date", "2026-07-01T12:00:00Z", "2026-07-01T12:00:00+00:00"),
        ("date_dmy", "28.2.2026", "2026-02-28"),
        ("date_dmy", "01/02/2026", "2026-02-01"),
        ("date_dmy", "01.07.2026 12:00", "2026-07-01T10:00:00+00:00"),
        ("date_mdy", "02/28/2026", "2026-02-28"),
        ("date_unix", "1700000000", "2023-11-14T22:13:20+00:00"),
        ("date_unix", "1700000000000", "2023-11-14T22:13:20+00:00"),
        ("list", "a; b|a,,c", ["a", "b", "c"]),
    ],
)
def test_a_cell_becomes_a_value(kind, cell, value):
    found = TYPES[kind].read(cell, BERLIN)
    assert found == value and type(found) is type(value)


@pytest.mark.parametrize(
    ("kind", "cell"),
    [
        *(("number", cell) for cell in ("many", "1.2.3", "1,23", "nan", "inf", "1e999", "٣", "9" * 30, "$5", "")),
        *(("number_comma", cell) for cell in ("1,234.5", "1,2,3", "x")),
        *(("yes_no", cell) for cell in ("maybe", "2", "")),
        *(("date", cell) for cell in ("2026-02-30", "28.02.2026", "20260228", "0001-01-01 00:00+14:00", "soon")),
        *(("date_dmy", cell) for cell in ("31.02.2026", "2/28/2026", "1.1.26", "1.1-2026")),
        *(("date_mdy", cell) for cell in ("28/02/2026", "02.28.2026")),
        *(("date_unix", cell) for cell in ("12", "17000000000000", "yesterday")),
        ("list", ",".join(map(str, range(201)))),
    ],
)
def test_what_is_not_of_the_type_is_not_guessed_at(kind, cell):
    with pytest.raises(Unreadable):
        TYPES[kind].read(cell, BERLIN)


@pytest.mark.parametrize(
    ("header", "values", "expected"),
    [
        ("User ID", ["7", "8"], ("user_id", "text")),
        ("E-Mail", ["nobody"], ("email", "text")),
        ("Kontakt", ["ann@example.com", "ben@example.com"], ("email", "text")),
        ("Zone", ["Europe/Paris", "UTC"], ("timezone", "text")),
        ("Labels", ["a,b"], ("tags", "text")),
        ("Visits", ["3", "1,200"], ("attribute", "number")),
        ("Umsatz", ["3,50", "1.200,00"], ("attribute", "number_comma")),
        ("Paid", ["yes", "no"], ("attribute", "yes_no")),
        ("Flag", ["0", "1"], ("attribute", "number")),
        ("Born", ["2001-02-03"], ("attribute", "date")),
        ("Born", ["13.02.2001"], ("attribute", "date_dmy")),
        ("Born", ["02/13/2001"], ("attribute", "date_mdy")),
        ("Born", ["13/02/2001", "01/02/2001"], ("attribute", "date_dmy")),
        ("Zip code", ["10115"], ("attribute", "text")),
        ("Branch", ["0123", "4567"], ("attribute", "text")),
        ("Phone", ["4930123456"], ("attribute", "text")),
        ("Name", ["3", "Ann"], ("attribute", "text")),
        ("Nothing", ["", " "], ("skip", "text")),
    ],
)
def test_a_column_is_taken_for_what_it_most_likely_is(header, values, expected):
    [column] = describe([header], [(n, [value]) for n, value in enumerate(values)])
    assert (column["use"], column["type"]) == expected


def test_only_one_column_is_the_id_or_the_address():
    columns = describe(["id", "email", "Billing e-mail", "uid"], [(2, ["1", "a@b.co", "c@d.co", "9"])])
    assert [column["use"] for column in columns] == ["user_id", "email", "attribute", "attribute"]


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("First Name", "first_name"),
        ("firstName", "first_name"),
        ("Größe (cm)", "größe_cm"),
        ("subscription.plan", "subscription.plan"),
        ("..", "column"),
        ("email", "email_"),
        ("LTV €", "ltv"),
    ],
)
def test_a_header_becomes_the_name_of_an_attribute(header, name):
    assert attribute_name(header) == name
