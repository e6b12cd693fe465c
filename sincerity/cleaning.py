"""One clean-up for training and inference: what the encoder gets to read.

`clean` turns a raw post or message into the text a sincerity model was trained on. It is pure, and it is
versioned: a model folder names the version it was trained with, and loading refuses another.

In this order it

1. bounds the work on huge texts (head and tail are kept),
2. resolves HTML entities,
3. folds every character: compatibility forms (NFKD), accents, typographic quotes and dashes; removes invisible,
   bidirectional, tag and control characters, and folds letters of other scripts that pass for Latin ones
   (Unicode Technical Standard 39, confusables) in words that consist of nothing else,
4. replaces links, addresses, mentions and emoji by one token each (`[URL]`, `[MAIL]`, `[USER]`, `[FEEL]`, ...),
5. splits hashtags, writes every number as 0, caps repetitions and white space, leaves out closing marks (of question
   marks it keeps one),
6. keeps head and tail of what is longer than the encoder reads,
7. puts *surface cues* in front: one token for each trait of the raw text that an uncased encoder cannot see or
   count (Title Case, a closing link, many hashtags, an opening quotation mark, first and second person ...).

The bracketed tokens cannot be forged: a text's own `[URL]` loses its bracket.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

CLEAN_VERSION = 2
"""Version of the clean-up; a change in what `clean` returns needs a new number and newly trained models. What mixes
letters of several scripts in a word is none of what models are trained on."""

CUES = (
    *("[LOWER]", "[UPPER]", "[CAPS]", "[TITLE]", "[ENDURL]", "[URLS]", "[TAGS]", "[USERS]", "[QUOTE]"),
    *("[ME]", "[YOU]", "[MEYOU]", "[SHORT]", "[LONG]", "[LINES]"),
)
"""Traits of the whole text, put in front of it."""

TOKENS = ("[URL]", "[MAIL]", "[USER]", "[FEEL]", "[POINT]", "[EMOJI]", "[CUT]", *CUES)
"""Every token that `clean` can add; each is one entry of a sincerity model's vocabulary."""

HEAD, TAIL = 400, 120
"""Characters kept from the start and the end of a long cleaned text."""

_RAW_HEAD, _RAW_TAIL = 12_000, 4_000

Span = tuple[int, int]
_Replacement = str | Callable[[re.Match[str]], str]


class Cleaned(NamedTuple):
    """A cleaned text: the model's input, whether it was cut, and (when asked for) where it came from."""

    text: str
    truncated: bool
    offsets: list[Span] | None = None


def clean(text: str, *, offsets: bool = False) -> Cleaned:
    """Return the model's view of `text`; empty when nothing visible is left.

    With `offsets`, `Cleaned.offsets[i]` is the half-open range of characters of the original text that character
    `i` of the cleaned text stands for. Cues stand for the whole text and carry the empty range `(0, 0)`.

    >>> clean("Check out my NEW book \\u2192 https://shop.example/b?id=1").text
    '[ENDURL] [ME] [SHORT] Check out my NEW book [POINT] [URL]'
    >>> clean("\\u0440\\u0430ypal \\U0001d41f\\U0001d42b\\U0001d41e\\U0001d41e &amp; easy").text
    '[LOWER] [SHORT] paypal free & easy'
    >>> clean("hi @ann", offsets=True).offsets[-6:]
    [(3, 7), (3, 7), (3, 7), (3, 7), (3, 7), (3, 7)]
    """
    edit = _TrackedEdit(text) if offsets else _Edit(text)
    truncated = len(edit.text) < len(text)
    _normalise(edit)
    _mark(edit)
    cues = _cues(edit.text)
    _tidy(edit)
    truncated |= edit.cut(HEAD, TAIL, " [CUT] ")
    if edit.text and cues:
        edit.prepend(" ".join(cues) + " ")
    return Cleaned(edit.text, truncated, edit.spans)


