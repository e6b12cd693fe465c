"""The labels of the research data by the ids of their texts, without the texts.

    python -m training.labels     reads SINCERITY_DATA, writes data/labels/

The texts are other people's words and stay where they were published. Who has a source can compute the ids, the first
12 hex digits of sha1(source, newline, text), and put the labels to the texts again.
"""

from __future__ import annotations

import csv
from pathlib import Path

from training.command import run
from training.corpus import data_folder, read_jsonl

FOLDER = Path(__file__).parents[1] / "data" / "labels"
COLUMNS = ("id", "source", "label", "second", "conf", "guideline")


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for name in ("train", "dev"):
        with (FOLDER / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS, extrasaction="ignore", lineterminator="\n")
            writer.writeheader()
            writer.writerows(read_jsonl(data_folder() / "messages" / f"{name}.jsonl.gz"))


if __name__ == "__main__":
    run(main)
