"""A stream of posts in, what it is made of out: labels, templates, times, and the sincerity index of every author.

One pass, a chunk at a time. A post leaves a row of numbers behind (its labels, flags, time, and the signature that
finds near-duplicates), an author a few typical posts; texts are not kept otherwise. Everything can be saved between
two chunks and gone on with later.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from sincerity.classifier import Classifier
from sincerity.errors import ModelError, TableError
from sincerity.labels import Label
from sincerity.posts import Post
from sincerity.prediction import Prediction, Status
from sincerity.templates import Templates
from sincerity.timing import parse_time

if TYPE_CHECKING:
    from sincerity.findings import Audit

CHUNK = 1024
TYPICAL = 4
"""Posts of a label that are kept of an author to be shown."""
LONGEST_SHOWN = 600
SHARE_OF_TIME = 10.0
"""State is saved every so many times as long as saving takes, and every so many seconds at most."""

CERTAIN, BLANK, UNREAD, ADDRESSED, LINKED, REPOSTED = (1 << bit for bit in range(6))
"""Flags of a post. Unread: nothing to judge, or not in the model's language."""

_FORMAT = 1
_ROW = np.dtype([
    ("author", np.int32), ("time", np.int64), ("label", np.uint8), ("flags", np.uint8), ("scores", np.float32, 3),
    ("length", np.uint32),
])  # fmt: skip
_ADDRESS = re.compile(r"(?<![\w@/.])(?<!via )@\w")
_LINK = re.compile(r"https?://|\bwww\.|\bt\.co/")
_TALK = frozenset({"direct message", "message", "email", "invitation"})
_READ = frozenset({Status.OK, Status.TRUNCATED})
_FULL_LENGTH = 140  # characters from which a post is no more typical for being longer


class Kept(NamedTuple):
    """A post that may be shown."""

    rank: float
    row: int
    text: str
    template: int


