"""Texts → tokens, by a model folder's tokenizer; words that came before are looked up.

A BERT tokenizer parts plain text at blanks and signs before all else, so a text's tokens are those of its words in a
row. Messages say most things in the same few words: reading each of them once takes a third of the time that reading
every text takes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from sincerity.errors import ModelError

if TYPE_CHECKING:  # it takes time to import, and a cascade's first tier does without it
    from tokenizers import AddedToken, Encoding, Tokenizer

LONGEST, MOST = 32, 1 << 16
"""Characters of a word that is remembered, and how many words are."""
_SIZE = 8
"""Bytes of a number."""


class Tokens(NamedTuple):
    """One text as a graph reads it; numbers are int64, as they stand in memory."""

    ids: bytes
    """Numbers of its tokens, those around every text included."""
    cut: bool = False
    """Whether it has more than are read."""
    types: bytes = b""
    """Which segment each token is of; empty where all are of the first."""

    @property
    def length(self) -> int:
        """How many tokens there are."""
        return len(self.ids) // _SIZE

    @classmethod
    def of(cls, encoding: Encoding) -> Tokens:
        """What the library made of a text."""
        types = encoding.type_ids
        return cls(as_bytes(encoding.ids), bool(encoding.overflowing), as_bytes(types) if any(types) else b"")


class Placed(NamedTuple):
    """One text as a graph reads it, and where its tokens come from."""

    tokens: Tokens
    words: list[tuple[int, int]]
    """Half-open ranges of the text's characters."""
    of: NDArray[np.int64]
    """Which of the words (tokens,) each token is part of; -1 for those around the text."""

    @classmethod
    def by(cls, encoding: Encoding) -> Placed:
        """What the library made of a text."""
        numbers: dict[int, int] = {}
        words: list[tuple[int, int]] = []
        of = []
        for word, (start, end) in zip(encoding.word_ids, encoding.offsets, strict=True):
            of.append(-1 if word is None else numbers.setdefault(word, len(words)))
            if word is not None:
                first = words.pop()[0] if of[-1] < len(words) else start
                words.append((first, end))
        return cls(Tokens.of(encoding), words, np.array(of, np.int64))


def as_bytes(numbers: Sequence[int]) -> bytes:
    """Numbers as they stand in `Tokens`."""
    return np.array(numbers, np.int64).tobytes()


