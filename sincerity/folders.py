"""From a model's name to its folder: shipped models, paths, and the Hugging Face Hub."""

from __future__ import annotations

from pathlib import Path

from sincerity.errors import ModelError
from sincerity.integrity import GRAPHS, MANIFEST, READ, WEIGHTS, manifest, read_manifest, sha256, verify

DEFAULT_MODEL = "sincerity-minilm-l6"

_PACKAGE = Path(__file__).parent
_SHIPPED = _PACKAGE / "models" if (_PACKAGE / "models").is_dir() else _PACKAGE.parent / "models"
"""In an installed package beside its modules, in a checkout beside the package."""


def shipped_models() -> dict[str, Path]:
    """The models that came with the package, by name: those that the pins name, not what else lies beside them."""
    return {name: _SHIPPED / name for name in _pins()}


def _pins() -> dict[str, str]:
    """SHA-256 of each shipped model's manifest, by the model's name."""
    entries = read_manifest(_SHIPPED / MANIFEST)
    for name in entries:
        if name.count("/") != 1 or not name.endswith(f"/{MANIFEST}"):
            raise ModelError(
                f"{_SHIPPED / MANIFEST} names {name!r}. Expected: each model's {MANIFEST}. Install sincerity again."
            )
    return {name.removesuffix(f"/{MANIFEST}"): digest for name, digest in entries.items()}


def model_folder(
    name_or_path: str | Path,
    *,
    revision: str | None = None,
    cache_dir: str | Path | None = None,
    local_files_only: bool = False,
    token: str | None = None,
) -> Path:
    """The folder of a shipped model, of a path, or of a Hub repository `org/name`, which is downloaded when needed.

    Raises `ModelError` where there is none.
    """
    name = str(name_or_path)
    shipped = shipped_models()
    if name in shipped:
        return _pinned(shipped[name])
    if name and (path := Path(name)).is_dir():
        return path
    if isinstance(name_or_path, Path) or name.count("/") != 1 or name.startswith((".", "/", "~")):
        raise ModelError(
            f"{name!r} is no model. Expected: a folder, one of {', '.join(shipped) or 'no shipped models'}, "
            "or a Hugging Face Hub name of the form org/name."
        )
    from sincerity.hub import download  # the Hub's client takes a quarter of a second to import

    return download(name, revision=revision, cache_dir=cache_dir, local_files_only=local_files_only, token=token)


def copy_model(folder: Path, target: Path) -> None:
    """Copy what belongs to a model, and nothing else that lies beside it; a manifest is added where there is none.

    Raises `ModelError` where a file is damaged, before or on the way.
    """
    import shutil  # not for classifying: it takes a hundredth of a second

    verify(folder)
    patterns = (*READ, *GRAPHS, WEIGHTS, MANIFEST, "README.md", "*.png")
    for path in (path for pattern in patterns for path in folder.glob(pattern)):
        copy = target / path.relative_to(folder)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
    if not (target / MANIFEST).is_file():
        (target / MANIFEST).write_text(manifest(target), "utf-8")
    verify(target)


def _pinned(folder: Path) -> Path:
    """A shipped model's folder, whose manifest must be the one that the package was made with."""
    path = folder / MANIFEST
    found = sha256(path) if path.is_file() else "missing"
    if found != (pin := _pins()[folder.name]):
        raise ModelError(
            f"{path} is not the one this package was made with: its SHA-256 is {found}, expected {pin}. "
            "Install sincerity again; in a checkout, after an export of your own, python -m training.manifest."
        )
    return folder
