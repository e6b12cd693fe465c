"""The graph that a GPU is given, on the CPU: the 8-bit one in float."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnx", reason="needs the gpu extra, or the train extra: make test-all")

import onnx
import onnxruntime
import tiny_model

from sincerity import Classifier
from sincerity.dequantise import dequantised
from sincerity.errors import ModelError
from sincerity.folders import DEFAULT_MODEL, shipped_models

GRAPH = "onnx/model_quantized.onnx"
FOLDERS = shipped_models()
OWN = Path(__file__).parents[1] / "data" / "messages" / "test.jsonl"
TEXTS = [json.loads(line)["text"] for line in OWN.read_text("utf-8").splitlines()]


@pytest.fixture(scope="module", params=sorted(FOLDERS))
def both(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Classifier, Classifier]:
    """A shipped model as it is, and the same in float."""
    folder = tmp_path_factory.mktemp("float") / request.param
    shutil.copytree(FOLDERS[request.param], folder, ignore=shutil.ignore_patterns("SHA256SUMS", "*.onnx"))
    (folder / "onnx" / "model.onnx").write_bytes(dequantised(FOLDERS[request.param] / GRAPH))
    return Classifier(FOLDERS[request.param], cascade=False), Classifier(folder, cascade=False)


def test_nothing_is_rounded_while_running() -> None:
    for folder in FOLDERS.values():
        model = onnx.load_from_string(dequantised(folder / GRAPH))
        onnx.checker.check_model(model)
        branches = [a.g for node in model.graph.node for a in node.attribute if a.HasField("g")]
        assert len(branches) == 2
        kinds = {node.op_type for graph in (model.graph, *branches) for node in graph.node}
        assert "MatMul" in kinds
        assert not kinds & {"MatMulInteger", "QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear", "ReduceMax"}


def test_labels_in_float_are_those_in_8_bits_but_for_a_hundredth(both: tuple[Classifier, Classifier]) -> None:
    eight_bit, in_float = (classifier.classify(TEXTS) for classifier in both)
    assert np.mean([a.label == b.label for a, b in zip(eight_bit, in_float, strict=True)]) >= 0.99
    moved = [abs(a.scores[a.label] - b.scores[a.label]) for a, b in zip(eight_bit, in_float, strict=True)]
    assert 0 < np.median(moved) < 0.02


def test_in_float_a_text_does_not_depend_on_its_batch(both: tuple[Classifier, Classifier]) -> None:
    _, in_float = both
    texts = TEXTS[:100]
    for one, other in zip(in_float.classify(texts), map(in_float.classify, texts), strict=True):
        assert all(abs(one.scores[label] - other.scores[label]) < 1e-5 for label in one.scores)


def test_reasons_in_float_are_much_like_those_in_8_bits(both: tuple[Classifier, Classifier]) -> None:
    texts = TEXTS[:60]
    plain = both[1].classify(texts)
    eight_bit, in_float = (classifier.classify(texts, explain=True) for classifier in both)
    assert [one.label for one in in_float] == [one.label for one in plain]
    pairs = [
        (a.weight, b.weight)
        for one, other in zip(eight_bit, in_float, strict=True)
        if one.label == other.label and len(one.reasons) == len(other.reasons)
        for a, b in zip(one.reasons, other.reasons, strict=True)
        if a.text == b.text
    ]
    assert len(pairs) > 50
    assert np.corrcoef(np.array(pairs).T)[0, 1] > 0.95


def test_a_graph_of_another_make_keeps_its_nodes(tmp_path: Path) -> None:
    path = tiny_model.write(tmp_path) / GRAPH
    assert onnx.load_from_string(dequantised(path)) == onnx.load(path)


def test_a_gpu_without_the_onnx_package_is_an_error_that_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CUDAExecutionProvider"])
    monkeypatch.setattr("sincerity.devices.find_spec", lambda name: None)
    with pytest.raises(ModelError, match=r"device is 'cuda', but onnx is not installed.*Expected: the gpu extra"):
        Classifier.from_pretrained(DEFAULT_MODEL, device="cuda")
