"""A text classifier of a few kilobytes in a folder like anybody's on the Hub: it adds up what each word counts for."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit

WORDS = {"[UNK]": (0.0, 0.0), "hello": (2.0, 0.0), "friend": (1.0, 0.0), "buy": (0.0, 2.0), "now": (0.0, 1.0)}
LABELS = ("ham", "spam")


def write(folder: Path, graph: str = "onnx/model_quantized.onnx", rows: int = 0) -> Path:
    """Write the model; `rows` more rows of its table make it bigger (8 bytes each)."""
    (folder / graph).parent.mkdir(parents=True, exist_ok=True)
    config = {"model_type": "bert", "id2label": dict(enumerate(LABELS)), "max_position_embeddings": 512}
    (folder / "config.json").write_text(json.dumps(config, indent=1), "utf-8")
    (folder / "tokenizer_config.json").write_text(json.dumps({"model_max_length": 64}), "utf-8")
    tokenizer = Tokenizer(WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = WhitespaceSplit()  # type: ignore[assignment]
    tokenizer.save(str(folder / "tokenizer.json"))
    noise = np.random.default_rng(0).standard_normal((rows, len(LABELS)))
    (folder / graph).write_bytes(onnx_bytes(np.concatenate([np.array([*WORDS.values()]), noise])))
    return folder


def onnx_bytes(table: np.ndarray) -> bytes:
    """ONNX of `logits = sum over tokens of table[input_ids]`; protobuf by hand, the onnx package being no test need."""
    free, labels = [_field(1, _field(2, name)) for name in ("batch", "tokens")], _field(1, _field(1, table.shape[1]))
    nodes = (
        _node("Gather", ["table", "input_ids"], "counts"),
        _node("ReduceSum", ["counts", "axes"], "logits") + _field(5, _attribute("keepdims", 0)),
    )
    graph = b"".join([
        *(_field(1, node) for node in nodes), _field(2, "tiny"),
        _field(5, _tensor("table", table.astype(np.float32), 1)), _field(5, _tensor("axes", np.array([1]), 7)),
        _field(11, _value("input_ids", 7, b"".join(free))), _field(12, _value("logits", 1, free[0] + labels)),
    ])  # fmt: skip
    return _field(1, 8) + _field(8, _field(2, 17)) + _field(7, graph)


def _node(operator: str, inputs: list[str], output: str) -> bytes:
    return b"".join(_field(1, name) for name in inputs) + _field(2, output) + _field(4, operator)


def _attribute(name: str, value: int) -> bytes:
    return _field(1, name) + _field(3, value) + _field(20, 2)


def _tensor(name: str, array: np.ndarray, kind: int) -> bytes:
    return (
        b"".join(_field(1, size) for size in array.shape)
        + _field(2, kind)
        + _field(8, name)
        + _field(9, array.tobytes())
    )


def _value(name: str, kind: int, shape: bytes) -> bytes:
    return _field(1, name) + _field(2, _field(1, _field(1, kind) + _field(2, shape)))


def _field(number: int, value: int | str | bytes) -> bytes:
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    value = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | 2) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    parts = []
    while value > 127:
        parts.append(value & 127 | 128)
        value >>= 7
    return bytes([*parts, value])