def folded(text: str) -> str:
    """`text` with entities, characters and look-alike letters folded and emoji named, and nothing else done to it.

    >>> folded("caf\u00e9 &amp; \uff22\uff35\uff39")
    'cafe & BUY'
    """
    return _folded(_Edit(text)).text


def folded_with_offsets(text: str) -> Cleaned:
    """What `folded` gives, and which characters of the original each of its characters stands for."""
    edit = _TrackedEdit(text)
    _folded(edit)
    return Cleaned(edit.text, False, edit.spans)


def _folded(edit: _Edit) -> _Edit:
    _normalise(edit)
    if not edit.text.isascii():
        _name_emoji(edit)
    return edit


class _Edit:
    """A text under edit; of a huge one, only head and tail."""

    spans: list[Span] | None = None

    def __init__(self, text: str) -> None:
        huge = len(text) > _RAW_HEAD + 1 + _RAW_TAIL
        self.text = f"{text[:_RAW_HEAD]} {text[-_RAW_TAIL:]}" if huge else text

    def sub(self, pattern: re.Pattern[str], replacement: _Replacement, start: int = 0) -> None:
        """Replace matches from `start` on; they look at nothing in front of it but a blank."""
        self.text = self.text[:start] + pattern.sub(replacement, self.text[start:])

    def fold(self) -> None:
        """Fold every character."""
        self.text = _NOT_ASCII.sub(lambda match: match[0].translate(_FOLD), self.text)

    def space_out(self) -> None:
        """Cut white space short in a text that neither begins nor ends with some."""
        self.text = " ".join(self.text.split())

    def cut(self, head: int, tail: int, between: str) -> bool:
        """Keep the first `head` and the last `tail` characters of a longer text."""
        if len(self.text) <= head + tail + len(between):
            return False
        self.text = self.text[:head] + between + self.text[-tail:]
        return True

    def prepend(self, prefix: str) -> None:
        self.text = prefix + self.text


class _TrackedEdit(_Edit):
    """The same edits, with the range of the original behind every character."""

    spans: list[Span]

    def __init__(self, text: str) -> None:
        super().__init__(text)
        left_out = len(text) - _RAW_TAIL
        if len(self.text) < len(text):
            self.spans = [(i, i + 1) for i in (*range(_RAW_HEAD), *range(left_out - 1, len(text)))]
        else:
            self.spans = _first_spans(1 << len(text).bit_length())[: len(text)]

    def sub(self, pattern: re.Pattern[str], replacement: _Replacement, start: int = 0) -> None:
        parts: list[str] = []
        spans: list[Span] = []
        end = 0
        plain = isinstance(replacement, str) and "\\" not in replacement
        for match in pattern.finditer(self.text, start):
            new = replacement(match) if callable(replacement) else replacement if plain else match.expand(replacement)
            parts += self.text[end : match.start()], new
            spans += self.spans[end : match.start()]
            spans += [self._range(match.start(), match.end())] * len(new)
            end = match.end()
        if parts:
            self.text = "".join((*parts, self.text[end:]))
            self.spans = spans + self.spans[end:]

    def fold(self) -> None:
        new = [char.translate(_FOLD) for char in self.text]
        self.text = "".join(new)
        self.spans = [span for span, out in zip(self.spans, new, strict=True) for _ in out]

    def space_out(self) -> None:
        self.sub(_WIDE_SPACES, " ")

    def cut(self, head: int, tail: int, between: str) -> bool:
        left_out = len(self.text) - tail
        if not super().cut(head, tail, between):
            return False
        self.spans = self.spans[:head] + [self._range(head, left_out)] * len(between) + self.spans[left_out:]
        return True

    def prepend(self, prefix: str) -> None:
        super().prepend(prefix)
        self.spans = [(0, 0)] * len(prefix) + self.spans

    def _range(self, start: int, end: int) -> Span:
        if start == end:
            at = self.spans[start][0] if start < len(self.spans) else 0
            return at, at
        return self.spans[start][0], self.spans[end - 1][1]


