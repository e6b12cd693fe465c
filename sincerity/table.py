"""A CSV in, the same CSV with labels out."""

from __future__ import annotations

import csv
import difflib
import os
import re
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import IO, Any

from sincerity.classifier import Classifier
from sincerity.errors import TableError
from sincerity.prediction import Prediction, Status

CHUNK = 1024
"""Rows in memory at a time."""

RAGGED = "ragged"
"""Status of a row with more cells than the header: not judged; its surplus cells are kept behind all columns."""

_TEXT_NAMES = ("text", "full_text", "tweet", "post", "message", "body", "content", "comment")
_UTF16_MARKS = ("\udcff\udcfe", "\udcfe\udcff")
"""As bytes that UTF-8 does not have come in."""
_LONGEST_CELL = 2**31 - 1


@dataclass(slots=True)
class Summary:
    """What a batch run did."""

    rows: int = 0
    labels: dict[str, int] = field(default_factory=dict)
    """Rows of each label, without blank ones."""
    uncertain: int = 0
    """Labelled rows under the model's threshold."""
    blank: int = 0
    undecoded: int = 0
    """Rows whose text holds bytes that are not UTF-8."""
    ragged: list[int] = field(default_factory=list)
    """Row numbers, the first row after the header being 1."""

    def count(self, text: str, prediction: Prediction) -> None:
        """Take in one judged row."""
        self.undecoded += _undecoded(text)
        if prediction.status is Status.BLANK:
            self.blank += 1
        else:
            self.labels[prediction.label] = self.labels.get(prediction.label, 0) + 1
            self.uncertain += not prediction.certain


def label_csv(
    source: str | Path,
    target: str | Path,
    classifier: Classifier,
    *,
    text_column: str | None = None,
) -> Iterator[Summary]:
    """Copy a CSV file with the classifier's columns appended; yields a running summary after every chunk of rows.

    The columns are `label, score`, the probability of each label, `certain` and `status`. Every input cell is kept.
    The target appears when it is complete and not before; `-` stands for standard input and output. The separator is
    taken from the header and kept, as is a byte order mark; rows end in a line feed. Bytes that are no UTF-8 pass
    through unchanged and are not judged.

    Raises:
        TableError: No header, no such column, or one of the new columns is there already.
    """
    with _reading(source) as lines, _writing(target) as out:
        first = lines.readline()
        if first.startswith(_UTF16_MARKS):
            raise TableError(
                f"{source} is UTF-16. Expected: UTF-8. Save it as UTF-8, or convert it: iconv -f UTF-16 -t UTF-8."
            )
        bom, first = first.startswith("\ufeff"), first.removeprefix("\ufeff")
        separator = _separator(first)
        reader = csv.reader(chain([first], lines), delimiter=separator, strict=True)
        header = _header(reader, source)
        index = _text_index(header, text_column, source)
        columns = result_columns(classifier)
        if clash := [column for column in columns if column in header]:
            raise TableError(
                f"{source} has the column {clash[0]!r} already. Expected: none of {', '.join(columns)}. "
                "Rename or drop it first."
            )
        if bom:
            out.write("\ufeff")
        writer = csv.writer(_LineFeeds(out), delimiter=separator, lineterminator="\r\n")
        writer.writerow(header + columns)
        yield from _label_rows(reader, writer, classifier, len(header), index, source)


def result_columns(classifier: Classifier) -> list[str]:
    """Names of the columns that labelling appends, in order."""
    return ["label", "score", *map(str, classifier.labels), "certain", "status"]


def result_cells(prediction: Prediction) -> list[str]:
    """A prediction as the cells of `result_columns`; probabilities have four digits."""
    scores = (f"{score:.4f}" for score in (prediction.score, *prediction.scores.values()))
    return [str(prediction.label), *scores, str(prediction.certain).lower(), str(prediction.status)]


def _label_rows(
    reader: Iterator[list[str]], writer: Any, classifier: Classifier, width: int, index: int, source: str | Path
) -> Iterator[Summary]:
    summary = Summary()
    nothing = [""] * (len(result_columns(classifier)) - 1)
    while rows := _next_rows(reader, width, source):
        rows = [row + [""] * (width - len(row)) for row in rows]
        predictions = iter(classifier.classify(row[index] for row in rows if len(row) == width))
        for row in rows:
            summary.rows += 1
            if len(row) > width:
                summary.ragged.append(summary.rows)
                writer.writerow([*row[:width], *nothing, RAGGED, *row[width:]])
            else:
                prediction = next(predictions)
                summary.count(row[index], prediction)
                writer.writerow(row + result_cells(prediction))
        yield summary
    if not summary.rows:
        yield summary


