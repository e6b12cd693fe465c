"""A small encoder to start from, a teacher's probabilities as targets, misprints."""

from __future__ import annotations

import gzip
import json
import random
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the train extra: make test-all")

import torch
from transformers import AutoConfig, AutoModel, AutoModelForSequenceClassification, AutoTokenizer

from sincerity.cleaning import TOKENS
from training.adapt import adapt
from training.augment import misspelt
from training.corpus import FITTING, Row, part
from training.encoder import load_base
from training.pool import scored_ids
from training.prepare import scored_dataset, with_misprints
from training.shrink import shrink
from training.teach import mixed, origins, unsure_first, with_origin

TEXTS = ["hello my friend at the lake", "buy cheap boots now", "the lake tonight"] * 3
LABELS = ["conversational", "promotional", "automated"]


@pytest.fixture
def fine_tuned(tiny_base: Path, tmp_path: Path) -> Path:
    """A classifier whose feed-forward units with odd numbers add nothing."""
    model, tokenizer = load_base(str(tiny_base), LABELS, 64)
    with torch.no_grad():
        for layer in model.bert.encoder.layer:
            layer.output.dense.weight[:, 1::2] = 0
    model.save_pretrained(tmp_path / "base")
    tokenizer.save_pretrained(tmp_path / "base")
    return tmp_path / "base"


def logits(folder: Path) -> torch.Tensor:
    tokens = AutoTokenizer.from_pretrained(folder)(TEXTS, padding=True, return_tensors="pt")
    with torch.inference_mode():
        return AutoModelForSequenceClassification.from_pretrained(folder).eval()(**tokens).logits


def test_what_adds_nothing_can_be_cut_off(fine_tuned: Path, tmp_path: Path) -> None:
    shrink(fine_tuned, tmp_path / "small", TEXTS, layers=[0, 1], units=64, vocabulary=120)
    config = AutoConfig.from_pretrained(tmp_path / "small")
    assert (config.intermediate_size, config.num_hidden_layers) == (64, 2)
    assert config.vocab_size < AutoConfig.from_pretrained(fine_tuned).vocab_size
    assert torch.allclose(logits(tmp_path / "small"), logits(fine_tuned), atol=1e-5)


def test_a_shrunken_encoder_has_the_layers_asked_for(fine_tuned: Path, tmp_path: Path) -> None:
    shrink(fine_tuned, tmp_path / "small", TEXTS, layers=[1], units=32, vocabulary=120)
    kept, whole = (AutoModelForSequenceClassification.from_pretrained(x) for x in (tmp_path / "small", fine_tuned))
    (layer,) = kept.bert.encoder.layer
    assert torch.equal(layer.attention.self.query.weight, whole.bert.encoder.layer[1].attention.self.query.weight)


def test_a_shrunken_encoder_knows_frequent_words_and_every_token(fine_tuned: Path, tmp_path: Path) -> None:
    shrink(fine_tuned, tmp_path / "small", TEXTS, layers=[0], units=32, vocabulary=110)
    plain = AutoTokenizer.from_pretrained(tmp_path / "small")
    assert {"lake", "boots"} <= plain.get_vocab().keys()
    model, tokenizer = load_base(str(tmp_path / "small"), LABELS, 64)
    for token in TOKENS:
        assert len(tokenizer(f"hello {token} lake", add_special_tokens=False)["input_ids"]) == 3
    assert len(model.get_input_embeddings().weight) == len(plain) == 110


def test_teachers_agree_where_they_were_asked() -> None:
    one = np.array([[0.9, 0.05, 0.05], [0.2, 0.4, 0.4]])
    other = np.array([[0.1, 0.45, 0.45], [np.nan, np.nan, np.nan]])
    together = mixed([one, other], [1.0, 1.0])
    assert np.allclose(together.sum(1), 1)
    assert np.allclose(together[1], one[1])
    assert np.isclose(together[0, 0] / together[0, 1], np.sqrt(18 * 0.1 / 0.45))


