"""The README's line for each kind of data frame does what it says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sincerity import Classifier

TEXTS = ["See you at eight, bring the cake!", "SALE! 50% off all boots, today only"]
LABELS = ["conversational", "promotional"]
README = (Path(__file__).parents[1] / "README.md").read_text("utf-8")


def run(library: str, **names: Any) -> dict[str, Any]:
    (line,) = (line for line in README.splitlines() if line.endswith(f"# {library}"))
    exec(line, names)
    return names


def test_pandas(classifier: Classifier) -> None:
    pd = pytest.importorskip("pandas", reason="needs the train extra")
    frame = pd.DataFrame({"text": [*TEXTS, None]}, index=[7, 7, 9])
    assert list(run("pandas", frame=frame, classifier=classifier)["frame"]["label"])[:2] == LABELS


def test_polars(classifier: Classifier) -> None:
    pl = pytest.importorskip("polars", reason="needs the bench extra")
    frame = pl.DataFrame({"text": TEXTS})
    assert list(run("polars", frame=frame, pl=pl, classifier=classifier)["frame"]["label"]) == LABELS


def test_datasets(classifier: Classifier) -> None:
    datasets = pytest.importorskip("datasets", reason="needs the train extra")
    dataset = datasets.Dataset.from_dict({"text": TEXTS})
    assert list(run("datasets", dataset=dataset, classifier=classifier)["dataset"]["label"]) == LABELS
