"""How fast the whole path is: texts in, predictions out, against transformers.pipeline, in one run.

    python -m benchmarks.speed            # about a quarter of an hour, writes benchmarks/results/speed.json
    python -m benchmarks.speed --quick    # a trial, written under build/

Texts are 20 000 distinct messages of the unlabelled pool that no tier was fitted to, in an order of chance and by
length. Every measurement is a fresh process (`benchmarks.timed`) on two cores; systems take turns, round by round, and
medians count. No result is cached, thresholds are those of the model's config. Streams and the table are as long as
--stream-seconds and --table-seconds allow at the rate that was measured just before. Needs SINCERITY_DATA and Linux.
"""

from __future__ import annotations

import compileall
import csv
import json
import os
import subprocess
import sys
import time
from datetime import datetime
from itertools import cycle, islice
from pathlib import Path
from random import Random
from statistics import median
from typing import Annotated, Any

import typer

from benchmarks.comparison import set_up
from benchmarks.machine import FAST_MODEL
from benchmarks.measure import peak_megabytes
from benchmarks.timed import FOLDER, TEXTS
from sincerity.buffers import LONGEST
from sincerity.errors import SincerityError
from sincerity.folders import DEFAULT_MODEL, model_folder
from training.command import run
from training.corpus import MEASURING, data_folder, part, read_jsonl
from training.pictures import Line, draw_lines

RESULT = Path(__file__).parent / "results" / "speed.json"
COUNT, ROUNDS, STARTS = 20_000, 2, 3
COUNTS = (1_000, 10_000, 100_000, 1_000_000)
CHARACTERS = (10, 100, 1_000, 2_000)
ROWS = 200_000
STREAM_SECONDS, TABLE_SECONDS = 100, 330
"""What the longest stream of a system and the table may take: a quarter of an hour holds all of it."""
ORDERS = ("given", "sorted")


class SpeedError(SincerityError):
    """A system could not be measured."""


def write_texts(count: int) -> list[str]:
    """Distinct texts of the pool's measuring tenth, in an order of chance."""
    pool = read_jsonl(data_folder() / "messages" / "unlabelled.jsonl.gz")
    texts = sorted({row["text"] for row in pool if row["text"].strip() and part(row["id"]) == MEASURING})
    texts = Random(0).sample(texts, min(count, len(texts)))
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / TEXTS).write_text(json.dumps(texts), "utf-8")
    return texts


def measure(name: str, what: str = "batch", **options: object) -> dict[str, Any]:
    """What `benchmarks.timed` says, and `seconds`, how long its process took."""
    command = [sys.executable, "-m", "benchmarks.timed", name, "--what", what]
    command += [word for option, value in options.items() for word in (f"--{option}", str(value))]
    print(f"{datetime.now():%H:%M:%S} {' '.join(command[3:])}", file=sys.stderr, flush=True)
    started = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - started
    if done.returncode:
        raise SpeedError(f"{' '.join(command[1:])} failed: {(done.stderr.strip().splitlines() or ['no message'])[-1]}")
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result | {"seconds": seconds}


def batches(systems: list[str], rounds: int) -> dict[str, Any]:
    """Texts a second of each system in both orders: median, least and most of the rounds."""
    found: dict[str, dict[str, list[dict[str, Any]]]] = {name: {order: [] for order in ORDERS} for name in systems}
    for _ in range(rounds):
        for name in systems:
            for order in ORDERS:
                found[name][order].append(measure(name, order=order))
    return {name: {order: _median(some) for order, some in orders.items()} for name, orders in found.items()}


def _median(rounds: list[dict[str, Any]]) -> dict[str, Any]:
    speeds = [one["texts_per_second"] for one in rounds]
    cores = [one["core_milliseconds"] for one in rounds]
    return {
        "texts": rounds[0]["texts"],
        "texts_per_second": round(median(speeds), 1),
        "least": round(min(speeds), 1),
        "most": round(max(speeds), 1),
        "core_milliseconds": round(median(cores), 4),
        "megabytes": max(one["megabytes"] for one in rounds),
    }


def agreement(systems: list[str]) -> dict[str, Any]:
    """Share of labels as the accurate model's, over `benchmarks.timed.LABEL_TEXTS` texts, and who answered."""
    expected = measure("accurate", "labels")["labels"]
    found = {}
    for name in systems:
        said = measure(name, "labels")
        same = sum(a == b for a, b in zip(said["labels"], expected, strict=True))
        found[name] = {"agreement": round(same / len(expected), 4), "answered": said["answered"]}
    return found


def starts() -> dict[str, float]:
    """Seconds of whole processes, median: importing the libraries, the first label, the command's help.

    With bytecode, as pip leaves it: not everybody's environment lets Python write it.
    """
    for package in ("sincerity", "benchmarks"):
        compileall.compile_dir(package, quiet=1)
    help_ = [sys.executable, "-m", "sincerity", "--help"]
    found: dict[str, list[float]] = {"libraries": [], "default": [], "accurate": [], "help": []}
    for _ in range(STARTS):
        for name, seconds in found.items():
            if name == "help":
                started = time.perf_counter()
                subprocess.run(help_, capture_output=True, check=True)
                seconds.append(time.perf_counter() - started)
            else:
                seconds.append(measure(name, "start")["seconds"])
    return {name: round(median(seconds), 3) for name, seconds in found.items()}


