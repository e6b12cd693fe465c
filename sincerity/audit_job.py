"""The audit as a job: any input in; a report, JSON and a table of all messages out; gone on with after a stop."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from sincerity.auditing import Auditor, audited
from sincerity.classifier import Classifier
from sincerity.errors import TableError
from sincerity.findings import Audit
from sincerity.posts import Post, read_posts


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditOptions:
    """What an input needs to be read as posts; None is found out."""

    text_column: str | None = None
    author_column: str | None = None
    time_column: str | None = None
    kind: str | None = None
    encoding: str | None = None
    separator: str | None = None

    def posts(self, source: str) -> Iterator[Post]:
        """The posts of an input."""
        return read_posts(source, **asdict(self))


class AuditJob:
    """An audit of one input. While it runs, `<output>.state` keeps what is done; the same job goes on from there.

    Args:
        source: Any input of `sincerity batch`; - for standard input, which leaves no state.
        output: Where the report goes.
        classifier: A model with sincerity's labels.
        options: How the input is read.
        restart: Forget what an unfinished job has done.

    Raises:
        TableError: The state of an unfinished job cannot be read, or the output has no folder to go to.
        ModelError: The classifier has other labels, or its errors are not known.
    """

    def __init__(
        self, source: str, output: Path, classifier: Classifier, options: AuditOptions, *, restart: bool = False
    ) -> None:
        if not output.parent.is_dir() or output.is_dir():
            raise TableError(f"{output} cannot be written. Choose a file in a folder that is there with --output.")
        self._source, self._options = source, options
        self._name = _identity(source, classifier, options)
        self.state = output.with_name(f"{output.name}.state") if self._name else None
        if restart and self.state:
            self.state.unlink(missing_ok=True)
        found = Auditor.load(self.state, classifier, self._name) if self.state else None
        self.auditor = found or Auditor(classifier)
        self.resumed = len(self.auditor)

    def run(self) -> Iterator[int]:
        """Read the input to its end; says now and then how many posts are done."""
        yield from audited(self._options.posts(self._source), self.auditor, state=self.state, source=self._name)

    def finish(self) -> None:
        """Forget the state: everything that was wanted is written."""
        if self.state:
            self.state.unlink(missing_ok=True)

    def write_messages(self, path: Path, audit: Audit, *, anonymise: bool) -> None:
        """A table of all messages in order: what the text says of each, and what text and stream say.

        The input is read once more. Ids are left out with `anonymise`, for they lead to who wrote the message.

        Raises:
            TableError: The input was standard input.
        """
        if not self._name:
            raise TableError("Standard input cannot be read twice. Save it to a file for a table of its messages.")
        posts = islice(self._options.posts(self._source), len(audit.messages.repeats))
        with path.open("w", encoding="utf-8", errors="surrogateescape", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerows(_message_rows(posts, audit, anonymise=anonymise))


def write_json(path: Path, audit: Audit) -> None:
    """Everything but the messages, as one JSON object."""
    path.write_text(json.dumps(audit.as_dict(), ensure_ascii=False, indent=1) + "\n", "utf-8", "surrogateescape")


def _message_rows(posts: Iterable[Post], audit: Audit, *, anonymise: bool) -> Iterator[list[Any]]:
    labels, messages = audit.messages.labels, audit.messages
    in_stream = [f"{label}_in_stream" for label in labels]
    yield ["row", "id", "author", "created_at", "label", *labels, "label_in_stream", *in_stream, "template", "repeats"]
    columns = (messages.author, messages.scores, messages.in_context, messages.template, messages.repeats)
    for number, (post, author, text, stream, template, repeats) in enumerate(zip(posts, *columns, strict=True), 1):
        yield [
            number, "" if anonymise else post.id, messages.authors[author], post.created_at,
            labels[text.argmax()], *(f"{score:.4f}" for score in text),
            labels[stream.argmax()], *(f"{score:.4f}" for score in stream), template, repeats,
        ]  # fmt: skip


def _identity(source: str, classifier: Classifier, options: AuditOptions) -> str:
    """What a state must have been made of to be gone on with; empty for what cannot be read again."""
    path = Path(source)
    if source == "-" or not (path.is_file() or path.is_dir()):
        return ""
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    listed = [(str(file), file.stat().st_size, file.stat().st_mtime_ns) for file in files]
    return repr((listed, classifier.name, classifier.confusion, options))
