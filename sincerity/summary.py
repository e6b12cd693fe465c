"""What a batch job has done so far."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from sincerity.prediction import Prediction, Status
from sincerity.results import Result

_MOST_PROBLEMS = 10


@dataclass(slots=True)
class Summary:
    """Counts of rows."""

    rows: int = 0
    written: int = 0
    labels: dict[str, int] = field(default_factory=dict)
    """Rows of each label, without blank ones."""
    uncertain: int = 0
    """Labelled rows under the model's threshold."""
    statuses: dict[str, int] = field(default_factory=dict)
    """Rows of each status."""
    unread: int = 0
    """Rows that could not be read."""
    problems: list[tuple[int, str]] = field(default_factory=list)
    """Number and status of the first of them; the first row after the header is 1."""
    resumed: int = 0
    """Rows that an earlier run had done."""
    share: float | None = None
    """How much of the input has been read."""
    found: str = ""
    """What the input is, for people."""
    text_column: str = ""

    def count(self, results: Sequence[Result]) -> list[tuple[int, str]]:
        """Take in the results of the next rows; returns number and status of those that could not be read."""
        unread = [(i, result) for i, result in enumerate(results, self.rows + 1) if isinstance(result, str)]
        read = [result for result in results if isinstance(result, Prediction)]
        self._add(self.statuses, Counter([status for _, status in unread]))
        self._add(self.statuses, Counter([result.status for result in read]))
        judged = [result for result in read if result.status is not Status.BLANK]
        self._add(self.labels, Counter([result.label for result in judged]))
        self.uncertain += sum([not result.certain for result in judged])
        self.rows += len(results)
        self.unread += len(unread)
        self.problems += unread[: max(0, _MOST_PROBLEMS - len(self.problems))]
        return unread

    @staticmethod
    def _add(counts: dict[str, int], more: Counter[str]) -> None:
        for name, number in more.items():
            counts[str(name)] = counts.get(str(name), 0) + number