@cache
def _first_spans(count: int) -> list[Span]:
    """The range of each of the first characters of a text; shared, as they are many and all alike."""
    return [(i, i + 1) for i in range(count)]


# Characters ----------------------------------------------------------------------------------------------------------

_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z]{2,8}\d{0,2});|&(?:amp|gt|lt|nbsp|quot)\b")
_NOT_ASCII = re.compile(r"[^\x00-\x7f]+")
_FOREIGN_LETTER = re.compile(r"[^\W\d_\x00-\x7f]")
_FOREIGN_WORD = re.compile(r"(?<![^\W\d_])[A-Za-z]*+[^\W\d_\x00-\x7f][^\W\d_]*")
_LATIN = re.compile(r"[A-Za-z]")
_WORD_OR_LINK = re.compile(r"(?:https?:/|www\.|@)\S*|[^\W\d_]+")
EAST_ASIAN = ("CJK", "KATAKANA", "HIRAGANA", "HANGUL", "BOPOMOFO")
"""Scripts whose strokes look like letters, but stand for themselves."""
_OWN_SIGNS = (*EAST_ASIAN, "MODIFIER LETTER")
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")
_PUNCTUATION = str.maketrans(
    {
        **dict.fromkeys("\u2018\u2019\u201a\u201b\u2032\u2035\u02bc\u02b9\u02bb\u00b4\u2039\u203a", "'"),
        **dict.fromkeys("\u201c\u201d\u201e\u201f\u2033\u2036\u00ab\u00bb\u301d\u301e", '"'),
        **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212\u2043\ufe58", "-"),
        **dict.fromkeys("\u2028\u2029\u0085", "\n"),
        **dict.fromkeys("\u2044\u2215", "/"),
        # letters that do not show, the mark of a failed decoding, skin tones
        **dict.fromkeys("\u2800\u3164\u115f\u1160\uffa0\u17b4\u17b5\ufffd", ""),
        **dict.fromkeys("\U0001f3fb\U0001f3fc\U0001f3fd\U0001f3fe\U0001f3ff", ""),
    }
)
_LATIN_NAME = re.compile(
    r"(?:MODIFIER LETTER|LATIN|(?:NEGATIVE )?(?:SQUARED|CIRCLED) LATIN)\b.*?\b([A-Z]{1,2})(?: WITH .*)?$"
)


def _normalise(edit: _Edit) -> None:
    """Entities, characters, look-alike letters; a text's own bracketed words lose their bracket."""
    for _ in range(2):  # archives hold &amp;lt;
        if "&" in edit.text:
            edit.sub(_ENTITY, lambda match: _unescaped(match[0]))
    if not edit.text.isascii():
        edit.fold()
        if not edit.text.isascii() and _FOREIGN_LETTER.search(edit.text):
            _fold_words(edit)
    if not edit.text.isprintable():
        edit.sub(_CONTROL, "")
    if "[" in edit.text:
        edit.sub(_BRACKETED, "(")


def _unescaped(entity: str) -> str:
    import html  # its table of names is long, and most texts have no entity

    return html.unescape(entity)


class _Fold(dict[int, str]):
    """Code point → what it is folded to, filled as characters are met."""

    def __missing__(self, code: int) -> str:
        self[code] = folded = _fold_character(chr(code))
        return folded


_FOLD = _Fold()


def _fold_character(char: str) -> str:
    if char.isascii():
        return char
    if ord(char) in _PUNCTUATION:
        return char.translate(_PUNCTUATION)
    category = unicodedata.category(char)
    if ord(char) & 0xFFFE == 0xFFFE or 0xFDD0 <= ord(char) <= 0xFDEF or 0xE0000 <= ord(char) <= 0xE0FFF:
        return ""  # no characters, and what Unicode reserves for invisible ones
    if category[0] == "Z":
        return " "
    if category in ("Cc", "Cf", "Cs", "Co") or category[0] == "M":  # invisible, bidirectional, tag ...; combining
        return ""
    plain = "".join(c for c in unicodedata.normalize("NFKD", char) if not unicodedata.category(c).startswith("M"))
    if plain != char:
        return "".join(map(_fold_character, plain))
    if category[0] in "LS" and (name := _LATIN_NAME.match(unicodedata.name(char, ""))):
        return name[1] if "CAPITAL" in name[0] and "SMALL CAPITAL" not in name[0] else name[1].lower()
    return char


