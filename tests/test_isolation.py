"""What inference does without: torch, transformers, the Hub client, the network."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]

NO_NETWORK = """
import socket
def refuse(*args, **kwargs): raise AssertionError("the network was asked for")
socket.socket.connect = socket.getaddrinfo = socket.create_connection = refuse
"""


def python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_classification_imports_nothing_heavy_and_needs_no_network() -> None:
    code = """
import sys
from sincerity import classify
assert classify("See you at eight, bring the cake!").label == "conversational"
heavy = {"torch", "transformers", "huggingface_hub", "datasets", "sklearn", "pandas", "scipy", "onnx", "typer"}
print(sorted(heavy & {name.partition(".")[0] for name in sys.modules}))
"""
    assert python(NO_NETWORK + code) == "[]\n"


def test_importing_the_package_loads_no_runtime() -> None:
    code = "import sys, sincerity; print({'numpy', 'onnxruntime', 'tokenizers'} & set(sys.modules))"
    assert python(code) == "set()\n"


def test_inference_imports_nothing_from_training_or_benchmarks() -> None:
    for path in (ROOT / "sincerity").rglob("*.py"):
        source = path.read_text("utf-8")
        assert "from training" not in source
        assert "import training" not in source
        assert "benchmarks" not in source
        assert "import pickle" not in source


def test_a_lookup_of_hub_models_is_the_only_use_of_the_hub_client() -> None:
    code = """
import sys
from sincerity import Classifier
Classifier.from_pretrained("sincerity-minilm-l6")
print("huggingface_hub" in sys.modules)
"""
    assert python(NO_NETWORK + code) == "False\n"
