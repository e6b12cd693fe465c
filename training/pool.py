"""What a model says of the unlabelled pool, as scores that `training.tier` and `training.cascade` read.

    python -m training.pool models/sincerity-minilm-l6 build/scores --texts 140000

Every n-th text of the pool; half an hour on two cores for as many. Writes `<model>.npz` with `ids` and `probs`, now and
then, so that it may be stopped; the folder's graph answers, without faster tiers.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from sincerity import Classifier
from training.command import run
from training.corpus import data_folder, read_jsonl

EVERY = 8192


def main(
    model: Annotated[Path, typer.Argument(help="The accurate model's folder.")],
    out: Annotated[Path, typer.Argument(help="Folder of scores.")],
    texts: Annotated[int, typer.Option(min=1, help="How many.")] = 140_000,
) -> None:
    pool = [(row["id"], row["text"]) for row in read_jsonl(data_folder() / "messages" / "unlabelled.jsonl.gz")]
    np.random.default_rng(0).shuffle(pool := pool[:: max(1, len(pool) // texts)][:texts])
    classifier = Classifier(model, cascade=False)
    out.mkdir(parents=True, exist_ok=True)
    found: list[list[float]] = []
    for prediction in classifier.stream(text for _, text in pool):
        found.append(list(prediction.scores.values()))
        if len(found) % EVERY == 0 or len(found) == len(pool):
            ids = np.array([id_ for id_, _ in pool[: len(found)]])
            np.savez(out / f"{classifier.name}.npz", ids=ids, probs=np.array(found).round(4).astype(np.float32))
            typer.echo(f"{len(found)} of {len(pool)}", err=True)


if __name__ == "__main__":
    run(main)
