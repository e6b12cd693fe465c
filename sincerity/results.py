"""The columns that labelling adds to a table.

A result is a prediction or, for a row that could not be read, the status that says why.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sincerity.prediction import Prediction
from sincerity.reasons import in_short

Result = Prediction | str


def result_columns(labels: Iterable[str], *, reasons: bool = False) -> dict[str, type]:
    """Names and types of the columns, in order; what is added here is added to `result_values` and `result_cells`."""
    scores = {"score": float, **{str(label): float for label in labels}}
    return {"label": str, **scores, "certain": bool, **({"reasons": str} if reasons else {}), "status": str}


def result_values(result: Result, width: int) -> list[Any]:
    """A result as the values of `result_columns`, of which there are `width`; probabilities have four digits."""
    if isinstance(result, str):
        return [None] * (width - 1) + [result]
    scores = [round(score, 4) for score in (result.score, *result.scores.values())]
    return [str(result.label), *scores, result.certain, *_reasons(result, width - len(scores)), str(result.status)]


def result_cells(result: Result, width: int) -> list[str]:
    """The same as cells of delimited text."""
    if isinstance(result, str):
        return [""] * (width - 1) + [result]
    scores = [f"{score:.4f}" for score in (result.score, *result.scores.values())]
    certain = "true" if result.certain else "false"
    return [result.label, *scores, certain, *_reasons(result, width - len(scores)), result.status]


def _reasons(prediction: Prediction, others: int) -> list[str]:
    """The column of reasons, where beside the scores there are more columns than label, certain and status."""
    return [in_short(prediction.reasons)] if others > 3 else []
