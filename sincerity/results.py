"""The columns that labelling adds to a table."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sincerity.prediction import Prediction


def result_columns(labels: Iterable[str]) -> dict[str, type]:
    """Names and types of the columns, in order; a further one belongs before `status`, and in `result_values`."""
    return {"label": str, "score": float, **{str(label): float for label in labels}, "certain": bool, "status": str}


def result_values(prediction: Prediction) -> list[Any]:
    """A prediction as the values of `result_columns`; probabilities have four digits."""
    scores = (round(score, 4) for score in (prediction.score, *prediction.scores.values()))
    return [str(prediction.label), *scores, prediction.certain, str(prediction.status)]


def unread_values(width: int, status: str) -> list[Any]:
    """The values of a row that could not be read: nothing but the reason."""
    return [None] * (width - 1) + [status]


def result_cells(values: Iterable[Any]) -> list[str]:
    """Values as cells of a delimited table."""
    return [
        value
        if isinstance(value, str)
        else f"{value:.4f}"
        if isinstance(value, float)
        else ""
        if value is None
        else str(value).lower()
        for value in values
    ]
