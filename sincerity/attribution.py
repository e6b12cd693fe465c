"""Which words moved the n-grams, and how far.

The n-grams are linear: a label's margin, its logit less the mean of the others, is a sum over n-grams, so it is parted
as it stands. An n-gram's weight goes to the words and signs that it touches, to each by as many bytes as it covers of
it. Counts over the whole text are traits. What touches no word, as the gap in front of every text, goes to all words in
equal shares, as the biases of a graph do (`sincerity.model`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from sincerity.buffers import MARKER, Bytes, Ints, Traced, batches, traced
from sincerity.ngrams import CHARACTERS, FACTORS, NGrams, Words, groups, lowered
from sincerity.reasons import Part

Floats = NDArray[np.float64]

_CAPITALS, _SIGNS = "share of capital letters", "number of links, mentions and hashtags"
TRAITS = ("number of words", _CAPITALS, _CAPITALS, "number of lines", "number of digits", *[_SIGNS] * 4)
"""What each of the traits of `sincerity.ngrams` counts."""


def attributions(ngrams: NGrams, texts: Sequence[str]) -> list[list[Part]]:
    """What each word of each text, in its characters, and each trait contributed to its label's margin, in logits.

    Texts are such as `ngrams` judges: neither too long nor without a word.
    """
    found: list[list[Part]] = [[] for _ in texts]
    for rows, views in batches(texts):
        for row, parts in zip(rows, _parted(ngrams, traced([texts[row] for row in rows], views)), strict=True):
            found[row] = parts
    return found


def _parted(ngrams: NGrams, traced: Traced) -> Iterator[list[Part]]:
    spans = Words.of(lowered(traced.buffer))
    spoken = np.ones(len(spans.starts), bool)
    spoken[spans.gaps] = False
    text_of = np.repeat(np.arange(len(spans.gaps)), np.diff(spans.gaps, append=len(spans.starts)))[spoken]
    starts, ends = spans.starts[spoken], spans.ends[spoken]
    margins, pushes = _pushes(ngrams, traced.buffer)
    traits = pushes[-1].reshape(len(margins), -1)
    weights = _held(_stretches(traced.buffer, spans), pushes, starts, ends)
    number = np.bincount(text_of, minlength=len(margins))
    left = margins - np.bincount(text_of, weights, len(margins)) - traits.sum(axis=1)
    weights += (left / number)[text_of]
    parts = list(map(Part, traced.firsts[starts].tolist(), traced.lasts[ends - 1].tolist(), weights.tolist()))
    for (first, last), by_trait in zip(pairwise([0, *np.cumsum(number).tolist()]), traits.tolist(), strict=True):
        summed = dict.fromkeys(TRAITS, 0.0)
        for name, weight in zip(TRAITS, by_trait, strict=True):
            summed[name] += weight
        yield [*_merged(parts[first:last]), *(Part(0, 0, weight, name) for name, weight in summed.items())]


def _pushes(ngrams: NGrams, buffer: Bytes) -> tuple[Floats, list[Floats]]:
    """The margin (texts,) of each text's label, and what the n-grams (n-grams,) of each kind add to it."""
    found = groups(buffer)
    texts = len(found[0].starts)
    weights = [ngrams.weights(group, factor) for group, factor in zip(found, FACTORS, strict=False)]
    sums = sum(np.add.reduceat(some, group.starts) for group, some in zip(found, weights, strict=True))
    sizes = [np.diff(group.starts, append=len(group.hashes)) for group in found]
    share = np.full((texts, weights[0].shape[1]), -1 / (weights[0].shape[1] - 1))
    share[np.arange(texts), np.argmax(sums, axis=1)] = 1
    share *= (ngrams.step / np.sqrt(sum(sizes)))[:, None]
    pushes = [(some * share.repeat(size, axis=0)).sum(axis=1) for some, size in zip(weights, sizes, strict=True)]
    return (sums * share).sum(axis=1), pushes


def _stretches(buffer: Bytes, spans: Words) -> Iterator[tuple[Ints, Ints]]:
    """Where the n-grams of each kind but traits start and end, in the order of `groups`."""
    last = spans.gaps[-1]
    for _ in range(2):  # in small letters, and as shapes
        yield spans.starts[:last], spans.ends[:last]
        yield spans.starts[:last], spans.ends[1 : last + 1]
    markers = (buffer == ord(MARKER)).nonzero()[0]
    starts = np.arange(markers[0], markers[-1])
    for length in CHARACTERS:
        yield starts, starts + length


def _held(stretches: Iterable[tuple[Ints, Ints]], pushes: Sequence[Floats], starts: Ints, ends: Ints) -> Floats:
    """What reaches each word (words,) of what is spread over the words' bytes in each stretch."""
    size = ends[-1] + 1
    within = np.bincount(starts, minlength=size) - np.bincount(ends, minlength=size)
    covered = np.concatenate(([0], np.cumsum(np.cumsum(within))))
    spread = np.zeros(size)
    for (first, behind), some in zip(stretches, pushes, strict=False):
        first, behind = np.minimum(first, size - 1), np.minimum(behind, size - 1)
        touched = covered[behind] - covered[first]
        each = some / np.maximum(touched, 1)
        spread += np.bincount(first, each, size) - np.bincount(behind, each, size)
    reached = np.concatenate(([0.0], np.cumsum(np.cumsum(spread))))
    return reached[ends] - reached[starts]


def _merged(parts: Sequence[Part]) -> list[Part]:
    """Neighbours that stand for the same characters, as what an emoji's name consists of, as one."""
    found: list[Part] = []
    for part in parts:
        if found and part[:2] == found[-1][:2]:
            found[-1] = part._replace(weight=part.weight + found[-1].weight)
        else:
            found.append(part)
    return found
