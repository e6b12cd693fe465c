"""Which files of a model folder inference reads, and whether they are what they should be.

A graph with a flipped bit may well load, and then answers wrong. So files are hashed before they are read: against the
manifest in the folder, which is what `sha256sum` writes, and on their way from the Hub against its own hashes.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from sincerity.errors import ModelError

REQUIRED = ("config.json", "tokenizer.json")
NGRAMS = "ngrams.npy"
"""Weights of a cascade's first tier."""
READ = (*REQUIRED, "tokenizer_config.json", NGRAMS)
"""Inference reads these, and the first graph of the following that is there."""
GRAPHS = ("onnx/model_quantized.onnx", "onnx/model.onnx", "model_quantized.onnx", "model.onnx")
"""Where a model folder may keep its graph, best first."""
WEIGHTS = "model.safetensors"
"""For transformers; inference does not read it."""
MANIFEST = "SHA256SUMS"

_LINE = re.compile(r"([0-9a-f]{64})  (.+)")
_AGAIN = "Get the model again"


def verify(folder: Path) -> None:
    """Check what inference reads of a model folder against its manifest, if it has one; raises `ModelError`."""
    if not (folder / MANIFEST).is_file():
        return
    expected = read_manifest(folder / MANIFEST)
    there = [name for name in (*READ, graph_name(folder)) if name and ((folder / name).is_file() or name in expected)]
    for name in there:
        found = sha256(folder / name) if (folder / name).is_file() else "missing"
        if found != expected.get(name):
            raise ModelError(
                f"{folder / name} is damaged or not the one that was published: its SHA-256 is {found}, "
                f"{MANIFEST} says {expected.get(name, 'nothing of it')}. {_AGAIN}; "
                f"if it was changed on purpose, delete {MANIFEST}."
            )


def graph_name(folder: Path) -> str | None:
    """The graph of a folder that inference runs."""
    return next((graph for graph in GRAPHS if (folder / graph).is_file()), None)


def manifest(folder: Path) -> str:
    """The text of a model folder's manifest, for `sha256sum --check`."""
    names = [name for name in (*READ, *GRAPHS) if (folder / name).is_file()]
    return "".join(f"{sha256(folder / name)}  {name}\n" for name in names)


def read_manifest(path: Path) -> dict[str, str]:
    """SHA-256 by file name; raises `ModelError` where a line is anything else."""
    try:
        lines = path.read_bytes().decode("ascii").removesuffix("\n").split("\n")
    except OSError as error:
        raise ModelError(f"{path} cannot be read ({error.strerror}). {_AGAIN}.") from error
    except UnicodeDecodeError as error:
        raise ModelError(f"{path} is damaged: it holds more than ASCII. {_AGAIN}.") from error
    entries: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        if (match := _LINE.fullmatch(line)) is None:
            raise ModelError(
                f"{path} is damaged: line {number} is {line!r:.100}. Expected: a SHA-256, two spaces, a name. {_AGAIN}."
            )
        entries[match[2]] = match[1]
    return entries


def sha256(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def hub_hash(path: Path, like: str) -> str:
    """The hash by which the Hub names a file's contents: SHA-256 in LFS, else git's; `like` is one of that kind."""
    if len(like) == 64:
        return sha256(path)
    digest = hashlib.sha1(b"blob %d\0" % path.stat().st_size, usedforsecurity=False)
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()
