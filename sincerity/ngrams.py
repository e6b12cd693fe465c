"""Probabilities from hashed n-grams: a linear model over words and runs of characters, in numpy alone.

The fast first answer of a cascade (`sincerity.cascade`). A window of texts is joined into one buffer of bytes, and
every step runs over all of it: links and mentions by regular expressions, case and digits by a table, and each n-gram
by its hash, which needs no Python per word. The hash of any stretch is a difference of prefix sums, Σ vᵢ pⁱ modulo
2³², divided by the power of p at its start; so it does not depend on where in the buffer a text lies. A hash chooses a
row of integer weights (the hashing trick: Weinberger et al., ICML 2009), a text's rows are summed in integers, and the
sum is divided by the root of its number of n-grams. Nothing in that depends on the texts around, to the last bit.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sincerity.buffers import BUFFER, GAP, LINK_BYTE, MARKER, MENTION_BYTE, Bytes, Ints, buffers
from sincerity.errors import ModelError

NGRAMS_VERSION = 1
"""Version of what `groups` counts; weights fitted to another are refused."""

Hashes = NDArray[np.uint32]


class NGrams:
    """Weights by hash; `probabilities` is safe to call from many threads.

    Args:
        weights: int8 (2ᵏ, labels).
        step: What a weight of 1 adds to a logit before the division by the root of the number of n-grams.
    """

    def __init__(self, weights: NDArray[np.int8], step: float) -> None:
        self._labels = weights.shape[1]
        self._bits = weights.shape[0].bit_length() - 1
        self.step = step
        # three labels share an integer, so that one look-up serves all three
        columns = [column + _BIAS << _COLUMN_BITS * (k % 3) for k, column in enumerate(weights.T.astype(np.int32))]
        self._packed = [sum(columns[first : first + 3]) for first in range(0, self._labels, 3)]

    @classmethod
    def read(cls, path: Path, labels: int, step: float) -> NGrams:
        """Weights from an .npy file; raises `ModelError`."""
        try:
            weights = np.load(path, allow_pickle=False)
        except (OSError, ValueError) as error:
            raise ModelError(f"{path} cannot be read as an array ({error}). Get the model again.") from error
        rows = weights.shape[0] if weights.ndim == 2 else 0
        if weights.dtype != np.int8 or weights.shape[1:] != (labels,) or rows < 2 or rows & (rows - 1):
            raise ModelError(
                f"{path} holds {weights.dtype} {weights.shape}. Expected: int8, a power of two by {labels} labels. "
                "Get the model again."
            )
        return cls(weights, step)

    def probabilities(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Probabilities (texts, labels); rows of NaN for texts too long for this model, or with nothing in them."""
        logits = np.full((len(texts), self._labels), np.nan)
        for rows, buffer in buffers(texts):
            sums, count, wordless = self._sums(buffer)
            logits[rows] = sums * (self.step / np.sqrt(count))[:, None]
            logits[np.array(rows)[wordless]] = np.nan
        exp = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(exp / exp.sum(axis=1, keepdims=True))

    def _sums(self, buffer: Bytes) -> tuple[Ints, Ints, NDArray[np.bool_]]:
        """Sums of weights (texts, labels) and numbers of n-grams (texts,), and which texts have no word."""
        found = groups(buffer)
        count = np.zeros(len(found[0].starts), np.int64)
        totals = np.zeros((self._labels, len(count)), np.int64)
        for first, last in _ALIKE:
            starts, size = found[first].starts, len(found[first].hashes)
            count += (last - first) * _lengths(starts, size)
            kinds = zip(FACTORS[first:last], found[first:last], strict=True)
            buckets = [group.buckets(factor, self._bits) for factor, group in kinds]
            for pack, weights in enumerate(self._packed):
                places = weights.take(buckets[0], mode="clip")  # none is outside, and not to look for them is faster
                for more in buckets[1:]:
                    places += weights.take(more, mode="clip")
                for total in totals[3 * pack : 3 * pack + 3]:
                    total += np.add.reduceat(places & _COLUMN, starts)
                    places >>= _COLUMN_BITS
        wordless = _lengths(found[0].starts, len(found[0].hashes)) == 1  # nothing but the gap before it
        return totals.T - _BIAS * count[:, None], count, wordless

    def weights(self, group: Group, factor: np.uint32) -> Ints:
        """What each n-gram (n-grams, labels) of a kind adds to each label's sum."""
        rows = [weights.take(group.buckets(factor, self._bits)) for weights in self._packed]
        columns = [rows[k // 3] >> _COLUMN_BITS * (k % 3) & _COLUMN for k in range(self._labels)]
        return np.stack(columns, axis=1) - _BIAS


def _lengths(starts: Ints, end: int) -> Ints:
    """From each start to the next, and from the last one to the end."""
    lengths = np.empty_like(starts)
    np.subtract(starts[1:], starts[:-1], out=lengths[:-1])
    lengths[-1] = end - starts[-1]
    return lengths


_BIAS = 128
"""Added to each weight, so that none is negative."""
_ALIKE = ((0, 4), (4, 7), (7, 8))
"""Kinds of n-grams that stand at the same places."""
_COLUMN_BITS, _COLUMN = 10, (1 << 10) - 1
"""Bits that hold the sum of the weights at one place: four of less than 256."""


# Bytes to n-grams ----------------------------------------------------------------------------------------------------

_CAPITALS, _SMALL, _DIGITS, _OTHERS = (bytes(range(*span)) for span in ((65, 91), (97, 123), (48, 58), (128, 256)))
_LOWER = bytes.maketrans(b"\n" + _CAPITALS + _DIGITS, b" " + _SMALL + b"0" * 10)
_SHAPE = bytes.maketrans(b"\n" + _CAPITALS + _SMALL + _OTHERS + _DIGITS, b" " + b"A" * 26 + b"a" * 154 + b"0" * 10)
_SPACE_KIND, _WORD_KIND, _MARK_KIND, _GAP_KIND = 0, 1, 2, 3
_KINDS = np.full(256, _MARK_KIND, np.uint8)
_KINDS[[*_SMALL, *_DIGITS, *_OTHERS, ord("'")]] = _WORD_KIND
_KINDS[[0, ord(" ")]] = _SPACE_KIND
_KINDS[ord(MARKER)] = _GAP_KIND

_NUMBERS: Hashes = np.fromfile(Path(__file__).with_name("hashes.bin"), "<u4").astype(np.uint32)
"""Drawn once by PCG64 from the seed 20161008; importing numpy.random would take as long as a hundred texts."""
_VALUES, FACTORS = _NUMBERS[:256], _NUMBERS[256:]
"""One odd factor for each kind of n-grams; the upper bits of hash × factor choose the bucket."""
_P, _NEXT_WORD, _GAP_HASH = np.uint32(0x9E3779B1), np.uint32(0x27D4EB2F), np.uint32(7)
CHARACTERS = (3, 4, 5)


class Group(NamedTuple):
    """N-grams of one kind, in order, and where in that order those of each text start."""

    hashes: Hashes
    starts: Ints

    def buckets(self, factor: np.uint32, bits: int) -> Ints:
        """The row of weights that each n-gram chooses, of 2 to the power of `bits`."""
        return ((self.hashes * factor) >> np.uint32(32 - bits)).astype(np.int64)


def groups(buffer: Bytes) -> list[Group]:
    """All n-grams of the texts in a buffer, kind by kind; the first kind is words, each text's first being its gap."""
    lower = lowered(buffer)
    shape = np.frombuffer(buffer.tobytes().translate(_SHAPE), np.uint8)
    markers = (buffer == ord(MARKER)).nonzero()[0]
    starts, start, end = markers[:-1], markers[0], markers[-1]
    words, values = Words.of(lower), _VALUES.take(lower)
    gaps, last = words.gaps[:-1], words.gaps[-1]
    by_word = (*_word_runs(words, values), *_word_runs(words, _VALUES.take(shape)))
    found = [Group(hashes[:last], gaps) for hashes in by_word]
    found += [Group(hashes[start:end], starts - start) for hashes in _runs(values)]
    traits = _traits(buffer, words, starts)
    found.append(Group(traits.ravel(), np.arange(len(traits)) * traits.shape[1]))
    return found


def lowered(buffer: Bytes) -> Bytes:
    return np.frombuffer(buffer.tobytes().translate(_LOWER), np.uint8)


class Words(NamedTuple):
    """Half-open spans of words, of single marks, and of gaps."""

    starts: Ints
    ends: Ints
    wordy: NDArray[np.bool_]
    """Letters and digits, not a mark or a gap."""
    gaps: Ints
    """Which of the spans are gaps."""

    @classmethod
    def of(cls, lower: Bytes) -> Words:
        kinds = _KINDS[lower]
        changes = kinds[1:] != kinds[:-1]
        starting, ending = (kinds >= _MARK_KIND for _ in range(2))
        starting[1:] |= changes
        ending[:-1] |= changes
        spoken = kinds != _SPACE_KIND
        starting[0] = ending[-1] = True
        starts = (starting & spoken).nonzero()[0]
        ends = (ending & spoken).nonzero()[0] + 1
        first = kinds[starts]
        return cls(starts, ends, first == _WORD_KIND, (first == _GAP_KIND).nonzero()[0])


def _runs(values: Hashes) -> Iterator[Hashes]:
    """Hashes of the runs of bytes that start at each place."""
    hashes = values
    for length in range(2, max(CHARACTERS) + 1):
        hashes = hashes[:-1] * _P + values[length - 1 :]
        if length in CHARACTERS:
            yield hashes


def _word_runs(words: Words, values: Hashes) -> Iterator[Hashes]:
    """Hashes of words and of pairs of neighbours."""
    sums = np.zeros(len(values) + 1, np.uint32)
    np.cumsum(values * _POWERS[: len(values)], out=sums[1:])
    single = (sums[words.ends] - sums[words.starts]) * _INVERSE_POWERS[words.starts]
    single[words.gaps] = _GAP_HASH
    yield single
    yield single[:-1] * _NEXT_WORD + single[1:]


def _powers(base: int, count: int) -> Hashes:
    powers = np.full(count, base, np.uint32)
    powers[0] = 1
    return np.cumprod(powers, dtype=np.uint32)


_POWERS = _powers(int(_P), BUFFER + 4 * len(GAP))
_INVERSE_POWERS = _powers(pow(int(_P), -1, 1 << 32), len(_POWERS))
_SIZES = np.array([round(2 ** (k / 3)) for k in range(1, 32)])
"""Numbers of words that part texts by size."""


def _traits(buffer: Bytes, words: Words, starts: Ints) -> Hashes:
    """What no n-gram sees: counts and shares over a whole text, as hashes (texts, traits)."""
    signs = np.add.reduceat(_SIGNS.take(buffer), starts)
    capitals, small, digits, lines = (signs >> shift & _FIELD for shift in _SHIFTS)
    marks = np.add.reduceat(_MARKS.take(buffer), starts)
    links, mentions, tags = (
        np.minimum(marks >> shift & _FIELD, most) for shift, most in zip(_SHIFTS, (3, 4, 5), strict=False)
    )
    long = words.wordy & (words.ends - words.starts > 3)
    capital = _IS_CAPITAL.take(buffer.take(words.starts))
    kinds = words.wordy + (long * np.int64(1 << _SHIFTS[1])) + ((long & capital) * np.int64(1 << _SHIFTS[2]))
    kinds = np.add.reduceat(kinds, words.gaps[:-1])
    number, longs, titles = (kinds >> shift & _FIELD for shift in _SHIFTS[:3])
    size = _SIZES.searchsorted(number)
    shouted = np.where(capitals == 0, 0, 1 + 10 * capitals // np.maximum(capitals + small, 1))
    traits = np.empty((len(starts), 9), np.int64)
    traits[:, 0] = size
    traits[:, 1] = shouted * 32 + size
    traits[:, 2] = 10 * titles // np.maximum(longs, 1) * 32 + size
    traits[:, 3] = np.minimum(lines, 4)
    traits[:, 4] = np.minimum(digits, 12)
    traits[:, 5], traits[:, 6], traits[:, 7] = links, mentions, tags
    traits[:, 8] = ((links * 5 + mentions) * 6 + tags) * 32 + size
    return (traits + _COLUMNS).astype(np.uint32) * _P


_SHIFTS, _FIELD = (0, 16, 32, 48), (1 << 16) - 1
"""Up to four counts share an integer: no text is as long as its fields are wide."""


def _counting(*groups: bytes) -> Ints:
    """For each byte an integer that counts it in the field of its group."""
    table = np.zeros(256, np.int64)
    for shift, group in zip(_SHIFTS, groups, strict=False):
        table[list(group)] = 1 << shift
    return table


_SIGNS = _counting(_CAPITALS, _SMALL, _DIGITS, b"\n")
_MARKS = _counting(LINK_BYTE, MENTION_BYTE, b"#")
_IS_CAPITAL = _SIGNS == 1
_COLUMNS = np.arange(9) << 13
