"""The command line, as its users run it: in a process of its own."""

from __future__ import annotations

import contextlib
import csv
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import sources
import tiny_model
from hub_client import LoopbackHub

from sincerity.folders import shipped_models

ROOT = Path(__file__).parents[1]


def run(*args: str, stdin: str | bytes = "") -> subprocess.CompletedProcess[str]:
    data = stdin.encode() if isinstance(stdin, str) else stdin
    done = subprocess.run([sys.executable, "-m", "sincerity", *args], input=data, capture_output=True, cwd=ROOT)
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


@pytest.fixture
def tweets(tmp_path: Path) -> Path:
    path = tmp_path / "tweets.csv"
    path.write_text(
        'id,text\n1,"Lovely to meet you last night, did you find your scarf?"\n2,50% off all boots today!\n'
    )
    return path


def test_classify_prints_label_score_and_text() -> None:
    done = run("classify", "Lovely to meet you last night, did you find\nyour scarf?")
    label, score, verdict, text = done.stdout.rstrip("\n").split("\t")
    assert (label, verdict) == ("conversational", "certain")
    assert 0.5 < float(score) <= 1
    assert text == "Lovely to meet you last night, did you find your scarf?"
    assert (done.returncode, done.stderr) == (0, "")


def test_a_text_cannot_steer_the_terminal() -> None:
    assert run("classify", "see you \x1b[2J\x07at eight").stdout.endswith("\tsee you [2Jat eight\n")


def test_classify_reads_lines_from_standard_input() -> None:
    done = run(
        "classify",
        "--json",
        stdin="See you at eight?\n\nBuy two, get one free this weekend \U0001f389\n".encode() + b"\xff\n",
    )
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["status"] for row in rows] == ["ok", "blank", "ok", "blank"]
    assert rows[2]["label"] == "promotional"
    assert rows[0]["scores"].keys() == {"conversational", "promotional", "automated"}


def test_a_live_stream_is_answered_line_by_line() -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "sincerity", "classify"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT
    ) as process:
        assert process.stdin and process.stdout
        for _ in range(2):
            process.stdin.write(b"See you at eight?\n")
            process.stdin.flush()
            assert process.stdout.readline().endswith(b"\tSee you at eight?\n")


def test_ctrl_c_is_exit_130() -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "sincerity", "classify"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, cwd=ROOT,
    ) as process:  # fmt: skip
        assert process.stdin and process.stdout and process.stderr
        process.stdin.write(b"See you at eight?\n")
        process.stdin.flush()
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 130
        assert b"Traceback" not in process.stderr.read()


def test_standard_input_is_also_called_dash_and_blank_lines_say_so() -> None:
    assert [line.split("\t")[2] for line in run("classify", "-", stdin="\n\n").stdout.splitlines()] == ["blank"] * 2


def test_a_long_input_without_line_breaks_is_one_text() -> None:
    assert run("classify", "--json", stdin="a b " * 2_000_000).stdout.count("\n") == 1


def test_json_is_json_whatever_the_terminals_encoding() -> None:
    env = {**os.environ, "PYTHONIOENCODING": "cp1252"}
    command = [sys.executable, "-m", "sincerity", "classify", "--json", "party \U0001f389 café"]
    done = subprocess.run(command, capture_output=True, cwd=ROOT, env=env)
    assert json.loads(done.stdout)["text"] == "party \U0001f389 café"


def test_closed_standard_streams_are_no_traceback() -> None:
    command = f'"{sys.executable}" -m sincerity classify "see you" >&-; "{sys.executable}" -m sincerity classify <&-'
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, cwd=ROOT)
    assert "Traceback" not in done.stderr


