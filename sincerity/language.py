"""Is a text English? A model that has read nothing else is sure of itself in any language.

Most texts are settled by a few words that are common in English and in no other language. Others are judged by
script, and in Latin script by a linear model over runs of three to five letters (Cavnar & Trenkle, 1994, with learnt
weights). `training.language` writes both, `english.txt` and `language.bin`. Doubt counts as English: slang, names and
half a foreign sentence are let pass. Texts are judged as they come, before the clean-up, which takes longer.

Most texts of a window are settled in numpy, all at once: words of eight letters or less are 64-bit integers as they
stand in memory, so that whether one is common takes one look-up. What that does not settle is looked at one by one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sincerity.cleaning import _FOLD, clean

BITS = 16
"""Runs of four and five letters share 2**BITS weights; those of three have one each."""
BUCKETS = 27**3 + 2**BITS
LEAST_LETTERS = 15
"""Letters under which a text in Latin script could be any language's ("ok merci", "haha si")."""
LONGEST = 1000
"""Characters of a text that are looked at."""
WORD = 0.5
"""What one word that is English only weighs, in log-odds."""

LEAST_TO_JUDGE = 5
"""Letters under which a text is too short to judge: validation holds one such text in 2 800, so that nothing is known
of how sure a model may be of them. From five on, what is certain is right as often as elsewhere."""

FEW = 16
"""Texts under which looking at them one by one is faster."""

_TOKEN = re.compile(r"\[[A-Z]+\]")
_SMALL = re.compile(r"\s['\"(*-]*([a-z][a-z'-]*)[^\w\s/=<]*(?!\S)", re.ASCII)
"""A word in small letters, with signs around it. What follows a sign and is no blank makes it a code or a link."""
_LARGE = re.compile(r"\s['\"(*-]*[A-Z][A-Z'-]+[^\w\s/=<]*(?!\S)", re.ASCII)
_LETTERS = bytes(code if chr(code).islower() and code < 128 else 32 for code in range(256))
PADDING = b"    "
"""As long as keeps runs of one text free of the next one's letters."""


class Tables(NamedTuple):
    """What `training.language` found out."""

    words: frozenset[str]
    """Common in English, rare in all other languages."""
    weights: NDArray[np.int8]
    """By bucket: in steps of `scale`, how much a run speaks against English."""
    scale: float
    bias: float


def foreign(texts: Sequence[str]) -> list[bool]:
    """Whether each text is plainly in another language than English. Texts do not influence each other.

    >>> foreign(["no se que hacer con esta gente, de verdad", "Hasta la vista, baby. See you at the pub"])
    [True, False]
    """
    found: list[bool] = doubts(texts)[0].tolist()
    return found


