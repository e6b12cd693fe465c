"""Damaged input for every reader, for as many seconds each as the first argument says (600 by default).

Each input is a good one with a few mutations: bytes flipped, cut out, doubled, overwritten with what trips parsers.
A reader may give rows, or raise `TableError`; anything else is a finding, printed with the seed that repeats it.
"""

from __future__ import annotations

import io
import json
import random
import sys
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import sources

from sincerity.errors import TableError
from sincerity.posts import read_posts

SNIPPETS = [
    *(b'"', b'""', b"\n", b"\r", b"\r\n", b"\0", b",", b";", b"\t", b"\xff", b"\xef\xbb\xbf", b"\xff\xfe"),
    *(b"\xed\xa0\x80", b"sep=;\n", b"{", b"}", b"[", b"]", b"[" * 5000, b'{"a":' * 5000, b"\\u", b"\\ud800", b"null"),
    *(b"1e999", b"9" * 6000, b"<![", b"<!--", b"<div>" * 3000, b"&#x110000;", b"From x Mon Feb  3 10:00:00 2020\n"),
    *(b"Content-Type: multipart/mixed; boundary=b\n", b"--b\n", b"=?utf-8?b?", b"?=", b"charset=utf-7", b"charset=no"),
    *(b"Content-Transfer-Encoding: base64\n\n", b"Date: Mon, 99 Foo 99999 99:99:99 +9999\n", b"=\r\n" * 500),
    *(b"window.YTD.tweets.part0 = ", b'"orderedItems":', b"On Mon, x wrote:\n" * 50, b"On " + b"a " * 3000),
    b">" * 5000,
]  # fmt: skip


def csv() -> bytes:
    """A messy table."""
    return b'id,text,note\n1,"hello, there",x\n2,"line\nbreak",\n3,caf\xc3\xa9,"say ""hi"""\n\n4,b,c,d\n'


def jsonl() -> bytes:
    """JSON lines."""
    return b"".join(json.dumps({"text": f"hello {i}", "n": {"a": [i, None]}}).encode() + b"\n" for i in range(5))


def parquet() -> bytes:
    """A Parquet file."""
    import pyarrow
    import pyarrow.parquet

    file = io.BytesIO()
    columns = {"text": ["hello", None, "there"] * 20, "n": [1, 2, None] * 20, "tags": [["a"], [], None] * 20}
    pyarrow.parquet.write_table(pyarrow.table(columns), file)
    return file.getvalue()


def archive(files: dict[str, str]) -> Callable[[], bytes]:
    """An archive whose first file is the one that is damaged."""
    return lambda: next(iter(files.values())).encode()


def zipped() -> bytes:
    """A whole zip."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in sources.TWITTER_2023.items():
            archive.writestr(name, text)
    return file.getvalue()


READERS: dict[str, tuple[str, str | None, Callable[[], bytes]]] = {
    "csv": ("in.csv", None, csv),
    "tsv": ("in.tsv", None, lambda: csv().replace(b",", b"\t")),
    "jsonl": ("in.jsonl", None, jsonl),
    "json array": ("in.json", None, lambda: b"[" + jsonl().strip().replace(b"\n", b",\n") + b"]"),
    "parquet": ("in.parquet", None, parquet),
    "twitter": ("tweets.js", "twitter", lambda: sources.TWITTER_2023["data/tweets.js"].encode()),
    "twitter messages": ("dm.js", "twitter", lambda: sources.TWITTER_2023["data/direct-messages.js"].encode()),
    "twitter zip": ("in.zip", None, zipped),
    "linkedin": ("messages.csv", "linkedin", archive(sources.LINKEDIN)),
    "mastodon": ("outbox.json", "mastodon", archive(sources.MASTODON)),
    "mbox": ("in.mbox", "mail", sources.MBOX.encode),
    "eml": ("in.eml", "mail", sources.NEWSLETTER.encode),
}


def mutated(content: bytes, chance: random.Random) -> bytes:
    """The content with one to six changes."""
    changed = bytearray(content)
    for _ in range(chance.randint(1, 6)):
        at, length = chance.randrange(len(changed) + 1), chance.randrange(1, 40)
        kind = chance.randrange(6)
        if kind == 0 and changed:
            changed[min(at, len(changed) - 1)] ^= 1 << chance.randrange(8)
        elif kind == 1:
            del changed[at : at + length]
        elif kind == 2:
            changed[at:at] = changed[at : at + length] * chance.randint(1, 50)
        elif kind == 3:
            changed[at : at + chance.randrange(3)] = chance.choice(SNIPPETS)
        elif kind == 4:
            changed[at:at] = chance.randbytes(length)
        else:
            del changed[at:]
    return bytes(changed)


def fuzz(name: str, seconds: float, seed: int = 0) -> bool:
    """Run one reader; whether nothing was found."""
    file, kind, make = READERS[name]
    content = make()
    outcomes: Counter[str] = Counter()
    slowest = 0.0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / file
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            seed += 1
            path.write_bytes(mutated(content, random.Random(f"{name} {seed}")))
            started = time.process_time()
            try:
                outcomes["rows"] += sum(1 for _ in read_posts(path, kind=kind, text_column=None))
                outcomes["read"] += 1
            except TableError:
                outcomes["refused"] += 1
            except BaseException as error:
                print(f"{name}, seed {seed}: {error!r}", flush=True)
                outcomes["FOUND"] += 1
                if isinstance(error, KeyboardInterrupt) or outcomes["FOUND"] > 5:
                    raise
            slowest = max(slowest, time.process_time() - started)
    print(f"{name}: {sum(outcomes[key] for key in ('read', 'refused', 'FOUND'))} inputs, {dict(outcomes)}, "
          f"slowest {slowest:.2f} s", flush=True)  # fmt: skip
    return not outcomes["FOUND"]


if __name__ == "__main__":
    each = float(sys.argv[1]) if len(sys.argv) > 1 else 600.0
    wanted = sys.argv[2:] or list(READERS)
    sys.exit(not all([fuzz(name, each) for name in wanted]))
