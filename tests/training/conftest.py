"""A base encoder small enough to train in seconds, and a labelled CSV to train it on."""

from __future__ import annotations

import csv
import random
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="needs the train extra: make test-all")
transformers = pytest.importorskip("transformers", reason="needs the train extra: make test-all")
pytest.importorskip("onnxscript", reason="needs the train extra: make test-all")

GREETINGS = "hello there how was your weekend my friend see you at the lake tonight".split()
OFFERS = "sale now buy cheap boots save half price today only at our shop".split()


@pytest.fixture(scope="session")
def tiny_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT of two layers with random weights and a vocabulary of some sixty words."""
    folder = tmp_path_factory.mktemp("base")
    special = ["[PAD]", *(f"[unused{i}]" for i in range(40)), "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    letters = [prefix + chr(c) for c in range(97, 123) for prefix in ("", "##")]
    words = dict.fromkeys([*special, *letters, *"!.,?#&'\"-%0123456789", *GREETINGS, *OFFERS])
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=len(words), hidden_size=64, num_hidden_layers=2, num_attention_heads=2, intermediate_size=128,
        max_position_embeddings=192,
    )  # fmt: skip
    transformers.BertModel(config).save_pretrained(folder)
    transformers.BertTokenizer(vocab={word: i for i, word in enumerate(words)}).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def labelled_csv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four hundred rows of two labels nobody has heard of."""
    path = tmp_path_factory.mktemp("csv") / "mine.csv"
    rng = random.Random(0)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "said", "kind"])
        for i in range(400):
            words, kind = ((GREETINGS, "warm"), (OFFERS, "cold"))[i % 2]
            writer.writerow([i, " ".join(rng.choices(words, k=rng.randint(3, 12))), kind])
    return path
