"""A cascade: who answers, what it costs to load, and that an answer depends on the text alone."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_cascade
import tiny_model
from tiny_cascade import HAM, SPAM, TIER

from sincerity import Classifier, ModelError, Status
from sincerity import cascade as cascade_module
from sincerity.integrity import MANIFEST, manifest, sha256

UNSURE = ["hello buy", "nothing the tiers know about", "friend now"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tiny_cascade.write(tmp_path / "tiny")


def test_a_tier_answers_what_it_is_sure_of_and_the_graph_the_rest(folder: Path) -> None:
    classifier = Classifier(folder)
    sure, unsure = classifier.classify([*HAM, *SPAM]), classifier.classify(UNSURE)
    assert [p.label for p in sure] == ["ham"] * 3 + ["spam"] * 3
    assert {p.model for p in sure} == {"tiny/ngrams"}
    assert {p.model for p in unsure} == {"tiny"}
    alone = Classifier(folder, cascade=False)
    assert {p.model for p in alone.classify([*HAM, *SPAM, *UNSURE])} == {"tiny"}
    assert [p.scores for p in alone.classify(UNSURE)] == [p.scores for p in unsure]


def test_a_margin_is_the_least_lead_of_the_label_that_it_belongs_to(tmp_path: Path) -> None:
    shy = tiny_cascade.write(tmp_path / "shy", tiers=[TIER | {"margins": [0.0, 1.1]}])
    found = Classifier(shy).classify([*HAM, *SPAM])
    assert [p.model for p in found] == ["tiny/ngrams"] * 3 + ["tiny"] * 3


def test_threshold_and_shares_are_those_of_whoever_answers(folder: Path) -> None:
    both, alone = Classifier(folder), Classifier(folder, cascade=False)
    assert (both.threshold, alone.threshold) == (0.7, 0.6)
    assert both.shares(both.classify([*HAM, *SPAM]))["ham"].counted == 0.5
    with pytest.raises(ModelError, match="no confusion matrix"):
        alone.shares(alone.classify(HAM))


@pytest.mark.parametrize(("batch_size", "threads"), [(1, 1), (5, 2), (64, 3)])
def test_answers_do_not_depend_on_batch_order_or_threads(folder: Path, batch_size: int, threads: int) -> None:
    texts = [*HAM, *SPAM, *UNSURE, "", "\u200b", "hello " * 300, *(f"hello friend number {i}" for i in range(300))]
    expected = [Classifier(folder, threads=1).classify(text) for text in texts]
    order = random.Random(threads).sample(range(len(texts)), len(texts))
    classifier = Classifier(folder, batch_size=batch_size, threads=threads)
    found = classifier.classify(texts[i] for i in order)
    for i, prediction in zip(order, found, strict=True):
        assert (prediction.model, prediction.label, prediction.status) == (
            expected[i].model, expected[i].label, expected[i].status,
        )  # fmt: skip
        assert prediction.scores == pytest.approx(expected[i].scores, abs=1e-6)


def test_many_threads_may_need_the_graph_for_the_first_time_at_once(folder: Path) -> None:
    classifier, expected = Classifier(folder), Classifier(folder, cascade=False).classify(UNSURE * 20)
    with ThreadPoolExecutor(8) as pool:
        for found in pool.map(classifier.classify, [UNSURE * 20] * 8):
            assert [p.scores for p in found] == [p.scores for p in expected]


def test_what_ngrams_answer_needs_no_other_thread(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    classifier, threads = Classifier(folder, threads=2), list[str]()
    finished = classifier._finished

    def noted(*args: Any, **options: Any) -> Any:
        threads.append(threading.current_thread().name)
        return finished(*args, **options)

    monkeypatch.setattr(classifier, "_finished", noted)
    sure, mixed = [*HAM, *SPAM] * 100, [*HAM, *UNSURE] * 100
    assert [p.model for p in classifier.classify(sure)] == ["tiny/ngrams"] * len(sure)
    assert set(threads) == {threading.current_thread().name}
    threads.clear()
    found = classifier.classify(mixed)
    assert all(name.startswith("sincerity") for name in threads)
    assert found == Classifier(folder, threads=1).classify(mixed)


def test_blank_and_long_texts_are_told_as_without_tiers(folder: Path) -> None:
    blank, long = Classifier(folder).classify(["\u200b", "hello there my friend " * 60])
    assert (blank.status, blank.certain, list(blank.scores.values())) == (Status.BLANK, False, [0.5, 0.5])
    assert (long.status, long.model) == (Status.TRUNCATED, "tiny")


def test_nothing_but_numpy_is_loaded_until_a_text_needs_the_graph(folder: Path) -> None:
    code = f"""
import sys
from sincerity import Classifier
classifier = Classifier({str(folder)!r})
heavy = lambda: sorted({{"onnxruntime", "tokenizers"}} & set(sys.modules))
print(classifier.classify({HAM[0]!r}).model, heavy())
print(classifier.classify({UNSURE[0]!r}).model, heavy())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == "tiny/ngrams []\ntiny ['onnxruntime', 'tokenizers']\n", done.stderr


