"""A Hugging Face Hub on loopback: what its client asks of the real one, plus faults on request.

    python tests/hub_server.py FOLDER      prints its port, keeps contents under FOLDER, runs until it is killed

Repositories of models and datasets, with commits, branches and tags; big files through LFS, which answers under another
host name (localhost, not 127.0.0.1), so that a test sees whether a token crosses hosts. Written against the requests
that huggingface_hub 2.4 makes. Tests steer it under /control: /repo serves a folder, /fault spoils answers, /log tells
what was asked for and with which token.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import socket
import struct
import sys
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

LFS_SUFFIXES = (".onnx", ".safetensors", ".npy")
PAGE = 50
"""Files of one page of a tree listing."""


class Blob(NamedTuple):
    """One file of a commit, by its contents."""

    content: Path
    size: int
    sha1: str
    """As git names it."""
    sha256: str
    lfs: bool

    @property
    def etag(self) -> str:
        return self.sha256 if self.lfs else self.sha1


@dataclass
class Repo:
    """Commits by hash, and the branches and tags that point to them."""

    commits: dict[str, dict[str, Blob]] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    token: str | None = None
    """Who has it may read a private repository; None for a public one."""

    def __post_init__(self) -> None:
        self.commit({}, "main")

    def commit(self, files: dict[str, Blob], branch: str) -> str:
        state = json.dumps([len(self.commits), sorted((name, blob.etag) for name, blob in files.items())])
        sha = hashlib.sha1(state.encode()).hexdigest()
        self.commits[sha] = files
        self.branches[branch] = sha
        return sha

    def resolve(self, revision: str) -> str | None:
        sha = self.branches.get(revision) or self.tags.get(revision) or revision
        return sha if sha in self.commits else None


class Hub(ThreadingHTTPServer):
    """The state that requests share."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.repos: dict[str, Repo] = {}
        self.faults: list[dict[str, Any]] = []
        self.log: list[dict[str, str | None]] = []
        self.lock = threading.RLock()
        super().__init__(("127.0.0.1", 0), Request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that die are what some tests are about."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)

    def store(self, content: bytes, lfs: bool) -> Blob:
        sha256 = hashlib.sha256(content).hexdigest()
        (self.folder / sha256).write_bytes(content)
        sha1 = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
        return Blob(self.folder / sha256, len(content), sha1, sha256, lfs)

    def fault(self, method: str, path: str) -> dict[str, Any] | None:
        """The fault that was ordered for such a request, counted down."""
        with self.lock:
            for fault in self.faults:
                if fault["method"] in (method, "*") and re.search(fault["match"], path) and fault["times"] > 0:
                    fault["times"] -= 1
                    return fault
        return None


class Request(BaseHTTPRequestHandler):
    """One request. Routes are methods, named beside their patterns in `ROUTES`."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Hub

    def do_GET(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        self.body = self.rfile.read(length)
        url = urlsplit(self.path)
        self.query = {name: values[-1] for name, values in parse_qs(url.query).items()}
        if not url.path.startswith("/control"):
            token = self.headers.get("Authorization")
            entry = {"method": self.command, "path": self.path, "host": self.headers["Host"], "token": token}
            self.server.log.append(entry)
        self.spoiled = self.server.fault(self.command, url.path) or {}
        if self.spoiled.get("kind") == "hang":
            time.sleep(self.spoiled.get("seconds", 30))
        if status := self.spoiled.get("status"):
            return self.answer(status, {"error": "ordered by the test"})
        for method, pattern, route in ROUTES:
            if self.command in method.split() and (match := re.fullmatch(pattern, url.path)):
                return getattr(self, route)(**{name: unquote(value or "") for name, value in match.groupdict().items()})
        return self.answer(404, {"error": f"no route for {self.command} {self.path}"})

    do_HEAD = do_POST = do_PUT = do_DELETE = do_GET

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing on standard error; /control/log has it all."""

    def answer(
        self, status: int, value: Any = None, headers: dict[str, str] | None = None, content: bytes = b""
    ) -> None:
        content = json.dumps(value).encode() if value is not None else content
        headers = {"Content-Type": "application/json", "Content-Length": str(len(content)), **(headers or {})}
        kind = self.spoiled.get("kind")
        if kind == "corrupt" and content:
            content = content[:-1] + bytes([content[-1] ^ 1])
        self.send_response(status)
        for name, text in headers.items():
            self.send_header(name, text)
        self.end_headers()
        if self.command == "HEAD":
            return
        if kind in ("truncate", "reset"):
            self.wfile.write(content[: int(len(content) * self.spoiled.get("share", 0.5))])
            self.wfile.flush()
            if kind == "reset":
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True
            self.connection.close()
            return
        pause = self.spoiled.get("pause", 0)
        for start in range(0, len(content), 1 << 16):
            self.wfile.write(content[start : start + (1 << 16)])
            time.sleep(pause)

    def missing(self, code: str, status: int = 404, **headers: str) -> None:
        self.answer(status, {"error": code}, {"X-Error-Code": code, "X-Error-Message": code, **headers})

    def repo(self, kind: str, name: str) -> Repo | None:
        """The repository, or None when the answer has been given: there is none that this token may see."""
        repo = self.server.repos.get(f"{kind or 'models'}/{name}")
        if repo is None or repo.token not in (None, (self.headers.get("Authorization") or "").removeprefix("Bearer ")):
            return self.missing("RepoNotFound", 401)
        return repo

    def files(self, kind: str, name: str, revision: str) -> tuple[str, dict[str, Blob]] | None:
        if (repo := self.repo(kind, name)) is None:
            return None
        if (sha := repo.resolve(revision or "main")) is None:
            return self.missing("RevisionNotFound")
        return sha, repo.commits[sha]

    # what readers ask

    def info(self, kind: str, name: str, revision: str = "") -> None:
        if found := self.files(kind, name, revision):
            siblings = [
                {"rfilename": path, "size": blob.size, "blobId": blob.sha1, **_lfs(blob, "sha256")}
                if "blobs" in self.query
                else {"rfilename": path}
                for path, blob in sorted(found[1].items())
            ]
            self.answer(200, {"id": name, "sha": found[0], "private": False, "tags": [], "siblings": siblings})

    def tree(self, kind: str, name: str, revision: str, folder: str = "") -> None:
        if not (found := self.files(kind, name, revision)):
            return
        entries = _entries(found[1], folder.strip("/"), self.query.get("recursive", "").lower() in ("true", "1"))
        start = int(self.query.get("cursor", 0))
        url = f"http://{self.headers['Host']}{urlsplit(self.path).path}?recursive=true&cursor={start + PAGE}"
        more = {"Link": f'<{url}>; rel="next"'} if start + PAGE < len(entries) else {}
        self.answer(200, entries[start : start + PAGE], more)

    def paths_info(self, kind: str, name: str, revision: str) -> None:
        if found := self.files(kind, name, revision):
            wanted = json.loads(self.body) if self.body[:1] == b"{" else parse_qs(self.body.decode())
            entries = {entry["path"]: entry for entry in _entries(found[1], "", recursive=True)}
            self.answer(200, [entries[path] for path in wanted.get("paths", []) if path in entries])

    def refs(self, kind: str, name: str) -> None:
        if repo := self.repo(kind, name):
            self.answer(200, {"branches": _refs(repo.branches), "tags": _refs(repo.tags), "converts": []})

    def resolve(self, kind: str, name: str, revision: str, path: str) -> None:
        if not (found := self.files(kind.strip("/"), name, revision)):
            return None
        sha, files = found
        if (blob := files.get(path)) is None:
            return self.missing("EntryNotFound", **{"X-Repo-Commit": sha})
        if (other := self.spoiled.get("redirect")) is not None:
            place = f"/{kind}{name}/resolve/{revision}/{other}"
            return self.answer(307, {}, {"Location": place, "X-Repo-Commit": sha})
        if not blob.lfs:
            return self.content(blob, {"X-Repo-Commit": sha, "ETag": f'"{blob.etag}"'})
        oid, file = self.spoiled.get("lfs", blob.sha256), path.rpartition("/")[2]
        elsewhere = f"http://localhost:{self.server.server_port}/lfs/{oid}/{file}"
        linked = {"X-Linked-Etag": f'"{blob.etag}"', "X-Linked-Size": str(blob.size)}
        return self.answer(302, {}, {"Location": elsewhere, "X-Repo-Commit": sha, **linked})

    def lfs(self, oid: str, name: str) -> None:
        content = self.server.folder / oid
        if not content.is_file():
            return self.answer(404, {"error": "no such object"})
        return self.content(Blob(content, content.stat().st_size, "", oid, True), {"ETag": f'"{oid}"'})

    def content(self, blob: Blob, headers: dict[str, str]) -> None:
        content = blob.content.read_bytes()
        file = urlsplit(self.path).path.rpartition("/")[2]
        headers |= {"Accept-Ranges": "bytes", "Content-Type": "application/octet-stream"}
        headers["Content-Disposition"] = f"inline; filename*=UTF-8''{file}; filename=\"{file}\";"
        if span := re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or ""):
            start, end = int(span[1]), int(span[2] or blob.size - 1)
            headers["Content-Range"] = f"bytes {start}-{end}/{blob.size}"
            return self.answer(206, headers=headers, content=content[start : end + 1])
        return self.answer(200, headers=headers, content=content)

    # what writers ask

    def whoami(self) -> None:
        if not self.headers.get("Authorization"):
            return self.answer(401, {"error": "Invalid credentials in Authorization header"})
        return self.answer(200, {"type": "user", "name": "org", "orgs": [], "auth": {"type": "access_token"}})

    def validate_yaml(self) -> None:
        self.answer(200, {"errors": [], "warnings": []})

    def create(self) -> None:
        wanted = json.loads(self.body)
        name = f"{wanted.get('organization') or 'org'}/{wanted['name'].rpartition('/')[2]}"
        kind = f"{wanted.get('type') or 'model'}s"
        url = f"http://{self.headers['Host']}/{'' if kind == 'models' else kind + '/'}{name}"
        if not self.headers.get("Authorization"):
            return self.answer(401, {"error": "a token is needed"})
        if f"{kind}/{name}" in self.server.repos:
            return self.answer(409, {"error": "You already created this repo", "url": url})
        self.server.repos[f"{kind}/{name}"] = Repo()
        return self.answer(200, {"url": url, "name": name, "id": name})

    def preupload(self, kind: str, name: str, revision: str) -> None:
        if not self.headers.get("Authorization"):
            return self.answer(401, {"error": "a token is needed"})
        if found := self.files(kind, name, revision):
            answers = [
                {"path": file["path"], "uploadMode": "lfs" if _is_lfs(file["path"], file["size"]) else "regular",
                 "shouldIgnore": False, "oid": found[1][file["path"]].etag if file["path"] in found[1] else None}
                for file in json.loads(self.body)["files"]
            ]  # fmt: skip
            self.answer(200, {"files": answers})
        return None

    def lfs_batch(self, kind: str, name: str) -> None:
        base = f"http://{self.headers['Host']}"
        objects = []
        for wanted in json.loads(self.body)["objects"]:
            there = (self.server.folder / wanted["oid"]).is_file()
            actions = {} if there else {"actions": {"upload": {"href": f"{base}/lfs/{wanted['oid']}"}}}
            objects.append({**wanted, **actions})
        self.answer(200, {"transfer": "basic", "objects": objects})

    def lfs_put(self, oid: str) -> None:
        if hashlib.sha256(self.body).hexdigest() != oid:
            return self.answer(400, {"error": "contents do not fit their name"})
        self.server.store(self.body, lfs=True)
        return self.answer(200, {})

    def commit(self, kind: str, name: str, revision: str) -> None:
        if not (found := self.files(kind, name, revision)) or not (repo := self.repo(kind, name)):
            return None
        files = dict(found[1])
        for line in map(json.loads, self.body.splitlines()):
            value = line["value"]
            if line["key"] == "header" and value.get("parentCommit") not in (None, found[0]):
                return self.answer(412, {"error": "A commit has happened since. Please refresh and try again."})
            if line["key"] == "file":
                files[value["path"]] = self.server.store(base64.b64decode(value["content"]), lfs=False)
            if line["key"] == "lfsFile":
                files[value["path"]] = self.server.store((self.server.folder / value["oid"]).read_bytes(), lfs=True)
            if line["key"].startswith("deleted"):
                files = {path: blob for path, blob in files.items() if not f"{path}/".startswith(f"{value['path']}/")}
        with self.server.lock:
            sha = repo.commit(files, revision)
        url = f"http://{self.headers['Host']}/{name}/commit/{sha}"
        return self.answer(200, {"success": True, "commitOid": sha, "commitUrl": url, "hookOutput": ""})

    def tag(self, kind: str, name: str, revision: str) -> None:
        if found := self.files(kind, name, revision):
            tags = self.server.repos[f"{kind}/{name}"].tags
            wanted = json.loads(self.body)["tag"]
            if wanted in tags:
                return self.answer(409, {"error": "Tag reference exists already"})
            tags[wanted] = found[0]
            self.answer(200, {})
        return None

    # what tests ask

    def control(self, what: str) -> None:
        order = json.loads(self.body or b"{}")
        with self.server.lock:
            if what == "repo":
                folder, repo = (
                    Path(order["folder"]),
                    self.server.repos.setdefault(f"{order['kind']}/{order['name']}", Repo()),
                )
                paths = [path for path in folder.rglob("*") if path.is_file()]
                files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}
                blobs = {name: self.server.store(text, _is_lfs(name, len(text))) for name, text in files.items()}
                repo.token = order.get("token")
                return self.answer(200, {"sha": repo.commit(blobs, order.get("branch", "main"))})
            if what == "fault":
                self.server.faults.append({"method": "*", "match": "", "times": 1 << 30, **order})
            if what == "clear":
                self.server.faults.clear()
                self.server.log.clear()
        return self.answer(200, self.server.log if what == "log" else {})


