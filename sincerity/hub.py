"""Models on the Hugging Face Hub: the one module that knows its client.

Files lie in the Hub's own cache, where other tools find them too. The client takes any body of the right size for a
success, so every file is hashed before it is used, also one that was there already: against the commit's listing, or
without a network against the name of its blob, which is its hash. (Where the cache cannot hold links, on some Windows,
that name is not known: then only a manifest tells.)
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from huggingface_hub import (
    HfApi,
    ModelInfo,
    constants,
    hf_hub_download,
    is_offline_mode,
    scan_cache_dir,
    try_to_load_from_cache,
)
from huggingface_hub.errors import (
    CacheNotFound,
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.utils import WeakFileLock  # type: ignore[attr-defined]

from sincerity.errors import ModelError
from sincerity.integrity import GRAPHS, MANIFEST, READ, REQUIRED, WEIGHTS, graph_name, hub_hash

WAITS = (0.0, 0.5, 1.0)
"""Seconds before each attempt at a request."""
COLD_SECONDS = 7.0
"""Patience with a silent server where there is nothing to fall back on."""
WARM_SECONDS = 0.8
"""The same where the cache has the model: a newer one may be missed, an answer never."""
_HASH = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


class Commit(NamedTuple):
    """A revision of a repository, as the Hub describes it."""

    sha: str
    hashes: dict[str, str]
    """Of each file, by its name."""


def download(
    name: str,
    *,
    revision: str | None = None,
    cache_dir: str | Path | None = None,
    local_files_only: bool = False,
    token: str | None = None,
) -> Path:
    """The folder of a model `org/name`, with what inference reads of it and no other graph; downloads what is missing.

    Raises:
        ModelError: The model, its revision or one of its files is missing or damaged, or the Hub cannot be reached.
    """
    _check(revision, token)
    cache_dir = cache_dir and Path(cache_dir).expanduser()
    try:
        cached = _cached(name, revision, cache_dir)
    except HFValidationError as error:
        raise ModelError(f"{name!r} is no name on the Hub ({error}). Expected: org/name.") from error
    offline = local_files_only or is_offline_mode()
    if cached and (offline or cached.name == revision) and not _damaged(cached):
        return cached
    if offline:
        raise ModelError(
            f"{name} could not be had from the Hub: offline, and the cache "
            f"{'has a damaged file of it' if cached else 'has not all of it'}. Go online: sincerity download {name}."
            f"{'' if cached else _other_revisions(name, cache_dir)}"
        )
    try:
        commit = _listing(name, revision, token, patience=WARM_SECONDS if cached else COLD_SECONDS)
        return _fetched(name, revision, commit, cache_dir=cache_dir, token=token)
    except ModelError:
        raise
    except Exception as error:  # network, authentication and other errors have no common base
        if cached and not isinstance(error, RevisionNotFoundError) and not _damaged(cached):
            return cached
        hint = "" if cached else _other_revisions(name, cache_dir)
        raise ModelError(_reason(name, revision, error) + hint) from error


def upload(
    folder: Path,
    name: str,
    *,
    private: bool = False,
    tag: str | None = None,
    message: str = "Upload a model",
    token: str | None = None,
) -> str:
    """Make the files of a folder a new commit of a repository, which is created when needed; returns its hash.

    What lies there of a model and is not among the files is removed, results too: it would be another model's.

    Raises:
        ModelError: The Hub refuses, cannot be reached, or has something else afterwards.
    """
    _check(tag, token)
    api = HfApi(token=token)
    try:
        api.create_repo(name, private=private, exist_ok=True)
        stale = [*READ, *GRAPHS, WEIGHTS, MANIFEST, ".eval_results/*"]
        sha = api.upload_folder(repo_id=name, folder_path=folder, commit_message=message, delete_patterns=stale).oid
        if tag:
            api.create_tag(name, tag=tag, revision=sha)
        commit = _listing(name, sha, token, patience=COLD_SECONDS)
    except Exception as error:  # as above
        raise ModelError(_reason(name, None, error, done="published on")) from error
    for path in (path for path in folder.rglob("*") if path.is_file()):
        file = path.relative_to(folder).as_posix()
        if (found := commit.hashes.get(file, "")) != hub_hash(path, found):
            raise ModelError(f"{file} of {name} is not on the Hub as it was sent (commit {sha}). Publish it again.")
    return sha


class CachedModel(NamedTuple):
    """A model in the Hub's cache that can be used without a network."""

    name: str
    revision: str
    refs: tuple[str, ...]
    """Branches and tags that point to the revision."""
    folder: Path


