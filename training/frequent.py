"""Write `frequent.txt`, `pairs.npy`, `known.txt` of sincerity: frequent words, which follow each other, and rarer ones.

    python -m training.frequent

Counted in the unlabelled pool and the training rows, outside links and mentions; `sincerity.restoring` reads unknown
letters by them. Words are runs of the letters a to z, so an apostrophe parts two. Rarer words, which
`sincerity.spelling` takes for no misprints, are in fewer texts, but in more than misprints of a frequent word would be
(the noisy channel of Kernighan, Church and Gale, 1990), or in BERT's vocabulary (Devlin et al., 2019; Apache-2.0).
Needs SINCERITY_DATA.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from string import ascii_lowercase

import numpy as np
import typer

from sincerity.cleaning import _MAIL, _URL, _USER, folded
from sincerity.spelling import LEAST_LETTERS
from training.command import run
from training.corpus import in_validation, pool_texts, training_rows

OUT = Path(__file__).parents[1] / "sincerity"
VOCABULARY = Path(__file__).parents[1] / "models" / "sincerity-minilm-l6" / "tokenizer.json"
TEXTS = 400_000
LEAST = 12
"""Texts that a word is in."""
LEAST_PAIRS = 12
LEAST_RARE = 3
SLIPS = 1 / 400
"""How often at most one word is misspelt as one other."""
MOST_COUNT = 65_535
_WORD = re.compile(r"[a-z]+")
_NO_WORDS = re.compile(f"{_URL.pattern}|{_MAIL.pattern}|{_USER.pattern}", re.IGNORECASE)


def counts(texts: list[str]) -> tuple[Counter[str], Counter[tuple[str, str]]]:
    """How often each word and each pair of neighbours is there; both at most once a text."""
    words: Counter[str] = Counter()
    pairs: Counter[tuple[str, str]] = Counter()
    for text in texts:
        if text.isascii():
            found = _WORD.findall(_NO_WORDS.sub(" 0 ", folded(text)).lower())
            words.update(set(found))
            pairs.update(set(pairwise(found)))
    return words, pairs


def one_slip_away(word: str) -> Iterator[str]:
    """All strings that are one slip behind the first letter away from `word`."""
    for i in range(1, len(word) + 1):
        before, rest = word[:i], word[i:]
        yield from (before + letter + rest for letter in ascii_lowercase)
        if rest:
            yield before + rest[1:]
            yield from (before + letter + rest[1:] for letter in ascii_lowercase)
        if len(rest) > 1:
            yield before + rest[1] + rest[0] + rest[2:]


def rarer_words(words: Mapping[str, int], tokenizer: Path) -> list[str]:
    """Words of `LEAST_LETTERS` or more that are no frequent ones, and hardly misprints of such."""
    said = {
        word
        for word, count in words.items()
        if LEAST_RARE <= count < LEAST
        and len(word) >= LEAST_LETTERS
        and all(words.get(near, 0) * SLIPS <= count for near in one_slip_away(word))
    }
    pieces = json.loads(tokenizer.read_text("utf-8"))["model"]["vocab"]
    whole = {word for word in pieces if _WORD.fullmatch(word) and len(word) >= LEAST_LETTERS}
    return sorted(word for word in said | whole if words.get(word, 0) < LEAST)


def main() -> None:
    texts = pool_texts(TEXTS) + [row.text for row in training_rows() if not in_validation(row.group)]
    words, pairs = counts(texts)
    kept = sorted((word for word, count in words.items() if count >= LEAST), key=lambda word: (-words[word], word))
    rank = {word: i for i, word in enumerate(kept)}
    rows = sorted(
        (rank[first], rank[second], min(count, MOST_COUNT))
        for (first, second), count in pairs.items()
        if count >= LEAST_PAIRS and first in rank and second in rank
    )
    (OUT / "frequent.txt").write_text("".join(f"{word} {words[word]}\n" for word in kept), "utf-8")
    np.save(OUT / "pairs.npy", np.array(rows, np.uint16))
    known = rarer_words(words, VOCABULARY)
    (OUT / "known.txt").write_text("".join(f"{word}\n" for word in known), "ascii")
    typer.echo(f"{len(kept)} words and {len(rows)} pairs of {len(texts)} texts")


if __name__ == "__main__":
    run(main)
