"""The command line: parses, calls, prints. Results go to standard output, everything else to standard error."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from sincerity import Classifier, Prediction, SincerityError, Status, TableError, __version__
from sincerity.checkpoint import AGAIN
from sincerity.folders import DEFAULT_MODEL, model_folder, shipped_models
from sincerity.progress import Progress, closing_lines
from sincerity.summary import Summary
from sincerity.tables.outputs import Format
from sincerity.tables.table import Kind

if TYPE_CHECKING:
    from sincerity.job import Options

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,  # rich takes longer to import than everything else that --help needs
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Tell people talking to people from promotion and automation.",
)

Model = Annotated[str, typer.Option("--model", "-m", help="A shipped model, a folder, or a Hub name org/name.")]
Threads = Annotated[int | None, typer.Option(min=1, help="Threads to compute with; all cores by default.")]
Accurate = Annotated[
    bool, typer.Option("--accurate", help="Let the accurate model answer every text, also where a faster one is sure.")
]

_CHUNK_BYTES = 1 << 16
_NO_CONTROLS = dict.fromkeys([*range(0x20), *range(0x7F, 0xA0)])
"""A text must not steer the terminal it is shown on."""


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"sincerity {__version__} (model {DEFAULT_MODEL})")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print tool and model.")
    ] = False,
) -> None: ...


@app.command(epilog='Example: sincerity classify "Thanks for following! Check out our page."')
def classify(
    texts: Annotated[
        list[str] | None,
        typer.Argument(
            help="Texts; none, or -, for the lines of standard input. A text that starts with - goes behind --."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line, with every probability.")] = False,
    model: Model = DEFAULT_MODEL,
    threads: Threads = None,
    accurate: Accurate = False,
) -> None:
    """Label texts: label, probability, certain or uncertain or blank, and the text, separated by tabs."""
    classifier = Classifier.from_pretrained(model, threads=threads, cascade=not accurate)
    render = _as_json if as_json else _as_line
    for some in [texts] if texts and texts != ["-"] else _stdin_lines():
        for text, prediction in zip(some, classifier.classify(some), strict=True):
            print(render(text, prediction))
        sys.stdout.flush()


def _stdin_lines() -> Iterator[list[str]]:
    """Lines of standard input, as many at a time as have arrived: a live stream is answered as it comes."""
    if sys.stdin.isatty():
        _note("Reading lines from the terminal; end with Ctrl-D.")
    unfinished: list[bytes] = []
    while chunk := os.read(sys.stdin.fileno(), _CHUNK_BYTES):
        lines, newline, rest = chunk.rpartition(b"\n")
        if newline:
            yield [_decoded(line) for line in b"".join([*unfinished, lines]).split(b"\n")]
            unfinished.clear()
        unfinished.append(rest)
    if any(unfinished):
        yield [_decoded(b"".join(unfinished))]


def _decoded(line: bytes) -> str:
    return line.removesuffix(b"\r").decode("utf-8", "replace")


def _as_line(text: str, prediction: Prediction) -> str:
    verdict = "blank" if prediction.status == Status.BLANK else "certain" if prediction.certain else "uncertain"
    return f"{prediction.label}\t{prediction.score:.2f}\t{verdict}\t{_shown(text)}"


def _shown(text: str) -> str:
    return " ".join(text.split()).translate(_NO_CONTROLS)


@app.command(epilog='Example: sincerity explain "Thanks for following! Check out our page."')
def explain(
    texts: Annotated[
        list[str] | None, typer.Argument(help="Texts; none, or -, for the lines of standard input.")
    ] = None,
    most: Annotated[int, typer.Option("--most", min=1, help="Words to list of a text, the strongest first.")] = 8,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line, with every reason.")] = False,
    model: Model = DEFAULT_MODEL,
    threads: Threads = None,
    accurate: Accurate = False,
) -> None:
    """Label texts and say why: each text with its label, its forms, and the words that pushed toward it (+) or away
    (-), in logits. Where colours show, toward is green and away is red."""
    from sincerity.explained import lines

    classifier = Classifier.from_pretrained(model, threads=threads, cascade=not accurate)
    colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    for some in [texts] if texts and texts != ["-"] else _stdin_lines():
        for text, prediction in zip(some, classifier.classify(some, explain=True), strict=True):
            if as_json:
                print(_as_json(text, prediction))
                continue
            print(_as_line("", prediction).rstrip())
            for line in lines(text, prediction, most, colour=colour):
                print(f"    {line}")
        sys.stdout.flush()


def _as_json(text: str, prediction: Prediction) -> str:
    plain = sys.stdout.encoding.lower() != "utf-8"
    return json.dumps({"text": text, **prediction.as_dict()}, ensure_ascii=plain)


@app.command(epilog="Example: sincerity batch tweets.csv -o labelled.csv --text-column text")
def batch(
    source: Annotated[
        str,
        typer.Argument(
            metavar="INPUT",
            help="A table (CSV, TSV, JSON lines, Parquet), a Twitter, LinkedIn or Mastodon archive, mail; - for "
            "standard input.",
        ),
    ],
    output: Annotated[str, typer.Option("--output", "-o", help="Where to write; - for standard output.")] = "-",
    text_column: Annotated[str | None, typer.Option(help="The column that holds the text.")] = None,
    kind: Annotated[str | None, typer.Option("--from", help=f"What the input is: {', '.join(Kind)}.")] = None,
    to: Annotated[str | None, typer.Option("--to", help=f"What to write: {', '.join(Format)}.")] = None,
    encoding: Annotated[str | None, typer.Option(help="Of the input, for instance cp1252.")] = None,
    separator: Annotated[str | None, typer.Option(help="Of the input's cells: one character, or tab.")] = None,
    prefix: Annotated[str, typer.Option(help="In front of the names of the new columns.")] = "",
    columns: Annotated[
        str | None, typer.Option(help="Columns to write, the input's and the new ones, with commas between them.")
    ] = None,
    only: Annotated[list[str] | None, typer.Option(help="Write only rows of this label; may be repeated.")] = None,
    min_score: Annotated[float, typer.Option(min=0, max=1, help="Write only rows with this score or more.")] = 0.0,
    safe_csv: Annotated[
        bool, typer.Option("--safe-csv", help="Put an apostrophe before cells that a spreadsheet would run.")
    ] = False,
    explain: Annotated[bool, typer.Option("--explain", help="Add a column of reasons; up to twice as slow.")] = False,
    errors: Annotated[str | None, typer.Option(help="Write the numbers of rows that could not be read here.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what was found, label three rows, and stop.")] = False,
    restart: Annotated[bool, typer.Option("--restart", help="Forget what an unfinished run has done.")] = False,
    model: Model = DEFAULT_MODEL,
    threads: Threads = None,
    accurate: Accurate = False,
) -> None:
    """Label a table, an archive or mail: every row and column is kept; label, probabilities, certain and status are
    appended. A run that was stopped goes on where it was when the same command is given again."""
    from sincerity.job import Options, label_table  # readers of every format, not before they are needed

    options = Options(
        text_column=text_column, kind=kind, encoding=encoding, separator=separator, format=to, prefix=prefix,
        columns=tuple(columns.split(",")) if columns else (), only=tuple(only or ()), min_score=min_score,
        safe_csv=safe_csv, explain=explain, errors=errors,
    )  # fmt: skip
    classifier = Classifier.from_pretrained(model, threads=threads, cascade=not accurate)
    if dry_run:
        _preview(source, output, classifier, options)
        return
    progress = Progress()
    summary = Summary()
    previous = signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        for summary in label_table(source, output, classifier, options, restart=restart):
            progress.show(summary)
    except (KeyboardInterrupt, SystemExit, OSError) as stop:
        progress.end()
        _stopped(stop, summary, output)
    finally:
        signal.signal(signal.SIGTERM, previous)
    progress.end()
    _note(f"{source}: {summary.found}; text in {summary.text_column!r}.")
    for line in closing_lines(summary, classifier, progress.seconds()):
        _note(line)
    if summary.unread:
        raise typer.Exit(1)


def _preview(source: str, output: str, classifier: Classifier, options: Options) -> None:
    from sincerity.job import preview

    seen = preview(source, output, classifier, options)
    _note(f"{source}: {seen.found}; text in {seen.text_column!r}.")
    _note(f"To be written, as {seen.format}: {', '.join(seen.columns)}.")
    for text, prediction in seen.rows:
        print(_as_line(text, prediction) if prediction else f"\t\tunread\t{_shown(text)}")


def _stopped(stop: BaseException, summary: Summary, output: str) -> NoReturn:
    """One line, and the exit code that the way of stopping has."""
    if isinstance(stop, BrokenPipeError):
        with suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # or Python complains once more when it closes
        why, code = "nobody reads the output any longer", 1
    elif isinstance(stop, OSError):
        why, code = f"{stop.strerror or stop}", 1
    else:
        code = 128 + (signal.SIGINT if isinstance(stop, KeyboardInterrupt) else signal.SIGTERM)
        why = "interrupted" if isinstance(stop, KeyboardInterrupt) else "told to end"
    resumable = Path(f"{Path(output).resolve()}.checkpoint").exists()
    rest = AGAIN if resumable else "No part of it is kept." if output != "-" else ""
    _note(f"Stopped after {summary.rows} rows: {why}. {rest}".rstrip())
    raise typer.Exit(code)


@app.command(epilog="Example: sincerity audit posts.csv --author-column user --time-column created_at")
def audit(
    source: Annotated[str, typer.Argument(metavar="INPUT", help="What sincerity batch takes; - for standard input.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Where the report goes.")] = Path("audit.html"),
    as_json: Annotated[Path | None, typer.Option("--json", help="Write what was found here, as JSON.")] = None,
    messages: Annotated[Path | None, typer.Option(help="Write a table of all messages with their labels here.")] = None,
    text_column: Annotated[str | None, typer.Option(help="The column that holds the text.")] = None,
    author_column: Annotated[str | None, typer.Option(help="The column that holds the author.")] = None,
    time_column: Annotated[str | None, typer.Option(help="The column that holds the time.")] = None,
    kind: Annotated[str | None, typer.Option("--from", help=f"What the input is: {', '.join(Kind)}.")] = None,
    encoding: Annotated[str | None, typer.Option(help="Of the input, for instance cp1252.")] = None,
    separator: Annotated[str | None, typer.Option(help="Of the input's cells: one character, or tab.")] = None,
    anonymise: Annotated[bool, typer.Option("--anonymise", help="Replace handles in everything written.")] = False,
    restart: Annotated[bool, typer.Option("--restart", help="Forget what an unfinished run has done.")] = False,
    model: Model = DEFAULT_MODEL,
    threads: Threads = None,
    accurate: Accurate = False,
) -> None:
    """How much of a stream is conversation: labels, templates and times, of all and of each author, as a report.

    A run that was stopped goes on where it was when the same command is given again.
    """
    from sincerity.audit_job import AuditJob, AuditOptions, write_json

    options = AuditOptions(
        text_column=text_column, author_column=author_column, time_column=time_column, kind=kind, encoding=encoding,
        separator=separator,
    )  # fmt: skip
    classifier = Classifier.from_pretrained(model, threads=threads, cascade=not accurate)
    job = AuditJob(source, output, classifier, options, restart=restart)
    if job.resumed:
        _note(f"Going on behind post {job.resumed}.")
    progress = Progress()
    done = job.resumed
    try:
        for done in job.run():
            progress.show(Summary(rows=done, resumed=job.resumed))
    finally:
        progress.end()
    if not done:
        raise TableError(f"{source} has no posts. Expected: at least one.")
    found = job.auditor.audit(anonymise=anonymise)
    output.write_text(found.html("" if anonymise or source == "-" else Path(source).name), "utf-8", "surrogateescape")
    if as_json:
        write_json(as_json, found)
    if messages:
        job.write_messages(messages, found, anonymise=anonymise)
    job.finish()
    print(found.summary().translate(_NO_CONTROLS | {ord("\n"): "\n"}))
    _note(f"The report is in {output}.")


@app.command(epilog="Example: sincerity models")
def models() -> None:
    """List the models at hand, shipped ones and those in the Hub's cache: name, size, revision, separated by tabs."""
    from sincerity.hub import cached_models  # the Hub's client takes a quarter of a second to import

    for name, folder in shipped_models().items():
        print(name, _size(folder), f"shipped with sincerity {__version__}", sep="\t")
    for model in cached_models():
        refs = f" ({', '.join(model.refs)})" if model.refs else ""
        print(model.name, _size(model.folder), f"{model.revision[:12]}{refs}", sep="\t")


