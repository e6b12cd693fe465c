"""Step 1: texts and labels → a `datasets` folder of cleaned texts with a train and a validation split.

python -m training.prepare
python -m training.prepare --train my.csv --text-column text --label-column label --out build/mine/data
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer
from datasets import ClassLabel, Dataset, DatasetDict, Features, List, Value

from sincerity.cleaning import clean
from sincerity.labels import Label
from training.command import run
from training.corpus import (
    OWN_SOURCE,
    OWN_TEXTS,
    CorpusError,
    Row,
    data_folder,
    file_rows,
    in_validation,
    training_rows,
)
from training.duplicates import near_duplicates

SECOND_SURE, SECOND_UNSURE, UNSURE = 0.15, 0.3, 0.1
"""Probability that a sure and an unsure annotator give to a second label, and an unsure one without it to the rest."""

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
    features = Features(
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
    records = []
    for row in rows:
        if text := clean(row.text).text:
            records.append(
                {
                    "id": row.id,
                    "text": text,
                    "label": row.label,
                    "target": soft_target(row, labels),
                    "source": row.source,
                    "group": row.group,
                    "drawn": row.drawn,
                }
            )
    return Dataset.from_list(records, features=features)


def split_rows(rows: list[Row]) -> tuple[list[Row], list[Row]]:
    """Train and validation: no group on both sides, and nothing in train that nearly is a text of validation."""
    train = [row for row in rows if not in_validation(row.group)]
    validation = [row for row in rows if in_validation(row.group)]
    copies = {i for i, _ in near_duplicates([row.text for row in train], [row.text for row in validation])}
    return [row for i, row in enumerate(train) if i not in copies], validation


def main(
    out: Annotated[Path, typer.Option(help="Folder to write.")] = Path("build/data"),
    train: Annotated[Path | None, typer.Option(help="A labelled CSV of your own, not the research data.")] = None,
    text_column: str = "text",
    label_column: str = "label",
    group_column: Annotated[str | None, typer.Option(help="Rows with one value here stay in one split.")] = None,
) -> None:
    if train:
        rows = file_rows(train, text_column, label_column, group_column)
        labels = sorted({row.label for row in rows})
    else:
        rows = training_rows()
        labels = [str(label) for label in Label]
    splits = dict(zip(("train", "validation"), split_rows(rows), strict=True))
    for name, part in splits.items():
        if len({row.label for row in part}) < 2:
            raise CorpusError(
                f"The {name} split has {len(part)} rows of fewer than two labels. Expected: enough rows, and "
                "groups, for a tenth of them to hold at least two. Give more, or another --group-column."
            )
    splits["train"] += [row for row in splits["train"] if row.source == OWN_SOURCE] * (OWN_REPEATS - 1)
    DatasetDict({name: dataset_of(part, labels) for name, part in splits.items()}).save_to_disk(out)
    files = (
        {train.name: train}
        if train
        else {
            "SINCERITY_DATA/messages/train.jsonl.gz": data_folder() / "messages" / "train.jsonl.gz",
            "data/messages/train.jsonl": OWN_TEXTS / "train.jsonl",
        }
    )
    about = {name: len(part) for name, part in splits.items()} | {
        "files": {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items()}
    }
    (out / "about.json").write_text(json.dumps(about, indent=1) + "\n", "utf-8")
    for name, part in splits.items():
        typer.echo(f"{name}: {len(part)} rows, {dict(Counter(row.label for row in part))}", err=True)


if __name__ == "__main__":
    run(main)
