"""Step 3: a fine-tuned checkpoint → the model folder that sincerity, transformers and transformers.js read.

    python -m training.export
    python -m training.export --checkpoint build/mine/checkpoint --data build/mine/data --name mine --models build/mine

Calibrates on the validation split (the temperature is folded into the last layer, so that every runtime gives the same
probabilities), exports to ONNX, quantises, and refuses to finish unless the gates hold: float graph against torch,
8-bit graph against the float graph, and any batch against any other.
"""

from __future__ import annotations

import json
import random
import re
import shutil
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import onnx
import onnxruntime as ort
import torch
import typer
from datasets import Dataset, DatasetDict, load_from_disk
from numpy.typing import NDArray
from transformers import AutoModelForSequenceClassification, AutoTokenizer, PreTrainedModel

from sincerity import Classifier, Label
from sincerity.cleaning import CLEAN_VERSION
from sincerity.errors import SincerityError
from sincerity.model import Model
from training.command import run
from training.config import TRAINING
from training.corpus import own_rows, pool_texts
from training.graph import Graph
from training.manifest import write_manifest
from training.on_demand import ATTRIBUTIONS, LOGITS, on_demand
from training.quantise import quantise
from training.rounding import round_to_grid
from training.steps import fixed_steps

COVERAGE = 0.8
"""Share of the validation split whose predictions count as certain."""
LOGIT_TOLERANCE = 1e-5
AGREEMENT = 0.98
BATCH_TOLERANCE = 1e-3
GATE_TEXTS = 10_000
REFERENCE_EVERY = 5
ROUNDED_BY = 1024
"""Training texts whose activations decide how weights are rounded."""


class GateError(SincerityError):
    """A model cannot be exported as asked, or what was exported is not what was trained."""


def export(checkpoint: Path, data: DatasetDict, name: str, folder: Path, *, fixed: bool = False) -> dict[str, Any]:
    """Write the model folder and return what was measured on the way; with `fixed`, activations take fixed steps."""
    model = AutoModelForSequenceClassification.from_pretrained(checkpoint).eval()
    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    labels = list(model.config.id2label.values())
    if labels != data["train"].features["label"].names:
        raise GateError(
            f"The checkpoint's labels are {labels}, the data's {data['train'].features['label'].names}. "
            "Expected: the data it was trained on."
        )
    own_scheme = labels == list(Label)
    truth = np.array(data["validation"]["label"])

    logits = torch_logits(model, tokenizer, data["validation"]["text"])
    temperature = best_temperature(logits, truth)
    with torch.no_grad():
        model.classifier.weight /= temperature
        model.classifier.bias /= temperature
    scores = torch.softmax(torch.as_tensor(logits) / temperature, -1).numpy().max(1)
    counts = np.bincount(data["train"]["label"], minlength=len(labels))
    model.config.sincerity = {
        "name": name,
        "scheme": "sincerity" if own_scheme else "custom",
        "labels": labels,
        "clean_version": CLEAN_VERSION,
        "temperature": round(temperature, 4),
        "threshold": round(float(np.quantile(scores, 1 - COVERAGE)), 4),
        "prior": [round(float(share), 6) for share in counts / counts.sum()],
    }
    (folder / "onnx").mkdir(parents=True, exist_ok=True)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    onnx.save(on_demand(to_onnx(Graph(model))), folder / "onnx" / "model.onnx")
    difference = logit_difference(Graph(model), tokenizer, data["validation"]["text"][:256], folder)
    calibration = calibration_batches(tokenizer, data["train"])
    round_to_grid(model, calibration)
    graph = on_demand(to_onnx(Graph(model)))
    steps = fixed_steps(graph, calibration) if fixed else None
    onnx.save(quantise(graph, steps=steps), folder / "onnx" / "model_quantized.onnx")
    note_confusion(folder, data["validation"])

    measured = {
        "temperature": round(temperature, 4),
        "threshold": model.config.sincerity["threshold"],
        "coverage": COVERAGE,
        "steps": "fixed" if fixed else "by token",
        **difference,
        **agreement(folder, gate_texts(data, own_scheme)),
    }
    if own_scheme:
        write_reference(folder)
    write_manifest(folder)
    return measured