def test_an_origin_moves_its_unsure_texts_only() -> None:
    sure, unsure = [0.02, 0.03, 0.95], [0.1, 0.46, 0.44]
    scores = np.array([sure] * 60 + [unsure] + [[0.95, 0.03, 0.02]] * 60 + [[0.02, 0.95, 0.03]] * 60 + [unsure])
    moved = with_origin(scores, ["feed"] * 61 + ["talk"] * 60 + ["shop"] * 61)
    assert np.allclose(moved.sum(1), 1)
    assert moved[60].argmax() == 2
    assert moved[-1].argmax() == 1
    assert (moved.argmax(1)[:60] == 2).all()
    assert np.allclose(with_origin(scores, ["feed"] * 61 + ["talk"] * 60 + ["shop"] * 61, power=0), scores)


def test_an_origin_is_as_fine_as_it_has_texts() -> None:
    rows = [{"source": "s", "orig_label": "news", "client": None}] * 50
    rows += [{"source": "s", "orig_label": "talk", "client": "phone"}] * 3
    assert set(origins(rows)) == {"s\norig_label\nnews", "s"}


def test_unsure_texts_come_earlier_and_none_is_lost() -> None:
    scores = np.array([[0.98, 0.01, 0.01]] * 500 + [[0.4, 0.3, 0.3]] * 500)
    order = unsure_first(scores)
    assert sorted(order) == list(range(1000))
    assert (order[:300] >= 500).mean() > 0.6


MEASURED = next(name for name in map(str, range(100)) if part(name) != FITTING)


def test_a_teachers_probabilities_are_the_targets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pool = [
        {"id": "e", "text": "SALE! all the boots at half the price, today only", "group": "g1"},
        {"id": "f", "text": "the lake was lovely last night, thank you for the tea", "group": "g2"},
        {"id": "c", "text": "a text that shares its account with validation", "group": "kept apart"},
        {"id": "d", "text": "a text that nobody has scored", "group": "g3"},
        {"id": MEASURED, "text": "a text that cascades are measured on", "group": "g4"},
    ]
    (tmp_path / "messages").mkdir()
    with gzip.open(tmp_path / "messages" / "unlabelled.jsonl.gz", "wt", encoding="utf-8") as file:
        file.writelines(json.dumps(row | {"source": "s", "terms": "open"}) + "\n" for row in pool)
    monkeypatch.setenv("SINCERITY_DATA", str(tmp_path))
    scores = [[0.1, 0.8, 0.1], [0.7, 0.1, 0.2], [0.2, 0.2, 0.6], [0.3, 0.3, 0.4]]
    np.savez(tmp_path / "scores.npz", ids=np.array(["e", "f", "c", MEASURED]), probs=np.array(scores, np.float32))
    assert scored_ids(tmp_path) == {"e", "f", "c", MEASURED}
    apart = [Row(id="v", text="something else entirely", label="automated", group="kept apart")]
    found = scored_dataset(tmp_path / "scores.npz", LABELS, apart)
    assert found["id"][:] == ["e", "f"]
    assert found["label"][:] == [1, 0]
    assert np.allclose(found["target"][:], scores[:2], atol=1e-6)
    assert scored_dataset(tmp_path / "scores.npz", LABELS, apart, most=1)["id"][:] == ["e"]


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
    assert 30 < sum(row.text != rows[0].text for row in once) < 100


def test_an_encoder_reads_messages_before_it_learns_labels(tiny_base: Path, tmp_path: Path) -> None:
    adapt(str(tiny_base), tmp_path / "adapted", TEXTS * 8)
    model, tokenizer = load_base(str(tmp_path / "adapted"), LABELS, 64)
    old = AutoModel.from_pretrained(tiny_base).encoder.layer[0].output.dense.weight
    assert not torch.equal(model.bert.encoder.layer[0].output.dense.weight, old)
    assert len(tokenizer("hello [URL] lake", add_special_tokens=False)["input_ids"]) == 3
