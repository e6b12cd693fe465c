"""Rivals on the same rows, by the same runner, in one run: quality, speed, start, memory, size.

    python -m benchmarks.comparison            # trains every rival anew, writes benchmarks/results/comparison.json
    python -m benchmarks.comparison --keep     # measures those that are trained already
    python -m benchmarks.comparison --quick    # a trial in minutes over few rows, written beside the rivals

Every measurement is a fresh process (`benchmarks.measure`) on one core or two; rivals take turns, round by round, and
the medians of the rounds are compared. Needs SINCERITY_DATA, the train and bench extras, and Linux.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from random import Random
from statistics import median
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray

from benchmarks.machine import machine
from benchmarks.measure import FOLDER, LEAST, MOST, SECONDS, TEXTS, TEXTS_NEEDED
from benchmarks.rivals import BASELINE, OURS, RIVALS, Sincerity, TransformersPipeline
from benchmarks.verdict import HIGHER_IS_BETTER, LOWER_IS_BETTER, columns, wins
from sincerity.errors import SincerityError
from sincerity.folders import DEFAULT_MODEL, model_folder
from sincerity.labels import Label
from training.command import run
from training.corpus import Row, pool_texts, research_rows, training_rows
from training.pictures import Point, draw_frontier
from training.prepare import split_rows

RESULT = Path(__file__).parent / "results" / "comparison.json"
ROUNDS = 3
THREADS = (1, 2)
RESAMPLES = 1000
QUICK_EVERY, QUICK_SECONDS = 25, 0.3
LIBRARIES = "fasttext-community numpy onnxruntime scikit-learn spacy tokenizers torch transformers".split()


class ComparisonError(SincerityError):
    """A rival could not be trained or measured."""


def set_up(quick: bool) -> dict[str, Any]:
    """What the figures hold for."""
    graph = model_folder(DEFAULT_MODEL) / "onnx" / "model_quantized.onnx"
    return machine() | {
        "memory_gigabytes": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "libraries": {name: version(name) for name in LIBRARIES},
        "model": {"name": DEFAULT_MODEL, "sha256": hashlib.sha256(graph.read_bytes()).hexdigest()},
        "rounds": 1 if quick else ROUNDS,
        "seconds_of_a_timing": QUICK_SECONDS if quick else SECONDS,
        "texts_of_a_timing": [LEAST, MOST],
        "quick": quick,
    }


def write_texts(folder: Path) -> None:
    """Distinct texts of the unlabelled pool, in an order of chance: any first part of them is a fair sample."""
    texts = sorted({text for text in pool_texts(TEXTS_NEEDED) if text.strip()})
    Random(0).shuffle(texts)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / TEXTS).write_text(json.dumps(texts), "utf-8")


def train(name: str, rows: Sequence[Row], folder: Path) -> float:
    """Train a rival into its folder; seconds that took (those of the release for what wraps our model)."""
    rival = RIVALS[name]
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    started = time.monotonic()
    trained = rival.train(rows, [str(label) for label in Label])
    seconds = time.monotonic() - started
    trained.save(folder)
    if issubclass(rival, Sincerity | TransformersPipeline):
        results = json.loads((model_folder(DEFAULT_MODEL) / "results.json").read_text("utf-8"))
        return float(results["training"]["seconds"])
    return round(seconds, 1)


def train_all(rows: Sequence[Row], folder: Path, keep: bool) -> dict[str, float]:
    """Seconds of training per rival; each is trained in a process of its own."""
    seconds = {}
    for name, rival in RIVALS.items():
        own, done = folder / rival.__name__, folder / f"{rival.__name__}.json"
        if not (keep and done.is_file()):
            _progress(f"training {name}")
            with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
                took = pool.submit(train, name, rows, own).result()
            done.write_text(json.dumps(took), "utf-8")
        seconds[name] = json.loads(done.read_text("utf-8"))
    return seconds


def measure_all(folder: Path, rounds: int, seconds: float) -> list[dict[str, Any]]:
    """Every rival on every number of threads, in turns; the first round also labels dev."""
    found = []
    for number in range(rounds):
        for threads in THREADS:
            for name in RIVALS:
                _progress(f"round {number + 1} of {rounds}: {name}, {threads} thread(s)")
                dev = number == 0 and threads == max(THREADS)
                found.append(measure(name, folder, threads, seconds, dev))
    return found


def measure(name: str, folder: Path, threads: int, seconds: float, dev: bool) -> dict[str, Any]:
    """What `benchmarks.measure` says of a rival, in a fresh process."""
    command = [sys.executable, "-m", "benchmarks.measure", name, "--folder", str(folder), "--threads", str(threads),
               "--seconds", str(seconds), *(["--dev"] if dev else [])]  # fmt: skip
    environment = os.environ | {"HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [*command, "--started", str(time.time())], capture_output=True, text=True, env=environment, check=False
    )
    if done.returncode:
        raise ComparisonError(
            f"{name} could not be measured: {(done.stderr.strip().splitlines() or ['no message'])[-1]} "
            f"To see more, run {' '.join(command[1:])}"
        )
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def quality(rows: Sequence[Row], scores: NDArray[np.float64], labels: Sequence[str]) -> dict[str, Any]:
    """Figures of probabilities (texts, labels) on labelled rows."""
    from sklearn.metrics import f1_score

    from training.quality import figures

    truth = np.array([labels.index(row.label) for row in rows])
    seconds = np.array([labels.index(row.second) if row.second in labels else -1 for row in rows])
    by_label = f1_score(truth, scores.argmax(1), labels=range(len(labels)), average=None, zero_division=0.0)
    return {
        **{name: round(float(value), 4) for name, value in figures(scores, truth, seconds).items()},
        "f1": {label: round(float(value), 4) for label, value in zip(labels, by_label, strict=True)},
    }


def resampled_macro_f1(truth: str, guess: str, labels: int) -> NDArray[np.float64]:
    """Macro-F1 on resampled rows, the same rows for every guess; labels are digits."""
    from training.quality import macro_f1

    right, found = (np.array([*map(int, digits)]) for digits in (truth, guess))
    rng = np.random.default_rng(0)
    samples = (rng.integers(0, len(right), len(right)) for _ in range(RESAMPLES))
    return np.array([macro_f1(right[rows], found[rows], labels) for rows in samples])


def result_of(
    about: dict[str, Any], rows: Sequence[Row], seconds: dict[str, float], found: list[dict[str, Any]], folder: Path
) -> dict[str, Any]:
    """All that was measured, rival by rival."""
    from training.quality import interval

    labels = [str(label) for label in Label]
    truth = "".join(str(labels.index(row.label)) for row in rows)
    scores = {one["name"]: np.array(one["dev"]) for one in found if "dev" in one}
    digits = {name: "".join(map(str, one.argmax(1))) for name, one in scores.items()}
    drawn = {name: resampled_macro_f1(truth, guess, len(labels)) for name, guess in digits.items()}
    rivals: dict[str, Any] = {}
    for name, rival in RIVALS.items():
        own = quality(rows, scores[name], labels)
        rivals[name] = {
            "training_seconds": seconds[name],
            "megabytes_on_disk": _size(folder / rival.__name__) / 1e6,
            "quality": own | {"macro_f1_interval": interval(drawn[name])},
            "macro_f1_minus_ours_interval": interval(drawn[name] - drawn[OURS]),
            "threads": {
                str(threads): _medians([one for one in found if (one["name"], one["threads"]) == (name, threads)])
                for threads in THREADS
            },
            "dev": digits[name],
        }
    for one in rivals.values():
        for threads, measured in one["threads"].items():
            ours = rivals[OURS]["threads"][threads]
            for aspect in (*HIGHER_IS_BETTER, *LOWER_IS_BETTER):
                measured[aspect]["times_ours"] = round(measured[aspect]["median"] / ours[aspect]["median"], 4)
    return {"about": about, "ours": OURS, "labels": labels, "truth": truth, "rivals": rivals}


def _medians(rounds: list[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Median and spread of each figure; speeds in texts a second, `cold_start` in seconds."""
    values = {aspect: [one[aspect]["texts_per_second"] for one in rounds] for aspect in HIGHER_IS_BETTER}
    values |= {aspect: [one[aspect] for one in rounds] for aspect in LOWER_IS_BETTER}
    return {aspect: {"median": median(some), "least": min(some), "most": max(some)} for aspect, some in values.items()}


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def draw(result: dict[str, Any], path: Path) -> None:
    """Quality against speed, where a rival looks at the text at all."""
    points = [
        Point(
            name,
            one["threads"][str(max(THREADS))]["batch"]["median"],
            one["quality"]["macro_f1"],
            one["quality"]["macro_f1_interval"],
        )
        for name, one in result["rivals"].items()
        if name != BASELINE
    ]
    draw_frontier(points, result["ours"], path)


