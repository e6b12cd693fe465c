"""Probabilities from hashed n-grams: a linear model over words and runs of characters, in numpy alone.

The fast first answer of a cascade (`sincerity.cascade`). A window of texts is joined into one buffer of bytes, and
every step runs over all of it: links and mentions by regular expressions, case and digits by a table, and each n-gram
by its hash, which needs no Python per word. The hash of any stretch is a difference of prefix sums, Σ vᵢ pⁱ modulo
2³², divided by the power of p at its start; so it does not depend on where in the buffer a text lies. A hash chooses a
row of integer weights (the hashing trick: Weinberger et al., ICML 2009), a text's rows are summed in integers, and the
sum is divided by the root of its number of n-grams. Nothing in that depends on the texts around, to the last bit.

Texts that are not plain ASCII go through the clean-up's folding of characters first, so invisible and look-alike
characters change nothing here either.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sincerity.cleaning import folded
from sincerity.errors import ModelError

NGRAMS_VERSION = 1
"""Version of what `groups` counts; weights fitted to another are refused."""

LONGEST = 700
"""Bytes of the longest text that is judged."""

Ints = NDArray[np.int64]
Hashes = NDArray[np.uint32]
Bytes = NDArray[np.uint8]


class NGrams:
    """Weights by hash; `probabilities` is safe to call from many threads.

    Args:
        weights: int8 (2ᵏ, labels).
        step: What a weight of 1 adds to a logit before the division by the root of the number of n-grams.
    """

    def __init__(self, weights: NDArray[np.int8], step: float) -> None:
        self._labels = weights.shape[1]
        self._bits = weights.shape[0].bit_length() - 1
        self._step = step
        # three labels share an integer, so that one look-up and few sums serve all three
        columns = weights.astype(np.int32) + _BIAS
        shifts = np.int32(1) << np.arange(0, 30, 10, dtype=np.int32)
        self._packed = [
            (columns[:, first : first + 3] * shifts[: self._labels - first]).sum(axis=1, dtype=np.int32)
            for first in range(0, self._labels, 3)
        ]

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
            logits[rows] = sums * (self._step / np.sqrt(count))[:, None]
            logits[np.array(rows)[wordless]] = np.nan
        exp = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(exp / exp.sum(axis=1, keepdims=True))

    def _sums(self, buffer: Bytes) -> tuple[Ints, Ints, NDArray[np.bool_]]:
        """Sums of weights (texts, labels) and numbers of n-grams (texts,), and which texts have no word."""
        found = groups(buffer)
        sums = np.zeros((len(found[0].starts), self._labels), np.int64)
        count = np.zeros(len(sums), np.int64)
        for first, last in _ALIKE:
            starts, size = found[first].starts, len(found[first].hashes)
            count += (last - first) * np.diff(starts, append=size)
            packed = [np.zeros(size, np.int32) for _ in self._packed]
            for factor, group in zip(FACTORS[first:last], found[first:last], strict=True):
                buckets = group.buckets(factor, self._bits)
                for total, weights in zip(packed, self._packed, strict=True):
                    total += weights.take(buckets)
            for k in range(self._labels):
                weights = packed[k // 3] >> np.int32(10 * (k % 3)) & np.int32(1023)
                sums[:, k] += np.add.reduceat(weights, starts, dtype=np.int64)
        wordless = np.diff(found[0].starts, append=len(found[0].hashes)) == 1  # nothing but the gap before it
        return sums - _BIAS * count[:, None], count, wordless


_BIAS = 128
"""Added to each weight, so that none is negative."""
_ALIKE = ((0, 4), (4, 7), (7, 8))
"""Kinds of n-grams that stand at the same places: four at most, so that ten bits hold the sum of their weights."""


# Texts to bytes ------------------------------------------------------------------------------------------------------

_MARKER = "\3"
_GAP = f"\0\0\0\0{_MARKER}\0\0\0\0"
"""Between texts: no run of five bytes reaches from one text to the next, or over a marker into a text."""
_BUFFER = 1 << 16
"""Bytes worked on at a time: what one step writes is still in the processor's cache when the next reads it."""

_LINK = re.compile(rb"(?:https?:/*|www\.)(?:[^\s\0<>\"]*[^\s\0<>\"'.,;:!?()\[\]])?")
_SHOUTED_LINK = re.compile(rb"(?:H[Tt][Tt][Pp][Ss]?:/*|WWW\.)(?:[^\s\0<>\"]*[^\s\0<>\"'.,;:!?()\[\]])?")
_LINK_STARTS = (b"http", b"www.")
_MENTION = re.compile(rb"@\w+")
_LINK_BYTE, _MENTION_BYTE = b"\x01", b"\x02"
_CONTROLS = bytes({*range(1, 9), *range(14, 32), 127} - {ord(_MARKER)})

