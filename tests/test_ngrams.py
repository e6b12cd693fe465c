"""Hashed n-grams: the same for a text whatever stands around it, and whatever it is disguised as."""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
import pytest
import tiny_cascade

from sincerity import ModelError
from sincerity.buffers import LINK, LONGEST, SHOUTED_LINK, links
from sincerity.ngrams import _VALUES, FACTORS, NGrams

DATA = Path(__file__).parents[1] / "data" / "messages"
TEXTS = [json.loads(line)["text"] for line in (DATA / "test.jsonl").read_text("utf-8").splitlines()]
ODD = [
    *("", " \n", "\x07", "\x00", "a", "!", "\x03\x01", "\u200b", "\U0001f600", "x" * LONGEST, "x" * (LONGEST + 1)),
    *("\u6f22\u5b57 \u043f\u0440\u0438\u0432\u0435\u0442", "\ud800", "&#0;", "@you http://x.example", "\u00e9" * 600),
]
RANDOM = np.random.default_rng(0).integers(-127, 128, (1 << 14, 3)).astype(np.int8)


@pytest.fixture(scope="module")
def ngrams() -> NGrams:
    return NGrams(RANDOM, 0.05)


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_a_text_has_the_same_bits_of_probability_in_every_batch_and_order(ngrams: NGrams, size: int) -> None:
    texts = [*TEXTS, *ODD] * 2
    expected = ngrams.probabilities(texts)
    order = random.Random(size).sample(range(len(texts)), len(texts))
    parts = [ngrams.probabilities([texts[i] for i in order[at : at + size]]) for at in range(0, len(order), size)]
    assert np.concatenate(parts).tobytes() == expected[order].tobytes()


def test_texts_with_no_words_and_texts_too_long_are_not_judged(ngrams: NGrams) -> None:
    judged = ~np.isnan(ngrams.probabilities(ODD)[:, 0])
    blank = {"", " \n", "\x07", "\x00", "\u200b", "\ud800", "&#0;"}
    unjudged = {text for text, sure in zip(ODD, judged, strict=True) if not sure}
    assert unjudged - {"\x03\x01"} == blank | {"x" * (LONGEST + 1)}


def test_probabilities_sum_to_one_for_any_number_of_labels() -> None:
    for labels in (2, 3, 4, 7):
        weights = np.random.default_rng(labels).integers(-127, 128, (1 << 12, labels)).astype(np.int8)
        found = NGrams(weights, 0.05).probabilities(TEXTS[:50])
        assert found.shape == (50, labels)
        assert np.allclose(found.sum(1), 1)
        for label in range(labels):  # a label's logit does not depend on which others share its integer
            turned = NGrams(np.roll(weights, label, axis=1), 0.05).probabilities(TEXTS[:50])
            assert np.allclose(np.roll(found, label, axis=1), turned)


def test_sums_of_the_largest_weights_do_not_run_into_each_other() -> None:
    longest = ["a b " * (LONGEST // 4), "!" * LONGEST, "ab, " * (LONGEST // 4), "\u00e9, " * (LONGEST // 4)]
    for sign in ((127, -127, 127), (-127, 127, -127), (127, 127, 127)):
        weights = np.tile(np.array(sign, np.int8), (1 << 10, 1))
        found = NGrams(weights, 1e-3).probabilities(longest)
        assert (found.argmax(1) == np.argmax(sign)).all()
        assert np.allclose(found[:, 0], found[:, 2])


@pytest.mark.parametrize(
    ("plain", "disguised"),
    [
        ("free boots today", "fr\u200bee bo\u00adots today"),
        ("free boots today", "\uff46\uff52\uff45\uff45 boots today"),
        ("free boots today", "fr\u0435\u0435 boots t\u043eday"),
        ("you & me", "you &amp; me"),
        ("see you soon", "  see you\t soon \n"),
        ("noooo way", "noooooooooo way"),
        ("look: http://a.example/1", "look: http://b.example/other?x=2"),
        ("@ann hello", "@somebody hello"),
        ("room 12 at 7", "room 34 at 9"),
    ],
)
def test_disguises_links_names_and_digits_change_nothing(ngrams: NGrams, plain: str, disguised: str) -> None:
    one, other = ngrams.probabilities([plain, disguised])
    assert one.tobytes() == other.tobytes()


@pytest.mark.parametrize(("one", "other"), [("go now", "now go"), ("ok", "OK"), ("ok.", "ok!"), ("@ann hi", "hi @ann")])
def test_order_case_and_marks_count(ngrams: NGrams, one: str, other: str) -> None:
    first, second = ngrams.probabilities([one, other])
    assert not np.allclose(first, second)


def test_weights_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "ngrams.npy"
    wrong = (RANDOM[:, :2], RANDOM.astype(np.int16), RANDOM[:1000], RANDOM[:, 0], np.array([{"a": 1}], object))
    for array in wrong:
        np.save(path, array, allow_pickle=True)
        with pytest.raises(ModelError, match=r"ngrams\.npy"):
            NGrams.read(path, 3, 0.1)
    path.write_bytes(b"no array")
    with pytest.raises(ModelError, match=r"ngrams\.npy cannot be read"):
        NGrams.read(path, 3, 0.1)
    path.unlink()
    with pytest.raises(ModelError, match=r"ngrams\.npy cannot be read"):
        NGrams.read(path, 3, 0.1)


def test_counted_weights_tell_their_own_texts_apart() -> None:
    found = NGrams(tiny_cascade.weights(), 0.5).probabilities([*tiny_cascade.HAM, *tiny_cascade.SPAM])
    assert found.argmax(1).tolist() == [0, 0, 0, 1, 1, 1]


def test_the_numbers_that_hash_are_those_of_their_seed() -> None:
    random = np.random.Generator(np.random.PCG64(20_161_008))
    assert (random.integers(0, 1 << 32, 256, dtype=np.uint32) == _VALUES).all()
    assert (random.integers(0, 1 << 31, 32, dtype=np.uint32) * np.uint32(2) + np.uint32(1) == FACTORS).all()


def test_links_looked_for_where_one_may_start_are_those_that_the_pattern_finds() -> None:
    chance = random.Random(0)
    pieces = (
        "http",
        "HTTP",
        "hTTp",
        "Http",
        "https://",
        "HTTPS:",
        ":",
        "/",
        "www.",
        "WWW.",
        "Www.",
        "H",
        "W",
        "a.b",
        " ",
        "\0",
    )
    for _ in range(2000):
        joined = "".join(chance.choices(pieces, k=chance.randrange(12))).encode()
        for pattern in (LINK, SHOUTED_LINK):
            assert [*links(joined, pattern)] == [match.span() for match in pattern.finditer(joined)]


def test_weights_of_up_to_four_labels_are_summed_apart() -> None:
    weights = np.random.default_rng(1).integers(-128, 128, (1 << 14, 4)).astype(np.int8)
    weights[:, 1] = 127
    weights[:, 2] = -128
    texts = [*TEXTS[:50], "x" * LONGEST, " ".join("abcdefg" * 14)]
    logits = np.log(NGrams(weights, 0.01).probabilities(texts))
    alone = [np.log(NGrams(weights[:, [k, 2]], 0.01).probabilities(texts)) for k in range(4)]
    for k in range(4):
        assert np.allclose(logits[:, k] - logits[:, 2], alone[k][:, 0] - alone[k][:, 1])
