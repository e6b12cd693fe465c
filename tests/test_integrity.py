"""No damaged file is read: one flipped bit anywhere is refused, by every way that leads to a model."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import tiny_model

from sincerity import Classifier, ModelError, folders
from sincerity.folders import DEFAULT_MODEL, model_folder, shipped_models
from sincerity.integrity import GRAPHS, MANIFEST, READ, hub_hash, manifest, verify

FLIPS = 200


@contextmanager
def one_flipped_bit(path: Path, rng: random.Random) -> Iterator[None]:
    """The file with one bit the other way round, and as it was afterwards."""
    at, bit = rng.randrange(path.stat().st_size), 1 << rng.randrange(8)
    with path.open("r+b") as file:
        for _ in range(2):
            file.seek(at)
            byte = file.read(1)[0]
            file.seek(at)
            file.write(bytes([byte ^ bit]))
            file.flush()
            if _ == 0:
                yield


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """A folder with a manifest."""
    folder = tiny_model.write(tmp_path / "tiny", rows=100)
    (folder / MANIFEST).write_text(manifest(folder), "utf-8")
    return folder


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the shipped models that the package takes for its own."""
    copies = Path(shutil.copytree(model_folder(DEFAULT_MODEL).parent, tmp_path / "models"))
    monkeypatch.setattr(folders, "_SHIPPED", copies)
    return copies


def test_every_flipped_bit_of_a_known_model_is_refused(shipped: Path) -> None:
    rng = random.Random(0)
    read = [shipped / name / file for name in shipped_models() for file in (*READ, GRAPHS[0], MANIFEST)]
    paths = [shipped / MANIFEST, *(path for path in read if path.is_file())]

    def check() -> None:
        for name in shipped_models():
            verify(model_folder(name))

    for _ in range(FLIPS):
        with one_flipped_bit(rng.choice(paths), rng), pytest.raises(ModelError):
            check()
    check()
    for path in paths:
        with one_flipped_bit(path, rng), pytest.raises(ModelError):
            for name in shipped_models():
                Classifier.from_pretrained(name)
    Classifier.from_pretrained()


def test_a_shipped_model_is_not_loaded_without_its_tiers(shipped: Path) -> None:
    pins = (shipped / MANIFEST).read_text("utf-8").splitlines(keepends=True)
    (shipped / MANIFEST).write_text("".join(line for line in pins if "-l3/" not in line), "utf-8")
    with pytest.raises(ModelError, match="asks sincerity-minilm-l3, which is missing here"):
        Classifier.from_pretrained()


def test_every_flipped_bit_of_a_folder_with_a_manifest_is_refused(tiny: Path) -> None:
    rng = random.Random(1)
    paths = [tiny / name for name in (*READ, GRAPHS[0], MANIFEST) if (tiny / name).is_file()]
    for _ in range(FLIPS):
        with one_flipped_bit(rng.choice(paths), rng), pytest.raises(ModelError):
            Classifier(tiny)
    Classifier(tiny)


def test_a_file_that_the_manifest_does_not_know_or_that_is_gone_is_refused(tiny: Path) -> None:
    text = (tiny / MANIFEST).read_text("utf-8")
    (tiny / MANIFEST).write_text("".join(line for line in text.splitlines(True) if "onnx" not in line), "utf-8")
    with pytest.raises(
        ModelError, match=r"model_quantized\.onnx is damaged .* says nothing of it.*Get the model again"
    ):
        verify(tiny)
    (tiny / MANIFEST).write_text(text, "utf-8")
    (tiny / "tokenizer_config.json").unlink()
    with pytest.raises(ModelError, match=r"tokenizer_config\.json is damaged .*its SHA-256 is missing"):
        verify(tiny)


def test_a_graph_that_is_listed_but_not_there_is_no_damage(tiny: Path) -> None:
    shutil.copy(tiny / GRAPHS[0], tiny / GRAPHS[1])
    (tiny / MANIFEST).write_text(manifest(tiny), "utf-8")
    (tiny / GRAPHS[1]).unlink()
    verify(tiny)


def test_a_known_model_without_its_manifest_or_with_another_is_refused(shipped: Path) -> None:
    path = shipped / DEFAULT_MODEL / MANIFEST
    path.write_text(path.read_text("utf-8").replace("config.json", "other.json"), "utf-8")
    with pytest.raises(ModelError, match=r"not the one this package was made with.*Install sincerity again"):
        model_folder(DEFAULT_MODEL)
    path.unlink()
    with pytest.raises(ModelError, match="its SHA-256 is missing"):
        model_folder(DEFAULT_MODEL)


def test_every_model_in_the_repository_is_pinned_as_it_is() -> None:
    from training.manifest import MODELS, pins

    assert (MODELS / MANIFEST).read_text("utf-8") == pins(MODELS), "python -m training.manifest"
    for folder in shipped_models().values():
        verify(folder)
        assert (folder / MANIFEST).is_file()


def test_hashes_are_those_of_git_and_of_lfs(tmp_path: Path) -> None:
    path = tmp_path / "hello"
    path.write_bytes(b"hello\n")
    assert hub_hash(path, "0" * 40) == "ce013625030ba8dba906f756967f9e9ca394464a"
    assert hub_hash(path, "0" * 64) == "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"
