"""From anybody's CSV to a model folder that sincerity and transformers read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="needs the train extra: make test-all")
pytest.importorskip("onnxscript", reason="needs the train extra: make test-all")

import numpy as np
import onnx
import onnxruntime as ort
import torch
import transformers
from hub_client import LoopbackHub
from onnx import numpy_helper
from typer.testing import CliRunner

from sincerity import Classifier
from sincerity.cleaning import TOKENS, clean
from training import export, prepare, score, train
from training.corpus import CorpusError
from training.graph import Graph, layers_back
from training.quantise import LEVELS, Step, quantise
from training.rebuild import torch_model
from training.steps import best_step, fixed_steps

TEXTS = ["hello my friend, see you tonight", "buy cheap boots now!", "SALE today only at https://shop.example", "lake"]


@pytest.fixture(scope="module")
def folder(tiny_base: Path, labelled_csv: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder made by the four commands of the README."""
    work = tmp_path_factory.mktemp("work")
    invoke(prepare, "--train", labelled_csv, "--text-column", "said", "--label-column", "kind", "--out", work / "data")
    invoke(train, "--data", work / "data", "--out", work / "checkpoint", "--base", tiny_base, "--epochs", 4,
           "--learning-rate", 2e-3)  # fmt: skip
    invoke(export, "--data", work / "data", "--checkpoint", work / "checkpoint", "--name", "mine", "--models", work)
    invoke(score, work / "mine", "--test", labelled_csv, "--text-column", "said", "--label-column", "kind")
    return work / "mine"


def invoke(step: Any, *args: object) -> None:
    import typer

    app = typer.Typer()
    app.command()(step.main)
    result = CliRunner().invoke(app, [str(arg) for arg in args])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output


def test_the_trained_model_knows_its_own_labels(folder: Path) -> None:
    classifier = Classifier.from_pretrained(folder)
    assert classifier.labels == ("cold", "warm")
    assert [p.label for p in classifier.classify(TEXTS[:2])] == ["warm", "cold"]
    results = json.loads((folder / "results.json").read_text("utf-8"))
    assert results["scores"]["mine.csv"]["accuracy"] > 0.95


def test_the_card_tells_what_was_measured(folder: Path) -> None:
    text = (folder / "README.md").read_text("utf-8")
    results = json.loads((folder / "results.json").read_text("utf-8"))
    assert f"{results['scores']['mine.csv']['macro_f1']:.3f}" in text
    assert results["training"]["data"]["files"].popitem()[1] in text


def test_transformers_reads_the_folder_and_agrees(folder: Path) -> None:
    pipeline = transformers.pipeline("text-classification", model=str(folder), top_k=None)
    for text, prediction in zip(TEXTS, Classifier(folder).classify(TEXTS), strict=True):
        found = {one["label"]: one["score"] for one in pipeline([clean(text).text])[0]}
        assert max(found, key=found.__getitem__) == prediction.label
        assert found[prediction.label] == pytest.approx(prediction.score, abs=0.03)


def test_the_tokenizer_holds_every_token_of_the_clean_up_as_one(folder: Path) -> None:
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    for token in TOKENS:
        assert len(tokenizer(f"hello {token} lake", add_special_tokens=False)["input_ids"]) == 3


def test_the_graph_is_the_model_and_its_attributions_are_gradients_through_gates(folder: Path) -> None:
    model = transformers.AutoModelForSequenceClassification.from_pretrained(folder).eval()
    tokens = transformers.AutoTokenizer.from_pretrained(folder)([clean(t).text for t in TEXTS], padding=True,
                                                                return_tensors="pt")  # fmt: skip
    with torch.no_grad():
        logits, attributions = Graph(model)(tokens["input_ids"], tokens["attention_mask"], tokens["token_type_ids"])
        assert torch.allclose(logits, model(**tokens).logits, atol=1e-5)
        assert attributions.shape == tokens["input_ids"].shape
        assert (attributions[tokens["attention_mask"] == 0] == 0).all()
    assert torch.allclose(attributions, gated_gradient_attribution(model, tokens), atol=1e-4)


