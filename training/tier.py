"""The first tier of a cascade: a linear model over hashed n-grams, fitted to what the accurate model says.

    python -m training.tier models/sincerity-minilm-l6 build/scores

`build/scores` holds .npz files with `ids` of texts of the unlabelled pool and `probs` (texts, labels), the accurate
model's probabilities (`python -m training.pool` writes such files). The labelled rows are added as they are. A fixed
tenth of the pool's texts is left out, by which `training.cascade` chooses when the tier may answer, and another, on
which benchmarks measure. Writes `ngrams.npy` into the model's folder, and how it did on the first of these tenths
beside the scores, as tier.json.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray

from sincerity.buffers import LONGEST, buffers
from sincerity.integrity import NGRAMS
from sincerity.labels import Label
from sincerity.ngrams import FACTORS, NGrams, groups
from training.command import run
from training.corpus import (
    CHOOSING,
    FITTING,
    OWN_SOURCE,
    CorpusError,
    data_folder,
    in_validation,
    part,
    read_jsonl,
    training_rows,
)
from training.manifest import write_manifest
from training.prepare import soft_target

BITS = 18
PENALTY = 0.1
"""Of the squared weights; one text's log-loss counts 1."""
ITERATIONS = 60
OWN_REPEATS = 5
"""Times that each of our own texts counts: few of them stand for forms that the pool lacks."""
CLIPS = (8.0, 6.0, 4.0, 3.0, 2.0)
"""Largest weights, in units of a bell curve's width times ten, that are tried before rounding to 8 bits."""

Floats = NDArray[np.float64]


def scored_texts(folder: Path) -> tuple[list[str], list[str], Floats]:
    """Ids, texts and probabilities (texts, labels) of the pool's texts that the .npz files of a folder name."""
    scores: dict[str, Floats] = {}
    for path in sorted(folder.glob("*.npz")):
        with np.load(path, allow_pickle=False) as file:
            named = "probs" if "probs" in file else "probabilities"
            scores.update(zip(map(str, file["ids"]), file[named].astype(np.float64), strict=True))
    if not scores:
        raise CorpusError(f"{folder} holds no scores. Expected: .npz files with ids and probs; see training.pool.")
    pool = read_jsonl(data_folder() / "messages" / "unlabelled.jsonl.gz")
    texts = {row["id"]: row["text"] for row in pool if row["id"] in scores}
    ids = [id_ for id_ in scores if id_ in texts]
    return ids, [texts[id_] for id_ in ids], np.stack([scores[id_] for id_ in ids])


def counts(texts: Sequence[str]) -> Any:
    """How often each text has n-grams of each bucket, divided by the root of their number: sparse (texts, buckets)."""
    from scipy.sparse import csr_matrix, vstack

    parts = [csr_matrix((0, 1 << BITS), dtype=np.float32)]
    done = 0
    for rows, buffer in buffers(texts):
        parts.append(csr_matrix((rows[0] - done, 1 << BITS), dtype=np.float32))
        places, buckets = [], []
        for factor, group in zip(FACTORS, groups(buffer), strict=False):
            lengths = np.diff(group.starts, append=len(group.hashes))
            places.append(np.repeat(rows, lengths))
            buckets.append(group.buckets(factor, BITS))
        place, bucket = np.concatenate(places) - rows[0], np.concatenate(buckets)
        shape = rows[-1] - rows[0] + 1, 1 << BITS
        number = np.maximum(np.bincount(place, minlength=shape[0]), 1)
        weights = (1 / np.sqrt(number))[place].astype(np.float32)
        parts.append(csr_matrix((weights, (place, bucket)), shape=shape))
        done = rows[-1] + 1
    parts.append(csr_matrix((len(texts) - done, 1 << BITS), dtype=np.float32))
    return vstack(parts).tocsr()


