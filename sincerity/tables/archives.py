"""Archives that people get of their own posts: Twitter/X of every generation, LinkedIn, Mastodon; as zip or folder."""

from __future__ import annotations

import html
import io
import lzma
import re
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import IO, Any

from sincerity.errors import TableError
from sincerity.posts import Post
from sincerity.tables import delimited, mail
from sincerity.tables.jsonlines import array_items
from sincerity.tables.markup import html_to_text
from sincerity.tables.table import Kind, Meter, Table, posts_table

SCRIPT = re.compile(r"(?:window\.YTD\.|Grailbird\.data\.)")
"""How the files of a Twitter archive begin."""

_TWEETS = re.compile(r"(?:^|/)(?:tweets?)(?:-part(\d+))?\.js$")
_MONTHS = re.compile(r"(?:^|/)js/tweets/\d{4}_\d\d\.js$")
_MESSAGES = re.compile(r"(?:^|/)direct-messages?(?:-group)?(?:-part(\d+))?\.js$")
_TWEETS_CSV = re.compile(r"(?:^|/)tweets\.csv$")
_ACCOUNT = re.compile(r"(?:^|/)(?:account|user_details)\.js$")
_LINKEDIN = re.compile(r"(?:^|/)(?:messages|invitations)\.csv$", re.IGNORECASE)
_OUTBOX = re.compile(r"(?:^|/)outbox\.json$")
_MAIL = re.compile(r"\.(?:eml|mbox)$", re.IGNORECASE)

_DAMAGE = (
    zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, NotImplementedError, RuntimeError,
    OSError, ValueError,
)  # fmt: skip
"""What reading an archive that is damaged or encrypted raises."""

Posts = Iterator[Post | None]
"""None stands for a post that could not be read."""
Stream = io.BufferedReader
Members = dict[str, Callable[[], Stream]]
"""The files of an archive by name, and how each is opened."""