def gated_gradient_attribution(model: Any, tokens: Any) -> torch.Tensor:
    """The same split by another route: autograd with every non-linear factor held constant."""
    hidden = model.bert(**tokens, output_hidden_states=True).hidden_states
    layers = model.bert.encoder.layer
    layers = layers[-layers_back(len(layers)) :]
    start = states = hidden[-1 - len(layers)].detach().requires_grad_()
    for layer in layers:
        attention, heads = layer.attention.self, model.config.num_attention_heads
        query, key, value = (part(states).view(*states.shape[:2], heads, -1).transpose(1, 2)
                             for part in (attention.query, attention.key, attention.value))  # fmt: skip
        scores = query @ key.transpose(2, 3) / value.shape[-1] ** 0.5
        scores = scores.masked_fill(tokens["attention_mask"][:, None, None, :] == 0, -1e9)
        gathered = (scores.softmax(-1).detach() @ value).transpose(1, 2).flatten(2)
        mixed = frozen_norm(layer.attention.output.LayerNorm, states + layer.attention.output.dense(gathered))
        inner = layer.intermediate.dense(mixed)
        activated = inner * (torch.nn.functional.gelu(inner) / inner).detach()
        states = frozen_norm(layer.output.LayerNorm, mixed + layer.output.dense(activated))
    pooled = model.bert.pooler.dense(states[:, 0])
    logits = model.classifier(pooled * (torch.tanh(pooled) / pooled).detach())
    best = logits.gather(1, logits.argmax(1, keepdim=True)).sum()
    margin = best - (logits.sum() - best) / (logits.shape[1] - 1)
    (gradient,) = torch.autograd.grad(margin, start)
    return (gradient * start).sum(-1).detach() * tokens["attention_mask"]


def test_the_graphs_do_not_tell_where_they_were_made(folder: Path) -> None:
    for name in ("model.onnx", "model_quantized.onnx"):
        assert b".py" not in (folder / "onnx" / name).read_bytes()


def test_attributions_are_computed_on_demand_only(folder: Path) -> None:
    for name in ("model.onnx", "model_quantized.onnx"):
        session = ort.InferenceSession(folder / "onnx" / name, quiet())
        assert "explain" not in {node.name for node in session.get_inputs()}, "other runtimes need not know it"
        ids = np.full((2, 7), 50)
        feed = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
        logits, nothing = session.run(None, feed)
        same, attributions = session.run(None, {**feed, "explain": np.array(True)})
        assert (logits == same).all()
        assert (nothing.shape, attributions.shape) == ((0, 0), ids.shape)
        assert np.abs(attributions).max() > 0


def quiet() -> ort.SessionOptions:
    """An input with a default is worth a warning to onnxruntime."""
    options = ort.SessionOptions()
    options.log_severity_level = 3
    return options


def frozen_norm(norm: torch.nn.LayerNorm, x: torch.Tensor) -> torch.Tensor:
    scale = torch.sqrt(x.var(-1, unbiased=False, keepdim=True) + norm.eps).detach()
    return (x - x.mean(-1, keepdim=True)) / scale * norm.weight + norm.bias


def test_quantised_products_are_close_and_do_not_depend_on_the_batch(folder: Path) -> None:
    floating = onnx.load(folder / "onnx" / "model.onnx")
    eight_bit = quantise(floating)
    assert {"MatMulInteger"} <= {node.op_type for node in eight_bit.graph.node}
    assert len(eight_bit.SerializeToString()) < 0.5 * len(floating.SerializeToString())
    sessions = [ort.InferenceSession(model.SerializeToString()) for model in (floating, eight_bit)]
    rng = np.random.default_rng(0)
    ids = rng.integers(41, 90, (16, 12))
    feed = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
    expected, found = (session.run(["logits"], feed)[0] for session in sessions)
    assert np.abs(expected - found).max() < 0.1 * np.abs(expected).max()
    for row in range(len(ids)):
        alone = sessions[1].run(["logits"], {name: value[row : row + 1] for name, value in feed.items()})[0]
        assert np.abs(alone[0] - found[row]).max() < 1e-5


def test_products_by_fixed_steps_are_close_fused_and_do_not_depend_on_the_batch(folder: Path, tmp_path: Path) -> None:
    floating = onnx.load(folder / "onnx" / "model.onnx")
    texts = [clean(text).text for text in TEXTS]
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    calibration = [tokenizer(texts, padding=True, return_tensors="pt")]
    steps = fixed_steps(floating, calibration)
    layers = json.loads((folder / "config.json").read_text("utf-8"))["num_hidden_layers"]
    assert len(steps) == 4 * layers + 1  # query, key and value share theirs; the last layer has no key nor value
    eight_bit = quantise(floating, steps=steps)
    kinds = [node.op_type for node in eight_bit.graph.node]
    assert "MatMulInteger" not in kinds
    assert kinds.count("QuantizeLinear") == len(steps)

    options = quiet()
    options.optimized_model_filepath = str(tmp_path / "optimised.onnx")
    session = ort.InferenceSession(eight_bit.SerializeToString(), options)
    fused = [node.op_type for node in onnx.load(options.optimized_model_filepath).graph.node]
    assert fused.count("MatMulIntegerToFloat") == kinds.count("MatMul") - floats(eight_bit.graph)
    feed = {name: tensor.numpy() for name, tensor in calibration[0].items()}
    expected = ort.InferenceSession(floating.SerializeToString(), quiet()).run(["logits"], feed)[0]
    found = session.run(["logits"], feed)[0]
    assert 0 < np.abs(expected - found).max() < 0.1 * np.abs(expected).max()
    for row in range(len(texts)):
        alone = session.run(["logits"], {name: value[row : row + 1] for name, value in feed.items()})[0]
        assert np.abs(alone[0] - found[row]).max() < 1e-5


