"""Step 4: measure a model folder through the public `Classifier`; write its figures, pictures and card.

    python -m training.score models/sincerity-minilm-l6
    python -m training.score build/mine/mine --test my_test.csv --text-column text --label-column label
    python -m training.score models/sincerity-minilm-l6 --test my_test.csv --out build/report

Without `--test` these are the research data's dev messages, our own test texts and the behaviour suites. They are
written into the model's folder, or as report.json, report.md and pictures into `--out`.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray

from sincerity import Classifier, Prediction
from training.behaviour import summary
from training.card import card, report
from training.command import run
from training.corpus import CorpusError, Row, file_rows, own_rows, research_rows
from training.pictures import draw_quality
from training.quality import NO_SECOND, Quality, interval

CEILING = {"agreement": 0.942, "kappa": 0.907, "macro_f1": 0.94, "rows": 2684}
"""Two independent annotators against each other, as the README of the research data states."""
ALONE = "dev accurate alone"
"""Dev, without the faster tiers of a cascade."""
LEAST_ROWS = 20
"""A slice with fewer rows is added to the others."""
LENGTHS = (40, 80, 140, 280)
"""Characters that part the slices by length."""
DRAWS = 1000


def score(classifier: Classifier, rows: Sequence[Row], temperature: float | None = None) -> dict[str, Any]:
    """Quality of a classifier on labelled rows, as plain rounded numbers (`training.quality` says which).

    With the `temperature` in the model's last layer, `uncalibrated` has what log-loss and Brier score would be without.

    `certain` tells what share of the rows the model's threshold lets through, and the accuracy on those; `slices` has
    accuracies by source, length, terms and way of drawing.
    """
    labels = list(map(str, classifier.labels))
    if unknown := {row.label for row in rows} - set(labels):
        raise CorpusError(f"The model does not know {sorted(unknown)}. Expected: {', '.join(labels)}.")
    predictions = classifier.classify(row.text for row in rows)
    truth = np.array([labels.index(row.label) for row in rows])
    scores = np.array([[prediction.scores[label] for label in labels] for prediction in predictions])
    found = Quality().compute(
        predictions=scores.tolist(),
        references=truth.tolist(),
        seconds=[labels.index(row.second) if row.second in labels else NO_SECOND for row in rows],
    )
    right = np.array([prediction.label == row.label for prediction, row in zip(predictions, rows, strict=True)])
    certain = np.array([prediction.certain for prediction in predictions])
    return found | {
        "labels": dict(zip(labels, found["labels"], strict=True)),
        "certain": {
            "share": round(float(certain.mean()), 4),
            "accuracy": round(float(right[certain].mean()), 4) if certain.any() else None,
        },
        **({"uncalibrated": _uncalibrated(scores, truth, temperature)} if temperature else {}),
        "slices": slices(rows, predictions),
    }


def _uncalibrated(scores: NDArray[np.float64], truth: NDArray[np.int64], temperature: float) -> dict[str, float]:
    sharp = np.maximum(scores, 1e-12) ** temperature
    sharp /= sharp.sum(1, keepdims=True)
    hits = np.eye(scores.shape[1])[truth]
    return {
        "log_loss": round(float(-np.log((sharp * hits).sum(1)).mean()), 4),
        "brier": round(float(((sharp - hits) ** 2).sum(1).mean()), 4),
    }


def slices(rows: Sequence[Row], predictions: Sequence[Prediction]) -> dict[str, list[dict[str, Any]]]:
    """Accuracy, also with second labels accepted, of the parts of a file; parts that are all of it are left out."""
    ways: dict[str, Callable[[Row], str]] = {
        "source": lambda row: row.source,
        "length": lambda row: _length(row.text),
        "terms": lambda row: row.terms,
        "drawn": lambda row: row.drawn,
    }
    found = {}
    for way, of in ways.items():
        parts: dict[str, list[tuple[Row, Prediction]]] = defaultdict(list)
        for row, prediction in zip(rows, predictions, strict=True):
            parts[of(row)].append((row, prediction))
        small = [name for name, part in parts.items() if len(part) < LEAST_ROWS]
        if len(small) > 1:
            parts[f"{len(small)} others"] = [pair for name in small for pair in parts.pop(name)]
        if len(parts) > 1:
            found[way] = [{"slice": name, **_accuracies(part)} for name, part in sorted(parts.items())]
    return found


def _accuracies(part: Sequence[tuple[Row, Prediction]]) -> dict[str, Any]:
    right = np.array([row.label == prediction.label for row, prediction in part])
    lenient = np.array([prediction.label in (row.label, row.second) for row, prediction in part])
    draws = np.random.default_rng(0).binomial(len(part), right.mean(), DRAWS) / len(part)
    return {
        "rows": len(part),
        "accuracy": round(float(right.mean()), 4),
        "interval": interval(draws),
        "lenient_accuracy": round(float(lenient.mean()), 4),
    }


def _length(text: str) -> str:
    """The range of characters that a text falls in, in a form that sorts.

    >>> _length("hello"), _length("x" * 1000)
    ('   1 to 40', ' 281 or more')
    """
    for low, high in zip((0, *LENGTHS), LENGTHS, strict=False):
        if len(text) <= high:
            return f"{low + 1:4} to {high}"
    return f"{LENGTHS[-1] + 1:4} or more"


def main(
    folder: Annotated[Path, typer.Argument(help="A model folder that training.export wrote.")],
    test: Annotated[Path | None, typer.Option(help="A labelled file of your own: CSV or JSON lines.")] = None,
    text_column: str = "text",
    label_column: str = "label",
    out: Annotated[Path | None, typer.Option(help="Folder for a report, instead of the model's own folder.")] = None,
) -> None:
    classifier = Classifier(folder)
    block = json.loads((folder / "config.json").read_text("utf-8"))["sincerity"]
    tiered, temperature = "cascade" in block, block["temperature"]
    found: dict[str, Any] = {"name": classifier.name}
    if test:
        found["scores"] = {test.name: score(classifier, file_rows(test, text_column, label_column))}
    else:
        files = {"dev": research_rows("dev"), "own test texts": own_rows("test")}
        found["scores"] = {
            name: score(classifier, rows, None if tiered else temperature) for name, rows in files.items()
        }
        if tiered:
            found["scores"][ALONE] = score(Classifier(folder, cascade=False), files["dev"], temperature)
        found |= {"ceiling": CEILING, "behaviour": summary(classifier)}
    for name, scores in found["scores"].items():
        draw_quality(scores, (out or folder) / f"{Path(name).stem.replace(' ', '-')}.png")
    if out:
        (out / "report.json").write_text(json.dumps(found, indent=1) + "\n", "utf-8")
        (out / "report.md").write_text(report(found), "utf-8")
        typer.echo(f"{out}/report.md", err=True)
        return
    results = json.loads((folder / "results.json").read_text("utf-8"))
    if test:
        found["scores"] = results["scores"] | found["scores"]
    (folder / "results.json").write_text(json.dumps(results | found, indent=1) + "\n", "utf-8")
    (folder / "README.md").write_text(card(folder), "utf-8")


if __name__ == "__main__":
    run(main)
