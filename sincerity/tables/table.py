"""What every reader gives: a header, rows of cells, and what was found out about the input."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from operator import attrgetter
from typing import Any

from sincerity.posts import POST_COLUMNS, Post


class Kind(StrEnum):
    """What an input is."""

    CSV = "csv"
    TSV = "tsv"
    JSONL = "jsonl"
    PARQUET = "parquet"
    TWITTER = "twitter"
    LINKEDIN = "linkedin"
    MASTODON = "mastodon"
    MAIL = "mail"


MESSAGES = frozenset({Kind.TWITTER, Kind.LINKEDIN, Kind.MASTODON, Kind.MAIL})
"""Kinds whose rows are posts (`sincerity.posts.Post`)."""

MALFORMED = "malformed"
"""Status of a row that breaks its format: a quote that never closes, a line that is no JSON object."""
RAGGED = "ragged"
"""Status of a row with more cells than the header, or too few to have a text."""
UNDECODABLE = "undecodable"
"""Status of a row whose text holds bytes that are not in the input's encoding."""


@dataclass(slots=True)
class Row:
    """One row of a table."""

    cells: list[Any]
    """As many as the header has; strings, except from JSON lines and Parquet."""
    surplus: Sequence[str] = ()
    """What no column is there for."""
    status: str = ""
    """Why the row could not be read; empty where it could."""
    missing: int = 0
    """Cells at its end that were not there and are filled up."""
    raw: Any = None
    """The row in its own format, for a writer of that format: a line of JSON; a record batch and a row number."""

    def problem(self, text_index: int) -> str:
        """Why the row's text could not be read, as a status; empty where it could."""
        if self.missing and text_index >= len(self.cells) - self.missing:
            return self.status or RAGGED
        return self.status


@dataclass(slots=True)
class Meter:
    """How far reading has come."""

    size: int = 0
    """Bytes, or rows; 0 where it is not known."""
    read: int = 0

    def share(self) -> float | None:
        """From 0 to 1; None where the size is not known."""
        return min(1.0, self.read / self.size) if self.size else None


@dataclass(slots=True)
class Table:
    """An open input."""

    name: str
    kind: Kind
    header: list[str]
    rows: Iterator[Row]
    """Once only."""
    found: str
    """What was found out, for people: `CSV, separated by ';', utf-8`."""
    share_read: Callable[[], float | None]
    """How much of the input has been read, 0 to 1; None where its size is not known."""
    separator: str = ","
    bom: bool = False
    """Whether it began with a byte order mark."""
    strings: bool = True
    """Whether all cells are strings."""
    schema: Any = None
    """The columns' Arrow types, of Parquet."""


def as_text(value: Any) -> str:
    """A cell as a string: nothing for None, JSON for what is not a string."""
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value, ensure_ascii=False, default=str)


_values = attrgetter(*POST_COLUMNS)


def posts_table(name: str, kind: Kind, found: str, posts: Iterator[Post | None], meter: Meter) -> Table:
    """A table of posts; None stands for one that could not be read."""
    nothing = [""] * len(POST_COLUMNS)
    rows = (Row(nothing, status=MALFORMED) if post is None else Row(list(_values(post))) for post in posts)
    return Table(name, kind, list(POST_COLUMNS), rows, found, meter.share)