def _size(folder: Path) -> str:
    return f"{sum(path.stat().st_size for path in folder.rglob('*') if path.is_file()) / 1e6:.1f} MB"


@app.command(epilog="Example: sincerity download org/name --revision v1")
def download(
    name: Annotated[str, typer.Argument(help="A Hub name org/name.")],
    revision: Annotated[str | None, typer.Option(help="A branch, a tag, or the hash of a commit.")] = None,
) -> None:
    """Fetch a model from the Hugging Face Hub, check it, and print its folder, which --model takes too."""
    print(model_folder(name, revision=revision))


def _note(text: str) -> None:
    print(text.translate(_NO_CONTROLS), file=sys.stderr)


def main() -> NoReturn:
    """Run the command line: exit 0 when all went well, 1 when something could not be done, 2 for wrong usage.

    Typer itself ends on Ctrl-C (130) and on a closed pipe.
    """
    closed = Path(os.devnull)
    sys.stdin = sys.stdin or closed.open()
    sys.stdout, sys.stderr = sys.stdout or closed.open("w"), sys.stderr or closed.open("w")
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        app()
    except SincerityError as error:
        _note(f"Error: {error}")
    except OSError as error:
        _note(f"Error: {error}. Check the disk and the place of the output.")
    sys.exit(1)


if __name__ == "__main__":
    main()