def floats(graph: onnx.GraphProto) -> int:
    """Products of a graph that stay in float."""
    rounded = {node.output[0] for node in graph.node if node.op_type == "DequantizeLinear"}
    return sum(node.op_type == "MatMul" and node.input[1] not in rounded for node in graph.node)


def test_a_fixed_step_is_the_one_with_the_least_squared_error() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(0.5, 1, size=(1000, 100)).astype(np.float32)
    values[0, 0] = 1.2 * values.max()
    chosen = best_step(values)
    assert chosen.size < 0.95 * (values.max() - values.min()) / 255  # one large value may be cut off

    def error(step: Step) -> float:
        rounded = (np.rint(values / step.size) + step.zero).clip(0, 255) - step.zero
        return float(np.square(rounded * step.size - values).mean())

    others = [Step(chosen.size * by, chosen.zero + more) for by in (0.8, 1, 1.25) for more in (-12, 0, 12)]
    assert min(others, key=error) == chosen
    assert best_step(np.maximum(values, 0)).zero == 0
    assert best_step(np.zeros((4, 3), np.float32)).size > 0


def test_the_export_with_fixed_steps_says_so_and_knows_the_same_labels(folder: Path) -> None:
    work, models = folder.parent, folder.parent / "fixed"
    invoke(export, "--data", work / "data", "--checkpoint", work / "checkpoint", "--name", "mine", "--models", models,
           "--fixed-steps")  # fmt: skip
    steps = [json.loads((path / "results.json").read_text("utf-8"))["export"]["steps"]
             for path in (folder, models / "mine")]  # fmt: skip
    assert steps == ["by token", "fixed"]
    one, other = (Classifier(path).classify(TEXTS, explain=True) for path in (folder, models / "mine"))
    assert [p.label for p in one] == [p.label for p in other]
    assert all(abs(p.score - q.score) < 0.05 for p, q in zip(one, other, strict=True))
    assert all(p.reasons for p in other)
    rebuilt, before = torch_model(models / "mine").state_dict(), torch_model(folder).state_dict()
    assert all(torch.equal(rebuilt[name], before[name]) for name in before)


def test_a_token_of_nothing_but_zeros_gives_zeros_and_moves_no_other() -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(4, 64)).astype(np.float32)
    rows[1], rows[2] = 0, 1e-45  # the second is too small for its step to be more than zero
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("MatMul", ["rows", "weight"], ["products"])],
        "zeros",
        [onnx.helper.make_tensor_value_info("rows", onnx.TensorProto.FLOAT, ("tokens", 64))],
        [onnx.helper.make_tensor_value_info("products", onnx.TensorProto.FLOAT, ("tokens", 64))],
        [numpy_helper.from_array(rng.normal(size=(64, 64)).astype(np.float32), "weight")],
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 21)], ir_version=10)
    session = ort.InferenceSession(quantise(model).SerializeToString())
    found = session.run(None, {"rows": rows})[0]
    assert (found[1:3] == 0).all()
    assert (found[::3] == session.run(None, {"rows": rows[::3]})[0]).all()
    assert np.abs(found[::3]).min(axis=1).max() > 0


def test_the_last_layers_keys_and_values_are_not_computed_for_every_token(folder: Path) -> None:
    layers = json.loads((folder / "config.json").read_text("utf-8"))["num_hidden_layers"]
    nodes = onnx.load(folder / "onnx" / "model_quantized.onnx").graph.node
    assert sum(node.op_type == "MatMulInteger" for node in nodes) == 6 * (layers - 1) + 4 + 1


def test_the_graphs_weights_are_the_models_but_for_the_bias_that_no_softmax_sees(folder: Path) -> None:
    trained = transformers.AutoModelForSequenceClassification.from_pretrained(folder).state_dict()
    unseen = [name for name in trained if name.endswith("self.key.bias")][-1]
    for name, found in torch_model(folder).state_dict().items():
        if name == unseen:
            assert not found.any()
        elif found.ndim == 2:
            assert (found - trained[name]).abs().max() < 0.05 * trained[name].abs().max(), name
        else:
            assert torch.equal(found, trained[name]), name


