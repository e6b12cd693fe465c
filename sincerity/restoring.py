"""Letters that no table knows, read from the words they stand in.

Whoever disguises a message takes letters from 150 scripts, and no table of look-alikes holds them all. But most of
what is written is known words: an unknown letter is a wildcard, few frequent words fit a word's other letters and its
neighbours, and as a sign mostly stands for one letter throughout a text, all of its words vote on what that is. That
is how substitution ciphers are solved, by expectation-maximisation over a model of the language (Peleg & Rosenfeld,
1979; Knight et al., 2006), with most letters known.

Pure and deterministic. `frequent.txt` and `pairs.npy` hold how often words and pairs of them are in English messages
(`python -m training.frequent`); they are read when first needed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import cache, lru_cache
from itertools import islice
from math import log
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

ROUNDS = 3
MOST_CANDIDATES = 40
MOST_FIRST, MOST_LAST = 450, 150
"""Words of a text that are read: more than the clean-up keeps."""
LONGEST_WORD = 30
MOST_LETTERS = 5
"""Letters that a sign may stand for in a word of no list."""
LEAST_FIT = 0.6
"""Share of a text's words that must be in the list, or fit a word of it, for the text to be English in disguise."""

_STUBBORN = 0.05
"""What is left to letters that nobody voted for."""
_FLAT = 1 / 26
_ALONE, _AFTER = 0.3, 0.7
"""Of a word's probability, what comes from its frequency and what from the word in front of it."""

Votes = Mapping[str, Mapping[str, float]]


class Candidate(NamedTuple):
    word: str
    letters: tuple[tuple[str, str], ...]
    """Each unknown letter of the text's word, and what it would stand for."""


@lru_cache(64)  # a text is cleaned up to three times: for its language, for the n-grams, for the graph
def restored(words: tuple[str, ...]) -> tuple[str, ...] | None:
    """The words of a text with their unknown letters read as well as can be; None where it is no English in disguise.

    Args:
        words: Runs of letters in the order of the text. Those that hold ASCII letters and others are read; those in
            ASCII are their neighbours, and whole words of other letters stay as they are, and so do words of which no
            letter can be told.

    >>> restored(("t\u03b7anks", "for", "\u03b7elping", "\u03b7im", "at", "t\u03b7e", "door"))
    ('thanks', 'for', 'helping', 'him', 'at', 'the', 'door')
    """
    if not _is_english(words):
        return None
    skipped = max(0, len(words) - MOST_FIRST - MOST_LAST)
    middle = words[MOST_FIRST : MOST_FIRST + skipped]
    read = _Reading((*words[:MOST_FIRST], *words[MOST_FIRST + skipped :])).words()
    return (*islice(read, MOST_FIRST), *middle, *read)


def _is_english(words: Sequence[str]) -> bool:
    """Whether most words are frequent English ones or may be; short ones say nothing, for they fit anything."""
    known = frequent()
    fits = total = 0
    for word in words[:MOST_FIRST]:
        if word.isascii():
            if len(word) > 2:
                total, fits = total + 1, fits + (word.lower() in known)
        elif len(word) > 3 and sum(map(str.isascii, word)) > 1:
            total, fits = total + 1, fits + bool(_candidates(word))
    return fits >= LEAST_FIT * total


class _Reading:
    """Some words of a text, and what is thought of them."""

    def __init__(self, words: Sequence[str]) -> None:
        self._words = words
        self._known = [word.lower() if word.isascii() else "" for word in words]
        self._fitting = {
            i: found for i, word in enumerate(words) if not word.isascii() and (found := _candidates(word))
        }
        self._votes: Votes = {}

    def words(self) -> Iterator[str]:
        for _ in range(ROUNDS):
            self._vote()
        first = [word[0] for word in self._words if word and word[0].isascii()]
        headline = 2 * sum(map(str.isupper, first)) > len(first)
        for word, read in zip(self._words, self._known, strict=True):
            yield word if word.isascii() else _in_case(word, read or _spelt(word, self._votes), headline)

    def _vote(self) -> None:
        """Each word for the letters of its candidates; of these the best is then a neighbour to other words."""
        votes: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
        for i, candidates in self._fitting.items():
            before = self._known[i - 1] if i else ""
            behind = self._known[i + 1] if i + 1 < len(self._known) else ""
            weights = [self._weight(one, before, behind) for one in candidates]
            total = sum(weights)
            best = 0
            for k, (one, weight) in enumerate(zip(candidates, weights, strict=True)):
                if weight > weights[best]:
                    best = k
                for sign, letter in one.letters:
                    votes[sign][letter] += weight / total
            self._known[i] = candidates[best].word
        self._votes = {
            sign: {letter: share / total for letter, share in found.items()}
            for sign, found in votes.items()
            if (total := sum(found.values()))
        }

    def _weight(self, candidate: Candidate, before: str, behind: str) -> float:
        weight = _after(before, candidate.word)
        if behind:
            weight *= _after(candidate.word, behind)
        for sign, letter in candidate.letters:
            weight *= self._votes[sign].get(letter, 0.0) + _STUBBORN if sign in self._votes else _FLAT
        return weight


