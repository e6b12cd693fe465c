"""Rivals can be trained, kept and asked; where one of them wins, that is said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="needs the train extra: make test-all")
pytest.importorskip("sklearn", reason="needs the bench extra: make test-all")

import numpy as np

from benchmarks import comparison, measure, verdict
from benchmarks.rivals import OURS, RIVALS, FastText, KeywordRules, Rival, Sincerity
from sincerity import Classifier, Label
from training.corpus import Row, file_rows, own_rows

LIBRARIES = {"fastText": "fasttext", "fastText, cleaned text": "fasttext", "spaCy textcat": "spacy"}
LEARNERS = ["TF-IDF + logistic regression", *LIBRARIES]
TEXTS = ["hello my friend", "buy cheap boots\nnow!", "", "\n\n"]


@pytest.fixture(scope="module")
def rows(labelled_csv: Path) -> list[Row]:
    return file_rows(labelled_csv, "said", "kind")


def kept(rival: type[Rival], rows: list[Row], labels: list[str], folder: Path) -> Rival:
    """Trained, saved, and loaded again."""
    rival.train(rows, labels).save(folder)
    return rival.load(folder)


@pytest.mark.parametrize("name", ["majority", *LEARNERS])
def test_a_rival_is_kept_and_gives_probabilities(
    name: str, rows: list[Row], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if name in LIBRARIES:
        pytest.importorskip(LIBRARIES[name], reason="needs the bench extra: make test-all")
    monkeypatch.setitem(FastText.SETTINGS, "bucket", 10_000)
    train, test = rows[:300], rows[300:]
    rival = kept(RIVALS[name], train, ["warm", "cold"], tmp_path)
    assert list(rival.labels) == ["warm", "cold"]
    for texts in (TEXTS, TEXTS[:1]):
        found = rival.probabilities(texts)
        assert found.shape == (len(texts), 2)
        assert np.allclose(found.sum(1), 1)
        assert (found >= 0).all()
    guess = [rival.labels[i] for i in rival.probabilities([row.text for row in test]).argmax(1)]
    right = np.mean([label == row.label for label, row in zip(guess, test, strict=True)])
    assert right > 0.9 if name in LEARNERS else right == pytest.approx(0.5)


def test_keyword_rules_know_the_plainest_texts(tmp_path: Path) -> None:
    labels = [str(label) for label in Label]
    rival = kept(KeywordRules, own_rows("train"), labels, tmp_path)
    texts = [
        "haha yeah I miss you too",
        "Big sale this weekend: 20% off all boots, order now at https://shop.example",
        "Your verification code is 493021. Do not reply.",
    ]
    found = rival.probabilities(texts)
    assert [labels[i] for i in found.argmax(1)] == labels
    assert np.allclose(found.sum(1), 1)


def test_ours_is_kept_with_what_inference_reads(classifier: Classifier, tmp_path: Path) -> None:
    rival = kept(Sincerity, [], [], tmp_path)
    assert not {"README.md", "results.json", "model.safetensors"} & {path.name for path in tmp_path.iterdir()}
    expected = classifier.classify(TEXTS)
    assert rival.probabilities(TEXTS).max(1).tolist() == pytest.approx([one.score for one in expected], abs=1e-6)


def test_a_timing_reads_no_text_twice() -> None:
    read: list[str] = []
    unread = map(str, range(measure.TEXTS_NEEDED))
    for _ in range(2):
        found = measure.speed(read.extend, unread, seconds=1)
        assert found["texts"] == measure.MOST
    assert len(read) == len(set(read)) == measure.TEXTS_NEEDED


def test_intervals_come_from_the_same_rows_for_every_rival() -> None:
    truth, guess = "012" * 40, "011" * 40
    perfect, worse = (comparison.resampled_macro_f1(truth, digits, 3) for digits in (truth, guess))
    assert (perfect == 1).all()
    assert (worse < perfect).all()
    assert (comparison.resampled_macro_f1(truth, guess, 3) == worse).all()


def test_quality_counts_a_second_label(rows: list[Row]) -> None:
    two = [Row(id="", text="", label="a", second="b", group=""), Row(id="", text="", label="b", group="")]
    found = comparison.quality(two, np.array([[0.2, 0.8], [0.2, 0.8]]), ["a", "b"])
    assert (found["accuracy"], found["lenient_accuracy"]) == (0.5, 1)
    assert found["f1"] == {"a": 0, "b": pytest.approx(2 / 3, abs=1e-4)}


def figures(macro_f1: float, speed: float, cold_start: float, megabytes: float, spread: float = 0.0) -> dict[str, Any]:
    """A rival's part of a made-up result; on one core everything takes twice as long."""

    def around(value: float) -> dict[str, float]:
        return {"median": value, "least": value * (1 - spread), "most": value * (1 + spread)}

    return {
        "training_seconds": 10,
        "megabytes_on_disk": megabytes,
        "quality": {
            "macro_f1": macro_f1,
            "macro_f1_interval": [macro_f1 - 0.02, macro_f1 + 0.02],
            "accuracy": macro_f1,
            "log_loss": 1 - macro_f1,
            "f1": {"automated": macro_f1},
        },
        "macro_f1_minus_ours_interval": [-0.01, 0.03],
        "threads": {
            str(threads): {
                "batch": around(speed * threads / 2),
                "single": around(speed * threads / 4),
                "cold_start": around(cold_start * 2 / threads),
                "megabytes": around(megabytes),
            }
            for threads in (1, 2)
        },
    }