class Auditor:
    """What is known of a stream so far. Give it posts in chunks of `CHUNK`, then ask for the `audit`.

    Args:
        classifier: A model with sincerity's labels and a confusion matrix.

    Raises:
        ModelError: The model has other labels, or its errors are not known.
    """

    def __init__(self, classifier: Classifier) -> None:
        if set(classifier.labels) != set(Label) or classifier.confusion is None:
            raise ModelError(
                f"{classifier.name} has the labels {', '.join(classifier.labels)}"
                f"{'' if classifier.confusion else ' and no confusion matrix'}. Expected: {', '.join(Label)}, and a "
                "confusion matrix in its config. Use the shipped model."
            )
        self.classifier = classifier
        self.templates = Templates()
        self._rows = np.zeros(CHUNK, _ROW)
        self._count = 0
        self._kept: dict[tuple[int, int], list[Kept]] = {}

    def __len__(self) -> int:
        return self._count

    @property
    def rows(self) -> NDArray[np.void]:
        """A row of numbers for each post, in order."""
        return self._rows[: self._count]

    def add(self, posts: Sequence[Post]) -> None:
        """Take in some posts."""
        start = self._count
        texts = [post.text for post in posts]
        predictions = self.classifier.classify(texts)
        groups = self.templates.add(texts, [post.author for post in posts])
        _, authors = self.templates.authors()
        self._grow(start + len(posts))
        rows = self._rows[start : self._count]
        rows["author"] = authors[start:]
        rows["time"] = [parse_time(post.created_at) for post in posts]
        rows["length"] = list(map(len, texts))
        order = [str(label) for label in self.classifier.labels]
        rows["label"] = [order.index(prediction.label) for prediction in predictions]
        rows["scores"] = [tuple(prediction.scores.values()) for prediction in predictions]
        rows["flags"] = [_flags(post, prediction) for post, prediction in zip(posts, predictions, strict=True)]
        for i, (text, group) in enumerate(zip(texts, groups.tolist(), strict=True), start):
            self._keep(i, text, group)

    def kept(self, author: int, label: int) -> list[Kept]:
        """The most typical posts of a label of an author, best first."""
        return sorted(self._kept.get((author, label), []), reverse=True)

    def audit(self, *, anonymise: bool = False) -> Audit:
        """What all of it says.

        Raises:
            ValueError: There is no post.
        """
        from sincerity.analysis import analysed

        if not self._count:
            raise ValueError("There are no posts. Expected: at least one.")
        return analysed(self, anonymise)

    def save(self, path: Path, source: str) -> None:
        """Write everything to one file, put in place when complete; `source` says what was read."""
        kept = [[*place, *posts] for place, posts in self._kept.items()]
        rest = {"format": _FORMAT, "source": source, "kept": kept}
        part = path.with_name(path.name + ".new")
        with part.open("wb") as file:
            np.savez(
                file,
                rows=self.rows,
                rest=np.frombuffer(json.dumps(rest).encode(), np.uint8),
                **self.templates.arrays(),  # type: ignore[arg-type]
            )
        part.replace(path)

    @classmethod
    def load(cls, path: Path, classifier: Classifier, source: str) -> Auditor | None:
        """What `save` wrote of the same source; None where there is nothing, or of another.

        Raises:
            TableError: The file cannot be read.
        """
        if not path.exists():
            return None
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
                rest = json.loads(arrays["rest"].tobytes())
                if (rest["format"], rest["source"]) != (_FORMAT, source):
                    return None
                auditor = cls(classifier)
                auditor._rows, auditor.templates = arrays["rows"], Templates.from_arrays(arrays)
        except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
            raise TableError(
                f"{path} cannot be read ({error}). Expected: the state of an unfinished audit. Remove it to start anew."
            ) from error
        auditor._count = len(auditor._rows)
        auditor._kept = {(author, label): [Kept(*one) for one in posts] for author, label, *posts in rest["kept"]}
        return auditor

    def _keep(self, row: int, text: str, template: int) -> None:
        """Keep a post if it is more typical than those that are kept of its author and label, one of each template."""
        author, _, label, flags, scores, _ = self._rows[row].item()
        if flags & (UNREAD | REPOSTED):
            return
        rank = float(scores[label])
        if self.classifier.labels[label] == Label.CONVERSATIONAL:
            rank *= min(len(text), _FULL_LENGTH) / _FULL_LENGTH * (1.0 if flags & ADDRESSED else 0.8)
        kept = self._kept.setdefault((author, label), [])
        if len(kept) >= TYPICAL and rank <= kept[-1].rank:
            return
        same = next((i for i, one in enumerate(kept) if one.template == template), None)
        if same is not None:
            if kept[same].rank >= rank:
                return
            del kept[same]
        kept.append(Kept(rank, row, text[:LONGEST_SHOWN], template))
        kept.sort(reverse=True)
        del kept[TYPICAL:]

    def _grow(self, count: int) -> None:
        if count > len(self._rows):
            larger = np.zeros(max(count, len(self._rows) * 3 // 2), _ROW)
            larger[: self._count] = self._rows[: self._count]
            self._rows = larger
        self._count = count


def audited(posts: Iterable[Post], auditor: Auditor, *, state: Path | None = None, source: str = "") -> Iterator[int]:
    """Take in all posts behind those that the auditor has; says after each chunk how many there are.

    With `state`, everything is saved there now and then, a tenth of the time at most.
    """
    remaining = islice(posts, len(auditor), None)
    saved, cost = time.monotonic(), 1.0
    while chunk := list(islice(remaining, CHUNK)):
        auditor.add(chunk)
        if state is not None and (started := time.monotonic()) - saved >= SHARE_OF_TIME * cost:
            auditor.save(state, source)
            saved = time.monotonic()
            cost = max(1.0, saved - started)
        yield len(auditor)


def _flags(post: Post, prediction: Prediction) -> int:
    text = post.text[:LONGEST_SHOWN]
    reposted = post.channel == "repost" or text.startswith("RT @")
    addressed = bool(post.in_reply_to) or post.channel in _TALK or (not reposted and bool(_ADDRESS.search(text)))
    return (
        CERTAIN * prediction.certain
        + BLANK * (prediction.status == Status.BLANK)
        + UNREAD * (prediction.status not in _READ)
        + ADDRESSED * addressed
        + LINKED * bool(_LINK.search(text))
        + REPOSTED * reposted
    )
