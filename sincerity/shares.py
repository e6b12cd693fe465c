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