def test_every_aspect_in_which_a_rival_wins_is_said() -> None:
    result = {"ours": OURS, "rivals": {"quick": figures(0.5, 60_000, 0.1, 5), OURS: figures(0.8, 500, 0.4, 25)}}
    assert verdict.wins(result) == [
        "quick labels 120 times as many texts a second in batch (60 000 against 500, on 2 cores).",
        "quick labels 120 times as many texts a second one by one (30 000 against 250, on 2 cores).",
        "quick gives its first label 4 times as soon (0.1 s against 0.4 s after the start, on 2 cores).",
        "quick holds 5 times less memory (5 MB against 25 MB, on 2 cores).",
        "quick takes 5 MB on disk, ours 25 MB.",
    ]
    result = {"ours": OURS, "rivals": {"good": figures(0.82, 500, 1, 99), OURS: figures(0.8, 600, 0.4, 25)}}
    assert verdict.wins(result) == [
        "good has a higher macro-F1 on dev, 0.820 against 0.800 (difference, 95 % interval: -0.010 to +0.030).",
        "good has a higher accuracy on dev, 0.820 against 0.800.",
        "good has a lower log-loss on dev, 0.180 against 0.200.",
        "good has a higher F1 of automated on dev, 0.820 against 0.800.",
    ]


def test_a_win_within_the_spread_is_called_so() -> None:
    result = {
        "ours": OURS,
        "rivals": {"near": figures(0.7, 520, 0.5, 30, 0.1), OURS: figures(0.8, 500, 0.4, 25)},
    }
    assert verdict.wins(result) == [
        "near labels 1.04 times as many texts a second in batch (520 against 500, on 2 cores, rounds overlapping).",
        "near labels 1.04 times as many texts a second one by one (260 against 250, on 2 cores, rounds overlapping).",
    ]


def test_the_table_has_a_row_for_every_rival_with_the_same_columns() -> None:
    result = {"ours": OURS, "rivals": {"quick": figures(0.5, 61_234, 0.1, 5), OURS: figures(0.8, 500, 0.4, 25)}}
    rows = verdict.columns(result)
    assert [row["system"] for row in rows] == ["quick", OURS]
    assert rows[0].keys() == rows[1].keys()
    assert rows[0]["texts/s in batch"] == "61 200"
    assert rows[1]["macro-F1"] == "0.800 (0.780 to 0.820)"
