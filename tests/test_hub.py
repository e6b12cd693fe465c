"""Models by their Hub names, against a Hub on loopback that can misbehave."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
import tiny_model
from hub_client import ROOT, LoopbackHub

from sincerity.integrity import GRAPHS, MANIFEST, READ, manifest, sha256

FAULTS = int(os.environ.get("SINCERITY_FAULTS", "11"))
KILLS = int(os.environ.get("SINCERITY_KILLS", "5"))
"""Of a normal run; 100 and 50 make the long one."""

LOAD = """
import sys, time
import huggingface_hub, sincerity.hub, sincerity.model
from sincerity import Classifier, ModelError

def load(name="org/model", **options):
    started = time.monotonic()
    try:
        classifier = Classifier.from_pretrained(name, **options)
        print(classifier.name, classifier.classify("hello friend").label, sep="|", end="|")
    except ModelError as error:
        print("ModelError", error, sep="|", end="|")
    print(f"{time.monotonic() - started:.2f}")
"""


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A folder as a repository may be: with a manifest, with a second graph, with what must not be touched."""
    folder = tiny_model.write(tmp_path / "model", rows=20_000)
    tiny_model.write(folder, "onnx/model.onnx")
    (folder / "README.md").write_text("# A model\n")
    for name in ("pytorch_model.bin", "model.py", "training_args.bin", "model.safetensors"):
        (folder / name).write_bytes(b"not to be fetched")
    (folder / MANIFEST).write_text(manifest(folder), "utf-8")
    return folder


def lines(printed: str) -> list[list[str]]:
    return [line.split("|") for line in printed.splitlines()]


def test_only_what_inference_reads_is_fetched_and_only_once(hub: LoopbackHub, model: Path, tmp_path: Path) -> None:
    sha = hub.serve("org/model", model)
    code = f"""{LOAD}
load()
load()
load(revision={sha!r})
load(local_files_only=True)
load(cache_dir={str(tmp_path / "elsewhere")!r})
import os
print(*sorted(os.listdir({str(tmp_path / "elsewhere")!r})), *os.listdir(os.environ["HF_HOME"] + "/hub"))
"""
    *loads, caches = lines(hub.python(code))
    assert [load[:2] for load in loads] == [["org/model", "ham"]] * 5
    assert caches[0].count("models--org--model") == 2
    fetched = [path.rpartition("/")[2] for path in hub.downloads()]
    contract = ["config.json", "tokenizer.json", "tokenizer_config.json", MANIFEST, "README.md", "model_quantized.onnx"]
    assert fetched == contract * 2  # one for each cache
    assert [entry["path"] for entry in hub.log()].count("/api/models/org/model?blobs=true") == 3


def test_a_repository_that_lacks_something_says_what(hub: LoopbackHub, model: Path, tmp_path: Path) -> None:
    cases = {
        "no-config": (["config.json"], "org/no-config has no config.json"),
        "no-tokenizer": (["tokenizer.json"], "org/no-tokenizer has no tokenizer.json"),
        "no-graph": (
            ["onnx/model_quantized.onnx", "onnx/model.onnx"],
            "python -m training.convert org/no-graph FOLDER",
        ),
        "nothing": (
            ["onnx/model_quantized.onnx", "onnx/model.onnx", "model.safetensors"],
            "Expected: the model as ONNX. Choose",
        ),
    }
    for name, (gone, _) in cases.items():
        contents = {file: (model / file).read_bytes() for file in gone}
        for file in gone:
            (model / file).unlink()
        hub.serve(f"org/{name}", model)
        for file, content in contents.items():
            (model / file).write_bytes(content)
    hub.serve("org/model", model)
    hub.serve("org/secret", model, token="hf_right")
    calls = [f"load('org/{name}')" for name in cases]
    calls += [
        "load('org/nowhere')",
        "load(revision='v9')",
        "load('org/secret')",
        "load('org/secret', token='hf_right')",
    ]
    calls += ["load('org/..')", "load('../x')", "load('org/model', revision='../../etc')", "load(token='hf_a\\nb')"]
    found = lines(hub.python("\n".join([LOAD, *calls])))
    expected = [message for _, message in cases.values()]
    expected += [
        "has none that this token may read",
        "org/model has no revision 'v9'",
        "has none that this token may read",
    ]
    expected += ["ham", "is no", "is no model", "revision is '../../etc'", "token holds blanks"]
    for call, line, message in zip(calls, found, expected, strict=True):
        assert message in line[1], (call, line)
    assert not [path for path in hub.downloads() if "nowhere" in path or "no-" in path]