def cached_models(cache_dir: str | Path | None = None) -> list[CachedModel]:
    """The text classifiers in the Hub's cache, other tools' downloads among them, in the order of their names."""
    try:
        repositories = scan_cache_dir(cache_dir).repos
    except CacheNotFound:
        return []
    return sorted(
        CachedModel(repository.repo_id, revision.commit_hash, tuple(sorted(revision.refs)), revision.snapshot_path)
        for repository in repositories
        for revision in repository.revisions
        if repository.repo_type == "model" and _is_complete(revision.snapshot_path)
    )


def _check(revision: str | None, token: str | None) -> None:
    """Refuse what would name a place outside of the cache, or end up in an error of the HTTP client."""
    if revision is not None and not re.fullmatch(r"(?!.*\.\.)\w[\w./-]*", revision):
        raise ModelError(f"revision is {revision!r}. Expected: a branch, a tag or the hash of a commit.")
    if isinstance(token, str) and not re.fullmatch(r"[!-~]+", token):
        raise ModelError("token holds blanks or signs that no token has. Expected: one that starts with hf_.")


def _cached(name: str, revision: str | None, cache_dir: str | Path | None) -> Path | None:
    """The snapshot of a revision, if it is complete: graphs are fetched last."""
    config = try_to_load_from_cache(name, READ[0], cache_dir=cache_dir, revision=revision)
    if not isinstance(config, str):
        return None
    return folder if _is_complete(folder := Path(config).parent) else None


def _other_revisions(name: str, cache_dir: str | Path | None) -> str:
    """A hint for whoever downloaded one revision and asks for another."""
    there = [model for model in cached_models(cache_dir) if model.name == name and not _damaged(model.folder)]
    return "".join(
        f" The cache has {', '.join(model.refs) or model.revision[:12]} in {model.folder}." for model in there
    )


def _is_complete(folder: Path) -> bool:
    return graph_name(folder) is not None and all((folder / file).is_file() for file in REQUIRED)


def _damaged(folder: Path) -> Path | None:
    """A file of a snapshot that is not what its blob's name says, or whose blob is gone, if there is one."""
    files = (*READ, MANIFEST, graph_name(folder))
    named = {path: name for file in files if file and (name := _blob_name(path := folder / file))}
    return next((path for path, name in named.items() if not path.is_file() or hub_hash(path, name) != name), None)


def _blob_name(path: Path) -> str:
    """The hash that a file in a snapshot links to, or nothing."""
    name = path.readlink().name if path.is_symlink() else ""
    return name if _HASH.fullmatch(name) else ""


def _listing(name: str, revision: str | None, token: str | None, *, patience: float) -> Commit:
    """Ask for a revision's commit and files; again where it may help, while patience lasts."""
    api, deadline = HfApi(token=token), time.monotonic() + patience

    def ask() -> ModelInfo:
        return api.model_info(name, revision=revision, files_metadata=True, timeout=patience)

    for wait in WAITS if patience > WARM_SECONDS else WAITS[:1]:
        time.sleep(wait)
        try:
            info = _within(deadline - time.monotonic(), ask)
            break
        except Exception as error:
            failure = error
            if _is_final(error) or time.monotonic() > deadline:
                raise
    else:
        raise failure
    hashes = {file.rfilename: file.lfs.sha256 if file.lfs else file.blob_id for file in info.siblings or ()}
    return Commit(str(info.sha), {file: digest or "" for file, digest in hashes.items()})


def _within(seconds: float, call: Callable[[], ModelInfo]) -> ModelInfo:
    """The result of a call; name look-ups and servers that drip know no time-out of their own."""
    future: Future[ModelInfo] = Future()

    def work() -> None:
        try:
            future.set_result(call())
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=work, daemon=True).start()
    try:
        return future.result(max(seconds, 0))
    except TimeoutError as error:
        raise TimeoutError(f"no answer in {seconds:.0f} s") from error


def _is_final(error: Exception) -> bool:
    """Whether asking again is of no use: the Hub answered and said no, or its client has asked several times."""
    if isinstance(error, HfHubHTTPError):
        return error.response.status_code < 500 and error.response.status_code not in (408, 429)
    return isinstance(error, LocalEntryNotFoundError)


