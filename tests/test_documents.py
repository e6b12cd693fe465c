"""Documents that cannot lie: their code runs, and their figures are those of the result files."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
EXAMPLES = re.findall(r"```python\n([^`]*)```\n\n```text\n([^`]*)```", (ROOT / "README.md").read_text("utf-8"))


@pytest.mark.parametrize(("code", "output"), EXAMPLES, ids=["first", "audit", "classifier", "reasons", "shares"])
def test_the_readmes_code_prints_what_it_says(code: str, output: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, "README.md", "exec"), {})
    assert printed.getvalue() == output


def test_the_readme_opens_with_code() -> None:
    assert len(EXAMPLES) >= 2
    assert (
        (ROOT / "README.md").read_text("utf-8").startswith("# sincerity\n\n```python\nfrom sincerity import classify\n")
    )


def test_every_figure_comes_from_a_result_file() -> None:
    from benchmarks.documents import documents

    for path, text in documents().items():
        assert path.read_text("utf-8") == text, f"{path} is out of date: python -m benchmarks.documents"


def test_every_linked_file_is_there() -> None:
    for document in (*ROOT.glob("*.md"), *ROOT.glob("*/*.md")):
        for link in re.findall(r"\]\(([^)#:]+)\)", document.read_text("utf-8")):
            assert (document.parent / link).exists(), f"{document} links to {link}"
