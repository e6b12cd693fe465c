"""Step 1: texts and labels → a `datasets` folder of cleaned texts with a train and a validation split.

python -m training.prepare
python -m training.prepare --scores build/scores.npz --out build/distil
python -m training.prepare --train my.csv --text-column text --label-column label --out build/mine/data
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from datasets import ClassLabel, Dataset, DatasetDict, Features, List, Value, concatenate_datasets

from sincerity.cleaning import clean
from sincerity.integrity import sha256
from sincerity.labels import Label
from training.augment import misspelt
from training.command import run
from training.corpus import (
    FITTING,
    OWN_SOURCE,
    OWN_TEXTS,
    CorpusError,
    Row,
    data_folder,
    file_rows,
    in_validation,
    part,
    pool_rows,
    training_rows,
)
from training.duplicates import near_duplicates

SECOND_SURE, SECOND_UNSURE, UNSURE = 0.15, 0.3, 0.1
"""Probability that a sure and an unsure annotator give to a second label, and an unsure one without it to the rest."""

MISSPELT = 0.5
"""Share of the training texts that get misprints."""

OWN_REPEATS = 2
"""Times that each of our own texts is seen per epoch: few of them stand for forms that the research data lacks."""


def soft_target(row: Row, labels: list[str]) -> list[float]:
    """The label as a distribution: an annotator who named a second label, or was unsure, did not mean 1.0.

    >>> soft_target(Row(id="", text="", label="a", second="b", group=""), ["a", "b", "c"])
    [0.85, 0.15, 0.0]
    """
    if row.second:
        rest = dict.fromkeys([row.second], SECOND_SURE if row.sure else SECOND_UNSURE)
    else:
        others = [label for label in labels if label != row.label]
        rest = dict.fromkeys(others, 0.0 if row.sure else UNSURE / len(others))
    return [round(1 - sum(rest.values()), 6) if label == row.label else rest.get(label, 0.0) for label in labels]


def dataset_of(rows: list[Row], labels: list[str]) -> Dataset:
    """Rows as a dataset: `text` (cleaned), `label`, `target` (a probability per label), and where each came from."""
    return Dataset.from_list(_records(rows, labels), features=_features(labels))


def _features(labels: list[str]) -> Features:
    return Features(
        {
            "id": Value("string"),
            "text": Value("string"),
            "label": ClassLabel(names=labels),
            "target": List(Value("float32"), length=len(labels)),
            "source": Value("string"),
            "group": Value("string"),
            "drawn": Value("string"),
        }
    )


def with_misprints(rows: list[Row]) -> list[Row]:
    """The rows, some of them misspelt."""
    rng = random.Random(0)
    return [replace(row, text=misspelt(row.text, rng)) if rng.random() < MISSPELT else row for row in rows]


def _records(rows: list[Row], labels: list[str]) -> list[dict[str, Any]]:
    return [
        {
            "id": row.id,
            "text": text,
            "label": row.label,
            "target": soft_target(row, labels),
            "source": row.source,
            "group": row.group,
            "drawn": row.drawn,
        }
        for row in rows
        if (text := clean(row.text).text)
    ]


def scored_dataset(scores: Path, labels: list[str], apart_from: list[Row], most: int | None = None) -> Dataset:
    """Texts of the pool with a teacher's probabilities as their targets, the first `most` that `training.pool` wrote.

    Left out is what shares a group with, or nearly is, a row of `apart_from`, and what cascades are measured on.
    """
    with np.load(scores) as file:
        ids, probabilities = file["ids"][:most], file["probs"][:most]
        targets = dict(zip(ids.tolist(), probabilities.tolist(), strict=True))
    rows = fitting_rows([row for row in pool_rows() if row.id in targets], apart_from)
    records = _records(with_misprints(rows), labels)
    for record in records:
        record["target"] = targets[record["id"]]
        record["label"] = labels[int(np.argmax(record["target"]))]
    return Dataset.from_list(records, features=_features(labels))


def fitting_rows(pool: Iterable[Row], apart_from: list[Row]) -> list[Row]:
    """Texts of the pool to learn from.

    Left out is what shares a group with, or nearly is, a row of `apart_from`, and what cascades are measured on.
    """
    groups = {row.group for row in apart_from}
    rows = [row for row in pool if part(row.id) == FITTING and row.group not in groups and not in_validation(row.group)]
    return _without_copies(rows, apart_from)


def _without_copies(rows: list[Row], others: list[Row]) -> list[Row]:
    copies = {i for i, _ in near_duplicates([row.text for row in rows], [row.text for row in others])}
    return [row for i, row in enumerate(rows) if i not in copies]


def with_own_again(rows: list[Row]) -> list[Row]:
    """The rows, and those of our own `OWN_REPEATS` times in all."""
    return rows + [row for row in rows if row.source == OWN_SOURCE] * (OWN_REPEATS - 1)


def about(splits: dict[str, int], files: dict[str, Path]) -> dict[str, Any]:
    """How many texts each split has, and what the files that they came from hash to."""
    return splits | {"files": {name: sha256(path) for name, path in files.items()}}


def research_files() -> dict[str, Path]:
    """The files of labelled texts that the released models are trained on."""
    return {
        "SINCERITY_DATA/messages/train.jsonl.gz": data_folder() / "messages" / "train.jsonl.gz",
        "data/messages/train.jsonl": OWN_TEXTS / "train.jsonl",
    }


def split_rows(rows: list[Row]) -> tuple[list[Row], list[Row]]:
    """Train and validation: no group on both sides, and nothing in train that nearly is a text of validation."""
    train = [row for row in rows if not in_validation(row.group)]
    validation = [row for row in rows if in_validation(row.group)]
    return _without_copies(train, validation), validation


def main(
    out: Annotated[Path, typer.Option(help="Folder to write.")] = Path("build/data"),
    train: Annotated[Path | None, typer.Option(help="A labelled CSV of your own, not the research data.")] = None,
    text_column: str = "text",
    label_column: str = "label",
    group_column: Annotated[str | None, typer.Option(help="Rows with one value here stay in one split.")] = None,
    scores: Annotated[Path | None, typer.Option(help="What training.pool wrote: texts of the pool join train.")] = None,
    most_scored: Annotated[int | None, typer.Option(help="Texts of the pool to take; all by default.")] = None,
    labelled_repeats: Annotated[int, typer.Option(help="Times that labelled rows are seen beside the pool's.")] = 1,
) -> None:
    if train:
        rows = file_rows(train, text_column, label_column, group_column)
        labels = sorted({row.label for row in rows})
    else:
        rows = training_rows()
        labels = [str(label) for label in Label]
    splits = dict(zip(("train", "validation"), split_rows(rows), strict=True))
    for name, split in splits.items():
        if len({row.label for row in split}) < 2:
            raise CorpusError(
                f"The {name} split has {len(split)} rows of fewer than two labels. Expected: enough rows, and "
                "groups, for a tenth of them to hold at least two. Give more, or another --group-column."
            )
    splits["train"] = with_misprints(with_own_again(splits["train"]))
    data = DatasetDict({name: dataset_of(split, labels) for name, split in splits.items()})
    if scores:
        scored = scored_dataset(scores, labels, splits["validation"], most_scored)
        typer.echo(f"pool: {len(scored)} rows with probabilities of {scores}", err=True)
        data["train"] = concatenate_datasets([*[data["train"]] * labelled_repeats, scored])
    data.save_to_disk(out)
    files = {train.name: train} if train else research_files()
    if scores:
        files[scores.name] = scores
    said = about({name: len(split) for name, split in data.items()}, files)
    (out / "about.json").write_text(json.dumps(said, indent=1) + "\n", "utf-8")
    for name, split in splits.items():
        typer.echo(f"{name}: {len(split)} rows, {dict(Counter(row.label for row in split))}", err=True)


if __name__ == "__main__":
    run(main)