def test_a_token_is_never_printed_and_never_goes_to_another_host(hub: LoopbackHub, model: Path) -> None:
    hub.serve("org/private", model, token="hf_secret")
    hub.fault(status=500, match="/lfs/", times=1)
    done = hub.run("-c", f"{LOAD}\nload('org/private')\nload('org/other')", HF_TOKEN="hf_secret")
    assert "org/private|ham" in done.stdout
    assert "ModelError|org/other could not be had" in done.stdout
    odd = hub.run("-c", f"{LOAD}\nload('org/other')", HF_TOKEN="hf_secretä")
    assert "HF_TOKEN holds signs that no token has" in odd.stdout
    assert "hf_secret" not in done.stdout + done.stderr + odd.stdout + odd.stderr
    tokens = {(entry["host"].partition(":")[0], entry["token"]) for entry in hub.log()}
    assert tokens == {("127.0.0.1", "Bearer hf_secret"), ("localhost", None)}


def test_progress_is_shown_on_a_terminal_only(hub: LoopbackHub, model: Path, tmp_path: Path) -> None:
    pty, termios = (pytest.importorskip(name, reason="needs pseudo-terminals") for name in ("pty", "termios"))
    hub.serve("org/model", model)
    command = [sys.executable, "-m", "sincerity", "download", "org/model"]
    shown = {}
    for quiet in ("0", "1"):
        terminal, stderr = pty.openpty()
        termios.tcsetwinsize(stderr, (24, 80))
        env = hub.env(HF_HOME=str(tmp_path / quiet), HF_HUB_DISABLE_PROGRESS_BARS=quiet)
        done = subprocess.run(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=stderr, text=True)
        os.write(stderr, b"end")
        shown[quiet] = os.read(terminal, 1 << 16).decode()
        os.close(stderr)
        os.close(terminal)
        assert done.stdout.startswith(str(tmp_path / quiet))
        assert done.stdout.count("\n") == 1
    assert "model_quantized.onnx: 100%" in shown["0"]
    assert shown["1"] == "end"
    plain = hub.run("-m", "sincerity", "download", "org/model")
    assert (plain.returncode, plain.stderr) == (0, "")


FAULTY = (
    LOAD
    + """
import json, os, pathlib, urllib.request
from sincerity.hub import download
control = lambda what, **order: urllib.request.urlopen(
    f"{os.environ['HF_ENDPOINT']}/control/{what}", json.dumps(order).encode()).read()
time.sleep = lambda seconds: None  # the client's own waits between attempts
cache, passing, faults = sys.argv[1], *map(json.loads, sys.argv[2:4])
for i, fault in enumerate(passing):
    control("fault", times=1, **fault)
    download("org/model", cache_dir=f"{cache}/passing{i}")
for i, fault in enumerate(faults):
    where = f"{cache}/{i}"
    control("fault", **fault)
    for offline in (False, True):
        try:
            print("live", fault, download("org/model", cache_dir=where, local_files_only=offline))
        except ModelError as error:
            assert "org/model" in str(error)
    control("clear")
    folder = download("org/model", cache_dir=where)
    for path in folder.rglob("*"):
        assert path.is_dir() or path.read_bytes() == (pathlib.Path(sys.argv[4]) / path.relative_to(folder)).read_bytes()
load(cache_dir=where)
"""
)


