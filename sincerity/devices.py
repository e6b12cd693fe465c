"""What computes graphs, the processor or an NVIDIA GPU, and the onnxruntime session that does it there."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import redirect_stdout
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from sincerity.errors import ModelError
from sincerity.integrity import GRAPHS, graph_name

if TYPE_CHECKING:  # it takes a tenth of a second to import, and a cascade's first tier does without it
    import onnxruntime as ort


class Device(NamedTuple):
    """What computes graphs, and how much of one at a time."""

    provider: str
    """onnxruntime's name for it."""
    options: dict[str, str]
    batch_size: int
    """Most texts of a batch, where nobody says."""
    most_numbers: int
    """Most numbers of a batch's states, tokens (padding counted) times the model's width; what one text has more is
    computed all the same."""
    windows: int
    """How many times as large windows of texts are as on the CPU (`sincerity.classifier.WINDOW`)."""


DEVICES = {
    # more falls out of the processor's cache
    "cpu": Device("CPUExecutionProvider", {}, batch_size=64, most_numbers=512 * 384, windows=1),
    # TensorFloat-32 keeps 10 bits of each factor, and what a text is told would depend on its batch
    # it computes hundreds of texts at a time as fast as one
    "cuda": Device(
        "CUDAExecutionProvider", {"use_tf32": "0"}, batch_size=1 << 15, most_numbers=(1 << 15) * 384, windows=4
    ),
}


def require_device(device: str) -> None:
    """Raise `ModelError` where onnxruntime cannot compute on a device, `ValueError` where nobody knows it."""
    import onnxruntime as ort

    if device not in DEVICES:
        raise ValueError(f"device is {device!r}. Expected: {' or '.join(DEVICES)}.")
    if (provider := DEVICES[device].provider) not in (there := ort.get_available_providers()):
        raise ModelError(
            f"device is {device!r}, but the onnxruntime that is installed has {', '.join(there)} only. Expected: "
            f"{provider}. Install onnxruntime-gpu in place of onnxruntime, or leave the device out."
        )
    if device == "cuda":
        if find_spec("onnx") is None:
            raise ModelError(
                f"device is {device!r}, but onnx is not installed, which makes an 8-bit graph a float one. Expected: "
                "the gpu extra. Install onnx, or leave the device out."
            )
        with redirect_stdout(sys.stderr):  # it prints what it does not find
            ort.preload_dlls()  # the CUDA that pip installed


def new_session(graph: str | bytes, device: str, entries: Mapping[str, str] | None = None) -> ort.InferenceSession:
    """A session on a device for a graph as it is given, with entries of onnxruntime's configuration."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1  # whole batches run side by side instead
    options.enable_mem_pattern = False  # batches have all shapes: a plan for each holds memory and saves no time
    options.log_severity_level = 3
    for key, value in (entries or {}).items():
        options.add_session_config_entry(key, value)
    used = dict.fromkeys((device, "cpu"))  # beside a GPU, the processor sees to the shapes
    return ort.InferenceSession(
        graph, options, providers=[(DEVICES[name].provider, DEVICES[name].options) for name in used]
    )


def load_session(folder: Path, device: str) -> ort.InferenceSession:
    """The graph of a model folder, ready to run on a device; raises `ModelError`."""
    path = folder / (graph_name(folder) or GRAPHS[0])
    try:
        graph: bytes | str = str(path)
        if device == "cuda":
            from sincerity.dequantise import dequantised  # needs the gpu extra

            graph = dequantised(path)
        session = new_session(graph, device)
    except Exception as error:  # the library raises many kinds
        raise ModelError(f"{path} cannot be loaded as ONNX ({error}). Get the model again.") from error
    if (used := session.get_providers()[0]) != DEVICES[device].provider:
        raise ModelError(f"device is {device!r}, but onnxruntime found none and took {used}. Check driver and CUDA.")
    if "input_ids" not in (names := {node.name for node in session.get_inputs()}):
        raise ModelError(f"{path} has the inputs {sorted(names)}. Expected: input_ids, as text classifiers have.")
    return session
