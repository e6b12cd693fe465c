"""Token ids of the pool's texts and of labelled ones, as `training.distil` reads them.

    python -m training.tokens models/sincerity-minilm-l6 models/sincerity-minilm-l3 build/tokens

Three views of a text: `plain`, as inference reads it; `misspelt`; and `shortened`, some of its words. A teacher reads
the first and the third, each by its own tokenizer; a misspelt text keeps the target of the plain one. What nearly is,
or shares a group with, a text of validation is left out, and what cascades are measured on.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray
from tokenizers import Tokenizer

from sincerity.cleaning import clean
from sincerity.labels import Label
from sincerity.spelling import respelt
from training.augment import misspelt, shortened
from training.command import run
from training.config import RELEASED
from training.corpus import (
    CHOOSING,
    FITTING,
    OWN_SOURCE,
    OWN_TEXTS,
    VALIDATION,
    Row,
    data_folder,
    in_validation,
    part,
    pool_rows,
    training_rows,
)
from training.duplicates import near_duplicates
from training.passed_on import sure_ngrams
from training.prepare import OWN_REPEATS, soft_target, split_rows

MOST_HELD = 10_000
"""Texts of the tenth that margins are chosen on, by which students are compared."""


def ids_of(tokenizer: Path, texts: Sequence[str]) -> tuple[NDArray[np.uint16], NDArray[np.uint8]]:
    """Token ids of all texts one behind the other, and how many each has."""
    reader = Tokenizer.from_file(str(tokenizer / "tokenizer.json"))
    reader.no_padding()
    reader.enable_truncation(RELEASED.max_length)
    found = [np.array(one.ids, np.uint16) for one in reader.encode_batch_fast(list(texts))]
    return np.concatenate(found), np.array([len(one) for one in found], np.uint8)


def fitting_rows(validation: Sequence[Row]) -> list[Row]:
    """Texts of the pool to learn from."""
    groups = {row.group for row in validation}
    rows = [row for row in pool_rows() if part(row.id) == FITTING and row.group not in groups]
    rows = [row for row in rows if not in_validation(row.group)]
    copies = {i for i, _ in near_duplicates([row.text for row in rows], [row.text for row in validation])}
    return [row for i, row in enumerate(rows) if i not in copies]


def main(
    teacher: Annotated[Path, typer.Argument(help="The teacher's folder, with the n-grams of its cascade.")],
    student: Annotated[Path, typer.Argument(help="A folder with the student's tokenizer.")],
    out: Annotated[Path, typer.Argument(help="Folder to write.")],
) -> None:
    train, validation = split_rows(training_rows())
    labels = [str(label) for label in Label]
    train += [row for row in train if row.source == OWN_SOURCE] * (OWN_REPEATS - 1)
    pool = fitting_rows(validation)
    held = [row for row in pool_rows() if part(row.id) == CHOOSING][:MOST_HELD]
    parts = {FITTING: [*pool, *train], CHOOSING: held, VALIDATION: validation}
    rows = [(row, kind) for kind, some in parts.items() for row in some]
    kept = [(row, view, kind) for row, kind in rows if (view := respelt(clean(row.text)).text)]
    typer.echo(f"{len(kept)} texts", err=True)
    targets = np.array([soft_target(row, labels) if row.label else [np.nan] * len(labels) for row, _, _ in kept])
    rng = random.Random(0)
    views: dict[str, list[str]] = {
        "plain": [view for _, view, _ in kept],
        "misspelt": [clean(misspelt(row.text, rng)).text or view for row, view, _ in kept],
        "shortened": [clean(shortened(row.text, rng)).text or view for row, view, _ in kept],
    }
    out.mkdir(parents=True, exist_ok=True)
    for reader, folder in (("teacher", teacher), ("student", student)):
        for view, texts in views.items():
            if (reader, view) == ("teacher", "misspelt"):
                continue
            ids, lengths = ids_of(folder, texts)
            np.savez(out / f"{reader}-{view}.npz", ids=ids, lengths=lengths)
            typer.echo(f"{reader} {view}: {len(ids)} tokens", err=True)
    np.savez(
        out / "texts.npz",
        names=np.array([row.id for row, _, _ in kept]),
        kinds=np.array([kind for _, _, kind in kept]),
        targets=targets.astype(np.float16),
        passed=~sure_ngrams(teacher, [row.text for row, _, _ in kept]),
    )
    files = {
        "SINCERITY_DATA/messages/train.jsonl.gz": data_folder() / "messages" / "train.jsonl.gz",
        "SINCERITY_DATA/messages/unlabelled.jsonl.gz": data_folder() / "messages" / "unlabelled.jsonl.gz",
        "data/messages/train.jsonl": OWN_TEXTS / "train.jsonl",
    }
    about = {
        "train": len(parts[FITTING]),
        "validation": len(validation),
        "files": {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items()},
    }
    (out / "about.json").write_text(json.dumps(about, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    run(main)
