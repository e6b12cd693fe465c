"""Margins are the cheapest ones that keep to the budget; weights are fitted to soft targets."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="needs the train extra: make test-all")
pytest.importorskip("torch", reason="needs the train extra: make test-all")

from sincerity.cascade import leads
from sincerity.ngrams import NGrams
from training import corpus, tier
from training.cascade import FIRST_SHARE, NEVER, choose

HELLO, OFFER = "hello my friend number {}", "buy boots now for {} dollars"


def synthetic(texts: int, noise: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """An accurate model's labels, and a tier's probabilities that lead by as much as they can be trusted."""
    rng = np.random.default_rng(seed)
    expected = rng.integers(0, 3, texts)
    logits = rng.normal(0, noise, (texts, 3))
    logits[np.arange(texts), expected] += 2.5
    return expected, tier.softmax(logits)


@pytest.mark.parametrize("budget", [0.0, 0.01, 0.05])
def test_a_cascade_differs_by_no_more_than_its_budget_and_answers_more_with_more(budget: float) -> None:
    expected, fast = synthetic(4000, 1.5, 0)
    _, middle = synthetic(4000, 0.8, 0)
    margins, about = choose([fast, middle], expected, [0.1, 1.0], budget)
    first = leads(fast, np.array(margins[0]))
    second = leads(middle, np.array(margins[1])) & ~first
    wrong = (fast.argmax(1) != expected)[first].sum() + (middle.argmax(1) != expected)[second].sum()
    assert wrong <= budget * 4000
    assert (fast.argmax(1) != expected)[first].sum() <= FIRST_SHARE * budget * 4000
    assert about["answered"] == pytest.approx([first.mean(), second.mean()], abs=1e-3)
    if budget:
        _, less = choose([fast, middle], expected, [0.1, 1.0], budget / 2)
        assert sum(about["answered"]) > sum(less["answered"])


def test_a_tier_that_guesses_is_never_asked_to_answer() -> None:
    expected, _ = synthetic(2000, 1, 1)
    guesses = np.random.default_rng(2).dirichlet([1, 1, 1], 2000)
    margins, about = choose([guesses], expected, [1.0], 0.001)
    assert about["answered"][0] < 0.02
    assert max(margins[0]) <= NEVER


def test_fitted_weights_give_soft_targets_back() -> None:
    texts = [form.format(i) for i in range(60) for form in (HELLO, OFFER)]
    targets = np.array([[0.9, 0.1], [0.2, 0.8]] * 60)
    features = tier.counts(["", *texts])[1:]
    weights, step = tier.rounded(tier.fit(features, targets), features, targets)
    found = NGrams(weights, step).probabilities([HELLO.format(99), OFFER.format(99)])
    assert found == pytest.approx(np.array([[0.9, 0.1], [0.2, 0.8]]), abs=0.03)


def test_features_are_those_that_inference_sums() -> None:
    texts = ["", "hello", "x" * 1000, "see you at eight, bring the cake!", " "]
    weights = np.random.default_rng(0).integers(-127, 128, (1 << tier.BITS, 2)).astype(np.int8)
    found = NGrams(weights, 0.01).probabilities(texts)
    expected = tier.softmax((tier.counts(texts) @ weights.astype(np.float64)) * 0.01)
    assert np.allclose(found[[1, 3]], expected[[1, 3]])
    assert np.isnan(found[[0, 2, 4]]).all()


def test_the_parts_of_the_pool_are_fixed_and_a_tenth_each() -> None:
    parts = [corpus.part(f"{i:012x}") for i in range(10_000)]
    assert corpus.part("4a4d44a26546") == corpus.part("4a4d44a26546")
    assert parts.count(corpus.CHOOSING) == pytest.approx(1000, abs=100)
    assert parts.count(corpus.MEASURING) == pytest.approx(1000, abs=100)
