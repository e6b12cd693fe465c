"""When an author posts, and how far the clock does it for them.

Two named statistics. *Burstiness* B (Goh and Barabási, EPL 2008, in the form for few events of Kim and Jo, Physical
Review E 2016) looks at the intervals between posts: -1 for a metronome, 0 for events at random, towards 1 for the
bursts and pauses of people. The *clock test* (Zhang and Paxson, PAM 2011) looks at minutes past the hour and seconds
past the minute: people do not choose them, schedulers do. It is Pearson's chi-squared test of uniformity.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import numpy as np
from numpy.typing import NDArray

LEAST_INTERVALS = 9
LEAST_CLOCK = 60
"""Posts with a time of day that the clock test wants: one a minute of the hour to be expected."""
NO_TIME = -(2**62)
SIGNIFICANT = 0.001
"""Zhang and Paxson's level."""

_EPOCH = datetime(1970, 1, 1)
_MONTHS = {name: i for i, name in enumerate("Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(), 1)}
_DAY = 86_400
_SIGMAS = 4.2
"""Standard deviations of a count of 60 that chance exceeds at the level of the test."""
_LONGEST_NUMBER = 11  # digits of a time in seconds; more are milliseconds

Times = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """How regular an author's times are; None where there are too few."""

    posts: int
    """Posts with a time of day."""
    burstiness: float | None
    """-1 (a metronome) over 0 (at random) to 1 (bursts)."""
    clock_p: float | None
    """p-value of the clock test: chance that so uneven minutes or seconds come about without a clock."""
    on_the_clock: float | None
    """Share of posts beyond what chance puts into their minute of the hour; 0 where the clock test finds nothing."""


def parse_time(value: str) -> int:
    """Seconds from 1970 to a time as it is written, whatever its zone; `NO_TIME` where it is no time.

    Takes ISO 8601 and its relatives, RFC 2822, Twitter's form, and seconds or milliseconds since 1970.

    >>> parse_time("1970-01-02T00:00:05Z"), parse_time("Fri Jan 02 00:00:05 +0000 1970"), parse_time("86405")
    (86405, 86405, 86405)
    """
    value = value.strip()
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        other = _other_time(value)
        if other is None:
            return NO_TIME
        found = other
    return math.floor((found.replace(tzinfo=None) - _EPOCH).total_seconds())


def has_clock(times: Times) -> NDArray[np.bool_]:
    """Which times have a time of day; midnight sharp is a date without one."""
    with_clock: NDArray[np.bool_] = (times != NO_TIME) & (times % _DAY != 0)
    return with_clock


def timing(times: Times) -> Timing:
    """Statistics of one author's times (seconds, in any order)."""
    times = np.sort(times[has_clock(times)])
    chance = clock_p(times)
    return Timing(
        posts=len(times),
        burstiness=burstiness(np.diff(times)),
        clock_p=chance,
        on_the_clock=None if chance is None else round(float(scheduled(times).mean()), 4),
    )


def burstiness(intervals: Times) -> float | None:
    """Burstiness of at least `LEAST_INTERVALS` intervals, corrected for their number.

    >>> burstiness(np.full(20, 3600)), burstiness(np.array([60] * 19 + [90_000]))
    (-1.0, 0.9926)
    """
    n = len(intervals)
    if n < LEAST_INTERVALS or not intervals.any():
        return None
    r = float(np.std(intervals) / np.mean(intervals))
    high, low = math.sqrt(n + 1), math.sqrt(n - 1)
    return round((high * r - low) / ((high - 2) * r + low), 4)


def clock_p(times: Times) -> float | None:
    """p-value of the clock test over minutes and, where the source has them, seconds: the smaller, doubled."""
    if len(times) < LEAST_CLOCK:
        return None
    chances = [_uniform_p(np.bincount(part, minlength=60)) for part in _clock_parts(times)]
    return min(1.0, len(chances) * min(chances))


def scheduled(times: Times) -> NDArray[np.float64]:
    """For each time of day, the share of posts at its minute, or second, beyond those that chance puts there.

    Zeros where the clock test finds nothing. Chance fills a minute as it fills the median one.
    """
    excess = np.zeros(len(times))
    for part in _clock_parts(times):
        counts = np.bincount(part, minlength=60)
        if len(times) < LEAST_CLOCK or _uniform_p(counts) >= SIGNIFICANT:
            continue
        expected = max(float(np.median(counts)), 0.5)
        unlikely = counts > expected + _SIGMAS * math.sqrt(expected) + 1
        share = np.where(unlikely, 1 - expected / np.maximum(counts, 1), 0.0)
        excess = np.maximum(excess, share[part])
    return excess


def _clock_parts(times: Times) -> list[Times]:
    seconds = times % 60
    return [times // 60 % 60, seconds] if seconds.any() else [times // 60 % 60]


def _uniform_p(counts: NDArray[np.int64]) -> float:
    """Chance of counts as uneven as these, by Wilson and Hilferty's approximation to the chi-squared distribution."""
    expected = counts.sum() / len(counts)
    statistic = float(((counts - expected) ** 2).sum() / expected)
    free = len(counts) - 1
    z = ((statistic / free) ** (1 / 3) - (1 - 2 / (9 * free))) / math.sqrt(2 / (9 * free))
    return 0.5 * math.erfc(z / math.sqrt(2))


def _other_time(value: str) -> datetime | None:
    parts = value.split()
    try:
        if len(parts) == 6 and parts[1] in _MONTHS:  # Twitter: Wed Oct 10 20:19:24 +0000 2018
            hour, minute, second = map(int, parts[3].split(":"))
            return datetime(int(parts[5]), _MONTHS[parts[1]], int(parts[2]), hour, minute, second)
        if value.replace(".", "", 1).isdigit():
            number = float(value)
            return datetime.fromtimestamp(number / 1000 if number >= 10**_LONGEST_NUMBER else number, UTC)
        if len(parts) in (2, 3) and "-" in parts[0]:  # 2018-10-10 20:19:24 +0000
            return datetime.fromisoformat(" ".join(parts[:2]))
        return parsedate_to_datetime(value)
    except (ValueError, TypeError, OverflowError, OSError, IndexError):
        return None
