"""How much of a stream bears each label, corrected for the classifier's errors.

Counting labels is biased: where nine of ten posts are conversation, even a good classifier finds less of it, for most
of its errors are on these. The adjusted count (Saerens, Latinne and Decaestecker, Neural Computation
2002; Forman, Data Mining and Knowledge Discovery 2008) asks which shares, sent through the model's confusion matrix,
would have given the counts. Its interval draws both the matrix and the counts from their posteriors (Ziegler and Czyż,
TMLR 2024). It holds as far as the model errs on the stream as it did on its validation texts; the
repository's README says how far that is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

DRAWS = 1000
STEPS = 500
FEWER_STEPS = 60
GIBBS_STEPS = 3
JEFFREYS = 0.5
MOST_ROWS = 100
"""Rows of the matrix count as this many at most: its error on another source is not that of sampling alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """Share of one label among texts, each number from 0 to 1."""

    counted: float
    """As the classifier labelled them."""
    estimate: float
    """Corrected for its errors."""
    low: float
    high: float
    """95 % interval of the corrected share."""


def corrected_shares(counts: Sequence[int], confusion: Sequence[Sequence[int]], seed: int = 0) -> list[Share]:
    """Shares of the labels, from how often each was given and the model's confusion matrix (true label, given label).

    >>> corrected_shares([700, 300], [[90, 10], [20, 80]])[0].estimate
    0.7143
    """
    rng = np.random.default_rng(seed)
    given, matrix = np.asarray(counts, np.float64), np.asarray(confusion, np.float64)
    rows = matrix.sum(1, keepdims=True)
    estimate = _shares(given[None] / given.sum(), (matrix / rows)[None])[0]
    weighted = matrix * np.minimum(1, MOST_ROWS / rows) + JEFFREYS
    matrices = np.stack([rng.dirichlet(row, DRAWS) for row in weighted], axis=1)
    drawn = _shares(rng.dirichlet(given + JEFFREYS, DRAWS), matrices)
    low, high = np.percentile(drawn, [2.5, 97.5], axis=0)
    columns = (given / given.sum(), estimate, np.minimum(low, estimate), np.maximum(high, estimate))
    return [
        Share(**dict(zip(("counted", "estimate", "low", "high"), (round(float(x), 4) for x in row), strict=True)))
        for row in zip(*columns, strict=True)
    ]


def _shares(given: NDArray[np.float64], matrices: NDArray[np.float64]) -> NDArray[np.float64]:
    """Most likely shares (draws, labels), given the shares of labels (draws, labels) and what each true label becomes.

    Expectation maximisation for a mixture of known parts; never leaves the simplex.
    """
    shares = np.full_like(given, 1 / given.shape[1])
    for _ in range(STEPS):
        expected = np.einsum("dk,dkj->dj", shares, matrices)
        shares = shares * np.einsum("dkj,dj->dk", matrices, given / np.maximum(expected, 1e-12))
    return shares


def draw_shares(
    counts: NDArray[np.int64], confusion: Sequence[Sequence[int]], draws: int = 300, seed: int = 0
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Corrected shares of many streams at once: estimates as of `corrected_shares`, and draws from their posterior.

    A draw takes a matrix from its posterior, and from there a few steps of Gibbs sampling: which labels are likely to
    be wrong, then shares given the labels put right (Tanner and Wong, JASA 1987). Unlike intervals of estimates, those
    of such draws are never empty: twenty posts without conversation do not prove that the author never talks.

    Args:
        counts: How often each label was given in each stream (streams, labels); no stream is empty.
        confusion: The model's confusion matrix (true label, given label).
        draws: How many.
        seed: Of the draws.

    Returns:
        Estimates (streams, labels), and draws (draws, streams, labels).
    """
    rng = np.random.default_rng(seed)
    matrix = np.asarray(confusion, np.float64)
    rows = matrix.sum(1, keepdims=True)
    weighted = matrix * np.minimum(1, MOST_ROWS / rows) + JEFFREYS
    given = counts / counts.sum(1, keepdims=True)
    estimates = _solved(given, matrix / rows)
    drawn = np.empty((draws, *counts.shape))
    for draw in drawn:
        some = np.stack([rng.dirichlet(row) for row in weighted])
        shares = _solved(given, some) + 1e-9
        for _ in range(GIBBS_STEPS):
            shares = rng.standard_gamma(JEFFREYS + _put_right(counts, shares, some, rng)) + 1e-12
            shares /= shares.sum(1, keepdims=True)
        draw[:] = shares
    return estimates, drawn


def _put_right(
    counts: NDArray[np.int64], shares: NDArray[np.float64], matrix: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.int64]:
    """How many posts are truly of each label (streams, labels), drawn given shares and how labels are confused."""
    true = np.zeros_like(counts)
    for given in range(counts.shape[1]):
        likely = shares * matrix[:, given] + 1e-300
        true += rng.multinomial(counts[:, given], likely / likely.sum(1, keepdims=True))
    return true


def _solved(given: NDArray[np.float64], matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """`_shares` of many streams under one matrix: solved where the solution is in the simplex, iterated elsewhere."""
    shares = np.linalg.solve(matrix.T, given.T).T
    outside = (shares < 0).any(1)
    start = np.maximum(shares[outside], 1e-3)
    shares[outside] = _iterated(start / start.sum(1, keepdims=True), given[outside], matrix)
    return np.asarray(shares)


def _iterated(
    shares: NDArray[np.float64], given: NDArray[np.float64], matrix: NDArray[np.float64]
) -> NDArray[np.float64]:
    for _ in range(FEWER_STEPS):
        shares = shares * ((given / np.maximum(shares @ matrix, 1e-12)) @ matrix.T)
    return shares
