"""Words of many texts at once, as 64-bit hashes, with what changes from copy to copy left out.

A form letter changes its name, number, link and emoji, so none of these are words here: what is left of two copies is
what their template says. Everything is arithmetic on one array of code points, so that a million posts take seconds.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

LONGEST = 1000
"""Characters of a text that are looked at; a template shows itself in fewer."""

Hashes = NDArray[np.uint64]
Indices = NDArray[np.int64]

_WORD, _DIGIT, _SPACE = 1, 2, 4
_LAST = 0xFFFF  # code points above, mostly emoji, count as this one, which is no character
_POWERS = np.cumprod(np.full(LONGEST, 0x9E3779B97F4A7C15, np.uint64))


def words_of(texts: Sequence[str]) -> tuple[Hashes, Indices, Indices]:
    """Hashes of the words of all texts in order, which text each is of, and how many slots each text has.

    Slots are mentions, links and words with a digit.

    >>> words, _, slots = words_of(["Hi @ann, see http://x.example/7", "HI @bob see https://y.example \\U0001f600"])
    >>> bool((words[:2] == words[2:]).all()), slots.tolist()
    (True, [2, 2])
    """
    codes, text_of = _code_points(texts)
    kinds, letters = _tables()
    kind = kinds[codes]
    in_word = (kind & _WORD) > 0
    positions = np.flatnonzero(in_word)
    first = np.flatnonzero(np.diff(positions, prepend=-2) != 1)  # of each word, among the characters of words
    if not len(first):
        return np.zeros(0, np.uint64), np.zeros(0, np.int64), np.zeros(len(texts), np.int64)
    starts = positions[first]
    within = np.arange(len(positions)) - np.repeat(first, np.diff(first, append=len(positions)))
    hashes = _mixed(np.add.reduceat(letters[codes[positions]] * _POWERS[within], first))

    run = np.cumsum((kind & _SPACE) > 0)  # which run of characters without a space
    links = np.zeros(run[-1] + 1, np.bool_)
    links[run[_found(codes, "://")]] = True
    links[run[_found(codes, "www.")]] = True
    mention = codes[np.maximum(starts - 1, 0)] == ord("@")
    number = np.logical_or.reduceat((kind[positions] & _DIGIT) > 0, first)
    linked = links[run[starts]]
    slot = (number | mention) & ~linked
    one_a_link = linked & (np.diff(run[starts], prepend=-1) != 0)
    slots = np.bincount(text_of[starts[slot | one_a_link]], minlength=len(texts))
    plain = ~(linked | slot)
    return hashes[plain], text_of[starts[plain]], slots


def _code_points(texts: Sequence[str]) -> tuple[NDArray[np.uint32], Indices]:
    """Code points of all texts, each behind a space, and which text each is of."""
    cut = [text[:LONGEST] for text in texts]
    data = (" " + " ".join(cut)).encode("utf-32-le", "surrogatepass")
    lengths = np.fromiter(map(len, cut), np.int64, len(cut)) + 1
    codes = np.minimum(np.frombuffer(data, np.uint32), _LAST)
    return codes, np.repeat(np.arange(len(cut)), lengths)[: len(codes)]


def _found(codes: NDArray[np.uint32], part: str) -> Indices:
    last = len(codes) - len(part) + 1
    hit = codes[:last] == ord(part[0])
    for i, char in enumerate(part[1:], 1):
        hit &= codes[i : last + i] == ord(char)
    return np.flatnonzero(hit)


def _mixed(hashes: Hashes) -> Hashes:
    """The finaliser of MurmurHash3: every bit of the input moves every bit of the output."""
    hashes = (hashes ^ (hashes >> np.uint64(33))) * np.uint64(0xFF51AFD7ED558CCD)
    hashes = (hashes ^ (hashes >> np.uint64(33))) * np.uint64(0xC4CEB9FE1A85EC53)
    return hashes ^ (hashes >> np.uint64(33))


@cache
def _tables() -> tuple[NDArray[np.uint8], Hashes]:
    """Kind of each code point up to `_LAST`, and a random number for it that ignores case."""
    random = np.random.default_rng(0).integers(0, 2**64, _LAST + 1, np.uint64)
    kinds, folded = np.zeros(_LAST + 1, np.uint8), np.arange(_LAST + 1)
    for code in range(_LAST):
        char = chr(code)
        if char.isspace():
            kinds[code] = _SPACE
        elif char.isalnum() or char in "'’_" or unicodedata.combining(char):
            kinds[code] = _WORD | (_DIGIT if char.isnumeric() else 0)
            folded[code] = ord("'") if char == "’" else ord(char.lower()[0])
    return kinds, random[folded]
