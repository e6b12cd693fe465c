"""What the batch job writes: every format from every other, all cells as they were, and only what was asked for."""

from __future__ import annotations

import csv
import json
import os
import re
from collections.abc import Generator, Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import pytest
import sources
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sources import BIG_ID, PERSON, SELLER

from sincerity import Classifier, Prediction, TableError
from sincerity.job import Options, label_table, preview
from sincerity.summary import Summary

NEW = ["label", "score", "conversational", "promotional", "automated", "certain", "status"]
LETTERS = ["label", "score", "short", "long", "certain", "status"]


class Lengths:
    """A classifier that takes no time: a text is short or long."""

    name, labels, threshold, folder = "lengths", ("short", "long"), 0.5, Path(__file__).parent
    models = ("lengths",)

    def classify(self, texts: Iterable[str], *, explain: bool = False) -> list[Prediction]:
        return [self._judge(text) for text in texts]

    def stream_batches(
        self, batches: Iterable[Sequence[str]], *, explain: bool = False
    ) -> Generator[list[Prediction], None, None]:
        for texts in batches:
            yield [self._judge(text) for text in texts]

    def _judge(self, text: str) -> Prediction:
        score = min(len(text), 9) / 10
        scores = {"short": 1 - score, "long": score}
        label = max(scores, key=scores.__getitem__)
        return Prediction(label=label, score=max(scores.values()), scores=scores, certain=True, model=self.name)


TOY = cast(Classifier, Lengths())


def label(source: Path, target: Path, classifier: Classifier = TOY, **options: Any) -> Summary:
    return list(label_table(source, target, classifier, Options(**options)))[-1]


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def read_csv(path: Path, separator: str = ",") -> list[list[str]]:
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        return list(csv.reader(file, delimiter=separator, strict=True))


def read_jsonl(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().split(b"\n") if line]


def read_parquet(path: Path) -> list[dict[str, Any]]:
    parquet = pytest.importorskip("pyarrow.parquet", reason="needs the tables extra")
    return list(parquet.read_table(path).to_pylist())


@pytest.fixture
def table(tmp_path: Path) -> Path:
    return write(tmp_path / "in.csv", f'id,text,note\n{BIG_ID},"{PERSON}",=1+1\n007,"{SELLER}",é\n3,,\n')


def test_csv_becomes_json_lines_and_parquet_with_strings_as_they_were(table: Path, classifier: Classifier) -> None:
    pytest.importorskip("pyarrow", reason="needs the tables extra")
    for name, read in (("out.jsonl", read_jsonl), ("out.parquet", read_parquet)):
        label(table, table.with_name(name), classifier)
        rows = read(table.with_name(name))
        assert [[row["id"], row["text"], row["note"]] for row in rows] == [
            [BIG_ID, PERSON, "=1+1"],
            ["007", SELLER, "é"],
            ["3", "", ""],
        ]
        assert [row["label"] for row in rows[:2]] == ["conversational", "promotional"]
        assert [row["status"] for row in rows] == ["ok", "ok", "blank"]
        assert [type(row[key]) for row in rows[:1] for key in NEW] == [str, float, float, float, float, bool, str]
        assert rows[0]["score"] == rows[0]["conversational"] == round(rows[0]["score"], 4)


def test_the_name_of_the_output_says_its_format_unless_it_is_given(table: Path) -> None:
    label(table, table.with_name("out.tsv"))
    assert read_csv(table.with_name("out.tsv"), "\t")[1][:3] == [BIG_ID, PERSON, "=1+1"]
    label(table, table.with_name("out.txt"))
    assert read_csv(table.with_name("out.txt"))[1][:3] == [BIG_ID, PERSON, "=1+1"]
    label(table, table.with_name("other.txt"), format="jsonl")
    assert read_jsonl(table.with_name("other.txt"))[0]["id"] == BIG_ID
    label(table.with_name("out.tsv"), table.with_name("back.csv"), prefix="b_")
    assert read_csv(table.with_name("back.csv"))[1][:3] == [BIG_ID, PERSON, "=1+1"]


