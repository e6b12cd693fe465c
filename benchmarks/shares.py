"""How far corrected shares lie from the truth, beside shares that were simply counted.

    python -m benchmarks.shares models/sincerity-minilm-l6

Draws streams from the dev messages in which one label holds 10 to 90 % and the others the rest in equal parts, and
takes every source under non-commercial terms, none of which was trained on, as a stream of its own. Writes
benchmarks/results/shares.json. Needs SINCERITY_DATA.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from sincerity import Classifier, Prediction
from training.command import run
from training.corpus import Row, research_rows

RESULTS = Path(__file__).parent / "results"
TEXTS, REPEATS = 500, 20
PERCENT = range(10, 100, 10)


def errors(classifier: Classifier, predictions: Sequence[Prediction], truth: Sequence[str]) -> list[dict[str, float]]:
    """For each label: its true, counted and corrected share in a stream."""
    shares = classifier.shares(predictions)
    return [
        {
            "true": truth.count(label) / len(truth),
            "counted": share.counted,
            "corrected": share.estimate,
            "low": share.low,
            "high": share.high,
        }
        for label, share in shares.items()
    ]


def mixes(classifier: Classifier, predictions: Sequence[Prediction], truth: Sequence[str]) -> list[dict[str, Any]]:
    """Mean absolute errors of streams drawn (with replacement) from labelled texts, by share of the leading label."""
    rng = np.random.default_rng(0)
    places = {label: [i for i, true in enumerate(truth) if true == label] for label in map(str, classifier.labels)}
    rows = []
    for percent in PERCENT:
        found = []
        for leading in places:
            for _ in range(REPEATS):
                rest = (100 - percent) / 100 / (len(places) - 1)
                sizes = {label: round(TEXTS * (percent / 100 if label == leading else rest)) for label in places}
                drawn = [i for label in places for i in rng.choice(places[label], sizes[label])]
                found += errors(classifier, [predictions[i] for i in drawn], [truth[i] for i in drawn])
        rows.append({"percent": percent, **_mean(found)})
    return rows


def _mean(found: Sequence[dict[str, float]]) -> dict[str, float]:
    """Mean absolute error, counted and corrected, and how often the interval holds the truth."""
    inside = [one["low"] - 1e-3 <= one["true"] <= one["high"] + 1e-3 for one in found]
    return {
        "counted_error": round(float(np.mean([abs(one["counted"] - one["true"]) for one in found])), 4),
        "corrected_error": round(float(np.mean([abs(one["corrected"] - one["true"]) for one in found])), 4),
        "true_share_in_interval": round(float(np.mean(inside)), 3),
    }


def by_source(classifier: Classifier, rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Conversation in each source, as it is, as counted and as corrected."""
    found = []
    for source in sorted({row.source for row in rows}):
        stream = [row for row in rows if row.source == source]
        predictions = classifier.classify(row.text for row in stream)
        conversation = errors(classifier, predictions, [row.label for row in stream])[0]
        found.append(
            {"source": source, "rows": len(stream)} | {name: round(value, 3) for name, value in conversation.items()}
        )
    return found


def main(folder: Annotated[Path, typer.Argument()] = Path("models/sincerity-minilm-l6")) -> None:
    classifier, dev = Classifier(folder), research_rows("dev")
    drawn = mixes(classifier, classifier.classify(row.text for row in dev), [row.label for row in dev])
    counted, corrected = (float(np.mean([row[f"{kind}_error"] for row in drawn])) for kind in ("counted", "corrected"))
    result = {
        "model": classifier.name,
        "texts_a_stream": TEXTS,
        "streams": len(PERCENT) * len(classifier.labels) * REPEATS,
        "counted_error": round(counted, 4),
        "corrected_error": round(corrected, 4),
        "corrected_to_counted": round(corrected / counted, 3),
        "true_share_in_interval": round(float(np.mean([row["true_share_in_interval"] for row in drawn])), 3),
        "mixes": drawn,
        "conversation_by_source": by_source(classifier, research_rows("noncommercial")),
    }
    (RESULTS / "shares.json").write_text(json.dumps(result, indent=1) + "\n", "utf-8")
    typer.echo(json.dumps(result, indent=1))


if __name__ == "__main__":
    run(main)
