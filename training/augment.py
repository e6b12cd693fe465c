"""Misprints for training: what a hurried thumb does to a text must not change who is taken to have written it."""

from __future__ import annotations

import random
from string import ascii_lowercase

TYPOS_PER_WORD = 0.1
LEAST_LENGTH = 4
"""Letters of a word that can be misspelt and still be read."""


def misspelt(text: str, rng: random.Random) -> str:
    """`text` with about one word in ten misspelt: two letters swapped, one left out, doubled or replaced.

    >>> misspelt("please remember the garden chairs tonight", random.Random(7))
    'please remember the garden cahirs tonight'
    """
    return " ".join(
        _typo(word, rng) if len(word) >= LEAST_LENGTH and word.isalpha() and rng.random() < TYPOS_PER_WORD else word
        for word in text.split(" ")
    )


def _typo(word: str, rng: random.Random) -> str:
    at = rng.randrange(1, len(word) - 1)
    before, letter, after = word[:at], word[at], word[at + 1 :]
    return rng.choice(
        (
            before + after[0] + letter + after[1:],
            before + after,
            before + letter + letter + after,
            before + rng.choice(ascii_lowercase) + after,
        )
    )


def shortened(text: str, rng: random.Random) -> str:
    """Some words of `text`: a piece of it, or all but about one word in six. Another text, with another label maybe.

    >>> shortened("please remember the garden chairs tonight", random.Random(2))
    'please garden chairs tonight'
    """
    words = text.split(" ")
    if rng.random() < 0.5:
        length = max(1, round(len(words) * rng.uniform(0.3, 0.9)))
        at = rng.randrange(len(words) - length + 1)
        return " ".join(words[at : at + length])
    return " ".join(word for word in words if rng.random() > 1 / 6)
