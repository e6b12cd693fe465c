"""The batch job's memory does not grow with the table, nor much with a huge post."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import tiny_model
from kill_batch import write_rows

ROOT = Path(__file__).parents[1]
ROWS = int(os.environ.get("SINCERITY_MEMORY_ROWS", "60000"))

PEAK = """
import json, resource, sys, time
from sincerity import Classifier
from sincerity.job import label_table
classifier = Classifier(sys.argv[1], threads=1)
started = time.process_time()
for _ in label_table(sys.argv[2], sys.argv[3], classifier): pass
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)
print(json.dumps([peak, time.process_time() - started]))
"""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model.write(tmp_path_factory.mktemp("model"))


def measured(model: Path, source: Path, name: str = "out.csv") -> tuple[float, float]:
    """Peak memory in megabytes, and seconds of computing."""
    command = [sys.executable, "-c", PEAK, str(model), str(source), str(source.with_name(name))]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    peak, seconds = json.loads(done.stdout)
    return peak, seconds


@pytest.mark.parametrize("name", ["out.csv", "out.jsonl", "out.parquet"])
def test_many_rows_take_no_more_memory_than_some(name: str, model: Path, tmp_path: Path) -> None:
    """SINCERITY_MEMORY_ROWS=1000000 makes the long form."""
    if name == "out.parquet":
        pytest.importorskip("pyarrow", reason="needs the tables extra")
    some, _ = measured(model, write_rows(tmp_path / "some.csv", 10_000), name)
    many, _ = measured(model, write_rows(tmp_path / "many.csv", ROWS), name)
    print(f"{name}: {some:.0f} MB for 10000 rows, {many:.0f} MB for {ROWS}")
    assert many <= 1.2 * some


@pytest.mark.parametrize("text", ["hello friend, ", "größe 😀 中 "], ids=["ascii", "wide"])
def test_a_post_of_ten_megabytes_costs_little(text: str, model: Path, tmp_path: Path) -> None:
    huge = text * (10_000_000 // len(text.encode()))
    (tmp_path / "in.csv").write_text('id,text\n1,hello\n2,"{}"\n3,bye\n'.format(""), "utf-8")
    peak, seconds = measured(model, tmp_path / "in.csv")
    (tmp_path / "huge.csv").write_text(f'id,text\n1,hello\n2,"{huge}"\n3,bye\n', "utf-8")
    huge_peak, huge_seconds = measured(model, tmp_path / "huge.csv")
    print(f"10 MB post: {huge_seconds - seconds:.2f} s and {huge_peak - peak:.0f} MB more")
    assert huge in (tmp_path / "out.csv").read_text("utf-8")
    assert huge_peak - peak <= 200
    assert huge_seconds - seconds <= 1
