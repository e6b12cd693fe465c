"""Pin models: write what their files must hash to.

    python -m training.manifest                    the shipped models, and the table of them that names resolve by
    python -m training.manifest build/mine/mine    one folder whose files were changed on purpose

`training.export` writes the manifest of the folder it makes. The table, models/SHA256SUMS, is part of a release: a
model in it is shipped, and loads by its name only as it was when this ran. `sha256sum --check` reads both.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sincerity.integrity import MANIFEST, manifest, sha256
from training.command import run

MODELS = Path(__file__).parents[1] / "models"


def write_manifest(folder: Path) -> Path:
    """Write the manifest of one model folder; returns its path."""
    (folder / MANIFEST).write_text(manifest(folder), "utf-8")
    return folder / MANIFEST


def pins(models: Path) -> str:
    """The table of the models under a folder, by the hashes of their manifests."""
    paths = sorted(models.glob(f"*/{MANIFEST}"))
    return "".join(f"{sha256(path)}  {path.relative_to(models).as_posix()}\n" for path in paths)


def main(
    folder: Annotated[Path | None, typer.Argument(help="A model folder; without it, all that are shipped.")] = None,
) -> None:
    if folder:
        write_manifest(folder)
        return
    for config in MODELS.glob("*/config.json"):
        write_manifest(config.parent)
    (MODELS / MANIFEST).write_text(pins(MODELS), "utf-8")


if __name__ == "__main__":
    run(main)
