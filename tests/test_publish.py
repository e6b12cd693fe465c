"""From a model folder to the Hub and back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import tiny_model
from hub_client import LoopbackHub

from sincerity import Classifier, ModelError
from sincerity.integrity import MANIFEST, verify

CONTRACT = {"config.json", "tokenizer.json", "tokenizer_config.json", "onnx/model_quantized.onnx", MANIFEST}
SCORES = {"rows": 4, "macro_f1": 0.9, "accuracy": 0.91, "log_loss": 0.3}


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A model folder with results, and with what training may leave beside it."""
    folder = tiny_model.write(tmp_path / "model")
    (folder / "results.json").write_text(
        json.dumps({"name": "tiny", "scores": {"own test texts": SCORES, "dev": SCORES}})
    )
    (folder / "README.md").write_text('---\nlicense: apache-2.0\n---\n\n# tiny\n\nfrom_pretrained("tiny")\n')
    for name in ("training_args.bin", "model.safetensors", "notes.txt"):
        (folder / name).write_bytes(b"left over")
    return folder


def names(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_a_saved_model_is_the_model_and_nothing_that_lies_beside_it(model: Path, tmp_path: Path) -> None:
    Classifier(model).save_pretrained(tmp_path / "saved")
    assert names(tmp_path / "saved") == {*CONTRACT, "README.md", "model.safetensors"}
    verify(tmp_path / "saved")
    texts = ["hello friend", "buy now"]
    saved = Classifier.from_pretrained(tmp_path / "saved")
    assert [p.scores for p in saved.classify(texts)] == [p.scores for p in Classifier(model).classify(texts)]


def test_a_model_that_was_damaged_since_is_not_saved(model: Path, tmp_path: Path) -> None:
    Classifier(model).save_pretrained(tmp_path / "one")
    classifier = Classifier(tmp_path / "one")
    (tmp_path / "one" / "tokenizer_config.json").write_text("{}")
    with pytest.raises(ModelError, match=r"tokenizer_config\.json is damaged"):
        classifier.save_pretrained(tmp_path / "two")


def test_a_published_model_is_complete_carded_tagged_pinned_and_loads(hub: LoopbackHub, model: Path) -> None:
    publish = "-m", "training.publish", str(model), "org/name"
    first = hub.run(*publish, "--tag", "v1", "--dataset", "org/data", HF_TOKEN="hf_secret")
    assert first.returncode == 0, first.stderr
    (model / "model.safetensors").unlink()
    second = hub.run(*publish, "--no-weights", HF_TOKEN="hf_secret")
    assert second.returncode == 0, second.stderr
    assert "hf_secret" not in first.stdout + first.stderr + second.stdout + second.stderr
    pins = [printed.split('"')[3] for printed in (first.stdout, second.stdout)]
    assert len({*pins}) == 2
    code = f"""
from huggingface_hub import HfApi, ModelCard, hf_hub_download
from sincerity import Classifier
files = [set(HfApi().list_repo_files("org/name", revision=revision)) for revision in ("v1", {pins[1]!r})]
assert files[0] == {{*{CONTRACT!r}, "README.md", "model.safetensors", ".eval_results/sincerity.yaml"}}, files[0]
assert files[0] - files[1] == {{"model.safetensors", ".eval_results/sincerity.yaml"}}, files[1]
card = ModelCard.load(hf_hub_download("org/name", "README.md"))
assert card.data.license == "apache-2.0"
assert [(r.dataset_name, r.metric_type, r.metric_value) for r in card.data.eval_results][:2] == [
    ("own test texts", "f1", 0.9), ("own test texts", "accuracy", 0.91)]
assert 'from_pretrained("org/name")' in card.text
print(open(hf_hub_download("org/name", ".eval_results/sincerity.yaml", revision="v1")).read().split())
for revision in (None, "v1", *{pins!r}):
    print(Classifier.from_pretrained("org/name", revision=revision).classify("buy now").label)
"""
    figures, *labels = hub.python(code).splitlines()
    for part in ("'id:', 'org/data'", "'task_id:', 'macro_f1'", "'value:', '0.9'"):
        assert part in figures
    assert labels == ["spam"] * 4


def test_what_cannot_be_published_is_one_line(hub: LoopbackHub, model: Path) -> None:
    publish = "-m", "training.publish", str(model), "org/name"
    done = hub.run(*publish)
    assert done.returncode == 1
    assert done.stderr.startswith("Error: org/name could not be published on the Hub")
    assert done.stderr.count("\n") == 1
    (model / "results.json").unlink()
    assert "Run python -m training.score first." in hub.run(*publish, HF_TOKEN="hf_secret").stderr
