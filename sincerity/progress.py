"""What `sincerity batch` tells people while it runs and when it is done."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator

from sincerity.classifier import Classifier
from sincerity.errors import ModelError
from sincerity.summary import Summary
from sincerity.tables.table import MALFORMED, RAGGED, UNDECODABLE

WHY = {
    RAGGED: "more cells than the header, or none for the text",
    MALFORMED: "a quote that never closes, or a line that is no JSON object",
    UNDECODABLE: "bytes that are not in the encoding; for a file from an older Windows program try --encoding cp1252",
}


class Progress:
    """One line on the terminal: rows, rate, time left; nothing where standard error is no terminal."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._shown = sys.stderr.isatty()
        self._first_share: float | None = None

    def show(self, summary: Summary) -> None:
        """Write the line over the last one."""
        if self._shown:
            print(f"\r\033[K{self.line(summary, self.seconds())}", end="", file=sys.stderr, flush=True)

    def end(self) -> None:
        """Take the line away."""
        if self._shown:
            print("\r\033[K", end="", file=sys.stderr, flush=True)

    def seconds(self) -> float:
        """Since the start."""
        return max(time.monotonic() - self._started, 1e-9)

    def line(self, summary: Summary, seconds: float) -> str:
        """What is shown.

        >>> progress = Progress()
        >>> progress.line(Summary(rows=1000, share=0.25), 2.0)
        '1 000 rows, 500 a second, 25 %'
        >>> progress.line(Summary(rows=3000, share=0.75), 6.0)
        '3 000 rows, 500 a second, 75 %, 2 s left'
        """
        rate = (summary.rows - summary.resumed) / seconds
        line = f"{count(summary.rows)} rows, {count(round(rate))} a second"
        if summary.share is None:
            return line
        line += f", {summary.share:.0%}".replace("%", " %")
        if self._first_share is None:
            self._first_share, self._first_seconds = summary.share, seconds
        elif summary.share > self._first_share:
            pace = (seconds - self._first_seconds) / (summary.share - self._first_share)
            line += f", {duration(pace * (1 - summary.share))} left"
        return line


def count(number: int) -> str:
    """A number that one can read: thousands apart."""
    return f"{number:,}".replace(",", " ")


def _rows(number: int) -> str:
    return f"{count(number)} row" + "s" * (number != 1)


def duration(seconds: float) -> str:
    """Seconds as people say them.

    >>> duration(75), duration(2.4), duration(7300)
    ('1 min 15 s', '2 s', '2 h 01 min')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02} min"


def closing_lines(summary: Summary, classifier: Classifier, seconds: float) -> Iterator[str]:
    """The mix of labels with corrected shares, and what could not be read."""
    done = f"{_rows(summary.rows)} in {duration(seconds)}"
    if summary.resumed:
        done += f", {count(summary.resumed)} of them by an earlier run"
    if summary.written != summary.rows:
        done += f"; {count(summary.written)} written"
    yield done + "."
    if summary.labels:
        yield from _mix(summary, classifier)
        yield f"{count(summary.uncertain)} of them uncertain."
    for status, number in sorted(summary.statuses.items()):
        if status not in ("ok", *WHY):
            yield f"{_rows(number)} {status}."
    for status, why in WHY.items():
        if number := summary.statuses.get(status, 0):
            first = [str(row) for row, found in summary.problems if found == status]
            more = " …" if len(first) < number else ""
            yield f"{_rows(number)} kept without a label, {status} ({why}): {', '.join(first)}{more}."


def _mix(summary: Summary, classifier: Classifier) -> Iterator[str]:
    total = sum(summary.labels.values())
    try:
        shares = classifier.shares(summary.labels)
    except ModelError:
        shares = {}
    width = max(map(len, map(str, classifier.labels)))
    note = "corrected for the model's errors (95 % interval)" if shares else ""
    yield f"{'':{width}}  {'rows':>11}  counted  {note}".rstrip()
    for label in map(str, classifier.labels):
        number = summary.labels.get(label, 0)
        line = f"{label:{width}}  {count(number):>11}  {100 * number / total:5.1f} %"
        if label in shares:
            share = shares[label]
            line += f"  {100 * share.estimate:5.1f} % ({100 * share.low:.1f} to {100 * share.high:.1f})"
        yield line
