"""Delimited text as people have it: every dialect and encoding, and rows that are broken."""

from __future__ import annotations

import csv
import io
import json
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sincerity import TableError
from sincerity.tables import delimited
from sincerity.tables.inputs import open_table
from sincerity.tables.table import Kind, Row

BADINPUT = Path(os.environ.get("SINCERITY_DATA", "nowhere")).parent / "badinput"
needs_badinput = pytest.mark.skipif(not BADINPUT.is_dir(), reason="the corpora of bad input are not here")


def read(path: Path, **options: str) -> tuple[list[str], list[Row]]:
    with open_table(path, **options) as table:
        return table.header, list(table.rows)


def cells(path: Path, **options: str) -> list[list[str]]:
    header, rows = read(path, **options)
    return [header, *(row.cells for row in rows)]


def found(path: Path, **options: str) -> str:
    with open_table(path, **options) as table:
        return table.found


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ("id,text\n1,a\n", "CSV, separated by commas, utf-8"),
        ("id;text\n1;a, b, c\n", "CSV, separated by semicolons, utf-8"),
        ("id\ttext\n1\ta\n", "CSV, separated by tabs, utf-8"),
        ("id|text\n1|a\n", "CSV, separated by bars, utf-8"),
        ('sep=;\nid;"a,b",text\n1;a\n', "CSV, separated by semicolons, utf-8"),
        ("text\nhello, how are you\n", "CSV, a text a line, utf-8"),
        ('text\n"hello, how are you"\n', "CSV, separated by commas, utf-8"),
        ('id,text\n1,"say \\"hi\\", Ann"\n2,"b"\n', "CSV, separated by commas, quotes behind backslashes, utf-8"),
        ('id,text\n1,"C:\\"\n2,b\n', "CSV, separated by commas, utf-8"),
        ('id\ttext\n1\t"hi" she said\n2\tb\n', "CSV, separated by tabs, no quoting, utf-8"),
        ('id\ttext\n1\t"hi\tthere"\n2\tb\n', "CSV, separated by tabs, utf-8"),
        ("\ufeffid,text\n1,a\n", "CSV, separated by commas, utf-8 with a byte order mark"),
    ],
)
def test_a_dialect_is_found_out(content: str, what: str, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_bytes(content.encode())
    assert found(tmp_path / "in.csv") == what


def test_cells_in_every_dialect(tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    for content, expected in (
        ('sep=;\nid;text\n1;"a;b"\n', ["1", "a;b"]),
        ('id,text\n1,"say \\"hi\\", Ann"\n2,b\n', ["1", 'say "hi", Ann']),
        ('id\ttext\n1\t"hi" she said\n2\tb\n', ["1", '"hi" she said']),
        ("text\nhello, how are you\nbye\n", ["hello, how are you"]),
        ("text\r\nhello, how are you\r\n", ["hello, how are you"]),
    ):
        path.write_bytes(content.encode())
        assert cells(path)[1] == expected


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_an_encoding_is_told_by_its_byte_order_mark(encoding: str, tmp_path: Path) -> None:
    text = "id,text\n1,café 😀 中\n"
    mark = "\ufeff" if encoding.endswith(("le", "be")) else ""
    (tmp_path / "in.csv").write_bytes((mark + text).encode(encoding))
    assert cells(tmp_path / "in.csv") == [["id", "text"], ["1", "café 😀 中"]]


def test_windows_1252_is_guessed_from_its_letters_and_said(tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    lines = ["id;text", "1;Grüße aus Köln", "2;c’est très bien", "3;40 € – naïve “quote”"]
    path.write_bytes("\r\n".join(lines).encode("cp1252"))
    assert cells(path)[1:] == [line.split(";") for line in lines[1:]]
    assert "cp1252 (guessed; --encoding names another)" in found(path)


@pytest.mark.parametrize(
    "content",
    [
        "id,text\n1,caf\xe9\n2,b\n".encode("latin-1"),  # too little to go by
        b"id,text\n1,\xff\n2,\xfe\n3,\xf8\xfd\n",  # unlikely letters
        "1,é\n".encode() + b"2,\xe9\n3,\xe9\n4,\xe9\n",  # UTF-8 with broken rows
        b"id,text\n1,a\n",
    ],
)
def test_what_is_not_clearly_windows_1252_is_read_as_utf_8(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_bytes(content)
    assert found(tmp_path / "in.csv").endswith("utf-8")


@pytest.mark.parametrize(("encoding", "text"), [("cp1251", "привет"), ("shift_jis", "日本"), ("utf-16-le", "é")])
def test_an_encoding_can_be_named(encoding: str, text: str, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_bytes(f"id,text\n1,{text}\n".encode(encoding))
    assert cells(tmp_path / "in.csv", encoding=encoding)[1] == ["1", text]


def test_a_quote_that_never_closes_costs_one_row(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text('id,text\n1,a\n2,"never closed\n3,c\n4,"quoted, well"\n5,e\n')
    _, rows = read(tmp_path / "in.csv")
    assert [row.cells for row in rows] == [
        ["1", "a"],
        ["2", "never closed"],
        ["3", "c"],
        ["4", "quoted, well"],
        ["5", "e"],
    ]
    assert [row.status for row in rows] == ["", "malformed", "", "", ""]


def test_a_quote_that_never_closes_costs_one_row_at_the_end_too(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text('id,text\n1,a\n2,"never closed\n3,c\n')
    assert [(row.cells, row.status) for row in read(tmp_path / "in.csv")[1]] == [
        (["1", "a"], ""),
        (["2", "never closed"], "malformed"),
        (["3", "c"], ""),
    ]


def test_stray_quotes_are_read_as_the_standard_library_does(tmp_path: Path) -> None:
    content = '1,"closed" too early\n2,in "the" middle\n3,5" pipe\n4,"a"b"c"\n'
    (tmp_path / "in.csv").write_text("id,text\n" + content)
    _, rows = read(tmp_path / "in.csv")
    assert [row.cells for row in rows] == list(csv.reader(io.StringIO(content)))
    assert {row.status for row in rows} == {""}


def test_a_cell_that_runs_on_for_ever_does_not_fill_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delimited, "_LONGEST_RECORD", 1000)
    lines = ["id,text", '1,"open', *(f"{i},text {i}" for i in range(2, 1000))]
    (tmp_path / "in.csv").write_text("\n".join(lines))
    rows = read(tmp_path / "in.csv")[1]
    assert [row.status for row in rows] == ["malformed", *[""] * 998]
    assert rows[-1].cells == ["999", "text 999"]


def test_empty_cells_beyond_the_header_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("id,text\n1,a,,,\n2,b\n3,c,,x\n")
    assert [(row.cells, row.surplus, row.status) for row in read(tmp_path / "in.csv")[1]] == [
        (["1", "a"], (), ""),
        (["2", "b"], (), ""),
        (["3", "c"], ["", "x"], "ragged"),
    ]


def test_fifty_thousand_columns(tmp_path: Path) -> None:
    names = [f"c{i}" for i in range(50_000)]
    (tmp_path / "in.csv").write_text(",".join(names) + "\n" + ",".join(["x"] * 50_000) + "\n1\n")
    header, rows = read(tmp_path / "in.csv")
    assert header == names
    assert rows[0].cells == ["x"] * 50_000
    assert rows[1].missing == 49_999
    (tmp_path / "in.csv").write_text("id,text\n" + ",".join(["x"] * 50_000) + "\n")
    assert len(read(tmp_path / "in.csv")[1][0].surplus) == 49_998


@pytest.mark.parametrize("given", ["\\t", "tab", "\t"])
def test_a_separator_can_be_named(given: str, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("id,text\tx\n1,a\tb\n")
    assert cells(tmp_path / "in.csv", separator=given) == [["id,text", "x"], ["1,a", "b"]]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\x1f\x8b\x08", "gunzip -c"),
        (b"SQLite format 3\x00", "sqlite3 -csv -header"),
        (b"\xd0\xcf\x11\xe0rest", "Save the sheet as CSV UTF-8"),
        (b'"id,text\n1,2\n', "a quote is never closed"),
        (b"", "is empty"),
    ],
)
def test_what_is_no_table_is_named_with_its_remedy(content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_bytes(content)
    with pytest.raises(TableError, match=message):
        found(tmp_path / "in.csv")


CELL = st.text(
    st.sampled_from("ab ,;|\"'\t\r\n\\\x00é中😀\u200b\ufeff\u2028=") | st.characters(codec="utf-8"), max_size=8
)


@settings(deadline=None, max_examples=2000, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.integers(0, 3).flatmap(lambda n: st.lists(st.lists(CELL, min_size=n + 1, max_size=n + 1), max_size=6)),
    st.sampled_from(",;\t|"),
    st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
def test_every_cell_is_read_as_it_was_written(
    rows: list[list[str]], separator: str, quoting: int, encoding: str
) -> None:
    names = ["text", "a,b", 'say "hi"', "line\nbreak"][: len(rows[0]) if rows else 1]
    written = io.StringIO(newline="")
    writer = csv.writer(written, delimiter=separator, lineterminator="\r\n", quoting=quoting)
    writer.writerows([names, *rows])
    text = written.getvalue()
    spelled = delimited.detect_encoding(text.encode(encoding))
    lines = delimited.lines(io.BytesIO(text.encode(encoding)), spelled)
    records = delimited.records(lines, delimited.Dialect(separator))
    header, _ = next(records)
    back = list(delimited.rows(records, len(header)))
    assert header == names
    assert [row.cells for row in back] == rows
    assert not any(row.status or row.surplus for row in back)


@needs_badinput
@pytest.mark.parametrize(
    "folder", ["csv-spectrum/csvs", "csv-parser-fixtures/test/fixtures", "commons-csv/src", "csv-injection", "blns"]
)
def test_corpora_of_bad_tables_are_read(folder: str) -> None:
    paths = [path for path in (BADINPUT / folder).rglob("*") if path.suffix in (".csv", ".tsv", ".txt")]
    assert paths
    for path in paths:
        try:
            header, rows = read(path, kind="csv")
        except TableError as error:
            assert path.stat().st_size < 3 or "never closed" in str(error), error
            continue
        assert {len(row.cells) for row in rows} <= {len(header)}


@needs_badinput
def test_csv_spectrum_is_read_as_it_says() -> None:
    for path in sorted((BADINPUT / "csv-spectrum/csvs").glob("*.csv")):
        expected = json.loads((path.parents[1] / "json" / f"{path.stem}.json").read_text())
        header, rows = read(path)
        got = [dict(zip(header, row.cells, strict=True)) for row in rows]
        assert got == expected, path.name


def test_the_kind_of_a_table_is_told_without_a_name(tmp_path: Path) -> None:
    for content, kind in (
        ('{"text": "a"}\n', Kind.JSONL),
        ('[{"text": "a"}]', Kind.JSONL),
        ("id,text\n", Kind.CSV),
        ("id\ttext\n", Kind.TSV),
        ("From: a@b.example\nSubject: x\n\nhello\n", Kind.MAIL),
        ("window.YTD.tweets.part0 = []", Kind.TWITTER),
        ('{"@context": [], "orderedItems": []}', Kind.MASTODON),
    ):
        (tmp_path / "in").write_text(content)
        with open_table(tmp_path / "in") as table:
            assert table.kind is kind
