"""Delimited text: what encoding and dialect a file has, and its rows, with recovery where a row is broken."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import IO, Any

from sincerity.errors import TableError
from sincerity.tables.table import MALFORMED, RAGGED, Row

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
_LONGEST_CELL = 2**31 - 1
_LONGEST_RECORD = 1 << 26
"""Characters after which a cell that has run on over line breaks is taken for one whose quote never closes."""
_SAMPLE_ROWS = 500
_SEP_LINE = re.compile(r'"?sep=(.)"?\r?\n?', re.IGNORECASE)
"""The line that spreadsheets put in front to name the separator."""


@dataclass(frozen=True, slots=True)
class Encoding:
    """How bytes become characters."""

    name: str
    bom: bool = False
    guessed: bool = False

    @property
    def errors(self) -> str:
        """What is no character is kept as it is where single bytes can be, else it becomes U+FFFD."""
        return "surrogateescape" if re.match(r"utf-8|ascii|cp125|iso8859", self.name) else "replace"


@dataclass(frozen=True, slots=True)
class Dialect:
    """How lines become cells."""

    separator: str
    """Empty: each line is one cell."""
    quoting: str = "double"
    """`double`: a quote in a quoted cell is written twice; `backslash`: behind a backslash; `none`: no quoting."""

    def arguments(self) -> dict[str, Any]:
        """For `csv.reader`."""
        quoting = csv.QUOTE_NONE if self.quoting == "none" else csv.QUOTE_MINIMAL
        escape = "\\" if self.quoting == "backslash" else None
        return {"delimiter": self.separator, "quoting": quoting, "escapechar": escape}

    def __str__(self) -> str:
        if not self.separator:
            return "a text a line"
        name = SEPARATORS.get(self.separator, repr(self.separator))
        return f"separated by {name}" + {"double": "", "none": ", no quoting"}.get(
            self.quoting, ", quotes behind backslashes"
        )


def detect_encoding(sample: bytes) -> Encoding:
    """From the byte order mark; else UTF-8, or Windows-1252 where its letters are all that is not ASCII."""
    for mark, name in ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16")):
        if sample.startswith(mark):
            return Encoding(name, bom=True)
    return Encoding("cp1252", guessed=True) if _windows(sample) else Encoding("utf-8")


_UTF8 = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
_LETTERS = bytes([
    *(0x80, 0x85, *range(0x91, 0x98), 0xA3, 0xA9, 0xAB, 0xAE, 0xB0, 0xBB),  # € … ‘ ’ “ ” • – — £ © « ® ° »
    *(*range(0xC0, 0xCF), 0xD1, *range(0xD2, 0xD7), *range(0xD9, 0xDD), *range(0xDF, 0xF0)),  # À to Î, Ñ, Ò to ï
    *(0xF1, *range(0xF2, 0xF7), *range(0xF9, 0xFD)),  # ñ, ò to ö, ù to ü
])  # fmt: skip


def _windows(sample: bytes) -> bool:
    """Whether this is text in Windows-1252: bytes above ASCII in at least three lines, nothing in UTF-8, all likely."""
    high = sample.translate(None, bytes(range(0x80)))
    if not high or _UTF8.search(sample) or high.translate(None, _LETTERS):
        return False
    return sum(not line.isascii() for line in sample.splitlines()) >= 3


def given_encoding(name: str, sample: bytes) -> Encoding:
    """The encoding with this name, as Python spells it; raises `TableError` where there is none."""
    try:
        found = codecs.lookup(name).name
        "".encode(found)
    except LookupError as error:
        raise TableError(
            f"{name!r} is no encoding. Expected: utf-8, utf-16, cp1252 or another that Python has."
        ) from error
    found = "utf-8" if found == "utf-8-sig" else found
    return Encoding(found, bom=detect_encoding(sample).bom)


def lines(stream: IO[bytes], encoding: Encoding) -> Iterator[str]:
    """The lines of a file with their ends, whatever these are; without a byte order mark."""
    text = io.TextIOWrapper(stream, encoding.name, encoding.errors, newline="")
    first = text.readline().removeprefix("\ufeff")
    yield from [first] if first else []
    yield from text


def detect_dialect(sample: Iterable[str]) -> tuple[Dialect, bool]:
    """The dialect of a table, from its first lines, and whether the first line only names the separator."""
    some = list(sample)
    if some and (named := _SEP_LINE.fullmatch(some[0])):
        return _quoting(Dialect(named[1]), some[1:]), True
    header = next((line for line in some if line.strip()), "")
    bare = re.sub(r'"[^"]*"', "", header)
    there = sorted((separator for separator in SEPARATORS if separator in bare), key=bare.count, reverse=True)
    if not there:
        plain = not any(line.startswith('"') for line in some) and any("," in line for line in some)
        return Dialect("" if plain else ","), False
    dialects = [Dialect(separator) for separator in there]
    best = max(dialects, key=lambda dialect: _fit(dialect, some)) if len(dialects) > 1 else dialects[0]
    return _quoting(best, some), False


def _quoting(dialect: Dialect, sample: list[str]) -> Dialect:
    """The dialect with that way of quoting by which most rows of the sample fit its header."""
    ways = ["double"]
    if any('\\"' in line for line in sample):
        ways.append("backslash")
    if dialect.separator == "\t":
        ways.append("none")
    dialects = [Dialect(dialect.separator, way) for way in ways]
    return max(dialects, key=lambda one: _fit(one, sample)) if len(dialects) > 1 else dialects[0]


def _fit(dialect: Dialect, sample: list[str]) -> float:
    """Share of the rows that have as many cells as the header, and quotes where they belong."""
    found = list(islice(records(iter(sample), dialect), _SAMPLE_ROWS))
    width = len(found[0][0]) if found else 0
    return sum(len(cells) == width and not stray for cells, stray in found) / max(len(found), 1)


def records(source: Iterator[str], dialect: Dialect) -> Iterator[tuple[list[str], str]]:
    """Records as cells, and what is wrong with their quotes: nothing, `stray` ones, or one that is never closed.

    A record is read strictly. Where that fails, its first line is read as a record of its own, and reading goes on
    with the next line: a quote too many costs one row, not all that follow.
    """
    if not dialect.separator:
        yield from (([line.rstrip("\r\n")], "") for line in source)
        return
    csv.field_size_limit(_LONGEST_CELL)
    given = _Lines(source)
    arguments = dialect.arguments()
    reader = csv.reader(given, strict=True, **arguments)
    record = given.record
    while True:
        record.clear()
        given.size = 0
        try:
            cells = next(reader)
        except StopIteration:
            return
        except (csv.Error, _RunsOn):
            first = record[0].rstrip("\r\n")
            given.again.extendleft(reversed(record[1:]))
            read = list(csv.reader([f"{first}\n", "next"], **arguments))
            unclosed = len(read) == 1
            cells = next(csv.reader([first], **arguments), [])
            yield cells, MALFORMED if unclosed else "stray"
        else:
            if cells:
                yield cells, ""
            elif record:
                yield [], ""


class _RunsOn(Exception):
    """A record is longer than any real one."""


class _Lines:
    """Hands lines to a `csv.reader`, keeping those of the record at hand, for they may have to be read again."""

    def __init__(self, source: Iterator[str]) -> None:
        self._source = source
        self.again: deque[str] = deque()
        self.record: list[str] = []
        self.size = 0

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        if self.record and self.size > _LONGEST_RECORD:
            raise _RunsOn
        line = self.again.popleft() if self.again else next(self._source)
        self.record.append(line)
        self.size += len(line)
        return line


def rows(found: Iterator[tuple[list[str], str]], width: int) -> Iterator[Row]:
    """Records as rows of `width` cells; an empty line is no row, unless it is the cell of a table with one column."""
    for cells, wrong in found:
        if len(cells) == width and wrong != MALFORMED:
            yield Row(cells)
        elif not cells:
            if width == 1:
                yield Row([""])
        elif wrong == MALFORMED:
            yield Row(cells[:width] + [""] * (width - len(cells)), cells[width:], MALFORMED)
        elif len(cells) < width:
            yield Row(cells + [""] * (width - len(cells)), missing=width - len(cells))
        else:
            surplus = cells[width:]
            yield Row(cells[:width], surplus, RAGGED) if any(surplus) else Row(cells[:width])
