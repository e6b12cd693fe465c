"""The base encoder, and its tokenizer with the clean-up's tokens in it."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import torch
from tokenizers import Tokenizer
from transformers import AutoModelForSequenceClassification, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerFast

from sincerity.cleaning import TOKENS
from sincerity.errors import SincerityError


def base_path(base: str) -> str:
    """A folder as it is, the model folder that an installed package carries, or else a Hub name."""
    if not Path(base).is_dir() and base.isidentifier() and (spec := importlib.util.find_spec(base)):
        for place in spec.submodule_search_locations or ():
            if (folder := Path(place) / "model").is_dir():
                return str(folder)
    return base


def load_base(base: str, labels: list[str], max_length: int) -> tuple[PreTrainedModel, PreTrainedTokenizerFast]:
    """The encoder with a classification head, and a tokenizer that knows `sincerity.cleaning.TOKENS`.

    Tokens that it does not know yet take places that BERT's vocabulary leaves unused, so that no matrix changes its
    shape; each starts from the mean of the pieces of its own name. The head is new unless the base has one for as many
    labels.
    """
    path = base_path(base)
    model = AutoModelForSequenceClassification.from_pretrained(
        path,
        num_labels=len(labels),
        id2label=dict(enumerate(labels)),
        label2id={label: i for i, label in enumerate(labels)},
        dtype=torch.float32,
        ignore_mismatched_sizes=True,
    )
    plain = AutoTokenizer.from_pretrained(path)
    tokenizer = _with_tokens(plain, max_length)
    embeddings = model.get_input_embeddings().weight
    known = plain.get_vocab()
    with torch.no_grad():
        for token in (token for token in TOKENS if token not in known):
            pieces = plain(token.strip("[]").lower(), add_special_tokens=False)["input_ids"]
            embeddings[tokenizer.convert_tokens_to_ids(token)] = embeddings[pieces].mean(0)
    return model, tokenizer


def _with_tokens(plain: PreTrainedTokenizerFast, max_length: int) -> PreTrainedTokenizerFast:
    spec = json.loads(plain.backend_tokenizer.to_str())
    vocabulary = spec["model"]["vocab"]
    unused = sorted((place, token) for token, place in vocabulary.items() if token.startswith("[unused"))
    wanted = [token for token in TOKENS if token not in vocabulary]
    for (place, old), new in zip(unused, wanted, strict=False):
        del vocabulary[old]
        vocabulary[new] = place
        flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
        spec["added_tokens"].append({"id": place, "content": new, **flags, "special": True})
    missing = [token for token in TOKENS if token not in vocabulary]
    if missing:
        raise SincerityError(
            f"The vocabulary has no unused place for {missing}. Expected: [unusedN] entries, as in BERT's."
        )
    spec["added_tokens"].sort(key=lambda token: token["id"])
    spec["model"]["vocab"] = dict(sorted(vocabulary.items(), key=lambda item: item[1]))
    spec["padding"] = spec["truncation"] = None
    return PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(json.dumps(spec)),
        model_max_length=max_length,
        model_input_names=["input_ids", "token_type_ids", "attention_mask"],
        **{f"{kind}_token": plain.special_tokens_map[f"{kind}_token"] for kind in ("cls", "sep", "pad", "unk", "mask")},
    )
