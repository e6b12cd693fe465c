"""Context: what repetition, the clock and the author's other messages do to a text's probabilities."""

from __future__ import annotations

import numpy as np
import pytest

from sincerity.context import ON_THE_CLOCK, REPEATED, REPEATS, Evidence, in_context

LABELS = ("conversational", "promotional", "automated")
PRIOR = np.full(3, 1 / 3)
DOUBTFUL = [0.4, 0.2, 0.4]


def moved(scores: list[list[float]], repeats: int = 1, scheduled: float = np.nan, author: list[int] | None = None):  # type: ignore[no-untyped-def]
    n = len(scores)
    whose = np.array(author or range(n), np.int32)
    evidence = Evidence(whose, np.full(n, repeats), np.full(n, scheduled))
    return in_context(np.array(scores), evidence, LABELS, PRIOR)


def test_repetition_moves_a_message_towards_automated_the_more_the_oftener() -> None:
    automated = [moved([DOUBTFUL], repeats)[0, 2] for repeats in (1, 2, 3, 10, 50)]
    assert automated == sorted(automated)
    assert automated[0] < 0.4 < automated[1]
    assert automated[-1] > 0.9


def test_the_clock_moves_a_message_away_from_conversation() -> None:
    assert moved([DOUBTFUL], scheduled=0.9)[0, 0] < 0.3 < moved([DOUBTFUL], scheduled=0.0)[0, 0]


def test_what_is_not_known_of_the_clock_moves_nothing() -> None:
    assert moved([DOUBTFUL])[0, 0] == pytest.approx(moved([DOUBTFUL], scheduled=np.nan)[0, 0])


def test_other_messages_of_the_author_are_the_prior() -> None:
    alone = moved([DOUBTFUL])[0]
    among = moved([DOUBTFUL] + [[0.02, 0.02, 0.96]] * 30, author=[0] * 31)[0]
    assert among[2] > alone[2] + 0.2


def test_one_author_does_not_move_another() -> None:
    alone = moved([DOUBTFUL])[0]
    beside = moved([DOUBTFUL] + [[0.02, 0.02, 0.96]] * 30, author=[0] + [1] * 30)[0]
    assert beside == pytest.approx(alone)


def test_probabilities_sum_to_one() -> None:
    assert moved([DOUBTFUL, [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]], 60, 0.9).sum(1) == pytest.approx(1)


def test_shares_of_evidence_are_shares() -> None:
    for shares in REPEATS.values():
        assert sum(shares) == pytest.approx(1, abs=0.002)
        assert len(shares) == len(REPEATED) + 1
    assert all(0 < share < 1 for share in ON_THE_CLOCK.values())