def command(texts: list[str], rows: int) -> dict[str, Any]:
    """`sincerity batch` on a table of many rows: rows a second of the whole process, and the most memory it held."""
    source, target = FOLDER / "rows.csv", FOLDER / "labelled.csv"
    with source.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "text"])
        writer.writerows(enumerate(islice(cycle(texts), rows)))
    for leftover in FOLDER.glob("labelled.csv*"):
        leftover.unlink()
    folder = json.loads((FOLDER / "folders.json").read_text("utf-8"))["default"]
    print(f"{datetime.now():%H:%M:%S} sincerity batch, {rows} rows", file=sys.stderr, flush=True)
    started = time.perf_counter()
    held = []
    with (FOLDER / "errors.txt").open("w+", encoding="utf-8") as errors:  # a pipe that nobody reads would fill up
        process = subprocess.Popen(
            [sys.executable, "-m", "sincerity", "batch", str(source), "-o", str(target), "--text-column", "text",
             "--model", folder], stderr=errors,
        )  # fmt: skip
        while process.poll() is None:
            held.append(peak_megabytes(process.pid))
            time.sleep(0.1)
        seconds = time.perf_counter() - started
        if process.returncode:
            errors.seek(0)
            raise SpeedError(f"sincerity batch failed: {(errors.read().strip().splitlines() or ['no message'])[-1]}")
    return {
        "rows": rows,
        "rows_per_second": round(rows / seconds, 1),
        "megabytes": round(max(held), 1),
        "megabytes_in_first_quarter": round(max(held[: max(1, len(held) // 4)]), 1),
    }


def lengths_of_streams(rate: float, longest: int, seconds: float) -> list[int]:
    """How many texts streams have: those of `COUNTS` that take no longer than allowed, the shortest in any case."""
    return [count for count in COUNTS if count <= longest and (count == COUNTS[0] or count / rate <= seconds)]


def draw(result: dict[str, Any], path: Path) -> None:
    """Texts a second against their number, and against their length."""
    number = [
        Line(name, [(one["texts"], one["texts_per_second"]) for one in some]) for name, some in result["growth"].items()
    ]
    long = [
        Line(name, [(one["characters"], one["texts_per_second"]) for one in some])
        for name, some in result["length"].items()
    ]
    draw_lines({"texts in one stream": number, "characters of a text": long}, "texts a second", path)


def main(
    model: Annotated[Path | None, typer.Option(help="The default model's folder.")] = None,
    fast: Annotated[Path | None, typer.Option(help="The fast model's folder.")] = None,
    rounds: Annotated[int, typer.Option(min=1)] = ROUNDS,
    longest: Annotated[int, typer.Option(help="Texts of the longest stream, at most.")] = COUNTS[-1],
    rows: Annotated[int, typer.Option(help="Rows of the table for sincerity batch, at most.")] = ROWS,
    stream_seconds: Annotated[float, typer.Option(help="What a system's longest stream may take.")] = STREAM_SECONDS,
    table_seconds: Annotated[float, typer.Option(help="What the table may take.")] = TABLE_SECONDS,
    quick: Annotated[bool, typer.Option(help="A few texts, one round, to see that it works.")] = False,
) -> None:
    started, load = time.monotonic(), round(os.getloadavg()[0], 1)
    target = FOLDER / "speed.json" if quick else RESULT
    texts = write_texts(COUNT // 20 if quick else COUNT)
    default = model or model_folder(DEFAULT_MODEL)
    config = json.loads((default / "config.json").read_text("utf-8"))
    tiers = config["sincerity"].get("cascade", {}).get("tiers", [])
    asked = next((model_folder(tier["model"]) for tier in tiers if "model" in tier), None)
    middle = {"middle": str(asked)} if asked else {}
    folders = {"default": str(default), **middle, "fast": str(fast or model_folder(FAST_MODEL))}
    (FOLDER / "folders.json").write_text(json.dumps(folders), "utf-8")
    ours = ["default", "accurate", "fast", *(["ngrams"] if tiers else [])]
    rates = batches(["pipeline", *ours, *middle], 1 if quick else rounds)
    rate = {name: rates[name]["given"]["texts_per_second"] for name in ours}
    rows = min(rows, max(1000, int(rate["default"] * table_seconds / 10_000) * 10_000))
    result: dict[str, Any] = {
        "about": set_up(quick)
        | {"rounds": rounds, "load_before": load}
        | {"texts": len(texts), "characters": round(sum(map(len, texts)) / len(texts), 1)},
        "batch": rates,
        "agreement": agreement([name for name in (*ours, *middle) if name != "accurate"]),
        "single": {name: measure(name, "single") for name in ours},
        "starts": starts(),
        "stages": measure("accurate", "stages"),
        "growth": {
            name: [
                measure(name, "growth", count=count)
                for count in lengths_of_streams(rate[name], COUNTS[0] if quick else longest, stream_seconds)
            ]
            for name in ours
        },
        "length": {
            name: [
                measure(name, "length", count=count)
                for count in CHARACTERS[:: 3 if quick else 1]
                if name != "ngrams" or count <= LONGEST  # longer ones the graph would answer
            ]
            for name in ours
        },
        "command": command(texts, rows // 100 if quick else rows),
    }
    result["about"]["minutes"] = round((time.monotonic() - started) / 60, 1)
    target.write_text(json.dumps(result, indent=1) + "\n", "utf-8")
    draw(result, target.with_name("speed.png"))
    typer.echo(json.dumps(result, indent=1))


if __name__ == "__main__":
    run(main)