def test_objects_of_json_lines_are_kept_to_the_letter(tmp_path: Path) -> None:
    lines = [
        '{"text": "hello", "n": 1.10, "big": 12345678901234567890123, "deep": {"a": [1, null]}}',
        '  {"text" : "caf\\u00e9 \\ud83d", "twice": 1, "twice": 2 }  ',
        '{"text": 12, "note": "é"}',
        '{"other": true}',
        "{}",
    ]
    label(write(tmp_path / "in.jsonl", "\n".join(lines)), tmp_path / "out.jsonl")
    written = (tmp_path / "out.jsonl").read_text("utf-8").splitlines()
    for line, out in zip(lines, written, strict=True):
        assert out.startswith(line.strip()[:-1].rstrip())
        assert list(json.loads(out))[-len(LETTERS) :] == LETTERS


def test_json_lines_become_csv_with_every_key_a_column(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="needs the tables extra")
    lines = [*(json.dumps({"text": "hello", "id": i}) for i in range(1200)), '{"text": null, "late": [1, {"a": "é"}]}']
    write(tmp_path / "in.jsonl", "\n".join(lines))
    label(tmp_path / "in.jsonl", tmp_path / "out.csv")
    rows = read_csv(tmp_path / "out.csv")
    assert rows[0] == ["text", "id", "late", *LETTERS]
    assert rows[1200][:3] == ["hello", "1199", ""]
    assert rows[1201][:3] == ["", "", '[1, {"a": "é"}]']
    label(tmp_path / "in.jsonl", tmp_path / "out.parquet")
    assert read_parquet(tmp_path / "out.parquet")[1200]["late"] == '[1, {"a": "é"}]'
    assert read_parquet(tmp_path / "out.parquet")[1200]["text"] is None


def test_a_line_that_is_no_object_is_kept_and_said(tmp_path: Path) -> None:
    bad = ['{"text": "never closed', "[1, 2]", "12", "nonsense", "[" * 100_000, "1" * 5000]
    write(tmp_path / "in.jsonl", '{"text": "hello"}\n' + "\n".join(bad) + '\n{"text": "bye"}\n')
    for name in ("out.jsonl", "out.csv"):
        summary = label(tmp_path / "in.jsonl", tmp_path / name)
        assert summary.statuses == {"ok": 2, "malformed": len(bad)}
        assert summary.problems == [(i, "malformed") for i in range(2, 2 + len(bad))]
    rows = read_jsonl(tmp_path / "out.jsonl")
    assert [row["surplus"] for row in rows[1:-1]] == [[line] for line in bad]
    assert rows[1]["label"] is None
    assert [row[-1] for row in read_csv(tmp_path / "out.csv")[2:-1]] == bad


def test_a_json_array_is_read_too(tmp_path: Path) -> None:
    rows = [{"text": "hello", "id": i} for i in range(3)]
    for indent in (None, 2):
        write(tmp_path / "in.json", json.dumps(rows, indent=indent))
        label(tmp_path / "in.json", tmp_path / "out.jsonl")
        assert [row["id"] for row in read_jsonl(tmp_path / "out.jsonl")] == [0, 1, 2]