def open_folder(folder: Path, kind: Kind | None) -> Table:
    """An unpacked archive."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    meter = Meter()
    members: Members = {
        path.relative_to(folder).as_posix(): _counted(str(path), _opener(path), meter) for path in paths
    }
    sizes = {path.relative_to(folder).as_posix(): path.stat().st_size for path in paths}
    return _open(str(folder), members, sizes, kind, meter)


def open_archive(name: str, file: IO[bytes], kind: Kind | None, stack: ExitStack) -> Table:
    """An archive in one file: zip, or tar with gzip."""
    meter = Meter()
    members: Members = {}
    sizes: dict[str, int] = {}
    try:
        if zipfile.is_zipfile(file):
            packed = stack.enter_context(zipfile.ZipFile(file))
            for info in packed.infolist():
                sizes[info.filename] = info.file_size
                members[info.filename] = _counted(info.filename, lambda info=info: packed.open(info), meter)  # type: ignore[misc]
        else:
            file.seek(0)
            tar = stack.enter_context(tarfile.open(fileobj=file))  # noqa: SIM115
            for entry in tar:
                if entry.isfile():
                    sizes[entry.name] = entry.size
                    members[entry.name] = _counted(entry.name, lambda entry=entry: tar.extractfile(entry), meter)  # type: ignore[misc,arg-type]
    except _DAMAGE as error:
        raise TableError(f"{name} is no archive that can be read ({error}). Get it again, or unpack it.") from error
    if any(member.startswith(("xl/", "content.xml")) for member in members):
        raise TableError(f"{name} is a workbook. Expected: a table as text. Save the sheet as CSV UTF-8.")
    return _open(name, members, sizes, kind, meter)


def open_file(name: str, kind: Kind, stream: Stream, meter: Meter) -> Table:
    """One file out of an archive."""
    if kind is Kind.MASTODON:
        return posts_table(name, kind, "a Mastodon outbox", _mastodon(stream), meter)
    if kind is Kind.LINKEDIN:
        return posts_table(name, kind, "a LinkedIn export", _linkedin(stream), meter)
    return posts_table(name, kind, "a file of a Twitter archive", _twitter_file(stream, ("", "")), meter)


def _open(name: str, members: Members, sizes: dict[str, int], kind: Kind | None, meter: Meter) -> Table:
    found = _contents(members)
    kind = kind or next(iter(found), None)
    if kind is None or kind not in found:
        raise TableError(
            f"{name} is no archive of {kind or 'a known kind'}. Expected: one of Twitter/X (data/tweets.js), LinkedIn "
            "(messages.csv), Mastodon (outbox.json), or .eml and .mbox files."
        )
    names = found[kind]
    meter.size = sum(sizes[member] for member in names)
    if kind is Kind.TWITTER:
        owner = _owner(members)
        posts = chain.from_iterable(_twitter_file(members[member](), owner) for member in names)
    else:
        read = {Kind.LINKEDIN: _linkedin, Kind.MASTODON: _mastodon, Kind.MAIL: _mail}[kind]
        posts = chain.from_iterable(read(members[member]()) for member in names)
    title = {Kind.TWITTER: "a Twitter archive", Kind.LINKEDIN: "a LinkedIn export", Kind.MASTODON: "a Mastodon archive"}
    listed = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
    return posts_table(name, kind, f"{title.get(kind, 'mail')}: {listed}", posts, meter)


def _contents(members: Members) -> dict[Kind, list[str]]:
    """The files with posts in them, by kind."""

    def matching(*patterns: re.Pattern[str]) -> list[str]:
        there = [(i, int((m.groups() or ("0",))[0] or 0), name) for name in members
                 for i, pattern in enumerate(patterns) if (m := pattern.search(name))]  # fmt: skip
        return [name for _, _, name in sorted(there)]

    tweets = matching(_TWEETS, _MONTHS) or matching(_TWEETS_CSV)
    found = {
        Kind.TWITTER: tweets + matching(_MESSAGES),
        Kind.LINKEDIN: matching(_LINKEDIN),
        Kind.MASTODON: matching(_OUTBOX),
        Kind.MAIL: matching(_MAIL),
    }
    return {kind: names for kind, names in found.items() if names}


# Twitter ----------------------------------------------------------------------------------------------------------


def _owner(members: Members) -> tuple[str, str]:
    """User name and account id of whose archive it is; empty where it does not say."""
    name = next((name for name in members if _ACCOUNT.search(name)), None)
    if name is None:
        return "", ""
    text = members[name]().read(1 << 16).decode("utf-8", "replace")
    user, account = (
        re.search(rf'"{key}"\s*:\s*"([^"]*)"', text) for key in ("(?:username|screen_name)", "(?:accountId|id)")
    )
    return user[1] if user else "", account[1] if account else ""


def _twitter_file(stream: Stream, owner: tuple[str, str]) -> Posts:
    if stream.peek(1)[:1] in (b"w", b"G", b"[", b"\xef"):
        for _, item in array_items(stream):
            if not isinstance(item, dict):
                yield None
            elif "dmConversation" in item:
                yield from _direct_messages(item["dmConversation"], owner)
            else:
                yield _tweet(item.get("tweet", item), owner[0])
        return
    for row in _records(stream):
        yield Post(
            id=row.get("tweet_id", ""),
            author=owner[0],
            created_at=iso_date(row.get("timestamp", "")),
            in_reply_to=row.get("in_reply_to_status_id") or row.get("in_reply_to_user_id", ""),
            client=html_to_text(row.get("source", "")),
            channel="repost" if row.get("retweeted_status_id") else "post",
            text=html.unescape(row.get("text", "")),
        )


def _tweet(tweet: Any, owner: str) -> Post | None:
    if not isinstance(tweet, dict):
        return None
    text = _string(tweet.get("full_text") or tweet.get("text"))
    user = tweet.get("user")
    repeated = "retweeted_status" in tweet or text.startswith("RT @")
    return Post(
        id=_string(tweet.get("id_str") or tweet.get("id")),
        author=_string(user.get("screen_name")) if isinstance(user, dict) and user.get("screen_name") else owner,
        created_at=iso_date(_string(tweet.get("created_at"))),
        in_reply_to=_string(
            tweet.get("in_reply_to_status_id_str") or tweet.get("in_reply_to_status_id")
            or tweet.get("in_reply_to_user_id_str") or tweet.get("in_reply_to_user_id")
        ),
        client=html_to_text(_string(tweet.get("source"))),
        channel="repost" if repeated else "post",
        text=html.unescape(text),
    )  # fmt: skip


def _direct_messages(conversation: Any, owner: tuple[str, str]) -> Posts:
    messages = conversation.get("messages", []) if isinstance(conversation, dict) else []
    for entry in messages if isinstance(messages, list) else []:
        message = entry.get("messageCreate") if isinstance(entry, dict) else None
        if isinstance(message, dict):
            sender = _string(message.get("senderId"))
            yield Post(
                id=_string(message.get("id")),
                author=owner[0] if owner[0] and sender == owner[1] else sender,
                created_at=iso_date(_string(message.get("createdAt"))),
                channel="direct message",
                text=html.unescape(_string(message.get("text"))),
            )


# LinkedIn and Mastodon --------------------------------------------------------------------------------------------


def _linkedin(stream: IO[bytes]) -> Posts:
    """Messages, or invitations: the file's columns tell."""
    for number, row in enumerate(_records(stream), 1):
        invited = "message" in row
        text = row.get("message" if invited else "content", "")
        yield Post(
            id=f"{row.get('conversation id') or 'invitation'}/{number}",
            author=row.get("from", ""),
            created_at=iso_date(row.get("sent at" if invited else "date", "")),
            channel="invitation" if invited else "message",
            text=(html_to_text(text) if re.search(r"</?\w+[^>]*>", text) else text) or row.get("subject", ""),
        )