def test_products_behind_a_gelu_are_nearer_to_float_for_its_range_being_known() -> None:
    rng = np.random.default_rng(0)
    weight = rng.integers(-64, 65, (64, 64)).astype(np.float32)
    weight[0] = 64  # whole numbers with this maximum are quantised without an error
    inputs = rng.normal(0, [[0.1], [1], [3]] * 20, (60, 64)).astype(np.float32)
    inputs[0] = -0.75  # where a GELU has its minimum

    def products(*between: onnx.NodeProto, quantised: bool) -> np.ndarray:
        nodes = [
            onnx.helper.make_node("Gelu", ["inputs"], ["gelu"]),
            *between,
            onnx.helper.make_node("MatMul", [between[-1].output[0] if between else "gelu", "weight"], ["products"]),
        ]
        graph = onnx.helper.make_graph(
            nodes,
            "gelu",
            [onnx.helper.make_tensor_value_info("inputs", onnx.TensorProto.FLOAT, inputs.shape)],
            [onnx.helper.make_tensor_value_info("products", onnx.TensorProto.FLOAT, (60, 64))],
            [numpy_helper.from_array(weight, "weight")],
        )
        model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 21)], ir_version=10)
        model = quantise(model) if quantised else model
        return ort.InferenceSession(model.SerializeToString()).run(None, {"inputs": inputs})[0]

    expected = products(quantised=False)
    hidden = onnx.helper.make_node("Identity", ["gelu"], ["anything"])
    near, far = (
        np.abs(products(*between, quantised=True) - expected).mean(axis=1).reshape(20, 3) for between in ((), (hidden,))
    )
    assert near[1:, 2].mean() < 0.7 * far[1:, 2].mean()  # large values: a finer step
    assert near.max() <= far.max()  # small ones: none is worse than the worst before
    assert near[0, 0] < 0.5  # the minimum is not cut off


def test_no_pair_of_integer_products_can_overflow_sixteen_bits(folder: Path) -> None:
    graph = onnx.load(folder / "onnx" / "model_quantized.onnx").graph
    stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    weights = [stored[node.input[1]] for node in graph.node if node.op_type == "MatMulInteger"]
    assert len(weights) > 10
    assert all(2 * 255 * np.abs(weight.astype(int)).max() < 2**15 for weight in weights)


def test_integer_products_of_quantised_weights_are_exact_on_this_processor() -> None:
    weight = np.where(np.arange(64 * 8).reshape(64, 8) % 3 < 2, LEVELS, -LEVELS).astype(np.int8)
    rows = np.stack([np.full(64, 255), np.zeros(64), np.arange(64) * 4]).astype(np.uint8)
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("MatMulInteger", ["rows", "weight", "middle"], ["sums"])],
        "product",
        [onnx.helper.make_tensor_value_info("rows", onnx.TensorProto.UINT8, rows.shape)],
        [onnx.helper.make_tensor_value_info("sums", onnx.TensorProto.INT32, (3, 8))],
        [numpy_helper.from_array(weight, "weight"), numpy_helper.from_array(np.uint8(128), "middle")],
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 21)], ir_version=10)
    found = ort.InferenceSession(model.SerializeToString()).run(None, {"rows": rows})[0]
    assert (found == (rows.astype(int) - 128) @ weight.astype(int)).all()


def test_the_same_seed_gives_the_same_model(tiny_base: Path, labelled_csv: Path, tmp_path: Path) -> None:
    invoke(prepare, "--train", labelled_csv, "--text-column", "said", "--label-column", "kind", "--out", tmp_path / "d")
    for name in ("one", "two"):
        invoke(train, "--data", tmp_path / "d", "--out", tmp_path / name, "--base", tiny_base, "--epochs", 1)
    one, two = ((tmp_path / name / "model.safetensors").read_bytes() for name in ("one", "two"))
    assert one == two


def test_too_few_rows_for_two_splits_are_refused(tmp_path: Path) -> None:
    (tmp_path / "few.csv").write_text("text,label\nhello,a\nbye,b\n")
    with pytest.raises(CorpusError, match="rows of fewer than two labels"):
        invoke(prepare, "--train", tmp_path / "few.csv", "--out", tmp_path / "data")


@pytest.mark.parametrize("name", ["", "..", "a/b", ".hidden"])
def test_a_model_is_not_exported_over_another_folder(name: str, tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    with pytest.raises(export.GateError, match="is no name for a model"):
        invoke(export, "--name", name, "--models", tmp_path)
    assert (tmp_path / "kept").exists()


def test_a_published_model_is_the_same_to_sincerity_and_to_transformers(folder: Path, hub: LoopbackHub) -> None:
    done = hub.run("-m", "training.publish", str(folder), "org/mine", HF_TOKEN="hf_secret")
    assert done.returncode == 0, done.stderr
    code = f"""
import transformers
from sincerity import Classifier
from sincerity.cleaning import clean
texts = {TEXTS!r}
pipeline = transformers.pipeline("text-classification", model="org/mine")
found = [one["label"] for one in pipeline([clean(text).text for text in texts])]
assert found == [p.label for p in Classifier.from_pretrained("org/mine").classify(texts)], found
"""
    hub.python(code)