def test_a_parquet_table_keeps_its_types(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow", reason="needs the tables extra")
    parquet = pytest.importorskip("pyarrow.parquet")
    when = datetime(2020, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
    columns = {
        "text": pa.array(["hello", None, "see you there"]),
        "id": pa.array([2**62 + 1, None, 3], pa.int64()),
        "when": pa.array([when, None, when], pa.timestamp("us", "UTC")),
        "price": pa.array([Decimal("1.10"), None, Decimal("2.00")]),
        "tags": pa.array([["a", "b"], None, []]),
        "nested": pa.array([{"a": 1}, None, {"a": None}]),
        "kind": pa.array(["x", "y", "x"]).dictionary_encode(),
        "raw": pa.array([b"\xff\x00", None, b"a"]),
        "ratio": pa.array([0.1, float("nan"), None]),
    }
    parquet.write_table(pa.table(columns), tmp_path / "in.parquet")
    label(tmp_path / "in.parquet", tmp_path / "out.parquet")
    back = parquet.read_table(tmp_path / "out.parquet")
    for name, column in columns.items():
        plain = column.dictionary_decode() if name == "kind" else column
        assert back[name].type == plain.type
        assert back[name].combine_chunks().equals(plain) or name == "ratio"
    assert str(back["ratio"].to_pylist()) == "[0.1, nan, None]"
    assert back.column_names[-len(LETTERS) :] == LETTERS
    label(tmp_path / "in.parquet", tmp_path / "out.csv")
    rows = read_csv(tmp_path / "out.csv")
    assert rows[1][:5] == ["hello", str(2**62 + 1), "2020-01-02 03:04:05.678901Z", "1.10", '["a", "b"]']
    assert rows[2][:3] == ["", "", ""]
    label(tmp_path / "in.parquet", tmp_path / "out.jsonl")
    assert read_jsonl(tmp_path / "out.jsonl")[0]["id"] == 2**62 + 1
    label(tmp_path / "in.parquet", tmp_path / "long.parquet", only=("long",), columns=("id", "label"))
    assert read_parquet(tmp_path / "long.parquet") == [{"id": 3, "label": "long"}]


@pytest.mark.parametrize("content", [b"PAR1", b"PAR1 and nothing else PAR1"])
def test_a_damaged_parquet_file_is_named(content: bytes, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="needs the tables extra")
    with pytest.raises(TableError, match=r"in\.parquet is no Parquet file that can be read"):
        label(write(tmp_path / "in.parquet", content), tmp_path / "out.csv")


def test_surplus_cells_have_a_place_in_every_format(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="needs the tables extra")
    write(tmp_path / "in.csv", "id,text\n1,hello, there\n2,bye\n")
    for name, read in (("out.jsonl", read_jsonl), ("out.parquet", read_parquet)):
        label(tmp_path / "in.csv", tmp_path / name)
        rows = read(tmp_path / name)
        surplus = rows[0]["surplus"]
        assert (json.loads(surplus) if isinstance(surplus, str) else surplus) == [" there"]
        assert (rows[0]["label"], rows[0]["status"], rows[0]["text"]) == (None, "ragged", "hello")
        assert rows[1].get("surplus") is None


def test_columns_of_one_name_get_numbers_where_names_are_keys(tmp_path: Path) -> None:
    write(tmp_path / "in.csv", "text,a,a,a_2\nhello,1,2,3\n")
    label(tmp_path / "in.csv", tmp_path / "out.jsonl")
    row = read_jsonl(tmp_path / "out.jsonl")[0]
    assert [row["a"], row["a_2"], row["a_3"]] == ["1", "3", "2"]


def test_bytes_that_are_no_characters_are_kept_in_every_format(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="needs the tables extra")
    write(tmp_path / "in.csv", "id,text\n1,good é\n2,bad ".encode() + b"\xe9\n")
    assert label(tmp_path / "in.csv", tmp_path / "out.csv").statuses == {"ok": 1, "undecodable": 1}
    assert b"2,bad \xe9," in (tmp_path / "out.csv").read_bytes()
    label(tmp_path / "in.csv", tmp_path / "out.jsonl")
    assert read_jsonl(tmp_path / "out.jsonl")[1]["text"] == "bad \udce9"
    label(tmp_path / "in.csv", tmp_path / "out.parquet")
    assert read_parquet(tmp_path / "out.parquet")[1]["text"] == "bad \\xe9"
    write(tmp_path / "in.jsonl", '{"text": "half \\ud83d"}\n')
    label(tmp_path / "in.jsonl", tmp_path / "half.csv")
    assert read_csv(tmp_path / "half.csv")[1][0] == "half \\ud83d"


def test_a_prefix_keeps_names_apart(tmp_path: Path) -> None:
    write(tmp_path / "in.csv", "text,label,score\nhello,mine,5\n")
    with pytest.raises(TableError, match=r"has the column 'label' already\..*--prefix"):
        label(tmp_path / "in.csv", tmp_path / "out.csv")
    label(tmp_path / "in.csv", tmp_path / "out.csv", prefix="our_")
    assert read_csv(tmp_path / "out.csv")[0] == ["text", "label", "score", *(f"our_{name}" for name in LETTERS)]
    write(tmp_path / "in.jsonl", '{"text": "a"}\n' * 2000 + '{"text": "b", "label": 1}\n')
    with pytest.raises(TableError, match=r"has the key 'label' already\..*--prefix"):
        label(tmp_path / "in.jsonl", tmp_path / "out.jsonl")
    assert not (tmp_path / "out.jsonl.part").exists()


def test_chosen_columns_stand_in_the_order_asked_for(table: Path) -> None:
    label(table, table.with_name("out.csv"), columns=("label", "id"))
    assert read_csv(table.with_name("out.csv")) == [["label", "id"], ["long", BIG_ID], ["long", "007"], ["short", "3"]]
    label(table, table.with_name("out.jsonl"), columns=("label", "id"))
    assert read_jsonl(table.with_name("out.jsonl"))[0] == {"label": "long", "id": BIG_ID}
    with pytest.raises(TableError, match=r"--columns names 'Label', which is none of the columns id, text, note"):
        label(table, table.with_name("out.csv"), columns=("Label",))


def test_rows_can_be_filtered_by_label_and_score(table: Path, classifier: Classifier) -> None:
    summary = label(table, table.with_name("out.csv"), classifier, only=("conversational",))
    assert [row[0] for row in read_csv(table.with_name("out.csv"))[1:]] == [BIG_ID]
    assert (summary.rows, summary.written) == (3, 1)
    label(table, table.with_name("out.csv"), classifier, only=("conversational", "promotional"), min_score=0.999)
    assert read_csv(table.with_name("out.csv"))[1:] == []
    with pytest.raises(TableError, match=r"'spam' is no label of .*Expected: conversational, promotional, automated"):
        label(table, table.with_name("out.csv"), classifier, only=("spam",))


def test_cells_that_a_spreadsheet_would_run_are_made_safe_on_request(tmp_path: Path) -> None:
    dangerous = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"]
    with (tmp_path / "in.csv").open("w", newline="") as file:
        csv.writer(file, quoting=csv.QUOTE_ALL).writerows([["text", "=x"], *([cell, "a=b"] for cell in dangerous)])
    label(tmp_path / "in.csv", tmp_path / "out.csv")
    assert [row[0] for row in read_csv(tmp_path / "out.csv")[1:]] == dangerous
    label(tmp_path / "in.csv", tmp_path / "out.csv", safe_csv=True)
    rows = read_csv(tmp_path / "out.csv")
    assert rows[0][1] == "'=x"
    assert [row[0] for row in rows[1:]] == [f"'{cell}" for cell in dangerous]
    assert {row[1] for row in rows[1:]} == {"a=b"}
    with pytest.raises(TableError, match="--safe-csv is for CSV and TSV"):
        label(tmp_path / "in.csv", tmp_path / "out.jsonl", safe_csv=True)


def test_a_header_alone_gives_an_output_without_rows(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="needs the tables extra")
    write(tmp_path / "in.csv", "id,text\n")
    for name, read in (("out.jsonl", read_jsonl), ("out.parquet", read_parquet)):
        assert label(tmp_path / "in.csv", tmp_path / name).rows == 0
        assert read(tmp_path / name) == []
    assert label(tmp_path / "out.parquet", tmp_path / "back.csv", prefix="b_").rows == 0


BADINPUT = Path(os.environ.get("SINCERITY_DATA", "nowhere")).parent / "badinput"
needs_badinput = pytest.mark.skipif(not BADINPUT.is_dir(), reason="the corpora of bad input are not here")


@needs_badinput
def test_no_payload_of_the_corpus_is_left_to_run(tmp_path: Path) -> None:
    payloads = [
        line
        for path in sorted((BADINPUT / "csv-injection").rglob("*.txt"))
        for line in path.read_text("utf-8", "replace").splitlines()
        if line.strip()
    ]
    with (tmp_path / "in.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, quoting=csv.QUOTE_ALL).writerows([["text"], *([line] for line in payloads)])
    label(tmp_path / "in.csv", tmp_path / "out.csv", safe_csv=True)
    for payload, row in zip(payloads, read_csv(tmp_path / "out.csv")[1:], strict=True):
        assert row[0] in (payload, f"'{payload}")
        assert not row[0].startswith(("=", "+", "-", "@", "\t", "\r"))


@needs_badinput
@pytest.mark.parametrize("name", ["blns/blns.txt", "utf8tests/utf8tests.txt"])
def test_naughty_lines_come_back_byte_for_byte(name: str, tmp_path: Path) -> None:
    lines = [line.replace(b"\r", b"") for line in (BADINPUT / name).read_bytes().split(b"\n")]
    source = b"id,text\n" + b"".join(b'%d,"%s"\n' % (i, line.replace(b'"', b'""')) for i, line in enumerate(lines))
    summary = label(write(tmp_path / "in.csv", source), tmp_path / "out.csv")
    assert summary.rows == len(lines)
    rows = read_csv(tmp_path / "out.csv")[1:]
    assert [row[1].encode("utf-8", "surrogateescape") for row in rows] == lines


@needs_badinput
def test_every_file_of_the_json_corpus_is_read_or_refused_by_name(tmp_path: Path) -> None:
    for path in sorted((BADINPUT / "JSONTestSuite/test_parsing").glob("*.json")):
        content = path.read_bytes().replace(b"\n", b" ")
        write(tmp_path / "in.jsonl", b'{"text": "first"}\n' + content + b'\n{"text": "last"}\n')
        summary = label(tmp_path / "in.jsonl", tmp_path / "out.csv")
        assert summary.rows == 2 + bool(content.strip(b" \t\r\xef\xbb\xbf") or b"\xbb" in content), path.name
        try:
            label(path, tmp_path / "whole.jsonl", kind="jsonl", text_column="text")
        except TableError as error:
            assert re.search(r"Expected: JSON lines|has no column 'text'", str(error)), path.name


@pytest.mark.parametrize(
    ("files", "texts"),
    [
        (sources.TWITTER_2023, 8), (sources.TWITTER_2019, 3), (sources.TWITTER_2014, 2), (sources.TWITTER_CSV, 2),
        (sources.LINKEDIN, 4), (sources.MASTODON, 4), ({"in.mbox": sources.MBOX}, 3), ({"a.eml": sources.REPLY}, 1),
    ],
    ids=["twitter", "twitter 2019", "twitter months", "twitter csv", "linkedin", "mastodon", "mbox", "eml"],
)  # fmt: skip
def test_an_archive_of_each_kind_is_labelled_end_to_end(
    files: dict[str, str], texts: int, tmp_path: Path, classifier: Classifier
) -> None:
    archive = sources.write_zip(tmp_path / "archive.zip", files)
    summary = label(archive, tmp_path / "out.csv", classifier)
    header, *rows = read_csv(tmp_path / "out.csv")
    assert header == ["id", "author", "created_at", "in_reply_to", "client", "channel", "text", *NEW]
    assert (summary.rows, len(rows), summary.unread) == (texts, texts, 0)
    for row in rows:
        if row[6] == PERSON:
            assert row[7] == "conversational"
        if row[6] == SELLER:
            assert row[7] == "promotional"
        assert row[-1] == ("ok" if row[6] else "blank")
    folder = sources.write_folder(tmp_path / "folder", files)
    label(folder, tmp_path / "folder.csv", classifier)
    assert (tmp_path / "folder.csv").read_bytes() == (tmp_path / "out.csv").read_bytes()


def test_a_preview_writes_nothing(table: Path) -> None:
    seen = preview(table, table.with_name("out.parquet"), TOY, Options())
    assert (seen.found, seen.text_column, seen.format) == ("CSV, separated by commas, utf-8", "text", "parquet")
    assert seen.columns == ["id", "text", "note", *LETTERS]
    assert [text for text, _ in seen.rows] == [PERSON, SELLER, ""]
    assert sorted(path.name for path in table.parent.iterdir()) == ["in.csv"]


def test_the_provenance_says_what_made_the_output(table: Path) -> None:
    label(table, table.with_name("out.csv"), prefix="p_")
    note = json.loads(table.with_name("out.csv.provenance.json").read_text("utf-8"))
    assert note["tool"].startswith("sincerity ")
    assert (note["model"]["name"], note["model"]["threshold"]) == ("lengths", 0.5)
    assert note["options"]["prefix"] == "p_"
    assert note["input"]["name"] == "in.csv"
    assert len(note["input"]["sha256"]) == 64
    assert (note["rows"], note["labels"]) == (3, {"long": 2, "short": 1})


def test_errors_has_every_row_that_could_not_be_read(tmp_path: Path) -> None:
    bad = {5: "5,a,b\n", 40: '40,"open\n', 41: "41\n"}
    rows = "".join(bad.get(i, f"{i},text\n") for i in range(1, 60))
    write(tmp_path / "in.csv", "id,text\n" + rows)
    label(tmp_path / "in.csv", tmp_path / "out.csv", errors=str(tmp_path / "errors.csv"))
    assert (tmp_path / "errors.csv").read_text() == "row,status\n5,ragged\n40,malformed\n41,ragged\n"
    assert [row[0] for row in read_csv(tmp_path / "out.csv")[1:]] == [str(i) for i in range(1, 60)]


CELL = st.text(
    st.sampled_from("ab ,;|\"'\t\r\n\\\x00é中😀\u200b\ufeff\u2028=") | st.characters(codec="utf-8"), max_size=8
)


@settings(deadline=None, max_examples=2000, suppress_health_check=list(HealthCheck))
@given(
    rows=st.integers(0, 3).flatmap(lambda n: st.lists(st.lists(CELL, min_size=n + 1, max_size=n + 1), max_size=6)),
    separator=st.sampled_from(",;\t|"),
    quoting=st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    form=st.sampled_from(["csv", "csv", "tsv", "jsonl"]),
)
def test_every_cell_comes_back_as_it_was_in_every_dialect(
    rows: list[list[str]],
    separator: str,
    quoting: int,
    encoding: str,
    form: str,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "fsync", lambda handle: None)  # nobody pulls the plug here
    folder = tmp_path_factory.getbasetemp()
    names = ["text", "a,b", 'say "hi"', "line\nbreak"][: len(rows[0]) if rows else 1]
    source, target = folder / "in.csv", folder / f"out.{form}"
    with source.open("w", encoding=encoding, newline="") as file:
        csv.writer(file, delimiter=separator, quoting=quoting).writerows([names, *rows])
    assert label(source, target, text_column="text", separator=separator).rows == len(rows)
    if form == "jsonl":
        back = [list(row.values()) for row in read_jsonl(target)]
    else:
        header, *back = read_csv(target, "\t" if form == "tsv" else separator)
        assert header == [*names, *LETTERS]
    assert [row[: len(names)] for row in back] == rows
    assert {len(row) for row in back} <= {len(names) + len(LETTERS)}
