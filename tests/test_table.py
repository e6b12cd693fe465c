"""`label_table` on delimited text: a table comes back whole, with the classifier's columns behind it."""

from __future__ import annotations

import csv
import io
import os
import re
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sincerity import Classifier, TableError
from sincerity.job import CHUNK, Options, label_table
from sincerity.summary import Summary

NEW = ["label", "score", "conversational", "promotional", "automated", "certain", "status"]
PERSON = "Lovely to see you last night, did your sister find her scarf?"
SELLER = "Half price on all garden chairs this weekend! Order now at https://chairs.example/sale"


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def read(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", errors="surrogateescape", newline="") as file:
        return list(csv.reader(file, strict=True))


def label(source: Path, target: Path, classifier: Classifier, text_column: str | None = None) -> Summary:
    """Run to the end; the last summary."""
    return list(label_table(source, target, classifier, Options(text_column=text_column)))[-1]


def there(path: Path) -> list[str]:
    """What is in the folder of a file."""
    return sorted(one.name for one in path.parent.iterdir())


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Where to write: a folder with nothing else in it."""
    (tmp_path / "out").mkdir()
    return tmp_path / "out" / "labelled.csv"


# What comes out ------------------------------------------------------------------------------------------------------


def test_the_new_columns_stand_behind_the_old_ones(tmp_path: Path, out: Path, classifier: Classifier) -> None:
    source = write(tmp_path / "in.csv", f'id,text,place\n1,"{PERSON}",Ulm\n2,{SELLER},Bonn\n')
    summary = label(source, out, classifier)
    header, *rows = read(out)
    assert header == ["id", "text", "place", *NEW]
    assert [row[:3] for row in rows] == [["1", PERSON, "Ulm"], ["2", SELLER, "Bonn"]]
    assert [row[3] for row in rows] == ["conversational", "promotional"]
    assert (summary.rows, summary.labels, summary.unread) == (2, {"conversational": 1, "promotional": 1}, 0)


def test_cells_say_what_the_classifier_says(tmp_path: Path, out: Path, classifier: Classifier) -> None:
    texts = [PERSON, SELLER, "It is 14 degrees in Ulm. Updated 09:00. Humidity 60%.", "ok", "Is it tea at four? " * 600]
    source = write(tmp_path / "in.csv", "text\n" + "".join(f'"{text}"\n' for text in texts))
    summary = label(source, out, classifier)
    predictions = classifier.classify(texts)
    for row, prediction in zip(read(out)[1:], predictions, strict=True):
        cells = dict(zip(NEW, row[1:], strict=True))
        assert cells["label"] == prediction.label
        assert cells["status"] == prediction.status
        assert cells["certain"] == ("true" if prediction.certain else "false")
        assert float(cells["score"]) == pytest.approx(prediction.score, abs=2e-4)
        for name, score in prediction.scores.items():
            assert re.fullmatch(r"[01]\.\d{4}", cells[name])
            assert float(cells[name]) == pytest.approx(score, abs=2e-4)
        assert cells["score"] == cells[cells["label"]] == max(cells[name] for name in NEW[2:5])
    assert [row[-1] for row in read(out)[1:]] == ["ok"] * 4 + ["truncated"]
    assert summary.uncertain == sum(not prediction.certain for prediction in predictions)


@pytest.mark.parametrize("text", ["", " ", "\u200b\u2060", "\u3164", "&nbsp;", "\x00"], ids=ascii)
def test_a_text_without_anything_visible_is_blank(text: str, tmp_path: Path, out: Path, classifier: Classifier) -> None:
    source = write(tmp_path / "in.csv", f'id,text\n1,"{text}"\n')
    summary = label(source, out, classifier)
    assert read(out)[1][:2] == ["1", text]
    assert read(out)[1][-2:] == ["false", "blank"]
    assert (summary.rows, summary.statuses, summary.labels, summary.uncertain) == (1, {"blank": 1}, {}, 0)


CELL = st.text(
    st.sampled_from("ab ,;\"'\t\r\n\\\x00é中😀\u200b\ufeff\u2028=") | st.characters(codec="utf-8"), max_size=8
)


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 3).flatmap(lambda n: st.lists(st.lists(CELL, min_size=n + 1, max_size=n + 1), max_size=6)))
def test_every_cell_comes_back_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, classifier: Classifier, rows: list[list[str]]
) -> None:
    folder = tmp_path_factory.mktemp("round")
    width = len(rows[0]) if rows else 1
    names = ["text", "a,b", 'say "hi"', "line\nbreak"][:width]
    with (folder / "in.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, quoting=csv.QUOTE_ALL).writerows([names, *rows])
    summary = label(folder / "in.csv", folder / "out.csv", classifier)
    assert [row[:width] for row in read(folder / "out.csv")] == [names, *rows]
    assert {len(row) for row in read(folder / "out.csv")} == {width + len(NEW)}
    assert summary.rows == len(rows)


@pytest.mark.parametrize("break_", ["\n", "\r\n", "\r", "\n\n", "\u2028"], ids=ascii)
def test_a_line_break_in_quotes_stays(break_: str, tmp_path: Path, out: Path, classifier: Classifier) -> None:
    text = f"Are you coming?{break_}We start at eight"
    source = write(tmp_path / "in.csv", f'text,note\n"{text}","a{break_}b"\nshort,c\n')
    assert label(source, out, classifier).rows == 2
    assert [row[:2] for row in read(out)[1:]] == [[text, f"a{break_}b"], ["short", "c"]]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=ascii)
@pytest.mark.parametrize("last", [True, False], ids=["ended", "open"])
def test_rows_end_in_a_line_feed(end: str, last: bool, tmp_path: Path, out: Path, classifier: Classifier) -> None:
    source = write(tmp_path / "in.csv", end.join(["id,text", "1,hello there", "2,bye then"]) + end * last)
    label(source, out, classifier)
    assert b"\r" not in out.read_bytes()
    assert out.read_bytes().count(b"\n") == 3
    assert [row[:2] for row in read(out)] == [["id", "text"], ["1", "hello there"], ["2", "bye then"]]


@pytest.mark.parametrize("name", ["text", '"text"'])
def test_a_byte_order_mark_is_kept_and_belongs_to_no_name(
    name: str, tmp_path: Path, out: Path, classifier: Classifier
) -> None:
    source = write(tmp_path / "in.csv", f"\ufeff{name},id\nhello there,1\n")
    label(source, out, classifier)
    assert out.read_bytes().startswith(b"\xef\xbb\xbftext,id,label,")
    assert out.read_bytes().count(b"\xef\xbb\xbf") == 1


def test_without_a_byte_order_mark_none_is_added(tmp_path: Path, out: Path, classifier: Classifier) -> None:
    label(write(tmp_path / "in.csv", "text\nhello\n"), out, classifier)
    assert out.read_bytes().startswith(b"text,")


def test_a_short_row_is_filled_up(tmp_path: Path, out: Path, classifier: Classifier) -> None:
    source = write(tmp_path / "in.csv", "id,text,place\n1,hello there\n2\n3,bye then,Ulm\n")
    summary = label(source, out, classifier)
    assert [row[:3] for row in read(out)[1:]] == [["1", "hello there", ""], ["2", "", ""], ["3", "bye then", "Ulm"]]
    assert [row[-1] for row in read(out)[1:]] == ["ok", "ragged", "ok"]
    assert (summary.rows, summary.problems) == (3, [(2, "ragged")])


def test_a_long_row_is_kept_reported_and_not_judged(tmp_path: Path, out: Path, classifier: Classifier) -> None:
    source = write(tmp_path / "in.csv", "id,text\n1,hello there\n2,hello, there,\n3,bye then\n4,a,b,c\n")
    summary = label(source, out, classifier)
    rows = read(out)[1:]
    assert rows[1] == ["2", "hello", "", "", "", "", "", "", "ragged", " there", ""]
    assert rows[3] == ["4", "a", "", "", "", "", "", "", "ragged", "b", "c"]
    assert [row[8] for row in rows] == ["ok", "ragged", "ok", "ragged"]
    assert [row[0] for row in rows] == ["1", "2", "3", "4"]
    assert (summary.rows, summary.problems) == (4, [(2, "ragged"), (4, "ragged")])
    assert sum(summary.labels.values()) == 2


def test_an_empty_line_is_a_row_where_there_is_one_column(tmp_path: Path, out: Path, classifier: Classifier) -> None:
    source = write(tmp_path / "in.csv", "text\nhello\n\nbye\n")
    summary = label(source, out, classifier)
    assert [row[0] for row in read(out)[1:]] == ["hello", "", "bye"]
    assert (summary.rows, summary.statuses) == (3, {"ok": 2, "blank": 1})


def test_nul_characters_stay(tmp_path: Path, out: Path, classifier: Classifier) -> None:
    source = write(tmp_path / "in.csv", b'id,text\n\x001,"hello\x00 there"\n2,bye\x00\n')
    label(source, out, classifier)
    assert [row[:2] for row in read(out)[1:]] == [["\x001", "hello\x00 there"], ["2", "bye\x00"]]


def test_a_huge_cell_stays(tmp_path: Path, out: Path, classifier: Classifier) -> None:
    huge = 'so "good", ' * 20_000
    with (tmp_path / "in.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["id", "text", "note"], ["1", huge, huge], ["2", "hello there", ""]])
    label(tmp_path / "in.csv", out, classifier)
    assert len(huge) > 200_000
    assert read(out)[1][:3] == ["1", huge, huge]
    assert [row[-1] for row in read(out)[1:]] == ["truncated", "ok"]


def test_bytes_that_are_no_utf_8_stay(tmp_path: Path, out: Path, classifier: Classifier) -> None:
    rows = [b"1,hello caf\xe9 there", b'2,"\xff\xfe, \xc3"', b"\x80,good \xf0\x9f\x98\x80"]
    source = write(tmp_path / "in.csv", b"id,text,na\xefve\n" + b"".join(row + b",\xe9\n" for row in rows))
    label(source, out, classifier)
    header, *lines = out.read_bytes().splitlines()
    assert header.startswith(b"id,text,na\xefve,label,")
    assert [line[: len(row) + 3] for line, row in zip(lines, rows, strict=True)] == [row + b",\xe9," for row in rows]
    assert [row[-1] for row in read(out)[1:]] == ["undecodable", "undecodable", "ok"]
    assert [row[-7] for row in read(out)[1:]][:2] == ["", ""]


def test_a_header_alone_gives_a_header(tmp_path: Path, out: Path, classifier: Classifier) -> None:
    for content in ("id,text", "id,text\n", "\n\nid,text\n\n"):
        summary = label(write(tmp_path / "in.csv", content), out, classifier)
        assert out.read_text("utf-8") == ",".join(["id", "text", *NEW]) + "\n"
        assert (summary.rows, summary.labels, summary.uncertain, summary.unread) == (0, {}, 0, 0)


@pytest.mark.parametrize("blank", [3, 2 * CHUNK])
def test_blank_lines_are_no_rows_and_no_end(blank: int, tmp_path: Path, out: Path, classifier: Classifier) -> None:
    source = write(tmp_path / "in.csv", "id,text\n1,hello there\n" + "\n" * blank + "2,bye then\n" + "\n" * blank)
    assert label(source, out, classifier).rows == 2
    assert [row[0] for row in read(out)] == ["id", "1", "2"]


def test_ten_thousand_rows_come_out_row_for_row(tmp_path: Path, out: Path, classifier: Classifier) -> None:
    def text(i: int) -> str:
        return (PERSON, SELLER)[i // 40 % 2] if i % 40 == 0 else "\u200b" * (i % 3)

    with (tmp_path / "in.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([["id", "text", "note"], *([i, text(i), f"line\n{i}"] for i in range(10_000))])
    seen = [summary.rows for summary in label_table(tmp_path / "in.csv", out, classifier)]
    assert seen[-1] == 10_000
    rows = read(out)[1:]
    assert [row[:3] for row in rows] == [[str(i), text(i), f"line\n{i}"] for i in range(10_000)]
    assert [row[-1] for row in rows] == ["blank" if i % 40 else "ok" for i in range(10_000)]
    assert [row[3] for row in rows[::80]] == ["conversational"] * 125
    assert [row[3] for row in rows[40::80]] == ["promotional"] * 125


def test_the_summary_runs_along(tmp_path: Path, out: Path, classifier: Classifier) -> None:
    source = write(tmp_path / "in.csv", "text,id\n" + ",x\n" * (2 * CHUNK + 5))
    seen = [summary.rows for summary in label_table(source, out, classifier)]
    assert seen == [CHUNK, 2 * CHUNK, 2 * CHUNK + 5, 2 * CHUNK + 5]


# Which column --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["text", "full_text", "tweet", "post", "message", "body", "content", "comment"])
def test_a_usual_name_is_guessed(name: str, tmp_path: Path, out: Path, classifier: Classifier) -> None:
    for spelled in (name, name.upper(), f" {name.title()} "):
        label(write(tmp_path / "in.csv", f"id,{spelled},author\n,hello there,\n"), out, classifier)
        assert read(out)[0][1] == spelled
        assert read(out)[1][-1] == "ok"


@pytest.mark.parametrize("name", ["Tweet Content", "message_body", "Post text", "message.text"])
def test_a_longer_name_that_ends_in_a_usual_word_is_guessed(
    name: str, tmp_path: Path, out: Path, classifier: Classifier
) -> None:
    label(write(tmp_path / "in.csv", f"message_id,{name},text_length\n1,hello there,11\n"), out, classifier)
    assert read(out)[1][-1] == "ok"


@pytest.mark.parametrize("header", ["id,author", "body,text", "id,text,Text", "text,text", "tweet text,post text"])
def test_what_is_not_clear_is_not_guessed(header: str, tmp_path: Path, out: Path, classifier: Classifier) -> None:
    source = write(tmp_path / "in.csv", f"{header}\n1,2\n")
    with pytest.raises(TableError, match="does not tell which column is the text") as caught:
        label(source, out, classifier)
    assert f"Columns: {header.replace(',', ', ')}." in str(caught.value)
    assert re.search(r"Choose one with --text-column '[\w ]+'\.", str(caught.value))


def test_a_named_column_is_taken_whatever_its_name(tmp_path: Path, out: Path, classifier: Classifier) -> None:
    source = write(tmp_path / "in.csv", f"text,was ist los?\n,{SELLER}\n")
    label(source, out, classifier, "was ist los?")
    assert read(out)[1][2] == "promotional"
    label(source, out, classifier, "text")
    assert read(out)[1][-1] == "blank"


@pytest.mark.parametrize(
    ("wanted", "likely"), [("texts", "text"), ("Text", "text"), ("TEXT", "text"), ("authr", "author"), ("", "text")]
)
def test_a_missing_column_lists_the_columns_and_suggests_one(
    wanted: str, likely: str, tmp_path: Path, out: Path, classifier: Classifier
) -> None:
    source = write(tmp_path / "in.csv", "id,text,author\n1,hello,ann\n")
    with pytest.raises(TableError) as caught:
        label(source, out, classifier, wanted)
    assert str(caught.value) == (
        f"{source} has no column {wanted!r}. Columns: id, text, author. Choose one with --text-column {likely!r}."
    )


def test_of_columns_of_one_name_the_first_is_read_and_all_are_kept(
    tmp_path: Path, out: Path, classifier: Classifier
) -> None:
    source = write(tmp_path / "in.csv", "text,id,text,id\nhello there,1,,2\n,3,hello there,4\n")
    label(source, out, classifier, "text")
    assert read(out)[0] == ["text", "id", "text", "id", *NEW]
    assert [row[:4] for row in read(out)[1:]] == [["hello there", "1", "", "2"], ["", "3", "hello there", "4"]]
    assert [row[-1] for row in read(out)[1:]] == ["ok", "blank"]


@pytest.mark.parametrize("name", NEW)
def test_a_column_that_is_there_already_is_not_written_over(
    name: str, tmp_path: Path, out: Path, classifier: Classifier
) -> None:
    source = write(tmp_path / "in.csv", f"text,{name}\nhello,1\n")
    with pytest.raises(TableError, match=rf"has the column '{name}' already.*Set our columns apart with --prefix"):
        label(source, out, classifier)
    assert not any(out.parent.iterdir())


# What goes wrong -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("content", ["", "\n", "\r\n\r\n", "\ufeff", "\ufeff\n"], ids=ascii)
def test_an_empty_file_has_no_columns(content: str, tmp_path: Path, out: Path, classifier: Classifier) -> None:
    source = write(tmp_path / "in.csv", content)
    with pytest.raises(TableError, match=r"in\.csv is empty\. Expected: a first row that names the columns\."):
        label(source, out, classifier)
    assert not any(out.parent.iterdir())


@pytest.mark.parametrize("name", ["nowhere.csv", "nowhere/in.csv", "in\0.csv"])
def test_a_source_that_cannot_be_read_is_named(name: str, tmp_path: Path, out: Path, classifier: Classifier) -> None:
    with pytest.raises(TableError, match=f"{name} cannot be read .*or - for standard input"):
        label(tmp_path / name, out, classifier)
    assert not any(out.parent.iterdir())


@pytest.mark.parametrize("name", ["nowhere/labelled.csv", "out"])
def test_a_target_that_cannot_be_written_is_named(name: str, tmp_path: Path, out: Path, classifier: Classifier) -> None:
    source = write(tmp_path / "in.csv", "text\nhello\n")
    with pytest.raises(TableError, match=f"{name} cannot be written .*Choose another place with --output"):
        label(source, tmp_path / name, classifier)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["in.csv", out.parent.name]


def test_the_target_is_replaced_at_the_end_and_not_before(tmp_path: Path, out: Path, classifier: Classifier) -> None:
    source = write(tmp_path / "in.csv", "text,id\n" + ",x\n" * (2 * CHUNK))
    write(out, "the old table")
    run = label_table(source, out, classifier)
    for _ in range(2):
        next(run)
        assert out.read_text() == "the old table"
    assert [summary.rows for summary in run] == [2 * CHUNK]
    assert len(read(out)) == 2 * CHUNK + 1
    assert there(out) == ["labelled.csv", "labelled.csv.provenance.json"]


def test_a_table_can_be_labelled_in_place(tmp_path: Path, classifier: Classifier) -> None:
    table = write(tmp_path / "in.csv", f"text,id\n{SELLER},1\n")
    label(table, table, classifier)
    assert read(table)[1][:3] == [SELLER, "1", "promotional"]


# Pipes ---------------------------------------------------------------------------------------------------------------


def test_a_dash_is_standard_input_and_output(classifier: Classifier, monkeypatch: pytest.MonkeyPatch) -> None:
    read_end, write_end = os.pipe()
    os.write(write_end, b'\xef\xbb\xbftext,id\r\n"hello\r\nthere",\xe91\r\n')
    os.close(write_end)
    written = io.BytesIO()
    with os.fdopen(read_end, encoding="ascii") as stdin, io.TextIOWrapper(written, encoding="ascii") as stdout:
        monkeypatch.setattr(sys, "stdin", stdin)
        monkeypatch.setattr(sys, "stdout", stdout)
        *_, summary = label_table("-", "-", classifier)
        assert written.getvalue().startswith(
            b"\xef\xbb\xbftext,id," + ",".join(NEW).encode() + b'\n"hello\r\nthere",\xe91,'
        )
        assert not stdin.closed
        assert not stdout.closed
    assert summary.rows == 1


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_named_pipes_are_read_from_and_written_to(tmp_path: Path, out: Path, classifier: Classifier) -> None:
    source, received = tmp_path / "in.csv", []
    os.mkfifo(source)
    os.mkfifo(out)
    ends = [
        threading.Thread(target=lambda: write(source, "\ufefftext,id\nhello there,1\n"), daemon=True),
        threading.Thread(target=lambda: received.append(out.read_bytes()), daemon=True),
    ]
    for end in ends:
        end.start()
    assert label(source, out, classifier).rows == 1
    for end in ends:
        end.join(10)
    assert received[0].startswith(b"\xef\xbb\xbftext,id,label,")
    assert out.is_fifo()
    assert there(out) == ["labelled.csv"]


@pytest.mark.parametrize("separator", [";", "\t", "|"])
def test_another_separator_is_seen_and_kept(separator: str, tmp_path: Path, out: Path, classifier: Classifier) -> None:
    cells = [["id", "text", "user"], ["1", "see you at eight, bring cake", "ann"]]
    source = write(tmp_path / "in.csv", "".join(separator.join(row) + "\n" for row in cells))
    label(source, out, classifier)
    with out.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file, delimiter=separator))
    assert [row[:3] for row in rows] == cells
    assert rows[1][-1] == "ok"


def test_a_replaced_target_keeps_its_permissions(tmp_path: Path, out: Path, classifier: Classifier) -> None:
    out.parent.mkdir(exist_ok=True)
    out.touch(0o600)
    label(write(tmp_path / "in.csv", "text\nhello\n"), out, classifier)
    assert out.stat().st_mode & 0o777 == 0o600