def _fetched(name: str, revision: str | None, commit: Commit, **options: Any) -> Path:
    """The snapshot of a commit with everything inference reads, checked."""
    for file in _files(name, commit):
        path = _fetched_file(name, file, commit, **options)
        root = path.parents[file.count("/")]
    if revision != commit.sha and _cached(name, revision, options["cache_dir"]) != root:
        # notes what the branch is now, for the next time without a network: only once the snapshot is complete
        with suppress(Exception):
            hf_hub_download(name, READ[0], revision=revision, **options)
    return root


def _files(name: str, commit: Commit) -> list[str]:
    """What to fetch, the graph last; raises `ModelError` where something is missing."""
    for file in REQUIRED:
        if file not in commit.hashes:
            raise ModelError(f"{name} has no {file} (commit {commit.sha[:7]}). Expected: a text classifier with it.")
    if graph := next((graph for graph in GRAPHS if graph in commit.hashes), None):
        return [file for file in (*READ, MANIFEST, "README.md", graph) if file in commit.hashes]
    remedy = f"It has {WEIGHTS}: python -m training.convert {name} FOLDER, with the train extra, makes a folder of it."
    raise ModelError(
        f"{name} has none of {', '.join(GRAPHS)} (commit {commit.sha[:7]}). Expected: the model as ONNX. "
        f"{remedy if WEIGHTS in commit.hashes else 'Choose another repository.'}"
    )


def _fetched_file(name: str, file: str, commit: Commit, **options: Any) -> Path:
    """One file in the cache, as the commit has it; what is damaged is fetched anew, what stays damaged removed."""
    failure: Exception
    damaged = False
    for wait in WAITS:
        time.sleep(wait)
        try:
            path = Path(hf_hub_download(name, file, revision=commit.sha, force_download=damaged, **options))
        except Exception as error:
            if _is_final(error):
                raise
            failure = error
            continue
        if not (expected := commit.hashes[file] or _blob_name(path)):
            raise ModelError(f"{constants.ENDPOINT} gives no hash for {file} of {name}. Expected: a Hub that does.")
        if _discarded(path, expected):
            damaged = True
            failure = ModelError(
                f"{file} of {name} arrives damaged: not with the hash {expected} that the Hub names. "
                "Nothing of it was kept. Try again later, or over another network."
            )
            continue
        return path
    raise failure


def _discarded(path: Path, expected: str) -> bool:
    """Remove a file from the cache unless it is what was expected; says whether that was so."""
    if path.is_file() and hub_hash(path, expected) == expected:
        return False
    repository = next(parent for parent in path.parents if parent.name.startswith("models--"))
    lock = repository.parent / ".locks" / repository.name / "sincerity.lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    with WeakFileLock(lock):  # another process may have put a good one in its place by now
        if not path.is_file() or hub_hash(path, expected) != expected:
            if path.is_symlink():
                (path.parent / path.readlink()).unlink(missing_ok=True)
            path.unlink(missing_ok=True)
            return True
    return False


def _reason(name: str, revision: str | None, error: Exception, done: str = "had from") -> str:
    """What went wrong and what helps; never the request's headers."""
    if isinstance(error, RevisionNotFoundError):
        return f"{name} has no revision {revision!r}. Expected: a branch, a tag or the hash of a commit."
    if isinstance(error, UnicodeEncodeError):  # of the request's headers
        return f"{name} could not be {done} the Hub: HF_TOKEN holds signs that no token has. Expected: hf_ and letters."
    if isinstance(error, GatedRepoError):
        return f"{name} could not be {done} the Hub: its terms must be accepted first, on {constants.ENDPOINT}/{name}."
    if isinstance(error, RepositoryNotFoundError):
        return (
            f"{name} could not be {done} the Hub: {constants.ENDPOINT} has none that this token may read. "
            "Check the name; for a private model, give a token (HF_TOKEN)."
        )
    lines = re.sub(r"Bearer\s+\S+", "Bearer …", str(error)).strip().splitlines() or [""]
    return (
        f"{name} could not be {done} the Hub ({constants.ENDPOINT}: {lines[0] or type(error).__name__}). "
        "Check the name and the network, or give a folder."
    )
