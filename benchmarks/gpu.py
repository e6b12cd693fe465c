"""What a GPU makes of it: texts a second by `device="cuda"`, beside the processor of the same machine.

    python -m benchmarks.gpu                                # 20 000 texts of the pool; needs SINCERITY_DATA
    python -m benchmarks.gpu --texts texts.json             # a JSON list of texts: needs nothing but the gpu extra

Writes benchmarks/results/gpu.json in about a minute. Systems run in one process one after the other, once to warm up,
then `ROUNDS` times, of which the fastest counts. Behind the whole path the accurate graph is measured alone, with
tokens at hand and in one thread, by the most tokens of a batch; its probabilities in all those batches are compared.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import onnxruntime as ort
import typer
from numpy.typing import NDArray

from benchmarks.machine import FAST_MODEL, machine
from benchmarks.measure import peak_megabytes
from sincerity import Classifier, Prediction
from sincerity.dequantise import dequantised
from sincerity.devices import DEVICES, new_session
from sincerity.folders import DEFAULT_MODEL, model_folder
from sincerity.integrity import GRAPHS
from sincerity.model import Model, batches
from training.command import run

if TYPE_CHECKING:
    from sincerity.tokens import Tokens

RESULT = Path(__file__).parent / "results" / "gpu.json"
COUNT, ROUNDS = 20_000, 2
WARM = 4000
SYSTEMS: dict[str, dict[str, Any]] = {
    "default": {},
    "accurate": {"cascade": False},
    "fast": {"name_or_path": FAST_MODEL, "cascade": False},
}
THREADS = (1, 2, 4, 8, 16)
BUDGETS = tuple(1 << power for power in range(13, 18))
SINGLE_TEXTS = 500
"""Compared with the same in batches."""
EIGHT_BIT_TEXTS = 1000
"""The 8-bit graph as it is takes long on a GPU: so many texts show it."""


def whole_path(texts: list[str], device: str) -> dict[str, Any]:
    """Texts a second of each system on the device and on the processor, and how far their answers agree."""
    found: dict[str, Any] = {}
    for name, settings in SYSTEMS.items():
        here, said = rate(Classifier.from_pretrained(device=device, **settings), texts, ROUNDS)
        there, expected = rate(Classifier.from_pretrained(**settings), texts, 1)
        same = np.mean([a.label == b.label for a, b in zip(said, expected, strict=True)])
        found[name] = {
            "texts_per_second": here,
            "texts_per_second_cpu": there,
            "labels_as_on_the_cpu": round(float(same), 4),
            "median_difference": round(float(np.median(differences(said, expected))), 5),
        }
    return found


def by_threads(texts: list[str], device: str) -> dict[str, Any]:
    """Texts a second of the accurate model by threads; with their number the texts of a batch change."""
    found: dict[str, float] = {}
    first: list[Prediction] = []
    moved = 0.0
    for threads in (threads for threads in THREADS if threads <= len(os.sched_getaffinity(0))):
        classifier = Classifier.from_pretrained(cascade=False, threads=threads, device=device)
        found[str(threads)], said = rate(classifier, texts, 1)
        first = first or said
        moved = max(moved, *differences(said, first))
    return {"texts_per_second": found, "largest_difference": float(f"{moved:.2g}")}


def rate(classifier: Classifier, texts: list[str], rounds: int) -> tuple[float, list[Prediction]]:
    """Texts a second in the fastest of some rounds, and what was said."""
    classifier.classify(texts[:WARM])
    best, said = float("inf"), list[Prediction]()
    for _ in range(rounds):
        started = time.perf_counter()
        said = classifier.classify(texts)
        best = min(best, time.perf_counter() - started)
    return round(len(texts) / best, 1), said


def differences(some: Sequence[Prediction], others: Sequence[Prediction]) -> list[float]:
    """The largest difference of a probability, for each text."""
    return [max(abs(a.scores[x] - b.scores[x]) for x in a.scores) for a, b in zip(some, others, strict=True)]


def alone(texts: list[str], device: str) -> dict[str, Any]:
    """The accurate graph alone: by tokens of a batch, with TensorFloat-32, in 8 bits as it is on disk."""
    graph = model_folder(DEFAULT_MODEL) / GRAPHS[0]
    ours = DEVICES[device]
    model = Model(model_folder(DEFAULT_MODEL), device=device)
    encodings = model.encode(texts)
    expected = np.concatenate([model.probabilities([one]) for one in encodings[:SINGLE_TEXTS]])
    budgets: dict[str, Any] = {}
    moved = 0.0
    for budget in BUDGETS:
        row, scores = graph_rate(model, encodings, budget)
        budgets[str(budget)] = row | {"gpu_megabytes": gpu_megabytes()}
        moved = max(moved, float(np.abs(scores[: len(expected)] - expected).max()))
        expected = scores
    found: dict[str, Any] = {
        "tokens": round(float(np.mean([one.length for one in encodings])), 1),
        "budgets": budgets,
        "largest_difference_by_batch": float(f"{moved:.2g}"),
        "nodes": {"float": placed(dequantised(graph), device), "8-bit": placed(str(graph), device)},
    }
    if device == "cuda":
        DEVICES[device] = ours._replace(options={"use_tf32": "1"})
        rounded = Model(model_folder(DEFAULT_MODEL), device=device)
        row, scores = graph_rate(rounded, encodings, rounded.most_tokens)
        DEVICES[device] = ours
        found["tf32"] = row | {"largest_difference": float(f"{np.abs(scores - expected).max():.2g}")}
    try:
        model._session = new_session(str(graph), device)
        row, scores = graph_rate(model, encodings[:EIGHT_BIT_TEXTS], model.most_tokens)
    except Exception as error:  # onnxruntime's, of any kind: what it cannot do is a result too
        found["8-bit as it is"] = {"failed": str(error)}
    else:
        same = float(np.mean(scores.argmax(axis=1) == expected[:EIGHT_BIT_TEXTS].argmax(axis=1)))
        found["8-bit as it is"] = row | {"labels_as_in_float": round(same, 4)}
    return found


def graph_rate(model: Model, encodings: list[Tokens], budget: int) -> tuple[dict[str, Any], NDArray[np.float64]]:
    """Texts a second of a graph by batches of at most `budget` tokens, the second time they are computed."""
    parts = list(batches(np.array([one.length for one in encodings]), len(encodings), budget))
    for _ in range(2):  # memory is asked for in the first
        started = time.perf_counter()
        scores = model.probabilities(encodings, parts)
        seconds = time.perf_counter() - started
    row = {"texts": len(encodings), "batches": len(parts), "texts_per_second": round(len(encodings) / seconds, 1)}
    return row, scores


def placed(graph: str | bytes, device: str) -> dict[str, dict[str, int]] | None:
    """How many nodes of each kind a graph has on each provider, where onnxruntime tells it (since 1.24)."""
    recorded = new_session(graph, device, {"session.record_ep_graph_assignment_info": "1"})
    if not hasattr(recorded, "get_provider_graph_assignment_info"):
        return None
    kinds: dict[str, Counter[str]] = {}
    for part in recorded.get_provider_graph_assignment_info():
        kinds.setdefault(part.ep_name, Counter()).update(node.op_type for node in part.get_nodes())
    return {name: dict(counts.most_common()) for name, counts in kinds.items()}


def gpu_megabytes() -> int | None:
    """Memory of the card in use."""
    said = nvidia_smi("memory.used")
    return round(float(said.partition(" ")[0]) * 1.048576) if said else None


def nvidia_smi(what: str) -> str | None:
    try:
        command = ["nvidia-smi", f"--query-gpu={what}", "--format=csv,noheader"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[0].strip()
    except (OSError, subprocess.CalledProcessError):
        return None


def set_up(texts: list[str], device: str) -> dict[str, Any]:
    """What the figures hold for."""
    return machine() | {
        "device": device,
        "card": nvidia_smi("name"),
        "driver": nvidia_smi("driver_version"),
        "libraries": {"onnxruntime": ort.__version__}
        | {name: version(name) for name in ("numpy", "onnx", "tokenizers")},
        "texts": len(texts),
        "characters": round(float(np.mean([len(text) for text in texts])), 1),
        "rounds": ROUNDS,
    }


def read_texts(path: Path | None, count: int) -> list[str]:
    if path is None:
        from benchmarks.speed import write_texts  # needs the bench extra

        return write_texts(count)
    texts: list[str] = json.loads(path.read_text("utf-8"))
    return texts[:count]


def main(
    texts: Annotated[Path | None, typer.Option(help="A JSON list of texts; by default, of the pool.")] = None,
    out: Annotated[Path, typer.Option(help="Where to write.")] = RESULT,
    count: Annotated[int, typer.Option(min=100, help="Texts, at most.")] = COUNT,
    device: Annotated[str, typer.Option(help="cpu tries this command where there is no GPU.")] = "cuda",
) -> None:
    started = time.monotonic()
    some = read_texts(texts, count)
    result: dict[str, Any] = {"about": set_up(some, device)}
    for name, measure in (("whole_path", whole_path), ("accurate_by_threads", by_threads), ("accurate_graph", alone)):
        result[name] = measure(some, device)
        result["about"]["seconds"] = round(time.monotonic() - started)
        result["about"]["megabytes"] = round(peak_megabytes(), 1)
        print(f"{result['about']['seconds']} s {name}: {json.dumps(result[name])}", file=sys.stderr, flush=True)
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(json.dumps(result, indent=1) + "\n", "utf-8")  # what was measured is kept if the rest fails


if __name__ == "__main__":
    run(main)
