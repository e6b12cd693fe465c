"""Ways to run the encoder in 8 bits: speed, agreement with float, how far a text moves with its batch, wrong sums.

    python -m benchmarks.quantisation models/sincerity-minilm-l6

needs the float graph that training.export leaves in the folder, and SINCERITY_DATA for the unlabelled pool. Variants
take turns over the same batches; the median of the rounds counts. A sum of integer products is wrong where this
processor cut off what a pair of them had over 16 bits. Writes benchmarks/results/quantisation.json.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Annotated

import numpy as np
import onnx
import onnxruntime as ort
import typer
from numpy.typing import NDArray
from onnx import numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic
from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer

from sincerity.cleaning import clean
from sincerity.model import Model
from training.command import run
from training.corpus import pool_texts
from training.quantise import quantise
from training.train import machine

RESULTS = Path(__file__).parent / "results"
TEXTS, BATCH, ROUNDS = 3000, 32, 5
SUMMED = 64
"""Texts whose sums are compared with exact ones."""


def blockwise(source: Path, target: Path) -> None:
    """Weights in 8 bits by blocks of 128, products in integers."""
    quantizer = MatMulNBitsQuantizer(onnx.load(source), bits=8, block_size=128, is_symmetric=True, accuracy_level=4)
    quantizer.process()
    onnx.save(quantizer.model.model, target)


VARIANTS: dict[str, Callable[[Path, Path], object]] = {
    "float": lambda source, target: onnx.save(onnx.load(source), target),
    "dynamic, one scale a batch (onnxruntime, per channel)": lambda source, target: quantize_dynamic(
        source, target, weight_type=QuantType.QInt8, per_channel=True
    ),
    "weights by blocks of 128 (MatMulNBits)": blockwise,
    "one scale a token, weights to 127": lambda source, target: onnx.save(quantise(onnx.load(source), 127), target),
    "one scale a token, weights to 64 (training.quantise)": lambda source, target: onnx.save(
        quantise(onnx.load(source)), target
    ),
}


class Folder:
    """A model folder with another graph in it."""

    def __init__(self, original: Path, work: Path, make: Callable[[Path, Path], object]) -> None:
        (work / "onnx").mkdir(parents=True)
        for name in ("config.json", "tokenizer.json", "tokenizer_config.json"):
            (work / name).write_bytes((original / name).read_bytes())
        self.graph = work / "onnx" / "model.onnx"
        make(original / "onnx" / "model.onnx", self.graph)
        self.model = Model(work)

    def probabilities(self, texts: list[str], batch: int) -> NDArray[np.float64]:
        """Of texts in the given order, `batch` at a time."""
        encodings = self.model.encode(texts)
        parts = [self.model.probabilities(encodings[i : i + batch]) for i in range(0, len(texts), batch)]
        return np.concatenate(parts)


def wrong_sums(variant: Folder, texts: list[str]) -> float | None:
    """Share of the sums of integer products that are not exact on this processor; None for graphs that are not ours."""
    model = onnx.load(variant.graph)
    weights = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    products = [node for node in model.graph.node if node.op_type == "MatMulInteger" and node.input[2] in weights]
    if not products:
        return None
    wanted = sorted({name for node in products for name in (node.input[0], node.output[0])})
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in wanted)
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    feed = variant.model.feed(variant.model.encode(texts))
    found = dict(zip(wanted, session.run(wanted, feed), strict=True))
    wrong = [
        found[node.output[0]]
        != (found[node.input[0]].astype(np.float64) - weights[node.input[2]]) @ weights[node.input[1]]
        for node in products
    ]
    return float(f"{sum(one.sum() for one in wrong) / sum(one.size for one in wrong):.2g}")


def compare(folder: Path, work: Path) -> list[dict[str, float | str | None]]:
    """One row per variant."""
    texts = sorted(filter(None, (clean(text).text for text in pool_texts(TEXTS))), key=len)
    folders = {name: Folder(folder, work / str(i), make) for i, (name, make) in enumerate(VARIANTS.items())}
    seconds: dict[str, list[float]] = {name: [] for name in folders}
    found: dict[str, NDArray[np.float64]] = {}
    for _ in range(ROUNDS):
        for name, variant in folders.items():
            started = time.perf_counter()
            found[name] = variant.probabilities(texts, BATCH)
            seconds[name].append(time.perf_counter() - started)
    expected = found["float"]
    rows: list[dict[str, float | str | None]] = []
    for name, variant in folders.items():
        alone = variant.probabilities(texts[::10], 1)
        rows.append(
            {
                "variant": name,
                "megabytes": round(variant.graph.stat().st_size / 1e6, 1),
                "texts_per_second": round(len(texts) / median(seconds[name])),
                "times_float": round(median(seconds["float"]) / median(seconds[name]), 2),
                "labels_as_in_float": round(float((found[name].argmax(1) == expected.argmax(1)).mean()), 4),
                "largest_move_with_batch": float(f"{np.abs(alone - found[name][::10]).max():.1e}"),
                "wrong_sums": wrong_sums(variant, texts[:: len(texts) // SUMMED][:SUMMED]),
            }
        )
    return rows


def main(folder: Annotated[Path, typer.Argument()] = Path("models/sincerity-minilm-l6")) -> None:
    with tempfile.TemporaryDirectory() as work:
        rows = compare(folder, Path(work))
    about = {"machine": machine(), "onnxruntime": ort.__version__, "cores": os.cpu_count(), "texts": TEXTS,
             "batch": BATCH, "rounds": ROUNDS}  # fmt: skip
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "quantisation.json").write_text(json.dumps({"about": about, "rows": rows}, indent=1) + "\n", "utf-8")
    typer.echo(json.dumps(rows, indent=1))


if __name__ == "__main__":
    run(main)
