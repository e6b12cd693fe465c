"""A model folder's 8-bit graph → the same model for torch and transformers.

    python -m training.rebuild models/sincerity-minilm-l6 build/rebuilt

The repository keeps the 8-bit graph only: a quarter of the bytes, and what inference runs. Its weights, multiplied out
to float32, are a `model.safetensors` that needs no training to be had again. What `training.export` wrote before
quantising differs from it by the rounding of the weights.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import onnx
import torch
import typer
from numpy.typing import NDArray
from onnx import numpy_helper
from transformers import AutoConfig, AutoModelForSequenceClassification, PreTrainedModel

from sincerity.errors import ModelError
from training.command import run
from training.config import TRAINING
from training.on_demand import LAST

GRAPH = "onnx/model_quantized.onnx"
VERBATIM = ("config.json", "tokenizer.json", "tokenizer_config.json")
"""What transformers and the graph have in common."""

Array = NDArray[np.float32]


def rebuild(folder: Path, out: Path) -> None:
    """Write the transformers folder of a model folder."""
    model = torch_model(folder)
    out.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(out)
    for name in VERBATIM:
        shutil.copyfile(folder / name, out / name)


def torch_model(folder: Path) -> PreTrainedModel:
    """The model of `folder` in torch, ready to classify; raises `ModelError` where its graph lacks a weight."""
    for name in (*VERBATIM, GRAPH):
        if not (folder / name).is_file():
            raise ModelError(f"{folder / name} is missing. Expected: a model folder that training.export wrote.")
    found = weights(onnx.load(folder / GRAPH).graph)
    config = AutoConfig.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_config(config, dtype=torch.float32)
    attention = f"bert.encoder.layer.{config.num_hidden_layers - 1}.attention.self"
    for name, part in zip(LAST, ("key", "value"), strict=True):
        if name in found:
            found[f"{attention}.{part}.weight"] = found[name].reshape(-1, found[name].shape[-1])
            found.setdefault(f"{attention}.key.bias", np.zeros(config.hidden_size, np.float32))  # no softmax sees it
    wanted = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    if lacking := sorted(name for name, shape in wanted.items() if name not in found or found[name].shape != shape):
        raise ModelError(
            f"{folder / GRAPH} has not {lacking[0]} as {wanted[lacking[0]]} ({len(lacking)} of {len(wanted)} weights "
            "are missing or of another shape). Expected: the graph of a BertForSequenceClassification with the sizes "
            "in config.json. Export the model again."
        )
    model.load_state_dict({name: torch.tensor(found[name]) for name in wanted}, strict=True)
    return model.eval()


def weights(graph: onnx.GraphProto) -> dict[str, Array]:
    """Float weights by their names in torch.

    Embeddings, biases and norms keep their names on the way to ONNX. The matrix of a linear layer may lose its own, and
    is stored the other way round: it is found as the factor of the product that the layer's bias is added to.
    """
    stored = _multiplied_out({tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer})
    producers = {output: node for node in graph.node for output in node.output}
    for node in graph.node:
        bias = next((name for name in node.input if name.endswith(".bias")), None)
        if node.op_type != "Add" or bias is None:
            continue
        product = next(name for name in node.input if name != bias)
        while (source := producers[product]).op_type in ("Mul", "Cast"):  # scales of the 8-bit product
            product = source.input[0]
        if source.op_type in ("MatMul", "MatMulInteger"):
            matrix = stored[source.input[1].removesuffix("_plain").removesuffix("_i8")]
            stored[f"{bias.removesuffix('bias')}weight"] = np.ascontiguousarray(matrix.T)
    return stored


def _multiplied_out(stored: dict[str, NDArray[Any]]) -> dict[str, Array]:
    """The float tensors, and under the names they had before `training.quantise` the 8-bit ones times their scales."""
    floats: dict[str, Array] = {name: array for name, array in stored.items() if array.dtype == np.float32}
    eight_bit = [name.removesuffix("_i8") for name in stored if name.endswith("_i8")]
    return floats | {name: stored[f"{name}_i8"] * floats[f"{name}_scale"] for name in eight_bit}


def main(
    folder: Annotated[Path, typer.Argument(help="A model folder that training.export wrote.")],
    out: Annotated[Path, typer.Argument(help="Folder for transformers to load.")],
) -> None:
    rebuild(folder, out)
    if (results := folder / "results.json").is_file():
        training = json.loads(results.read_text("utf-8"))["training"]
        (out / TRAINING).write_text(json.dumps(training, indent=1), "utf-8")


if __name__ == "__main__":
    run(main)
