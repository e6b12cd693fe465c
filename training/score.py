"""Step 4: measure a model folder through the public `Classifier`, and write its card.

python -m training.score models/sincerity-minilm-l6
python -m training.score build/mine/mine --test my_test.csv --text-column text --label-column label
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from sklearn.metrics import f1_score, log_loss, precision_recall_fscore_support

from sincerity import Classifier
from training.card import card
from training.command import run
from training.corpus import CorpusError, Row, file_rows, own_rows, research_rows


def score(classifier: Classifier, rows: list[Row]) -> dict[str, Any]:
    """Quality of a classifier on labelled rows, as plain rounded numbers.

    `lenient_accuracy` also accepts the second label that an annotator named; `certain` tells what share of the rows
    the model's threshold lets through, and the accuracy on those.
    """
    labels = list(map(str, classifier.labels))
    if unknown := {row.label for row in rows} - set(labels):
        raise CorpusError(f"The model does not know {sorted(unknown)}. Expected: {', '.join(labels)}.")
    predictions = classifier.classify(row.text for row in rows)
    truth = [row.label for row in rows]
    guess = [str(prediction.label) for prediction in predictions]
    right = np.array(truth) == np.array(guess)
    certain = np.array([prediction.certain for prediction in predictions])
    precision, recall, f1, support = precision_recall_fscore_support(truth, guess, labels=labels, zero_division=0.0)
    by_name = sorted(labels)
    probabilities = np.array([[prediction.scores[label] for label in by_name] for prediction in predictions])
    return {
        "rows": len(rows),
        "accuracy": round(float(right.mean()), 4),
        "macro_f1": round(float(f1_score(truth, guess, labels=labels, average="macro", zero_division=0.0)), 4),
        "lenient_accuracy": round(
            float(np.mean([g in (row.label, row.second) for g, row in zip(guess, rows, strict=True)])), 4
        ),
        "log_loss": round(float(log_loss(truth, probabilities, labels=by_name)), 4),
        "certain": {
            "share": round(float(certain.mean()), 4),
            "accuracy": round(float(right[certain].mean()), 4) if certain.any() else None,
        },
        "labels": {
            label: {
                "precision": round(float(p), 4),
                "recall": round(float(r), 4),
                "f1": round(float(f), 4),
                "rows": int(n),
            }
            for label, p, r, f, n in zip(labels, precision, recall, f1, support, strict=True)
        },
    }


def main(
    folder: Annotated[Path, typer.Argument(help="A model folder that training.export wrote.")],
    test: Annotated[Path | None, typer.Option(help="A labelled CSV of your own, instead of the research data.")] = None,
    text_column: str = "text",
    label_column: str = "label",
) -> None:
    classifier = Classifier(folder)
    if test:
        files = {test.name: file_rows(test, text_column, label_column)}
    else:
        files = {"dev": research_rows("dev"), "own test texts": own_rows("test")}
    results = json.loads((folder / "results.json").read_text("utf-8"))
    results["scores"] |= {name: score(classifier, rows) for name, rows in files.items()}
    (folder / "results.json").write_text(json.dumps(results, indent=1) + "\n", "utf-8")
    (folder / "README.md").write_text(card(folder), "utf-8")
    typer.echo(json.dumps(results["scores"], indent=1))


if __name__ == "__main__":
    run(main)