def _next_rows(reader: Iterator[list[str]], width: int, source: str | Path) -> list[list[str]]:
    """Up to a chunk of rows; an empty line is no row, unless it is the empty cell of a table with one column."""
    rows = (row or [""] for row in reader) if width == 1 else filter(None, reader)
    try:
        return list(islice(rows, CHUNK))
    except csv.Error as error:
        line = getattr(reader, "line_num", "?")
        raise TableError(
            f"{source}, line {line}: {error}. Expected: comma-separated values with cells in double quotes "
            "where they hold commas, quotes or line breaks."
        ) from error


def _header(reader: Iterator[list[str]], source: str | Path) -> list[str]:
    csv.field_size_limit(_LONGEST_CELL)
    try:
        header = next(filter(None, reader), None)
    except csv.Error as error:
        raise TableError(f"{source}, line 1: {error}. Expected: a first row that names the columns.") from error
    if header is None:
        raise TableError(f"{source} is empty. Expected: a first row that names the columns.")
    return header


def _text_index(header: Sequence[str], text_column: str | None, source: str | Path) -> int:
    """Which column holds the text: the named one, or the only one with a usual name."""
    if text_column is not None and text_column in header:
        return header.index(text_column)
    usual = [name for name in header if name.strip().lower() in _TEXT_NAMES]
    if text_column is None and len(usual) == 1:
        return header.index(usual[0])
    likely = difflib.get_close_matches(text_column or "text", header, n=1, cutoff=0.5) or usual or [header[0]]
    problem = f"has no column {text_column!r}" if text_column is not None else "does not tell which column is the text"
    raise TableError(f"{source} {problem}. Columns: {', '.join(header)}. Choose one with --text-column {likely[0]!r}.")


def _separator(header: str) -> str:
    """The separator that the header line has most of, outside quotes; a comma where in doubt."""
    bare = re.sub(r'"[^"]*"', "", header)
    return max(",;\t|", key=bare.count)


def _undecoded(text: str) -> bool:
    return not text.isascii() and any("\udc80" <= char <= "\udcff" for char in text)


class _LineFeeds:
    """Ends rows in a line feed; a `csv.writer` told to do so would not quote a lone carriage return in a cell."""

    def __init__(self, out: IO[str]) -> None:
        self._out = out

    def write(self, row: str) -> None:
        self._out.write(row.removesuffix("\r\n") + "\n")


@contextmanager
def _reading(source: str | Path) -> Iterator[IO[str]]:
    if str(source) == "-":
        sys.stdin.reconfigure(encoding="utf-8", errors="surrogateescape", newline="")  # type: ignore[union-attr]
        yield sys.stdin
        return
    try:
        file = Path(source).open(encoding="utf-8", errors="surrogateescape", newline="")  # noqa: SIM115
    except OSError as error:
        raise TableError(
            f"{source} cannot be read ({error.strerror}). Expected: a CSV file, or - for standard input."
        ) from error
    with file:
        yield file


@contextmanager
def _writing(target: str | Path) -> Iterator[IO[str]]:
    """A file that takes its place when all went well; nothing of it stays when not."""
    if str(target) in ("-", "/dev/stdout"):
        sys.stdout.reconfigure(encoding="utf-8", errors="surrogateescape", newline="")  # type: ignore[union-attr]
        yield sys.stdout
        sys.stdout.flush()
        return
    path = part = Path(target).resolve()
    try:
        if path.is_file() or not path.exists():  # a device or a pipe is written to, not replaced
            part = path.with_name(f"{path.name}.{os.getpid()}.part")
        file = part.open("w", encoding="utf-8", errors="surrogateescape", newline="")
    except OSError as error:
        raise TableError(
            f"{target} cannot be written ({error.strerror}). Choose another place with --output."
        ) from error
    try:
        with file:
            yield file
        if part != path:
            if path.exists():
                shutil.copymode(path, part)
            part.replace(path)
    finally:
        if part != path:
            part.unlink(missing_ok=True)
