"""Mail: mbox files and single messages, with what their author wrote this time."""

from __future__ import annotations

import email
import re
from collections.abc import Iterator
from email.errors import HeaderParseError, MessageError
from email.header import decode_header, make_header
from email.message import Message
from email.utils import parseaddr, parsedate_to_datetime
from typing import IO

from sincerity.posts import Post
from sincerity.tables.markup import html_to_text

_LONGEST = 1 << 20
"""Characters of a body that are read."""
_FROM = re.compile(rb"From \S.*\d\d:\d\d")
"""The line between the messages of an mbox file."""
_HEADERS = re.compile(
    r"(?:[\w-]+:[^\n]*\r?\n(?:[ \t][^\n]*\r?\n)*)*(?:Received|From|To|Subject|Message-ID|MIME-Version): ?[^\n]*\r?\n"
    r"(?:[\w-]+:|[ \t]|\r?\n)",
    re.IGNORECASE,
)
_ATTRIBUTION = re.compile(
    r"(?:On\b.{6,250}\bwrote|Am\b.{6,250}\bschrieb\b.{0,80}|Le\b.{6,250}\ba écrit|El\b.{6,250}\bescribió)\s*:",
    re.DOTALL,
)
_REST = re.compile(
    r"--|_{10,}|-+ ?(?:Original Message|Forwarded message) ?-+|Begin forwarded message:"
    r"|(?:Sent|Get) (?:from|via|with) (?:my |Outlook|Mail|Yahoo|Proton)[^\n]{0,60}",
    re.IGNORECASE,
)
"""A line from which on nothing was written this time: a signature, or a mail that is passed on."""


def is_mail(start: str) -> bool:
    """Whether a text starts like an mbox file or a message."""
    first = start.partition("\n")[0].encode("utf-8", "replace")
    return _FROM.match(first) is not None or _HEADERS.match(start[:20_000]) is not None


def read_mail(stream: IO[bytes], sample: bytes) -> Iterator[Post | None]:
    """The messages of an mbox file, or the one message of another file."""
    mbox = _FROM.match(sample.lstrip(b"\xef\xbb\xbf\r\n").partition(b"\n")[0]) is not None
    if not mbox:
        yield _post(stream.read())
        return
    message: list[bytes] = []
    blank, begun = True, False
    for line in stream:
        if blank and line.startswith(b"From ") and _FROM.match(line):
            if begun:
                yield _post(b"".join(message))
            message, begun = [], True
        else:
            message.append(line[1:] if line.startswith(b">From ") else line)
        blank = not line.strip()
    yield _post(b"".join(message))


def _post(raw: bytes) -> Post | None:
    if not raw.strip():
        return None
    try:
        message = email.message_from_bytes(raw)
        text = own_words(*_body(message)) or _header(message, "Subject")
    except (
        MessageError,
        ValueError,
        LookupError,
        TypeError,
        AttributeError,
        RecursionError,
    ):  # the parser's own faults
        return None
    return Post(
        id=_header(message, "Message-ID").strip("<> "),
        author=_address(_header(message, "From")),
        created_at=_date(_header(message, "Date")),
        in_reply_to=_header(message, "In-Reply-To").strip("<> "),
        client=_header(message, "User-Agent") or _header(message, "X-Mailer"),
        channel="email",
        text=text,
    )


def _header(message: Message, name: str) -> str:
    value = message.get(name, "")
    try:
        value = str(make_header(decode_header(value)))
    except (HeaderParseError, LookupError, ValueError):
        value = str(value)
    return " ".join(value.encode("utf-8", "replace").decode().split())


def _address(value: str) -> str:
    try:
        return parseaddr(value)[1] or value
    except RecursionError:  # the parser calls itself for every odd sign
        return value


def _date(value: str) -> str:
    try:
        return parsedate_to_datetime(value).isoformat() if value else ""
    except (ValueError, TypeError, IndexError, OverflowError):
        return value


def _body(message: Message) -> tuple[str, bool]:
    """The first readable part, plain text before HTML, and whether it is HTML."""
    markup = None
    for part in message.walk():
        kind = part.get_content_type()
        if part.is_multipart() or part.get_content_disposition() == "attachment":
            continue
        if kind == "text/plain" and (text := _decoded(part)).strip():
            return text, False
        if kind == "text/html" and markup is None:
            markup = part
    return (_decoded(markup), True) if markup is not None else ("", False)


def _decoded(part: Message) -> str:
    payload = part.get_payload(decode=True)
    if not isinstance(payload, bytes):
        return ""
    try:
        return payload.decode(part.get_content_charset() or "utf-8")[:_LONGEST]
    except (LookupError, UnicodeError):
        return payload.decode("utf-8", "replace")[:_LONGEST]


def own_words(body: str, is_html: bool = False) -> str:
    """What the author of a mail wrote this time: without quoted mail, signature and what is passed on.

    All of it where nothing else is left.

    >>> own_words("See you there!\\n\\nOn Mon, 3 Feb 2020 at 10:00, Jo <jo@x.example> wrote:\\n> Coming?\\n-- \\nAnn")
    'See you there!'
    """
    text = html_to_text(body, without_quotes=True) if is_html else body.replace("\r\n", "\n")
    return _unquoted(text) or (html_to_text(body) if is_html else text).strip()


def _unquoted(text: str) -> str:
    lines = text.split("\n")
    kept: list[str] = []
    i = 0
    while i < len(lines):
        line = lines[i]
        stripped = line.strip()
        if _REST.fullmatch(stripped):
            break
        attribution = next((n for n in (1, 2, 3) if _ATTRIBUTION.fullmatch("\n".join(lines[i : i + n]).strip())), 0)
        if attribution and stripped:
            i += attribution
            following = next((later for later in lines[i:] if later.strip()), "")
            if not following.lstrip().startswith(">"):
                break  # what is quoted bears no mark
            continue
        if not stripped.startswith(">"):
            kept.append(line.rstrip())
        i += 1
    return re.sub(r"\n{3,}", "\n\n", "\n".join(kept)).strip()
