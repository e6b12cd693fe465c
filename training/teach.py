"""Targets for texts of the pool: what several teachers say together, and what a text's origin adds.

    python -m training.teach training/scores build/taught.npz

Three kinds of witness, none of which a student needs later: the scores of earlier models (.npz files that
`training.pool` wrote), a logistic regression over word and character n-grams with case, fitted to the labelled rows,
and the origin of the text (its source, the source's own label, the client that posted it). Of an origin nobody says
what it means: its share of each label is estimated from the scores of its own texts (expectation maximisation, Saerens
et al. 2002) and moves their scores a part of the way. Texts that the tiers of a cascade are measured on are left out.
Those that the teachers are unsure about come earlier, by chance.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray

from sincerity.cleaning import clean
from sincerity.labels import Label
from training.command import run
from training.corpus import FITTING, Row, data_folder, in_validation, part, read_jsonl, training_rows

NGRAM_WEIGHT = 0.3
"""Share of the n-grams in the mean of log-probabilities; the earlier models share the rest."""
ORIGIN_POWER = 0.5
"""How far an origin's shares move its texts: 1 would take them at their word."""
LEAST_OF_ORIGIN, PSEUDO_TEXTS, ROUNDS = 50, 20, 5

Floats = NDArray[np.float64]


def ngram_features(known: list[str], texts: list[str]) -> tuple[Any, Any]:
    """Weights of words (1 to 3) and of characters with case (2 to 5) in two lists of cleaned texts.

    What there is and how rare it is is taken from the first list.
    """
    from scipy.sparse import hstack
    from sklearn.feature_extraction.text import TfidfVectorizer

    views = [
        TfidfVectorizer(ngram_range=(1, 3), min_df=2, sublinear_tf=True, token_pattern=r"\S+"),
        TfidfVectorizer(
            analyzer="char_wb", ngram_range=(2, 5), min_df=3, sublinear_tf=True, lowercase=False, max_features=400_000
        ),
    ]
    fitted = hstack([view.fit_transform(known) for view in views]).tocsr()
    return fitted, hstack([view.transform(texts) for view in views]).tocsr()


def ngram_scores(texts: list[str], rows: list[Row]) -> Floats:
    """Probabilities (texts, labels) of a regression over n-grams of cleaned texts, fitted to labelled rows."""
    from sklearn.linear_model import LogisticRegression

    known, asked = [clean(row.text).text for row in rows], [clean(text).text for text in texts]
    fitted, features = ngram_features(known, asked)
    labels = [str(label) for label in Label]
    model = LogisticRegression(C=3, max_iter=200, tol=1e-3).fit(fitted, [labels.index(row.label) for row in rows])
    return np.asarray(model.predict_proba(features), np.float64)


def mixed(scores: list[Floats], weights: list[float]) -> Floats:
    """Normalised weighted geometric mean (texts, labels); NaN rows of a teacher count as not asked."""
    asked = [np.where(np.isnan(some[:, :1]), 0.0, weight) for some, weight in zip(scores, weights, strict=True)]
    logs = [np.log(np.clip(np.nan_to_num(some, nan=1.0), 1e-4, 1.0)) for some in scores]
    mean = sum(weight * log for weight, log in zip(asked, logs, strict=True)) / sum(asked)
    return _normalised(np.exp(mean))


def with_origin(scores: Floats, origins: list[str], power: float = ORIGIN_POWER) -> Floats:
    """`scores` (texts, labels) moved toward what is usual among texts of the same origin."""
    overall = scores.mean(0)
    moved = scores.copy()
    places: dict[str, list[int]] = {}
    for i, origin in enumerate(origins):
        places.setdefault(origin, []).append(i)
    for rows in places.values():
        own = scores[rows]
        shares = overall
        for _ in range(ROUNDS):
            posterior = _normalised(own * (shares / overall))
            shares = (posterior.sum(0) + PSEUDO_TEXTS * overall) / (len(rows) + PSEUDO_TEXTS)
        moved[rows] = _normalised(own * (shares / overall) ** power)
    return moved


def origins(rows: list[dict[str, Any]]) -> list[str]:
    """The finest of source, source and its label, source and client that enough of `rows` share."""
    named = [
        [row["source"]] + [f"{row['source']}\n{kind}\n{row[kind]}" for kind in ("orig_label", "client") if row[kind]]
        for row in rows
    ]
    counts = Counter(name for names in named for name in names)
    return [next((name for name in reversed(names) if counts[name] >= LEAST_OF_ORIGIN), names[0]) for names in named]


def unsure_first(scores: Floats, seed: int = 7) -> NDArray[np.int64]:
    """An order by chance in which unsure texts tend to come early (Efraimidis and Spirakis 2006)."""
    entropy = -(scores * np.log(np.maximum(scores, 1e-9))).sum(1) / np.log(scores.shape[1])
    weight = 0.25 + entropy
    return np.argsort(-(np.random.default_rng(seed).random(len(scores)) ** (1 / weight)))


def _normalised(scores: Floats) -> Floats:
    return scores / scores.sum(1, keepdims=True)


def main(
    scores: Annotated[Path, typer.Argument(help="Folder of .npz files with ids and probs.")],
    out: Annotated[Path, typer.Argument(help="File to write, for training.prepare --scores.")],
) -> None:
    teachers = []
    for path in sorted(scores.glob("*.npz")):
        with np.load(path, allow_pickle=False) as file:
            teachers.append(dict(zip(map(str, file["ids"]), file["probs"].astype(np.float64), strict=True)))
    named = {id_ for teacher in teachers for id_ in teacher}
    pool = read_jsonl(data_folder() / "messages" / "unlabelled.jsonl.gz")
    rows = [row for row in pool if row["id"] in named and part(row["id"]) == FITTING]
    unasked = np.full(len(Label), np.nan)
    said = [np.stack([teacher.get(row["id"], unasked) for row in rows]) for teacher in teachers]
    train = [row for row in training_rows() if not in_validation(row.group)]
    models = mixed(said, [1.0] * len(said))
    together = mixed([models, ngram_scores([row["text"] for row in rows], train)], [1 - NGRAM_WEIGHT, NGRAM_WEIGHT])
    targets = with_origin(together, origins(rows))
    order = unsure_first(targets)
    ids = np.array([rows[i]["id"] for i in order])
    np.savez(out, ids=ids, probs=targets[order].round(4).astype(np.float16))
    changed = float((together.argmax(1) != targets.argmax(1)).mean())
    typer.echo(f"{len(ids)} texts; their origin gives {changed:.1%} another label", err=True)


if __name__ == "__main__":
    run(main)
