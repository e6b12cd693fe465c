"""Attributions behind an input of the graph, `explain`: whoever does not ask for them does not pay for them.

onnxruntime computes every output of a graph, fetched or not, but only one branch of an `If`. The input has a default,
so runtimes that know nothing of it need not give it.
"""

from __future__ import annotations

import onnx
from onnx import TensorProto, helper

EXPLAIN, LOGITS, ATTRIBUTIONS = "explain", "logits", "attributions"
LAST = ("last_key", "last_value")
"""Names of the last layer's key and value matrices, one (size, hidden) a head (`training.graph`)."""
_INSIDE = f"{ATTRIBUTIONS}_inside"


def on_demand(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy of a model that computes `attributions` only when `explain` is true; else they are (0, 0)."""
    copy = _copy(model)
    graph = copy.graph
    wanted = {LOGITS}
    for node in reversed(graph.node):
        if wanted.intersection(node.output):
            wanted.update(node.input)
    way_back = [node for node in graph.node if not wanted.intersection(node.output)]
    attributions = next(output for output in graph.output if output.name == ATTRIBUTIONS)
    for node in way_back:
        node.output[:] = [f"{name}_inside" if name == ATTRIBUTIONS else name for name in node.output]
    inside, nothing = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, shape in ((_INSIDE, ("batch", "tokens")), ("nothing", (0, 0)))
    )
    empty = helper.make_node(
        "Constant", [], ["nothing"], value=helper.make_tensor("nothing", TensorProto.FLOAT, (0, 0), [])
    )
    choice = helper.make_node(
        "If", [EXPLAIN], [ATTRIBUTIONS],
        then_branch=helper.make_graph(way_back, "way_back", [], [inside]),
        else_branch=helper.make_graph([empty], "no_way_back", [], [nothing]),
    )  # fmt: skip
    kept = [node for node in graph.node if wanted.intersection(node.output)]
    del graph.node[:]
    graph.node.extend([*kept, choice])
    graph.input.append(helper.make_tensor_value_info(EXPLAIN, TensorProto.BOOL, ()))
    graph.initializer.append(helper.make_tensor(EXPLAIN, TensorProto.BOOL, (), [False]))
    attributions.CopyFrom(helper.make_tensor_value_info(ATTRIBUTIONS, TensorProto.FLOAT, (None, None)))
    onnx.checker.check_model(copy)
    return copy


def always(model: onnx.ModelProto) -> onnx.ModelProto:
    """The inverse of `on_demand`; a model without the input is returned as it is."""
    graph = model.graph
    if EXPLAIN not in {node.name for node in graph.input}:
        return model
    copy = _copy(model)
    *kept, choice = graph.node
    way_back = next(attribute.g for attribute in choice.attribute if attribute.name == "then_branch").node
    for part in (copy.graph.node, copy.graph.input, copy.graph.initializer):
        del part[:]
    copy.graph.node.extend([*kept, *way_back])
    for node in copy.graph.node:
        node.output[:] = [ATTRIBUTIONS if name == _INSIDE else name for name in node.output]
    copy.graph.input.extend(node for node in graph.input if node.name != EXPLAIN)
    copy.graph.initializer.extend(tensor for tensor in graph.initializer if tensor.name != EXPLAIN)
    return copy


def _copy(model: onnx.ModelProto) -> onnx.ModelProto:
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    return copy
