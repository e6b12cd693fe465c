"""Fixed steps for activations in 8 bits, measured on real texts: one for all texts in place of one a token.

`training.quantise` says when that is worth it. The step of an activation is the one that rounds its values with the
least squared error: a few large values may be cut off, so that all others are rounded more finely.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray
from onnx import TensorProto, helper

from training.on_demand import always
from training.quantise import GELU_LEAST, GELU_ZERO, multiplied

SHARES = np.linspace(0.4, 1, 31)
"""Shares of the largest value that may be the last one that is not cut off."""


def fixed_steps(model: onnx.ModelProto, batches: list[dict[str, Any]]) -> dict[str, float]:
    """The step of each activation, by name, that a linear layer multiplies on the way to the logits.

    Args:
        model: The float graph that will be quantised.
        batches: Tokens, as torch tensors, of some hundred texts like those that the model will read.
    """
    zeros = multiplied(model)
    found: dict[str, list[NDArray[np.float32]]] = {name: [] for name in zeros}
    watched = onnx.ModelProto()
    watched.CopyFrom(always(model))
    watched.graph.output.extend(helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in zeros)
    session = ort.InferenceSession(watched.SerializeToString(), providers=["CPUExecutionProvider"])
    for batch in batches:
        there = batch["attention_mask"].numpy().astype(bool)
        values = session.run([*zeros], {name: tensor.numpy() for name, tensor in batch.items()})
        for name, some in zip(zeros, values, strict=True):
            found[name].append(some[there[:, : some.shape[1]]])  # the last layer has each text's first token only
    return {name: best_step(np.concatenate(found[name]), zero) for name, zero in zeros.items()}


def best_step(values: NDArray[np.float32], zero: int) -> float:
    """The step that rounds values to 8 bits with the least squared error, where `zero` of them stands for none."""
    largest = max(values.max() / (255 - zero), 0 if zero == GELU_ZERO else -values.min() / zero)
    steps = np.maximum(SHARES * largest, GELU_LEAST / GELU_ZERO if zero == GELU_ZERO else 0)
    errors = [np.square(np.rint(values / step).clip(-zero, 255 - zero) * step - values).mean() for step in steps]
    return float(steps[int(np.argmin(errors))])