def _fold_words(edit: _Edit) -> None:
    """Fold words of look-alikes.

    A word with one letter that has no Latin look-alike belongs to its own script, unless half of it or more reads as
    Latin; then that letter is read from the words around (`sincerity.restoring`), or else left out, as a misprint. A
    word without a Latin letter belongs to its own script where most words of other scripts do: Russian has short words
    that happen to look Latin.
    """
    table = _lookalikes()
    words: list[str] = _FOREIGN_WORD.findall(edit.text)
    latin = [word.translate(table) for word in words]
    mixed = [bool(_LATIN.search(word)) for word in words]
    disguised = 2 * sum(map(str.isascii, latin)) > len(words)
    read: Iterator[str] | None = None
    if any(here and not new.isascii() for here, new in zip(mixed, latin, strict=True)):
        most = 2 * sum(mixed) > len(mixed)
        read = _read_words(edit.text, strangers=most)
        disguised |= most and read is not None

    def fold(match: re.Match[str]) -> str:
        word, guess = match[0], next(read) if read else ""
        folded = word.translate(table)
        if not disguised and not _LATIN.search(word):
            return word
        if folded.isascii():
            return folded
        plain = "".join(filter(str.isascii, folded))
        half = 2 * len(plain) >= len(folded)
        if guess and guess.isascii() and (half or disguised):
            return guess
        return plain if half else word

    edit.sub(_FOREIGN_WORD, fold)


def _read_words(text: str, *, strangers: bool) -> Iterator[str] | None:
    """What each of the text's foreign words is read as; None where the text is no English in disguise.

    With `strangers`, words without a Latin letter are read too.
    """
    from sincerity.restoring import restored  # numpy, not before it is needed

    table = _lookalikes()
    words = [match[0] for match in _WORD_OR_LINK.finditer(text)]
    views = []
    for word in words:
        left = not word.isalpha() or _has_own_signs(word) or not (strangers or word.isascii() or _LATIN.search(word))
        views.append("" if left else word.translate(table))
    read = restored(tuple(views))
    if read is None:
        return None
    return iter([new for word, new in zip(words, read, strict=True) for _ in _FOREIGN_WORD.findall(word)])


def _has_own_signs(word: str) -> bool:
    """Whether a word holds letters that stand for none: of East Asia, and those that modify the next, as in IPA."""
    return not word.isascii() and any(unicodedata.name(char, "").startswith(_OWN_SIGNS) for char in word)


@cache
def _lookalikes() -> dict[int, str]:
    lines = Path(__file__).with_name("lookalikes.txt").read_text("utf-8").splitlines()
    pairs = (line.split() for line in lines if not line.startswith("#"))
    return {ord(source): latin for latin, sources in pairs for source in sources}


# Tokens --------------------------------------------------------------------------------------------------------------

