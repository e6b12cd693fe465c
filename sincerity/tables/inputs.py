"""Any input as a `Table`: what it is, and how it is opened."""

from __future__ import annotations

import difflib
import io
import os
import re
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

from sincerity.errors import TableError
from sincerity.tables import archives, delimited, jsonlines, mail, parquet
from sincerity.tables.table import MALFORMED, Kind, Meter, Table, posts_table

SAMPLE = 1 << 18
"""Bytes from the start of an input by which its kind, encoding and dialect are told."""

_TEXT_NAMES = ("text", "full_text", "tweet", "post", "message", "body", "content", "comment")
_TEXT_ENDS = ("text", "message", "body", "content", "caption")
"""Last words of what columns of text are called when they have a longer name: `Tweet Content`."""
_EXTENSIONS = {
    **{".csv": Kind.CSV, ".tsv": Kind.TSV, ".tab": Kind.TSV, ".jsonl": Kind.JSONL, ".ndjson": Kind.JSONL},
    **{".parquet": Kind.PARQUET, ".mbox": Kind.MAIL, ".eml": Kind.MAIL},
}
_FOREIGN = {
    b"\x1f\x8b": "is compressed with gzip. Unpack it: gunzip -c FILE | sincerity batch -",
    b"BZh": "is compressed with bzip2. Unpack it: bunzip2 -c FILE | sincerity batch -",
    b"\xfd7zXZ": "is compressed with xz. Unpack it: xz -dc FILE | sincerity batch -",
    b"\x28\xb5\x2f\xfd": "is compressed with zstd. Unpack it: zstd -dc FILE | sincerity batch -",
    b"\xd0\xcf\x11\xe0": "is a workbook of an old office program. Save the sheet as CSV UTF-8",
    b"SQLite format 3": "is an SQLite database. Export the table: sqlite3 -csv -header FILE 'select * from posts'",
    b"%PDF": "is a PDF. Export the posts as CSV",
}
_MOST_NAMES = 40


@contextmanager
def open_table(
    source: str | Path,
    *,
    kind: str | None = None,
    encoding: str | None = None,
    separator: str | None = None,
    all_keys: bool = False,
) -> Iterator[Table]:
    """Open a table, an archive or mail; `-` is standard input. What is not given is found out.

    `all_keys` reads JSON lines to their end first, for a header that has every key.

    Raises:
        TableError: It cannot be read, is of no known kind, or has no header.
    """
    wanted = _kind_named(kind)
    name = str(source)
    with ExitStack() as stack:
        if name != "-" and Path(source).is_dir():
            yield archives.open_folder(Path(source), wanted)
            return
        replay = Replay(*stack.enter_context(_opened(source)))
        found = wanted or _kind(name, replay.sample)
        if found is None or (replay.sample.startswith(b"PK\x03\x04") and found is not Kind.PARQUET):
            yield archives.open_archive(name, replay.seekable_file(stack), wanted, stack)
        elif found is Kind.PARQUET:
            yield parquet.open_parquet(name, replay.seekable_file(stack))
        elif found is Kind.JSONL:
            again = stack.enter_context(_opened(source))[0] if all_keys and replay.meter.size else None
            yield jsonlines.open_json(name, replay.buffered(), replay.sample, replay.meter, again)
        elif found in (Kind.CSV, Kind.TSV):
            yield _delimited(name, replay, found, encoding, separator)
        elif found is Kind.MAIL:
            yield posts_table(name, found, "mail", mail.read_mail(replay.buffered(), replay.sample), replay.meter)
        else:
            yield archives.open_file(name, found, replay.buffered(), replay.meter)


def _kind_named(kind: str | None) -> Kind | None:
    if kind is None:
        return None
    try:
        return Kind(kind)
    except ValueError as error:
        raise TableError(f"{kind!r} is no kind of input. Expected one of: {', '.join(Kind)}.") from error


def _kind(name: str, sample: bytes) -> Kind | None:
    """What an input is, by its first bytes and its name; None for an archive."""
    extension = _EXTENSIONS.get(Path(name).suffix.lower())
    if sample.startswith(b"PK\x03\x04") or (sample.startswith(b"\x1f\x8b") and name.endswith((".tar.gz", ".tgz"))):
        return None
    if foreign := next((text for magic, text in _FOREIGN.items() if sample.startswith(magic)), None):
        raise TableError(f"{name} {foreign.replace('FILE', name)}.")
    if sample.startswith(b"PAR1"):
        return Kind.PARQUET
    if extension is not None:
        return extension
    start = sample.decode("utf-8-sig", "replace").lstrip()
    if archives.SCRIPT.match(start):
        return Kind.TWITTER
    if start.startswith("{"):
        return Kind.MASTODON if '"orderedItems"' in start else Kind.JSONL
    if re.match(r"\[\s*[{\]]", start):
        return Kind.JSONL
    return Kind.MAIL if mail.is_mail(start) else Kind.CSV