def fit(features: Any, targets: Floats) -> Floats:
    """Weights (buckets, labels) of a multinomial logistic regression on soft targets."""
    from scipy.optimize import minimize

    size, (texts, buckets) = targets.shape[1], features.shape
    across = features.T.tocsr()

    def loss(flat: Floats) -> tuple[float, Floats]:
        weights = flat.reshape(buckets, size)
        logits = features @ weights
        logits -= logits.max(axis=1, keepdims=True)
        logits -= np.log(np.exp(logits).sum(axis=1, keepdims=True))
        value = -(targets * logits).sum() + PENALTY / 2 * (weights * weights).sum()
        return value / texts, ((across @ (np.exp(logits) - targets) + PENALTY * weights) / texts).ravel()

    options = {"maxiter": ITERATIONS, "maxcor": 6}
    return minimize(loss, np.zeros(buckets * size), jac=True, method="L-BFGS-B", options=options).x.reshape(-1, size)


def rounded(weights: Floats, features: Any, targets: Floats) -> tuple[NDArray[np.int8], float]:
    """Weights in 8 bits and the step that a weight of 1 stands for, both of which make the least log-loss."""
    spread = weights.std()
    best: tuple[float, NDArray[np.int8], float] | None = None
    for clip in CLIPS:
        unit = 10 * clip * spread / 127
        whole = np.rint(weights / unit).clip(-127, 127).astype(np.int8)
        sums = features @ whole.astype(np.float32)
        for temperature in np.exp(np.linspace(-0.5, 0.5, 41)):
            value = log_loss(softmax(sums * unit / temperature), targets)
            if best is None or value < best[0]:
                best = value, whole, float(unit / temperature)
    assert best is not None
    return best[1], best[2]


def softmax(logits: Floats) -> Floats:
    exp = np.exp(logits - logits.max(axis=1, keepdims=True))
    return exp / exp.sum(axis=1, keepdims=True)


def log_loss(scores: Floats, targets: Floats) -> float:
    return float(-(targets * np.log(np.maximum(scores, 1e-9))).sum(axis=1).mean())


def main(
    folder: Annotated[Path, typer.Argument(help="The accurate model's folder.")],
    scores: Annotated[Path, typer.Argument(help="Folder of .npz files with the accurate model's probabilities.")],
) -> None:
    started = time.monotonic()
    labels = [str(label) for label in Label]
    ids, texts, probabilities = scored_texts(scores)
    parts = np.array([part(id_) for id_ in ids])
    fitted, held = parts == FITTING, parts == CHOOSING
    rows = [row for row in training_rows() if not in_validation(row.group)]
    rows += [row for row in rows if row.source == OWN_SOURCE] * (OWN_REPEATS - 1)
    train = [text for text, use in zip(texts, fitted, strict=True) if use] + [row.text for row in rows]
    targets = np.concatenate([probabilities[fitted], [soft_target(row, labels) for row in rows]])
    test = [text for text, use in zip(texts, held, strict=True) if use]
    features = counts(test)
    weights, step = rounded(fit(counts(train), targets), features, probabilities[held])
    np.save(folder / NGRAMS, weights)
    write_manifest(folder)
    said = NGrams(weights, step).probabilities(test)
    judged = ~np.isnan(said[:, 0])
    about = {
        "texts": int(fitted.sum()),
        "labelled_rows": len(rows),
        "bits": BITS,
        "step": step,
        "megabytes": round((folder / NGRAMS).stat().st_size / 1e6, 2),
        "left_out": {
            "texts": int(held.sum()),
            "judged": round(float(judged.mean()), 4),
            "agreement": round(float((said.argmax(1) == probabilities[held].argmax(1))[judged].mean()), 4),
            "log_loss": round(log_loss(said[judged], probabilities[held][judged]), 4),
        },
        "longest": LONGEST,
        "seconds": round(time.monotonic() - started),
    }
    (scores / "tier.json").write_text(json.dumps(about, indent=1) + "\n", "utf-8")
    typer.echo(json.dumps(about, indent=1))


if __name__ == "__main__":
    run(main)
