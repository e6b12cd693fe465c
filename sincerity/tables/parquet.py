"""Parquet, by way of pyarrow (the `tables` extra)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import IO, TYPE_CHECKING, Any

from sincerity.errors import TableError
from sincerity.tables.table import Kind, Meter, Row, Table

if TYPE_CHECKING:
    import pyarrow

_BATCH = 1024


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
    except (pa.ArrowException, OSError) as error:
        raise TableError(f"{name} is no Parquet file that can be read ({_line(error)}).") from error
    header = list(parquet.schema_arrow.names)
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
    )


def _rows(name: str, parquet: Any, meter: Meter) -> Iterator[Row]:
    pa = require_pyarrow()
    try:
        for batch in parquet.iter_batches(_BATCH):
            columns = [_values(pa, column) for column in batch.columns]
            for i, cells in enumerate(zip(*columns, strict=True)):
                meter.read += 1
                yield Row(list(cells), raw=(batch, i))
    except (pa.ArrowException, OSError) as error:
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


def _line(error: BaseException) -> str:
    return str(error).partition("\n")[0].rstrip(".")
