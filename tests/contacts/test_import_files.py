"""Files as they come: each way to write a CSV is read, each thing that is none is refused with one sentence."""

import io

import pytest

from contacts.import_files import MAX_COLUMNS, NotReadable, look, rows

PLAIN = "id;E-Mail;Größe\n1;ann@example.com;groß\n2;ben@example.com;klein\n"


def read(content: bytes):
    file = io.BytesIO(content)
    table = look(file)
    return table, list(rows(file, table))


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16", "utf-16-le", "utf-16-be"], ids=lambda name: name
)
@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"], ids=["unix", "windows", "old mac"])
@pytest.mark.parametrize("delimiter", [";", ",", "\t", "|"], ids=["semicolon", "comma", "tab", "bar"])
def test_encodings_ends_of_line_and_separators_are_told_apart(encoding, ends, delimiter):
    table, lines = read(PLAIN.replace(";", delimiter).replace("\n", ends).encode(encoding))
    assert table.names == ["id", "E-Mail", "Größe"] and table.delimiter == delimiter
    assert lines == [(2, ["1", "ann@example.com", "groß"]), (3, ["2", "ben@example.com", "klein"])]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("email\nann@example.com\n", [(2, ["ann@example.com"])]),
        ("ann@example.com\nben@example.com\n", [(1, ["ann@example.com"]), (2, ["ben@example.com"])]),
        ('a,b\n1,"two\nlines"\n2,x\n', [(2, ["1", "two\nlines"]), (4, ["2", "x"])]),
        ('a,b\n1,"say ""hi"", she said"\n', [(2, ["1", 'say "hi", she said'])]),
        ('a,b\n1,5" pipe\n', [(2, ["1", '5" pipe'])]),
        ("\n\na,b\n\n1,2\n,\n3,4", [(5, ["1", "2"]), (7, ["3", "4"])]),
        ("sep=;\na;b\n1,5;2\n", [(3, ["1,5", "2"])]),
        ("a,b\n1,x\x00y\n", [(2, ["1", "x\x00y"])]),
    ],
    ids=["one column", "no header", "two lines", "quotes", "inches", "blank lines", "excel's hint", "nul"],
)
def test_what_spreadsheets_write_is_read_with_its_lines(text, expected):
    assert read(text.encode())[1] == expected


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "The file is empty"),
        (b" \n\n ", "The file is empty"),
        (b",,\n,,\n", "The file is empty"),
        (b"\xef\xbb\xbf", "The file is empty"),
        (b"id,email\n", "The file has a header but no rows below it."),
        (b"id,email\n,\n\n", "The file has a header but no rows below it."),
        (b'id,email\n1,"ann@example.com\n2,ben@example.com\n', "A quotation mark that opens in line 2 is never closed"),
        (b'id,email\n1,a\n2,"', "A quotation mark that opens in line 3 is never closed"),
        (b'"id,email\n1,a\n', "A quotation mark that opens in line 1 is never closed"),
        (b'id,note\n1,"' + b"x" * 200_000 + b'"\n', "or a cell there has more than 100,000 characters"),
        (b'"' + b"x" * 200_000 + b'",b\n1,2\n', "A cell of the first line is far too long"),
        (b"id,email,ID\n1,2,3\n", "Two columns are called “ID”"),
        (b",".join(b"c%d" % n for n in range(MAX_COLUMNS + 1)) + b"\n1\n", f"keep at most {MAX_COLUMNS}"),
        (b"PK\x03\x04\x14\x00\x06\x00", "an Excel workbook or a ZIP archive"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "an old Excel workbook"),
        (b"%PDF-1.7\n", "a PDF"),
        (b"\x1f\x8b\x08\x00", "a compressed archive"),
        (b"a,b\n\x81\x8d,\x90\n", "neither UTF-8, UTF-16 nor Windows-1252"),
        (b"\xff\xfea\x00,\x00b\x00\n\x00\x00\xd8", "neither UTF-8, UTF-16 nor Windows-1252"),
        (b"GIF89a" + b"\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09" * 30, "The file is not text"),
    ],
    ids=lambda value: "" if isinstance(value, bytes) else value[:40],
)
def test_what_is_no_table_is_refused_with_one_sentence(content, sentence):
    with pytest.raises(NotReadable) as refused:
        read(content)
    assert sentence in str(refused.value) and str(refused.value).endswith(".") and "\n" not in str(refused.value)


def test_more_rows_than_a_million_are_refused(monkeypatch):
    monkeypatch.setattr("contacts.import_files.MAX_ROWS", 2)
    with pytest.raises(NotReadable, match="more than 2 rows; split it"):
        read(b"id\n1\n2\n3\n")


def test_a_row_of_a_hundred_thousand_cells_is_cut_short():
    _, [(_, cells)] = read(b"a,b\n" + b"," * 100_000 + b"x\n")
    assert len(cells) == MAX_COLUMNS + 1
