"""How good probabilities are: one `evaluate.Metric`, offline, for every model and rival.

    import evaluate
    quality = evaluate.load("training/quality.py")
    quality.compute(predictions=[[0.7, 0.2, 0.1], [0.1, 0.6, 0.3]], references=[0, 2])

Predictions are probabilities (texts, labels), references the numbers of the right labels.
"""

from __future__ import annotations

from typing import Any

import datasets
import evaluate
import numpy as np
from numpy.typing import NDArray

BINS = 15
COVERAGE = 0.8
NO_SECOND = -1

DESCRIPTION = """\
Accuracy, macro-F1, accuracy that also accepts a second label, log-loss, Brier score, expected calibration error, area
under the risk-coverage curve and accuracy at 80 % coverage, each with a bootstrap 95 % interval; per-label precision,
recall and F1, the confusion matrix, and the points of the reliability and risk-coverage curves."""

CITATION = """\
Brier, Verification of forecasts expressed in terms of probability, 1950.
Efron, Bootstrap methods: another look at the jackknife, 1979 (intervals: percentiles of resampled rows).
Geifman and El-Yaniv, Selective classification for deep neural networks, NeurIPS 2017 (risk and coverage).
Nixon et al., Measuring calibration in deep learning, 2019 (calibration error over bins of equal mass).
Vaicenavicius et al., Evaluating model calibration in classification, AISTATS 2019 (labels drawn from the model's own
probabilities show what error a perfectly calibrated model would have on as many texts)."""


class Quality(evaluate.Metric):
    """See the module."""

    def _info(self) -> evaluate.MetricInfo:
        features = {"predictions": datasets.List(datasets.Value("float64")), "references": datasets.Value("int64")}
        return evaluate.MetricInfo(
            description=DESCRIPTION,
            citation=CITATION,
            inputs_description="predictions: probabilities (texts, labels); references: numbers of the right labels",
            features=datasets.Features(features),
        )

    def _compute(
        self,
        predictions: list[list[float]],
        references: list[int],
        seconds: list[int] | None = None,
        resamples: int = 1000,
        seed: int = 0,
    ) -> dict[str, Any]:
        """`seconds` numbers another label that is not wrong either, -1 where there is none."""
        scores, truth = np.asarray(predictions, np.float64), np.asarray(references)
        if scores.ndim != 2 or not np.allclose(scores.sum(1), 1, atol=1e-3):
            raise ValueError(
                f"predictions have the shape {scores.shape} and sum to {scores.sum(-1).ravel()[:3]}. "
                "Expected: probabilities (texts, labels)."
            )
        other = np.full(len(truth), NO_SECOND) if seconds is None else np.asarray(seconds)
        drawn = [figures(scores[i], truth[i], other[i]) for i in _resampled(len(truth), resamples, seed)]
        value = figures(scores, truth, other)
        return {
            "rows": len(truth),
            **{name: _rounded(found) for name, found in value.items()},
            "intervals": {name: interval([one[name] for one in drawn]) for name in value},
            "calibrated_ece": calibrated_ece(scores, np.random.default_rng(seed), resamples),
            **_by_label(scores, truth),
            "reliability": reliability(scores, truth),
            "risk_coverage": risk_coverage(scores, truth),
        }


def figures(scores: NDArray[np.float64], truth: NDArray[np.int64], seconds: NDArray[np.int64]) -> dict[str, float]:
    """The single numbers."""
    guess, top = scores.argmax(1), scores.max(1)
    right = guess == truth
    risks = _risks(top, right)
    hot = np.eye(scores.shape[1])[truth]
    return {
        "accuracy": right.mean(),
        "macro_f1": macro_f1(truth, guess, scores.shape[1]),
        "lenient_accuracy": (right | (guess == seconds)).mean(),
        "log_loss": -np.log(np.maximum(scores[np.arange(len(truth)), truth], 1e-12)).mean(),
        "brier": ((scores - hot) ** 2).sum(1).mean(),
        "ece": expected_calibration_error(top, right),
        "area_under_risk_coverage": risks.mean(),
        "accuracy_at_80_percent_coverage": 1 - risks[max(0, round(COVERAGE * len(risks)) - 1)],
    }


def macro_f1(truth: NDArray[np.int64], guess: NDArray[np.int64], labels: int) -> float:
    """Mean F1 of the labels that occur in truth or guess."""
    _, _, f1, present = _per_label(truth, guess, labels)
    return float(f1[present].mean())


def label_quality(
    truth: NDArray[np.int64], guess: NDArray[np.int64], labels: int, resamples: int = 1000, seed: int = 0
) -> dict[str, Any]:
    """Accuracy and macro-F1 with their intervals, where there are labels and no probabilities."""
    drawn = _resampled(len(truth), resamples, seed)
    return {
        "rows": len(truth),
        "accuracy": _rounded((truth == guess).mean()),
        "macro_f1": _rounded(macro_f1(truth, guess, labels)),
        "intervals": {
            "accuracy": interval([(truth[i] == guess[i]).mean() for i in drawn]),
            "macro_f1": interval([macro_f1(truth[i], guess[i], labels) for i in drawn]),
        },
    }