def _delimited(name: str, replay: Replay, kind: Kind, encoding: str | None, separator: str | None) -> Table:
    sample = replay.sample
    spelled = delimited.given_encoding(encoding, sample) if encoding else delimited.detect_encoding(sample)
    first = list(delimited.lines(io.BytesIO(sample), spelled))
    if len(first) > 1 and not replay.whole:
        first.pop()  # it may go on
    dialect, named = delimited.detect_dialect(first)
    if separator is not None:
        dialect = replace(dialect, separator=_separator(separator))
    lines = delimited.lines(replay.buffered(), spelled)
    if named:
        next(lines)
    records = delimited.records(lines, dialect)
    header, wrong = next((record for record in records if record[0]), ([], ""))
    if not header:
        raise TableError(f"{name} is empty. Expected: a first row that names the columns.")
    if wrong == MALFORMED:
        raise TableError(f"{name}, line 1: a quote is never closed. Expected: a first row that names the columns.")
    note = " (guessed; --encoding names another)" if spelled.guessed else ""
    return Table(
        name=name,
        kind=Kind.TSV if kind is Kind.TSV or dialect.separator == "\t" else Kind.CSV,
        header=header,
        rows=delimited.rows(records, len(header)),
        found=f"{kind.upper()}, {dialect}, {spelled.name}{' with a byte order mark' if spelled.bom else ''}{note}",
        share_read=replay.meter.share,
        separator=dialect.separator or ",",
        bom=spelled.bom,
    )


def _separator(given: str) -> str:
    separator = {"\\t": "\t", "tab": "\t"}.get(given, given)
    if len(separator) != 1 or separator in '\r\n"':
        raise TableError(f"The separator is {given!r}. Expected: one character, or tab.")
    return separator


def text_index(table: Table, text_column: str | None) -> int:
    """Which column holds the text: the named one, or the only one with a usual name."""
    if text_column is not None:
        return column_index(table, text_column, "--text-column")
    usual = [name for name in table.header if "_".join(name.lower().split()) in _TEXT_NAMES]
    usual = usual or [name for name in table.header if re.split(r"[\W_]+", name.lower().strip())[-1] in _TEXT_ENDS]
    if len(usual) == 1:
        return table.header.index(usual[0])
    raise TableError(
        f"{table.name} does not tell which column is the text. "
        + _choose(table.header, "--text-column", usual or _close("text", table.header))
    )


def column_index(table: Table, name: str, option: str) -> int:
    """Where the column of this name is, the first one where there are several."""
    if name in table.header:
        return table.header.index(name)
    likely = _close(name, table.header)
    if option == "--text-column" and not likely:
        likely = [column for column in table.header if column.strip().lower() in _TEXT_NAMES]
    raise TableError(f"{table.name} has no column {name!r}. " + _choose(table.header, option, likely))


def _close(name: str, header: Sequence[str]) -> list[str]:
    return difflib.get_close_matches(name or "text", header[:1000], n=1, cutoff=0.5)


def _choose(header: Sequence[str], option: str, likely: Sequence[str]) -> str:
    names = ", ".join(f"{name:.60}" for name in header[:_MOST_NAMES])
    more = f" and {len(header) - _MOST_NAMES} more" if len(header) > _MOST_NAMES else ""
    return f"Columns: {names}{more}. Choose one with {option} {(likely or header)[0]!r}."


class Replay(io.RawIOBase):
    """A stream whose first bytes have been looked at."""

    def __init__(self, stream: IO[bytes], meter: Meter) -> None:
        self._stream = stream
        parts, size = [], 0
        while size < SAMPLE and (part := stream.read(SAMPLE - size)):
            parts.append(part)
            size += len(part)
        self.sample = b"".join(parts)
        self.whole = size < SAMPLE
        self.meter = meter
        self._ahead = memoryview(self.sample)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self._ahead:
            n = min(len(buffer), len(self._ahead))
            buffer[:n], self._ahead = self._ahead[:n], self._ahead[n:]
        else:
            part = self._stream.read(len(buffer))
            n = len(part)
            buffer[:n] = part
        self.meter.read += n
        return n

    def buffered(self) -> io.BufferedReader:
        """The whole stream, from its start."""
        return io.BufferedReader(self, 1 << 18)

    def seekable_file(self, stack: ExitStack) -> IO[bytes]:
        """The whole input as a file with random access; a pipe is copied to a temporary one."""
        if self._stream.seekable():
            self._stream.seek(0)
            return self._stream
        copy = stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115
        shutil.copyfileobj(self.buffered(), copy)
        copy.seek(0)
        return copy


@contextmanager
def _opened(source: str | Path) -> Iterator[tuple[IO[bytes], Meter]]:
    """The input's bytes."""
    if str(source) == "-":
        yield sys.stdin.buffer, Meter()
        return
    try:
        file = Path(source).open("rb")  # noqa: SIM115
        status = os.fstat(file.fileno())
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise TableError(
            f"{source} cannot be read ({reason}). Expected: a table (CSV, TSV, JSON lines, Parquet), an archive, mail, "
            "or - for standard input."
        ) from error
    with file:
        yield file, Meter(status.st_size if stat.S_ISREG(status.st_mode) else 0)
