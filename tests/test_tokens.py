"""Texts as tokens: word by word what the library makes of the whole text."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tiny_model
from tokenizers import AddedToken, Tokenizer
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer
from tokenizers.processors import TemplateProcessing

from sincerity import tokens
from sincerity.cleaning import clean
from sincerity.errors import ModelError
from sincerity.folders import shipped_models
from sincerity.tokens import Reader, Tokens, as_bytes, padded

FOLDERS = shipped_models()
OWN = Path(__file__).parents[1] / "data" / "messages" / "test.jsonl"
TEXTS = [json.loads(line)["text"] for line in OWN.read_text("utf-8").splitlines()]
ODD = [
    *("", " ", "a", "A  b", " led and trailed ", "don't-stop_now...$5/€6", "CamelCase x2y ^`~|", "(c)[d]{e}<f>"),
    *("[URL]", "see[URL]then [ME][YOU]", "[[USER]]", "[UNK] [CLS] [SEP] [MASK] [PAD]", "[url] [Url] [NONE] [ME", "ME]"),
    *(
        "a\tb\nc\rd\x0be",
        "nul\0and\x07bell\x7f",
        "caf\u00e9 na\u00efve",
        "\u4f60\u597d ok",
        "e\u0301 \u0301x",
        "\u2028",
    ),
    *("x" * 99, "x" * 100, "x" * 101, "word " * 400, "1" * 3000, "." * 200, "zyxqv " + "y" * 33 + " zyxqv"),
]


@pytest.mark.parametrize("name", sorted(FOLDERS))
def test_words_in_a_row_are_what_the_library_reads(name: str) -> None:
    reader = Reader(FOLDERS[name], 64)
    assert reader._words is not None
    texts = [*ODD, *TEXTS, *(clean(text).text for text in TEXTS)]
    for _ in range(2):  # new words, and words that came before
        assert reader.read(texts) == reader.whole(texts)
    assert any(one.cut for one in reader.read(ODD))
    assert not all(one.cut for one in reader.read(ODD))


NEW = AddedToken("[NEW]", normalized=False)


def bert(folder: Path, *, lowercase: bool = True, added: AddedToken | str = NEW, kind: int = 0) -> Path:
    vocab = {word: i for i, word in enumerate(["[UNK]", "[CLS]", "[SEP]", "see", "you", "##s", "See", "now", "."])}
    tokenizer = Tokenizer(WordPiece(vocab, unk_token="[UNK]"))
    tokenizer.normalizer = BertNormalizer(lowercase=lowercase)  # type: ignore[assignment]
    tokenizer.pre_tokenizer = BertPreTokenizer()  # type: ignore[assignment]
    tokenizer.post_processor = TemplateProcessing(  # type: ignore[assignment]
        single=f"[CLS]:{kind} $A:0 [SEP]:0", special_tokens=[("[CLS]", 1), ("[SEP]", 2)]
    )
    tokenizer.add_special_tokens(["[UNK]", "[CLS]", "[SEP]"])
    tokenizer.add_tokens([added])
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


def numbers(text: Tokens) -> list[int]:
    return np.frombuffer(text.ids, np.int64).tolist()


def test_capitals_are_as_the_tokenizer_takes_them(tmp_path: Path) -> None:
    for lowercase, first in ((True, 3), (False, 6)):
        reader = Reader(bert(tmp_path, lowercase=lowercase), 16)
        assert reader._words is not None
        (found,) = reader.read(["See yous."])
        assert numbers(found) == [1, first, 4, 5, 8, 2]


@pytest.mark.parametrize(
    "added", ["now now", "now", AddedToken("[NEW]", normalized=True), AddedToken("[NEW]", single_word=True)]
)
def test_where_more_than_words_count_the_library_reads_whole_texts(tmp_path: Path, added: AddedToken | str) -> None:
    reader = Reader(bert(tmp_path, added=added), 16)
    assert reader._words is None
    texts = ["see you now now", "nows", "[new] x[NEW]x"]
    assert reader.read(texts) == reader.whole(texts)


def test_segments_of_another_kind_reach_the_graph(tmp_path: Path) -> None:
    reader = Reader(bert(tmp_path, kind=2), 16)
    _, there, types = padded(reader.read(["see you", "see", "you see you"]))
    assert reader._words is None
    assert types.tolist() == [[2, 0, 0, 0, 0], [2, 0, 0, 0, 0], [2, 0, 0, 0, 0]]
    assert there.sum(axis=1).tolist() == [4, 3, 5]


def test_a_batch_is_as_wide_as_its_longest_text() -> None:
    ids, there, types = padded([Tokens(as_bytes([5, 6, 7])), Tokens(as_bytes([8])), Tokens(as_bytes([2**40, 9]))])
    assert ids.tolist() == [[5, 6, 7], [8, 0, 0], [2**40, 9, 0]]
    assert there.tolist() == [[1, 1, 1], [1, 0, 0], [1, 1, 0]]
    assert types.tolist() == [[0, 0, 0]] * 3


def test_texts_without_a_token_are_a_batch_all_the_same() -> None:
    assert [part.shape for part in padded([Tokens(b""), Tokens(b"")])] == [(2, 0)] * 3


def test_brackets_are_signs_where_no_token_has_any(tmp_path: Path) -> None:
    path = bert(tmp_path) / "tokenizer.json"
    content = json.loads(path.read_text("utf-8"))
    content["added_tokens"] = []
    path.write_text(json.dumps(content), "utf-8")
    reader = Reader(tmp_path, 16)
    assert reader._words is not None
    texts = ["see [] you", "[NEW]", "[", "a[]"]
    assert reader.read(texts) == reader.whole(texts)


def test_no_more_words_are_remembered_than_are_allowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "MOST", 3)
    reader = Reader(bert(tmp_path), 16)
    texts = ["see you now", "yous now.", "sees see [NEW] now"] * 3
    assert reader.read(texts) == reader.whole(texts)
    assert reader._words is not None
    assert 0 < len(reader._words) <= 3
    reader.read(["s" * 40])
    assert "s" * 40 not in reader._words


def test_a_tokenizer_of_another_kind_reads_as_it_does(tmp_path: Path) -> None:
    reader = Reader(tiny_model.write(tmp_path), 16)
    assert reader._words is None
    assert [numbers(one) for one in reader.read(["hello friend", "buy", ""])] == [[1, 2], [3], []]
    assert reader.ids(["buy", "nothing", "hello"]) == [3, 1]


def test_a_vocabulary_without_its_unknown_token_is_a_clear_error(tmp_path: Path) -> None:
    path = bert(tmp_path) / "tokenizer.json"
    content = json.loads(path.read_text("utf-8"))
    content["model"]["unk_token"] = "[NONE]"
    path.write_text(json.dumps(content), "utf-8")
    reader = Reader(tmp_path, 16)
    assert len(numbers(reader.read(["see you"])[0])) == 4
    with pytest.raises(ModelError, match=r"tokenizer\.json cannot read a text .*Expected: .*Get the model again"):
        reader.read(["see him"])
