"""`classify` and `Classifier`: types, order, and results that depend on the text alone."""

from __future__ import annotations

import json
import math
import random
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

import sincerity
from sincerity import Classifier, Label, ModelError, Prediction, Status, classify
from sincerity.classifier import LAST_WINDOW, WINDOW, WINDOW_CHARACTERS
from sincerity.classifier import _windows as windows
from sincerity.instances import instances
from sincerity.language import too_short
from sincerity.model import batches

DATA = Path(__file__).parents[1] / "data" / "messages"
TEXTS = [json.loads(line)["text"] for line in (DATA / "test.jsonl").read_text("utf-8").splitlines()]


def distance(one: Prediction, other: Prediction) -> float:
    return max(abs(one.scores[label] - other.scores[label]) for label in one.scores)


def test_all_is_exactly_what_can_be_imported() -> None:
    public = {name for name in vars(sincerity) if not name.startswith("_")}
    modules = {name for name in public if type(vars(sincerity)[name]).__name__ == "module"}
    helpers = {"annotations", "Iterable", "Path", "TYPE_CHECKING", "overload", "read_posts"}
    assert public - modules - helpers == set(sincerity.__all__)


def test_a_text_gives_a_prediction_and_texts_give_a_list_in_order(classifier: Classifier) -> None:
    one = classify(TEXTS[0])
    assert isinstance(one, Prediction)
    assert classify(TEXTS[:3])[0] == one == classifier.classify(TEXTS[0])
    assert classify([]) == []
    assert classify(text for text in TEXTS[:3]) == classify(tuple(TEXTS[:3]))


def test_scores_are_probabilities_of_every_label(classifier: Classifier) -> None:
    for text, prediction in zip(TEXTS, classifier.classify(TEXTS), strict=True):
        assert list(prediction.scores) == [str(label) for label in Label]
        assert math.isclose(sum(prediction.scores.values()), 1, abs_tol=1e-6)
        assert prediction.score == prediction.scores[prediction.label] == max(prediction.scores.values())
        assert prediction.certain == (prediction.score >= classifier.threshold and not too_short(text))
        assert isinstance(prediction.label, Label)
        assert prediction.model in classifier.models
        assert prediction.reasons == ()


def test_a_prediction_is_frozen_and_keyword_only(classifier: Classifier) -> None:
    prediction = classifier.classify("See you at eight then!")
    with pytest.raises(AttributeError):
        prediction.label = "x"  # type: ignore[misc]
    with pytest.raises(TypeError):
        Prediction("x", 1.0, {}, True, "m")  # type: ignore[misc]
    assert json.loads(json.dumps(prediction.as_dict()))["label"] == "conversational"


def test_a_prediction_made_fast_is_one_like_any_other() -> None:
    values: dict[str, Any] = {"label": "a", "score": 0.9, "scores": {"a": 0.9, "b": 0.1}, "certain": True, "model": "m"}
    values |= {"status": Status.TRUNCATED, "reasons": ()}
    other = values | {"label": "b", "status": Status.OK}
    made = instances(Prediction, 2, **{name: (values[name], other[name]) for name in values})
    assert made == [Prediction(**values), Prediction(**other)]
    assert repr(made[0]) == repr(Prediction(**values))


@pytest.mark.parametrize("text", ["", " \n\t ", "\u200b\u200d\u2060", "\u3164\u2800", "\ud800", "\U000e0041"])
def test_a_text_with_nothing_in_it_gets_the_class_prior(classifier: Classifier, text: str) -> None:
    prediction = classifier.classify(text)
    assert prediction.status is Status.BLANK
    assert not prediction.certain
    assert prediction.label == max(prediction.scores, key=prediction.scores.__getitem__)
    assert math.isclose(sum(prediction.scores.values()), 1, abs_tol=1e-4)


def test_a_long_text_is_truncated_and_says_so(classifier: Classifier) -> None:
    assert classifier.classify("We talked for hours. " * 100).status is Status.TRUNCATED
    assert classifier.classify("We talked for hours.").status is Status.OK
    accurate = Classifier.from_pretrained(cascade=False)  # n-grams would read all of it
    assert accurate.classify("#4 $8 %15 " * 45).status is Status.TRUNCATED


@pytest.mark.parametrize(
    "wrong", [None, b"text", 3, 2.5, bytearray(b"x"), ["fine", None], ["fine", float("nan")], [b"x"], {"text": "x"}]
)
def test_what_is_no_text_is_a_type_error_that_names_it(wrong: Any) -> None:
    with pytest.raises(TypeError, match=r"None|text|3|2\.5|nan|x"):
        classify(wrong)


def test_the_type_error_of_an_item_names_its_place() -> None:
    with pytest.raises(TypeError, match=r"item 2 is None \(NoneType\)"):
        classify(["a", "b", None])  # type: ignore[list-item]


def test_one_blank_prediction_is_not_shared_with_the_next(classifier: Classifier) -> None:
    classifier.classify("").scores["automated"] = 9.0  # type: ignore[index]
    assert classifier.classify("").scores["automated"] < 1
    assert len({classifier.classify(""), classifier.classify(""), classifier.classify("see you")}) == 2


@pytest.mark.parametrize(
    "settings", [{"threads": 0}, {"batch_size": 0}, {"batch_size": 1.5}, {"batch_size": "32"}, {"threads": "2"}]
)
def test_settings_out_of_range_are_value_errors(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"is .*\. Expected: a whole number"):
        Classifier.from_pretrained(**settings)


