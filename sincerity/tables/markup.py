"""The text that a reader of HTML sees.

A small parser of the standard library's events: what posts and mail need of HTML is which words there are and where
lines break, which is no reason for a dependency (lxml or html5lib weigh more than this whole package).
"""

from __future__ import annotations

import html
import re
from html.parser import HTMLParser

_BLOCKS = frozenset(
    "address article aside blockquote dd div dl dt fieldset figure footer form h1 h2 h3 h4 h5 h6 header hr li main nav "
    "ol p pre section table tr ul".split()
)
_UNSEEN = frozenset("head script style title template noscript".split())
_VOID = frozenset("area base br col embed hr img input link meta source track wbr".split())
_LONGEST = 1 << 20
"""Characters of HTML that are read: many times what a classifier reads, and a bound on the work."""


def html_to_text(markup: str, *, without_quotes: bool = False) -> str:
    """Visible text, with line breaks where blocks end; `without_quotes` leaves out what a mail quotes.

    >>> html_to_text('<p>Are you <b>coming</b>?</p><p>Bring&nbsp;cake<br>and tea</p>')
    'Are you coming?\\n\\nBring cake\\nand tea'
    """
    parser = _Reader(without_quotes)
    try:
        parser.feed(markup[:_LONGEST])
        parser.close()
        text = "".join(parser.parts)
    except (AssertionError, ValueError, IndexError):  # what the parser raises on broken declarations
        text = html.unescape(re.sub(r"<[^>]*>", " ", markup[:_LONGEST]))
    lines = (" ".join(line.split()) for line in text.split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


class _Reader(HTMLParser):
    def __init__(self, without_quotes: bool) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._without_quotes = without_quotes
        self._hidden: list[str] = []
        """Open elements from the outermost that is not to be seen."""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self._hidden:
            if tag not in _VOID:
                self._hidden.append(tag)
        elif tag in _UNSEEN or (self._without_quotes and _quotes(tag, dict(attrs))):
            self._hidden.append(tag)
        elif tag == "br":
            self.parts.append("\n")
        elif tag == "img":
            self.parts.append(dict(attrs).get("alt") or "")
        elif tag in _BLOCKS:
            self._break(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _VOID:
            self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        if tag in self._hidden:
            while self._hidden and self._hidden.pop() != tag:
                pass
        elif not self._hidden and tag in _BLOCKS:
            self._break(tag)

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.parts.append(data if self.parts and self.cdata_elem else re.sub(r"\s+", " ", data))

    def _break(self, tag: str) -> None:
        self.parts.append("\n\n" if tag == "p" else "\n")


def _quotes(tag: str, attrs: dict[str, str | None]) -> bool:
    names = f"{attrs.get('class') or ''} {attrs.get('id') or ''}"
    return tag == "blockquote" or bool(
        re.search(r"gmail_quote|moz-cite-prefix|yahoo_quoted|divRplyFwdMsg|protonmail_quote|gmail_signature", names)
    )
