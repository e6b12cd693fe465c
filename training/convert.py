"""Somebody's text classifier in safetensors → a model folder with ONNX that inference reads without torch.

    python -m training.convert org/name build/name
    python -m training.convert org/name build/name --revision v1

Its labels stay as they are, and it stays in float: `training.export` quantises what it has texts to check against. Only
safetensors are read, never a pickle, and no code of the repository is run.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer
from torch import Tensor
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from sincerity.errors import ModelError
from sincerity.model import Model
from training.command import run
from training.manifest import write_manifest

GRAPH = "onnx/model.onnx"
TOLERANCE = 1e-4
SAMPLES = ("hello", "See you at eight, bring the cake!", "SALE! 50% off all boots, today only")


class Logits(torch.nn.Module):
    """The model as a function of plain tensors."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        logits: Tensor = self.model(input_ids=input_ids, attention_mask=attention_mask).logits
        return logits


def convert(name: str, folder: Path, revision: str | None = None) -> None:
    """Write the model folder; raises `ModelError` where there is no such model or it answers otherwise as ONNX."""
    safe = {"revision": revision, "trust_remote_code": False}
    try:
        tokenizer = AutoTokenizer.from_pretrained(name, **safe)
        model = AutoModelForSequenceClassification.from_pretrained(name, use_safetensors=True, **safe).eval()
    except (OSError, ValueError) as error:
        raise ModelError(
            f"{name} cannot be converted ({str(error).splitlines()[0]}). Expected: safetensors."
        ) from error
    (folder / GRAPH).parent.mkdir(parents=True, exist_ok=True)
    model.config.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    logits, ids = Logits(model).eval(), torch.ones(2, 8, dtype=torch.long)
    free = {0: torch.export.Dim("batch"), 1: torch.export.Dim("tokens", min=2)}
    torch.onnx.export(
        logits,
        (ids, ids.clone()),
        folder / GRAPH,
        dynamo=True,
        input_names=["input_ids", "attention_mask"],
        output_names=["logits"],
        dynamic_shapes=dict.fromkeys(("input_ids", "attention_mask"), free),
        external_data=False,
        verbose=False,
    )
    write_manifest(folder)
    if (difference := largest_difference(folder, model, tokenizer)) > TOLERANCE:
        raise ModelError(f"{name} as ONNX differs by {difference:.2g} in a probability. Allowed: {TOLERANCE}.")


def largest_difference(folder: Path, model: Any, tokenizer: Any) -> float:
    """Between the probabilities of torch and of the folder, one text at a time."""
    converted, largest = Model(folder), 0.0
    for text in SAMPLES:
        with torch.inference_mode():
            expected = model(**tokenizer(text, return_tensors="pt")).logits.softmax(-1).numpy()
        largest = max(largest, float(np.abs(expected - converted.probabilities(converted.encode([text]))).max()))
    return largest


def main(
    name: Annotated[str, typer.Argument(help="A Hub name org/name, or a folder.")],
    folder: Annotated[Path, typer.Argument(help="Where the model folder goes.")],
    revision: Annotated[str | None, typer.Option(help="A branch, a tag, or the hash of a commit.")] = None,
) -> None:
    convert(name, folder, revision)


if __name__ == "__main__":
    run(main)
