"""A label that a character nobody sees can flip is not safe to use; the whole is `python -m benchmarks.robustness`."""

from __future__ import annotations

import random

import pytest

from benchmarks.robustness import (
    CHANGES,
    PAIRS,
    half_table,
    other_links,
    other_names,
    other_numbers,
    outside_table,
    trailing,
    typos,
    without,
)
from sincerity import Classifier
from sincerity.cleaning import _lookalikes, clean
from training.corpus import own_rows, read_jsonl

TEXTS = [row.text for row in own_rows("test")][::4]
MOST = {
    "1 to 5 invisible characters": 0.0,
    "fullwidth letters": 0.0,
    "mathematical letters": 0.0,
    "other user names": 0.02,
    "other links": 0.02,
}


@pytest.mark.parametrize("name", MOST)
def test_what_nobody_sees_or_nobody_judges_by_flips_no_label(name: str, classifier: Classifier) -> None:
    change, rng = CHANGES[name][0], random.Random(1)
    changed = [(text, new) for text in TEXTS if (new := change(text, rng)) != text]
    before, after = (classifier.classify(texts) for texts in zip(*changed, strict=True))
    flipped = sum(a.label != b.label for a, b in zip(before, after, strict=True))
    assert flipped <= MOST[name] * len(changed)


def test_changes_change_what_they_say_and_nothing_else() -> None:
    rng = random.Random(0)
    text = "@ann I saw 12 of them at https://x.example/12 yesterday morning!"
    assert other_names(text, rng).split()[1:] == text.split()[1:]
    assert "https://x.example/12" in other_numbers(text, rng)
    assert other_links(text, rng).split()[:5] == text.split()[:5]
    assert trailing("Who came?", rng) == "Who came?"
    assert trailing(text, rng).rstrip(".!") == text.rstrip("!")
    spelt = [typos(f"{'weather ' * 10}today", random.Random(i)).split() for i in range(20)]
    assert all(1 <= sum(word != "weather" for word in words[:10]) + (words[10:] != ["today"]) <= 2 for words in spelt)


def test_letters_outside_the_table_are_left_alone_where_they_stand_alone() -> None:
    assert len(outside_table()) > 10
    for others in outside_table().values():
        assert all(other in clean(other).text for other in others)


def test_a_table_without_half_of_its_letters_is_whole_again_afterwards() -> None:
    half, before = half_table(), dict(_lookalikes())
    with without(half):
        assert not {ord(char) for others in half.values() for char in others} & set(_lookalikes())
        assert 0.4 * len(before) < len(_lookalikes()) < 0.6 * len(before)
    assert _lookalikes() == before


@pytest.mark.parametrize("name", ["speech", "forms"])
def test_pairs_are_many_and_none_was_trained_on(name: str) -> None:
    pairs = list(read_jsonl(PAIRS / f"{name}.jsonl"))
    texts = [pair[key] for pair in pairs for key in ("text", "variant")]
    assert len(pairs) >= 100
    assert len(texts) == len(set(texts))
    assert not set(texts) & {row.text for split in ("train", "test") for row in own_rows(split)}