def gain(
    truth: NDArray[np.int64],
    guess: NDArray[np.int64],
    other: NDArray[np.int64],
    labels: int,
    resamples: int = 1000,
    seed: int = 0,
) -> dict[str, Any]:
    """Macro-F1 of `guess` less that of `other`, resampled in pairs."""

    def difference(i: NDArray[np.int64] | slice) -> float:
        return macro_f1(truth[i], guess[i], labels) - macro_f1(truth[i], other[i], labels)

    drawn = _resampled(len(truth), resamples, seed)
    return {"macro_f1": _rounded(difference(slice(None))), "interval": interval([difference(i) for i in drawn])}


def _resampled(rows: int, resamples: int, seed: int) -> list[NDArray[np.int64]]:
    rng = np.random.default_rng(seed)
    return [rng.integers(0, rows, rows) for _ in range(resamples)]


def expected_calibration_error(top: NDArray[np.float64], right: NDArray[np.bool_]) -> float:
    """Mean distance of confidence and accuracy over bins of equal mass (at most 1)."""
    order = np.argsort(top, kind="stable")
    bins = np.array_split(order, min(BINS, len(order)))
    return float(sum(abs(top[b].mean() - right[b].mean()) * len(b) for b in bins) / len(order))


def calibrated_ece(scores: NDArray[np.float64], rng: np.random.Generator, resamples: int) -> list[float]:
    """95 % interval of the error that a perfectly calibrated model would show with these scores."""
    top = scores.max(1)
    return interval([expected_calibration_error(top, rng.random(len(top)) < top) for _ in range(resamples)])


def interval(values: Any) -> list[float]:
    """From the 2.5th to the 97.5th percentile."""
    return [_rounded(value) for value in np.percentile(values, [2.5, 97.5])] if len(values) else []


def reliability(scores: NDArray[np.float64], truth: NDArray[np.int64]) -> list[dict[str, float]]:
    """Mean confidence and accuracy in bins of equal mass, least confident first."""
    top, right = scores.max(1), scores.argmax(1) == truth
    bins = np.array_split(np.argsort(top, kind="stable"), min(BINS, len(top)))
    return [
        {"confidence": _rounded(top[b].mean()), "accuracy": _rounded(right[b].mean()), "rows": len(b)} for b in bins
    ]


def risk_coverage(scores: NDArray[np.float64], truth: NDArray[np.int64]) -> list[dict[str, float]]:
    """Share of wrong labels among the most confident 5, 10, ... 100 % of texts, and the least score of these."""
    top = scores.max(1)
    risks, order = _risks(top, scores.argmax(1) == truth), -np.sort(-top)
    last = [max(0, round(share * len(risks)) - 1) for share in np.arange(1, 21) / 20]
    return [
        {"coverage": _rounded((i + 1) / len(risks)), "risk": _rounded(risks[i]), "score": _rounded(order[i])}
        for i in last
    ]


def _risks(top: NDArray[np.float64], right: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Share of wrong labels among the n most confident texts, for every n."""
    wrong = ~right[np.argsort(-top, kind="stable")]
    return np.asarray(wrong.cumsum() / np.arange(1, len(wrong) + 1))


def _per_label(truth: NDArray[np.int64], guess: NDArray[np.int64], labels: int) -> tuple[NDArray[Any], ...]:
    matrix = _confusion(truth, guess, labels)
    hits, guessed, rows = matrix.diagonal(), matrix.sum(0), matrix.sum(1)
    precision, recall = hits / np.maximum(guessed, 1), hits / np.maximum(rows, 1)
    return precision, recall, 2 * hits / np.maximum(guessed + rows, 1), guessed + rows > 0


def _confusion(truth: NDArray[np.int64], guess: NDArray[np.int64], labels: int) -> NDArray[np.int64]:
    return np.bincount(truth * labels + guess, minlength=labels**2).reshape(labels, labels)


def _by_label(scores: NDArray[np.float64], truth: NDArray[np.int64]) -> dict[str, Any]:
    guess, labels = scores.argmax(1), scores.shape[1]
    precision, recall, f1, _ = _per_label(truth, guess, labels)
    matrix = _confusion(truth, guess, labels)
    return {
        "labels": [
            {"precision": _rounded(p), "recall": _rounded(r), "f1": _rounded(f), "rows": int(n)}
            for p, r, f, n in zip(precision, recall, f1, matrix.sum(1), strict=True)
        ],
        "confusion": matrix.tolist(),
    }


def _rounded(value: float) -> float:
    return round(float(value), 4)
