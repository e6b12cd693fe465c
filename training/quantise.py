"""An ONNX graph with its matrix products in 8 bits, whose result for a text does not depend on the batch around it.

Weights get one scale per output column, activations one scale per token, taken while running from that token alone
(ZeroQuant, Yao et al., NeurIPS 2022), or one fixed scale that was measured before (`training.steps`). A scale taken
while running from a whole tensor (onnxruntime's own dynamic quantisation) lets one text in a batch move all the others.
A fixed one rounds more coarsely, as it must fit the widest token, but nothing has to be looked for in a token, and
onnxruntime makes one operator of rounding, product and scales: in a narrow encoder that is a sixth of the time.
Word embeddings are stored in 8 bits with one scale per word.
Matrices that meet one vector a text only (`LAST`) are multiplied out at loading; their products are float.

Weights of products use 7 of their 8 bits. Processors without 8-bit dot products (x86 before VNNI) add two neighbouring
products in 16 bits, and what is over is cut off there without a word: with weights up to 127 about a hundredth of the
sums of a real model came out wrong, some by more than their spread, and so two machines disagreed. A pair of
products by weights up to 64 always fits: 2 × 255 × 64 < 2¹⁵. `python -m benchmarks.quantisation` counts wrong sums.

What comes out of a GELU is never below -0.17: its zero lies at 32 of 255 instead of in the middle, which makes its
steps nearly half as wide where it is large.
Only operators of the ONNX standard are used, so the graph runs wherever ONNX runs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper, numpy_helper

from training.on_demand import LAST, always, on_demand

SMALLEST = 64
"""Matrices with a side below this stay in float: the classification head decides by small differences."""
LEVELS = 64
"""Weights of products are whole numbers from minus this to this."""
ROW_LEVELS = 127
"""The same for rows of embedding tables, which are never multiplied in integers."""
MIDDLE = 128
"""What stands for zero in activations."""
GELU_ZERO = 32
"""The same behind a GELU: so many steps for what is negative, 223 for the rest."""
GELU_LEAST = 0.17
"""No GELU goes further below zero: its minimum is -0.16997."""
CLIPS = np.linspace(0.6, 1, 21, dtype=np.float32)
"""Shares of a column's largest weight that its scale may be taken from."""
LEAST_LEVEL = 32
"""Of weights that lie on a grid already (`training.rounding`), the largest is this or more of the grid's steps."""

Array = NDArray[np.float32]


class Step(NamedTuple):
    """How an activation is rounded, whatever the text."""

    size: float
    """What it is rounded to multiples of."""
    zero: int
    """Which of the 256 values stands for zero."""


def quantise(model: onnx.ModelProto, levels: int = LEVELS, steps: Mapping[str, Step] | None = None) -> onnx.ModelProto:
    """A copy of `model` with 8-bit weights and products; weights lie within ± `levels`.

    `steps` are those of activations, by name, that are rounded alike in all texts; each token of others takes its own.
    """
    plain = always(model)
    quantised = onnx.ModelProto()
    quantised.CopyFrom(plain)
    _Rewriter(quantised.graph, levels, steps or {}).run()
    onnx.checker.check_model(quantised)
    return quantised if plain is model else on_demand(quantised)


def multiplied(model: onnx.ModelProto) -> list[str]:
    """Names of the activations that linear layers of an `on_demand` model multiply."""
    rewriter = _Rewriter(always(model).graph, LEVELS, {})
    linear = (node for node in model.graph.node if node.op_type == "MatMul" and rewriter.is_matrix(node.input[1]))
    return list(dict.fromkeys(node.input[0] for node in linear))


