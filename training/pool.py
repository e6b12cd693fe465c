"""What a model says of the unlabelled pool, as scores that `training.tier` and `training.cascade` read.

    python -m training.pool models/sincerity-minilm-l6 build/scores --texts 140000
    python -m training.pool models/sincerity-minilm-l6 build/more --apart-from build/scores

Every n-th text of the pool; ten to thirty minutes on two cores for as many. Writes `<model>.npz` with `ids` and
`probs`, now and then, so that it may be stopped; the folder's graph answers, without faster tiers.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from sincerity import Classifier
from training.command import run
from training.corpus import pool_rows

EVERY = 8192


def scored_ids(folder: Path) -> set[str]:
    """Ids of the texts that the .npz files of a folder have scores of."""
    found: set[str] = set()
    for path in folder.glob("*.npz"):
        with np.load(path, allow_pickle=False) as file:
            found.update(file["ids"].tolist())
    return found


def main(
    model: Annotated[Path, typer.Argument(help="The accurate model's folder.")],
    out: Annotated[Path, typer.Argument(help="Folder of scores.")],
    texts: Annotated[int, typer.Option(min=1, help="How many.")] = 140_000,
    apart_from: Annotated[Path | None, typer.Option(help="Folder of scores whose texts are left out.")] = None,
) -> None:
    known = scored_ids(apart_from) if apart_from else set()
    pool = [(row.id, row.text) for row in pool_rows() if row.id not in known]
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
