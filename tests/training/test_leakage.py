"""What a model has read says nothing of how it does on the rest."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

pytest.importorskip("datasets", reason="needs the train extra: make test-all")
pytest.importorskip("sklearn", reason="needs the train extra: make test-all")

from training.corpus import CorpusError, Row
from training.duplicates import duplicate_groups, near_duplicates
from training.leakage import leaks, main, report, splits
from training.prepare import split_rows

TEXT = "Congratulations @anna, you have won 500 pounds! Claim your prize at https://prize.example/a now"
COPY = "congratulations @bob you have won 900 pounds. Claim your prize at http://other.example/b NOW!!"
OTHER = "The ferry was late again, so we played cards in the waiting room until the harbour lights came on"


def row(text: str, group: str, id_: str = "") -> Row:
    return Row(id=id_ or group, text=text, label="promotional", group=group)


def test_copies_with_other_names_numbers_and_links_are_near_duplicates() -> None:
    assert near_duplicates([TEXT, OTHER], ["something else entirely, said once", COPY]) == [(0, 1)]
    assert near_duplicates([OTHER], [TEXT]) == []
    assert near_duplicates(["thanks!"], ["thanks!"]) == [], "short texts are equal by chance"
    assert near_duplicates([], [TEXT]) == []


def test_copies_and_equal_short_texts_share_a_group() -> None:
    groups = duplicate_groups([TEXT, OTHER, COPY, "ok", "ok", "no"])
    assert groups[0] == groups[2] and groups[3] == groups[4]
    assert len(set(groups)) == 4


def test_leaks_name_the_rows() -> None:
    found = leaks([row(TEXT, "a", "1"), row(OTHER, "shared", "2")], [row(COPY, "b", "3"), row("hi", "shared", "4")])
    assert [(leak.kind, leak.one, leak.other) for leak in found] == [("group", "2", "4"), ("near-duplicate", "1", "3")]


def test_train_keeps_no_copy_of_a_validation_text() -> None:
    rng = random.Random(0)
    said = [" ".join("".join(rng.choices("abcdefghij", k=6)) for _ in range(8)) for _ in range(200)]
    rows = [row(text, f"group {i}") for i, text in enumerate(said + [text.upper() + "!" for text in said[:100]])]
    train, validation = split_rows(rows)
    assert leaks(rows[:200], rows[200:])
    assert not leaks(train, validation)
    assert len(train) > 200 and len(validation) > 10


def test_two_files_that_share_a_text_fail_loudly(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, text in (("train", TEXT), ("test", COPY), ("other", OTHER)):
        (tmp_path / f"{name}.csv").write_text(f'text,author\n"{text}",{name}\n', "utf-8")
    main([tmp_path / "train.csv", tmp_path / "other.csv"])
    with pytest.raises(CorpusError, match="Files share what they must not"):
        main([tmp_path / "train.csv", tmp_path / "other.csv", tmp_path / "test.csv"])
    printed = capsys.readouterr().out
    assert "train.csv, " in printed and "1 near-duplicates" in printed
    assert "Congratulations" not in printed
    with pytest.raises(CorpusError, match="two or more"):
        main([tmp_path / "train.csv"])
    with pytest.raises(CorpusError, match="no column 'writer'"):
        main([tmp_path / "train.csv", tmp_path / "test.csv"], group_column="writer")


@pytest.mark.skipif("SINCERITY_DATA" not in os.environ, reason="SINCERITY_DATA is not set")
def test_no_split_of_ours_leaks() -> None:
    for name, one, other, groups_apart in splits():
        assert report(name, leaks(one, other), groups_apart), name
