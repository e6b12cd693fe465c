"""A narrow encoder to start from: the word vectors of a wide one in their principal components, under new layers.

    python -m training.narrow build/middle build/narrow --width 192
    python -m training.distil build/tokens build/teacher build/narrow build/student

What messages mean to the wide encoder word by word is kept as well as so few numbers can; what it computed of them is
learnt anew, from many texts (`training.distil`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import torch
import typer
from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification

from training.command import run


def narrow(base: Path, out: Path, *, width: int, layers: int, heads: int, units: int) -> None:
    """Write a `BertForSequenceClassification` of that shape with the vocabulary and tokenizer of `base`."""
    torch.manual_seed(7)
    wide = BertForSequenceClassification.from_pretrained(base, dtype=torch.float32)
    config = BertConfig.from_dict(
        wide.config.to_dict()
        | {"hidden_size": width, "num_hidden_layers": layers, "num_attention_heads": heads, "intermediate_size": units}
    )
    config.sincerity = None
    student = BertForSequenceClassification(config)
    words = wide.bert.embeddings.word_embeddings.weight.detach()
    axes = torch.linalg.eigh(torch.cov(words.T)).eigenvectors[:, -width:]
    with torch.no_grad():
        for name, parameter in student.bert.embeddings.named_parameters():
            if name.endswith("embeddings.weight"):
                parameter.copy_(wide.bert.embeddings.get_parameter(name) @ axes)
    student.save_pretrained(out)
    AutoTokenizer.from_pretrained(base).save_pretrained(out)


def main(
    base: Annotated[Path, typer.Argument(help="The wide model, as transformers reads it.")],
    out: Annotated[Path, typer.Argument(help="Folder to write.")],
    width: Annotated[int, typer.Option(help="Numbers of a token's state.")] = 192,
    layers: int = 2,
    heads: int = 3,
    units: Annotated[int, typer.Option(help="Units of each feed-forward part.")] = 384,
) -> None:
    narrow(base, out, width=width, layers=layers, heads=heads, units=units)


if __name__ == "__main__":
    run(main)