def doubts(texts: Sequence[str]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which texts (texts,) are `foreign`, and which are `too_short`."""
    foreign, short = np.zeros(len(texts), bool), np.zeros(len(texts), bool)
    left = np.arange(len(texts)) if len(texts) < FEW else np.flatnonzero(~plainly_english(texts))
    some = [texts[i] for i in left.tolist()]
    foreign[left], short[left] = margins(some) > 0, [too_short(text) for text in some]
    return foreign, short


def too_short(text: str) -> bool:
    """Whether a text has less than `LEAST_TO_JUDGE` letters outside links, handles and entities.

    >>> too_short("@ann \U0001f602 https://t.co/x1"), too_short("lol same")
    (True, False)
    """
    found = 0
    for word in text[:LONGEST].split():
        if word[0] not in "@&" and "://" not in word:
            found += sum(map(str.isalpha, word))
            if found >= LEAST_TO_JUDGE:
                return False
    return True


def plainly_english(texts: Sequence[str]) -> NDArray[np.bool_]:
    """Which texts (texts,) common words settle as English, and as long enough to judge; not all that they settle.

    Of common words only those of eight letters or less are counted, and signs outside ASCII that may be blanks count as
    words; so who is plainly English here is so for `margins` too.
    """
    codes = [text[:LONGEST].encode("utf-8", "replace") for text in texts]
    joined = b" ".join((b"", *codes, _EIGHT)).lower()
    ends = np.cumsum(np.fromiter(map(len, codes), np.int64, len(codes)) + 1)
    buffer = np.frombuffer(joined, np.uint8)
    blank = _BLANK.take(buffer)
    edges = (blank[1:] != blank[:-1]).nonzero()[0] + 1
    starts, lengths = edges[::2], edges[1::2] - edges[::2]
    behind = np.searchsorted(starts, ends)
    tokens = np.diff(behind, prepend=0) + np.diff(np.searchsorted(np.flatnonzero(buffer >= _WIDE), ends), prepend=0)

    table = _short_words()
    keys = np.ndarray(len(joined) - 7, "<u8", joined, 0, (1,))[starts] & _FIRST_BYTES[np.minimum(lengths, 9)]
    slots = _slots(keys)
    common = np.flatnonzero(table.keys[slots] == keys)
    found = np.searchsorted(behind, common, side="right") << _SLOT_BITS | slots[common]  # by text and word
    found.sort()
    found = found[np.diff(found, prepend=-1) != 0]
    of = found >> _SLOT_BITS
    words = np.bincount(of, minlength=len(texts))
    letters = np.bincount(of, table.letters[found & (1 << _SLOT_BITS) - 1], len(texts))
    return np.asarray((words >= 2) & (4 * words >= tokens) & (letters >= LEAST_TO_JUDGE))


def margins(texts: Sequence[str]) -> NDArray[np.float64]:
    """By how much (texts,) texts are foreign, in log-odds; infinite where words or script settle it."""
    words = tables().words
    found = np.full(len(texts), -np.inf)
    unsettled, views, least = [], [], []
    for i, text in enumerate(texts):
        text = text[:LONGEST]
        tokens = text.lower().split()
        common = len(words.intersection(tokens))
        if common < 2 or 4 * common < len(tokens):
            view = folded(text)
            if not text.isascii() and (_is_of_another_script(view) or _only_looks_latin(text, view)):
                found[i] = np.inf
            else:
                unsettled.append(i)
                views.append(view)
                least.append(WORD * common)
    if views:
        found[unsettled] = foreignness(views) - least
    return found


def folded(text: str) -> str:
    """A text whose letters carry no accents and are what they look like."""
    if text.isascii():
        return text
    plain = text.translate(_FOLD)
    if plain.isascii() or not any(char > "\x7f" and char.isalpha() for char in plain):
        return plain
    return clean(text).text


def foreignness(texts: Sequence[str]) -> NDArray[np.float64]:
    """Evidence (texts,) that folded texts in Latin script are not English: log-odds less the threshold."""
    found = tables()
    plain = [letters(text) for text in texts]
    padded = [PADDING + text + PADDING for text in plain]
    starts = np.cumsum([0, *map(len, padded[:-1])])
    sums = np.add.reduceat(found.weights.take(buckets(b"".join(padded))).sum(0, np.int64), starts)
    lengths = np.array([max(len(text), 1) for text in plain])
    short = np.array([len(text) - text.count(b" ") < LEAST_LETTERS for text in plain])
    return np.where(short, -np.inf, sums * found.scale / np.sqrt(lengths) + found.bias)


def letters(text: str) -> bytes:
    """The small words of a folded text, a blank between them and for every sign in them.

    Capitals mostly begin names, which are at home in all languages; links, handles, tags, words with digits and tokens
    of the clean-up are in none: they are left out. A text in capitals counts as one in small letters.
    """
    text = f" {text}"
    words = _SMALL.findall(text)
    if 2 * len(_LARGE.findall(text)) > text.count(" "):
        words = _SMALL.findall(_TOKEN.sub("", text).lower())
    return " ".join(words).encode().translate(_LETTERS)


def buckets(letters: bytes) -> NDArray[np.intp]:
    """The buckets (3, characters) of the runs of three, four and five that start at each character."""
    codes = np.frombuffer(letters + PADDING, np.uint8).astype(np.uint32) & 31
    n = len(letters)
    three = codes[:n] * 729 + codes[1 : n + 1] * 27 + codes[2 : n + 2]
    four = three * 27 + codes[3 : n + 3]
    longer = np.stack([four, four * 27 + codes[4 : n + 4] + 27**4])
    hashed = longer * np.uint32(2654435761) >> np.uint32(32 - BITS)  # Fibonacci hashing (Knuth, 1973)
    return np.vstack([three, hashed + 27**3]).astype(np.intp)


_BLANK = np.isin(np.arange(256), [*b"\t\n\v\f\r\x1c\x1d\x1e\x1f "])
"""Of the bytes of ASCII, those that str.split parts at."""
_WIDE = 0xC2
"""The first byte of characters outside ASCII is this or a later one."""
_EIGHT = b" " * 8
_FIRST_BYTES = np.array([*((1 << 8 * length) - 1 for length in range(9)), 0], np.uint64)
_SLOT_BITS = 15


class _ShortWords(NamedTuple):
    """Common words of eight letters or less, by slot; of words with the same slot, one."""

    keys: NDArray[np.uint64]
    letters: NDArray[np.int64]


def _slots(keys: NDArray[np.uint64]) -> NDArray[np.int64]:
    return (keys * np.uint64(0x9E3779B97F4A7C15) >> np.uint64(64 - _SLOT_BITS)).astype(np.int64)


@cache
def _short_words() -> _ShortWords:
    words = sorted(word for word in tables().words if len(word) <= 8)
    keys = np.array([int.from_bytes(word.encode(), "little") for word in words], np.uint64)
    by_slot = np.ones(1 << _SLOT_BITS, np.uint64)  # 1 is no word
    letters = np.zeros(1 << _SLOT_BITS, np.int64)
    by_slot[_slots(keys)] = keys
    letters[_slots(keys)] = [sum(map(str.isalpha, word)) for word in words]
    return _ShortWords(by_slot, letters)


@cache
def tables() -> Tables:
    folder = Path(__file__).parent
    content = (folder / "language.bin").read_bytes()
    scale, bias = np.frombuffer(content[:8], "<f4").tolist()
    words = (folder / "english.txt").read_text("utf-8").splitlines()
    return Tables(frozenset(words), np.frombuffer(content[8:], np.int8), scale, bias)


def _is_of_another_script(text: str) -> bool:
    """Whether letters outside the Latin script are more than a third of all letters."""
    others = 0 if text.isascii() else sum(char > "\x7f" and char.isalpha() for char in text)
    return others > 0 and 2 * others > sum(char.isalpha() for char in _TOKEN.sub("", text)) - others


def _only_looks_latin(text: str, view: str) -> bool:
    """Whether most letters are of another script, and what they look like is no English: Russian has short sentences
    of letters that all look Latin. English in disguise has English words in its folded view."""
    if (plain := text.translate(_FOLD)).isascii():
        return False
    letters = [char for char in plain if char.isalpha()]
    if 2 * sum(char > "\x7f" for char in letters) <= len(letters):
        return False
    from sincerity.restoring import frequent  # not before it is needed

    words = re.findall(r"[a-z]{2,}", _TOKEN.sub("", view).lower())
    return 2 * sum(word in frequent() for word in words) <= len(words)