def padded(texts: Sequence[Tokens]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """A batch as ids, attention mask and types, each (texts, tokens of the longest text), with zeros behind a text."""
    lengths = np.array([text.length for text in texts])
    shape = len(texts), int(lengths.max())
    ids = _side_by_side([text.ids for text in texts], shape)
    types = [text.types for text in texts]
    there = (np.arange(shape[1]) < lengths[:, None]).astype(np.int64)
    return ids, there, _side_by_side(types, shape) if any(types) else np.zeros(shape, np.int64)


def _side_by_side(rows: Sequence[bytes], shape: tuple[int, int]) -> NDArray[np.int64]:
    return np.ndarray(shape, np.int64, b"".join([row.ljust(shape[1] * _SIZE, b"\0") for row in rows]))


Text = TypeVar("Text", Tokens, Placed)


class Reader:
    """The tokenizer of a model folder, cut at `max_length` tokens. Safe to share between threads.

    Raises:
        ModelError: `tokenizer.json` cannot be read.
    """

    def __init__(self, folder: Path, max_length: int) -> None:
        from tokenizers import Tokenizer

        self._path, self._most = folder / "tokenizer.json", max_length
        try:
            self._tokenizer = Tokenizer.from_file(str(self._path))
        except Exception as error:  # the library raises nothing narrower
            raise ModelError(f"{self._path} cannot be read as a tokenizer ({error}). Get the model again.") from error
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(max_length)
        self._words = _Words.of(self._tokenizer)

    def read(self, texts: Sequence[str]) -> list[Tokens]:
        """Tokens of each text.

        Raises:
            ModelError: The tokenizer has no token for what it does not know.
        """
        return self._read(texts, lambda words, text: words.tokens(text, self._most), self.whole)

    def read_with_places(self, texts: Sequence[str]) -> list[Placed]:
        """The same, with the words and characters behind the tokens."""
        return self._read(texts, lambda words, text: words.placed(text, self._most), self.whole_with_places)

    def whole(self, texts: Sequence[str]) -> list[Tokens]:
        """What the library says of each text, read as a whole."""
        return list(map(Tokens.of, self._tokenizer.encode_batch_fast(list(texts))))

    def whole_with_places(self, texts: Sequence[str]) -> list[Placed]:
        """The same, with the words and characters behind the tokens."""
        return list(map(Placed.by, self._tokenizer.encode_batch(list(texts))))

    def _read(
        self,
        texts: Sequence[str],
        by_words: Callable[[_Words, str], Text | None],
        whole: Callable[[Sequence[str]], list[Text]],
    ) -> list[Text]:
        """Each text word by word where that will do, the others as wholes."""
        words = self._words
        try:
            if words is None:
                return whole(texts)
            plain = [text.isascii() and text.isprintable() for text in texts]
            read = [by_words(words, text) if here else None for text, here in zip(texts, plain, strict=True)]
            left = [text for text, one in zip(texts, read, strict=True) if one is None]
            rest = iter(whole(left) if left else ())
            return [next(rest) if one is None else one for one in read]
        except Exception as error:  # the library raises nothing narrower
            raise ModelError(
                f"{self._path} cannot read a text ({error}). Expected: a tokenizer that reads every text. "
                "Get the model again."
            ) from error

    def ids(self, tokens: Sequence[str]) -> list[int]:
        """Numbers of entries of the vocabulary; those that it lacks are left out."""
        return [number for token in tokens if (number := self._tokenizer.token_to_id(token)) is not None]


class _Words(dict[str, bytes]):
    """Tokens of each word or sign of plain ASCII, filled as they are met."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        super().__init__()
        whole = tokenizer.get_added_tokens_decoder().items()
        self._whole = {token.content: as_bytes([number]) for number, token in whole}
        named = "".join(rf"|\[{token[1:-1]}\]" for token in self._whole)
        self._parts = re.compile(rf"[A-Za-z0-9]+{named}|[^ A-Za-z0-9]")
        self._pieces = tokenizer.model.tokenize
        self._lowercase = tokenizer.normalizer.lowercase
        self._first, self._last = (as_bytes([number]) for number in tokenizer.encode("").ids)

    @classmethod
    def of(cls, tokenizer: Tokenizer) -> _Words | None:
        """None for a tokenizer that does not read plain text word by word as BERT's does."""
        from tokenizers.models import WordPiece
        from tokenizers.normalizers import BertNormalizer
        from tokenizers.pre_tokenizers import BertPreTokenizer

        around = tokenizer.encode("")
        fits = (
            isinstance(tokenizer.model, WordPiece)
            and isinstance(tokenizer.normalizer, BertNormalizer)
            and isinstance(tokenizer.pre_tokenizer, BertPreTokenizer)
            and all(map(_stands_out, tokenizer.get_added_tokens_decoder().values()))
            and len(around) == 2
            and not any(around.type_ids)
        )
        return cls(tokenizer) if fits else None

    def tokens(self, text: str, most: int) -> Tokens:
        """Of a text in printable ASCII, `most` of them."""
        parts = self._parts.findall(text)
        ids = b"".join((self._first, *map(self.__getitem__, parts), self._last))
        if len(ids) <= most * _SIZE:
            return Tokens(ids)
        return Tokens(ids[: (most - 1) * _SIZE] + self._last, cut=True)

    def placed(self, text: str, most: int) -> Placed | None:
        """The same with places; None for a longer text, whose last word may lose some of its tokens."""
        found = [*self._parts.finditer(text)]
        pieces = [self[match[0]] for match in found]
        ids = b"".join((self._first, *pieces, self._last))
        if len(ids) > most * _SIZE:
            return None
        of = np.full(len(ids) // _SIZE, -1)
        of[1:-1] = np.arange(len(found)).repeat([len(piece) // _SIZE for piece in pieces])
        return Placed(Tokens(ids), [match.span() for match in found], of)

    def __missing__(self, word: str) -> bytes:
        if (ids := self._whole.get(word)) is None:
            ids = as_bytes([piece.id for piece in self._pieces(word.lower() if self._lowercase else word)])
        if len(word) <= LONGEST:
            if len(self) >= MOST:
                self.clear()
            self[word] = ids
        return ids


def _stands_out(token: AddedToken) -> bool:
    """Whether a token that stands for no word is found by its brackets alone, wherever it is."""
    plain = not (token.normalized or token.single_word)
    return plain and re.fullmatch(r"\[\w+\]", token.content, re.ASCII) is not None
