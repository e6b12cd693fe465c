"""The batch job: any table in, every row out once, with labels, whatever happens on the way."""

from __future__ import annotations

import hashlib
import json
import re
import stat
import sys
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from sincerity.checkpoint import Checkpoint, Part
from sincerity.classifier import Classifier
from sincerity.errors import SincerityError, TableError
from sincerity.integrity import manifest, sha256
from sincerity.prediction import Prediction, Status
from sincerity.results import Result, result_columns
from sincerity.summary import Summary
from sincerity.tables.inputs import open_table, text_index
from sincerity.tables.outputs import Format, Layout, Writer, is_stream, open_writer, output_format
from sincerity.tables.parquet import finish_parquet
from sincerity.tables.table import UNDECODABLE, Row, Table, as_text

CHUNK = 512
"""Rows of a step; as many steps are in memory at a time as there are threads, and one more. Steps begin at fixed row
numbers, so that a row has the same neighbours in every run."""

_UNDECODED = re.compile("[\udc80-\udcff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a batch job is asked for; a job that is resumed has to be asked for the same."""

    text_column: str | None = None
    """None: the only column with a usual name."""
    kind: str | None = None
    encoding: str | None = None
    separator: str | None = None
    format: str | None = None
    """Of the output; None: by its name, else the input's."""
    prefix: str = ""
    """In front of the names of our columns."""
    columns: tuple[str, ...] = ()
    """Columns to write, of the input and ours; none for all."""
    only: tuple[str, ...] = ()
    """Labels whose rows are written; none for all rows."""
    min_score: float = 0.0
    """Rows under this score are not written."""
    safe_csv: bool = False
    """Whether cells that a spreadsheet takes for formulas get an apostrophe in front."""
    explain: bool = False
    """Whether there is a column of reasons."""
    errors: str | None = None
    """A file for the numbers of the rows that could not be read."""


@dataclass(slots=True)
class Preview:
    """What a job would do."""

    found: str
    text_column: str
    columns: list[str]
    """Of the output."""
    format: str
    rows: list[tuple[str, Prediction | None]]
    """The first texts, labelled; None where a row cannot be read."""


def preview(source: str | Path, target: str | Path, classifier: Classifier, options: Options, rows: int = 3) -> Preview:
    """Look at an input without writing anything; raises what `label_table` would raise before its first row."""
    with open_table(source, kind=options.kind, encoding=options.encoding, separator=options.separator) as table:
        index = text_index(table, options.text_column)
        layout = _layout(table, classifier, options)
        some = list(islice(table.rows, rows))
        results = _results(some, index, classifier, options.explain)
        shown = [(as_text(row.cells[index]), one if isinstance(one, Prediction) else None)
                 for row, one in zip(some, results, strict=True)]  # fmt: skip
        output = output_format(target, table, options.format)
        return Preview(table.found, table.header[index], layout.names, output, shown)


def label_table(
    source: str | Path,
    target: str | Path,
    classifier: Classifier,
    options: Options | None = None,
    *,
    restart: bool = False,
) -> Iterator[Summary]:
    """Copy a table with the columns of `sincerity.results` appended; yields a running summary after every chunk.

    Any input that `open_table` opens; every row comes out once, in order, its cells unchanged, and where it could not
    be read its status says why. The target appears when it is complete; a run that was stopped goes on where it was
    when it is called again, unless input, model or options have changed. `-` stands for standard input and output.

    Raises:
        TableError: The input cannot be read or lacks what was asked for, or the output cannot be written.
    """
    options = options or Options()
    if is_stream(target):
        yield from _to_stream(source, target, classifier, options)
        return
    path = Path(target).resolve()
    job = _job(source, classifier, options)
    checkpoint = Checkpoint(path, job)
    parts = {"output": Part(path)}
    if options.errors is not None:
        parts["errors"] = Part(Path(options.errors).resolve())
    if restart:
        checkpoint.remove()
    state = checkpoint.read()
    if state is not None and state["complete"]:
        yield _finish(path, parts, checkpoint, job, state)
        return
    with ExitStack() as stack:
        for part in parts.values():
            stack.callback(part.close)
        run = _Run(stack, source, path, classifier, options)
        yield from _resumable(run, parts, checkpoint, state, resumable=job["input"]["sha256"] is not None)
        yield _finish(path, parts, checkpoint, job, _state(run, parts))


class _Read(NamedTuple):
    """Rows that are being judged."""

    rows: list[Row]
    problems: list[str]
    share: float | None
    """Of the input, read with these rows."""


class _Run:
    """An open input, its writer and what has been counted: one chunk of rows after the other."""

    def __init__(
        self, stack: ExitStack, source: str | Path, target: str | Path, classifier: Classifier, options: Options
    ) -> None:
        output = options.format or Path(target).suffix.lower()
        self.table = stack.enter_context(
            open_table(
                source, kind=options.kind, encoding=options.encoding, separator=options.separator,
                all_keys="jsonl" not in output and "ndjson" not in output,
            )
        )  # fmt: skip
        self._index = text_index(self.table, options.text_column)
        self._layout = _layout(self.table, classifier, options)
        self._classifier, self._options = classifier, options
        self.format = output_format(target, self.table, options.format)
        self.writer: Writer = open_writer(target, self.table, self._layout, self.format, safe=options.safe_csv)
        self.summary = Summary(found=self.table.found, text_column=self.table.header[self._index])
        self._read: deque[_Read] = deque()
        judged = self._judged()
        stack.callback(judged.close)
        self._chunks = judged

    def _judged(self) -> Generator[tuple[_Read, list[Result]], None, None]:
        """Rows and their results; rows are read while those before them are judged."""
        explain = self._options.explain
        with closing(self._classifier.stream_batches(self._texts(), explain=explain)) as batches:
            for predictions in batches:
                read = self._read.popleft()
                judged = iter(predictions)
                yield read, [problem or next(judged) for problem in read.problems]

    def _texts(self) -> Iterator[list[str]]:
        while rows := list(islice(self.table.rows, CHUNK)):
            texts, problems = _readable(rows, self._index)
            self._read.append(_Read(rows, problems, self.table.share_read()))
            yield texts

    def chunk(self) -> tuple[bytes, bytes] | None:
        """The next rows of the output, and of the list of those that could not be read; None at the end."""
        if (found := next(self._chunks, None)) is None:
            return None
        (rows, _, share), results = found
        errors = "".join([f"{row},{status}\n" for row, status in self.summary.count(results)])
        if self._options.only or self._options.min_score:
            wanted = [i for i, result in enumerate(results) if self._wanted(result)]
            rows, results = [rows[i] for i in wanted], [results[i] for i in wanted]
        self.summary.written += len(rows)
        self.summary.share = share
        return self.writer.rows(rows, results), errors.encode()

    def skip(self, summary: dict[str, Any]) -> None:
        """Go on behind the rows that this summary speaks of."""
        self.summary = Summary(**summary)
        self.summary.resumed = self.summary.rows
        passed = sum(1 for _ in islice(self.table.rows, self.summary.rows))
        if passed != self.summary.rows:
            raise TableError(f"{self.table.name} has fewer rows than before. Start over with --restart.")

    def _wanted(self, result: Result) -> bool:
        if isinstance(result, str):
            return False
        if self._options.only and (result.status is Status.BLANK or result.label not in self._options.only):
            return False
        return result.score >= self._options.min_score


def _to_stream(source: str | Path, target: str | Path, classifier: Classifier, options: Options) -> Iterator[Summary]:
    """To standard output, a pipe or a device: rows go out as they are done."""
    with ExitStack() as stack:
        run = _Run(stack, source, target, classifier, options)
        standard = str(target) in ("-", "/dev/stdout")
        out = sys.stdout.buffer if standard else stack.enter_context(Path(target).open("wb"))
        errors = None if options.errors is None else stack.enter_context(Path(options.errors).open("wb"))
        out.write(run.writer.start())
        if errors:
            errors.write(b"row,status\n")
        while (chunk := run.chunk()) is not None:
            out.write(chunk[0])
            if errors:
                errors.write(chunk[1])
            yield run.summary
        out.flush()
        yield run.summary


def _resumable(
    run: _Run, parts: dict[str, Part], checkpoint: Checkpoint, state: dict[str, Any] | None, *, resumable: bool
) -> Iterator[Summary]:
    """To files, with checkpoints between chunks; what is there on return is complete."""
    sizes = state["sizes"] if state else {}
    done: dict[str, Any] | None = state
    opened = False
    try:
        for name, part in parts.items():
            part.open(sizes.get(name, 0))
        opened = True
        if state:
            run.skip(state["summary"])
        else:
            parts["output"].write(run.writer.start())
            if "errors" in parts:
                parts["errors"].write(b"row,status\n")
        while (chunk := run.chunk()) is not None:
            parts["output"].write(chunk[0])
            if "errors" in parts:
                parts["errors"].write(chunk[1])
            done = _state(run, parts)
            if resumable and checkpoint.due():
                _save(done, parts, checkpoint)
            yield run.summary
    except SincerityError:
        if opened:  # else they may be another run's
            _discard(parts, checkpoint)
        raise
    except BaseException:  # a signal, a full disk: as far as the last whole chunk
        if not opened:
            if done is None:
                for part in parts.values():
                    part.discard()
        elif done is None or not resumable:
            _discard(parts, checkpoint)
        else:
            with suppress(OSError):
                for name, part in parts.items():
                    part.cut(done["sizes"][name])
                _save(done, parts, checkpoint)
            if not checkpoint.exists():
                _discard(parts, checkpoint)
        raise
    for part in parts.values():
        part.sync()
    if resumable:
        checkpoint.write({**_state(run, parts), "complete": True})


def _state(run: _Run, parts: dict[str, Part]) -> dict[str, Any]:
    sizes = {name: part.size() for name, part in parts.items()}
    return {"complete": False, "format": run.format, "sizes": sizes, "summary": asdict(run.summary)}


def _save(state: dict[str, Any], parts: dict[str, Part], checkpoint: Checkpoint) -> None:
    for part in parts.values():
        part.sync()
    checkpoint.write(state)


def _discard(parts: dict[str, Part], checkpoint: Checkpoint) -> None:
    checkpoint.remove()
    for part in parts.values():
        part.discard()


def _finish(
    target: Path, parts: dict[str, Part], checkpoint: Checkpoint, job: dict[str, Any], state: dict[str, Any]
) -> Summary:
    """Put a complete output in its place; may be done again."""
    summary = state["summary"]
    final = Summary(**summary)
    if state["format"] == Format.PARQUET and parts["output"].path.exists():
        finish_parquet(parts["output"].path)
    provenance = {**job, **{key: summary[key] for key in ("rows", "written", "labels", "uncertain", "statuses")}}
    provenance["input"] = {**job["input"], "found": final.found, "text_column": final.text_column}
    note = target.with_name(f"{target.name}.provenance.json")
    note.write_text(json.dumps(provenance, indent=1, ensure_ascii=False) + "\n", "utf-8")
    for part in parts.values():
        part.place()
    checkpoint.remove()
    return final


def _results(rows: Sequence[Row], index: int, classifier: Classifier, explain: bool) -> list[Result]:
    """A prediction for each row, or the status that says why its text could not be read."""
    texts, problems = _readable(rows, index)
    judged = iter(classifier.classify(texts, explain=explain))
    return [problem or next(judged) for problem in problems]


def _readable(rows: Sequence[Row], index: int) -> tuple[list[str], list[str]]:
    """The texts that can be read, and for each row what is wrong with it, if anything."""
    texts = [as_text(row.cells[index]) for row in rows]
    problems = [
        row.problem(index) or (UNDECODABLE if not text.isascii() and _UNDECODED.search(text) else "")
        for row, text in zip(rows, texts, strict=True)
    ]
    return [text for text, problem in zip(texts, problems, strict=True) if not problem], problems


def _layout(table: Table, classifier: Classifier, options: Options) -> Layout:
    columns = result_columns(classifier.labels, reasons=options.explain)
    ours = {f"{options.prefix}{name}": kind for name, kind in columns.items()}
    if clash := [name for name in ours if name in table.header]:
        raise TableError(
            f"{table.name} has the column {clash[0]!r} already. Expected: none of {', '.join(ours)}. "
            "Set our columns apart with --prefix, for instance --prefix sincerity_."
        )
    if wrong := [label for label in options.only if label not in classifier.labels]:
        raise TableError(f"{wrong[0]!r} is no label of {classifier.name}. Expected: {', '.join(classifier.labels)}.")
    every = [*table.header, *ours]
    if missing := [name for name in options.columns if name not in every]:
        raise TableError(
            f"--columns names {missing[0]!r}, which is none of the columns {', '.join(every[:40])}"
            f"{' …' if len(every) > 40 else ''}."
        )
    return Layout(table.header, ours, [every.index(name) for name in options.columns] or None)


def _job(source: str | Path, classifier: Classifier, options: Options) -> dict[str, Any]:
    """What a job is: the same again gives the same output, byte for byte."""
    from sincerity import __version__

    folder = classifier.folder
    return {
        "tool": f"sincerity {__version__}",
        "model": {
            "name": classifier.name,
            "tiers": list(classifier.models),
            "answers": list(classifier.models),
            "sha256": hashlib.sha256(manifest(folder).encode()).hexdigest(),
            "threshold": classifier.threshold,
            "labels": list(map(str, classifier.labels)),
        },
        "input": {"name": Path(source).name, "sha256": _digest(source)},
        "options": json.loads(json.dumps(asdict(options))),
    }


def _digest(source: str | Path) -> str | None:
    """SHA-256 of a file, or of a folder's names, sizes and times; None for what can be read only once."""
    path = Path(source)
    try:
        if path.is_dir():
            listed = sorted(
                (p.as_posix(), p.stat().st_size, p.stat().st_mtime_ns) for p in path.rglob("*") if p.is_file()
            )
            return hashlib.sha256(repr(listed).encode()).hexdigest()
        if str(source) == "-" or not stat.S_ISREG(path.stat().st_mode):
            return None
        return sha256(path)
    except (OSError, ValueError):
        return None  # opening it will say what is wrong