def note_confusion(folder: Path, validation: Dataset) -> None:
    """Write the confusion matrix into the config: counts of true labels (rows) given each label (columns).

    Rows that were drawn because a model was uncertain are left out; their errors are not those of a stream.
    """
    model = Model(folder)
    size = len(model.config.labels)
    matrix = np.zeros((size, size), np.int64)
    rows = validation.filter(lambda row: row["drawn"] != "uncertain")
    order = sorted(range(len(rows)), key=lambda i: len(rows[i]["text"]))
    for start in range(0, len(order), 32):
        batch = rows.select(order[start : start + 32])
        guess = model.probabilities(model.encode(batch["text"][:])).argmax(1)
        np.add.at(matrix, (batch["label"][:], guess), 1)
    config = json.loads((folder / "config.json").read_text("utf-8"))
    config["sincerity"]["confusion"] = matrix.tolist()
    (folder / "config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", "utf-8")


def torch_logits(model: PreTrainedModel, tokenizer: Any, texts: list[str]) -> NDArray[np.float64]:
    """Logits (texts, labels) in float32 arithmetic."""
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
    logits = np.zeros((len(texts), model.config.num_labels))
    with torch.inference_mode():
        for start in range(0, len(order), 64):
            batch = order[start : start + 64]
            tokens = tokenizer([texts[i] for i in batch], truncation=True, padding=True, return_tensors="pt")
            logits[batch] = model(**tokens).logits.numpy()
    return logits


def best_temperature(logits: NDArray[np.float64], truth: NDArray[np.int64]) -> float:
    """The divisor of the logits that minimises log-loss (temperature scaling, Guo et al., ICML 2017)."""
    candidates = np.exp(np.linspace(np.log(0.25), np.log(4), 400))
    target = torch.as_tensor(truth)
    losses = [float(torch.nn.functional.cross_entropy(torch.as_tensor(logits / t), target)) for t in candidates]
    return float(candidates[int(np.argmin(losses))])


def calibration_batches(tokenizer: Any, train: Dataset) -> list[dict[str, Any]]:
    """Tokens of training texts by which weights are rounded, in batches of one length or nearly."""
    chosen = random.Random(0).sample(range(len(train)), min(ROUNDED_BY, len(train)))
    texts = sorted(train.select(chosen)["text"], key=len)
    return [
        tokenizer(texts[start : start + 32], truncation=True, padding=True, return_tensors="pt")
        for start in range(0, len(texts), 32)
    ]


def to_onnx(graph: Graph) -> onnx.ModelProto:
    """The graph with free batch and length, without the places in our sources that each node is traced to."""
    ids = torch.ones(2, 8, dtype=torch.long)
    names = ("input_ids", "attention_mask", "token_type_ids")
    free = {0: torch.export.Dim("batch"), 1: torch.export.Dim("tokens", min=2)}
    program = torch.onnx.export(
        graph,
        (ids, ids.clone(), torch.zeros_like(ids)),
        dynamo=True,
        input_names=names,
        output_names=(LOGITS, ATTRIBUTIONS),
        dynamic_shapes=dict.fromkeys(names, free),
        opset_version=21,
        verbose=False,
    )
    assert program is not None
    model = program.model_proto
    for part in (model, model.graph, *model.graph.node, *model.graph.value_info, *model.graph.initializer):
        del part.metadata_props[:]
    return model


def logit_difference(graph: Graph, tokenizer: Any, texts: list[str], folder: Path) -> dict[str, float]:
    """Largest difference between torch and the float ONNX graph."""
    session = ort.InferenceSession(folder / "onnx" / "model.onnx")
    largest = 0.0
    for start in range(0, len(texts), 32):
        tokens = tokenizer(texts[start : start + 32], truncation=True, padding=True, return_tensors="pt")
        with torch.inference_mode():
            expected = graph(tokens["input_ids"], tokens["attention_mask"], tokens["token_type_ids"])
        found = session.run(None, {name: value.numpy() for name, value in tokens.items()})
        largest = max(largest, float(np.abs(expected[0].numpy() - found[0]).max()))
    if largest > LOGIT_TOLERANCE:
        raise GateError(f"Logits of onnx/model.onnx and of torch differ by {largest:.2g}. Allowed: {LOGIT_TOLERANCE}.")
    return {"float_logit_difference": largest}


