"""What an audit found: of the whole stream, of each author, of the templates."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sincerity.shares import Share
from sincerity.templates import Template
from sincerity.timing import Timing

LEAST_POSTS = 10
"""Posts from which on there is a sincerity index."""
LEAST_REPEATS = 3
"""Times a template was used from which on its posts count as repeated."""
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A number with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Length:
    """Characters of posts: a machine's are more alike than a person's."""

    mean: float
    variation: float
    """Standard deviation as a share of the mean."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A post that is shown, with what its text alone and its text in the stream say."""

    author: str
    created_at: str
    text: str
    label: str
    scores: dict[str, float]
    in_context: dict[str, float]
    repeats: int
    """Times its author used its template, itself included."""
    addressed: bool
    """Whether it answers or addresses somebody."""
    marks: tuple[tuple[int, int], ...] = ()
    """Places in `text`, half-open, of the words that pushed most toward the label, where that was asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """How often each label was given in a part of the time."""

    start: str
    labels: dict[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What was found of one author, or of all; every share is 0 to 1 and of `posts` where it is not said."""

    author: str
    posts: int
    first: str
    last: str
    index: Interval | None
    """Sincerity index, 0 to 100; None below 10 posts that could be read."""
    shares: dict[str, Share]
    """Share of each label among posts that could be read, corrected for the model's errors; empty where none could."""
    in_context: dict[str, float]
    """Mean probability of each label, given text and stream."""
    change: Interval | None
    """Corrected share of conversation in the later half less that in the earlier; None without times, or below twice
    10 posts."""
    addressed: float
    """Share that answers or addresses somebody."""
    links: float
    reposts: float
    length: Length
    repeated: float
    """Share that belongs to a template which its author used three times or more."""
    shared: float
    """Share that belongs to a template of three authors or more."""
    uncertain: float
    """Share whose best label does not reach the model's threshold."""
    blank: float
    other_language: float
    timing: Timing
    hours: tuple[tuple[int, ...], ...]
    """Posts by weekday (Monday first) and hour, as the source writes times."""
    periods: tuple[Period, ...]
    typical: dict[str, tuple[Message, ...]]
    """Typical posts of each label; of all authors together: none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Messages:
    """All posts in order, as arrays as long as there are posts."""

    labels: tuple[str, ...]
    scores: Floats
    """Probabilities (posts, labels) given the text alone."""
    in_context: Floats
    """Probabilities given text and stream."""
    authors: tuple[str, ...]
    author: NDArray[np.int32]
    """Which of `authors`."""
    template: NDArray[np.int64]
    """Which group of near-duplicates."""
    repeats: NDArray[np.int64]
    """Times its author used its template, itself included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """What `sincerity.audit` found."""

    model: str
    unit: str
    """What a period is: day, week, month, quarter or year."""
    stream: Findings
    authors: tuple[Findings, ...]
    """Most posts first."""
    templates: tuple[Template, ...]
    """Groups of three near-duplicates or more, largest first; at most 60."""
    conversations: tuple[Message, ...]
    """Conversation at its best: posts that address somebody, and that the model is surest of."""
    messages: Messages = field(repr=False)

    def as_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON; without `messages`."""
        names = ("model", "unit", "stream", "authors", "templates", "conversations")
        return {name: _plain(getattr(self, name)) for name in names}

    def html(self, title: str = "") -> str:
        """The report: one HTML page that needs nothing else."""
        from sincerity.report import report

        return report(self, title)

    def summary(self) -> str:
        """The gist in a few lines."""
        from sincerity.report import summary

        return summary(self)


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    return asdict(value) if hasattr(value, "__dataclass_fields__") else value
