"""Where the time of a text goes, stage by stage, and the least that a graph's arithmetic could take."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Encoding

from sincerity import Classifier
from sincerity.cleaning import clean
from sincerity.devices import DEVICES
from sincerity.integrity import NGRAMS, graph_name
from sincerity.model import Model, batches
from sincerity.ngrams import NGrams
from sincerity.spelling import respelt

ROUNDS = 3
PEAK_SHAPE = (1024, 384, 1536)
"""Rows, inputs and outputs of the product that stands for what this processor can do."""


def measure_stages(texts: Sequence[str], folders: dict[str, Path]) -> dict[str, Any]:
    """Microseconds a text in one thread, of each stage; for each graph also its products and their bound.

    `products` are multiplications of 8-bit integers a token and a text, `bound` the microseconds that they take at the
    rate that one thread reaches in a single large product.
    """
    folder = folders["default"]
    labels = len(Classifier(folder).labels)
    found: dict[str, Any] = {"texts": len(texts), "characters": sum(map(len, texts)) / len(texts), "stages": {}}
    stage = found["stages"]
    if (folder / NGRAMS).is_file():
        ngrams = NGrams.read(folder / NGRAMS, labels, 0.03)
        stage["n-grams"] = _microseconds(lambda: ngrams.probabilities(texts), len(texts))
    stage["clean-up"] = _microseconds(lambda: [respelt(clean(text)) for text in texts], len(texts))
    views = [view for view in (respelt(clean(text)).text for text in texts) if view]
    peak, cpu = _peak(), DEVICES["cpu"]
    for name, path in folders.items():
        model = Model(path)
        encodings = model.encode(views)
        lengths = np.array([len(encoding) for encoding in encodings])
        parts = list(batches(lengths, cpu.batch_size, model.most_tokens))
        kind = "accurate" if name == "default" else name
        stage[f"tokens ({kind})"] = _microseconds(partial(model.encode, views), len(views))
        stage[f"graph ({kind})"] = _microseconds(partial(_answer, model, encodings, parts), len(views))
        products = _products(path) * float(lengths.mean())
        found[kind] = {
            "tokens": round(float(lengths.mean()), 1),
            "million_products": round(products / 1e6, 1),
            "bound": round(1e6 * products / peak, 1),
        }
    found["billion_products_a_second"] = round(peak / 1e9, 1)
    return found


def _answer(model: Model, encodings: Sequence[Encoding], parts: Sequence[NDArray[np.int64]]) -> None:
    for part in parts:
        model.probabilities([encodings[i] for i in part])


def _microseconds(work: Callable[[], object], texts: int) -> float:
    took = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        work()
        took.append(time.perf_counter() - started)
    return round(1e6 * median(took) / texts, 1)


def _products(folder: Path) -> int:
    """Products of 8-bit integers for one token of a text.

    The last five are computed for the first token only and left out: the last layer's query, its three matrices behind
    the attention, and the pooler.
    """
    graph = onnx.load(folder / (graph_name(folder) or "")).graph
    sizes = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
    matrices = [sizes[node.input[1]] for node in graph.node if node.op_type == "MatMulInteger"]
    return sum(rows * columns for rows, columns in matrices[:-5])


def _peak() -> float:
    """Products a second of one thread in a single large product of 8-bit integers."""
    rows, inner, columns = PEAK_SHAPE
    rng = np.random.default_rng(0)
    weight = rng.integers(-64, 65, (inner, columns)).astype(np.int8)
    graph = helper.make_graph(
        [helper.make_node("MatMulInteger", ["rows", "weight", "middle"], ["sums"])],
        "peak",
        [helper.make_tensor_value_info("rows", TensorProto.UINT8, (rows, inner))],
        [helper.make_tensor_value_info("sums", TensorProto.INT32, (rows, columns))],
        [numpy_helper.from_array(weight, "weight"), numpy_helper.from_array(np.uint8(128), "middle")],
    )
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    feed = {"rows": rng.integers(0, 256, (rows, inner)).astype(np.uint8)}
    best = min(_microseconds(lambda: session.run(None, feed), 1) for _ in range(10))
    return rows * inner * columns / (best / 1e6)
