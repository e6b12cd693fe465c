"""The shipped 8-bit graph as a torch model again."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="needs the train extra: make test-all")
pytest.importorskip("onnxscript", reason="needs the train extra: make test-all")

import numpy as np
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from sincerity import Classifier
from sincerity.cleaning import clean
from sincerity.dequantise import dequantised
from sincerity.errors import ModelError
from sincerity.folders import DEFAULT_MODEL, shipped_models
from sincerity.model import Model
from training.corpus import own_rows
from training.rebuild import GRAPH, VERBATIM, rebuild, torch_model

SHIPPED = shipped_models()[DEFAULT_MODEL]


@pytest.fixture(scope="module")
def rebuilt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rebuilt")
    rebuild(SHIPPED, folder)
    return folder


def test_transformers_gives_the_labels_that_the_classifier_gives(rebuilt: Path) -> None:
    texts = sorted((row.text for row in own_rows("test")), key=len)
    model = AutoModelForSequenceClassification.from_pretrained(rebuilt).eval()
    tokenizer = AutoTokenizer.from_pretrained(rebuilt)
    same, classifier = [], Classifier(SHIPPED, cascade=False)
    for start in range(0, len(texts), 32):
        batch = texts[start : start + 32]
        tokens = tokenizer([clean(text).text for text in batch], truncation=True, padding=True, return_tensors="pt")
        with torch.inference_mode():
            found = [model.config.id2label[int(i)] for i in model(**tokens).logits.argmax(1)]
        same += [a == b.label for a, b in zip(found, classifier.classify(batch), strict=True)]
    assert sum(same) >= 0.99 * len(texts)


def test_the_graph_for_a_gpu_computes_what_the_model_in_torch_computes(tmp_path: Path) -> None:
    shutil.copytree(SHIPPED, tmp_path / "m", ignore=shutil.ignore_patterns("SHA256SUMS", "*.onnx"))
    (tmp_path / "m" / "onnx" / "model.onnx").write_bytes(dequantised(SHIPPED / GRAPH))
    model, rebuilt = Model(tmp_path / "m"), torch_model(SHIPPED)
    for some in ([row.text for row in own_rows("test")][start::60] for start in range(4)):
        feed = model.feed(model.encode(some))
        with torch.inference_mode():
            expected = rebuilt(**{name: torch.tensor(values) for name, values in feed.items()}).logits
        (found,) = model._session.run(["logits"], feed)
        np.testing.assert_allclose(found, expected.numpy(), atol=1e-4)


def test_what_is_rebuilt_is_the_model_folder_without_its_graph(rebuilt: Path) -> None:
    assert {path.name for path in rebuilt.iterdir()} == {*VERBATIM, "model.safetensors"}
    for name in VERBATIM:
        assert (rebuilt / name).read_bytes() == (SHIPPED / name).read_bytes()


def test_a_graph_that_lacks_a_weight_is_refused(tmp_path: Path) -> None:
    shutil.copytree(SHIPPED, tmp_path / "m", ignore=shutil.ignore_patterns("*.safetensors", "model.onnx"))
    config = json.loads((tmp_path / "m" / "config.json").read_text("utf-8"))
    config["num_hidden_layers"] += 1
    (tmp_path / "m" / "config.json").write_text(json.dumps(config), "utf-8")
    with pytest.raises(ModelError, match=r"encoder\.layer\.[56]\..* weights are missing or of another shape"):
        torch_model(tmp_path / "m")
    (tmp_path / "m" / GRAPH).unlink()
    with pytest.raises(ModelError, match="is missing"):
        torch_model(tmp_path / "m")
