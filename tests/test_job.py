"""The batch job is crash-safe: killed anywhere and run again, it gives the same file, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import tiny_model
from kill_batch import write_rows

from sincerity import Classifier, TableError
from sincerity.checkpoint import Part
from sincerity.job import CHUNK, Options, label_table

ROOT = Path(__file__).parents[1]
KILLS = int(os.environ.get("SINCERITY_BATCH_KILLS", "6"))
KILL_ROWS = int(os.environ.get("SINCERITY_BATCH_ROWS", "20000"))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model.write(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_rows(tmp_path_factory.mktemp("rows") / "in.csv", KILL_ROWS)


@pytest.fixture(scope="module")
def reference(source: Path, model: Path) -> bytes:
    """What an uninterrupted run writes."""
    out = source.with_name("reference.csv")
    assert batch(source, out, model).returncode == 1  # some rows cannot be read
    return out.read_bytes()


def command(source: Path, out: Path, model: Path, *more: str) -> list[str]:
    return [
        *(sys.executable, "-m", "sincerity", "batch", str(source), "-o", str(out), "--model", str(model)),
        *("--threads", "1", *more),
    ]


def batch(source: Path, out: Path, model: Path, *more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(source, out, model, *more), capture_output=True, text=True, cwd=ROOT)


def start(source: Path, out: Path, model: Path, *more: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command(source, out, model, *more), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT
    )


def wait_for(path: Path, process: subprocess.Popen[str]) -> None:
    until = time.monotonic() + 60
    while not path.exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < until
        time.sleep(0.002)


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


DONE = ["out.csv", "out.csv.provenance.json"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_killed_at_random_points_and_resumed_each_time_it_gives_the_same_file(tmp_path: Path) -> None:
    """SINCERITY_BATCH_KILLS=100 and SINCERITY_BATCH_ROWS=200000 make the long form."""
    script = [sys.executable, "tests/kill_batch.py", str(tmp_path / "job"), str(KILLS), str(KILL_ROWS)]
    done = subprocess.run(script, capture_output=True, text=True, cwd=ROOT)
    print(done.stdout)
    assert done.returncode == 0, done.stderr
    assert f"killed {KILLS} times" in done.stdout
    assert "byte-identical, nothing left behind" in done.stdout


STEPS = """
import hashlib, json, os, sys
from pathlib import Path
from sincerity import Prediction
from sincerity.job import Options, label_table
import sincerity.job, sincerity.checkpoint
sincerity.checkpoint._SHORTEST = sincerity.checkpoint._SHARE = 0  # a checkpoint behind every chunk
sincerity.job.CHUNK = 50

class Reader:  # judges by the length of a text
    name, labels, threshold, folder, models = "reader", ("a", "b"), 0.5, Path(sys.argv[1]), ("reader",)
    def stream_batches(self, batches, explain=False):
        for texts in batches:
            yield [self.judge(text) for text in texts]
    def judge(self, text):
        score = 0.5 + len(text) % 50 / 100
        return Prediction(label="a", score=score, scores={"a": score, "b": 1 - score}, certain=True, model="reader")

source, target = Path(sys.argv[2]), Path(sys.argv[3])
errors = str(target.with_name("errors.csv"))
if target.suffix == ".parquet":
    import pyarrow.parquet
    pyarrow.array(["a"])  # loads what it needs once, not in every fork

def run(left):
    def counted(step):
        def stepping(*args, **kwargs):
            nonlocal left
            if left == 0:
                os._exit(9)
            left -= 1
            return step(*args, **kwargs)
        return stepping
    for owner, name in ((os, "fsync"), (os, "open"), (Path, "replace"), (Path, "unlink"), (Path, "write_text"),
                        (sincerity.checkpoint.Part, "write")):
        setattr(owner, name, counted(getattr(owner, name)))
    for _ in label_table(source, target, Reader(), Options(errors=errors)):
        pass

def forked(left):
    pid = os.fork()
    if pid == 0:
        try:
            run(left)
        except BaseException as error:
            print(repr(error), file=sys.stderr)
            os._exit(2)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

def state():
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(target.parent.iterdir())}

assert forked(-1) == 0
whole, kills = state(), 0
while True:
    for path in target.parent.iterdir():
        path.unlink()
    if forked(kills) == 0:
        break
    assert forked(-1) == 0, kills
    assert state() == whole, (kills, state(), whole)
    kills += 1