def _mastodon(stream: IO[bytes]) -> Posts:
    for _, activity in array_items(stream, r'"orderedItems"\s*:\s*'):
        note = activity.get("object") if isinstance(activity, dict) else None
        if isinstance(note, str):
            yield Post(note, _handle(activity.get("actor")), _string(activity.get("published")), channel="repost")
        elif isinstance(note, dict):
            to = [*_list(note.get("to")), *_list(note.get("cc"))]
            open_ = any(str(one).endswith(("#Public", "/followers")) for one in to)
            yield Post(
                id=_string(note.get("id")),
                author=_handle(note.get("attributedTo") or activity.get("actor")),
                created_at=_string(note.get("published") or activity.get("published")),
                in_reply_to=_string(note.get("inReplyTo")),
                channel="post" if open_ or not to else "direct message",
                text=html_to_text(_string(note.get("content"))) or _string(note.get("summary")),
            )
        else:
            yield None


def _mail(stream: Stream) -> Posts:
    return mail.read_mail(stream, stream.peek(1 << 12))


# What several share -----------------------------------------------------------------------------------------------


def _records(stream: IO[bytes]) -> Iterator[dict[str, str]]:
    """The rows of a CSV file, by lower-cased column name."""
    lines = delimited.lines(stream, delimited.Encoding("utf-8"))
    rows = (cells for cells, _ in delimited.records(lines, delimited.Dialect(",")) if cells)
    header = [name.strip().lower() for name in next(rows, [])]
    for cells in rows:
        yield dict(zip(header, cells, strict=False))


_MONTH = {name: i for i, name in enumerate("Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(), 1)}
_FORMS = (
    re.compile(r"\w{3} (?P<m>[A-Z][a-z]{2}) (?P<d>\d\d) (?P<t>\d\d:\d\d:\d\d) \+0000 (?P<y>\d{4})"),
    re.compile(r"(?P<y>\d{4})-(?P<m>\d\d)-(?P<d>\d\d)[T ](?P<t>\d\d:\d\d:\d\d)(?:\.\d+)?(?: ?UTC|Z| ?\+0000)?"),
)
_AMERICAN = re.compile(r"(\d\d?)/(\d\d?)/(\d\d|\d{4}), (\d\d?):(\d\d)[\s\u202f]([AP])M")


def iso_date(value: str) -> str:
    """ISO 8601 in UTC, of the forms that archives have; any other as it is.

    >>> iso_date("Wed Oct 10 20:19:24 +0000 2018"), iso_date("1/2/23, 3:04 PM")
    ('2018-10-10T20:19:24+00:00', '2023-01-02T15:04:00+00:00')
    """
    for form in _FORMS:
        if (m := form.fullmatch(value)) and (month := _MONTH.get(m["m"]) or int("0" + re.sub(r"\D", "", m["m"]))):
            return f"{m['y']}-{month:02}-{m['d']}T{m['t']}+00:00"
    if m := _AMERICAN.fullmatch(value):
        month, day, year, hour, minute = (int(part) for part in m.groups()[:5])
        try:
            return datetime(
                year + 2000 * (year < 100), month, day, hour % 12 + 12 * (m[6] == "P"), minute, tzinfo=UTC
            ).isoformat()
        except ValueError:
            return value
    return value


def _handle(actor: Any) -> str:
    """`name@server` of an actor's address."""
    m = re.fullmatch(r"https?://([^/]+)/(?:users/|@)([^/]+)", _string(actor))
    return f"{m[2]}@{m[1]}" if m else _string(actor)


def _string(value: Any) -> str:
    return value if isinstance(value, str) else "" if value is None or isinstance(value, dict | list) else str(value)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _opener(path: Path) -> Callable[[], IO[bytes]]:
    return lambda: path.open("rb")


def _counted(name: str, opener: Callable[[], IO[bytes]], meter: Meter) -> Callable[[], Stream]:
    def open_member() -> Stream:
        try:
            return io.BufferedReader(_Member(name, opener(), meter), 1 << 18)
        except _DAMAGE as error:
            raise _damaged(name, error) from error

    return open_member


def _damaged(name: str, error: BaseException) -> TableError:
    return TableError(f"{name} is damaged or encrypted ({error}). Get the archive again, or unpack it.")


class _Member(io.RawIOBase):
    """A file of an archive that counts what has been read of it, and says its name when it is damaged."""

    def __init__(self, name: str, stream: IO[bytes], meter: Meter) -> None:
        self._name, self._stream, self._meter = name, stream, meter

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            part = self._stream.read(len(buffer))
        except _DAMAGE as error:
            raise _damaged(self._name, error) from error
        buffer[: len(part)] = part
        self._meter.read += len(part)
        return len(part)

    def close(self) -> None:
        self._stream.close()
        super().close()
