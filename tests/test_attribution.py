"""What moved the n-grams: the bytes they read lead back to characters, and the words' weights add up."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from test_ngrams import ODD, RANDOM, TEXTS

from sincerity.attribution import attributions
from sincerity.buffers import batches, buffers, joined, traced
from sincerity.ngrams import FACTORS, NGrams, groups

DISGUISED = [
    "  Thanks for follow\u200bing!! @ann  see HTTPS://Shop.example/x, soooooo  good \u2026\n\n\nbye ",
    "\U0001f60a\U0001f60a caf\u00e9 &amp;amp; \u0440\u0430ypal [URL] \x07x\x08 \ud800 www.x.example",
    "\uff22\uff35\uff39 \U0001d5e1\U0001d5e2\U0001d5ea at http://a.example/b?c=d today",
]


@pytest.fixture(scope="module")
def ngrams() -> NGrams:
    return NGrams(RANDOM, 0.05)


def judged(ngrams: NGrams, texts: list[str]) -> list[str]:
    return [text for text, (p, *_) in zip(texts, ngrams.probabilities(texts), strict=True) if not math.isnan(p)]


def test_the_bytes_that_are_traced_are_those_that_are_read() -> None:
    texts = [*TEXTS, *ODD, *DISGUISED]
    for rows, views in batches(texts):
        found = traced([texts[row] for row in rows], views)
        assert found.buffer.tobytes() == joined(views).tobytes()
        assert len(found.firsts) == len(found.lasts) == len(found.buffer)


@pytest.mark.parametrize("labels", [2, 3, 4])
def test_words_and_traits_add_up_to_the_margin(labels: int) -> None:
    weights = np.random.default_rng(labels).integers(-127, 128, (1 << 12, labels)).astype(np.int8)
    ngrams = NGrams(weights, 0.05)
    texts = judged(ngrams, [*TEXTS, *ODD, *DISGUISED])
    for scores, parts in zip(ngrams.probabilities(texts), attributions(ngrams, texts), strict=True):
        logs = np.log(scores)
        best = logs.max()
        assert sum(part.weight for part in parts) == pytest.approx(best - (logs.sum() - best) / (labels - 1))


def test_every_word_is_at_its_place(ngrams: NGrams) -> None:
    texts = judged(ngrams, [*TEXTS, *ODD, *DISGUISED])
    for text, parts in zip(texts, attributions(ngrams, texts), strict=True):
        words = [part for part in parts if not part.trait]
        assert words
        assert all(0 <= one.start < one.end <= len(text) for one in words)
        assert all(one.end <= other.start for one, other in pairwise(words))
        if text in TEXTS and text.isascii():
            assert "".join(text[one.start : one.end] for one in words) == "".join(text.split())


def test_what_stands_for_a_word_in_disguise_is_all_of_it(ngrams: NGrams) -> None:
    first, second, third = (
        [text[part.start : part.end] for part in parts if not part.trait]
        for text, parts in zip(DISGUISED, attributions(ngrams, DISGUISED), strict=True)
    )
    assert first == [
        *("Thanks", "for", "follow\u200bing", "!", "!", "@ann", "see", "HTTPS://Shop.example/x", ","),
        *("soooooo", "good", "\u2026", "bye"),
    ]
    assert second[:6] == ["\U0001f60a", "\U0001f60a", "caf\u00e9", "&amp;amp;", "\u0440\u0430ypal", "["]
    assert second[-1] == "www.x.example"
    assert third[:3] == ["\uff22\uff35\uff39", "\U0001d5e1\U0001d5e2\U0001d5ea", "at"]


def test_a_word_that_alone_decides_weighs_all() -> None:
    weights = np.zeros((1 << 14, 3), np.int8)
    ((_, buffer),) = buffers(["lake"])
    weights[groups(buffer)[0].buckets(FACTORS[0], 14)[1], 1] = 100
    text = "hello friend, see you at the lake tonight"
    (parts,) = attributions(NGrams(weights, 1.0), [text])
    (lake,) = [part for part in parts if text[part.start : part.end] == "lake"]
    assert lake.weight > 1
    assert sum(abs(part.weight) for part in parts) == pytest.approx(lake.weight)