_CAPITALS, _SMALL, _DIGITS, _OTHERS = (bytes(range(*span)) for span in ((65, 91), (97, 123), (48, 58), (128, 256)))
_BLANKS = bytes.maketrans(b"\t\v\f\r", b"    ")
_LOWER = bytes.maketrans(b"\n" + _CAPITALS + _DIGITS, b" " + _SMALL + b"0" * 10)
_SHAPE = bytes.maketrans(b"\n" + _CAPITALS + _SMALL + _OTHERS + _DIGITS, b" " + b"A" * 26 + b"a" * 154 + b"0" * 10)
_SPACE_KIND, _WORD_KIND, _MARK_KIND, _GAP_KIND = 0, 1, 2, 3
_KINDS = np.full(256, _MARK_KIND, np.uint8)
_KINDS[[*_SMALL, *_DIGITS, *_OTHERS, ord("'")]] = _WORD_KIND
_KINDS[[0, ord(" ")]] = _SPACE_KIND
_KINDS[ord(_MARKER)] = _GAP_KIND


def buffers(texts: Sequence[str]) -> Iterator[tuple[list[int], Bytes]]:
    """Texts that are short enough, by their place, with the bytes that stand for them and the gaps around."""
    rows: list[int] = []
    views: list[str] = []
    size = 0
    for row, text in enumerate(texts):
        if len(text) > LONGEST:
            continue
        plain = text.isascii() and "&" not in text and "[" not in text and "\0" not in text and _MARKER not in text
        view = (text if plain else folded(text)).strip()
        length = len(view) if view.isascii() else len(view.encode("utf-8", "replace"))
        if length > LONGEST:
            continue
        if rows and size + length > _BUFFER:
            yield rows, _joined(views)
            rows, views, size = [], [], 0
        rows.append(row)
        views.append(view)
        size += length + len(_GAP)
    if rows:
        yield rows, _joined(views)


def _joined(views: Sequence[str]) -> Bytes:
    """Texts in one buffer: links and mentions as one byte each, white space and repetitions cut short."""
    joined = _GAP.join(("", *views, "")).encode("utf-8", "replace").translate(_BLANKS, _CONTROLS)
    joined = _MENTION.sub(_MENTION_BYTE, _linked(_linked(joined, _LINK), _SHOUTED_LINK))
    buffer = np.frombuffer(joined, np.uint8)
    blank = (buffer == ord(" ")) | (buffer == ord("\n"))
    same = buffer[1:] == buffer[:-1]
    left_out = np.zeros(len(buffer), bool)
    left_out[3:] = same[2:] & same[1:-1] & same[:-2] & (buffer[3:] != 0)
    left_out[1:] |= blank[1:] & blank[:-1]
    return buffer[~left_out]


def _linked(joined: bytes, pattern: re.Pattern[bytes]) -> bytes:
    """What `pattern.sub` does, tried only where a link may start."""
    lower = joined if pattern is _LINK else joined.lower()
    parts: list[bytes] = []
    end = 0
    for start in sorted(place for word in _LINK_STARTS for place in _places(lower, word)):
        if start >= end and (match := pattern.match(joined, start)):
            parts += joined[end:start], _LINK_BYTE
            end = match.end()
    return b"".join((*parts, joined[end:]))


def _places(joined: bytes, word: bytes) -> Iterator[int]:
    place = joined.find(word)
    while place >= 0:
        yield place
        place = joined.find(word, place + 1)


# Bytes to n-grams ----------------------------------------------------------------------------------------------------

_NUMBERS: Hashes = np.fromfile(Path(__file__).with_name("hashes.bin"), "<u4").astype(np.uint32)
"""Drawn once by PCG64 from the seed 20161008; importing numpy.random would take as long as a hundred texts."""
_VALUES, FACTORS = _NUMBERS[:256], _NUMBERS[256:]
"""One odd factor for each kind of n-grams; the upper bits of hash × factor choose the bucket."""
_P, _NEXT_WORD, _GAP_HASH = np.uint32(0x9E3779B1), np.uint32(0x27D4EB2F), np.uint32(7)
_CHARACTERS = (3, 4, 5)


class Group(NamedTuple):
    """N-grams of one kind, in order, and where in that order those of each text start."""

    hashes: Hashes
    starts: Ints

    def buckets(self, factor: np.uint32, bits: int) -> Ints:
        """The row of weights that each n-gram chooses, of 2 to the power of `bits`."""
        return ((self.hashes * factor) >> np.uint32(32 - bits)).astype(np.int64)


