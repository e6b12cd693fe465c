"""JSON lines, and the items of a JSON array, one by one."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from typing import IO, Any

from sincerity.errors import TableError
from sincerity.tables.table import MALFORMED, Kind, Meter, Row, Table, as_text

_SAMPLE_LINES = 1000
_CHUNK = 1 << 20
_LONGEST_ITEM = 1 << 26
"""Characters after which an item that does not end is taken for broken."""

Item = tuple[str, dict[str, Any] | None]
"""An object's own text, and the object; None where it is none."""


def open_json(name: str, stream: IO[bytes], sample: bytes, meter: Meter, again: IO[bytes] | None) -> Table:
    """A table of JSON objects: a line each, or the items of one array. `again` is the same, to read all keys from."""
    array = re.match(rb"(\xef\xbb\xbf)?\s*\[\s*[{\]]", sample) is not None
    read = _array if array else _lines
    objects = read(stream)
    first = list(islice(objects, _SAMPLE_LINES))
    keys = dict.fromkeys(
        key for _, value in (first if again is None else read(again)) if value is not None for key in value
    )
    if not keys:
        what = "holds no JSON object with a key" if first else "is empty"
        raise TableError(f"{name} {what}. Expected: JSON lines, one object a line, or an array of objects.")
    return Table(
        name=name,
        kind=Kind.JSONL,
        header=list(keys),
        rows=_rows(chain(first, objects), list(keys)),
        found="a JSON array" if array else "JSON lines",
        share_read=meter.share,
        strings=False,
    )


def _rows(items: Iterable[Item], keys: list[str]) -> Iterator[Row]:
    known = set(keys)
    for raw, value in items:
        if value is None:
            yield Row([None] * len(keys), [raw], MALFORMED)
            continue
        surplus = [as_text({key: value[key]}) for key in value if key not in known]
        yield Row([value.get(key) for key in keys], surplus, raw=(raw, value))


def _lines(stream: IO[bytes]) -> Iterator[Item]:
    for number, line in enumerate(stream):
        text = line.removeprefix(b"\xef\xbb\xbf") if number == 0 else line
        if text := text.strip():
            yield _item(text.decode("utf-8", "surrogateescape"))


def _item(text: str) -> Item:
    try:
        value = json.loads(text, strict=False)
    except (ValueError, RecursionError):
        value = None
    return text, value if isinstance(value, dict) else None


def _array(stream: IO[bytes]) -> Iterator[Item]:
    for raw, value in array_items(stream):
        yield (raw if "\n" not in raw else as_text(value)), (value if isinstance(value, dict) else None)


def array_items(stream: IO[bytes], after: str = r"") -> Iterator[tuple[str, Any]]:
    """The items of the first array behind what the pattern `after` matches, as their text and their value.

    Memory holds one item at a time. Of a broken item the value is None, and reading goes on with the next one.
    """
    read = _reader(stream)
    buffer, at = _to_array(read, re.compile(after + r"[^\[]*\[" if after else r"[^\[]*\["))
    decoder = json.JSONDecoder(strict=False)
    next_start = r"\{"
    while at >= 0:
        while at < len(buffer) and buffer[at] in " \t\r\n,":
            at += 1
        if at == len(buffer):
            buffer, at = read(_CHUNK), 0
            if not buffer:
                yield "", None  # the array is not closed
                return
            continue
        if buffer[at] == "]":
            return
        try:
            value, end = decoder.raw_decode(buffer, at)
        except (ValueError, RecursionError):
            more = read(max(_CHUNK, len(buffer) - at)) if len(buffer) - at < _LONGEST_ITEM else ""
            if more:
                buffer, at = buffer[at:] + more, 0
                continue
            next_item = re.compile(rf"\}}\s*,\s*(?={next_start})").search(buffer, at)
            end = next_item.end() if next_item else len(buffer)
            yield buffer[at:end].rstrip(", \t\r\n"), None
            if next_item is None and not (buffer := read(_CHUNK)):
                return
            at = end if next_item else 0
        else:
            if isinstance(value, dict) and value:
                next_start = r"\{\s*" + re.escape(json.dumps(next(iter(value))))  # items begin alike
            yield buffer[at:end], value
            at = end


def _to_array(read: Callable[[int], str], start: re.Pattern[str]) -> tuple[str, int]:
    """Text up to and behind the array's bracket, and where it goes on; -1 where there is none."""
    buffer = ""
    while more := read(_CHUNK):
        buffer += more
        if found := start.search(buffer):
            return buffer, found.end()
        if len(buffer) > _LONGEST_ITEM:
            break
    return "", -1


def _reader(stream: IO[bytes]) -> Callable[[int], str]:
    import io

    text = io.TextIOWrapper(stream, "utf-8-sig", "surrogateescape", newline="")
    return text.read
