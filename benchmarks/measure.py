"""One rival, trained and saved before, measured in a process of its own; prints one JSON object. Linux only.

    python -m benchmarks.measure fastText --threads 1

`benchmarks.comparison` trains the rivals, writes the texts, and starts this afresh for every measurement: nothing is
warm but the disk's cache, and no rival finds what another has loaded. Cores and threads are set before any library is
imported, so imports that need one stand inside functions. Every text is read once: no cache of results can help.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

FOLDER = Path("build/rivals")
"""Holds a folder for each rival, named like its class."""
TEXTS = "texts.json"

FIRST_TEXT = "See you at eight, bring the cake!"
SECONDS = 4.5
"""What a timing should last; a slow rival reads fewer texts."""
LEAST, MOST = 300, 20_000
"""Texts of a timing."""
PROBES = (32, 256, 2048)
"""Texts of the trial runs that tell how many a timing needs; the next is run while one was over too soon to tell."""
PROBE_SECONDS = 0.25
TEXTS_NEEDED = 2 * (sum(PROBES) + MOST)


def restrict(threads: int) -> None:
    """Leave this process `threads` cores, and as many threads to the libraries that ask the environment."""
    allowed = sorted(os.sched_getaffinity(0))
    if not 1 <= threads <= len(allowed):
        sys.exit(f"Error: --threads is {threads}. Expected: 1 to {len(allowed)}, the cores this process may use.")
    os.sched_setaffinity(0, allowed[:threads])
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS"):
        os.environ[name] = str(threads)


def measure(name: str, folder: Path, started: float, seconds: float, dev: bool) -> dict[str, Any]:
    """Cold start, speed in batch, the memory that took, speed one by one; with `dev` also probabilities on dev.

    `started` is when the process was asked for (`time.time()`); what is not the rival's is imported after its start.
    """
    from benchmarks.rivals import RIVALS

    if name not in RIVALS:
        sys.exit(f"Error: {name!r} is no rival. Expected one of: {', '.join(RIVALS)}.")
    rival = RIVALS[name].load(folder / RIVALS[name].__name__)
    rival.probabilities([FIRST_TEXT])
    cold_start = time.time() - started

    unread = iter(json.loads((folder / TEXTS).read_text("utf-8")))
    found: dict[str, Any] = {"name": name, "cold_start": round(cold_start, 3)}
    found["batch"] = speed(rival.probabilities, unread, seconds)
    found["megabytes"] = round(peak_megabytes(), 1)
    found["single"] = speed(lambda texts: [rival.probabilities([text]) for text in texts], unread, seconds)
    if dev:
        from training.corpus import research_rows

        texts = [row.text for row in research_rows("dev")]
        found["dev"] = rival.probabilities(texts).round(6).tolist()
    return found


def speed(label: Callable[[Sequence[str]], object], unread: Iterator[str], seconds: float) -> dict[str, float]:
    """Texts a second, over as many unread texts as should take `seconds`."""
    for count in PROBES:
        took = _seconds(label, list(islice(unread, count)))
        if took >= PROBE_SECONDS:
            break
    least = round(LEAST * seconds / SECONDS)
    texts = list(islice(unread, min(MOST, max(least, round(count / took * seconds)))))
    took = _seconds(label, texts)
    return {"texts": len(texts), "seconds": round(took, 3), "texts_per_second": round(len(texts) / took, 1)}


def _seconds(label: Callable[[Sequence[str]], object], texts: list[str]) -> float:
    started = time.perf_counter()
    label(texts)
    return time.perf_counter() - started


def peak_megabytes(process: int | str = "self") -> float:
    """Most memory that a process has held so far, by its number; nothing where it has just ended.

    Not `ru_maxrss`: that starts from what the parent held when it started this process.
    """
    status = Path(f"/proc/{process}/status").read_text("utf-8")
    line = next((line for line in status.splitlines() if line.startswith("VmHWM:")), "VmHWM: 0")
    return int(line.split()[1]) * 1024 / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", help="a name in benchmarks.rivals.RIVALS")
    parser.add_argument("--threads", type=int, default=1, help="cores and threads")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="what benchmarks.comparison wrote")
    parser.add_argument("--started", type=float, default=time.time(), help="when this was asked for, as time.time()")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="what a timing should last")
    parser.add_argument("--dev", action="store_true", help="also probabilities on the research data's dev messages")
    options = parser.parse_args()
    restrict(options.threads)
    found = measure(options.name, options.folder, options.started, options.seconds, options.dev)
    print(json.dumps(found | {"threads": options.threads}))


if __name__ == "__main__":
    main()
