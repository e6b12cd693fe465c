"""A smaller encoder to start from: fewer layers, narrower, with the vocabulary that messages use.

    python -m training.shrink --out build/small
    python -m training.train --base build/small --learning-rate 1e-3

The layers start at random; the word vectors are the large encoder's, projected on their first principal components, so
that words which mean the same begin near each other. What a small encoder lacks it has to learn from many texts that a
larger model has labelled (`training.prepare --scores`).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import torch
import typer
from tokenizers import Tokenizer
from transformers import AutoModel, AutoTokenizer, BertConfig, BertModel, BertTokenizer, set_seed

from sincerity.cleaning import TOKENS, clean
from training.command import run
from training.config import RELEASED
from training.corpus import pool_texts, training_rows
from training.encoder import base_path

SPREAD = 0.05
"""Standard deviation of the projected word vectors, as of word vectors in a trained BERT."""
COUNTED = 100_000
"""Texts of the pool whose words are counted."""


def shrink(base: str, out: Path, texts: Iterable[str], *, layers: int, hidden: int, vocabulary: int) -> None:
    """Write a BERT of `layers` layers of `hidden` dimensions that knows the most frequent pieces of `texts`.

    Single characters that occur are kept, so that every word can still be spelt, and the unused places that the
    clean-up's tokens take (`training.encoder`).
    """
    path = base_path(base)
    set_seed(RELEASED.seed)
    large = AutoModel.from_pretrained(path, dtype=torch.float32)
    pieces = kept_pieces(AutoTokenizer.from_pretrained(path).backend_tokenizer, texts, vocabulary)
    small = BertModel(
        BertConfig(
            vocab_size=len(pieces),
            hidden_size=hidden,
            num_hidden_layers=layers,
            num_attention_heads=max(1, hidden // 32),
            intermediate_size=4 * hidden,
            max_position_embeddings=-(-RELEASED.max_length // 32) * 32,
            hidden_dropout_prob=0.0,  # too small for its texts to overfit
            attention_probs_dropout_prob=0.0,
        )
    )
    with torch.no_grad():
        vectors = large.get_input_embeddings().weight[list(pieces.values())]
        vectors = vectors - vectors.mean(0)
        _, _, axes = torch.linalg.svd(vectors, full_matrices=False)
        projected = vectors @ axes[:hidden].T
        small.get_input_embeddings().weight.copy_(projected / projected.std() * SPREAD)
    small.save_pretrained(out)
    BertTokenizer(vocab={piece: i for i, piece in enumerate(pieces)}).save_pretrained(out)


def kept_pieces(tokenizer: Tokenizer, texts: Iterable[str], most: int) -> dict[str, int]:
    """Pieces to keep with their places in the large vocabulary, in its order."""
    known = tokenizer.get_vocab()
    tokenizer.no_truncation()
    tokenizer.no_padding()
    counts: Counter[str] = Counter()
    for encoding in tokenizer.encode_batch([clean(text).text for text in texts], add_special_tokens=False):
        counts.update(encoding.tokens)
    unused = sorted((piece for piece in known if piece.startswith("[unused")), key=known.__getitem__)
    keep = {piece for piece in known if piece.startswith("[")} - set(unused[len(TOKENS) :])
    letters = {piece for piece in known if len(piece.removeprefix("##")) == 1}
    keep |= {piece for piece in letters if piece.isascii() or counts[piece]}
    for piece, _ in counts.most_common():
        if len(keep) >= most:
            break
        keep.add(piece)
    return {piece: known[piece] for piece in sorted(keep, key=known.__getitem__)}


def main(
    out: Annotated[Path, typer.Option(help="Folder to write.")] = Path("build/small"),
    base: str = RELEASED.base,
    layers: int = 2,
    hidden: int = 128,
    vocabulary: Annotated[int, typer.Option(help="Pieces to keep.")] = 16_000,
) -> None:
    texts = [*pool_texts(COUNTED), *(row.text for row in training_rows())]
    shrink(base, out, texts, layers=layers, hidden=hidden, vocabulary=vocabulary)
    config = json.loads((out / "config.json").read_text("utf-8"))
    typer.echo(f"{out}: {config['vocab_size']} pieces, {layers} layers of {hidden}", err=True)


if __name__ == "__main__":
    run(main)
