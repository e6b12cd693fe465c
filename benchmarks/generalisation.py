"""How good the recipe is on what it has not seen: other sources, other years, other people's tasks.

    python -m benchmarks.generalisation          # what is not done yet, then the summary; --list shows what there is
    python -m benchmarks.generalisation date     # only the folds whose name starts so

Every fold (`benchmarks.folds`) trains on some rows and labels others, once with a linear model on TF-IDF and, where the
fold asks for it, with our recipe: the public base encoder fine-tuned for a fixed number of epochs, nothing selected.
What each said is kept under benchmarks/results/folds and not computed again while rows and settings stay the same
(delete a file to have it done again); from these files comes benchmarks/results/generalisation.json.
Needs SINCERITY_DATA.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from benchmarks.folds import LEAST_ROWS, TASKS, Fold, folds
from sincerity import Classifier
from sincerity.labels import Label
from training.command import run
from training.corpus import OWN_SOURCE, Row, in_validation
from training.quality import gain, label_quality

RESULTS = Path(__file__).parent / "results"
FOLDS = RESULTS / "folds"
WORK = Path("build/generalisation")

PUBLISHED = {
    "corporate_messaging": "0.942 accuracy, 0.899 macro-F1",
    "sms_spam": "0.9935",
    "youtube_spam": "0.969",
}
"""Figures that others published for a task, on splits of their own."""


def fine_tuned(fold: Fold) -> list[str]:
    """Labels by our recipe: the base encoder fine-tuned on the fold's rows."""
    from datasets import DatasetDict
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    from sincerity.cleaning import clean
    from training.export import torch_logits
    from training.prepare import OWN_REPEATS, dataset_of
    from training.train import train

    own = [row for row in fold.train if row.source == OWN_SOURCE]
    data = dataset_of(fold.train + own * (OWN_REPEATS - 1), list(fold.labels))
    checkpoint = WORK / fold.name
    train(DatasetDict(train=data), fold.recipe, checkpoint)
    model = AutoModelForSequenceClassification.from_pretrained(checkpoint).eval()
    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    logits = torch_logits(model, tokenizer, [clean(row.text).text for row in fold.test])
    shutil.rmtree(checkpoint)
    return [fold.labels[i] for i in logits.argmax(1)]


def linear(fold: Fold) -> list[str]:
    """Labels by a linear model on TF-IDF."""
    from benchmarks.rivals import TfidfLogisticRegression

    model = TfidfLogisticRegression.train(fold.train, fold.labels)
    return [fold.labels[i] for i in model.probabilities([row.text for row in fold.test]).argmax(1)]


SYSTEMS: dict[str, Callable[[Fold], list[str]]] = {"linear": linear, "fine-tuned": fine_tuned}


def systems(fold: Fold) -> list[str]:
    return [name for name in SYSTEMS if name == "linear" or fold.ours]


def said(fold: Fold, system: str) -> list[str] | None:
    """The labels that a system gave a fold's rows, None where that is still to do."""
    path = _path(fold, system)
    if not path.is_file():
        return None
    kept = json.loads(path.read_text("utf-8"))
    return [kept["labels"][int(digit)] for digit in kept["guess"]] if kept["about"] == about(fold, system) else None


def work(fold: Fold, system: str) -> None:
    """Compute one fold with one system and keep what it said."""
    sizes = f"{len(fold.train)} rows to train on, {len(fold.test)} to label"
    print(f"{fold.name}, {system}: {sizes}", file=sys.stderr, flush=True)
    started = time.monotonic()
    guess = SYSTEMS[system](fold)
    result = {
        "about": about(fold, system),
        "rows": [len(fold.train), len(fold.test)],
        "seconds": round(time.monotonic() - started),
        "labels": fold.labels,
        "guess": "".join(str(fold.labels.index(label)) for label in guess),
    }
    path = _path(fold, system)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_text(json.dumps(result, indent=1) + "\n", "utf-8")
    part.replace(path)


def about(fold: Fold, system: str) -> dict[str, Any]:
    """What a result depends on."""
    return {
        "train": _digest(row.id + row.label for row in fold.train),
        "test": _digest(row.id for row in fold.test),
        "settings": asdict(fold.recipe) if system == "fine-tuned" else "TF-IDF",
    }


def _path(fold: Fold, system: str) -> Path:
    return FOLDS / f"{fold.name}.{system}.json"


