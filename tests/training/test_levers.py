"""One change of the recipe at a time."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the train extra: make test-all")

from training.corpus import Row
from training.levers import LABELS, Lever, balanced, compared, fine_tune

ROWS = [
    Row(id=str(i), text=text, label=label, group=str(i))
    for i, (text, label) in enumerate(
        [("hello my friend at the lake", LABELS[0]), ("buy cheap boots now", LABELS[1])] * 40
    )
]


def test_layers_computed_once_answer_like_layers_computed_each_time(tiny_base: Path) -> None:
    untrained = Lever(learning_rate=0.0)
    whole = fine_tune(str(tiny_base), untrained, ROWS[:5], ROWS)
    for layers in (1, 2):
        parted = fine_tune(str(tiny_base), replace(untrained, lower=layers), ROWS[:5], ROWS)
        assert np.abs(parted - whole).max() < 2e-3, "states are kept in 16 bits"


def test_training_above_given_layers_learns(tiny_base: Path) -> None:
    lever = Lever(learning_rate=3e-3, epochs=20, lower=1)
    found = fine_tune(str(tiny_base), lever, ROWS, ROWS[:2])
    assert [LABELS[i] for i in found.argmax(1)] == LABELS[:2]


def test_a_row_without_weight_teaches_nothing(tiny_base: Path) -> None:
    lever = Lever(weight=lambda row: float(row.label == LABELS[0]), learning_rate=3e-3, epochs=20)
    found = fine_tune(str(tiny_base), lever, ROWS, ROWS[:2])
    assert [LABELS[i] for i in found.argmax(1)] == [LABELS[0]] * 2


def test_balanced_weights_even_out_classes_and_keep_the_mean() -> None:
    rows = ROWS[:2] + ROWS[::2][:6]
    weight = balanced(lambda row: row.label, rows, 1)
    assert np.isclose(np.mean([weight(row) for row in rows]), 1)
    assert np.isclose(*(sum(weight(row) for row in rows if row.label == label) for label in LABELS[:2]))


def test_a_run_compared_with_itself_gains_nothing() -> None:
    truth = np.arange(60) % 3
    scores = np.eye(3)[truth] * 0.8 + 0.1
    assert compared(scores, scores, truth)["interval"] == [0.0, 0.0]
    worse = compared(np.roll(scores, 1, axis=1), scores, truth)
    assert worse["gain"] == -1 and worse["interval"][1] < 0
