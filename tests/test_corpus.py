"""Where labelled texts come from, and what keeps train and test apart."""

from __future__ import annotations

import csv
import gzip
import json
import os
from pathlib import Path

import pytest

from training.corpus import (
    CorpusError,
    data_folder,
    file_rows,
    in_validation,
    own_rows,
    read_jsonl,
    research_rows,
    text_id,
    training_rows,
)

needs_data = pytest.mark.skipif("SINCERITY_DATA" not in os.environ, reason="SINCERITY_DATA is not set")


def test_an_unset_data_folder_is_a_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SINCERITY_DATA", raising=False)
    with pytest.raises(CorpusError, match="SINCERITY_DATA is not set"):
        data_folder()
    monkeypatch.setenv("SINCERITY_DATA", "/nowhere/at/all")
    with pytest.raises(CorpusError, match="/nowhere/at/all is not a folder"):
        data_folder()


def test_rows_under_noncommercial_terms_are_never_trained_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    rows = [
        {"id": terms, "text": "a text", "label": "automated", "source": "s", "group": None, "terms": terms}
        for terms in ("open", "noncommercial", "unstated")
    ]
    (tmp_path / "messages").mkdir()
    with gzip.open(tmp_path / "messages" / "train.jsonl.gz", "wt") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
    monkeypatch.setenv("SINCERITY_DATA", str(tmp_path))
    assert [row.terms for row in training_rows() if row.source == "s"] == ["open", "unstated"]
    assert len(training_rows()) == 2 + len(own_rows("train"))


def test_own_texts_keep_template_families_on_one_side() -> None:
    train, test = own_rows("train"), own_rows("test")
    assert len(train) + len(test) >= 300
    assert not {row.group for row in train} & {row.group for row in test}
    assert not {row.id for row in train} & {row.id for row in test}
    for rows in (train, test):
        assert {row.label for row in rows} == {"conversational", "promotional", "automated"}


def test_validation_is_a_fixed_tenth() -> None:
    groups = [f"group {i}" for i in range(5000)]
    share = sum(map(in_validation, groups)) / len(groups)
    assert 0.08 < share < 0.12
    assert [in_validation(group) for group in groups[:6]] == [in_validation(group) for group in groups[:6]]


def test_a_csv_without_the_column_lists_what_it_has(tmp_path: Path) -> None:
    (tmp_path / "my.csv").write_text("a,b\n1,2\n")
    with pytest.raises(CorpusError, match=r"no column 'text'\. Columns: a, b"):
        file_rows(tmp_path / "my.csv", "text", "label")
    with pytest.raises(CorpusError, match="fewer than two labels"):
        file_rows(tmp_path / "my.csv", "a", "b")


@needs_data
def test_ids_name_texts_without_showing_them() -> None:
    for row in research_rows("dev")[:50]:
        assert text_id(row.source, row.text) == row.id


@needs_data
def test_nothing_noncommercial_is_in_the_training_file() -> None:
    assert {row.terms for row in research_rows("train")} <= {"open", "unstated"}


@needs_data
def test_no_group_of_ours_or_text_of_ours_is_in_the_research_data() -> None:
    own = {text_id("", row.text) for split in ("train", "test") for row in own_rows(split)}
    assert not own & {text_id("", row.text) for name in ("train", "dev") for row in research_rows(name)}


def test_sample_rows_are_sixty_or_more() -> None:
    path = Path(__file__).parents[1] / "data" / "sample.csv"
    with path.open(encoding="utf-8", newline="") as file:
        assert len(list(csv.DictReader(file))) >= 60


def test_own_texts_are_lines_of_json_with_text_label_and_family() -> None:
    for split in ("train", "test"):
        path = Path(__file__).parents[1] / "data" / "messages" / f"{split}.jsonl"
        for line in path.read_text("utf-8").splitlines():
            assert json.loads(line).keys() == {"text", "label", "family"}


def test_a_csv_that_is_not_utf_8_or_a_line_that_is_not_json_is_named(tmp_path: Path) -> None:
    (tmp_path / "my.csv").write_bytes("text,label\ncaf\u00e9,a\n".encode("cp1252"))
    with pytest.raises(CorpusError, match=r"my\.csv cannot be read .*UTF-8"):
        file_rows(tmp_path / "my.csv", "text", "label")
    (tmp_path / "rows.jsonl").write_text('{"a": 1}\n{"a": \n')
    with pytest.raises(CorpusError, match=r"rows\.jsonl, line 2 is not JSON"):
        list(read_jsonl(tmp_path / "rows.jsonl"))
