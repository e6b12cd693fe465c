"""Groups and near-duplicate texts that two files share: what a model has read says nothing of how it does on the rest.

    python -m training.leakage                            # every split that this project trains or measures on
    python -m training.leakage train.csv test.csv         # files of your own, CSV or JSON lines, every two of them

Prints ids and counts, never texts, and exits 1 where anything is shared.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Annotated

import typer

from training.behaviour import cases
from training.command import run
from training.corpus import CorpusError, Row, file_rows, own_rows, research_rows, text_id, training_rows
from training.duplicates import near_duplicates
from training.prepare import split_rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Leak:
    """What one row of a file shares with one of another."""

    kind: str
    """`group` or `near-duplicate`"""
    one: str
    other: str
    """Ids of the rows."""


def leaks(one: Sequence[Row], other: Sequence[Row]) -> list[Leak]:
    """Groups that stand in both, once each, and pairs of near-duplicates."""
    groups = {row.group: row.id for row in one if row.group}
    shared = {row.group: row.id for row in other if row.group in groups}
    return [Leak(kind="group", one=groups[group], other=id_) for group, id_ in shared.items()] + [
        Leak(kind="near-duplicate", one=one[i].id, other=other[j].id)
        for i, j in near_duplicates([row.text for row in one], [row.text for row in other])
    ]


def splits() -> Iterator[tuple[str, list[Row], list[Row], bool]]:
    """Every two sets of ours of which one is measured on after training on the other; whether groups are apart too."""
    rows, suites = training_rows(), behaviour_rows()
    train, validation = split_rows(rows)
    yield "train, validation", train, validation, True
    yield "train, dev", rows, research_rows("dev"), False
    yield "train, noncommercial", rows, research_rows("noncommercial"), True
    yield "own train, own test", own_rows("train"), own_rows("test"), True
    yield "train, behaviour suites", rows, suites, True


def behaviour_rows() -> list[Row]:
    """The texts of the behaviour suites."""
    texts = [text for case in cases() for text in (case.text, case.variant) if text is not None]
    return [Row(id=text_id("behaviour", text), text=text, label="", group="") for text in texts]


def report(name: str, found: Sequence[Leak], groups_apart: bool) -> bool:
    """Print what two files share; whether they may."""
    kinds = {kind: [leak for leak in found if leak.kind == kind] for kind in ("group", "near-duplicate")}
    bad = [leak for leak in found if groups_apart or leak.kind != "group"]
    allowed = "" if groups_apart else " (known)"
    typer.echo(f"{name}: {len(kinds['group'])} groups{allowed}, {len(kinds['near-duplicate'])} near-duplicates")
    for leak in bad[:10]:
        typer.echo(f"  {leak.kind}: {leak.one} and {leak.other}")
    return not bad


def main(
    files: Annotated[list[Path] | None, typer.Argument(help="Files to compare; by default the project's own.")] = None,
    text_column: str = "text",
    group_column: Annotated[str | None, typer.Option(help="Rows with one value here belong together.")] = None,
) -> None:
    if files and len(files) < 2:
        raise CorpusError(
            f"There is one file, {files[0]}. Expected: two or more to compare, or none for the project's."
        )
    if files:
        rows = {path: file_rows(path, text_column, group_column=group_column) for path in files}
        pairs = [(f"{a}, {b}", rows[a], rows[b], True) for a, b in combinations(files, 2)]
    else:
        pairs = list(splits())
    clean_ones = [report(name, leaks(one, other), apart) for name, one, other, apart in pairs]
    if not all(clean_ones):
        raise CorpusError(
            "Files share what they must not. Expected: no group and no near-duplicate on two sides. "
            "Remove the rows named above from one of them."
        )


if __name__ == "__main__":
    run(main)