def _is_lfs(name: str, size: int) -> bool:
    return name.endswith(LFS_SUFFIXES) or size > 10_000_000


def _lfs(blob: Blob, key: str) -> dict[str, Any]:
    return {"lfs": {key: blob.sha256, "size": blob.size, "pointerSize": 134}} if blob.lfs else {}


def _refs(refs: dict[str, str]) -> list[dict[str, str]]:
    return [{"name": name, "ref": name, "targetCommit": sha} for name, sha in refs.items()]


def _entries(files: dict[str, Blob], folder: str, recursive: bool) -> list[dict[str, Any]]:
    inside = {path: blob for path, blob in files.items() if not folder or path.startswith(f"{folder}/")}
    parents = {str(parent) for path in inside for parent in Path(path).parents if str(parent) not in (".", folder)}
    entries: list[dict[str, Any]] = [
        {"type": "directory", "path": path, "oid": "0" * 40, "size": 0} for path in parents
    ]
    entries += [{"type": "file", "path": path, "oid": blob.sha1, "size": blob.size, **_lfs(blob, "oid")}
                for path, blob in inside.items()]  # fmt: skip
    direct = folder.count("/") + 1 if folder else 0
    return sorted((e for e in entries if recursive or e["path"].count("/") == direct), key=lambda e: str(e["path"]))


