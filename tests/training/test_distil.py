"""A small encoder to start from, a teacher's probabilities as targets, misprints."""

from __future__ import annotations

import gzip
import json
import random
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the train extra: make test-all")

from transformers import AutoModel, AutoTokenizer

from sincerity.cleaning import TOKENS
from training.augment import misspelt
from training.corpus import Row
from training.encoder import load_base
from training.prepare import scored_dataset, with_misprints
from training.shrink import shrink

TEXTS = ["hello my friend at the lake", "buy cheap boots now", "the lake tonight"] * 3
LABELS = ["conversational", "promotional", "automated"]


def test_a_shrunken_encoder_knows_the_frequent_words_and_every_token(tiny_base: Path, tmp_path: Path) -> None:
    shrink(str(tiny_base), tmp_path, TEXTS, layers=1, hidden=32, vocabulary=110)
    assert AutoModel.from_pretrained(tmp_path).config.hidden_size == 32
    plain = AutoTokenizer.from_pretrained(tmp_path)
    assert len(plain) <= len(AutoTokenizer.from_pretrained(tiny_base))
    assert {"lake", "boots"} <= plain.get_vocab().keys()
    model, tokenizer = load_base(str(tmp_path), LABELS, 64)
    for token in TOKENS:
        assert len(tokenizer(f"hello {token} lake", add_special_tokens=False)["input_ids"]) == 3
    assert model.get_input_embeddings().weight.shape == (len(plain), 32)


def test_words_that_mean_the_same_start_near_each_other(tiny_base: Path, tmp_path: Path) -> None:
    shrink(str(tiny_base), tmp_path, TEXTS, layers=1, hidden=64, vocabulary=110)
    large, small = (AutoModel.from_pretrained(path).get_input_embeddings().weight for path in (tiny_base, tmp_path))
    old, new = (AutoTokenizer.from_pretrained(path).get_vocab() for path in (tiny_base, tmp_path))
    words = [word for word in ("hello", "lake", "boots", "friend", "tonight") if word in new]

    def distances(vectors: object, places: list[int]) -> np.ndarray:
        some = vectors[places].detach().numpy()  # type: ignore[index]
        return np.linalg.norm(some[:, None] - some[None], axis=-1)[np.triu_indices(len(places), 1)]

    before, after = distances(large, [old[w] for w in words]), distances(small, [new[w] for w in words])
    assert np.allclose(before / before[0], after / after[0], rtol=1e-3)


def test_a_teachers_probabilities_are_the_targets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pool = [
        {"id": "a", "text": "SALE! all the boots at half the price, today only", "group": "g1"},
        {"id": "b", "text": "the lake was lovely last night, thank you for the tea", "group": "g2"},
        {"id": "c", "text": "a text that shares its account with validation", "group": "kept apart"},
        {"id": "d", "text": "a text that nobody has scored", "group": "g3"},
    ]
    (tmp_path / "messages").mkdir()
    with gzip.open(tmp_path / "messages" / "unlabelled.jsonl.gz", "wt", encoding="utf-8") as file:
        file.writelines(json.dumps(row | {"source": "s", "terms": "open"}) + "\n" for row in pool)
    monkeypatch.setenv("SINCERITY_DATA", str(tmp_path))
    scores = [[0.1, 0.8, 0.1], [0.7, 0.1, 0.2], [0.2, 0.2, 0.6]]
    np.savez(tmp_path / "scores.npz", ids=np.array(["a", "b", "c"]), probs=np.array(scores, np.float32))
    apart = [Row(id="v", text="something else entirely", label="automated", group="kept apart")]
    found = scored_dataset(tmp_path / "scores.npz", LABELS, apart)
    assert found["id"][:] == ["a", "b"]
    assert found["label"][:] == [1, 0]
    assert np.allclose(found["target"][:], scores[:2], atol=1e-6)
    assert scored_dataset(tmp_path / "scores.npz", LABELS, apart, most=1)["id"][:] == ["a"]


def test_misprints_touch_about_one_word_in_ten_and_no_link() -> None:
    text = "please remember to bring the garden chairs to https://lake.example/tonight @friend " * 200
    words, misprinted = text.split(" "), misspelt(text, random.Random(0)).split(" ")
    assert len(words) == len(misprinted)
    changed = [word for word, new in zip(words, misprinted, strict=True) if word != new]
    long = [word for word in words if len(word) > 3 and word.isalpha()]
    assert 0.07 < len(changed) / len(long) < 0.13
    assert all(word.isalpha() for word in changed)


def test_some_rows_are_misprinted_always_the_same_ones() -> None:
    rows = [
        Row(id=str(i), text="please remember to bring the garden chairs tonight", label="", group="")
        for i in range(200)
    ]
    once = with_misprints(rows)
    assert once == with_misprints(rows)
    assert 10 < sum(row.text != rows[0].text for row in once) < 60
