"""Model folders: shipped, somebody else's, and broken ones."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tiny_model

from sincerity import Classifier, ModelError
from sincerity.devices import DEVICES
from sincerity.folders import DEFAULT_MODEL, model_folder, shipped_models
from sincerity.integrity import MANIFEST
from sincerity.model import Model

Change = Callable[[dict[str, Any]], object]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the shipped model that a test may change: without the manifest, which would tell."""
    ignored = shutil.ignore_patterns(MANIFEST)
    return Path(shutil.copytree(model_folder(DEFAULT_MODEL), tmp_path / "copy", ignore=ignored))


def change(folder: Path, how: Change, name: str = "config.json") -> None:
    config = json.loads((folder / name).read_text("utf-8"))
    how(config)
    (folder / name).write_text(json.dumps(config), "utf-8")


def test_the_default_model_is_shipped() -> None:
    assert DEFAULT_MODEL in shipped_models()


def test_shipped_models_hold_no_pickle_and_no_training_weights() -> None:
    for model in shipped_models().values():
        names = {path.name for path in model.rglob("*") if path.is_file()}
        assert not {name for name in names if name.endswith((".bin", ".pt", ".pkl", ".pickle"))}


def test_a_model_can_be_named_by_path(folder: Path) -> None:
    assert Classifier.from_pretrained(folder).name == Classifier.from_pretrained(str(folder)).name == DEFAULT_MODEL


def test_somebody_elses_model_keeps_its_labels_and_reads_the_text_as_it_is(folder: Path) -> None:
    def foreign(config: dict[str, Any]) -> None:
        del config["sincerity"]
        config["id2label"] = {"0": "ham", "1": "spam", "2": "bot"}

    own = Classifier.from_pretrained(folder).classify("\uff22\uff35\uff39 now")
    change(folder, foreign)
    other = Classifier.from_pretrained(folder)
    prediction = other.classify("\uff22\uff35\uff39 now")
    assert set(prediction.scores) == {"ham", "spam", "bot"}
    assert prediction.label in prediction.scores
    assert prediction.model == "copy"
    assert list(prediction.scores.values()) != list(own.scores.values())
    assert other.classify("\ud83d lone surrogate").status == "ok"
    assert other.classify("  ").status == "blank"
    assert other.classify("long " * 20_000).status == "truncated"


@pytest.mark.parametrize(
    ("how", "message"),
    [
        (lambda c: c["sincerity"].update(clean_version=99), "clean_version is 99"),
        (lambda c: c["sincerity"].pop("clean_version"), "clean_version is None"),
        (lambda c: c["sincerity"].update(labels=["a", "b", "c"]), "labels are"),
        (lambda c: c.update(id2label={"0": "automated", "1": "promotional", "2": "conversational"}), "id2label are"),
        (lambda c: c["sincerity"].update(threshold=1.5), "threshold is 1.5"),
        (lambda c: c["sincerity"].update(prior=[0.5, 0.5]), "prior is"),
        (lambda c: c["sincerity"].update(prior=[0.5, 0.5, 0.5]), "prior is"),
        (lambda c: c["sincerity"].update(prior=None), "prior is None"),
        (lambda c: c["sincerity"].update(labels=None), "labels are None"),
        (lambda c: c.update(sincerity=[1]), r"it is \[1\]"),
        (lambda c: (c.pop("sincerity"), c.update(id2label={"0": "a", "1": "b"})), "3 outputs, config.json names 2 "),
        (lambda c: c.update(id2label={"0": "one"}), "id2label is"),
        (lambda c: c.update(id2label={"0": "a", "7": "b"}), "id2label has no '1'"),
        (lambda c: c.update(problem_type="multi_label_classification"), "problem_type is"),
    ],
)
def test_a_config_that_does_not_fit_is_refused_by_name(folder: Path, how: Change, message: str) -> None:
    change(folder, how)
    with pytest.raises(ModelError, match=message):
        Classifier.from_pretrained(folder)


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json"])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(ModelError, match=f"{name} is missing"):
        Classifier.from_pretrained(folder)


def test_a_folder_without_a_graph_says_which_names_were_looked_for(folder: Path) -> None:
    shutil.rmtree(folder / "onnx")
    with pytest.raises(ModelError, match=r"onnx/model_quantized\.onnx, onnx/model\.onnx"):
        Classifier.from_pretrained(folder)
    (folder / "model.safetensors").touch()
    with pytest.raises(ModelError, match=r"python -m training\.convert .* makes it of model\.safetensors"):
        Classifier.from_pretrained(folder)


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "onnx/model_quantized.onnx"])
def test_a_damaged_file_is_named(folder: Path, name: str) -> None:
    (folder / name).write_bytes(b"\x00 not this")
    with pytest.raises(ModelError, match=name.rpartition("/")[2]):
        Classifier.from_pretrained(folder, cascade=False)


@pytest.mark.parametrize("name", ["nothing-of-this-name", "./nowhere/at-all", "a/b/c", ""])
def test_an_unknown_name_lists_what_there_is(name: str) -> None:
    with pytest.raises(ModelError, match=DEFAULT_MODEL):
        Classifier.from_pretrained(name)


def test_a_hub_name_that_cannot_be_reached_is_a_clear_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(ModelError, match=r"org/name could not be had from the Hub"):
        Classifier.from_pretrained("org/name", cache_dir=tmp_path)
    with pytest.raises(ModelError, match=r"offline, and the cache has not all of it.*sincerity download org/name"):
        Classifier.from_pretrained("org/name", cache_dir=tmp_path, local_files_only=True)


def test_a_tokenizer_that_does_not_fit_is_an_error_when_a_text_shows_it(tmp_path: Path) -> None:
    tiny = tiny_model.write(tmp_path / "tiny")
    change(tiny, lambda c: c["model"]["vocab"].update(now=99), "tokenizer.json")
    assert Classifier(tiny).classify("hello friend").label == "ham"
    with pytest.raises(ModelError, match="graph of tiny cannot compute a text"):
        Classifier(tiny).classify("buy now")
    change(tiny, lambda c: c["model"].update(unk_token="[NONE]"), "tokenizer.json")
    with pytest.raises(ModelError, match=r"tokenizer\.json cannot read a text"):
        Classifier(tiny).classify("what is this")


@pytest.mark.parametrize(("named", "width"), [({"hidden_size": 192}, 192), ({"dim": 384}, 384), ({}, 768)])
def test_a_batch_of_a_narrower_model_holds_more_tokens(tmp_path: Path, named: dict[str, int], width: int) -> None:
    folder = tiny_model.write(tmp_path)
    change(folder, lambda config: config.update(named))
    model = Model(folder)
    assert model.config.width == width
    assert model.most_tokens * width == DEVICES["cpu"].most_numbers
