"""Which words moved the n-grams, and how far.

The n-grams are linear: a label's margin, its logit less the mean of the others, is a sum over n-grams, so it is parted
as it stands. An n-gram's weight goes to the words and signs that it touches, to each by as many bytes as it covers of
it. Counts over the whole text are traits. What touches no word, as the gap in front of every text, goes to all words in
equal shares, as the biases of a graph do (`sincerity.model`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sincerity.cleaning import folded_with_offsets
from sincerity.ngrams import (
    CHARACTERS,
    CONTROLS,
    FACTORS,
    GAP,
    LINK,
    LINK_BYTE,
    MARKER,
    MENTION,
    MENTION_BYTE,
    SHOUTED_LINK,
    Bytes,
    Ints,
    NGrams,
    Words,
    batches,
    groups,
    is_plain,
    kept,
    links,
    lowered,
    replaced,
    without_controls,
)
from sincerity.reasons import Part

Floats = NDArray[np.float64]

_CAPITALS, _SIGNS = "its capital letters", "its links, mentions and hashtags"
TRAITS = ("its length", _CAPITALS, _CAPITALS, "its lines", "its digits", *[_SIGNS] * 4)
"""What each of the traits of `sincerity.ngrams` counts."""


class Traced(NamedTuple):
    """The buffer of some texts, and for each byte the half-open range of characters of its text behind it."""

    buffer: Bytes
    firsts: Ints
    lasts: Ints


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


# Bytes back to characters --------------------------------------------------------------------------------------------

_IS_CONTROL = np.isin(np.arange(256), [*CONTROLS])


def traced(texts: Sequence[str], views: Sequence[str]) -> Traced:
    """What `sincerity.ngrams.joined` makes of the views of texts, and where its bytes come from."""
    together = GAP.join(("", *views, ""))
    codes = together.encode("utf-8", "replace")
    gap = np.zeros(len(GAP), np.int64)
    spans = [_spans(text, view) for text, view in zip(texts, views, strict=True)]
    firsts, lasts = (np.concatenate([gap, *(part for span in spans for part in (span[k], gap))]) for k in (0, 1))
    if len(codes) > len(together):
        sizes = _sizes(together)
        firsts, lasts = firsts.repeat(sizes), lasts.repeat(sizes)

    def keep(kept: NDArray[np.bool_]) -> None:
        """What is left out counts as what is in front of it."""
        nonlocal firsts, lasts
        places = kept.nonzero()[0]
        firsts, lasts = firsts[places], np.maximum.reduceat(lasts, places)

    keep(~_IS_CONTROL.take(np.frombuffer(codes, np.uint8)))
    codes = without_controls(codes)
    for pattern, byte in ((LINK, LINK_BYTE), (SHOUTED_LINK, LINK_BYTE), (MENTION, MENTION_BYTE)):
        mentions = (match.span() for match in MENTION.finditer(codes))
        places = list(mentions if pattern is MENTION else links(codes, pattern))
        whole = np.ones(len(codes), bool)
        for start, end in places:
            whole[start + 1 : end] = False
        keep(whole)
        codes = replaced(codes, places, byte)
    buffer = np.frombuffer(codes, np.uint8)
    keep(mask := kept(buffer))
    return Traced(buffer[mask], firsts, lasts)


def _sizes(text: str) -> Ints:
    """Bytes that each character (characters,) has in UTF-8; lone surrogates become a question mark."""
    points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4").astype(np.int64)
    sizes = 1 + (points > 0x7F) + (points > 0x7FF) + (points > 0xFFFF)
    return np.where(points >> 11 == 0xD800 >> 11, 1, sizes)


def _spans(text: str, view: str) -> tuple[Ints, Ints]:
    """Half-open ranges of characters of a text, one for each character of its view."""
    if is_plain(text):
        first = len(text) - len(text.lstrip())
        places = np.arange(first, first + len(view))
        return places, places + 1
    folded = folded_with_offsets(text)
    first = len(folded.text) - len(folded.text.lstrip())
    spans = np.array((folded.offsets or [])[first : first + len(view)], np.int64).reshape(-1, 2)
    return spans[:, 0], spans[:, 1]
