"""One batch job, killed with -9 at random points and resumed each time.

Run by `tests/test_job.py`, or by itself:

    python tests/kill_batch.py FOLDER KILLS ROWS [SECONDS]

With SECONDS it stops after that long, and goes on where it was when it is run again.
"""

from __future__ import annotations

import csv
import json
import os
import random
import signal
import sys
import time
from pathlib import Path

import tiny_model

import sincerity.model  # noqa: F401  # the children have it when they are forked
from sincerity import Classifier
from sincerity.job import label_table

WORDS = ("hello", "friend", "buy", "now", "tea", "é", "😀", 'a "quote"', "line\nbreak", "semi;colon", "")


def write_rows(path: Path, rows: int) -> Path:
    """A CSV of invented rows, some of which cannot be read."""
    chance = random.Random(rows)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "text", "note"])
        for i in range(rows):
            text = " ".join(chance.choices(WORDS, k=chance.randrange(12)))
            writer.writerow([i, text, "x", "surplus"] if i % 997 == 5 else [i, text, "x" * (i % 7)])
    return path


def forked(folder: Path, name: str) -> int:
    """Start the job in a process of its own."""
    pid = os.fork()
    if pid == 0:
        try:
            for _ in label_table(folder / "in.csv", folder / "out" / name, Classifier(folder / "model", threads=1)):
                pass
        except BaseException as error:
            print(repr(error), file=sys.stderr, flush=True)
            os._exit(2)
        os._exit(0)
    return pid


def run(folder: Path, kills: int, rows: int, seconds: float = 1e9) -> str | None:
    """Kill the job and resume it until it is done; says what was seen, or None where time ran out."""
    state_file, until = folder / "state.json", time.monotonic() + seconds
    if not state_file.exists():
        (folder / "out").mkdir(parents=True)
        (folder / "reference").mkdir()
        tiny_model.write(folder / "model")
        write_rows(folder / "in.csv", rows)
        started = time.monotonic()
        assert os.waitpid(forked(folder, "../reference/out.csv"), 0)[1] == 0
        whole = (folder / "reference/out.csv").stat().st_size
        at = sorted(random.Random(rows).choices(range(whole), k=kills))
        state = {"at": at, "kills": 0, "resumed": 0, "seconds": time.monotonic() - started}
        state_file.write_text(json.dumps(state))
    state = json.loads(state_file.read_text())
    part, checkpoint = folder / "out/out.csv.part", folder / "out/out.csv.checkpoint"
    while time.monotonic() < until:
        state["resumed"] += checkpoint.exists()
        pid = forked(folder, "out.csv")
        while os.waitpid(pid, os.WNOHANG)[0] == 0:
            if state["at"] and part.exists() and part.stat().st_size >= state["at"][0]:
                os.kill(pid, signal.SIGKILL)
                status = os.waitpid(pid, 0)[1]
                assert os.waitstatus_to_exitcode(status) in (0, -signal.SIGKILL)
                state["at"].pop(0)
                state["kills"] += 1
                break
            time.sleep(0.001)
        state_file.write_text(json.dumps(state))
        if not state["at"] and (folder / "out/out.csv").exists() and not part.exists() and not checkpoint.exists():
            left = sorted(path.name for path in (folder / "out").iterdir())
            assert left == ["out.csv", "out.csv.provenance.json"], left
            assert (folder / "out/out.csv").read_bytes() == (folder / "reference/out.csv").read_bytes()
            return (
                f"{rows} rows ({state['seconds']:.1f} s without a stop): killed {state['kills']} times, "
                f"resumed {state['resumed']} times, byte-identical, nothing left behind"
            )
    return None


if __name__ == "__main__":
    print(run(Path(sys.argv[1]), *map(int, sys.argv[2:4]), *map(float, sys.argv[4:5])))
