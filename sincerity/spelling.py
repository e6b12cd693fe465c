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
    near = sorted(((counts[one], one) for one in slips(lower)), reverse=True)
    if not near or (len(near) > 1 and near[0][0] <= LEAST_TIMES * near[1][0]):
        return word
    return near[0][1].capitalize() if word[0].isupper() else near[0][1]


@cache
def _meant() -> frozenset[str]:
    """Words that others can be slips of."""
    return frozenset(word for word, texts in frequent().items() if len(word) >= LEAST_LETTERS and texts >= LEAST_TEXTS)


@cache
def _gaps() -> dict[str, list[tuple[str, int]]]:
    """What is left of each of those words without a letter behind the first, and which one it was.

    So the words near another are looked up, not tried letter by letter (Mor & Fraenkel, 1982).
    """
    found: dict[str, list[tuple[str, int]]] = {}
    for word in _meant():
        for i in range(1, len(word)):
            found.setdefault(word[:i] + word[i + 1 :], []).append((word, i))
    return found


def _known(word: str) -> bool:
    """Whether it is a rarer word, or a form of a word."""
    stems = (word.removesuffix(ending) for ending in ENDINGS if word.endswith(ending))
    return word in rarer() or any(stem in frequent() or stem in rarer() for stem in stems if len(stem) >= LEAST_LETTERS)


@cache
def rarer() -> frozenset[str]:
    """Words that few messages hold."""
    return frozenset(Path(__file__).with_name("known.txt").read_text("ascii").split())


def slips(word: str) -> set[str]:
    """Frequent words that are one slip behind the first letter away."""
    gaps, meant = _gaps(), _meant()
    found = {longer for longer, _ in gaps.get(word, ())}
    for i in range(1, len(word)):
        before, rest = word[:i], word[i + 1 :]
        found.update(other for other, place in gaps.get(before + rest, ()) if place == i)
        found.update({before + rest, before + rest[:1] + word[i] + rest[1:]} & meant)
    return found