def test_batch_writes_every_row_and_column(tweets: Path, tmp_path: Path) -> None:
    done = run("batch", str(tweets), "-o", str(tmp_path / "out.csv"), "--text-column", "text")
    assert done.returncode == 0
    assert done.stdout == ""
    assert "2 rows" in done.stderr
    with (tmp_path / "out.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["id"] for row in rows] == ["1", "2"]
    assert [row["label"] for row in rows] == ["conversational", "promotional"]


def test_batch_speaks_standard_input_and_output(tweets: Path) -> None:
    done = run("batch", "-", stdin=tweets.read_bytes())
    assert done.returncode == 0
    assert done.stdout.splitlines()[0] == "id,text,label,score,conversational,promotional,automated,certain,status"
    assert len(list(csv.reader(done.stdout.splitlines()))) == 3


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["batch", "nowhere.csv"], "nowhere.csv cannot be read"),
        (["batch", "data/sample.csv", "--text-column", "txt"], "Choose one with --text-column 'text'"),
        (["batch", "data/sample.csv", "-o", "no/such/folder/out.csv"], "cannot be written"),
        (["classify", "hi", "--model", "no-such-model"], "'no-such-model' is no model"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_exit_1(args: list[str], message: str) -> None:
    done = run(*args)
    assert done.returncode == 1
    assert done.stdout == ""
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("args", [["batch"], ["nonsense"], ["classify", "--threads", "0", "x"], ["batch", "a", "--no"]])
def test_wrong_usage_is_exit_2(args: list[str]) -> None:
    done = run(*args)
    assert done.returncode == 2
    assert "Usage" in done.stderr


def test_ragged_rows_are_kept_and_counted_and_exit_1(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("text,n\nhello there,1\nsee you,2,3\n")
    done = run("batch", str(tmp_path / "in.csv"))
    assert done.returncode == 1
    assert "1 row kept without a label, ragged (more cells than the header, or none for the text): 2." in done.stderr
    assert done.stdout.splitlines()[2].split(",") == ["see you", "2", *[""] * 6, "ragged", "3"]


def test_models_of_the_hub_by_name(hub: LoopbackHub, tmp_path: Path) -> None:
    sha = hub.serve("org/model", tiny_model.write(tmp_path / "model"))
    cli = "-m", "sincerity"
    assert hub.run(*cli, "models").stdout.count("\n") == len(shipped_models())
    fetched = hub.run(*cli, "download", "org/model")
    assert fetched.stdout.rstrip().endswith(sha)
    assert fetched.stderr == ""  # progress is for terminals
    *shipped, cached = (line.split("\t") for line in hub.run(*cli, "models").stdout.splitlines())
    assert [name for name, *_ in shipped] == list(shipped_models())
    assert {origin for *_, origin in shipped} == {"shipped with sincerity 0.1.0"}
    assert [cached[0], cached[2]] == ["org/model", f"{sha[:12]} (main)"]
    done = hub.run(*cli, "classify", "--model", "org/model", "buy now", HF_HUB_OFFLINE="1")
    assert done.stdout == "spam\t0.95\tcertain\tbuy now\n"
    lost = hub.run(*cli, "download", "org/model", "--revision", "v9")
    assert (lost.returncode, lost.stdout) == (1, "")
    assert lost.stderr.startswith("Error: org/model has no revision 'v9'. ")


def test_version_names_tool_and_model() -> None:
    assert run("--version").stdout.startswith("sincerity 0.1.0 (model sincerity-")


def test_every_commands_help_holds_an_example() -> None:
    for command in ("classify", "batch", "models", "download"):
        assert "Example: sincerity" in run(command, "--help").stdout


def test_a_closed_pipe_ends_quietly() -> None:
    command = (
        f'yes "the scarf was at your house" | head -n 20000 | "{sys.executable}" -m sincerity classify | head -n 1'
    )
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.startswith("conversational\t")
    assert "Traceback" not in done.stderr


def test_dry_run_says_what_was_found_and_writes_nothing(tweets: Path, tmp_path: Path) -> None:
    done = run("batch", str(tweets), "-o", str(tmp_path / "out.jsonl"), "--dry-run")
    assert done.returncode == 0
    assert [line.split("\t")[0] for line in done.stdout.splitlines()] == ["conversational", "promotional"]
    assert "tweets.csv: CSV, separated by commas, utf-8; text in 'text'." in done.stderr
    assert "To be written, as jsonl: id, text, label, score, conversational" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["tweets.csv"]


def test_batch_takes_every_option(tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_bytes("id;Nachricht\n1;Kommst du um acht? Grüße\n2;=1+1\n3;a;b\n".encode("cp1252"))
    done = run(
        *("batch", str(tmp_path / "in.txt"), "-o", str(tmp_path / "out.txt"), "--text-column", "Nachricht"),
        *("--from", "csv", "--to", "tsv", "--encoding", "cp1252", "--separator", ";", "--prefix", "s_", "--safe-csv"),
        *("--columns", "Nachricht,s_status,id", "--errors", str(tmp_path / "errors.csv"), "--restart"),
    )
    assert done.returncode == 1
    assert (tmp_path / "out.txt").read_text("utf-8") == (
        "Nachricht\ts_status\tid\nKommst du um acht? Grüße\tok\t1\n'=1+1\tok\t2\na\tragged\t3\n"
    )
    assert (tmp_path / "errors.csv").read_text() == "row,status\n3,ragged\n"
    assert "1 row kept without a label, ragged (more cells than the header, or none for the text): 3." in done.stderr


def test_batch_filters_by_label_and_score(tweets: Path) -> None:
    done = run("batch", str(tweets), "--only", "promotional", "--only", "automated", "--min-score", "0.1")
    assert [row["id"] for row in csv.DictReader(done.stdout.splitlines())] == ["2"]
    assert "2 rows in" in done.stderr
    assert "1 written" in done.stderr


def test_the_closing_table_has_corrected_shares() -> None:
    done = run("batch", "data/sample.csv")
    lines = done.stderr.splitlines()
    assert lines[0] == "data/sample.csv: CSV, separated by commas, utf-8; text in 'text'."
    assert re.fullmatch(r"80 rows in \d+ s\.", lines[1])
    assert lines[2].split() == "rows counted corrected for the model's errors (95 % interval)".split()
    for label, line in zip(("conversational", "promotional", "automated"), lines[3:6], strict=True):
        assert re.fullmatch(rf"{label} +\d+ +\d+\.\d %  +\d+\.\d % \(\d+\.\d to \d+\.\d\)", line)


@pytest.mark.parametrize("name", ["in.zip", "in.parquet", "in.jsonl"])
def test_every_kind_of_input_comes_through_a_pipe(name: str, tmp_path: Path) -> None:
    if name == "in.zip":
        sources.write_zip(tmp_path / name, sources.TWITTER_2019)
    elif name == "in.jsonl":
        (tmp_path / name).write_text('{"text": "See you at eight?"}\n' * 3)
    else:
        pyarrow = pytest.importorskip("pyarrow", reason="needs the tables extra")
        parquet = pytest.importorskip("pyarrow.parquet")
        parquet.write_table(pyarrow.table({"text": ["See you at eight?"] * 3}), tmp_path / name)
    assert run("batch", str(tmp_path / name)).stdout.count("ok\n" if name != "in.jsonl" else '"ok"}\n') == 3
    refused = run("batch", str(tmp_path / name), "--to", "parquet")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "Parquet cannot be written to -. Name a file with --output" in refused.stderr
    done = run("batch", "-", "--to", "jsonl", stdin=(tmp_path / name).read_bytes())
    assert done.returncode == 0, done.stderr
    assert [json.loads(line)["status"] for line in done.stdout.splitlines()] == ["ok"] * 3


@pytest.mark.skipif(sys.platform == "win32", reason="this system has no pseudo-terminals")
def test_a_terminal_sees_progress_with_rate_and_time_left(tmp_path: Path) -> None:
    import pty

    rows = "".join(f"{i},buy now\n" for i in range(3000))
    (tmp_path / "in.csv").write_text("id,text\n" + rows)
    model = tiny_model.write(tmp_path / "model")
    command = ["batch", str(tmp_path / "in.csv"), "-o", str(tmp_path / "out.csv"), "--model", str(model)]
    ours, theirs = pty.openpty()
    with subprocess.Popen([sys.executable, "-m", "sincerity", *command], stderr=theirs, cwd=ROOT) as process:
        os.close(theirs)
        shown = b""
        with contextlib.suppress(OSError):  # the other end is closed
            while part := os.read(ours, 1 << 16):
                shown += part
    os.close(ours)
    assert process.returncode == 0
    lines = shown.decode().split("\r\033[K")
    assert re.fullmatch(r"512 rows, [\d ]+ a second, \d+ %", lines[1])
    assert re.fullmatch(r"1 024 rows, [\d ]+ a second, \d+ %(, \d+ s left)?", lines[2])
    assert lines[-1].startswith(str(tmp_path / "in.csv"))
