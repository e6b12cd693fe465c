"""From an auditor's rows to what they say of the stream and of each author."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sincerity.auditing import ADDRESSED, BLANK, CERTAIN, LINKED, REPOSTED, UNREAD, Auditor, Kept
from sincerity.context import Evidence, in_context
from sincerity.findings import LEAST_POSTS, LEAST_REPEATS, Audit, Findings, Interval, Length, Message, Messages, Period
from sincerity.labels import Label
from sincerity.marking import Marker
from sincerity.naming import Anonymous, Named
from sincerity.shares import Share, draw_shares
from sincerity.timing import NO_TIME, has_clock, scheduled, timing

if TYPE_CHECKING:
    from numpy.random import Generator

MOST_TEMPLATES, MOST_CONVERSATIONS = 60, 8

MOST_MARKED = 20
"""Authors, those with most posts, in whose messages it is marked what moved the model; asking that takes time."""

_DAY = 86_400
_AUTHORS_AT_A_TIME = 1000
_CLOSE = 0.1
_UNITS = ((21, "day"), (200, "week"), (1500, "month"), (6000, "quarter"))
"""Days that a stream may span for its change to be told by days, weeks, ..."""

Floats = NDArray[np.float64]


def analysed(auditor: Auditor, anonymise: bool) -> Audit:
    """Everything that the auditor's rows say."""
    rows, labels = auditor.rows, tuple(str(label) for label in auditor.classifier.labels)
    names, _ = auditor.templates.authors()
    named = Anonymous(names) if anonymise else Named(names)
    order = np.argsort(rows["author"], kind="stable")
    bounds = np.searchsorted(rows["author"][order], np.arange(len(names) + 1))
    whose = [order[start:end] for start, end in pairwise(bounds)]

    repeats, groups = auditor.templates.repeats(), auditor.templates.labels()
    evidence = Evidence(rows["author"], repeats, _scheduled(rows["time"], whose))
    scores = rows["scores"].astype(np.float64)
    prior = np.asarray(auditor.classifier.prior, np.float64)
    moved = in_context(scores, evidence, labels, prior / prior.sum())
    messages = Messages(
        labels=labels, scores=scores, in_context=moved, template=groups, repeats=repeats, author=rows["author"],
        authors=tuple(map(named.author, range(len(names)))),
    )  # fmt: skip

    unit, periods = _periods(rows["time"])
    view = _View(auditor, messages, named, unit, periods, _of_many(groups, rows["author"]))
    authors = [
        found for start in range(0, len(whose), _AUTHORS_AT_A_TIME)
        for found in view.findings(whose[start : start + _AUTHORS_AT_A_TIME], range(start, len(whose)))
    ]  # fmt: skip
    stream = next(iter(view.findings([np.arange(len(rows))], [-1])))
    conversations = [
        message for found in authors for message in found.typical[Label.CONVERSATIONAL] if message.addressed
    ]
    conversations.sort(key=lambda message: -message.scores[Label.CONVERSATIONAL] * min(len(message.text), 140))
    authors.sort(key=lambda found: -found.posts)
    mark = Marker(auditor.classifier, (*conversations[:MOST_CONVERSATIONS], *_shown(authors)))
    return Audit(
        model=auditor.classifier.name,
        unit=unit,
        stream=stream,
        authors=tuple(map(mark.author, authors[:MOST_MARKED])) + tuple(authors[MOST_MARKED:]),
        templates=tuple(map(named.template, auditor.templates.groups(LEAST_REPEATS, MOST_TEMPLATES))),
        conversations=tuple(map(mark, conversations[:MOST_CONVERSATIONS])),
        messages=messages,
    )


def _shown(authors: Sequence[Findings]) -> Iterator[Message]:
    for found in authors[:MOST_MARKED]:
        for messages in found.typical.values():
            yield from messages