def test_passing_faults_heal_within_a_call_and_lasting_ones_never_become_live(
    hub: LoopbackHub, model: Path, tmp_path: Path
) -> None:
    sha = hub.serve("org/model", model)
    kinds: list[dict[str, object]] = [
        {"kind": "corrupt"}, {"kind": "truncate", "share": 0}, {"kind": "reset"}, {"status": 500}, {"status": 503},
        {"redirect": "model.py", "method": "*"},
        {"lfs": sha256(model / GRAPHS[1]), "method": "*", "match": f"/resolve/{sha}/{GRAPHS[0]}"},
    ]  # fmt: skip
    to_elsewhere = kinds[-2:]
    rng = random.Random(2)
    files = [f"/resolve/{sha}/{name}" for name in (*READ, GRAPHS[0]) if (model / name).is_file()]
    bodies = [*files[:-1], "/lfs/"]
    passing = [{"method": "GET", "match": rng.choice(bodies), **kind} for kind in kinds[:5]]
    passing += [{"match": "/api/models", **kind} for kind in kinds[1:5]]
    lasting = []
    for kind in kinds * (FAULTS // len(kinds) + 1):
        lasting.append({"method": "GET", "match": rng.choice(files if kind in to_elsewhere else bodies), **kind})
    args = str(tmp_path / "caches"), json.dumps(passing), json.dumps(lasting), str(model)
    assert lines(hub.python(FAULTY, *args))[0][:2] == ["org/model", "ham"]


FLIPS = (
    LOAD
    + """
import pathlib, random
from sincerity.hub import download
folder, rng = download("org/model"), random.Random(3)
files = [path for path in folder.rglob("*") if path.is_file() and path.suffix in (".json", ".onnx")]
refused = 0
for i in range(200):
    path = rng.choice(files).resolve()
    content = path.read_bytes()
    at = rng.randrange(len(content))
    path.write_bytes(content[:at] + bytes([content[at] ^ 1 << rng.randrange(8)]) + content[at + 1:])
    try:
        Classifier.from_pretrained("org/model", local_files_only=True)
    except ModelError as error:
        refused += "sincerity download org/model" in str(error)
    if i % 20 == 0:
        Classifier.from_pretrained("org/model")
        assert path.read_bytes() == content
    path.write_bytes(content)
print(len(files), refused)
path.write_bytes(b"x" + content[1:])
load()
load(local_files_only=True)
"""
)


def test_every_flipped_bit_in_the_cache_is_refused_offline_and_fetched_again_online(
    hub: LoopbackHub, model: Path
) -> None:
    (model / MANIFEST).unlink()  # the Hub's own hashes must do
    hub.serve("org/model", model)
    counts, *loads = lines(hub.python(FLIPS))
    assert counts == ["4 200"]
    assert [load[:2] for load in loads] == [["org/model", "ham"]] * 2
    assert len(hub.downloads()) == 5 + 10 + 1


SPOILED = (
    LOAD
    + """
from sincerity.hub import download
sha = sys.argv[1]
folder = download("org/model", revision=sha)
for name in ("SHA256SUMS", "tokenizer_config.json", "onnx/model_quantized.onnx"):
    blob = (folder / name).resolve()
    for spoil in (lambda: blob.write_bytes(b"x"), blob.unlink):
        spoil()
        load(revision=sha, local_files_only=True)
        load(revision=sha)
        assert blob.stat().st_size > 1, name
"""
)


def test_a_spoiled_or_lost_blob_of_a_pinned_revision_is_refused_offline_and_fetched_online(
    hub: LoopbackHub, model: Path
) -> None:
    sha = hub.serve("org/model", model)
    loads = lines(hub.python(SPOILED, sha))
    assert len(loads) == 12
    for offline, online in zip(loads[::2], loads[1::2], strict=True):
        assert offline[0] == "ModelError"
        assert "sincerity download org/model" in offline[1]
        assert online[:2] == ["org/model", "ham"]


def test_a_warm_cache_answers_in_two_seconds_whatever_the_network_does(hub: LoopbackHub, model: Path) -> None:
    hub.serve("org/model", model)
    hub.python(f"{LOAD}\nload()")
    for fault in ({"kind": "hang"}, {"kind": "reset"}, {"status": 503}, {"kind": "truncate"}):
        hub.fault(match="/api/|/resolve/", times=2, **fault)
    answers = lines(hub.python(f"{LOAD}\nfor _ in range(8): load()"))
    answers += lines(hub.python(f"{LOAD}\nload()", HF_ENDPOINT="http://127.0.0.1:9"))
    answers += lines(hub.python(f"{LOAD}\nload()", HF_HUB_OFFLINE="1", HF_ENDPOINT="http://127.0.0.1:9"))
    assert [answer[:2] for answer in answers] == [["org/model", "ham"]] * 10
    assert max(float(answer[2]) for answer in answers) < 2 * slack()


def test_a_cold_cache_and_a_dead_server_are_an_error_within_ten_seconds(hub: LoopbackHub, model: Path) -> None:
    hub.serve("org/model", model)
    hub.fault(kind="hang", match="/api/")
    code = f"{LOAD}\nload()"
    for endpoint in (hub.endpoint, "http://127.0.0.1:9"):
        error, message, seconds = lines(hub.python(code, HF_ENDPOINT=endpoint))[0]
        assert error == "ModelError"
        assert "Check the name and the network, or give a folder." in message
        assert float(seconds) < 10 * slack()
    assert "offline, and the cache has not all of it" in hub.python(code, HF_HUB_OFFLINE="1")


def test_who_has_another_revision_is_told_where_it_is(hub: LoopbackHub, model: Path) -> None:
    sha = hub.serve("org/model", model)
    calls = f"load(revision={sha!r})\nload(local_files_only=True)\nload(revision='v9')"
    for _, message, _ in lines(hub.python(f"{LOAD}\n{calls}"))[1:]:
        assert f"The cache has {sha[:12]} in {hub.home}" in message


def slack() -> float:
    """How much longer than on a free machine things may take on one that works for others too."""
    return max(1.0, os.getloadavg()[0])


def test_a_new_commit_is_followed_and_an_interrupted_update_leaves_the_old_one(hub: LoopbackHub, model: Path) -> None:
    old = hub.serve("org/model", model)
    hub.python(f"{LOAD}\nload()")
    tiny_model.write(model, rows=10)
    (model / MANIFEST).write_text(manifest(model), "utf-8")
    new = hub.serve("org/model", model)
    where = "from sincerity.hub import *; import sincerity.hub; sincerity.hub.WAITS = (0, 0)\n"
    where += "print(download('org/model', local_files_only={}).name)"
    hub.fault(status=500, match="/lfs/")
    assert hub.python(where.format(False)) == hub.python(where.format(True)) == f"{old}\n"
    hub.clear()
    assert hub.python(where.format(False)) == hub.python(where.format(True)) == f"{new}\n"


def test_eight_processes_at_first_load_make_one_download(hub: LoopbackHub, model: Path) -> None:
    hub.serve("org/model", model)
    code = "from sincerity.hub import download; download('org/model')"
    processes = [subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, env=hub.env()) for _ in range(8)]
    assert [process.wait(120) for process in processes] == [0] * 8
    fetched = hub.downloads()
    assert len(fetched) == len(set(fetched)) == 6


def test_killed_downloads_leave_the_cache_usable(hub: LoopbackHub, model: Path) -> None:
    hub.serve("org/model", model)
    hub.fault(match="/lfs/|/resolve/", pause=0.1, method="GET")
    rng = random.Random(4)
    code = "import sincerity.hub; print(flush=True); sincerity.hub.download('org/model')"
    for _ in range(KILLS):
        process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, env=hub.env(), stdout=subprocess.PIPE)
        assert process.stdout
        process.stdout.readline()
        time.sleep(rng.uniform(0, 0.8))
        process.kill()
        process.wait()
        process.stdout.close()
    hub.clear()
    assert lines(hub.python(f"{LOAD}\nload()\nload(local_files_only=True)"))[1][:2] == ["org/model", "ham"]