def _after(before: str, word: str) -> float:
    """Probability of a word behind another; behind none, how frequent it is."""
    words = frequent()
    alone = (words.get(word, 0) + 1) / _total()
    if before not in words:
        return alone
    ranks = _ranks()
    pair = ranks[before] << _RANK_BITS | ranks.get(word, len(ranks))
    return _ALONE * alone + _AFTER * _pairs().get(pair, 0) / words[before]


def _spelt(word: str, votes: Votes) -> str:
    """A word that is in no list, by the letters around and what its unknown letters are in other words (Viterbi)."""
    paths: dict[str, tuple[float, str]] = {" ": (0.0, "")}
    for sign in (*word.lower(), " "):
        choices = {sign: 1.0} if sign.isascii() else votes.get(sign)
        if choices is None or len(word) > LONGEST_WORD:
            return word
        paths = {
            letter: max((score + log(choices[letter] + _STUBBORN) + _letter_after(last, letter), so_far + letter)
                        for last, (score, so_far) in paths.items())
            for letter in sorted(choices, key=choices.__getitem__, reverse=True)[:MOST_LETTERS]
        }  # fmt: skip
    return paths[" "][1][:-1]


def _in_case(word: str, letters: str, headline: bool) -> str:
    """In capitals where the word is; letters of scripts without case, or in the wrong one, follow those around."""
    if len(word) != len(letters):
        return letters
    rest = [sign for sign in word[1:] if sign.isascii()]
    shouted = bool(rest) and all(map(str.isupper, rest))
    first = word[0].isupper() or (headline and not word[0].islower())
    return "".join(
        sign if sign.isascii() else letter.upper() if shouted or (first and i == 0) else letter
        for i, (sign, letter) in enumerate(zip(word, letters, strict=True))
    )


# The words -----------------------------------------------------------------------------------------------------------


@cache
def frequent() -> dict[str, int]:
    """Word → how many texts hold it; the most frequent first."""
    found = Path(__file__).with_name("frequent.txt").read_text("ascii").split()
    return dict(zip(found[::2], map(int, found[1::2]), strict=True))


@cache
def _total() -> int:
    return sum(frequent().values())


_RANK_BITS = 16


@cache
def _ranks() -> dict[str, int]:
    """Word → its place in the list."""
    return {word: rank for rank, word in enumerate(frequent())}


@cache
def _pairs() -> dict[int, int]:
    """Two words in a row, the rank of the first above `_RANK_BITS` and that of the second → how many texts hold them.

    Numbers, for it takes seven times as long to make as many pairs of words.
    """
    with Path(__file__).with_name("pairs.npy").open("rb") as file:
        first, second, count = np.load(file, allow_pickle=False).astype(np.int64).T
    return dict(zip((first << _RANK_BITS | second).tolist(), count.tolist(), strict=True))


@cache
def _letter_pairs() -> dict[tuple[str, str], float]:
    """Log-probability of a letter behind another, in the words of the list; a blank is the edge of a word."""
    codes = np.frombuffer(f" {' '.join(frequent())} ".encode("ascii"), np.uint8).astype(np.intp)
    counts = np.bincount(codes[:-1] * 128 + codes[1:], minlength=128 * 128).reshape(128, 128)
    totals = counts.sum(axis=1).tolist()
    pairs = zip(*counts.nonzero(), strict=True)
    return {(chr(first), chr(second)): log(int(counts[first, second]) / totals[first]) for first, second in pairs}


def _letter_after(first: str, second: str) -> float:
    return _letter_pairs().get((first, second), -12.0)


@cache
def _by_length() -> dict[int, list[str]]:
    """The words of each length."""
    found: dict[int, list[str]] = defaultdict(list)
    for word in frequent():
        found[len(word)].append(word)
    return dict(found)


@lru_cache(4096)
def _having(length: int, place: int, letter: str) -> int:
    """Which words of a length have a letter at a place, as bits of a number."""
    codes = _codes(length)[place] == ord(letter)
    return int.from_bytes(np.packbits(codes, bitorder="little").tobytes(), "little")


@cache
def _codes(length: int) -> NDArray[np.uint8]:
    """The letters (places, words) of the words of a length."""
    codes = np.frombuffer("".join(_by_length()[length]).encode("ascii"), np.uint8)
    return np.ascontiguousarray(codes.reshape(-1, length).T)


@lru_cache(4096)
def _candidates(word: str) -> tuple[Candidate, ...]:
    """The most frequent words that have the known letters of `word` where it has them."""
    if (words := _by_length().get(len(word))) is None:
        return ()
    left = (1 << len(words)) - 1
    unknown: list[tuple[int, str]] = []
    for i, sign in enumerate(word):
        if sign.isascii():
            left &= _having(len(word), i, sign.lower())
        else:
            unknown.append((i, sign))
    found: list[Candidate] = []
    while left and len(found) < MOST_CANDIDATES:
        lowest = left & -left
        fits = words[lowest.bit_length() - 1]
        found.append(Candidate(fits, tuple((sign, fits[i]) for i, sign in unknown)))
        left ^= lowest
    return tuple(found)