def _digest(parts: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


Answers = list[tuple[Row, dict[str, str]]]
"""Rows, and what each system called them."""


def summary(all_folds: Sequence[Fold], classifier: Classifier) -> dict[str, Any]:
    """Figures of all that is done, with intervals; `classifier` is the released model."""
    answers: dict[str, Answers] = {}
    for fold in all_folds:
        by_system = {system: found for system in systems(fold) if (found := said(fold, system)) is not None}
        if len(by_system) == len(systems(fold)):
            each = zip(*by_system.values(), strict=True)
            answers[fold.name] = [
                (row, dict(zip(by_system, one, strict=True))) for row, one in zip(fold.test, each, strict=True)
            ]
    return {
        "done": f"{len(answers)} of {len(all_folds)} folds",
        "tasks": {
            task: compared(_joined(answers, f"task/{task}"), labels) | {"published": PUBLISHED[task]}
            for task, labels in TASKS.items()
        },
        "dates": {name: compared(answers[name]) for name in answers if name.startswith("date/")},
        "sources": sources(answers, classifier),
    }


def _joined(answers: dict[str, Answers], start: str) -> Answers:
    return [answer for name, found in answers.items() if name.startswith(start) for answer in found]


def compared(answers: Answers, labels: Sequence[str] = tuple(map(str, Label))) -> dict[str, Any]:
    """Quality of each system on the same rows, and what the second gains over the first."""
    if not answers:
        return {}
    truth = np.array([labels.index(row.label) for row, _ in answers])
    guesses = {system: np.array([labels.index(one[system]) for _, one in answers]) for system in answers[0][1]}
    found = {system: label_quality(truth, guess, len(labels)) for system, guess in guesses.items()}
    if len(guesses) > 1:
        first, second = list(guesses.values())[:2]
        found["gain"] = gain(truth, second, first, len(labels))
    return found


def sources(answers: dict[str, Answers], classifier: Classifier) -> list[dict[str, Any]]:
    """Each source left out, beside the same rows where other groups of the source were trained on."""
    linear_seen = {row.id: one["linear"] for row, one in _joined(answers, "grouped/")}
    rows: dict[str, Answers] = defaultdict(list)
    for row, one in _joined(answers, "source/"):
        rows[row.source].append((row, one))
    found = []
    for source, left_out in rows.items():
        if len(left_out) < LEAST_ROWS:
            continue
        if left_out[0][0].terms == "noncommercial":
            predictions = classifier.classify(row.text for row, _ in left_out)
            left_out = [
                (row, one | {"released": str(prediction.label)})
                for (row, one), prediction in zip(left_out, predictions, strict=True)
            ]
        result = {"source": source, "left_out": compared(left_out)}
        if linear_seen and all(row.id in linear_seen for row, _ in left_out):
            result["seen"] = compared([(row, {"linear": linear_seen[row.id]}) for row, _ in left_out])
        if "fine-tuned" in left_out[0][1]:
            kept = [(row, one) for row, one in left_out if in_validation(row.group)]
            predictions = classifier.classify(row.text for row, _ in kept)
            result["validation"] = compared(
                [
                    (row, {"released": str(prediction.label), "left out": one["fine-tuned"]})
                    for (row, one), prediction in zip(kept, predictions, strict=True)
                ]
            )
        found.append(result)
    return sorted(found, key=lambda one: one["source"])


def main(
    only: Annotated[str, typer.Argument(help="Folds whose name starts so; all by default.")] = "",
    system: Annotated[str, typer.Option(help="linear, fine-tuned, or both by default.")] = "",
    list_: Annotated[bool, typer.Option("--list", help="Print the names of the folds and stop.")] = False,
) -> None:
    all_folds = list(folds())
    for fold in all_folds:
        if not fold.name.startswith(only):
            continue
        if list_:
            typer.echo(f"{fold.name}\t{len(fold.train)}\t{len(fold.test)}\t{', '.join(systems(fold))}")
            continue
        for name in systems(fold):
            if system in ("", name) and said(fold, name) is None:
                work(fold, name)
    if not list_:
        result = summary(all_folds, Classifier.from_pretrained())
        (RESULTS / "generalisation.json").write_text(json.dumps(result, indent=1) + "\n", "utf-8")
        typer.echo(f"{result['done']}: {RESULTS / 'generalisation.json'}", err=True)


if __name__ == "__main__":
    run(main)
