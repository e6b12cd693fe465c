"""Slips of the finger, mended in what the graphs read.

An encoder reads a misspelt word as pieces of other words, and where it is unsure of a text anyway that is enough to
flip the label. Four slips of five are one letter too many, too few, another one, or two exchanged (Damerau, 1964), and
hardly ever the first letter (Yannakoudakis & Fawthrop, 1983). So an unknown word that is one such slip away from one
frequent word, or from one that is much more frequent than all others, is read as that word. Names and words in
capitals are left alone, and so are forms of known words. The n-grams read texts as written: what they are sure of, a
typo flips once in 200 times.

`frequent.txt` holds how often words are in English messages, `known.txt` rarer words that are none the less words
(`python -m training.frequent`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache, lru_cache
from pathlib import Path

from sincerity.cleaning import Cleaned, Span
from sincerity.restoring import frequent

LEAST_LETTERS = 4
LEAST_TEXTS = 100
"""Texts of the list's that must hold a word for another to be a slip of it: rarer ones are mostly names."""
LEAST_TIMES = 2
"""How much more frequent the word must be than the next one that would fit."""

ENDINGS = ("s", "ed", "d", "ing", "er", "ly")

_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_WORD = re.compile(r"(?:(?:^|(?<=[\].!?] ))[A-Z]|(?<![\w'@#./-])[a-z])[a-z]{3,}(?![\w'@/]|\.\w)")


def respelt(view: Cleaned) -> Cleaned:
    """A cleaned text with its slips mended; a mended word stands for all characters of the one in the original.

    >>> respelt(Cleaned("thanks for follwing, Petre and zyxqv", False)).text
    'thanks for following, Petre and zyxqv'
    """
    parts: list[str] = []
    spans: list[Span] = []
    end = 0
    for match in _WORD.finditer(view.text):
        if (word := mended(match[0])) == match[0]:
            continue
        parts += view.text[end : match.start()], word
        if view.offsets is not None:
            behind = view.offsets[match.start() : match.end()]
            spans += view.offsets[end : match.start()]
            spans += [(behind[0][0], max(stop for _, stop in behind))] * len(word)
        end = match.end()
    if not end:
        return view
    offsets = None if view.offsets is None else spans + view.offsets[end:]
    return Cleaned("".join(parts) + view.text[end:], view.truncated, offsets)


@lru_cache(1 << 14)
def mended(word: str) -> str:
    """The frequent word that `word` is a slip of, in its case; `word` itself where it is known or nothing is near.

    >>> mended("follwing"), mended("Befroe"), mended("mends"), mended("zyxqv"), mended("hte")
    ('following', 'Before', 'mends', 'zyxqv', 'hte')
    """
    counts, lower = frequent(), word.lower()
    if len(word) < LEAST_LETTERS or lower in counts or _known(lower):
        return word
    near = sorted(((counts[one], one) for one in _meant().intersection(slips(lower))), reverse=True)
    if not near or (len(near) > 1 and near[0][0] <= LEAST_TIMES * near[1][0]):
        return word
    return near[0][1].capitalize() if word[0].isupper() else near[0][1]


@cache
def _meant() -> frozenset[str]:
    """Words that others can be slips of."""
    return frozenset(word for word, texts in frequent().items() if len(word) >= LEAST_LETTERS and texts >= LEAST_TEXTS)


def _known(word: str) -> bool:
    """Whether it is a rarer word, or a form of a word."""
    stems = (word.removesuffix(ending) for ending in ENDINGS if word.endswith(ending))
    return word in rarer() or any(stem in frequent() or stem in rarer() for stem in stems if len(stem) >= LEAST_LETTERS)


@cache
def rarer() -> frozenset[str]:
    """Words that few messages hold."""
    return frozenset(Path(__file__).with_name("known.txt").read_text("ascii").split())


def slips(word: str) -> Iterator[str]:
    """What is one slip behind the first letter away."""
    for i in range(1, len(word) + 1):
        before, rest = word[:i], word[i:]
        yield from [before + letter + rest for letter in _LETTERS]
        if rest:
            yield before + rest[1:]
            yield from [before + letter + rest[1:] for letter in _LETTERS]
        if len(rest) > 1:
            yield before + rest[1] + rest[0] + rest[2:]
