"""A file that is written in steps, survives a kill between any two instructions, and takes its place when complete.

While `labelled.csv` is being made there are `labelled.csv.part`, the rows so far, and `labelled.csv.checkpoint`, which
says how many of its bytes count, and for which job. Both are on disk (fsync) before a later step builds on them; the
next run of the same job cuts the part to that length and goes on. The last checkpoint says that the part is complete:
whatever is left to do then can be done twice.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from sincerity.errors import TableError

_FORMAT = 1
_FLAGS = os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0)
_SHORTEST = 0.2
"""Seconds between checkpoints, at least; more where writing one takes long."""
_SHARE = 50
"""A checkpoint every so many times as long as one takes: 2 % of the time at most."""
AGAIN = "Run the same command to go on from there, or start over with --restart."


class Part:
    """One file in the making, and where it belongs."""

    def __init__(self, target: Path) -> None:
        self.target = target
        self.path = target.with_name(f"{target.name}.part")
        self._file: IO[bytes] | None = None

    def open(self, size: int) -> None:
        """Open, at this length; 0 starts anew."""
        try:
            if self.target.is_dir():
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
            file = os.fdopen(os.open(self.path, _FLAGS, 0o666), "r+b", buffering=0)
            try:
                _lock(file, self.path)
            except BaseException:
                file.close()
                raise
            self._file = file
            if os.fstat(self._file.fileno()).st_size < size:
                raise TableError(f"{self.path} is shorter than its checkpoint says. Start over with --restart.")
            self._file.truncate(size)
            self._file.seek(size)
        except OSError as error:
            raise TableError(
                f"{self.target} cannot be written ({error.strerror}). Choose another place with --output."
            ) from error

    def write(self, content: bytes) -> None:
        """Append."""
        assert self._file is not None
        left = memoryview(content)
        while left:
            left = left[self._file.write(left) :]

    def sync(self) -> int:
        """Bring it to disk; its length."""
        assert self._file is not None
        os.fsync(self._file.fileno())
        return self._file.tell()

    def size(self) -> int:
        """Its length."""
        assert self._file is not None
        return self._file.tell()

    def cut(self, size: int) -> None:
        """Forget what stands behind this length."""
        assert self._file is not None
        self._file.truncate(size)
        self._file.seek(size)

    def discard(self) -> None:
        """Leave nothing behind, if it was opened and is no other run's."""
        if self._file is not None:
            self.path.unlink(missing_ok=True)

    def close(self) -> None:
        """Close."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def place(self) -> None:
        """Put it where it belongs, with the permissions of what was there."""
        self.close()
        if self.path.exists():
            if self.target.exists():
                shutil.copymode(self.target, self.path)
            self.path.replace(self.target)
            sync_folder(self.target.parent)


class Checkpoint:
    """How far a job has come, on disk."""

    def __init__(self, target: Path, job: Mapping[str, Any]) -> None:
        self._path = target.with_name(f"{target.name}.checkpoint")
        self._job = dict(job)
        self._last = time.monotonic()
        self._cost = 0.0

    def read(self) -> dict[str, Any] | None:
        """The state that an unfinished run of this job has left; None where there is none.

        Raises:
            TableError: What is there belongs to another job.
        """
        try:
            found = json.loads(self._path.read_bytes())
            state: dict[str, Any] = found["state"]
            job = found["job"] if found["format"] == _FORMAT else {}
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise TableError(f"{self._path} is no checkpoint that can be read. Start over with --restart.") from error
        changed = [key for key in self._job if job.get(key) != self._job[key]]
        if state["complete"] and not self._part_left():  # the output is in its place
            if changed in ([], ["input"]):  # the input may have been where the output is now
                return state
            self.remove()
            return None
        if changed:
            raise TableError(
                f"{self._path} belongs to an unfinished job that differs in {_listed(changed)}. Run the command that "
                "it was started with, or start over with --restart."
            )
        return state

    def exists(self) -> bool:
        """Whether there is one on disk."""
        return self._path.exists()

    def due(self) -> bool:
        """Whether it is time for the next one."""
        return time.monotonic() - self._last > max(_SHORTEST, _SHARE * self._cost)

    def write(self, state: Mapping[str, Any]) -> None:
        """Bring a state to disk; what it speaks of has to be there already."""
        started = time.monotonic()
        new = self._path.with_name(f"{self._path.name}.new")
        with new.open("wb") as file:
            file.write(json.dumps({"format": _FORMAT, "job": self._job, "state": state}).encode())
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._path)
        sync_folder(self._path.parent)
        self._last = time.monotonic()
        self._cost = self._last - started

    def remove(self) -> None:
        """Leave nothing behind."""
        self._path.with_name(f"{self._path.name}.new").unlink(missing_ok=True)
        self._path.unlink(missing_ok=True)

    def _part_left(self) -> bool:
        return self._path.with_name(f"{self._path.name.removesuffix('.checkpoint')}.part").exists()


def sync_folder(folder: Path) -> None:
    """Bring a folder's names to disk, where the system can."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _listed(names: list[str]) -> str:
    return ", ".join(names[:-1]) + " and " * (len(names) > 1) + names[-1]


def _lock(file: IO[bytes], path: Path) -> None:
    """Keep a second run of the same job away for as long as the file is open, where the system can."""
    try:
        import fcntl
    except ImportError:
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise TableError(f"{path} is being written by another run. Wait for it, or choose another --output.") from error
