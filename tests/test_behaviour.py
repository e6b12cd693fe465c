"""The suites of `data/behaviour` on the shipped model; a known failure that is repaired must be marked so."""

from __future__ import annotations

import pytest

from sincerity import Classifier
from training.behaviour import KINDS, Case, cases, passes

CASES = cases()


@pytest.fixture(scope="module")
def outcomes(classifier: Classifier) -> dict[Case, bool]:
    return dict(zip(CASES, passes(classifier, CASES), strict=True))


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(
            case,
            id=f"{case.kind}-{case.situation}-{number}",
            marks=[pytest.mark.xfail(reason=case.comment, strict=True)] if case.expect == "fail" else [],
        )
        for number, case in enumerate(CASES)
    ],
)
def test_it_behaves(case: Case, outcomes: dict[Case, bool]) -> None:
    assert outcomes[case], f"{case.label}: {case.comment}"


def test_the_suites_cover_every_label_in_every_kind() -> None:
    assert len(CASES) >= 300
    for kind in KINDS:
        of_kind = [case for case in CASES if case.kind == kind]
        assert {case.label for case in of_kind} == {"conversational", "promotional", "automated"}
        assert all(case.comment and case.expect in ("pass", "fail") for case in of_kind)
        assert all((case.variant is None) == (kind == "minimum") for case in of_kind)


def test_no_case_stands_twice_or_in_the_training_texts() -> None:
    from training.corpus import own_rows

    texts = [case.text for case in CASES] + [case.variant for case in CASES if case.variant]
    assert len(texts) == len(set(texts))
    assert not set(texts) & {row.text for split in ("train", "test") for row in own_rows(split)}
