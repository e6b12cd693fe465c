"""The wheel: built from the sdist, it holds the model and works on its own."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from sincerity.folders import DEFAULT_MODEL

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return next(out.glob("*.whl"))


def test_the_wheel_holds_what_inference_reads_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    model = f"sincerity/models/{DEFAULT_MODEL}"
    for name in (
        "config.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "onnx/model_quantized.onnx",
        "README.md",
        "SHA256SUMS",
    ):
        assert f"{model}/{name}" in names
    assert {
        "sincerity/py.typed",
        "sincerity/lookalikes.txt",
        "sincerity/frequent.txt",
        "sincerity/known.txt",
        "sincerity/pairs.npy",
    } <= set(names)
    tops = {name.partition("/")[0] for name in names}
    assert tops == {"sincerity", next(top for top in tops if top.endswith(".dist-info"))}
    assert not [
        name for name in names if name.endswith((".safetensors", "/model.onnx", "reference.json", "results.json"))
    ]
    assert wheel.stat().st_size < 45e6


def test_an_index_would_take_both_archives(wheel: Path) -> None:
    pytest.importorskip("twine", reason="needs the dev extra: make test")
    archives = [str(wheel), *map(str, wheel.parent.glob("*.tar.gz"))]
    done = subprocess.run(
        [sys.executable, "-m", "twine", "check", "--strict", *archives], capture_output=True, text=True
    )
    assert (done.returncode, done.stdout.count("PASSED")) == (0, 2), done.stdout + done.stderr


def test_the_installed_wheel_classifies(wheel: Path, tmp_path: Path) -> None:
    zipfile.ZipFile(wheel).extractall(tmp_path)
    code = f"""
import sys
sys.path.insert(0, {str(tmp_path)!r})
import sincerity
assert sincerity.__file__.startswith({str(tmp_path)!r}), sincerity.__file__
print(sincerity.classify("See you at eight, bring the cake!").label)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert done.stdout == "conversational\n", done.stderr