class _Rewriter:
    def __init__(self, graph: onnx.GraphProto, levels: int, steps: Mapping[str, Step]) -> None:
        self.graph = graph
        self.levels = levels
        self.steps = steps
        self.constants = {tensor.name: tensor for tensor in graph.initializer}
        self.transposed = {
            node.output[0]: node.input[0]
            for node in graph.node
            if node.op_type == "Transpose" and node.input[0] in self.constants and node.input[0] not in LAST
        }
        self.gelus = {node.output[0] for node in graph.node if node.op_type == "Gelu"}
        self.rows: dict[str, tuple[str, str, str]] = {}
        """Of quantised activations: their bits, the step of each row, what stands for zero."""
        self.stored: dict[str, tuple[str, str]] = {}
        self.made: set[str] = set()
        """What several products share: weights the other way round, or multiplied out, and rounded activations."""

    def run(self) -> None:
        self._store("steps", np.float32(127))
        self._store("zero_point", np.uint8(MIDDLE))
        self._store("steps_gelu", np.float32(255 - GELU_ZERO))
        self._store("zero_point_gelu", np.uint8(GELU_ZERO))
        self._store("least_top_gelu", np.float32(GELU_LEAST * (255 - GELU_ZERO) / GELU_ZERO))
        self._store("last_axis", np.array([-1], np.int64))
        nodes = [new for name in LAST if name in self.constants for new in self._multiplied_out(name)]
        nodes += [new for node in self.graph.node for new in self._rewrite(node)]
        needed = {name for node in nodes for name in node.input}
        del self.graph.node[:], self.graph.initializer[:], self.graph.value_info[:]
        unused = self.transposed.keys() - needed
        self.graph.node.extend(node for node in nodes if node.output[0] not in unused)
        needed = {name for node in self.graph.node for name in node.input}
        self.graph.initializer.extend(tensor for name, tensor in self.constants.items() if name in needed)

    def _rewrite(self, node: NodeProto) -> Iterator[NodeProto]:
        weight = node.input[1] if node.op_type == "MatMul" else node.input[0] if node.op_type == "Gather" else ""
        source = self.transposed.get(weight, weight)
        if not self.is_matrix(weight):
            yield node
        elif node.op_type == "Gather":
            yield from self._gather(node)
        elif weight in self.transposed or weight not in self.transposed.values():
            yield from self._product(node, source)
        else:
            yield from self._straight(node, weight)

    def is_matrix(self, weight: str) -> bool:
        """Whether that is the name of a stored matrix, or its transpose, that is large enough for 8 bits."""
        source = self.transposed.get(weight, weight)
        shape = tuple(self.constants[source].dims) if source in self.constants else ()
        return len(shape) == 2 and min(shape) >= SMALLEST

    def _product(self, node: NodeProto, source: str) -> Iterator[NodeProto]:
        """activations × weight, in integers."""
        (activations, _), (output,) = node.input, node.output
        weight, scale = self._weight(source, transposed=node.input[1] in self.transposed)
        if activations in self.steps:
            yield from self._by_fixed_step(activations, weight, scale, output)
            return
        if activations not in self.rows:
            yield from self._quantise_rows(activations, width=self.constants[weight].dims[0])
        eight_bit, step, zero = self.rows[activations]
        yield helper.make_node("MatMulInteger", [eight_bit, weight, zero], [f"{output}_sum"])
        yield helper.make_node("Cast", [f"{output}_sum"], [f"{output}_float"], to=TensorProto.FLOAT)
        yield helper.make_node("Mul", [f"{output}_float", scale], [f"{output}_column"])
        yield helper.make_node("Mul", [f"{output}_column", step], [output])

    def _by_fixed_step(self, name: str, weight: str, scale: str, output: str) -> Iterator[NodeProto]:
        """The product of what both stand for: onnxruntime sees that integers will do."""
        eight_bit, step, zero = (f"{name}_{part}" for part in ("u8", "step", "zero"))
        rounded, plain = f"{name}_rounded", f"{weight}_plain"
        if name not in self.made:
            self.made.add(name)
            self._store(step, np.float32(self.steps[name].size))
            self._store(zero, np.uint8(self.steps[name].zero))
            yield helper.make_node("QuantizeLinear", [name, step, zero], [eight_bit])
            yield helper.make_node("DequantizeLinear", [eight_bit, step, zero], [rounded])
        if plain not in self.made:
            self.made.add(plain)
            yield helper.make_node("DequantizeLinear", [weight, scale], [plain], axis=1)
        yield helper.make_node("MatMul", [rounded, plain], [output])

    def _quantise_rows(self, name: str, width: int) -> Iterator[NodeProto]:
        """x → x / step in whole numbers around zero's, where each token's step suits its own maximum.

        A token is one block of `width` values to QuantizeLinear, which divides and rounds in one pass. Of a token of
        nothing but zeros the step is zero: whatever it divides to, the step makes zero of it behind the product.
        """
        top, step, zeros, eight_bit = (f"{name}_{part}" for part in ("top", "step", "zeros", "u8"))
        if name in self.gelus:
            suffix, largest = "_gelu", f"{name}_bounded"
            yield helper.make_node("ReduceMax", [name, "last_axis"], [top], keepdims=1)
            yield helper.make_node("Max", [top, "least_top_gelu"], [largest])
        else:
            suffix, largest = "", top
            yield helper.make_node("Abs", [name], [f"{name}_abs"])
            yield helper.make_node("ReduceMax", [f"{name}_abs", "last_axis"], [top], keepdims=1)
        zero = f"zero_point{suffix}"
        yield helper.make_node("Div", [largest, f"steps{suffix}"], [step])
        yield helper.make_node("Shape", [step], [f"{step}_shape"])
        yield helper.make_node("Expand", [zero, f"{step}_shape"], [zeros])
        yield helper.make_node("QuantizeLinear", [name, step, zeros], [eight_bit], axis=-1, block_size=width)
        self.rows[name] = eight_bit, step, zero

    def _straight(self, node: NodeProto, source: str) -> Iterator[NodeProto]:
        """A product with the transpose of a stored weight, from the same 8 bits: its scales go to the activations."""
        (activations, _), (output,) = node.input, node.output
        weight, scale = self._weight(source, transposed=True)
        scaled, straight = f"{output}_scaled", f"{weight}_straight"
        yield helper.make_node("Mul", [activations, scale], [scaled])
        yield from self._quantise_rows(scaled, width=self.constants[weight].dims[1])
        eight_bit, step, zero = self.rows[scaled]
        if straight not in self.made:
            self.made.add(straight)
            yield helper.make_node("Transpose", [weight], [straight], perm=[1, 0])
        yield helper.make_node("MatMulInteger", [eight_bit, straight, zero], [f"{output}_sum"])
        yield helper.make_node("Cast", [f"{output}_sum"], [f"{output}_float"], to=TensorProto.FLOAT)
        yield helper.make_node("Mul", [f"{output}_float", step], [output])

    def _multiplied_out(self, name: str) -> Iterator[NodeProto]:
        """Matrices (heads, out, in) for float products, from the 8 bits that integer products would take."""
        matrices = self._array(name)
        rows = matrices.reshape(-1, matrices.shape[-1])
        scale = best_scale(rows.T, self.levels).T
        self._store(f"{name}_i8", _eight_bit(rows, scale, self.levels).reshape(matrices.shape))
        self._store(f"{name}_scale", scale.reshape(*matrices.shape[:-1], 1))
        del self.constants[name]
        yield helper.make_node("Cast", [f"{name}_i8"], [f"{name}_float"], to=TensorProto.FLOAT)
        yield helper.make_node("Mul", [f"{name}_float", f"{name}_scale"], [name])

    def _gather(self, node: NodeProto) -> Iterator[NodeProto]:
        """Rows of an embedding table, from 8 bits and a scale per row."""
        table = self._array(node.input[0])
        scale = _scale(table, ROW_LEVELS, axis=1)
        eight_bit, scales = f"{node.input[0]}_i8", f"{node.input[0]}_scale"
        self._store(eight_bit, _eight_bit(table, scale, ROW_LEVELS))
        self._store(scales, scale)
        output = node.output[0]
        yield helper.make_node("Gather", [eight_bit, node.input[1]], [f"{output}_i8"], axis=0)
        yield helper.make_node("Cast", [f"{output}_i8"], [f"{output}_float"], to=TensorProto.FLOAT)
        yield helper.make_node("Gather", [scales, node.input[1]], [f"{output}_scale"], axis=0)
        yield helper.make_node("Mul", [f"{output}_float", f"{output}_scale"], [output])

    def _weight(self, source: str, *, transposed: bool) -> tuple[str, str]:
        """Names of a stored weight [in, out] in 8 bits and of its scale per column."""
        if source not in self.stored:
            weight = self._array(source).T if transposed else self._array(source)
            scale = best_scale(weight, self.levels)
            self._store(f"{source}_i8", _eight_bit(weight, scale, self.levels))
            self._store(f"{source}_scale", scale[0])
            self.stored[source] = f"{source}_i8", f"{source}_scale"
        return self.stored[source]

    def _array(self, name: str) -> Array:
        return numpy_helper.to_array(self.constants[name])

    def _store(self, name: str, value: np.ndarray | np.generic) -> None:
        self.constants[name] = numpy_helper.from_array(np.ascontiguousarray(value).reshape(np.shape(value)), name)


def best_scale(matrix: Array, levels: int) -> Array:
    """The scale of each column that rounds it with the least squared error; a few large weights may be clipped."""
    widest = _scale(matrix, levels, axis=0)
    shares = [*CLIPS, *(np.float32(levels / level) for level in range(LEAST_LEVEL, levels))]
    candidates = [widest * share for share in shares]
    errors = [np.square(_eight_bit(matrix, scale, levels) * scale - matrix).sum(axis=0) for scale in candidates]
    return np.take_along_axis(np.concatenate(candidates), np.argmin(errors, axis=0)[None], axis=0)


def _scale(matrix: Array, levels: int, axis: int) -> Array:
    return np.maximum(np.abs(matrix).max(axis=axis, keepdims=True), 1e-12).astype(np.float32) / np.float32(levels)


def _eight_bit(matrix: Array, scale: Array, levels: int) -> NDArray[np.int8]:
    return np.rint(matrix / scale).clip(-levels, levels).astype(np.int8)