print(json.dumps([kills, sorted(whole)]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
@pytest.mark.parametrize("name", ["out.csv", "out.jsonl", "out.parquet"])
def test_killed_at_every_single_step_and_run_again_it_gives_the_same_files(
    name: str, model: Path, tmp_path: Path
) -> None:
    if name == "out.parquet":
        pytest.importorskip("pyarrow", reason="needs the tables extra")
    source = write_rows(tmp_path / "in.csv", 220)
    (tmp_path / "out").mkdir()
    arguments = [str(model), str(source), str(tmp_path / "out" / name)]
    done = subprocess.run([sys.executable, "-c", STEPS, *arguments], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    kills, left = json.loads(done.stdout)
    assert kills > 30
    assert left == sorted([name, f"{name}.provenance.json", "errors.csv"])


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["ctrl-c", "term"])
def test_a_signal_leaves_a_run_that_can_be_resumed(
    sent: signal.Signals, code: int, source: Path, reference: bytes, model: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.csv"
    with start(source, out, model) as process:
        wait_for(tmp_path / "out.csv.checkpoint", process)
        process.send_signal(sent)
        _, err = process.communicate(timeout=30)
    assert process.returncode == code
    assert err.count("\n") == 1
    assert err.startswith("Stopped after ")
    assert "Run the same command to go on from there" in err
    assert files(tmp_path) == ["out.csv.checkpoint", "out.csv.part"]
    done = batch(source, out, model)
    assert "by an earlier run" in done.stderr
    assert out.read_bytes() == reference
    assert files(tmp_path) == DONE


def limited() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))


def test_a_full_disk_is_one_line_and_the_run_can_be_resumed(
    source: Path, reference: bytes, model: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.csv"
    done = subprocess.run(command(source, out, model), capture_output=True, text=True, cwd=ROOT, preexec_fn=limited)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "File too large. Run the same command to go on from there" in done.stderr
    assert files(tmp_path) == ["out.csv.checkpoint", "out.csv.part"]
    assert "by an earlier run" in batch(source, out, model).stderr
    assert out.read_bytes() == reference
    assert files(tmp_path) == DONE


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_device_without_room_is_one_line(source: Path, model: Path) -> None:
    done = batch(source, Path("/dev/full"), model)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1
    assert "No space left on device" in done.stderr


def test_a_closed_pipe_is_one_line(source: Path, model: Path) -> None:
    line = " ".join(f"'{word}'" for word in command(source, Path("-"), model))
    done = subprocess.run(
        ["bash", "-c", f"{line} | head -n 2; exit ${{PIPESTATUS[0]}}"], capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == 1
    assert done.stdout.count("\n") == 2
    assert done.stderr.count("\n") == 1
    assert "nobody reads the output any longer" in done.stderr


@pytest.fixture
def classifier_of(model: Path) -> Classifier:
    return Classifier(model, threads=1)


def interrupted(source: Path, out: Path, classifier: Classifier, options: Options, chunks: int = 2) -> None:
    """Run as far as some chunks, and stop."""
    run = label_table(source, out, classifier, options)
    for _ in range(chunks):
        next(run)
    run.close()  # type: ignore[attr-defined]


def test_another_input_model_or_option_is_refused_until_the_run_is_started_over(
    classifier_of: Classifier, tmp_path: Path
) -> None:
    source, out = write_rows(tmp_path / "in.csv", 3 * CHUNK), tmp_path / "out" / "out.csv"
    out.parent.mkdir()
    interrupted(source, out, classifier_of, Options())
    assert files(out.parent) == ["out.csv.checkpoint", "out.csv.part"]
    other_model = Classifier(tiny_model.write(tmp_path / "other", rows=1), threads=1)
    other_source = write_rows(tmp_path / "other.csv", 3 * CHUNK + 1)
    for changed, what in (
        (label_table(source, out, classifier_of, Options(prefix="our_")), "options"),
        (label_table(source, out, other_model), "model"),
        (label_table(other_source, out, classifier_of), "input"),
    ):
        with pytest.raises(TableError, match=rf"unfinished job that differs in {what}.*or start over with --restart"):
            list(changed)
        assert files(out.parent) == ["out.csv.checkpoint", "out.csv.part"]
    *_, summary = label_table(other_source, out, classifier_of, restart=True)
    assert (summary.rows, summary.resumed) == (3 * CHUNK + 1, 0)
    assert files(out.parent) == DONE


def test_the_same_job_is_resumed_and_counts_everything_once(classifier_of: Classifier, tmp_path: Path) -> None:
    source, out = write_rows(tmp_path / "in.csv", 4 * CHUNK), tmp_path / "out" / "out.csv"
    out.parent.mkdir()
    *_, whole = label_table(source, out, classifier_of, Options(only=("ham",)))
    expected = out.read_bytes()
    interrupted(source, out, classifier_of, Options(only=("ham",)))
    assert out.read_bytes() == expected  # the old output stays until the new one is complete
    *_, summary = label_table(source, out, classifier_of, Options(only=("ham",)))
    assert summary.resumed == 2 * CHUNK
    assert out.read_bytes() == expected
    assert (summary.rows, summary.labels, summary.statuses, summary.written) == (
        whole.rows, whole.labels, whole.statuses, whole.written,
    )  # fmt: skip
    assert [tuple(one) for one in summary.problems] == whole.problems


def test_more_threads_write_the_same_file_and_a_run_that_is_left_leaves_none_of_them(
    source: Path, reference: bytes, model: Path, tmp_path: Path
) -> None:
    before = threading.active_count()
    *_, summary = label_table(source, tmp_path / "out.csv", Classifier(model, threads=3))
    assert (tmp_path / "out.csv").read_bytes() == reference
    assert summary.rows == KILL_ROWS
    interrupted(source, tmp_path / "left.csv", Classifier(model, threads=3), Options())
    assert threading.active_count() == before


def test_two_runs_at_once_do_not_write_the_same_file(classifier_of: Classifier, tmp_path: Path) -> None:
    source, out = write_rows(tmp_path / "in.csv", 3 * CHUNK), tmp_path / "out.csv"
    first = label_table(source, out, classifier_of)
    next(first)
    with pytest.raises(TableError, match=r"out\.csv\.part is being written by another run"):
        list(label_table(source, out, classifier_of))
    *_, summary = first
    assert summary.rows == 3 * CHUNK
    assert len(out.read_bytes().splitlines()) > 3 * CHUNK


def test_an_error_before_the_first_chunk_leaves_nothing_behind(classifier_of: Classifier, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("a,b\n1,2\n")
    (tmp_path / "out").mkdir()
    for options in (Options(), Options(text_column="c"), Options(text_column="a", only=("eggs",)),
                    Options(text_column="a", columns=("zz",)), Options(text_column="a", format="xml"),
                    Options(text_column="a", encoding="elvish"), Options(text_column="a", separator="ab")):  # fmt: skip
        with pytest.raises(TableError):
            list(label_table(tmp_path / "in.csv", tmp_path / "out/out.csv", classifier_of, options))
        assert files(tmp_path / "out") == []


def test_a_damaged_checkpoint_is_named_with_its_remedy(classifier_of: Classifier, tmp_path: Path) -> None:
    source, out = write_rows(tmp_path / "in.csv", 3 * CHUNK), tmp_path / "out.csv"
    interrupted(source, out, classifier_of, Options())
    whole = (tmp_path / "out.csv.part").read_bytes()
    (tmp_path / "out.csv.part").write_bytes(whole[:100])
    with pytest.raises(TableError, match=r"is shorter than its checkpoint says\. Start over with --restart"):
        list(label_table(source, out, classifier_of))
    (tmp_path / "out.csv.checkpoint").write_text("{")
    with pytest.raises(TableError, match=r"no checkpoint that can be read\. Start over with --restart"):
        list(label_table(source, out, classifier_of))
    *_, summary = label_table(source, out, classifier_of, restart=True)
    assert summary.rows == 3 * CHUNK


def test_a_table_that_is_labelled_in_place_is_resumed_too(classifier_of: Classifier, tmp_path: Path) -> None:
    source = write_rows(tmp_path / "in.csv", 3 * CHUNK)
    before = source.read_bytes()
    *_, _ = label_table(source, tmp_path / "other.csv", classifier_of)
    interrupted(source, source, classifier_of, Options())
    assert source.read_bytes() == before
    list(label_table(source, source, classifier_of))
    assert source.read_bytes() == (tmp_path / "other.csv").read_bytes()


def test_a_signal_while_the_output_is_opened_leaves_nothing(
    classifier_of: Classifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, out = write_rows(tmp_path / "in.csv", 5), tmp_path / "out" / "out.csv"
    out.parent.mkdir()
    open_ = Part.open

    def stopped(part: Part, size: int) -> None:
        open_(part, size)
        raise KeyboardInterrupt

    monkeypatch.setattr(Part, "open", stopped)
    with pytest.raises(KeyboardInterrupt):
        next(label_table(source, out, classifier_of))
    assert files(out.parent) == []


def test_standard_input_cannot_be_resumed_and_leaves_nothing(model: Path, source: Path, tmp_path: Path) -> None:
    with source.open("rb") as file:
        process = subprocess.Popen(
            command(Path("-"), tmp_path / "out.csv", model), stdin=file, stderr=subprocess.PIPE, text=True, cwd=ROOT
        )
        wait_for(tmp_path / "out.csv.part", process)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "No part of it is kept" in err
    assert files(tmp_path) == []