_BRACKETED = re.compile(r"\[(?=[A-Z]{2,8}\])")
_TLD = "com|org|net|edu|gov|info|biz|io|co|uk|ly|gl|gd|tv|app|dev|xyz|ai|shop|store|online|site|club|blog|example"
_PATH = r"[^\s<>\"]*[^\s<>\"'.,;:!?()\[\]]"
_URL = re.compile(
    rf"\b(?:https?:/*|www\.)(?:{_PATH})?"  # with a scheme, also cut short
    r"|\bhtt?p?s?(?=\.\.\.\s*$)"
    rf"|(?<![\w@./-])(?:[a-z0-9-]{{1,63}}\.){{1,5}}(?:(?:{_TLD})\b(?:/{_PATH})?|[a-z]{{2,10}}/{_PATH})",
    re.IGNORECASE,
)
_MAY_BE_URL = re.compile(r"\.(?:[A-Za-z]|(?<=[wW]\.)|(?<=[tTpPsS]\.)\.\.)|:(?<=[pPsS]:)")
"""In each link there is one of these, and most texts have none: that takes a fifth of the time to find out."""
_MAIL = re.compile(r"(?<![\w.+@-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,5}")
_MAY_BE_MAIL = re.compile(r"@(?<=[\w.+-]@)[\w-]")
_USER = re.compile(r"(?<![\w@])@\w{1,40}(?:@[\w-]{1,63}(?:\.[\w-]{1,63}){1,5})?")
_FEEL = (
    "\u2639-\u263b\u2661\u2665\u270a-\u270c\u2763\u2764"
    "\U0001f44a-\U0001f450\U0001f48b-\U0001f48c\U0001f491-\U0001f49f\U0001f4a9\U0001f4aa\U0001f4af"
    "\U0001f595\U0001f596\U0001f5a4\U0001f600-\U0001f64f\U0001f90c-\U0001f93e\U0001f970-\U0001f97a"
    "\U0001f9e1\U0001fa75-\U0001fa77\U0001fae0-\U0001fae8\U0001faf0-\U0001faf8"
)
_POINT = (
    "\u2190-\u21ff\u25b6\u25ba\u261a-\u261f\u2794\u27a1\u27f0-\u27ff\u2b05-\u2b07\u2b95"
    "\U0001f446-\U0001f449\U0001f51c\U0001f53d"
)
_OTHER_EMOJI = "\u2300-\u27bf\u2900-\u297f\u2b00-\u2bff\u3030\u303d\U0001f000-\U0001faff"
_EMOJI = re.compile(f"[{_FEEL}{_POINT}{_OTHER_EMOJI}]")
_EMOJI_KIND = re.compile(f"(?P<feel>[{_FEEL}])|(?P<point>[{_POINT}])|(?P<emoji>.)")
_EMOJI_RUN = re.compile(r"(\[(?:FEEL|POINT|EMOJI)\])(?:\s*\1)+")
_HASHTAG = re.compile(r"(?<![\w&#])#(?=\w*[^\W\d])\w{2,}")
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z0-9])|(?<=[A-Z])(?=[A-Z][a-z])|_+")
_NUMBER = re.compile(r"\d+(?:[.,:/-]\d+)*")
_REPEATED = re.compile(r"(\S)\1{3,}")
_CLOSERS = ".!?\u2026;,: \t\n\v\f\r"
_CLOSING = re.compile(r"(?<=[^.!?\u2026;,:\s])[.!?\u2026;,:\s]+$")
_WIDE_SPACES = re.compile(r"\s{2,}|[^\S ]")
_ENDS = re.compile(r"^\s+|(?<!\s)\s+$")


def _mark(edit: _Edit) -> None:
    if hint := _MAY_BE_URL.search(edit.text):
        edit.sub(_URL, "[URL]", 1 + max(edit.text.rfind(" ", 0, hint.start()), edit.text.rfind("\n", 0, hint.start())))
    if "@" in edit.text:
        if _MAY_BE_MAIL.search(edit.text):
            edit.sub(_MAIL, "[MAIL]")
        edit.sub(_USER, "[USER]")
    if not edit.text.isascii():
        _name_emoji(edit)


def _name_emoji(edit: _Edit) -> None:
    edit.sub(_EMOJI, lambda match: _emoji_token(match[0]))


@cache
def _emoji_token(char: str) -> str:
    match = _EMOJI_KIND.match(char)
    assert match and match.lastgroup
    return f" [{match.lastgroup.upper()}] "


