"""Labelled texts as rows: the research data behind `SINCERITY_DATA`, the texts of our own, anybody's CSV."""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sincerity.errors import SincerityError

OWN_TEXTS = Path(__file__).parents[1] / "data" / "messages"
OWN_SOURCE = "sincerity_own"


class CorpusError(SincerityError):
    """The texts to train or measure on are missing or not as expected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One labelled text. `group` keeps what belongs together (an account, a template family) on one side of a split."""

    id: str
    text: str
    label: str
    second: str | None = None
    sure: bool = True
    source: str = ""
    group: str
    terms: str = "open"
    drawn: str = ""
    """How the row was chosen for labelling: at random within its source, or because a first model was uncertain."""
    created_at: str = ""
    guideline: str = ""
    """The version of the guidelines that the label was made under."""


def text_id(source: str, text: str) -> str:
    """First 12 hex digits of sha1(source, newline, text): how a text is named without being shown."""
    return hashlib.sha1(f"{source}\n{text}".encode("utf-8", "surrogatepass")).hexdigest()[:12]


def data_folder() -> Path:
    """The folder that the setting SINCERITY_DATA names."""
    setting = os.environ.get("SINCERITY_DATA")
    if not setting:
        raise CorpusError(
            "SINCERITY_DATA is not set. Expected: the folder that holds messages/train.jsonl.gz. "
            "Set it (export SINCERITY_DATA=/path/to/data), or train on your own file with --train."
        )
    if not (folder := Path(setting)).is_dir():
        raise CorpusError(f"SINCERITY_DATA={setting} is not a folder. Expected: the folder of messages/train.jsonl.gz.")
    return folder


def read_jsonl(path: Path) -> Iterator[dict[str, Any]]:
    if not path.is_file():
        raise CorpusError(f"{path} does not exist. Expected: a file of JSON lines, plain or .gz.")
    with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            try:
                yield json.loads(line)
            except ValueError as error:
                raise CorpusError(f"{path}, line {number} is not JSON ({error}). Get the file again.") from error


def research_rows(name: str) -> list[Row]:
    """The labelled file `messages/<name>.jsonl.gz`."""
    return [
        Row(
            id=row["id"],
            text=row["text"],
            label=row["label"],
            second=row.get("second"),
            sure=row.get("conf") != "low",
            source=row["source"],
            group=row.get("group") or row["id"],
            terms=row["terms"],
            drawn=row.get("drawn") or "",
            created_at=row.get("created_at") or "",
            guideline=row.get("guideline") or "",
        )
        for row in read_jsonl(data_folder() / "messages" / f"{name}.jsonl.gz")
    ]


def public_rows(task: str) -> list[Row]:
    """A published task with its own labels, `public/<task>.jsonl.gz`; never trained on for a released model."""
    return [
        Row(
            id=text_id(task, row["text"]),
            text=row["text"],
            label=row["orig_label"],
            sure=row["confidence"] in (None, 1),
            source=task,
            group=row["group"] or "",
        )
        for row in read_jsonl(data_folder() / "public" / f"{task}.jsonl.gz")
    ]


FITTING, CHOOSING, MEASURING, VALIDATION = "fitting", "choosing", "measuring", "validation"


def part(id_: str) -> str:
    """What a text of the pool is for, by its id: to fit to, a tenth to choose margins on, a tenth to measure on."""
    place = int(hashlib.sha1(f"cascade\n{id_}".encode()).hexdigest()[:8], 16) / 2**32
    return CHOOSING if place < 0.1 else MEASURING if place < 0.2 else FITTING


def pool_rows() -> list[Row]:
    """The unlabelled pool, `messages/unlabelled.jsonl.gz`; no row has a label."""
    return [
        Row(
            id=row["id"], text=row["text"], label="", source=row["source"], group=row["group"] or "", terms=row["terms"]
        )
        for row in read_jsonl(data_folder() / "messages" / "unlabelled.jsonl.gz")
    ]


def pool_texts(most: int) -> list[str]:
    """Every n-th text of the unlabelled pool, `most` of them."""
    texts = [row["text"] for row in read_jsonl(data_folder() / "messages" / "unlabelled.jsonl.gz")]
    return texts[:: max(1, len(texts) // most)][:most]


def training_rows() -> list[Row]:
    """What the released model is trained on: no row whose terms forbid commercial use."""
    return [row for row in research_rows("train") + own_rows("train") if row.terms != "noncommercial"]


def own_rows(split: str) -> list[Row]:
    """Our own texts, `data/messages/<split>.jsonl`; a template family is a group."""
    return [
        Row(
            id=text_id(OWN_SOURCE, row["text"]),
            text=row["text"],
            label=row["label"],
            source=OWN_SOURCE,
            group=row["family"],
        )
        for row in read_jsonl(OWN_TEXTS / f"{split}.jsonl")
    ]


def file_rows(
    path: Path, text_column: str, label_column: str | None = None, group_column: str | None = None
) -> list[Row]:
    """Rows of anybody's file, CSV or JSON lines: those with a text and, where a label column is named, a label.

    Without `group_column` equal texts are a group. Columns `second`, `source`, `terms` and `drawn` are kept.
    """
    records = list(read_jsonl(path)) if {".jsonl", ".json"} & set(path.suffixes) else _csv_records(path)
    columns = list(records[0]) if records else []
    for column in filter(None, (text_column, label_column, group_column)):
        if column not in columns:
            raise CorpusError(
                f"{path} has no column {column!r}. Columns: {', '.join(columns) or 'none'}. "
                "Choose with --text-column, --label-column and --group-column."
            )
    rows = []
    for record in records:
        text, label = record[text_column] or "", str(record[label_column] or "").strip() if label_column else ""
        if text.strip() and (label or not label_column):
            id_ = text_id(path.name, text)
            rows.append(
                Row(
                    id=id_,
                    text=text,
                    label=label,
                    second=record.get("second") or None,
                    source=record.get("source") or path.name,
                    group=str(record[group_column] or id_) if group_column else id_,
                    terms=record.get("terms") or "",
                    drawn=record.get("drawn") or "",
                )
            )
    if label_column and len({row.label for row in rows}) < 2:
        raise CorpusError(f"{path}: column {label_column!r} holds fewer than two labels. Expected: two or more.")
    return rows


def _csv_records(path: Path) -> list[dict[str, str]]:
    csv.field_size_limit(2**31 - 1)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return list(csv.DictReader(file))
    except (UnicodeDecodeError, csv.Error) as error:
        raise CorpusError(f"{path} cannot be read ({error}). Expected: comma-separated values in UTF-8.") from error


def in_validation(group: str, share: float = 0.1) -> bool:
    """Whether a group belongs to the fixed tenth that selects, stops and calibrates."""
    return int(hashlib.sha1(f"validation\n{group}".encode()).hexdigest()[:8], 16) < share * 2**32
