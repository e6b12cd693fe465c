"""Times and clocks: what is read as a time, and what the statistics say of metronomes, schedulers and people."""

from __future__ import annotations

import numpy as np
import pytest

from sincerity.timing import NO_TIME, burstiness, clock_p, has_clock, parse_time, scheduled, timing

DAY = 86_400
RNG = np.random.default_rng(5)
PEOPLE = np.sort(RNG.integers(1, 200 * DAY, 400))
ON_THE_HOUR = 3600 * np.sort(RNG.choice(np.arange(1, 4000), 100, replace=False)) + 3 * DAY


@pytest.mark.parametrize(
    "written",
    [
        "2018-10-10T20:19:24Z",
        "2018-10-10 20:19:24",
        "2018-10-10T20:19:24.000+02:00",
        "2018-10-10 20:19:24 +0000",
        "Wed Oct 10 20:19:24 +0000 2018",
        "Wed, 10 Oct 2018 20:19:24 +0200",
        "1539202764",
        "1539202764000",
        " 1539202764.0 ",
    ],
)
def test_every_usual_form_of_a_time_is_read_as_it_is_written(written: str) -> None:
    assert parse_time(written) == 1539202764


@pytest.mark.parametrize(
    "written", ["", "yesterday", "2018-13-40", "9" * 40, "10/10", "Wed Foo 10 2:3:4 x 2018", "nan"]
)
def test_what_is_no_time_is_no_time(written: str) -> None:
    assert parse_time(written) == NO_TIME


def test_midnight_sharp_is_a_date_without_a_time_of_day() -> None:
    assert has_clock(np.array([parse_time("2018-10-10"), parse_time("2018-10-10T00:00:01"), NO_TIME])).tolist() == [
        False, True, False,
    ]  # fmt: skip


def test_burstiness_is_minus_one_for_a_metronome_zero_at_random_and_positive_for_bursts() -> None:
    assert burstiness(np.full(50, 600)) == -1
    at_random = burstiness(np.diff(PEOPLE))
    assert at_random is not None
    assert abs(at_random) < 0.1
    bursts = burstiness(np.array([30, 40, 50, 20] * 12 + [300_000] * 3))
    assert bursts is not None
    assert bursts > 0.5
    assert burstiness(np.full(8, 600)) is None
    assert burstiness(np.zeros(20, np.int64)) is None


def test_the_clock_test_finds_schedulers_and_leaves_people_alone() -> None:
    people, scheduler = clock_p(PEOPLE), clock_p(ON_THE_HOUR)
    assert people is not None
    assert people > 0.01
    assert scheduler is not None
    assert scheduler < 1e-12
    assert clock_p(PEOPLE[:59]) is None


def test_the_clock_test_errs_on_people_as_often_as_its_level_says() -> None:
    chances = [clock_p(RNG.integers(0, 300 * DAY, 300)) for _ in range(2000)]
    assert np.mean([chance < 0.05 for chance in chances if chance is not None]) < 0.07
    assert np.mean([chance < 0.001 for chance in chances if chance is not None]) < 0.004


def test_only_posts_at_the_favoured_minutes_are_scheduled() -> None:
    times = np.concatenate((PEOPLE, ON_THE_HOUR))
    share = scheduled(times)
    assert share[len(PEOPLE) :].min() > 0.8
    assert (share[: len(PEOPLE)] > 0).mean() < 0.05
    assert not scheduled(PEOPLE).any()


def test_seconds_are_a_clock_too() -> None:
    times = RNG.integers(0, 10_000, 200) * 60 + 7
    assert scheduled(times).min() > 0.9


def test_times_may_come_in_any_order() -> None:
    assert timing(PEOPLE) == timing(RNG.permutation(PEOPLE))