def gate_texts(data: DatasetDict, own_scheme: bool) -> list[str]:
    """Texts to compare graphs on: of the unlabelled pool, or where the labels are somebody's own, of their data."""
    if own_scheme:
        return pool_texts(GATE_TEXTS)
    both: list[Dataset] = [data["validation"], data["train"]]
    return list(islice((text for split in both for text in split["text"]), GATE_TEXTS))


def agreement(folder: Path, texts: list[str]) -> dict[str, float]:
    """Gates of the 8-bit graph: against the float graph, and over batch sizes and orders."""
    floating = folder / "float"
    shutil.copytree(folder, floating, ignore=shutil.ignore_patterns("model_quantized.onnx", "float", "*.safetensors"))
    try:
        expected = Classifier(floating).classify(texts)
    finally:
        shutil.rmtree(floating)
    found = Classifier(folder).classify(texts)
    share = float(np.mean([a.label == b.label for a, b in zip(expected, found, strict=True)]))
    moved = [_distance(a.scores, b.scores) for a, b in zip(expected, found, strict=True)]
    if share < AGREEMENT:
        raise GateError(f"Labels of the 8-bit and the float graph agree on {share:.4f}. Expected: {AGREEMENT} or more.")
    largest = batch_difference(folder, texts[:1000])
    if largest > BATCH_TOLERANCE:
        raise GateError(f"A text's probabilities move by {largest:.2g} with its batch. Allowed: {BATCH_TOLERANCE}.")
    return {
        "agreement_with_float": share,
        "agreement_texts": len(texts),
        "mean_probability_difference": float(np.mean(moved)),
        "batch_probability_difference": largest,
    }


def batch_difference(folder: Path, texts: list[str]) -> float:
    """Largest move of a probability between batch sizes 1, 7 and 64, and between two orders."""
    shuffled = random.Random(0).sample(range(len(texts)), len(texts))
    alone = Classifier(folder, batch_size=1).classify(texts)
    largest = 0.0
    for size in (7, 64):
        classifier = Classifier(folder, batch_size=size)
        in_order = classifier.classify(texts)
        out_of_order = dict(zip(shuffled, classifier.classify(texts[i] for i in shuffled), strict=True))
        for i, one in enumerate(alone):
            largest = max(largest, *(_distance(one.scores, other.scores) for other in (in_order[i], out_of_order[i])))
    return largest


def _distance(one: Any, other: Any) -> float:
    return max(abs(one[label] - other[label]) for label in one)


def write_reference(folder: Path) -> None:
    """What the model answers on texts of our own: replayed by the tests for as long as the model is shipped."""
    texts = [row.text for row in own_rows("test")][::REFERENCE_EVERY]
    rows = [
        {"text": text, "scores": {label: round(score, 4) for label, score in prediction.scores.items()}}
        for text, prediction in zip(texts, Classifier(folder).classify(texts), strict=True)
    ]
    (folder / "reference.json").write_text(json.dumps(rows, indent=1, ensure_ascii=False) + "\n", "utf-8")


def main(
    checkpoint: Annotated[Path, typer.Option(help="What training.train wrote.")] = Path("build/checkpoint"),
    data: Annotated[Path, typer.Option(help="What training.prepare wrote.")] = Path("build/data"),
    name: str = "sincerity-minilm-l6",
    models: Annotated[Path, typer.Option(help="Where the model's folder goes.")] = Path("models"),
    fixed: Annotated[
        bool, typer.Option("--fixed-steps", help="Round activations alike in all texts: for narrow models.")
    ] = False,
) -> None:
    if not re.fullmatch(r"[A-Za-z0-9][\w.-]*", name):
        raise GateError(f"{name!r} is no name for a model. Expected: letters, digits, - _ and dots.")
    training = json.loads((checkpoint / TRAINING).read_text("utf-8"))
    part, old = models / f".{name}.part", models / f".{name}.old"
    try:
        measured = export(checkpoint, DatasetDict(load_from_disk(data)), name, part, fixed=fixed)
        results = {"name": name, "training": training, "export": measured, "scores": {}}
        (part / "results.json").write_text(json.dumps(results, indent=1) + "\n", "utf-8")
        if (models / name).exists():
            (models / name).rename(old)
        part.rename(models / name)
    finally:
        for leftover in (part, old):
            shutil.rmtree(leftover, ignore_errors=True)
    typer.echo(json.dumps(measured, indent=1))


if __name__ == "__main__":
    run(main)
