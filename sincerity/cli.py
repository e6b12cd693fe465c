"""The command line: parses, calls, prints. Results go to standard output, everything else to standard error."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from sincerity import Classifier, Prediction, SincerityError, Status, __version__
from sincerity.folders import DEFAULT_MODEL, model_folder, shipped_models
from sincerity.table import Summary, label_csv

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Tell people talking to people from promotion and automation.",
)

Model = Annotated[str, typer.Option("--model", "-m", help="A shipped model, a folder, or a Hub name org/name.")]
Threads = Annotated[int | None, typer.Option(min=1, help="Threads to compute with; all cores by default.")]

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
) -> None:
    """Label texts: label, probability, certain or uncertain or blank, and the text, separated by tabs."""
    classifier = Classifier.from_pretrained(model, threads=threads)
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
    shown = " ".join(text.split()).translate(_NO_CONTROLS)
    return f"{prediction.label}\t{prediction.score:.2f}\t{verdict}\t{shown}"


def _as_json(text: str, prediction: Prediction) -> str:
    plain = sys.stdout.encoding.lower() != "utf-8"
    return json.dumps({"text": text, **prediction.as_dict()}, ensure_ascii=plain)


@app.command(epilog="Example: sincerity batch tweets.csv -o labelled.csv --text-column text")
def batch(
    source: Annotated[str, typer.Argument(metavar="CSV", help="A CSV file with a header; - for standard input.")],
    output: Annotated[str, typer.Option("--output", "-o", help="Where to write; - for standard output.")] = "-",
    text_column: Annotated[str | None, typer.Option(help="The column that holds the text.")] = None,
    model: Model = DEFAULT_MODEL,
    threads: Threads = None,
) -> None:
    """Label a CSV: every row and column is kept; label, probabilities, certain and status are appended."""
    classifier = Classifier.from_pretrained(model, threads=threads)
    started = time.monotonic()
    summary = Summary()
    for summary in label_csv(source, output, classifier, text_column=text_column):
        _progress(summary.rows, started)
    _progress_end()
    mix = ", ".join(f"{label} {n}" for label, n in sorted(summary.labels.items(), key=lambda item: -item[1]))
    _note(
        f"{summary.rows} rows in {time.monotonic() - started:.1f} s: {mix or 'nothing to label'}; "
        f"{summary.uncertain} of them uncertain, {summary.blank} blank."
    )
    if summary.undecoded:
        _note(
            f"{summary.undecoded} rows hold bytes that are not UTF-8: kept as they are, read without them. "
            "Convert the file first, for instance with iconv -f WINDOWS-1252 -t UTF-8."
        )
    if summary.ragged:
        rows = ", ".join(map(str, summary.ragged[:10])) + (" …" if len(summary.ragged) > 10 else "")
        _note(f"{len(summary.ragged)} rows have more cells than the header; they are kept without a label: {rows}.")
        raise typer.Exit(1)


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


def _progress(rows: int, started: float) -> None:
    if sys.stderr.isatty():
        print(f"\r{rows} rows, {rows / max(time.monotonic() - started, 1e-9):.0f} a second", end="", file=sys.stderr)


def _progress_end() -> None:
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr)


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
