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
from onnx import TensorProto, helper, numpy_helper

from sincerity import Classifier
from sincerity.cleaning import clean
from sincerity.integrity import NGRAMS, graph_name
from sincerity.model import Model
from sincerity.ngrams import NGrams
from sincerity.spelling import respelt
from sincerity.tokens import Tokens

ROUNDS = 3
PEAK_SHAPE = (1024, 384, 1536)
"""Rows, inputs and outputs of the product that stands for what this processor can do."""


def measure_stages(texts: Sequence[str], folders: dict[str, Path]) -> dict[str, Any]:
    """Microseconds a text in one thread, of each stage; for each graph also its products and their bound.

    Words that came before are looked up in some stages. So no text is read twice: a first part of them comes before the
    clock starts, and the median is that of `ROUNDS` parts. `products` are multiplications of 8-bit integers a token and
    a text, `bound` the microseconds that they take at the rate that one thread reaches in a single large product.
    """
    size = len(texts) // (ROUNDS + 1)
    parts = [texts[at * size : (at + 1) * size] for at in range(ROUNDS + 1)]
    folder = folders["default"]
    found: dict[str, Any] = {"texts": size, "characters": sum(map(len, texts)) / len(texts), "stages": {}}
    stage = found["stages"]
    if (folder / NGRAMS).is_file():
        ngrams = NGrams.read(folder / NGRAMS, len(Classifier(folder).labels), 0.03)
        stage["n-grams"] = _microseconds(ngrams.probabilities, parts)
    stage["clean-up"] = _microseconds(_views, parts)
    views = [_views(part) for part in parts]
    peak = _peak()
    for name, path in folders.items():
        model = Model(path)
        kind = "accurate" if name == "default" else name
        stage[f"tokens ({kind})"] = _microseconds(model.encode, views)
        tokens = [model.encode(some) for some in views]
        stage[f"graph ({kind})"] = _microseconds(partial(_answer, model), tokens)
        length = float(np.mean([one.length for some in tokens for one in some]))
        products = _products(path) * length
        found[kind] = {
            "tokens": round(length, 1),
            "million_products": round(products / 1e6, 1),
            "bound": round(1e6 * products / peak, 1),
        }
    found["billion_products_a_second"] = round(peak / 1e9, 1)
    return found


def _views(texts: Sequence[str]) -> list[str]:
    """What graphs read of those texts that are not blank."""
    return [view for view in (respelt(clean(text)).text for text in texts) if view]


def _answer(model: Model, tokens: Sequence[Tokens]) -> None:
    model.probabilities(tokens, model.parts(tokens))


def _microseconds(work: Callable[[Any], object], parts: Sequence[Any]) -> float:
    """Median time of a text, over all parts but the first."""
    took = []
    for part in parts:
        started = time.perf_counter()
        work(part)
        took.append((time.perf_counter() - started) / len(part))
    return round(1e6 * median(took[1:]), 1)


def _products(folder: Path) -> int:
    """Products of 8-bit integers for one token of a text.

    The last five are computed for the first token only and left out: the last layer's query, its three matrices behind
    the attention, and the pooler.
    """
    graph = onnx.load(folder / (graph_name(folder) or "")).graph
    sizes = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer if tensor.data_type == TensorProto.INT8}
    stored = {node.output[0]: node.input[0] for node in graph.node if node.op_type == "DequantizeLinear"}
    factors = [stored.get(node.input[1], node.input[1]) for node in graph.node if node.op_type.startswith("MatMul")]
    matrices = [sizes[name] for name in factors if name in sizes]
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
    best = min(_microseconds(lambda _: session.run(None, feed), [[None]] * (ROUNDS + 1)) for _ in range(10))
    return rows * inner * columns / (best / 1e6)
