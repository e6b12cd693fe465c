"""A classifier that is there in safetensors only becomes one that inference reads."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch", reason="needs the train extra: make test-all")
pytest.importorskip("onnxscript", reason="needs the train extra: make test-all")

import transformers
from hub_client import LoopbackHub

from sincerity import Classifier, ModelError
from sincerity.integrity import MANIFEST
from training.convert import convert

TEXTS = ["hello my friend", "buy cheap boots now!"]


def test_safetensors_alone_are_named_with_the_remedy_and_converted(
    tiny_base: Path, hub: LoopbackHub, tmp_path: Path
) -> None:
    labels = {0: "warm", 1: "cold", 2: "lukewarm"}
    model = transformers.AutoModelForSequenceClassification.from_pretrained(
        tiny_base, id2label=labels, label2id={label: i for i, label in labels.items()}
    )
    model.save_pretrained(tmp_path / "checkpoint")
    transformers.AutoTokenizer.from_pretrained(tiny_base).save_pretrained(tmp_path / "checkpoint")
    hub.serve("org/weights", tmp_path / "checkpoint")
    out = tmp_path / "converted"
    code = "from sincerity import Classifier; Classifier.from_pretrained('org/weights')"
    assert "python -m training.convert org/weights FOLDER" in hub.run("-c", code).stderr
    done = hub.run("-m", "training.convert", "org/weights", str(out))
    assert done.returncode == 0, done.stderr
    assert (out / MANIFEST).is_file()
    pipeline = transformers.pipeline("text-classification", model=str(tmp_path / "checkpoint"))
    found = Classifier(out).classify(TEXTS)
    for prediction, expected in zip(found, pipeline(TEXTS), strict=True):
        assert prediction.label == expected["label"]
        assert prediction.score == pytest.approx(expected["score"], abs=1e-4)


def test_a_pickle_is_not_opened(tiny_base: Path, tmp_path: Path) -> None:
    transformers.AutoConfig.from_pretrained(tiny_base).save_pretrained(tmp_path / "pickled")
    transformers.AutoTokenizer.from_pretrained(tiny_base).save_pretrained(tmp_path / "pickled")
    (tmp_path / "pickled" / "pytorch_model.bin").write_bytes(b"\x80\x02cos\nsystem\n.")
    with pytest.raises(ModelError, match="Expected: safetensors"):
        convert(str(tmp_path / "pickled"), tmp_path / "out")
