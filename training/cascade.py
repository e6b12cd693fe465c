"""When may a faster model answer? Chooses the margins of a cascade and writes its entry into the model's config.

    python -m training.cascade models/sincerity-minilm-l6 build/scores
    python -m training.cascade models/sincerity-minilm-l6 build/scores --fast models/another

after `training.tier`, with the same scores. Margins are chosen on the pool's texts that no tier was fitted to: the
cheapest ones by which at most `BUDGET` of all labels differ from the accurate model's. The threshold of certainty and
the confusion matrix are then measured on the validation split, of the cascade as a whole. What was found goes into the
folder's results.json; the manifest is written anew (for a shipped model, `python -m training.manifest` after it).
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray

from sincerity import Classifier
from sincerity.cascade import leads
from sincerity.integrity import MANIFEST, NGRAMS, sha256
from sincerity.ngrams import NGRAMS_VERSION, NGrams
from training.command import run
from training.corpus import CHOOSING, Row, in_validation, part, training_rows
from training.export import COVERAGE
from training.manifest import write_manifest
from training.quality import NO_SECOND, figures
from training.tier import scored_texts

BUDGET = 0.0175
"""Share of labels that may differ from the accurate model's. Between 1.25 % and this nothing is lost on
validation, on research rows or forms of our own: the middle model is no worse than the accurate one."""
FIRST_SHARE = 1 / 3
"""Of the budget, for the first of several tiers: n-grams see no order of words, and what they may get wrong is better
spent by a graph. With half of it, an offer at the end of a text made promotion more probable in 97.6 % of texts only,
for lack of n-grams that are as sure as the graphs."""
RATES = (0.0, *np.geomspace(0.002, 0.3, 60))
"""Shares of differing labels, among the texts at a margin, that a tier may be allowed."""
NEVER = 2.0
"""A margin that no lead reaches."""
TIMED = 256

Floats = NDArray[np.float64]
Margins = tuple[float, ...]


def margins_for(scores: Floats, expected: NDArray[np.int64]) -> list[Margins]:
    """For each of `RATES`, the least lead of each label at and above which no larger share of labels is wrong."""
    from sklearn.isotonic import IsotonicRegression

    best = scores.argmax(axis=1)
    ordered = np.sort(scores, axis=1)
    lead = ordered[:, -1] - ordered[:, -2]
    columns = []
    for label in range(scores.shape[1]):
        here = best == label
        if not here.any():
            columns.append([NEVER] * len(RATES))
            continue
        wrong = IsotonicRegression(increasing=False).fit(lead[here], (best != expected)[here].astype(float))
        places = np.linspace(0, 1, 1001)
        share = wrong.predict(np.clip(places, lead[here].min(), lead[here].max()))
        columns.append([round(float(min(places[share <= rate], default=NEVER)), 4) for rate in RATES])
    return list(zip(*columns, strict=True))


def choose(
    tiers: Sequence[Floats], expected: NDArray[np.int64], costs: Sequence[float], budget: float = BUDGET
) -> tuple[list[Margins], dict[str, Any]]:
    """Margins of each tier at the least cost, and what they come to.

    Args:
        tiers: Probabilities (texts, labels) of each tier, fastest first; NaN for what it does not judge.
        expected: The accurate model's labels.
        costs: Seconds a text, of each tier but the first and of the accurate model.
        budget: Share of labels that may differ.
    """
    judged = [np.nan_to_num(scores, nan=1 / scores.shape[1]) for scores in tiers]
    options = [margins_for(scores, expected) for scores in judged]
    best: tuple[float, list[Margins], dict[str, Any]] | None = None
    if len(tiers) > 1:
        wrong = judged[0].argmax(axis=1) != expected
        most = FIRST_SHARE * budget * len(expected)
        options[0] = [own for own in options[0] if wrong[leads(judged[0], np.array(own))].sum() <= most]
    for chosen in product(*options):
        left = np.ones(len(expected), bool)
        differing, cost, answered = 0, 0.0, []
        for scores, margins, seconds in zip(judged, chosen, costs, strict=True):
            sure = left & leads(scores, np.array(margins))
            differing += int((scores.argmax(axis=1) != expected)[sure].sum())
            left &= ~sure
            answered.append(round(float(sure.mean()), 4))
            cost += float(left.mean()) * seconds
        if differing <= budget * len(expected) and (best is None or cost < best[0]):
            about = {"answered": answered, "differing": round(differing / len(expected), 4)}
            best = cost, list(chosen), about
    assert best is not None, "margins that no lead reaches differ nowhere"
    return best[1], best[2]


def seconds_a_text(classifier: Classifier, texts: Sequence[str]) -> float:
    classifier.classify(texts[:32])
    started = time.perf_counter()
    classifier.classify(texts[:TIMED])
    return (time.perf_counter() - started) / min(TIMED, len(texts))


def probabilities(classifier: Classifier, texts: Sequence[str]) -> Floats:
    return np.array([list(prediction.scores.values()) for prediction in classifier.classify(texts)])


def measured(classifier: Classifier, rows: Sequence[Row]) -> dict[str, Any]:
    """Threshold and confusion matrix on labelled rows, as the config keeps them; and figures of quality."""
    labels = [str(label) for label in classifier.labels]
    scores = probabilities(classifier, [row.text for row in rows])
    truth = np.array([labels.index(row.label) for row in rows])
    seconds = np.array([labels.index(row.second) if row.second in labels else NO_SECOND for row in rows])
    natural = np.array([row.drawn != "uncertain" for row in rows])
    matrix = np.zeros((len(labels), len(labels)), np.int64)
    np.add.at(matrix, (truth[natural], scores.argmax(axis=1)[natural]), 1)
    return {
        "threshold": round(float(np.quantile(scores.max(axis=1), 1 - COVERAGE)), 4),
        "confusion": matrix.tolist(),
        "quality": {name: round(float(value), 4) for name, value in figures(scores, truth, seconds).items()},
    }


def write_entry(folder: Path, entry: dict[str, Any]) -> None:
    config = json.loads((folder / "config.json").read_text("utf-8"))
    config["sincerity"]["cascade"] = entry
    (folder / "config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", "utf-8")
    write_manifest(folder)


def main(
    folder: Annotated[Path, typer.Argument(help="The accurate model's folder, with ngrams.npy.")],
    scores: Annotated[Path, typer.Argument(help="Folder of .npz files with the accurate model's probabilities.")],
    fast: Annotated[Path | None, typer.Option(help="Folder of a shipped model to ask between the two.")] = None,
    budget: Annotated[float, typer.Option(help="Share of labels that may differ.")] = BUDGET,
) -> None:
    ids, texts, accurate = scored_texts(scores)
    chosen = [i for i, id_ in enumerate(ids) if part(id_) == CHOOSING]
    texts, accurate = [texts[i] for i in chosen], accurate[chosen]
    step = json.loads((scores / "tier.json").read_text("utf-8"))["step"]
    said = [NGrams.read(folder / NGRAMS, accurate.shape[1], step).probabilities(texts)]
    tiers: list[dict[str, Any]] = [{"ngrams": NGRAMS_VERSION, "step": step}]
    costs = [seconds_a_text(Classifier(folder, cascade=False), texts)]
    if fast:
        classifier = Classifier(fast, cascade=False)
        said.append(probabilities(classifier, texts))
        costs.insert(0, seconds_a_text(classifier, texts))
        tiers.append({"model": classifier.name, "manifest": sha256(fast / MANIFEST)})
    margins, about = choose(said, accurate.argmax(axis=1), costs, budget)
    entry = {"tiers": [tier | {"margins": list(own)} for tier, own in zip(tiers, margins, strict=True)]}
    write_entry(folder, entry | {"threshold": 0.5})
    rows = [row for row in training_rows() if in_validation(row.group)]
    whole, alone = measured(Classifier(folder), rows), measured(Classifier(folder, cascade=False), rows)
    write_entry(folder, entry | {name: whole[name] for name in ("threshold", "confusion")})
    about |= {
        "texts": len(texts),
        "budget": budget,
        "milliseconds_a_text": [round(1000 * cost, 3) for cost in costs],
        "tier": json.loads((scores / "tier.json").read_text("utf-8")),
        "validation": {"rows": len(rows), "cascade": whole["quality"], "accurate": alone["quality"]},
    }
    results = json.loads((folder / "results.json").read_text("utf-8"))
    (folder / "results.json").write_text(json.dumps(results | {"cascade": about}, indent=1) + "\n", "utf-8")
    typer.echo(json.dumps(entry | about, indent=1))


if __name__ == "__main__":
    run(main)
