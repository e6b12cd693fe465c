"""Behaviour suites: what the tool must get right whatever the average says, and what it is known to get wrong.

    python -m training.behaviour models/sincerity-minilm-l6            # what fails, against what is known to fail
    python -m training.behaviour models/sincerity-minilm-l6 --mark     # write what passes and fails into the suites

Three kinds of cases in `data/behaviour`, after CheckList (Ribeiro et al., ACL 2020). `minimum`: the text has the label.
`invariance`: text and variant get the same label. `direction`: the label is more probable for variant than for text.
`expect` is `pass`, or `fail` for what the shipped default model is known to get wrong.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from sincerity import Classifier
from sincerity.folders import DEFAULT_MODEL
from training.command import run
from training.corpus import read_jsonl

SUITES = Path(__file__).parents[1] / "data" / "behaviour"
KINDS = ("minimum", "invariance", "direction")


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One line of a suite."""

    kind: str
    situation: str
    label: str
    text: str
    variant: str | None = None
    expect: str
    comment: str


def cases() -> list[Case]:
    return [Case(kind=kind, **line) for kind in KINDS for line in read_jsonl(SUITES / f"{kind}.jsonl")]


def passes(classifier: Classifier, all_cases: Sequence[Case]) -> list[bool]:
    """Whether each case comes out as its kind demands."""
    texts = list(dict.fromkeys(text for case in all_cases for text in (case.text, case.variant) if text is not None))
    said = dict(zip(texts, classifier.classify(texts), strict=True))

    def holds(case: Case) -> bool:
        if case.variant is None:
            return str(said[case.text].label) == case.label
        if case.kind == "invariance":
            return said[case.text].label == said[case.variant].label
        return said[case.variant].scores[case.label] > said[case.text].scores[case.label]

    return [holds(case) for case in all_cases]


def summary(classifier: Classifier) -> dict[str, Any]:
    """Cases and failures by kind and situation."""
    all_cases = cases()
    rows: dict[str, dict[str, Any]] = {kind: {"cases": 0, "failed": 0, "situations": {}} for kind in KINDS}
    for case, passed in zip(all_cases, passes(classifier, all_cases), strict=True):
        kind = rows[case.kind]
        one = kind["situations"].setdefault(case.situation, {"cases": 0, "failed": 0})
        for counts in (kind, one):
            counts["cases"] += 1
            counts["failed"] += not passed
    return rows


def mark(all_cases: Sequence[Case], passed: Sequence[bool]) -> None:
    """Write `expect` as it came out."""
    for kind in KINDS:
        lines = []
        for case, ok in zip(all_cases, passed, strict=True):
            if case.kind == kind:
                line = {
                    "situation": case.situation,
                    "label": case.label,
                    "text": case.text,
                    **({} if case.variant is None else {"variant": case.variant}),
                    "expect": "pass" if ok else "fail",
                    "comment": case.comment,
                }
                lines.append(_visible(json.dumps(line, ensure_ascii=False)))
        (SUITES / f"{kind}.jsonl").write_text("\n".join(lines) + "\n", "utf-8")


def _visible(line: str) -> str:
    """Characters that an editor would not show, or drop, as JSON escapes."""
    return "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in line)


def main(
    folder: Annotated[Path, typer.Argument()] = Path("models") / DEFAULT_MODEL,
    mark_: Annotated[bool, typer.Option("--mark", help="Write the outcomes into the suites.")] = False,
) -> None:
    all_cases = cases()
    passed = passes(Classifier(folder), all_cases)
    for case, ok in zip(all_cases, passed, strict=True):
        if ok != (case.expect == "pass"):
            typer.echo(f"{'passes now' if ok else 'fails'}: {case.kind}/{case.situation}, {case.label}: {case.text!r}")
    typer.echo(f"{sum(passed)} of {len(passed)} pass", err=True)
    if mark_:
        mark(all_cases, passed)


if __name__ == "__main__":
    run(main)
