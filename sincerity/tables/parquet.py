"""Parquet, by way of pyarrow (the `tables` extra)."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Iterator, Sequence
from itertools import groupby, islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from sincerity.errors import TableError
from sincerity.results import Result, result_values
from sincerity.tables.table import Kind, Meter, Row, Table, as_text

if TYPE_CHECKING:
    import pyarrow

_BATCH = 1024
_GROUP = 16
"""Record batches in a row group."""
_LONE = re.compile("[\ud800-\udc7f\udd00-\udfff]")


def require_pyarrow() -> Any:
    """The pyarrow package; raises `TableError` where it is not installed."""
    try:
        import pyarrow.parquet
    except ImportError as error:
        raise TableError("Parquet needs pyarrow. Install it: pip install 'sincerity[tables]'.") from error
    return pyarrow


def open_parquet(name: str, file: IO[bytes]) -> Table:
    """A Parquet file as a table; what JSON has no word for becomes a string."""
    pa = require_pyarrow()
    try:
        parquet = pa.parquet.ParquetFile(file)
        header = list(parquet.schema_arrow.names)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise TableError(f"{name} is no Parquet file that can be read ({_line(error)}).") from error
    if not header:
        raise TableError(f"{name} has no columns. Expected: a column that holds the text.")
    meter = Meter(parquet.metadata.num_rows)
    return Table(
        name=name,
        kind=Kind.PARQUET,
        header=header,
        rows=_rows(name, parquet, meter),
        found=f"Parquet, {meter.size} rows",
        share_read=meter.share,
        strings=False,
        schema=parquet.schema_arrow,
    )


def _rows(name: str, parquet: Any, meter: Meter) -> Iterator[Row]:
    pa = require_pyarrow()
    try:
        for batch in parquet.iter_batches(_BATCH):
            columns = [_values(pa, column) for column in batch.columns]
            for i, cells in enumerate(zip(*columns, strict=True)):
                meter.read += 1
                yield Row(list(cells), raw=(batch, i))
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise TableError(f"{name} is damaged behind row {meter.read} ({_line(error)}).") from error


def _values(pa: Any, column: pyarrow.Array) -> list[Any]:
    """A column as what JSON can say: strings, numbers, booleans, None, lists and objects."""
    types, kind = pa.types, column.type
    if types.is_dictionary(kind):
        return _values(pa, column.dictionary_decode())
    if types.is_binary(kind) or types.is_large_binary(kind) or types.is_fixed_size_binary(kind):
        return [None if value is None else value.decode("utf-8", "surrogateescape") for value in column.to_pylist()]
    if types.is_floating(kind):
        return [str(value) if value is not None and not math.isfinite(value) else value for value in column.to_pylist()]
    if not (types.is_temporal(kind) or types.is_decimal(kind)):
        return list(column.to_pylist())
    try:
        return list(column.cast(pa.string()).to_pylist())
    except pa.ArrowException:
        return [None if value is None else str(value) for value in column.to_pylist()]


def sync_file(path: Path) -> None:
    """Bring a file to disk."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _line(error: BaseException) -> str:
    return str(error).partition("\n")[0].rstrip(".")


class ParquetWriter:
    """Parquet, whose end says where all its parts are: until it is complete the rows stand in an Arrow stream."""

    def __init__(self, table: Table, names: list[str], results: list[type], pick: list[int] | None) -> None:
        self._pa = pa = require_pyarrow()
        self._own = table.schema is not None
        width = len(names) - len(results) - 1
        before = (
            list(table.schema) if table.schema is not None else [pa.field(name, pa.string()) for name in names[:width]]
        )
        kinds = {str: pa.string(), float: pa.float64(), bool: pa.bool_()}
        after = [pa.field(name, kinds[kind]) for name, kind in zip(names[width:-1], results, strict=True)]
        fields = [_plain(pa, field) for field in before] + after
        self._results = after
        self._pick = pick
        if pick is not None:
            fields = [fields[i] for i in pick]
        elif not self._own:
            fields.append(pa.field(names[-1], pa.string()))
        self._surplus = pick is None and not self._own
        self._schema = pa.schema(fields, metadata=table.schema.metadata if table.schema is not None else None)

    def start(self) -> bytes:
        """The schema."""
        return bytes(self._schema.serialize())

    def rows(self, rows: Sequence[Row], results: Sequence[Result]) -> bytes:
        """One record batch."""
        pa = self._pa
        if not rows:
            return b""
        columns = self._input(rows)
        values = [result_values(result, len(self._results)) for result in results]
        for field, column in zip(self._results, zip(*values, strict=True), strict=True):
            columns.append(pa.array(column, field.type))
        if self._pick is not None:
            columns = [columns[i] for i in self._pick]
        if self._surplus:
            columns.append(self._strings([json.dumps(row.surplus) if row.surplus else None for row in rows]))
        return bytes(pa.RecordBatch.from_arrays(columns, schema=self._schema).serialize())

    def _input(self, rows: Sequence[Row]) -> list[Any]:
        if not self._own:
            cells = zip(*(row.cells for row in rows), strict=True)
            return [self._strings([None if cell is None else as_text(cell) for cell in column]) for column in cells]
        taken = []
        for _, same in groupby(rows, key=lambda row: id(row.raw[0])):
            some = [row.raw for row in same]
            taken.append(some[0][0].take(self._pa.array([i for _, i in some])))
        batch = self._pa.Table.from_batches(taken).combine_chunks()
        return [_decoded(self._pa, column.combine_chunks()) for column in batch.columns]

    def _strings(self, values: list[str | None]) -> Any:
        try:
            return self._pa.array(values, self._pa.string())
        except UnicodeEncodeError:  # Parquet's strings are UTF-8: bytes that are not become \xe9
            return self._pa.array([None if value is None else _spelled(value) for value in values], self._pa.string())


def finish_parquet(part: Path) -> None:
    """Turn the Arrow stream of a `ParquetWriter` into Parquet, in the same place; one that is Parquet already stays."""
    pa = require_pyarrow()
    with part.open("rb") as file:
        if file.read(4) == b"PAR1":
            return
    whole = part.with_name(f"{part.name}.parquet")
    with (
        pa.OSFile(str(part)) as file,
        pa.ipc.open_stream(file) as stream,
        pa.parquet.ParquetWriter(str(whole), stream.schema) as writer,
    ):
        while batches := list(islice(stream, _GROUP)):
            writer.write_table(pa.Table.from_batches(batches, stream.schema))
    sync_file(whole)
    whole.replace(part)


def _spelled(value: str) -> str:
    lone = value.encode("utf-8", "surrogateescape" if not _LONE.search(value) else "backslashreplace")
    return lone.decode("utf-8", "backslashreplace")


def _plain(pa: Any, field: Any) -> Any:
    return field.with_type(field.type.value_type) if pa.types.is_dictionary(field.type) else field


def _decoded(pa: Any, column: Any) -> Any:
    return column.dictionary_decode() if pa.types.is_dictionary(column.type) else column