def test_a_device_that_is_not_there_is_named_with_its_remedy() -> None:
    with pytest.raises(ValueError, match=r"device is 'tpu'\. Expected: cpu or cuda"):
        Classifier.from_pretrained(device="tpu")
    if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        with pytest.raises(
            ModelError, match=r"device is 'cuda', but .*Install onnxruntime-gpu in place of onnxruntime"
        ):
            Classifier.from_pretrained(device="cuda")


def test_batches_hold_as_many_tokens_as_they_are_given_padding_counted() -> None:
    lengths = np.array([30, 10, 20, 64, 64, 5])
    for most in (64, 128, 1 << 15):
        found = list(batches(lengths, 1000, most))
        assert sorted(np.concatenate(found).tolist()) == list(range(len(lengths)))
        assert all(len(batch) * lengths[batch].max() <= most for batch in found)
    assert len(list(batches(lengths, 1000, 1 << 15))) == 1


def test_stream_is_lazy(classifier: Classifier) -> None:
    taken = 0

    def endless() -> Any:
        nonlocal taken
        while True:
            taken += 1
            yield f"Thanks, number {taken}"

    stream = classifier.stream(endless())
    assert taken == 0
    next(stream)
    assert taken < 5000


@pytest.mark.parametrize("count", [0, 1, 15, 16, 17, 1000, 2003, 20_011])
@pytest.mark.parametrize("threads", [1, 2, 8])
def test_a_window_is_no_more_than_a_threads_share_of_the_texts_left(count: int, threads: int) -> None:
    texts = list(map(str, range(count)))
    found = list(windows(iter(texts), WINDOW, threads, count))
    assert list(chain(*found)) == texts
    left = count
    for window in found:
        assert 0 < len(window) <= min(WINDOW, max(LAST_WINDOW, math.ceil(left / threads)))
        left -= len(window)
    assert len(found) <= count / WINDOW + 12 + 8 * threads


@pytest.mark.parametrize("expected", [0, 1, 40, 2000, 3001, 1 << 62])
def test_windows_hold_all_texts_however_many_are_expected(expected: int) -> None:
    texts = list(map(str, range(3000)))
    found = list(windows(iter(texts), WINDOW, 2, expected))
    assert list(chain(*found)) == texts
    if expected <= 40:
        assert max(map(len, found)) == WINDOW


def test_a_window_ends_with_the_text_that_makes_it_too_long() -> None:
    texts = ["a", "b" * WINDOW_CHARACTERS, "c", "d" * (WINDOW_CHARACTERS + 1), "e"]
    assert [len(window) for window in windows(iter(texts), WINDOW, 2, len(texts))] == [2, 2, 1]


class _Hinting:
    """Texts that say they are as many as one likes, or fail to say it."""

    def __init__(self, texts: list[str], hint: int | Exception) -> None:
        self._texts, self._hint = iter(texts), hint

    def __iter__(self) -> _Hinting:
        return self

    def __next__(self) -> str:
        return next(self._texts)

    def __length_hint__(self) -> int:
        if isinstance(self._hint, Exception):
            raise self._hint
        return self._hint


@pytest.mark.parametrize("hint", [0, 3, 90, 5000, -1, RuntimeError("not counted")])
def test_texts_whose_number_is_said_wrongly_are_all_answered_in_order(hint: int | Exception) -> None:
    texts = TEXTS[:90]
    two = Classifier.from_pretrained(threads=2)
    assert two.classify(_Hinting(texts, hint)) == two.classify(texts) == two.classify(text for text in texts)


def test_stream_checks_its_argument_before_it_is_consumed(classifier: Classifier) -> None:
    with pytest.raises(TypeError, match="Expected: an iterable of str"):
        classifier.stream("one text")


def test_results_do_not_depend_on_batch_order_or_threads(classifier: Classifier) -> None:
    texts = [*TEXTS[:120], "ok", "word " * 90]
    order = random.Random(1).sample(range(len(texts)), len(texts))
    alone = [classifier.classify(text) for text in texts]
    for batch_size, threads in ((1, 1), (5, 2), (64, 1)):
        other = Classifier.from_pretrained(batch_size=batch_size, threads=threads)
        shuffled = dict(zip(order, other.classify([texts[i] for i in order]), strict=True))
        for i, one in enumerate(alone):
            assert one.label == shuffled[i].label
            assert distance(one, shuffled[i]) <= 1e-3


def test_one_classifier_serves_many_threads(classifier: Classifier) -> None:
    parts = [TEXTS[i::8][:25] for i in range(8)]
    expected = [classifier.classify(part) for part in parts]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(classifier.classify, parts))
    for one, other in zip(chain(*expected), chain(*found), strict=True):
        assert distance(one, other) <= 1e-6


def test_the_shipped_model_answers_as_its_reference_file_says(classifier: Classifier) -> None:
    folder = Path(__file__).parents[1] / "models" / classifier.name
    reference = json.loads((folder / "reference.json").read_text("utf-8"))
    assert len(reference) >= 50
    predictions = Classifier.from_pretrained(cascade=False).classify(row["text"] for row in reference)
    for row, prediction in zip(reference, predictions, strict=True):
        for label, score in row["scores"].items():
            # versions of onnxruntime differ in the last bits, which 8-bit rounding makes up to 0.021 of
            assert prediction.scores[label] == pytest.approx(score, abs=0.03), row["text"]


@pytest.mark.parametrize(("cascade", "least"), [(False, 0.82), (True, 0.8)])
def test_own_test_texts_are_told_apart(cascade: bool, least: float) -> None:
    rows = [json.loads(line) for line in (DATA / "test.jsonl").read_text("utf-8").splitlines()]
    predictions = Classifier.from_pretrained(cascade=cascade).classify(TEXTS)
    right = [row["label"] == p.label for row, p in zip(rows, predictions, strict=True)]
    assert sum(right) / len(right) >= least