def _tidy(edit: _Edit) -> None:
    if "#" in edit.text:
        edit.sub(_HASHTAG, lambda match: _HUMP.sub(" ", match[0]))
    if edit.text.count("[") > 1:
        edit.sub(_EMOJI_RUN, r"\1")
    edit.sub(_NUMBER, "0")
    if _may_repeat(edit.text):
        edit.sub(_REPEATED, r"\1\1\1")
    if edit.text != edit.text.strip():
        edit.sub(_ENDS, "")
    if (body := edit.text.rstrip(_CLOSERS)) != edit.text:
        edit.sub(_CLOSING, lambda match: "?" if "?" in match[0] else "", max(0, len(body) - 1))
    edit.space_out()


def _may_repeat(text: str) -> bool:
    """Whether a character comes four times in a row: then what each differs in from the one before is zero thrice."""
    size, encoding = (1, "ascii") if text.isascii() else (4, "utf-32-be")
    number = int.from_bytes(text.encode(encoding), "big")
    return bytes(3 * size) in (number ^ number >> 8 * size).to_bytes(size * len(text), "big")


# Cues ----------------------------------------------------------------------------------------------------------------

_TOKEN = re.compile(r"\[[A-Z]+\]")
_WORD = re.compile(r"[A-Za-z]+(?:'[A-Za-z]+)?")
_ENDS_IN_URL = re.compile(r"\[URL\]\W*$")
_OPENS_WITH_QUOTE = re.compile(r"\s*(?:RT \[USER\]:? )?[\"']")
_FIRST = frozenset("i i'm im i've ive i'd i'll me my mine myself we we're we've we'll our ours us".split())
_NO_CAPITALS = b"abcdefghijklmnopqrstuvwxyz'"
_WORDY = bytes(code if code < 128 and (chr(code).isalpha() or chr(code) == "'") else 32 for code in range(256))
_SECOND = frozenset("you you're youre you've you'll you'd your yours yourself u ur ya yall y'all".split())


def _cues(text: str) -> list[str]:
    """The traits of a marked text that its encoder cannot see, one token each."""
    words = _words(_TOKEN.sub(" ", text) if "[" in text else text)
    lowered = set(" ".join(words).lower().split(" "))
    urls, tags, users = text.count("[URL]"), text.count("#"), text.count("[USER]")
    first, second = not _FIRST.isdisjoint(lowered), not _SECOND.isdisjoint(lowered)
    found = (
        (_case(words), True),
        ("[ENDURL]", urls and _ENDS_IN_URL.search(text)),
        ("[URLS]", urls > 1),
        ("[TAGS]", tags > 2),
        ("[USERS]", users > 2),
        ("[QUOTE]", _OPENS_WITH_QUOTE.match(text)),
        ("[MEYOU]" if first and second else "[ME]" if first else "[YOU]", first or second),
        ("[SHORT]" if len(words) < 6 else "[LONG]", not 6 <= len(words) <= 60),
        ("[LINES]", text.strip().count("\n") > 1),
    )
    return [token for token, holds in found if token and holds]


def _words(text: str) -> list[str]:
    """What `_WORD` finds in a text; faster, as most words have no apostrophe."""
    words = text.encode("ascii", "replace").translate(_WORDY).decode().split()
    return (
        words
        if "'" not in text
        else [part for word in words for part in (_WORD.findall(word) if "'" in word else [word])]
    )


def _case(words: list[str]) -> str:
    """`[LOWER]` no capital; `[UPPER]` mostly capitals; `[TITLE]` a headline's case; `[CAPS]` some words shouted."""
    if not words:
        return ""
    letters = "".join(words)
    capitals = len(letters.encode().translate(None, _NO_CAPITALS))
    if not capitals:
        return "[LOWER]"
    if len(words) > 1 and capitals > 0.6 * len(letters):
        return "[UPPER]"
    if capitals < 3:
        return ""
    long = [word for word in words if len(word) > 3]
    if len(words) > 3 and len(long) > 2 and sum(word[0].isupper() for word in long) >= 0.8 * len(long):
        return "[TITLE]"
    return "[CAPS]" if sum(len(word) > 2 and word.isupper() for word in words) > 1 else ""
