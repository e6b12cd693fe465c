"""A cascade of a few kilobytes: n-grams counted from a handful of texts, in front of `tiny_model`'s graph."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import tiny_model

from sincerity.buffers import buffers
from sincerity.cleaning import CLEAN_VERSION
from sincerity.ngrams import FACTORS, NGRAMS_VERSION, groups

HAM = ("hello there my friend", "see you at the lake tonight", "how was your weekend, friend?")
SPAM = ("buy cheap boots now", "SALE! half price today only", "order now, free shipping on all boots")
BITS = 14
TIER: dict[str, Any] = {"ngrams": NGRAMS_VERSION, "step": 0.5, "margins": [0.9, 0.9]}


def write(folder: Path, **changes: Any) -> Path:
    """Write the folder; `changes` replace parts of the config's cascade entry."""
    tiny_model.write(folder)
    entry = {"tiers": [TIER], "threshold": 0.7, "confusion": [[9, 1], [2, 8]]} | changes
    config = json.loads((folder / "config.json").read_text("utf-8"))
    config["sincerity"] = {
        "name": "tiny", "scheme": "custom", "labels": list(tiny_model.LABELS), "clean_version": CLEAN_VERSION,
        "threshold": 0.6, "prior": [0.5, 0.5], "cascade": entry,
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config), "utf-8")
    np.save(folder / "ngrams.npy", weights())
    return folder


def weights() -> np.ndarray:
    """For each n-gram, in how many of the texts of each label it stands."""
    found = np.zeros((1 << BITS, 2), np.int64)
    for label, texts in enumerate((HAM, SPAM)):
        for _, buffer in buffers(texts):
            for factor, group in zip(FACTORS, groups(buffer), strict=False):
                np.add.at(found[:, label], group.buckets(factor, BITS), 1)
    return found.clip(0, 127).astype(np.int8)
