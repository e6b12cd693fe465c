"""Folds are apart, and what is done is not done again."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

pytest.importorskip("evaluate", reason="needs the train extra: make test-all")
pytest.importorskip("sklearn", reason="needs the train extra: make test-all")

from benchmarks import folds, generalisation
from benchmarks.folds import Fold
from sincerity import Classifier
from training.corpus import Row

LABELS = ("conversational", "promotional", "automated")
ROWS = [
    Row(id=f"{i}", text=f"text {i}", label=LABELS[i % 3], source="s", group=f"g{i}", terms="open") for i in range(90)
]


@pytest.fixture
def fold(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Fold:
    def right(fold: Fold) -> list[str]:
        calls.append(fold.name)
        return [row.label for row in fold.test]

    calls: list[str] = []
    monkeypatch.setattr(generalisation, "FOLDS", tmp_path / "folds")
    monkeypatch.setattr(generalisation, "RESULTS", tmp_path)
    monkeypatch.setattr(
        generalisation, "SYSTEMS", {"linear": lambda f: ["automated"] * len(f.test), "fine-tuned": right}
    )
    fold = Fold(name="date/old-to-new", train=ROWS[:60], test=ROWS[60:])
    monkeypatch.setattr(generalisation, "folds", lambda: [fold])
    monkeypatch.setattr(generalisation, "calls", calls, raising=False)
    return fold


def test_a_fold_is_computed_once_and_again_only_when_its_rows_change(fold: Fold, tmp_path: Path) -> None:
    for _ in range(2):
        generalisation.main()
    assert generalisation.calls == [fold.name]
    assert generalisation.said(fold, "fine-tuned") == [row.label for row in fold.test]
    other = Fold(name=fold.name, train=ROWS[:59], test=ROWS[60:])
    assert generalisation.said(other, "fine-tuned") is None
    dates = json.loads((tmp_path / "generalisation.json").read_text())["dates"]["date/old-to-new"]
    assert dates["fine-tuned"]["macro_f1"] == 1
    assert dates["linear"]["accuracy"] == pytest.approx(1 / 3, abs=1e-3)
    assert dates["gain"]["interval"][0] > 0.5


def test_what_a_killed_run_leaves_is_not_taken_for_a_result(fold: Fold) -> None:
    path = generalisation.FOLDS / "date" / "old-to-new.fine-tuned.part"
    path.parent.mkdir(parents=True)
    path.write_text('{"about": ')
    generalisation.main()
    assert generalisation.calls == [fold.name]


def test_a_summary_says_how_much_of_it_is_done(fold: Fold, classifier: Classifier) -> None:
    found = generalisation.summary([fold], classifier)
    assert found["done"] == "0 of 1 folds"
    assert found["dates"] == {} and found["sources"] == []


@pytest.mark.skipif("SINCERITY_DATA" not in os.environ, reason="SINCERITY_DATA is not set")
def test_folds_of_the_research_data_are_apart() -> None:
    seen = set()
    for fold in folds.folds():
        assert fold.name not in seen
        seen.add(fold.name)
        assert not {row.id for row in fold.train} & {row.id for row in fold.test}
        kind = fold.name.partition("/")[0]
        if kind == "source":
            assert not {row.source for row in fold.train} & {row.source for row in fold.test}
        if kind in ("grouped", "date"):
            assert not {row.group for row in fold.train} & {row.group for row in fold.test}
        assert not any(row.terms == "noncommercial" for row in fold.train)
    assert {name.partition("/")[0] for name in seen} == {"task", "date", "source", "grouped"}
