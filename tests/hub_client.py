"""The other end of `hub_server`: starts it, steers it, and runs code that believes it is the Hub."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any

ROOT = Path(__file__).parents[1]


class LoopbackHub:
    """The server in its own process, and a Hub cache of its own for those who ask it."""

    def __init__(self, folder: Path) -> None:
        (folder / "server").mkdir(parents=True)
        self.home = folder / "home"
        self.process = subprocess.Popen(
            [sys.executable, str(ROOT / "tests" / "hub_server.py"), str(folder / "server")], stdout=subprocess.PIPE
        )
        assert self.process.stdout
        self.endpoint = f"http://127.0.0.1:{int(self.process.stdout.readline())}"

    def __enter__(self) -> LoopbackHub:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stdout
        self.process.stdout.close()

    def control(self, what: str, **order: Any) -> Any:
        request = urllib.request.Request(f"{self.endpoint}/control/{what}", json.dumps(order).encode())
        with urllib.request.urlopen(request) as response:
            return json.load(response)

    def serve(self, name: str, folder: Path, kind: str = "models", **options: Any) -> str:
        """Make the files of a folder the newest commit of a repository; returns its hash."""
        return str(self.control("repo", name=name, folder=str(folder), kind=kind, **options)["sha"])

    def fault(self, kind: str = "", match: str = "", **options: Any) -> None:
        """Spoil the answers to requests whose path matches.

        Args:
            kind: `corrupt` (equal size), `truncate` or `reset` (after `share` of it), `hang` (for `seconds`), or empty.
            match: A regular expression found in the path.
            options: Also `method`, `times`, `status` (answer that), `pause` (seconds between 64 KiB), `redirect` (to
                another file), `lfs` (to another object).
        """
        self.control("fault", kind=kind, match=match, **options)

    def clear(self) -> None:
        """No more faults, an empty log."""
        self.control("clear")

    def log(self) -> list[dict[str, str]]:
        """All requests since `clear`: method, path, host, token."""
        return list(self.control("log"))

    def downloads(self) -> list[str]:
        """Paths of the files that were asked for."""
        paths = [entry["path"] for entry in self.log() if entry["method"] == "GET"]
        return [path for path in paths if path.startswith("/lfs/") or "/resolve/" in path]

    def env(self, **more: str) -> dict[str, str]:
        """The environment of a process that has this Hub and no other."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
        fixed = {"HF_ENDPOINT": self.endpoint, "HF_HOME": str(self.home), "HF_HUB_DISABLE_XET": "1"}
        return {**kept, **fixed, "HF_HUB_DISABLE_TELEMETRY": "1", **more}

    def run(self, *args: str, timeout: float = 900, **env: str) -> subprocess.CompletedProcess[str]:
        """Run Python with these arguments."""
        return subprocess.run(
            [sys.executable, *args], capture_output=True, text=True, cwd=ROOT, env=self.env(**env), timeout=timeout
        )

    def python(self, code: str, *args: str, **env: str) -> str:
        """What code prints, which must end well; `args` are its `sys.argv[1:]`."""
        done = self.run("-c", code, *args, **env)
        assert done.returncode == 0, done.stderr
        return done.stdout