def _progress(words: str) -> None:
    print(f"{datetime.now():%H:%M:%S} {words}", file=sys.stderr, flush=True)


def main(
    quick: Annotated[bool, typer.Option(help="One short round over few rows, to see that it works.")] = False,
    keep: Annotated[bool, typer.Option(help="Do not train again what has been trained.")] = False,
) -> None:
    started = time.monotonic()
    about = set_up(quick)
    typer.echo(json.dumps(about, indent=1))
    folder, target = (FOLDER / "quick", FOLDER / "quick" / "comparison.json") if quick else (FOLDER, RESULT)
    _progress("reading texts")
    write_texts(folder)
    rows, _ = split_rows(training_rows())
    rows, dev = rows[:: QUICK_EVERY if quick else 1], research_rows("dev")
    about |= {"training_rows": len(rows), "dev_rows": len(dev)}
    seconds = train_all(rows, folder, keep)
    found = measure_all(folder, about["rounds"], about["seconds_of_a_timing"])
    result = result_of(about, dev, seconds, found, folder)
    about["minutes"] = round((time.monotonic() - started) / 60, 1)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(result, indent=1) + "\n", "utf-8")
    draw(result, target.with_name("frontier.png"))
    for row in columns(result):
        typer.echo("  ".join(f"{heading}: {value}" for heading, value in row.items()))
    typer.echo("\n".join(wins(result)))


if __name__ == "__main__":
    run(main)
