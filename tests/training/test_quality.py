"""What the figures of a model mean."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

evaluate = pytest.importorskip("evaluate", reason="needs the train extra: make test-all")

from sklearn.metrics import f1_score, log_loss  # noqa: E402

from training import quality  # noqa: E402
from training.quality import Quality, gain, label_quality  # noqa: E402

RNG = np.random.default_rng(0)
SCORES = RNG.dirichlet([1, 1, 1], 600)
TRUTH = np.array([RNG.choice(3, p=p) for p in SCORES])


@pytest.fixture(scope="module")
def found() -> dict[str, object]:
    return dict(Quality().compute(predictions=SCORES.tolist(), references=TRUTH.tolist()))


def test_the_metric_loads_by_path_and_says_the_same(found: dict[str, object]) -> None:
    loaded = evaluate.load(str(Path(quality.__file__)))
    for start in range(0, 600, 100):
        loaded.add_batch(
            predictions=SCORES[start : start + 100].tolist(), references=TRUTH[start : start + 100].tolist()
        )
    assert loaded.compute() == found


def test_single_numbers_are_those_of_scikit_learn(found: dict[str, object]) -> None:
    assert found["macro_f1"] == pytest.approx(f1_score(TRUTH, SCORES.argmax(1), average="macro"), abs=1e-4)
    assert found["log_loss"] == pytest.approx(log_loss(TRUTH, SCORES), abs=1e-4)
    assert found["accuracy"] == pytest.approx((SCORES.argmax(1) == TRUTH).mean(), abs=1e-4)
    assert found["brier"] == pytest.approx(((SCORES - np.eye(3)[TRUTH]) ** 2).sum(1).mean(), abs=1e-4)


def test_a_calibrated_model_lies_in_its_own_interval(found: dict[str, object]) -> None:
    low, high = found["calibrated_ece"]
    assert low <= found["ece"] <= high


def test_overconfidence_shows() -> None:
    sharp = SCORES**4 / (SCORES**4).sum(1, keepdims=True)
    found = Quality().compute(predictions=sharp.tolist(), references=TRUTH.tolist(), resamples=200)
    assert found["ece"] > found["calibrated_ece"][1]
    assert found["intervals"]["ece"][0] > found["calibrated_ece"][1]


def test_intervals_hold_their_value_and_shrink_with_more_rows(found: dict[str, object]) -> None:
    few = Quality().compute(predictions=SCORES[:60].tolist(), references=TRUTH[:60].tolist())
    for name in ("accuracy", "macro_f1", "log_loss", "brier"):
        low, high = found["intervals"][name]
        assert low <= found[name] <= high
        assert high - low < few["intervals"][name][1] - few["intervals"][name][0]


def test_a_second_label_counts_only_for_lenient_accuracy(found: dict[str, object]) -> None:
    seconds = SCORES.argmax(1).tolist()
    lenient = Quality().compute(predictions=SCORES.tolist(), references=TRUTH.tolist(), seconds=seconds)
    assert lenient["lenient_accuracy"] == 1
    assert lenient["accuracy"] == found["accuracy"] == found["lenient_accuracy"]


def test_risk_grows_with_coverage_for_a_calibrated_model(found: dict[str, object]) -> None:
    curve = found["risk_coverage"]
    assert curve[0]["risk"] < curve[-1]["risk"] == pytest.approx(1 - found["accuracy"], abs=1e-4)
    assert found["accuracy_at_80_percent_coverage"] == pytest.approx(1 - curve[15]["risk"], abs=1e-4)


def test_what_is_no_probability_is_refused() -> None:
    with pytest.raises(ValueError, match="Expected: probabilities"):
        Quality().compute(predictions=[[3.0, 1.0], [0.2, 0.9]], references=[0, 1])


def test_a_gain_is_measured_in_pairs() -> None:
    guess, worse = SCORES.argmax(1), np.where(np.arange(600) % 5 == 0, 0, SCORES.argmax(1))
    found = gain(TRUTH, guess, worse, 3)
    assert found["macro_f1"] == pytest.approx(
        label_quality(TRUTH, guess, 3)["macro_f1"] - label_quality(TRUTH, worse, 3)["macro_f1"], abs=2e-4
    )
    assert found["interval"][0] > 0, "paired resampling sees a difference that two intervals side by side would hide"
    assert gain(TRUTH, guess, guess, 3) == {"macro_f1": 0, "interval": [0, 0]}
