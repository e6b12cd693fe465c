"""`Post`, the one row schema for messages, and `read_posts`, which reads them from any input."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Post:
    """One post or message; every field is a string, empty where it is not known."""

    id: str = ""
    """As its platform names it; never a number, which would lose digits."""
    author: str = ""
    created_at: str = ""
    """ISO 8601 where the source's form could be read, else as the source has it."""
    in_reply_to: str = ""
    """Id of the message that it answers, or of its author where only that is known."""
    client: str = ""
    """The program that it was sent with."""
    channel: str = ""
    """`post`, `repost`, `direct message`, `message`, `invitation`, `email`."""
    text: str = ""


POST_COLUMNS = tuple(field.name for field in fields(Post))

_USUAL_NAMES = {
    "id": "id id_str tweet_id status_id post_id message_id uri",
    "author": "author user username user_name screen_name handle account from sender name",
    "created_at": "created_at created date datetime timestamp time posted_at sent_at",
    "in_reply_to": "in_reply_to in_reply_to_status_id_str in_reply_to_status_id in_reply_to_id parent_id "
    "in_reply_to_screen_name in_reply_to_user_id_str in_reply_to_user_id",
    "client": "client source application app",
    "channel": "channel type",
}


def read_posts(
    source: str | Path,
    *,
    text_column: str | None = None,
    author_column: str | None = None,
    time_column: str | None = None,
    kind: str | None = None,
    encoding: str | None = None,
    separator: str | None = None,
) -> Iterator[Post]:
    """The posts of any input that `sincerity batch` takes, one by one; `-` is standard input.

    Of a table, a field is the column named for it, else the first column with a usual name (`user`, `created_at`),
    else empty. Rows that cannot be read are left out.

    Raises:
        TableError: The input cannot be read, or it has no such column.
    """
    from sincerity.tables.inputs import column_index, open_table, text_index
    from sincerity.tables.table import as_text

    with open_table(source, kind=kind, encoding=encoding, separator=separator) as table:
        indexes = [_usual(table.header, name) for name in POST_COLUMNS[:-1]]
        for i, name, option in ((1, author_column, "--author-column"), (2, time_column, "--time-column")):
            if name is not None:
                indexes[i] = column_index(table, name, option)
        text = text_index(table, text_column)
        indexes.append(text)
        plain = table.strings
        for row in table.rows:
            if not row.problem(text):
                cells = row.cells
                values = ["" if i is None else cells[i] for i in indexes]
                yield Post(*(values if plain else map(as_text, values)))


def _usual(header: list[str], field: str) -> int | None:
    names = [name.strip().lower().replace(" ", "_") for name in header]
    return next((names.index(usual) for usual in _USUAL_NAMES[field].split() if usual in names), None)
