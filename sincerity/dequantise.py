"""An 8-bit graph that `training.quantise` wrote → the same graph with its matrix products in float, for GPUs.

onnxruntime has no CUDA kernels for rounding activations by tokens nor for products of such with 8-bit weights: each
would be computed on the CPU, with copies to and fro. Here activations stay as they are, also those with a fixed step,
and meet the weights multiplied out, so labels are those of the model before its activations were rounded: nearly all
the same, probabilities slightly different. Weights stay 8-bit in the graph; onnxruntime multiplies them out once, at
loading.

Needs the onnx package (the `gpu` extra). Graphs of other makes hold no such products and go as they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import onnx
from onnx import GraphProto, NodeProto, TensorProto, helper


def dequantised(path: Path) -> bytes:
    """The graph at `path` in float, as onnxruntime takes it."""
    model = onnx.load(path)
    graphs = [*_branches(model.graph), model.graph]
    rounded = {node.output[0]: node for graph in graphs for node in graph.node if node.op_type == "QuantizeLinear"}
    for graph in graphs:
        nodes = list(_in_float(graph, rounded))
        del graph.node[:]
        graph.node.extend(nodes)
    _remove_unused(model.graph)
    return bytes(model.SerializeToString())


def _branches(graph: GraphProto) -> list[GraphProto]:
    """The graphs inside a graph's choices: the way back to the tokens (`training.on_demand`)."""
    return [attribute.g for node in graph.node for attribute in node.attribute if attribute.HasField("g")]


def _in_float(graph: GraphProto, rounded: dict[str, NodeProto]) -> Iterator[NodeProto]:
    """Nodes of a graph with MatMulInteger → Cast → (Mul by the columns' scales) → Mul by the rows' steps replaced."""
    following = {node.input[0]: node for node in graph.node if node.op_type in ("Cast", "Mul")}
    replaced: set[str] = set()
    for node in graph.node:
        if node.op_type == "MatMulInteger" and node.input[0] in rounded:
            activations, step, *_ = rounded[node.input[0]].input
            weight, plain = f"{node.output[0]}_weight", f"{node.output[0]}_weight_plain"
            cast = following[node.output[0]]
            last = following[cast.output[0]]
            yield helper.make_node("Cast", [node.input[1]], [plain], to=TensorProto.FLOAT)
            if step in last.input:
                weight = plain
            else:
                yield helper.make_node("Mul", [plain, last.input[1]], [weight])
                replaced.add(last.output[0])
                last = following[last.output[0]]
            yield helper.make_node("MatMul", [activations, weight], [last.output[0]])
            replaced.update((cast.output[0], last.output[0]))
        elif node.op_type == "DequantizeLinear" and (source := _fixed(node, rounded)):
            yield helper.make_node("Identity", [source], [node.output[0]])
        elif node.op_type == "DequantizeLinear" and node.output[0] == f"{node.input[0]}_plain":  # a weight
            yield helper.make_node("Cast", [node.input[0]], [f"{node.output[0]}_float"], to=TensorProto.FLOAT)
            yield helper.make_node("Mul", [f"{node.output[0]}_float", node.input[1]], [node.output[0]])
        elif node.output[0] not in replaced:
            yield node


def _fixed(node: NodeProto, rounded: dict[str, NodeProto]) -> str:
    """The activations that are rounded by a fixed step, as `training.quantise` does it, and multiplied out here."""
    source = rounded[node.input[0]].input[0] if node.input[0] in rounded else ""
    return source if node.output[0] == f"{source}_rounded" else ""


def _remove_unused(graph: GraphProto) -> set[str]:
    """Remove nodes and weights that nothing needs; what the rest needs, from outside too, is returned."""
    needed = {output.name for output in graph.output}
    kept = []
    for node in reversed(graph.node):
        if needed.intersection(node.output):
            kept.append(node)
            needed.update(node.input)
            for attribute in node.attribute:
                if attribute.HasField("g"):
                    needed |= _remove_unused(attribute.g)
    del graph.node[:]
    graph.node.extend(reversed(kept))
    weights = [tensor for tensor in graph.initializer if tensor.name in needed]
    del graph.initializer[:]
    graph.initializer.extend(weights)
    return needed