def groups(buffer: Bytes) -> list[Group]:
    """All n-grams of the texts in a buffer, kind by kind; the first kind is words, each text's first being its gap."""
    lower = np.frombuffer(buffer.tobytes().translate(_LOWER), np.uint8)
    shape = np.frombuffer(buffer.tobytes().translate(_SHAPE), np.uint8)
    markers = np.flatnonzero(buffer == ord(_MARKER))
    starts, start, end = markers[:-1], markers[0], markers[-1]
    words, values = _Words.of(lower), _VALUES.take(lower)
    gaps, last = words.gaps[:-1], words.gaps[-1]
    by_word = (*_word_runs(words, values), *_word_runs(words, _VALUES.take(shape)))
    found = [Group(hashes[:last], gaps) for hashes in by_word]
    found += [Group(hashes[start:end], starts - start) for hashes in _runs(values)]
    traits = _traits(buffer, lower, words, starts)
    found.append(Group(traits.ravel(), np.arange(len(traits)) * traits.shape[1]))
    return found


class _Words(NamedTuple):
    """Half-open spans of words, of single marks, and of gaps."""

    starts: Ints
    ends: Ints
    wordy: NDArray[np.bool_]
    """Letters and digits, not a mark or a gap."""
    gaps: Ints
    """Which of the spans are gaps."""

    @classmethod
    def of(cls, lower: Bytes) -> _Words:
        kinds = _KINDS[lower]
        changes = kinds[1:] != kinds[:-1]
        alone = kinds >= _MARK_KIND
        spoken = kinds != _SPACE_KIND
        starts = np.flatnonzero(spoken & (alone | np.concatenate(([True], changes))))
        ends = np.flatnonzero(spoken & (alone | np.concatenate((changes, [True])))) + 1
        first = kinds[starts]
        return cls(starts, ends, first == _WORD_KIND, np.flatnonzero(first == _GAP_KIND))


def _runs(values: Hashes) -> Iterator[Hashes]:
    """Hashes of the runs of bytes that start at each place."""
    hashes = values
    for length in range(2, max(_CHARACTERS) + 1):
        hashes = hashes[:-1] * _P + values[length - 1 :]
        if length in _CHARACTERS:
            yield hashes


def _word_runs(words: _Words, values: Hashes) -> Iterator[Hashes]:
    """Hashes of words and of pairs of neighbours."""
    sums = np.concatenate(([np.uint32(0)], np.cumsum(values * _POWERS[: len(values)], dtype=np.uint32)))
    single = (sums[words.ends] - sums[words.starts]) * _INVERSE_POWERS[words.starts]
    single[words.gaps] = _GAP_HASH
    yield single
    yield single[:-1] * _NEXT_WORD + single[1:]


def _powers(base: int, count: int) -> Hashes:
    powers = np.full(count, base, np.uint32)
    powers[0] = 1
    return np.cumprod(powers, dtype=np.uint32)


_POWERS = _powers(int(_P), _BUFFER + 4 * len(_GAP))
_INVERSE_POWERS = _powers(pow(int(_P), -1, 1 << 32), len(_POWERS))
_SIZES = np.array([round(2 ** (k / 3)) for k in range(1, 32)])
"""Numbers of words that part texts by size."""


def _traits(buffer: Bytes, lower: Bytes, words: _Words, starts: Ints) -> Hashes:
    """What no n-gram sees: counts and shares over a whole text, as hashes (texts, traits)."""

    def count(holds: NDArray[np.bool_], starts: Ints = starts) -> Ints:
        return np.add.reduceat(holds, starts, dtype=np.int64)

    capital = (buffer >= ord("A")) & (buffer <= ord("Z"))
    letters, capitals = count((lower >= ord("a")) & (lower <= ord("z"))), count(capital)
    long = words.wordy & (words.ends - words.starts > 3)
    number = count(words.wordy, words.gaps[:-1])
    titled = 10 * count(long & capital[words.starts], words.gaps[:-1]) // np.maximum(count(long, words.gaps[:-1]), 1)
    size = np.searchsorted(_SIZES, number)
    shouted = np.where(capitals == 0, 0, 1 + 10 * capitals // np.maximum(letters, 1))
    links, mentions, tags = (
        np.minimum(count(buffer == byte), most) for byte, most in ((_LINK_BYTE[0], 3), (_MENTION_BYTE[0], 4), (35, 5))
    )
    traits = (
        size,
        shouted * 32 + size,
        titled * 32 + size,
        np.minimum(count(buffer == ord("\n")), 4),
        np.minimum(count(lower == ord("0")), 12),
        links, mentions, tags,
        ((links * 5 + mentions) * 6 + tags) * 32 + size,
    )  # fmt: skip
    columns = [(trait + (column << 13)).astype(np.uint32) for column, trait in enumerate(traits)]
    return np.stack(columns, axis=1) * _P
