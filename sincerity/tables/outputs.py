"""Writers: labelled rows as bytes of CSV, TSV, JSON lines or Parquet."""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

from sincerity.errors import TableError
from sincerity.results import Result, result_cells, result_values
from sincerity.tables.parquet import ParquetWriter
from sincerity.tables.table import Kind, Row, Table, as_text

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""A spreadsheet takes a cell that begins like this for a formula (OWASP, CWE-1236)."""
SURPLUS = "surplus"
"""Where JSON lines and Parquet keep what no column is there for."""

_LONE = re.compile("[\ud800-\udc7f\udd00-\udfff]")
"""Halves of characters that JSON can name and UTF-8 cannot write."""


class Format(StrEnum):
    """What an output can be."""

    CSV = "csv"
    TSV = "tsv"
    JSONL = "jsonl"
    PARQUET = "parquet"


_EXTENSIONS = {
    **{".csv": Format.CSV, ".tsv": Format.TSV, ".tab": Format.TSV, ".jsonl": Format.JSONL, ".ndjson": Format.JSONL},
    ".parquet": Format.PARQUET,
}


@dataclass(frozen=True, slots=True)
class Layout:
    """Which columns an output has: those of the input and of the results, or some of both."""

    header: list[str]
    results: dict[str, type]
    pick: list[int] | None = None
    """Of both together, the ones to write; None for all."""

    @property
    def names(self) -> list[str]:
        """The columns that are written, in order."""
        return self.picked([*self.header, *self.results])

    def picked(self, values: list[Any]) -> list[Any]:
        """Of a row with all values, those to write."""
        return values if self.pick is None else [values[i] for i in self.pick]


class Writer(Protocol):
    """Turns rows into bytes that stand behind each other in a file."""

    def start(self) -> bytes:
        """What stands before all rows."""

    def rows(self, rows: Sequence[Row], results: Sequence[Result]) -> bytes:
        """Rows with the values of their result columns."""


def is_stream(target: str | Path) -> bool:
    """Whether a target is standard output, a pipe or a device: nothing that could be put in its place at the end."""
    path = Path(target)
    return str(target) in ("-", "/dev/stdout") or (path.exists() and not path.is_file() and not path.is_dir())


def output_format(target: str | Path, table: Table, given: str | None) -> Format:
    """The format asked for, that of the target's name, or that of the input; CSV for archives and mail."""
    if is_stream(target) and given == Format.PARQUET:
        raise TableError(
            f"Parquet cannot be written to {target}. Name a file with --output, or another format with --to."
        )
    if given is not None:
        try:
            return Format(given)
        except ValueError as error:
            raise TableError(f"{given!r} is no format of output. Expected one of: {', '.join(Format)}.") from error
    named = _EXTENSIONS.get(Path(target).suffix.lower())
    own = Format(table.kind.value) if table.kind.value in set(Format) else Format.CSV
    return named or (Format.CSV if own is Format.PARQUET and is_stream(target) else own)


def open_writer(target: str | Path, table: Table, layout: Layout, output: Format, *, safe: bool) -> Writer:
    """The writer for an output."""
    if safe and output not in (Format.CSV, Format.TSV):
        raise TableError(f"--safe-csv is for CSV and TSV; the output is {output}. Leave it out: no cell runs there.")
    if output is Format.JSONL:
        return JsonWriter(table, layout)
    if output is Format.PARQUET:
        return ParquetWriter(
            table, _unique([*layout.header, *layout.results, SURPLUS]), list(layout.results.values()), layout.pick
        )
    renamed = table.name.lower().endswith((".tsv", ".tab")) and str(target).lower().endswith(".csv")
    separator = "\t" if output is Format.TSV else "," if renamed else table.separator
    return CsvWriter(table, layout, separator, safe=safe)


