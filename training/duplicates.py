"""Near-duplicates: texts that are the same but for links, names, numbers and a few letters."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from sklearn.feature_extraction.text import HashingVectorizer

from sincerity.cleaning import clean

SIMILAR = 0.8
"""Least Jaccard similarity of two texts' runs of five characters (Broder, 1997) that makes them near-duplicates."""
LEAST_LENGTH = 20
"""Characters under which texts are equal by chance ("thank you so much!"), not by copying."""


def near_duplicates(texts: Sequence[str], others: Sequence[str]) -> list[tuple[int, int]]:
    """Pairs of positions, in `texts` and in `others`, of near-duplicates."""
    vectorizer = HashingVectorizer(analyzer="char", ngram_range=(5, 5), binary=True, norm=None, alternate_sign=False)
    left, right = (_normalised(side) for side in (texts, others))
    if not left or not right:
        return []
    a, b = (vectorizer.transform(list(side.values())) for side in (left, right))
    sizes_a, sizes_b = (np.asarray(matrix.sum(axis=1)).ravel() for matrix in (a, b))
    names_a, names_b = list(left), list(right)
    across, pairs = b.T.tocsc(), []
    for start in range(0, a.shape[0], 512):
        common = (a[start : start + 512] @ across).tocoo()
        union = sizes_a[start + common.row] + sizes_b[common.col] - common.data
        close = common.data >= SIMILAR * union
        pairs += [(names_a[start + i], names_b[j]) for i, j in zip(common.row[close], common.col[close], strict=True)]
    return sorted(pairs)


def duplicate_groups(texts: Sequence[str]) -> NDArray[np.int64]:
    """A number for each text, the same for near-duplicates and for their near-duplicates."""
    pairs = np.array(near_duplicates(texts, texts) or [(0, 0)])
    exact: dict[str, int] = {}
    same = np.array([(i, exact.setdefault(text, i)) for i, text in enumerate(texts)])
    edges = np.concatenate([pairs, same])
    graph = coo_array((np.ones(len(edges)), edges.T), shape=(len(texts), len(texts)))
    return np.asarray(connected_components(graph, directed=False)[1], np.int64)


def _normalised(texts: Sequence[str]) -> dict[int, str]:
    """By position, texts long enough to be copies: cleaned, without links, names, numbers and signs."""
    plain = {i: re.sub(r"\[\w+\]|[\W\d_]+", " ", clean(text).text.lower()).strip() for i, text in enumerate(texts)}
    return {i: text for i, text in plain.items() if len(text) >= LEAST_LENGTH}
