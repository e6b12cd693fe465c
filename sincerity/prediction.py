"""The result for one text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from sincerity.reasons import Reason


class Status(StrEnum):
    """What the classifier could read of a text."""

    OK = "ok"
    TRUNCATED = "truncated"
    """The text is longer than the model reads: its head and tail were judged, or its head where even those have too
    many tokens (rows of digits and signs)."""
    LANGUAGE = "language"
    """The text is plainly not in English: it was labelled, but never with certainty. (Sincerity models only.)"""
    BLANK = "blank"
    """Nothing visible was left to judge: `scores` is the model's class prior."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """What the model said of one text (`label`, `score`, `scores`), and what its threshold makes of it (`certain`).

    >>> Prediction(label="automated", score=0.9, scores={"automated": 0.9, "promotional": 0.1}, certain=True,
    ...            model="m").as_dict()["label"]
    'automated'
    """

    label: str
    """The most probable label; a `Label` where the model is a sincerity model."""
    score: float
    """Probability of `label`, calibrated, 0 to 1."""
    scores: Mapping[str, float] = field(hash=False)
    """Probability of every label, in the model's order; they sum to 1."""
    certain: bool
    """Whether `score` reaches the model's threshold and there was something to judge: five letters or more, in
    English."""
    model: str
    """Name of the model that answered."""
    status: Status = Status.OK
    reasons: tuple[Reason, ...] = ()
    """Why (`sincerity.reasons`); empty unless asked for, and for a blank text."""

    def as_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {**asdict(self), "label": str(self.label), "scores": dict(self.scores), "status": str(self.status)}
