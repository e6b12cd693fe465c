"""Token ids of the pool's texts and of labelled ones, as `training.distil` reads them.

    python -m training.tokens models/sincerity-minilm-l6 models/sincerity-minilm-l3 build/tokens

Three views of a text: `plain`, as inference reads it; `misspelt`; and `shortened`, some of its words. A teacher reads
the first and the third, each by its own tokenizer; a misspelt text keeps the target of the plain one. What nearly is,
or shares a group with, a text of validation is left out, and what cascades are measured on.
"""

from __future__ import annotations

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
    VALIDATION,
    Row,
    data_folder,
    part,
    pool_rows,
    training_rows,
)
from training.passed_on import sure_ngrams
from training.prepare import about, fitting_rows, research_files, soft_target, split_rows, with_own_again

POOL = "SINCERITY_DATA/messages/unlabelled.jsonl.gz"
MOST_HELD = 10_000
"""Texts of the tenth that margins are chosen on, by which students are compared."""


def ids_of(tokenizer: Path, texts: Sequence[str]) -> tuple[NDArray[np.uint16], NDArray[np.uint8]]:
    """Token ids of all texts one behind the other, and how many each has."""
    reader = Tokenizer.from_file(str(tokenizer / "tokenizer.json"))
    reader.no_padding()
    reader.enable_truncation(RELEASED.max_length)
    found = [np.array(one.ids, np.uint16) for one in reader.encode_batch_fast(list(texts))]
    return np.concatenate(found), np.array([len(one) for one in found], np.uint8)


def write_tokens(out: Path, parts: dict[str, list[Row]], passed: list[bool], readers: dict[str, Path]) -> None:
    """Write the ids of all views, targets of labelled rows (NaN for others), and what each text is for.

    Args:
        out: Folder to write.
        parts: Rows by what they are for: `FITTING`, `CHOOSING`, `VALIDATION`.
        passed: Of all rows, in this order, whether the n-grams of a cascade pass them on.
        readers: Folders with the tokenizers of `teacher` and `student`.
    """
    rows = [(row, kind) for kind, some in parts.items() for row in some]
    plain = [respelt(clean(row.text)).text for row, _ in rows]
    kept = [(row, kind, view, on) for (row, kind), view, on in zip(rows, plain, passed, strict=True) if view]
    labels = [str(label) for label in Label]
    unknown = [float("nan")] * len(labels)
    rng = random.Random(0)
    views: dict[str, list[str]] = {
        "plain": [view for _, _, view, _ in kept],
        "misspelt": [clean(misspelt(row.text, rng)).text or view for row, _, view, _ in kept],
        "shortened": [clean(shortened(row.text, rng)).text or view for row, _, view, _ in kept],
    }
    out.mkdir(parents=True, exist_ok=True)
    for reader, folder in readers.items():
        for view, texts in views.items():
            if (reader, view) != ("teacher", "misspelt"):
                ids, lengths = ids_of(folder, texts)
                np.savez(out / f"{reader}-{view}.npz", ids=ids, lengths=lengths)
    np.savez(
        out / "texts.npz",
        names=np.array([row.id for row, _, _, _ in kept]),
        kinds=np.array([kind for _, kind, _, _ in kept]),
        targets=np.array([soft_target(row, labels) if row.label else unknown for row, _, _, _ in kept], np.float16),
        passed=np.array([on for _, _, _, on in kept]),
    )


def main(
    teacher: Annotated[Path, typer.Argument(help="The teacher's folder, with the n-grams of its cascade.")],
    student: Annotated[Path, typer.Argument(help="A folder with the student's tokenizer.")],
    out: Annotated[Path, typer.Argument(help="Folder to write.")],
) -> None:
    train, validation = split_rows(training_rows())
    pool = pool_rows()
    held = [row for row in pool if part(row.id) == CHOOSING][:MOST_HELD]
    parts = {FITTING: [*fitting_rows(pool, validation), *with_own_again(train)], CHOOSING: held, VALIDATION: validation}
    passed = ~sure_ngrams(teacher, [row.text for rows in parts.values() for row in rows])
    write_tokens(out, parts, passed.tolist(), {"teacher": teacher, "student": student})
    files = research_files() | {POOL: data_folder() / "messages" / "unlabelled.jsonl.gz"}
    said = about({"train": len(parts[FITTING]), "validation": len(validation)}, files)
    (out / "about.json").write_text(json.dumps(said, indent=1) + "\n", "utf-8")
    typer.echo(json.dumps(said, indent=1))


if __name__ == "__main__":
    run(main)
