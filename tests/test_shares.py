"""Shares of labels, corrected for the classifier's errors."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from sincerity import Classifier, ModelError, Prediction, Status
from sincerity.folders import DEFAULT_MODEL, shipped_models
from sincerity.shares import Share, corrected_shares, draw_shares

CONFUSION = [[850, 100, 50], [60, 480, 60], [90, 60, 350]]


def stream(shares: list[float], rng: np.random.Generator, texts: int = 2000) -> list[int]:
    """How often each label is given in a stream with these true shares, by a classifier that errs as CONFUSION says."""
    matrix = np.array(CONFUSION) / np.sum(CONFUSION, axis=1, keepdims=True)
    return [int(n) for n in rng.multinomial(texts, np.array(shares) @ matrix)]


@pytest.mark.parametrize("shares", [[0.9, 0.05, 0.05], [0.1, 0.8, 0.1], [0.3, 0.3, 0.4], [0.0, 0.0, 1.0]])
def test_corrected_shares_are_nearer_to_the_truth_and_their_interval_holds_it(shares: list[float]) -> None:
    rng = np.random.default_rng(1)
    for _ in range(5):
        found = corrected_shares(stream(shares, rng), CONFUSION)
        off = [abs(share.estimate - true) for share, true in zip(found, shares, strict=True)]
        counted = [abs(share.counted - true) for share, true in zip(found, shares, strict=True)]
        assert sum(off) < sum(counted)
        assert all(share.low - 0.01 <= true <= share.high + 0.01 for share, true in zip(found, shares, strict=True))
        assert sum(share.estimate for share in found) == pytest.approx(1, abs=1e-3)


def test_a_perfect_classifier_needs_no_correction() -> None:
    first, second = corrected_shares([700, 300], [[10_000, 0], [0, 10_000]])
    assert (first.counted, first.estimate, second.estimate) == (0.7, 0.7, 0.3)
    assert first.low < 0.7 < first.high


def test_fewer_texts_mean_a_wider_interval() -> None:
    few, many = (corrected_shares([7 * n, 2 * n, n], CONFUSION)[0] for n in (2, 2000))
    assert few.high - few.low > 1.5 * (many.high - many.low)


def test_shares_are_the_same_every_time() -> None:
    assert corrected_shares([7, 2, 1], CONFUSION) == corrected_shares([7, 2, 1], CONFUSION)


def prediction(label: str, status: Status = Status.OK) -> Prediction:
    return Prediction(label=label, score=1, scores={}, certain=True, model="m", status=status)


def test_a_classifier_gives_the_shares_of_its_predictions(classifier: Classifier) -> None:
    predictions = [prediction("conversational")] * 80 + [prediction("automated")] * 20
    shares = classifier.shares(predictions)
    assert list(shares) == ["conversational", "promotional", "automated"]
    assert shares["conversational"].counted == 0.8
    assert all(isinstance(share, Share) and 0 <= share.low <= share.high <= 1 for share in shares.values())
    assert classifier.shares([*predictions, prediction("automated", Status.BLANK)]) == shares, (
        "blank texts do not count"
    )


def test_a_stream_without_readable_texts_has_no_shares(classifier: Classifier) -> None:
    for predictions in ([], [prediction("automated", Status.BLANK)], [prediction("spam")]):
        with pytest.raises(ValueError, match="Expected some of: conversational"):
            classifier.shares(predictions)


def test_a_model_whose_errors_are_unknown_says_so(tmp_path: Path) -> None:
    config = copy_of_the_model(tmp_path)
    del config["sincerity"]["confusion"], config["sincerity"]["cascade"]
    (tmp_path / "model" / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match="no confusion matrix"):
        Classifier(tmp_path / "model").shares([prediction("automated")])


@pytest.mark.parametrize("confusion", [[[1, 2], [3, 4]], [[1, 2, 3]] * 2, [[0, 0, 0]] * 3, [[1.5, 1, 1]] * 3, "many"])
def test_a_damaged_confusion_matrix_is_refused(tmp_path: Path, confusion: object) -> None:
    config = copy_of_the_model(tmp_path)
    config["sincerity"]["confusion"] = confusion
    (tmp_path / "model" / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match="confusion is"):
        Classifier(tmp_path / "model")


def copy_of_the_model(folder: Path) -> dict[str, dict[str, object]]:
    """A copy in which the config may be changed; returns the config."""
    ignored = shutil.ignore_patterns("*.safetensors", "model.onnx", "*.png", "SHA256SUMS")
    shutil.copytree(shipped_models()[DEFAULT_MODEL], folder / "model", ignore=ignored)
    return json.loads((folder / "model" / "config.json").read_text("utf-8"))


def test_many_streams_at_once_get_the_shares_that_each_gets_alone() -> None:
    counts = np.array([[50, 30, 20], [333, 333, 334], [900, 60, 40]])
    estimates, draws = draw_shares(counts, CONFUSION)
    for row, estimate, drawn in zip(counts, estimates, draws.transpose(1, 0, 2), strict=True):
        for share, value, of_label in zip(corrected_shares(row.tolist(), CONFUSION), estimate, drawn.T, strict=True):
            assert value == pytest.approx(share.estimate, abs=0.005)
            low, high = np.percentile(of_label, [2.5, 97.5])
            assert low == pytest.approx(share.low, abs=0.1)
            assert high == pytest.approx(share.high, abs=0.1)


def test_the_draws_of_many_streams_hold_the_true_share_as_often_as_they_should() -> None:
    rng = np.random.default_rng(2)
    truth = np.array([0.5, 0.3, 0.2])
    matrices = [
        np.stack([rng.dirichlet(np.array(row) * min(1, 100 / sum(row))) for row in CONFUSION]) for _ in range(300)
    ]
    counts = np.stack([rng.multinomial(100, truth @ matrix) for matrix in matrices])
    _, draws = draw_shares(counts, CONFUSION)
    low, high = np.percentile(draws[:, :, 0], [2.5, 97.5], axis=0)
    assert 0.9 < np.mean((low <= 0.5) & (high >= 0.5)) <= 1


def test_no_stream_is_proven_to_hold_nothing_of_a_label() -> None:
    _, draws = draw_shares(np.array([[0, 0, 20]]), CONFUSION)
    assert np.percentile(draws[:, 0, 0], 97.5) > 0.02
