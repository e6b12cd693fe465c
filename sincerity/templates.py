"""Near-duplicate texts, grouped as they come, and the template each group follows.

Texts are sets of words and neighbouring words, without what a form changes (`sincerity.words`). Their resemblance is
the Jaccard similarity of these sets, estimated by MinHash (Broder, Compression and Complexity of Sequences 1997); who
may resemble whom is looked up by bands of the signature (Indyk and Motwani, STOC 1998). Texts that resemble one
another, directly or through others, are one group. All of it is array arithmetic on a batch at a time.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from sincerity.errors import TableError
from sincerity.words import words_of

BATCH = 4096
BANDS, ROWS = 24, 4
THRESHOLD = 0.5
"""Least share of a signature in which two texts of one group agree."""

SLOT = "{…}"
MOST_EXAMPLES = 10
LONGEST_EXAMPLE = 500
FORMAT = 1

_PERMUTATIONS = BANDS * ROWS
_FACTORS = np.random.default_rng(1).integers(0, 2**63, _PERMUTATIONS, np.uint64) * np.uint64(2) + np.uint64(1)
_NOBODY = -1
_TOKENS = re.compile(r"(\s*)(https?://\S+|\d[\d.,:]*\d|[@#]?\w+(?:['’]\w+)*|\S)")
_Number = TypeVar("_Number", bound=np.generic)

Indices = NDArray[np.int64]
Signatures = NDArray[np.uint16]


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """A group of near-duplicate texts."""

    id: int
    """Index of one of its texts; a group keeps it until it merges with another."""
    pattern: str
    """What its texts share, with `{…}` for what changes."""
    count: int
    authors: dict[str, int]
    """How many of the texts are whose, most first."""
    examples: tuple[str, ...]


class Templates:
    """Groups of near-duplicate texts; add to it as often as you like, save it, go on later.

    A text too short to tell a form from a habit ("Happy birthday!") is in a group of its own: `least_words` words that
    are no mention, link or number are wanted, and one word or slot more.

    Args:
        threshold: Least estimated Jaccard similarity of a text to one of its group, 0 to 1.
        least_words: See above.

    >>> templates = Templates()
    >>> for name in ("Ann", "Bob", "Cy"):
    ...     _ = templates.add([f"Thanks for following, {name}! Have a look at our shop."], ["shop"])
    >>> templates.groups()[0].pattern
    'Thanks for following, {…}! Have a look at our shop.'
    """

    def __init__(self, *, threshold: float = THRESHOLD, least_words: int = 3) -> None:
        self.threshold, self.least_words = threshold, least_words
        self._count = 0
        self._signatures: Signatures = np.zeros((0, _PERMUTATIONS), np.uint16)
        self._parents = np.zeros(0, np.int32)
        self._authors = np.zeros(0, np.int32)
        self._buckets = np.full((BANDS, 1 << 14), _NOBODY, np.int32)
        self._names: dict[str, int] = {}
        self._examples: dict[int, list[str]] = {}

    def __len__(self) -> int:
        return self._count

    def add(self, texts: Iterable[str], authors: Iterable[str] | None = None) -> Indices:
        """Add texts, and who wrote each; nobody where it is not said. Returns their groups so far.

        Raises:
            ValueError: There are fewer authors than texts.
        """
        start = self._count
        remaining, names = iter(texts), iter(authors) if authors is not None else None
        while batch := list(islice(remaining, BATCH)):
            whose = [""] * len(batch) if names is None else list(islice(names, len(batch)))
            if len(whose) < len(batch):
                raise ValueError(f"There are {len(batch)} texts and {len(whose)} authors. Expected: as many of each.")
            self._add(batch, whose)
        return self._roots(np.arange(start, self._count))

    def labels(self) -> Indices:
        """Which group each text is in, in the order they were added: the `Template.id`."""
        return self._roots(np.arange(self._count))

    def groups(self, least: int = 3, most: int | None = None) -> list[Template]:
        """Groups of at least `least` texts, largest first, and no more than `most` of them."""
        labels = self.labels()
        sizes = np.bincount(labels, minlength=1)
        wanted = np.flatnonzero(sizes >= least)
        wanted = wanted[np.argsort(-sizes[wanted], kind="stable")][:most]
        names = list(self._names)
        members = _members(labels, wanted)
        return [
            Template(
                id=group,
                pattern=pattern(self._examples[group]),
                count=int(sizes[group]),
                authors=_counted(self._authors[rows], names),
                examples=tuple(self._examples[group]),
            )
            for group, rows in zip(wanted.tolist(), members, strict=True)
        ]

    def repeats(self) -> Indices:
        """How often its author used the template of each text, the text itself included."""
        labels, authors = self.labels(), self._authors[: self._count].astype(np.int64)
        _, inverse, counts = np.unique(labels << 32 | authors, return_inverse=True, return_counts=True)
        repeats: Indices = counts[inverse].astype(np.int64)
        return repeats

    def authors(self) -> tuple[list[str], NDArray[np.int32]]:
        """The names of all authors, and which of them wrote each text."""
        return list(self._names), self._authors[: self._count]

    def save(self, path: str | Path) -> None:
        """Write everything to one file, in numpy's format without pickle."""
        with Path(path).open("wb") as file:
            np.savez(file, **self.arrays())  # type: ignore[arg-type]

    @classmethod
    def load(cls, path: str | Path) -> Templates:
        """Read what `save` wrote.

        Raises:
            TableError: The file cannot be read, or is none of these.
        """
        try:
            with Path(path).open("rb") as file, np.load(file, allow_pickle=False) as arrays:
                return cls.from_arrays(arrays)
        except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
            raise TableError(f"{path} cannot be read ({error}). Expected: a file that Templates.save wrote.") from error

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Everything as arrays, to be saved beside others."""
        rest = {
            "format": FORMAT,
            "threshold": self.threshold,
            "least_words": self.least_words,
            "buckets": self._buckets.shape[1],
            "names": list(self._names),
            "examples": list(self._examples.items()),
        }
        return {
            "signatures": self._signatures[: self._count],
            "parents": self._parents[: self._count],
            "authors": self._authors[: self._count],
            "templates": np.frombuffer(json.dumps(rest).encode(), np.uint8),
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Templates:
        """The opposite of `arrays`.

        Raises:
            KeyError, ValueError: They are none of these.
        """
        rest = json.loads(arrays["templates"].tobytes())
        if rest["format"] != FORMAT or arrays["signatures"].shape[1] != _PERMUTATIONS:
            raise ValueError(f"it has the format {rest['format']}, this version reads {FORMAT}")
        templates = cls(threshold=rest["threshold"], least_words=rest["least_words"])
        templates._signatures, templates._parents = arrays["signatures"], arrays["parents"]
        templates._authors, templates._count = arrays["authors"], len(arrays["parents"])
        templates._names = {name: i for i, name in enumerate(rest["names"])}
        templates._examples = {int(group): texts for group, texts in rest["examples"]}
        templates._refill(rest["buckets"])
        return templates

    def _add(self, texts: Sequence[str], authors: Sequence[str]) -> None:
        start, end = self._count, self._count + len(texts)
        self._grow(end)
        self._authors[start:end] = [self._names.setdefault(name, len(self._names)) for name in authors]
        self._parents[start:end] = np.arange(start, end)
        self._count = end
        signatures, rows = self._sign(texts)
        if not len(rows):
            return
        self._signatures[start + rows] = signatures
        self._join(*self._alike(start + rows, signatures))
        self._keep_examples(texts, start)

    def _sign(self, texts: Sequence[str]) -> tuple[Signatures, Indices]:
        """Signatures of the texts that have words enough, and which these are."""
        words, text_of, slots = words_of(texts)
        counts = np.bincount(text_of, minlength=len(texts))
        enough = (counts >= self.least_words) & (counts + slots > self.least_words)
        kept = enough[text_of]
        words, text_of = words[kept], text_of[kept]
        rows = np.flatnonzero(enough)
        if not len(rows):
            return np.zeros((0, _PERMUTATIONS), np.uint16), rows
        first = np.diff(text_of, prepend=-1) != 0
        pairs = words + np.roll(words, 1) * np.uint64(0xD6E8FEB86659FD93)
        pairs[first] = words[first]  # the first word has no neighbour
        features = np.stack((words, pairs), axis=1).ravel()
        starts = 2 * np.flatnonzero(first)
        short = counts[rows] == self.least_words  # three words resemble others by chance: they must be the same three
        whole = np.add.reduceat(features, starts)
        features = np.where(np.repeat(short, 2 * counts[rows]), np.repeat(whole, 2 * counts[rows]), features)
        signatures = np.empty((len(rows), _PERMUTATIONS), np.uint16)
        for i, factor in enumerate(_FACTORS):
            signatures[:, i] = np.minimum.reduceat((features * factor) >> np.uint64(32), starts) & np.uint64(0xFFFF)
        return signatures, rows

    def _alike(self, rows: Indices, signatures: Signatures) -> tuple[Indices, Indices]:
        """Pairs of texts that share a band and resemble each other; the texts take their places in the buckets."""
        keys = _band_keys(signatures) & np.uint64(self._buckets.shape[1] - 1)
        there = np.empty((2, BANDS, len(rows)), np.int64)
        for band, key in enumerate(keys):
            there[0, band] = self._buckets[band, key]
            self._buckets[band, key] = rows
            there[1, band] = self._buckets[band, key]
        left = np.broadcast_to(rows, there.shape).ravel()
        right = there.ravel()
        met = (right != _NOBODY) & (right != left)
        pairs = np.unique(left[met] << 32 | right[met])
        left, right = pairs >> 32, pairs & 0xFFFFFFFF
        least = self.threshold * _PERMUTATIONS
        alike = (self._signatures[left] == self._signatures[right]).sum(1) >= least
        return left[alike], right[alike]

    def _join(self, left: Indices, right: Indices) -> None:
        left, right = self._roots(left), self._roots(right)
        pairs = np.unique(np.minimum(left, right) << 32 | np.maximum(left, right))
        for pair in pairs.tolist():
            one, other = sorted((self._root(pair >> 32), self._root(pair & 0xFFFFFFFF)))
            if one != other:
                self._parents[other] = one
                examples = self._examples.setdefault(one, [])
                examples += self._examples.pop(other, [])[: MOST_EXAMPLES - len(examples)]

    def _keep_examples(self, texts: Sequence[str], start: int) -> None:
        roots = self._roots(np.arange(start, self._count))
        known = np.fromiter(self._examples, np.int64, len(self._examples))
        for i in np.flatnonzero(np.isin(roots, known)).tolist():
            examples = self._examples[int(roots[i])]
            if len(examples) < MOST_EXAMPLES:
                examples.append(texts[i][:LONGEST_EXAMPLE])

    def _roots(self, rows: Indices) -> Indices:
        """The groups of many texts; what was looked up is shorter to find next time."""
        roots = self._parents[rows]
        while (above := self._parents[roots]).tobytes() != roots.tobytes():
            roots = above
        self._parents[rows] = roots
        return roots.astype(np.int64)

    def _root(self, row: int) -> int:
        while (above := int(self._parents[row])) != row:
            row = above
        return row

    def _grow(self, rows: int) -> None:
        """Room for `rows` texts, and four times as many buckets: few texts push another out of its place."""
        if rows > len(self._parents):
            size = max(BATCH, rows, len(self._parents) * 3 // 2)
            self._signatures = _resized(self._signatures, size)
            self._parents, self._authors = _resized(self._parents, size), _resized(self._authors, size)
        if 4 * rows > self._buckets.shape[1]:
            self._refill(1 << (8 * rows - 1).bit_length())

    def _refill(self, buckets: int) -> None:
        """Put all texts into new buckets, as if these had been there from the start."""
        self._buckets = np.full((BANDS, buckets), _NOBODY, np.int32)
        for start in range(0, self._count, BATCH):
            signatures = self._signatures[start : min(start + BATCH, self._count)]
            rows = np.flatnonzero(signatures.any(1))
            for band, key in enumerate(_band_keys(signatures[rows]) & np.uint64(buckets - 1)):
                self._buckets[band, key] = start + rows


def pattern(texts: Sequence[str]) -> str:
    """What near-duplicate texts share, as the first of them says it, with `{…}` for what changes.

    A word stays where more than half of the others have it too, so that a typo in one copy is not a slot.

    >>> pattern(["Hi Ann, your order 17 has shipped!", "Hi Bo Li, your order 204 has shipped!"])
    'Hi {…}, your order {…} has shipped!'
    """
    tokens = _TOKENS.findall(texts[0])
    words = [word.lower() for _, word in tokens]
    agreeing, broken = [0] * len(words), [0] * (len(words) + 1)
    for text in texts[1:]:
        others = [word.lower() for _, word in _TOKENS.findall(text)]
        at_own, at_other = 0, 0
        for own, other, size in difflib.SequenceMatcher(None, words, others, autojunk=False).get_matching_blocks():
            broken[own] += other > at_other and own == at_own
            for i in range(own, own + size):
                agreeing[i] += 1
            at_own, at_other = own + size, other + size
    half = (len(texts) - 1) / 2
    shown = ""
    for i, (space, word) in enumerate([*tokens, ("", "")]):
        if (i < len(words) and agreeing[i] <= half) or (broken[i] > half):
            shown += "" if shown.endswith(SLOT) else space + SLOT
        if i < len(words) and agreeing[i] > half:
            shown += space + word
    return " ".join(shown.split()) if len(texts) > 1 else texts[0]


def _counted(authors: NDArray[np.int32], names: Sequence[str]) -> dict[str, int]:
    whose, counts = np.unique(authors, return_counts=True)
    ordered = sorted(zip(whose.tolist(), counts.tolist(), strict=True), key=lambda one: -one[1])
    return {names[author]: count for author, count in ordered}


def _members(labels: Indices, groups: Indices) -> Iterator[Indices]:
    order = np.argsort(labels, kind="stable")
    ordered = labels[order]
    for start, end in zip(np.searchsorted(ordered, groups), np.searchsorted(ordered, groups, "right"), strict=True):
        yield order[start:end]


def _band_keys(signatures: Signatures) -> NDArray[np.uint64]:
    """For every band, a hash of its rows of each signature: an array (bands, texts)."""
    bands = np.ascontiguousarray(signatures).view(np.uint64).T  # four rows of 16 bits
    keys = (bands ^ (bands >> np.uint64(32))) * np.uint64(0x9E3779B97F4A7C15)
    return keys >> np.uint64(24)


def _resized(array: NDArray[_Number], rows: int) -> NDArray[_Number]:
    larger = np.zeros((rows, *array.shape[1:]), array.dtype)
    larger[: len(array)] = array
    return larger
