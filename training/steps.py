"""Fixed steps for activations in 8 bits, measured on real texts: one for all texts in place of one a token.

`training.quantise` says when that is worth it. An activation's 256 values are laid where they round it with the least
squared error: a few large values may be cut off, at either end, so that all others are rounded more finely.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray
from onnx import TensorProto, helper

from training.on_demand import always
from training.quantise import Step, multiplied

SHARES = np.linspace(1, 0.7, 31)
"""Shares of the largest value, or the least, that may be the last one that is not cut off; with less, single texts move
far (by up to 0.10 instead of 0.06, of 6 000)."""
COMPARED = 8192
"""Tokens by which shares are compared."""


def fixed_steps(model: onnx.ModelProto, batches: list[dict[str, Any]]) -> dict[str, Step]:
    """The step of each activation, by name, that a linear layer multiplies on the way to the logits.

    Args:
        model: The float graph that will be quantised.
        batches: Tokens, as torch tensors, of some hundred texts like those that the model will read.
    """
    names = multiplied(model)
    found: dict[str, list[NDArray[np.float32]]] = {name: [] for name in names}
    watched = onnx.ModelProto()
    watched.CopyFrom(always(model))
    watched.graph.output.extend(helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in names)
    session = ort.InferenceSession(watched.SerializeToString(), providers=["CPUExecutionProvider"])
    for batch in batches:
        there = batch["attention_mask"].numpy().astype(bool)
        values = session.run(names, {name: tensor.numpy() for name, tensor in batch.items()})
        for name, some in zip(names, values, strict=True):
            found[name].append(some[there[:, : some.shape[1]]])  # the last layer has each text's first token only
    return {name: best_step(np.concatenate(found[name])) for name in names}


def best_step(values: NDArray[np.float32]) -> Step:
    """The step that rounds values (tokens, width) to 8 bits with the least squared error, and what stands for zero."""
    least, largest = min(values.min(), 0), max(values.max(), 0)
    some = values[:: -(-len(values) // COMPARED)]

    def between(low: float, high: float) -> tuple[float, Step]:
        step = max(float(high * largest - low * least) / 255, 1e-9)
        zero = round(-low * least / step)
        rounded = (np.rint(some / step) + zero).clip(0, 255) * step - zero * step
        return float(np.square(rounded - some).mean()), Step(step, zero)

    _, low = min((between(share, 1)[0], share) for share in SHARES)
    return min(between(low, share) for share in SHARES)[1]