def test_a_shipped_model_in_the_middle_answers_if_it_is_the_one_the_margins_are_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    middle = tiny_cascade.write(tmp_path / "middle")
    (middle / MANIFEST).write_text(manifest(middle), "utf-8")
    monkeypatch.setattr(cascade_module, "shipped_models", lambda: {"middle": middle})
    monkeypatch.setattr(cascade_module, "model_folder", lambda name: {"middle": middle}[name])
    second = {"model": "middle", "manifest": sha256(middle / MANIFEST), "margins": [0.4, 0.4]}
    folder = tiny_cascade.write(tmp_path / "tiny", tiers=[TIER, second])
    texts = [HAM[0], "hello friend buy", "unheard of"]
    assert [p.model for p in Classifier(folder).classify(texts)] == ["tiny/ngrams", "middle", "tiny"]
    other = tiny_cascade.write(tmp_path / "other", tiers=[TIER, second | {"manifest": "0" * 64}])
    assert [p.model for p in Classifier(other).classify(texts)] == ["tiny/ngrams", "tiny", "tiny"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tiers": []}, r"cascade is .*Expected: an object with tiers"),
        ({"tiers": "fast"}, r"cascade is .*Expected: an object with tiers"),
        ({"tiers": [7]}, r"a tier is 7\. Expected: margins, 2 numbers"),
        ({"tiers": [TIER | {"margins": [0.5]}]}, r"Expected: margins, 2 numbers"),
        ({"tiers": [TIER | {"margins": [0.5, -1]}]}, r"Expected: margins, 2 numbers"),
        ({"tiers": [TIER | {"margins": [0.5, "x"]}]}, r"Expected: margins, 2 numbers"),
        ({"tiers": [TIER | {"ngrams": 99}]}, r"ngrams 99\. Expected: 1, the version of this package"),
        ({"tiers": [{"margins": [1, 1], "model": "x"}]}, r"ngrams None\. Expected: 1"),
        ({"tiers": [TIER | {"step": 0}]}, r"the step 0\. Expected: a number above 0"),
        ({"threshold": 2}, r"cascade: threshold is 2\. Expected: a probability"),
        ({"confusion": [[1]]}, r"cascade: confusion is .*Expected: 2 rows"),
    ],
)
def test_an_entry_that_does_not_fit_is_refused_by_name(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        Classifier(tiny_cascade.write(tmp_path / "tiny", **changes))


@pytest.mark.parametrize("name", ["ngrams.npy", "tokenizer.json"])
def test_a_missing_file_is_named_at_once(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(ModelError, match=name):
        Classifier(folder)


def test_a_damaged_graph_is_told_by_the_manifest_at_once_and_without_one_when_it_is_needed(folder: Path) -> None:
    graph = folder / "onnx" / "model_quantized.onnx"
    (folder / MANIFEST).write_text(manifest(folder), "utf-8")
    assert "ngrams.npy" in (folder / MANIFEST).read_text("utf-8")
    graph.write_bytes(b"\0 not this")
    with pytest.raises(ModelError, match=r"model_quantized\.onnx is damaged"):
        Classifier(folder)
    (folder / MANIFEST).unlink()
    classifier = Classifier(folder)
    assert classifier.classify(HAM[0]).model == "tiny/ngrams"
    with pytest.raises(ModelError, match=r"model_quantized\.onnx cannot be loaded"):
        classifier.classify(UNSURE)


def test_a_damaged_table_is_refused(folder: Path) -> None:
    (folder / MANIFEST).write_text(manifest(folder), "utf-8")
    weights = np.load(folder / "ngrams.npy")
    weights[5] += 1
    np.save(folder / "ngrams.npy", weights)
    with pytest.raises(ModelError, match=r"ngrams\.npy is damaged"):
        Classifier(folder)


def test_a_saved_cascade_is_the_same_cascade(folder: Path, tmp_path: Path) -> None:
    Classifier(folder).save_pretrained(tmp_path / "saved")
    assert Classifier(tmp_path / "saved").classify([*HAM, *UNSURE]) == Classifier(folder).classify([*HAM, *UNSURE])


def test_an_error_in_a_window_comes_after_the_answers_before_it(folder: Path) -> None:
    texts = [*("hello there my friend" for _ in range(500)), None]
    stream = Classifier(folder, threads=2).stream(texts)  # type: ignore[arg-type]
    answered = 0
    with pytest.raises(TypeError, match="item 500 is None"):
        for _ in stream:
            answered += 1
    assert 200 < answered <= 500


@pytest.mark.parametrize("threads", [1, 3])
def test_batches_of_any_size_are_answered_as_one_stream(folder: Path, threads: int) -> None:
    classifier = Classifier(folder, threads=threads)
    texts = [*HAM, *SPAM, *UNSURE] * 20
    batches = [texts[:2], [], texts[2:50], texts[50:51], texts[51:]]
    found = list(classifier.stream_batches(batches))
    assert [len(some) for some in found] == [len(batch) for batch in batches]
    assert [(p.label, p.model) for some in found for p in some] == [
        (p.label, p.model) for p in classifier.classify(texts)
    ]
    assert list(classifier.stream_batches([])) == []


def test_a_stream_that_is_left_early_leaves_no_thread_behind(folder: Path) -> None:
    before = threading.active_count()
    stream = Classifier(folder, threads=3).stream("hello there" for _ in range(10_000))
    next(stream)
    stream.close()  # type: ignore[attr-defined]
    assert threading.active_count() == before


def test_the_entry_is_json_that_anybody_can_read(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text("utf-8"))
    assert config["sincerity"]["cascade"]["tiers"][0]["ngrams"] == 1
    assert tuple(config["sincerity"]["labels"]) == tiny_model.LABELS