class _View:
    """What all authors' findings are made of."""

    def __init__(
        self, auditor: Auditor, messages: Messages, named: Named, unit: str, periods: NDArray[np.int64],
        shared: NDArray[np.bool_],
    ) -> None:  # fmt: skip
        self._auditor, self._messages, self._named = auditor, messages, named
        self._unit, self._periods, self._shared = unit, periods, shared
        self._rows = auditor.rows
        self._read = (self._rows["flags"] & UNREAD) == 0

    def findings(self, streams: Sequence[NDArray[np.int64]], numbers: Sequence[int]) -> Iterator[Findings]:
        """Findings of some streams, each the indices of its posts; -1 is the number of all authors together."""
        counts = np.array([self._labels(stream) for stream in streams])
        halves = [half for stream in streams for half in self._halves(stream)]
        half_counts = np.array([self._labels(half) for half in halves])
        estimates, draws = self._shares(np.concatenate((counts, half_counts)))
        conversation = self._messages.labels.index(Label.CONVERSATIONAL)
        rng = np.random.default_rng(0)
        for i, (stream, number) in enumerate(zip(streams, numbers, strict=False)):
            first_half = len(streams) + 2 * i
            change = None
            if half_counts[2 * i : 2 * i + 2].sum(1).min() >= LEAST_POSTS:
                values, drawn = (
                    np.diff(estimates[first_half : first_half + 2, conversation]),
                    np.diff(draws[:, first_half : first_half + 2, conversation], axis=1),
                )
                change = _interval(values[0], drawn[:, 0], (-1.0, 1.0))
            yield self._one(stream, number, counts[i], estimates[i], draws[:, i], change, rng)

    def _one(
        self, stream: NDArray[np.int64], number: int, counts: NDArray[np.int64], estimate: Floats, draws: Floats,
        change: Interval | None, rng: Generator,
    ) -> Findings:  # fmt: skip
        rows, messages = self._rows[stream], self._messages
        read, talk = int(counts.sum()), messages.labels.index(Label.CONVERSATIONAL)
        flags, dated = rows["flags"], np.sort(rows["time"][rows["time"] != NO_TIME])
        times = rows["time"][has_clock(rows["time"])]
        repeated = float((messages.repeats[stream] >= LEAST_REPEATS).mean())

        def share(flag: int) -> float:
            return round(float(((flags & flag) > 0).mean()), 4)

        return Findings(
            author=self._named.author(number),
            posts=len(stream),
            first=_written(int(dated[0])) if len(dated) else "",
            last=_written(int(dated[-1])) if len(dated) else "",
            index=_index(estimate[talk], draws[:, talk], repeated, len(stream), rng) if read >= LEAST_POSTS else None,
            shares=_named_shares(messages.labels, counts, estimate, draws) if read else {},
            in_context=_rounded(messages.labels, messages.in_context[stream].mean(0)),
            change=change,
            addressed=share(ADDRESSED),
            links=share(LINKED),
            reposts=share(REPOSTED),
            length=_length(rows["length"]),
            repeated=round(repeated, 4),
            shared=round(float(self._shared[stream].mean()), 4),
            uncertain=round(float(((flags & (CERTAIN | UNREAD)) == 0).mean()), 4),
            blank=share(BLANK),
            other_language=round(share(UNREAD) - share(BLANK), 4),
            timing=timing(times),
            hours=_hours(times),
            periods=self._by_period(stream),
            typical={
                label: tuple(self._message(kept, label) for kept in self._auditor.kept(number, i))
                for i, label in enumerate(messages.labels)
            },
        )

    def _labels(self, stream: NDArray[np.int64]) -> NDArray[np.int64]:
        given = self._rows["label"][stream[self._read[stream]]]
        return np.bincount(given, minlength=len(self._messages.labels)).astype(np.int64)

    def _halves(self, stream: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        times = self._rows["time"][stream]
        ordered = stream[times != NO_TIME][np.argsort(times[times != NO_TIME], kind="stable")]
        return ordered[: len(ordered) // 2], ordered[len(ordered) // 2 :]

    def _shares(self, counts: NDArray[np.int64]) -> tuple[Floats, Floats]:
        confusion = self._auditor.classifier.confusion
        assert confusion is not None
        return draw_shares(np.where(counts.sum(1, keepdims=True) == 0, 1, counts), confusion)

    def _by_period(self, stream: NDArray[np.int64]) -> tuple[Period, ...]:
        kept = stream[(self._periods[stream] != NO_TIME) & self._read[stream]]
        if not len(kept):
            return ()
        number, labels = self._periods[kept], self._messages.labels
        table = np.zeros((number.max() - number.min() + 1, len(labels)), np.int64)
        np.add.at(table, (number - number.min(), self._rows["label"][kept]), 1)
        return tuple(
            Period(start=_start(self._unit, i), labels=dict(zip(labels, counts, strict=True)))
            for i, counts in enumerate(table.tolist(), int(number.min()))
        )

    def _message(self, kept: Kept, label: str) -> Message:
        author, when, _, flags, _, _ = self._rows[kept.row].item()
        messages = self._messages
        return Message(
            author=self._named.author(author),
            created_at=_written(when) if when != NO_TIME else "",
            text=self._named.text(kept.text),
            label=label,
            scores=_rounded(messages.labels, messages.scores[kept.row]),
            in_context=_rounded(messages.labels, messages.in_context[kept.row]),
            repeats=int(messages.repeats[kept.row]),
            addressed=bool(flags & ADDRESSED),
        )


def _length(lengths: NDArray[np.uint32]) -> Length:
    mean = float(lengths.mean())
    return Length(mean=round(mean, 1), variation=round(float(lengths.std()) / mean, 4) if mean else 0.0)


def _index(estimate: float, draws: Floats, repeated: float, posts: int, rng: Generator) -> Interval:
    """100 × corrected share of conversation × share of posts whose template was used fewer than three times."""
    once = round((1 - repeated) * posts)
    singular = rng.beta(once + 0.5, posts - once + 0.5, len(draws))
    return _interval(100 * estimate * (1 - repeated), 100 * draws * singular, (0.0, 100.0), 1)


def _interval(value: float, draws: Floats, bounds: tuple[float, float] = (0.0, 1.0), digits: int = 4) -> Interval:
    """The shortest interval that holds 95 % of draws; it reaches a bound that its last draw is close to."""
    ordered = np.sort(draws)
    inside = math.ceil(0.95 * len(ordered))
    start = int(np.argmin(ordered[inside - 1 :] - ordered[: len(ordered) - inside + 1]))
    low, high = ordered[start], ordered[start + inside - 1]
    close = _CLOSE * (high - low)
    if start == 0 and low - bounds[0] < close:
        low = bounds[0]
    if start + inside == len(ordered) and bounds[1] - high < close:
        high = bounds[1]
    value, low, high = (round(float(x), digits) for x in (value, min(low, value), max(high, value)))
    return Interval(value=value, low=low, high=high)


def _named_shares(
    labels: Sequence[str], counts: NDArray[np.int64], estimate: Floats, draws: Floats
) -> dict[str, Share]:
    shares = {}
    for label, counted, value, drawn in zip(labels, counts / counts.sum(), estimate, draws.T, strict=True):
        found = _interval(value, drawn)
        shares[label] = Share(counted=round(float(counted), 4), estimate=found.value, low=found.low, high=found.high)
    return shares


def _scheduled(times: NDArray[np.int64], whose: Sequence[NDArray[np.int64]]) -> Floats:
    found, clocked = np.full(len(times), np.nan), has_clock(times)
    for stream in whose:
        with_clock = stream[clocked[stream]]
        if timing(times[with_clock]).clock_p is not None:
            found[with_clock] = scheduled(times[with_clock])
    return found


def _of_many(groups: NDArray[np.int64], authors: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Which posts are of a template that three authors or more used."""
    pairs = np.unique(np.stack((groups, authors.astype(np.int64))), axis=1)
    return np.asarray((np.bincount(pairs[0], minlength=len(groups)) >= LEAST_REPEATS)[groups])


def _hours(times: NDArray[np.int64]) -> tuple[tuple[int, ...], ...]:
    weekday, hour = (times // _DAY + 3) % 7, times % _DAY // 3600  # 1970 began on a Thursday
    table = np.bincount(24 * weekday + hour, minlength=7 * 24).reshape(7, 24)
    return tuple(map(tuple, table.tolist()))


def _periods(times: NDArray[np.int64]) -> tuple[str, NDArray[np.int64]]:
    """What a period is, and which one each time is in; `NO_TIME` where there is none."""
    known = times != NO_TIME
    span = int(np.ptp(times[known])) // _DAY if known.any() else 0
    unit = next((unit for most, unit in _UNITS if span <= most), "year")
    days = (np.where(known, times, 0) // _DAY).astype("datetime64[D]")
    months = days.astype("datetime64[M]").astype(np.int64)
    numbers: dict[str, Callable[[], NDArray[np.int64]]] = {
        "day": lambda: days.astype(np.int64),
        "week": lambda: (days.astype(np.int64) + 3) // 7,
        "month": lambda: months,
        "quarter": lambda: months // 3,
        "year": lambda: months // 12,
    }
    return unit, np.where(known, numbers[unit](), NO_TIME)


def _start(unit: str, number: int) -> str:
    """The first day of a period."""
    if unit in ("day", "week"):
        return (date(1970, 1, 1) + timedelta(days=number if unit == "day" else 7 * number - 3)).isoformat()
    months = number * {"month": 1, "quarter": 3, "year": 12}[unit]
    return date(1970 + months // 12, months % 12 + 1, 1).isoformat()


def _written(seconds: int) -> str:
    return (datetime(1970, 1, 1) + timedelta(seconds=seconds)).isoformat(" ", "minutes")


def _rounded(labels: Sequence[str], values: Floats) -> dict[str, float]:
    return {label: round(value, 4) for label, value in zip(labels, values.tolist(), strict=True)}