API, NAME, REVISION = r"/api/(?P<kind>models|datasets)", r"/(?P<name>[^/]+/[^/]+)", r"/(?P<revision>[^/]+)"
ROUTES = (
    ("GET POST", r"/control/(?P<what>\w+)", "control"),
    ("GET", "/api/whoami-v2", "whoami"),
    ("POST", "/api/validate-yaml", "validate_yaml"),
    ("POST", "/api/repos/create", "create"),
    ("GET HEAD", API + NAME, "info"),
    ("GET HEAD", API + NAME + "/revision" + REVISION, "info"),
    ("GET", API + NAME + "/tree" + REVISION + r"(?P<folder>/.*)?", "tree"),
    ("POST", API + NAME + "/paths-info" + REVISION, "paths_info"),
    ("GET", API + NAME + "/refs", "refs"),
    ("POST", API + NAME + "/preupload" + REVISION, "preupload"),
    ("POST", API + NAME + "/commit" + REVISION, "commit"),
    ("POST", API + NAME + "/tag" + REVISION, "tag"),
    ("POST", r"/(?P<kind>datasets/)?(?P<name>[^/]+/[^/]+)\.git/info/lfs/objects/batch", "lfs_batch"),
    ("PUT", r"/lfs/(?P<oid>[0-9a-f]{64})", "lfs_put"),
    ("GET HEAD", r"/lfs/(?P<oid>[0-9a-f]{64})(?:/(?P<name>[^/]+))?", "lfs"),
    ("GET HEAD", r"/(?P<kind>datasets/)?(?P<name>[^/]+/[^/]+)/resolve" + REVISION + "/(?P<path>.+)", "resolve"),
)


if __name__ == "__main__":
    with Hub(Path(sys.argv[1])) as hub:
        print(hub.server_port, flush=True)
        hub.serve_forever()
