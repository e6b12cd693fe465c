"""The columns that labelling adds to a table.

A result is a prediction or, for a row that could not be read, the status that says why.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sincerity.prediction import Prediction

Result = Prediction | str


def result_columns(labels: Iterable[str]) -> dict[str, type]:
    """Names and types of the columns, in order; what is added here is added to `result_values` and `result_cells`."""
    return {"label": str, "score": float, **{str(label): float for label in labels}, "certain": bool, "status": str}


def result_values(result: Result, width: int) -> list[Any]:
    """A result as the values of `result_columns`, of which there are `width`; probabilities have four digits."""
    if isinstance(result, str):
        return [None] * (width - 1) + [result]
    scores = [round(score, 4) for score in (result.score, *result.scores.values())]
    return [str(result.label), *scores, result.certain, str(result.status)]


def result_cells(result: Result, width: int) -> list[str]:
    """The same as cells of delimited text."""
    if isinstance(result, str):
        return [""] * (width - 1) + [result]
    scores = [f"{score:.4f}" for score in (result.score, *result.scores.values())]
    return [result.label, *scores, "true" if result.certain else "false", result.status]
