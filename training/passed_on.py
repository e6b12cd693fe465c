"""The texts of the pool that the n-grams of a cascade pass on, with the accurate model's probabilities.

    python -m training.passed_on models/sincerity-minilm-l6 build/scores build/passed-on.npz

The model that is asked next sees no others, so they teach it most: `training.prepare --scores build/passed-on.npz`.
Texts that cascades are measured on are left out.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray

from sincerity.cascade import leads
from sincerity.errors import ModelError
from sincerity.integrity import NGRAMS
from sincerity.model import ModelConfig
from sincerity.ngrams import NGrams
from training.command import run
from training.corpus import FITTING, part
from training.tier import scored_texts

LEAD = 0.8
"""Of the n-grams' label; a bit above what lets them answer, as they were fitted to these texts."""


def sure_ngrams(folder: Path, texts: list[str]) -> NDArray[np.bool_]:
    """Which texts the n-grams of a folder answer (texts,), if their label leads by `LEAD`."""
    config = ModelConfig.read(folder)
    steps = [tier.step for tier in config.cascade.tiers if not tier.model] if config.cascade else []
    if not steps:
        raise ModelError(f"{folder} has no n-grams. Expected: a folder that training.cascade wrote to.")
    ngrams = NGrams.read(folder / NGRAMS, len(config.labels), steps[0])
    return leads(ngrams.probabilities(texts), np.full(len(config.labels), LEAD))


def main(
    folder: Annotated[Path, typer.Argument(help="The accurate model's folder, with ngrams.npy.")],
    scores: Annotated[Path, typer.Argument(help="Folder of .npz files with the accurate model's probabilities.")],
    out: Annotated[Path, typer.Argument(help="File to write, for training.prepare --scores.")],
) -> None:
    ids, texts, accurate = scored_texts(scores)
    fitting = [i for i, id_ in enumerate(ids) if part(id_) == FITTING]
    sure = sure_ngrams(folder, [texts[i] for i in fitting])
    left = [i for i, done in zip(fitting, sure.tolist(), strict=True) if not done]
    np.savez(out, ids=np.array([ids[i] for i in left]), probs=accurate[left].astype(np.float32))
    typer.echo(f"{len(left)} of {len(fitting)} texts are passed on", err=True)


if __name__ == "__main__":
    run(main)
