"""The texts of our own and the labels of others' texts, as data sets that anybody can load."""

from __future__ import annotations

import csv
import json
import os
import re
from collections import Counter
from pathlib import Path

import pytest
from hub_client import LoopbackHub

from sincerity import Label
from training.corpus import research_rows, text_id
from training.labels import COLUMNS

DATA = Path(__file__).parents[1] / "data"


def labels(name: str) -> list[dict[str, str]]:
    with (DATA / "labels" / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("name", ["train", "dev"])
def test_labels_are_by_id_and_hold_no_text(name: str) -> None:
    rows = labels(name)
    assert tuple(rows[0]) == COLUMNS
    assert len({row["id"] for row in rows}) == len(rows)
    for row in rows:
        assert re.fullmatch(r"[0-9a-f]{12}", row["id"])
        assert row["label"] in set(Label)
        assert row["second"] in {"", *Label}
        assert re.fullmatch(r"\w+", row["source"])


def test_every_source_of_the_labels_is_named_with_its_terms_and_counts() -> None:
    lines = [line for line in (DATA / "SOURCES.md").read_text("utf-8").splitlines() if line.startswith("| ")]
    table = {cells[0]: cells for cells in ([cell.strip() for cell in line.strip("|").split("|")] for line in lines[1:])}
    counts = [Counter(row["source"] for row in labels(name)) for name in ("train", "dev")]
    assert set(table) - {"all"} == {*counts[0], *counts[1]}
    for source, (_, what, origin, terms, *numbers) in table.items():
        of = [sum(count.values()) if source == "all" else count[source] for count in counts]
        assert [int(number) for number in numbers] == of, source
        assert source == "all" or (what and origin and terms)
        assert "not trained on" not in terms or of[0] == 0


@pytest.mark.skipif("SINCERITY_DATA" not in os.environ, reason="SINCERITY_DATA is not set")
def test_who_has_the_texts_can_put_the_labels_to_them() -> None:
    by_id = {row["id"]: row["label"] for row in labels("dev")}
    rows = research_rows("dev")
    assert [by_id[text_id(row.source, row.text)] for row in rows] == [row.label for row in rows]


def test_the_data_loads_by_folder_and_by_hub_id(hub: LoopbackHub) -> None:
    pytest.importorskip("datasets", reason="needs the train extra: make test-all")
    hub.serve("org/data", DATA, kind="datasets")
    code = """
import json, sys
from datasets import load_dataset
for name in sys.argv[1:]:
    print(json.dumps({split: [len(rows), *rows.column_names] for split, rows in load_dataset(name).items()}))
"""
    folder, by_id = map(json.loads, hub.python(code, str(DATA), "org/data").splitlines())
    assert folder == by_id
    counts = {split: (DATA / "messages" / f"{split}.jsonl").read_text("utf-8").count("\n") for split in folder}
    assert folder == {split: [count, "text", "label", "family"] for split, count in counts.items()}
