"""Whatever the text, the answer is a probability of every label; whatever the files, the error is a documented one.

SINCERITY_LONG=600 makes the long runs: fuzzing for that many seconds, every code point, a thousand texts a thread.
"""

from __future__ import annotations

import json
import math
import os
import random
import subprocess
import sys
import time
import unicodedata
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import tiny_model

from sincerity import Classifier, ModelError, Prediction, Status

LONG = float(os.environ.get("SINCERITY_LONG", "0"))
NAUGHTY = Path(os.environ.get("SINCERITY_DATA", "nowhere")).parent / "badinput" / "blns" / "blns.json"
OWN = Path(__file__).parents[1] / "data" / "messages"
TEXTS = [json.loads(line)["text"] for line in (OWN / "train.jsonl").read_text("utf-8").splitlines()]
BITS = (
    "hello", "you", "http://x.example", "@ann", "#tag", "\u200b", "\u202e", "\ud800", "\udfff", "\x00", "\x1b[2J",
    "[URL]", "[CUT]", "[SEP]", "[PAD]", "&amp;", "&#0;", "&#xD800;", "\U0001f600", "\u0301", "\u05e9\u05dc", "\n",
    "\uffff", "\U0010ffff", "\u3164", "=1+1", "\u2028", "aaaaaaaa", "9" * 30, "%s%n", "{}", "\\", '"', "\u0130",
    "\u0627\u0644", "\ufdfa",
)  # fmt: skip


def check(predictions: Sequence[Prediction]) -> None:
    for one in predictions:
        values = list(one.scores.values())
        assert all(math.isfinite(value) and 0 <= value <= 1 for value in values), one
        assert abs(sum(values) - 1) <= 1e-4, one
        assert one.score == max(values)
        assert all(math.isfinite(reason.weight) for reason in one.reasons)


@pytest.mark.skipif(not NAUGHTY.is_file(), reason="the list of naughty strings is not here")
def test_naughty_strings(classifier: Classifier) -> None:
    naughty = json.loads(NAUGHTY.read_text("utf-8"))
    assert len(naughty) > 500
    check(classifier.classify(naughty))
    check(classifier.classify(naughty, explain=True))


def test_code_points_alone(classifier: Classifier) -> None:
    assigned = [chr(i) for i in range(sys.maxunicode + 1) if unicodedata.category(chr(i)) != "Cn"]
    check(list(classifier.stream(assigned if LONG else assigned[::400])))


def test_lone_surrogates(classifier: Classifier) -> None:
    halves = [chr(i) for i in range(0xD800, 0xE000, 1 if LONG else 64)]
    check(classifier.classify(halves))
    assert {one.status for one in classifier.classify(halves)} == {Status.BLANK}
    check(classifier.classify([f"see you {half} at eight" for half in halves[:20]], explain=True))


def test_ten_megabytes(classifier: Classifier) -> None:
    texts = ["word " * 2_000_000, "\u6f22" * 3_000_000, "9" * 10_000_000, "\u202e" * 3_000_000, "&amp;" * 2_000_000]
    start = time.process_time()
    predictions = classifier.classify(texts, explain=True)
    check(predictions)
    assert time.process_time() - start < 30
    assert predictions[0].status is Status.TRUNCATED


def test_right_to_left(classifier: Classifier) -> None:
    texts = [
        "\u05e9\u05dc\u05d5\u05dd \u05dc\u05da",
        "\u202egnihtyreve\u202c",
        "\u0645\u0631\u062d\u0628\u0627 hello",
        "\u2067SALE\u2069 now",
    ]
    predictions = classifier.classify(texts, explain=True)
    check(predictions)
    for text, one in zip(texts, predictions, strict=True):
        assert all(text[reason.start : reason.end] == reason.text for reason in one.reasons)


def test_many_threads_through_one_classifier_are_as_good_as_one(classifier: Classifier) -> None:
    size = 1000 if LONG else 40
    parts = [[TEXTS[(i * 7 + k) % len(TEXTS)] for k in range(size)] for i in range(8)]
    serial = [classifier.classify(part) for part in parts]
    with ThreadPoolExecutor(8) as pool:
        parallel = list(pool.map(classifier.classify, parts))
    for one, other in zip(serial, parallel, strict=True):
        assert [p.label for p in one] == [p.label for p in other]
        for a, b in zip(one, other, strict=True):
            assert a.scores == pytest.approx(b.scores, abs=1e-6)


def test_fresh_processes_say_the_same_to_the_byte() -> None:
    texts = [*TEXTS[::150], "\u202e\u05e9\u05dc", "see you \U0001f600", ""]
    command = [sys.executable, "-m", "sincerity", "classify", "--json", "--threads", "1", "--", *texts]
    outputs = {subprocess.run(command, capture_output=True, check=True).stdout for _ in range(10 if LONG else 2)}
    assert len(outputs) == 1
    assert outputs.pop().count(b"\n") == len(texts)


def test_mixed_up_texts(classifier: Classifier) -> None:
    end = time.monotonic() + max(2.0, LONG / 2)
    seed = 0
    while time.monotonic() < end:
        rng = random.Random(seed)
        seed += 1
        texts = ["".join(rng.choices((*BITS, chr(rng.randrange(0x110000))), k=rng.randint(0, 40))) for _ in range(32)]
        check(classifier.classify(texts, explain=seed % 4 == 0))


@pytest.mark.parametrize(
    "name", ["config.json", "tokenizer_config.json", "tokenizer.json", "onnx/model_quantized.onnx"]
)
def test_damaged_files_are_model_errors_or_work(name: str, tmp_path: Path) -> None:
    """Without a manifest, which would tell; of a graph only what is cut short, since changed weights cannot be seen."""
    folder = tiny_model.write(tmp_path / "tiny")
    whole = (folder / name).read_bytes()
    end = time.monotonic() + max(1.0, LONG / 8)
    seed = outcomes = 0
    while time.monotonic() < end:
        rng = random.Random(seed)
        seed += 1
        (folder / name).write_bytes(damaged(whole, rng, cut_only=name.endswith(".onnx")))
        try:
            check(Classifier(folder, threads=1).classify(["hello friend buy now", "unknown words", ""]))
        except ModelError as error:
            assert len(str(error)) > 20
            outcomes += 1
    assert outcomes


def damaged(whole: bytes, rng: random.Random, *, cut_only: bool) -> bytes:
    if cut_only or rng.random() < 0.2:
        return whole[: rng.randrange(len(whole))]
    if rng.random() < 0.5:
        text = whole.decode()
        numbers = ("-1", "0", "1e9", "99999999999999999999", "null", "[]", '"x"', "true", "{}", "NaN", "0.5")
        places = [i for i, c in enumerate(text) if c.isdigit()]
        place = rng.choice(places)
        return (text[:place] + rng.choice(numbers) + text[place + 1 :]).encode()
    data = bytearray(whole)
    for _ in range(rng.randint(1, 4)):
        place = rng.randrange(len(data))
        data[place : place + rng.randint(0, 3)] = bytes(rng.randrange(256) for _ in range(rng.randint(0, 3)))
    return bytes(data)
