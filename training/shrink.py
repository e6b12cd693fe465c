"""A smaller encoder to start from: some layers of a fine-tuned one, slimmer, with the vocabulary that messages use.

    python -m training.shrink build/checkpoint build/small
    python -m training.train --base build/small --learning-rate 2e-4

Whole layers are taken over (Sanh et al. 2019), of each feed-forward part the units that write most into the text on a
sample of messages; the head comes along. What is cut off is learnt again from many texts that larger models have
labelled (`training.prepare --scores`).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from tokenizers import Tokenizer
from transformers import AutoModelForSequenceClassification, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerFast

from sincerity.cleaning import TOKENS, clean
from training.command import run
from training.config import RELEASED
from training.corpus import pool_texts, training_rows
from training.encoder import base_path

COUNTED = 100_000
"""Texts of the pool whose words are counted."""
SAMPLE = 512
"""Texts by which units are weighed."""


def shrink(base: Path, out: Path, texts: list[str], *, layers: list[int], units: int, vocabulary: int) -> None:
    """Write the model of `base` with those of its layers only, `units` in each feed-forward part, frequent pieces.

    Single characters that occur are kept, so that every word can still be spelt, and the clean-up's tokens.
    """
    path = base_path(str(base))
    model = AutoModelForSequenceClassification.from_pretrained(path, dtype=torch.float32).eval()
    tokenizer = AutoTokenizer.from_pretrained(path)
    weighed = tokenizer(
        [clean(text).text for text in islice(texts, SAMPLE)],
        truncation=True,
        max_length=RELEASED.max_length,
        padding=True,
        return_tensors="pt",
    )
    importance = unit_importance(model, weighed)
    with torch.no_grad():
        for place in layers:
            _keep_units(model.bert.encoder.layer[place], importance[place].topk(units).indices.sort().values)
        model.bert.encoder.layer = torch.nn.ModuleList(model.bert.encoder.layer[place] for place in layers)
        pieces = kept_pieces(tokenizer.backend_tokenizer, texts, vocabulary)
        words, places = model.bert.embeddings.word_embeddings, model.bert.embeddings.position_embeddings
        words.weight = torch.nn.Parameter(words.weight[list(pieces.values())])
        most = min(-(-RELEASED.max_length // 32) * 32, len(places.weight))
        places.weight = torch.nn.Parameter(places.weight[:most])
    config = model.config
    config.num_hidden_layers, config.intermediate_size = len(layers), units
    config.vocab_size, config.max_position_embeddings = len(pieces), most
    config.hidden_dropout_prob = config.attention_probs_dropout_prob = 0.0  # too small for its texts to overfit
    config.sincerity = None
    model.save_pretrained(out)
    with_pieces(tokenizer, pieces).save_pretrained(out)


def unit_importance(model: PreTrainedModel, tokens: Any) -> list[torch.Tensor]:
    """For every layer (units,): mean size of what each unit of the feed-forward part adds to a token's state."""
    found: list[torch.Tensor] = []
    mask = tokens["attention_mask"].bool()

    def weigh(module: torch.nn.Module, inputs: tuple[torch.Tensor, ...], _: torch.Tensor) -> None:
        found.append(inputs[0][mask].abs().mean(0) * module.weight.norm(dim=0))

    hooks = [layer.output.dense.register_forward_hook(weigh) for layer in model.bert.encoder.layer]
    with torch.inference_mode():
        model(**tokens)
    for hook in hooks:
        hook.remove()
    return found


def _keep_units(layer: Any, units: torch.Tensor) -> None:
    first, second = layer.intermediate.dense, layer.output.dense
    first.weight, first.bias = torch.nn.Parameter(first.weight[units]), torch.nn.Parameter(first.bias[units])
    second.weight = torch.nn.Parameter(second.weight[:, units])


def kept_pieces(tokenizer: Tokenizer, texts: Iterable[str], most: int) -> dict[str, int]:
    """Pieces to keep with their places in the large vocabulary, in its order."""
    known = tokenizer.get_vocab()
    tokenizer.no_truncation()
    tokenizer.no_padding()
    counts: Counter[str] = Counter()
    for encoding in tokenizer.encode_batch([clean(text).text for text in texts], add_special_tokens=False):
        counts.update(encoding.tokens)
    unused = sorted((piece for piece in known if piece.startswith("[unused")), key=known.__getitem__)
    wanted = sum(token not in known for token in TOKENS)
    keep = {piece for piece in known if piece.startswith("[")} - set(unused[wanted:])
    letters = {piece for piece in known if len(piece.removeprefix("##")) == 1}
    keep |= {piece for piece in letters if piece.isascii() or counts[piece]}
    for piece, _ in counts.most_common():
        if len(keep) >= most:
            break
        keep.add(piece)
    return {piece: known[piece] for piece in sorted(keep, key=known.__getitem__)}


def with_pieces(plain: PreTrainedTokenizerFast, pieces: Iterable[str]) -> PreTrainedTokenizerFast:
    """The tokenizer with these pieces only, in their order."""
    spec = json.loads(plain.backend_tokenizer.to_str())
    vocabulary = {piece: i for i, piece in enumerate(pieces)}
    spec["model"]["vocab"] = vocabulary
    spec["added_tokens"] = [token | {"id": vocabulary[token["content"]]} for token in spec["added_tokens"]]
    for special in spec["post_processor"]["special_tokens"].values():
        special["ids"] = [vocabulary[token] for token in special["tokens"]]
    spec["padding"] = spec["truncation"] = None
    return PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(json.dumps(spec)),
        model_max_length=plain.model_max_length,
        model_input_names=plain.model_input_names,
        **{f"{kind}_token": plain.special_tokens_map[f"{kind}_token"] for kind in ("cls", "sep", "pad", "unk", "mask")},
    )


def main(
    base: Annotated[Path, typer.Argument(help="A fine-tuned checkpoint, or any base that training.train takes.")],
    out: Annotated[Path, typer.Argument(help="Folder to write.")],
    layers: Annotated[str, typer.Option(help="Layers to keep, counted from 0.")] = "0,2,4",
    units: Annotated[int, typer.Option(help="Units to keep in each feed-forward part.")] = 768,
    vocabulary: Annotated[int, typer.Option(help="Pieces to keep.")] = 10_000,
) -> None:
    texts = [*pool_texts(COUNTED), *(row.text for row in training_rows())]
    kept = [int(place) for place in layers.split(",")]
    shrink(base, out, texts, layers=kept, units=units, vocabulary=vocabulary)
    config = json.loads((out / "config.json").read_text("utf-8"))
    weights = (out / "model.safetensors").stat().st_size // 4
    typer.echo(f"{out}: {config['vocab_size']} pieces, layers {kept}, {weights / 1e6:.1f} million weights", err=True)


if __name__ == "__main__":
    run(main)
