"""olah, others' implementation of the Hub, between us and our server: neither was written with the other in mind."""

from __future__ import annotations

import importlib.util
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import tiny_model
from hub_client import LoopbackHub

from sincerity.integrity import MANIFEST, manifest

pytestmark = pytest.mark.skipif(not importlib.util.find_spec("olah"), reason="needs olah: pip install olah==0.5.4")

LOAD = """
from sincerity import Classifier
classifier = Classifier.from_pretrained("org/model")
print(classifier.folder)
print(classifier.classify("buy now").label)
"""


@pytest.fixture
def mirror(hub: LoopbackHub, tmp_path: Path) -> Iterator[str]:
    """The address of a mirror of the Hub on loopback, with an empty cache of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    upstream, lfs = hub.endpoint.removeprefix("http://"), hub.endpoint.removeprefix("http://127.0.0.1")
    here = f"127.0.0.1:{port}"
    options = {
        "host": "127.0.0.1", "port": str(port), "hf-scheme": "http", "hf-netloc": upstream,
        "hf-lfs-netloc": f"localhost{lfs}", "mirror-scheme": "http", "mirror-netloc": here, "mirror-lfs-netloc": here,
        "repos-path": str(tmp_path / "repos"), "log-path": str(tmp_path / "logs"),
    }  # fmt: skip
    command = [sys.executable, "-c", "from olah.server import cli; cli()"]
    command += [part for name, value in options.items() for part in (f"--{name}", value)]
    with (tmp_path / "olah.txt").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=hub.env(), cwd=tmp_path)
    try:
        for _ in range(600):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert process.poll() is None, (tmp_path / "olah.txt").read_text()
            time.sleep(0.1)
        yield f"http://{here}"
    finally:
        process.kill()
        process.wait()


def test_a_model_comes_through_a_mirror_as_it_is(hub: LoopbackHub, mirror: str, tmp_path: Path) -> None:
    model = tiny_model.write(tmp_path / "model", rows=20_000)
    (model / MANIFEST).write_text(manifest(model), "utf-8")
    sha = hub.serve("org/model", model)
    folder, label = hub.python(LOAD, HF_ENDPOINT=mirror).splitlines()
    assert (Path(folder).name, label) == (sha, "spam")
    for path in (path for path in Path(folder).rglob("*") if path.is_file()):
        assert path.read_bytes() == (model / path.relative_to(folder)).read_bytes(), path
