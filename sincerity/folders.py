"""From a model's name to its folder: shipped models, paths, and the Hugging Face Hub."""

from __future__ import annotations

from pathlib import Path

from sincerity.errors import ModelError

DEFAULT_MODEL = "sincerity-minilm-l6"

_PACKAGE = Path(__file__).parent
_SHIPPED = _PACKAGE / "models" if (_PACKAGE / "models").is_dir() else _PACKAGE.parent / "models"
"""In an installed package beside its modules, in a checkout beside the package."""

GRAPHS = ("onnx/model_quantized.onnx", "onnx/model.onnx", "model_quantized.onnx", "model.onnx")
"""Where a model folder may keep its graph, best first."""
_CONTRACT = ["config.json", "tokenizer.json", "tokenizer_config.json", "README.md", *GRAPHS]


def shipped_models() -> dict[str, Path]:
    """The models that came with the package, by name."""
    return {path.parent.name: path.parent for path in sorted(_SHIPPED.glob("*/config.json"))}


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
        return shipped[name]
    if name and (path := Path(name)).is_dir():
        return path
    if isinstance(name_or_path, Path) or name.count("/") != 1 or name.startswith((".", "/", "~")):
        raise ModelError(
            f"{name!r} is no model. Expected: a folder, one of {', '.join(shipped) or 'no shipped models'}, "
            "or a Hugging Face Hub name of the form org/name."
        )
    return _from_hub(name, revision, cache_dir, local_files_only, token)


def _from_hub(
    name: str, revision: str | None, cache_dir: str | Path | None, local_files_only: bool, token: str | None
) -> Path:
    from huggingface_hub import snapshot_download

    try:
        return Path(
            snapshot_download(
                name,
                revision=revision,
                cache_dir=cache_dir,
                local_files_only=local_files_only,
                token=token,
                allow_patterns=_CONTRACT,
            )
        )
    except Exception as error:  # network, authentication and validation errors have no common base
        first_line = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ModelError(
            f"{name} could not be had from the Hub ({first_line}). Check the name and the network, or give a folder."
        ) from error
