"""The language check: posts in other languages that it finds, English ones that it calls foreign, and what it costs.

    python -m benchmarks.language

Writes benchmarks/results/language.json. Foreign posts are those of tests/languages.txt, which were written for it and
helped to make no table. Needs SINCERITY_DATA.
"""

from __future__ import annotations

import json
from pathlib import Path
from time import process_time

import typer

from sincerity.cleaning import clean
from sincerity.language import foreign
from training.command import run
from training.corpus import in_validation, own_rows, pool_texts, research_rows, training_rows

ROOT = Path(__file__).parents[1]
OUT = ROOT / "benchmarks" / "results" / "language.json"


def languages() -> dict[str, list[str]]:
    """Posts by language."""
    groups: dict[str, list[str]] = {}
    for line in (ROOT / "tests" / "languages.txt").read_text("utf-8").splitlines():
        if line.startswith("- "):
            groups[line[2:]] = []
        elif line and not line.startswith("#"):
            groups[next(reversed(groups))].append(line)
    return groups


def english() -> dict[str, list[str]]:
    """Texts that are English; the first three helped to make the tables or set the threshold, the others did not."""
    rows = {
        "train": [row for row in training_rows() if not in_validation(row.group)],
        "own texts": own_rows("train"),
        "validation": [row for row in training_rows() if in_validation(row.group)],
        "own test texts": own_rows("test"),
        "dev": research_rows("dev"),
    }
    return {name: [row.text for row in some] for name, some in rows.items()}


def seconds(texts: list[str], rounds: int = 5) -> dict[str, float]:
    """Least processor time a text, in microseconds, beside that of the clean-up."""

    def check() -> None:
        for start in range(0, len(texts), 1024):
            foreign(texts[start : start + 1024])

    def clean_up() -> None:
        for text in texts:
            clean(text)

    best = {"check": 1e9, "clean-up": 1e9}
    for _ in range(rounds):
        for name, job in (("check", check), ("clean-up", clean_up)):
            start = process_time()
            job()
            best[name] = min(best[name], (process_time() - start) / len(texts) * 1e6)
    return {name: round(value, 1) for name, value in best.items()}


def main() -> None:
    groups = languages()
    result = {
        "found": {name: [sum(foreign(texts)), len(texts)] for name, texts in groups.items()},
        "false_alarms": {name: [sum(foreign(texts)), len(texts)] for name, texts in english().items()},
        "microseconds": seconds(pool_texts(10_000)),
    }
    OUT.write_text(json.dumps(result, indent=1) + "\n", "utf-8")
    typer.echo(f"{OUT}")


if __name__ == "__main__":
    run(main)
