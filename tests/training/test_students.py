"""Students that learn from a teacher's probabilities alone: tokens, the narrow encoder, the patient teacher."""

from __future__ import annotations

import random
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the train extra: make test-all")

import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from sincerity.labels import Label
from training.corpus import CHOOSING, FITTING, VALIDATION, Row
from training.distil import Texts, distil
from training.encoder import load_base
from training.narrow import narrow
from training.tokens import write_tokens

GREETINGS = "hello there how was your weekend my friend see you at the lake tonight".split()
OFFERS = "sale now buy cheap boots save half price today only at our shop".split()
LABELS = [str(label) for label in Label]


def rows(count: int, seed: int, *, labelled: bool) -> list[Row]:
    rng = random.Random(seed)
    found = []
    for i in range(count):
        words, label = ((GREETINGS, "conversational"), (OFFERS, "promotional"))[i % 2]
        text = " ".join(rng.choices(words, k=rng.randint(3, 12)))
        found.append(Row(id=f"{seed}-{i}", text=text, label=label if labelled else "", group=f"{seed}-{i}"))
    return found


@pytest.fixture(scope="module")
def teacher(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A classifier that has learnt greetings from offers."""
    folder = tmp_path_factory.mktemp("teacher")
    model, tokenizer = load_base(str(tiny_base), LABELS, 64)
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3)
    some = rows(64, 1, labelled=True)
    tokens = tokenizer([row.text for row in some], padding=True, return_tensors="pt")
    truth = torch.tensor([LABELS.index(row.label) for row in some])
    for _ in range(30):
        optimiser.zero_grad()
        torch.nn.functional.cross_entropy(model(**tokens).logits, truth).backward()
        optimiser.step()
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def tokens(teacher: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tokens")
    parts = {
        FITTING: [*rows(400, 2, labelled=False), *rows(40, 3, labelled=True)],
        CHOOSING: rows(80, 4, labelled=False),
        VALIDATION: rows(40, 5, labelled=True),
    }
    passed = [i % 3 > 0 for i in range(sum(map(len, parts.values())))]
    write_tokens(folder, parts, passed, {"teacher": teacher, "student": teacher})
    return folder


def test_a_batch_holds_the_tokens_that_the_tokenizer_gives(tokens: Path, teacher: Path) -> None:
    texts = Texts(tokens / "student-plain.npz", "cpu")
    ids, mask = texts.batch(torch.tensor([7, 0, 3]))
    assert ids.shape == mask.shape and ids.shape[1] % 8 == 0
    tokenizer = AutoTokenizer.from_pretrained(teacher)
    for row, place in enumerate((7, 0, 3)):
        words = tokenizer.decode(ids[row][mask[row].bool()]).split()
        assert words[0] == "[CLS]" and words[-1] == "[SEP]"
        assert " ".join(words).replace(" ' ", "'").count(rows(400, 2, labelled=False)[place].text) == 1


def test_labels_are_known_of_labelled_rows_only(tokens: Path) -> None:
    with np.load(tokens / "texts.npz") as file:
        known = ~np.isnan(file["targets"][:, 0])
        kinds = file["kinds"]
    assert known[:400].sum() == 0 and known[400:440].all() and known[kinds == VALIDATION].all()
    assert not known[kinds == CHOOSING].any()


def test_a_narrow_encoder_keeps_the_neighbourhoods_of_words(teacher: Path, tmp_path: Path) -> None:
    narrow(teacher, tmp_path / "narrow", width=32, layers=1, heads=2, units=48)
    wide, slim = (AutoModelForSequenceClassification.from_pretrained(x) for x in (teacher, tmp_path / "narrow"))
    assert slim.config.hidden_size == 32 and slim.config.num_hidden_layers == 1
    one, other = (torch.cdist(model.get_input_embeddings().weight, model.get_input_embeddings().weight).detach()
                  for model in (wide, slim))  # fmt: skip
    assert float(torch.corrcoef(torch.stack((one.flatten(), other.flatten())))[0, 1]) > 0.8


def test_a_student_comes_to_say_what_its_teacher_says(tokens: Path, teacher: Path, tmp_path: Path) -> None:
    narrow(teacher, tmp_path / "narrow", width=32, layers=2, heads=2, units=48)
    about = distil(tokens, teacher, tmp_path / "narrow", tmp_path / "out", seconds=8, rate=3e-3, batch=32, passed=0.2)
    assert about["log"][-1]["agreement"] > 0.9 > about["log"][0]["agreement"]
    assert all(one["read"] < other["read"] for one, other in pairwise(about["log"][1:]))
    with np.load(tmp_path / "out" / "teacher.npz") as file:
        assert len(file["ids"]) == 400 and np.allclose(file["probs"].sum(1), 1, atol=1e-2)