class CsvWriter:
    """CSV or TSV: rows end in a line feed; what had no column stands behind all columns."""

    def __init__(self, table: Table, layout: Layout, separator: str, *, safe: bool) -> None:
        self._layout, self._safe, self._strings, self._bom = layout, safe, table.strings, table.bom
        self._lines = _Lines()
        # told to end rows in a line feed alone, a csv.writer would not quote a lone carriage return in a cell
        self._writer = csv.writer(self._lines, delimiter=separator, lineterminator="\r\n")

    def start(self) -> bytes:
        """The header, behind a byte order mark where the input had one."""
        names = self._layout.names
        self._writer.writerow(_safe(names) if self._safe else names)
        return (b"\xef\xbb\xbf" if self._bom else b"") + self._taken()

    def rows(self, rows: Sequence[Row], results: Sequence[Result]) -> bytes:
        """Rows, whose bytes that were no characters are what they were."""
        width, pick = len(self._layout.results), self._layout.pick
        for row, result in zip(rows, results, strict=True):
            cells = row.cells if self._strings else [as_text(cell) for cell in row.cells]
            cells = [*cells, *result_cells(result, width)]
            if pick is not None:
                cells = [cells[i] for i in pick]
            elif row.surplus:
                cells.extend(row.surplus)
            self._writer.writerow(_safe(cells) if self._safe else cells)
        return self._taken()

    def _taken(self) -> bytes:
        self._lines.taken.append("")
        text = "\n".join(self._lines.taken)
        self._lines.taken.clear()
        try:
            return text.encode("utf-8", "surrogateescape")
        except UnicodeEncodeError:
            return _LONE.sub(lambda m: f"\\u{ord(m[0]):04x}", text).encode("utf-8", "surrogateescape")


class JsonWriter:
    """JSON lines: an object of the input is kept to the letter, and our keys are added at its end."""

    def __init__(self, table: Table, layout: Layout) -> None:
        self._raw = table.kind is Kind.JSONL and layout.pick is None
        self._name, self._layout = table.name, layout
        self._names = layout.names if table.kind is Kind.JSONL else _unique(layout.names)

    def start(self) -> bytes:
        """Nothing."""
        return b""

    def rows(self, rows: Sequence[Row], results: Sequence[Result]) -> bytes:
        """A line each."""
        width = len(self._layout.results)
        pairs = zip(rows, results, strict=True)
        return b"".join([self._line(row, result_values(result, width)) for row, result in pairs])

    def _line(self, row: Row, values: list[Any]) -> bytes:
        ours = dict(zip(self._layout.results, values, strict=True))
        if not self._raw:
            every = dict(zip(self._names, self._layout.picked([*row.cells, *values]), strict=True))
            if row.surplus and self._layout.pick is None:
                every[SURPLUS] = list(row.surplus)
            return _dumped(every)
        if row.raw is None:
            return _dumped({**ours, SURPLUS: list(row.surplus)})
        raw, value = row.raw
        if clash := next((name for name in ours if name in value), None):
            raise TableError(
                f"{self._name} has the key {clash!r} already. Expected: none of {', '.join(ours)}. "
                "Set our columns apart with --prefix, for instance --prefix sincerity_."
            )
        added = json.dumps(ours)[1:-1]
        line: str = f"{raw[:-1].rstrip()}{', ' if value else ''}{added}}}\n"
        try:
            return line.encode("utf-8", "surrogateescape")
        except UnicodeEncodeError:
            return _dumped({**value, **ours})


class _Lines:
    """Takes rows from a `csv.writer`, without their ends."""

    def __init__(self) -> None:
        self.taken: list[str] = []

    def write(self, row: str) -> None:
        self.taken.append(row[:-2])


def _dumped(value: dict[str, Any]) -> bytes:
    try:
        return json.dumps(value, ensure_ascii=False, default=str).encode() + b"\n"
    except UnicodeEncodeError:
        return json.dumps(value, default=str).encode() + b"\n"


def _safe(cells: list[str]) -> list[str]:
    """Cells that no spreadsheet takes for a formula: an apostrophe in front, as OWASP advises."""
    return [f"'{cell}" if cell.startswith(FORMULA) else cell for cell in cells]


def _unique(names: list[str]) -> list[str]:
    """Names as keys: what comes again gets a number."""
    seen: Counter[str] = Counter()
    taken, unique = set(names), []
    for name in names:
        seen[name] += 1
        new = name
        while seen[name] > 1 and (new := f"{name}_{seen[name]}") in taken:
            seen[name] += 1
        taken.add(new)
        unique.append(new)
    return unique
