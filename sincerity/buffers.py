"""Texts as bytes, many in one buffer: what the n-grams read.

Links and mentions are one byte each, white space and repetitions are cut short, and gaps keep texts apart. Texts that
are not plain ASCII go through the clean-up's folding of characters first, so invisible and look-alike characters change
nothing here either. `traced` leads from the bytes back to the characters of the texts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sincerity.cleaning import folded, folded_with_offsets

Ints = NDArray[np.int64]
Bytes = NDArray[np.uint8]

LONGEST = 700
"""Bytes of the longest text that is read."""

MARKER = "\3"
GAP = f"\0\0\0\0{MARKER}\0\0\0\0"
"""Between texts: no run of five bytes reaches from one text to the next, or over a marker into a text."""
BUFFER = 1 << 17
"""Bytes worked on at a time: in fewer, numpy's calls take longer than what they do; more fall out of the cache."""

LINK = re.compile(rb"(?:https?:/*|www\.)(?:[^\s\0<>\"]*[^\s\0<>\"'.,;:!?()\[\]])?")
SHOUTED_LINK = re.compile(rb"(?:H[Tt][Tt][Pp][Ss]?:/*|WWW\.)(?:[^\s\0<>\"]*[^\s\0<>\"'.,;:!?()\[\]])?")
_LINK_STARTS = (b"http", b"www.")
_MENTION = re.compile(rb"@\w+")
LINK_BYTE, MENTION_BYTE = b"\x01", b"\x02"
_CONTROLS = bytes({*range(1, 9), *range(14, 32), 127} - {ord(MARKER)})

_BLANKS = bytes.maketrans(b"\t\v\f\r", b"    ")


def buffers(texts: Sequence[str]) -> Iterator[tuple[list[int], Bytes]]:
    """Texts that are short enough, by their place, with the bytes that stand for them and the gaps around."""
    for rows, views in batches(texts):
        yield rows, joined(views)


def _is_plain(text: str) -> bool:
    """Whether folding would leave a text as it is."""
    return text.isascii() and "&" not in text and "[" not in text and "\0" not in text and MARKER not in text


def batches(texts: Sequence[str]) -> Iterator[tuple[list[int], list[str]]]:
    """Texts that are short enough, by their place, folded, as many as a buffer holds."""
    rows: list[int] = []
    views: list[str] = []
    size = 0
    for row, text in enumerate(texts):
        if len(text) > LONGEST:
            continue
        view = (text if _is_plain(text) else folded(text)).strip()
        length = len(view) if view.isascii() else len(view.encode("utf-8", "replace"))
        if length > LONGEST:
            continue
        if rows and size + length > BUFFER:
            yield rows, views
            rows, views, size = [], [], 0
        rows.append(row)
        views.append(view)
        size += length + len(GAP)
    if rows:
        yield rows, views


def joined(views: Sequence[str]) -> Bytes:
    """Texts in one buffer: links and mentions as one byte each, white space and repetitions cut short."""
    codes = _without_controls(GAP.join(("", *views, "")).encode("utf-8", "replace"))
    for pattern in (LINK, SHOUTED_LINK):
        codes = _replaced(codes, links(codes, pattern), LINK_BYTE)
    buffer = np.frombuffer(_MENTION.sub(MENTION_BYTE, codes), np.uint8)
    return buffer[_kept(buffer)]


def _without_controls(codes: bytes) -> bytes:
    return codes.translate(_BLANKS, _CONTROLS)


def _kept(buffer: Bytes) -> NDArray[np.bool_]:
    """All but blanks behind a blank and what comes for the fourth time in a row."""
    blank = (buffer == ord(" ")) | (buffer == ord("\n"))
    same = buffer[1:] == buffer[:-1]
    left_out = np.zeros(len(buffer), bool)
    left_out[3:] = same[2:] & same[1:-1] & same[:-2] & (buffer[3:] != 0)
    left_out[1:] |= blank[1:] & blank[:-1]
    return ~left_out


def links(joined: bytes, pattern: re.Pattern[bytes]) -> Iterator[tuple[int, int]]:
    """What `pattern.finditer` finds, tried only where a link may start."""
    if pattern is LINK:
        starts = sorted(place for word in _LINK_STARTS for place in _places(joined, word))
    else:
        codes = np.frombuffer(joined, np.uint8)
        capitals = ((codes[:-1] == ord("H")) | (codes[:-1] == ord("W"))).nonzero()[0]
        behind = codes[capitals + 1]
        starts = capitals[(behind == ord("T")) | (behind == ord("t")) | (behind == ord("W"))].tolist()
    behind_last = 0
    for start in starts:
        if start >= behind_last and (match := pattern.match(joined, start)):
            behind_last = match.end()
            yield start, behind_last


def _replaced(joined: bytes, places: Iterable[tuple[int, int]], byte: bytes) -> bytes:
    """Bytes with one byte in each of these places."""
    parts: list[bytes] = []
    end = 0
    for start, behind in places:
        parts += joined[end:start], byte
        end = behind
    return b"".join((*parts, joined[end:]))


def _places(joined: bytes, word: bytes) -> Iterator[int]:
    place = joined.find(word)
    while place >= 0:
        yield place
        place = joined.find(word, place + 1)


# Bytes back to characters --------------------------------------------------------------------------------------------


class Traced(NamedTuple):
    """The buffer of some texts, and for each byte the half-open range of characters of its text behind it."""

    buffer: Bytes
    firsts: Ints
    lasts: Ints


_IS_CONTROL = np.isin(np.arange(256), [*_CONTROLS])


def traced(texts: Sequence[str], views: Sequence[str]) -> Traced:
    """What `joined` makes of the views of texts, and where its bytes come from."""
    together = GAP.join(("", *views, ""))
    codes = together.encode("utf-8", "replace")
    gap = np.zeros(len(GAP), np.int64)
    spans = [_spans(text, view) for text, view in zip(texts, views, strict=True)]
    firsts, lasts = (np.concatenate([gap, *(part for span in spans for part in (span[k], gap))]) for k in (0, 1))
    if len(codes) > len(together):
        sizes = _sizes(together)
        firsts, lasts = firsts.repeat(sizes), lasts.repeat(sizes)

    def keep(mask: NDArray[np.bool_]) -> None:
        """What is left out counts as what is in front of it."""
        nonlocal firsts, lasts
        places = mask.nonzero()[0]
        firsts, lasts = firsts[places], np.maximum.reduceat(lasts, places)

    keep(~_IS_CONTROL.take(np.frombuffer(codes, np.uint8)))
    codes = _without_controls(codes)
    for pattern, byte in ((LINK, LINK_BYTE), (SHOUTED_LINK, LINK_BYTE), (_MENTION, MENTION_BYTE)):
        places = [match.span() for match in pattern.finditer(codes)]
        whole = np.ones(len(codes), bool)
        for start, end in places:
            whole[start + 1 : end] = False
        keep(whole)
        codes = _replaced(codes, places, byte)
    buffer = np.frombuffer(codes, np.uint8)
    keep(mask := _kept(buffer))
    return Traced(buffer[mask], firsts, lasts)


def _sizes(text: str) -> Ints:
    """Bytes that each character (characters,) has in UTF-8; lone surrogates become a question mark."""
    points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4").astype(np.int64)
    sizes = 1 + (points > 0x7F) + (points > 0x7FF) + (points > 0xFFFF)
    return np.where(points >> 11 == 0xD800 >> 11, 1, sizes)


def _spans(text: str, view: str) -> tuple[Ints, Ints]:
    """Half-open ranges of characters of a text, one for each character of its view."""
    if _is_plain(text):
        first = len(text) - len(text.lstrip())
        places = np.arange(first, first + len(view))
        return places, places + 1
    folded = folded_with_offsets(text)
    first = len(folded.text) - len(folded.text.lstrip())
    spans = np.array((folded.offsets or [])[first : first + len(view)], np.int64).reshape(-1, 2)
    return spans[:, 0], spans[:, 1]
