"""Write `sincerity/lookalikes.txt`: letters of other scripts that pass for Latin ones.

    python -m training.lookalikes

The pairs are facts of Unicode Technical Standard 39 (confusables.txt), read from the package confusable_homoglyphs.
Kept are single letters outside ASCII that `clean` does not fold by itself (its compatibility forms and Latin variants)
and whose look-alike is an ASCII letter or folds to one, but not what looks like one that turned is another: a turned w
is an m.
The Unicode Character Database adds letters that by name are one of these with a small mark (CYRILLIC CAPITAL LETTER EN
WITH HOOK); a stroke makes another letter.
"""

from __future__ import annotations

import json
import sys
import unicodedata
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from importlib import metadata, resources
from pathlib import Path

from sincerity.cleaning import EAST_ASIAN, _fold_character

HEADER = """\
# Letters of other scripts that pass for Latin ones: a Latin letter, then its look-alikes.
# From Unicode Technical Standard 39 (confusables) and the character names, by `python -m training.lookalikes`
# with confusable_homoglyphs {version}. (c) Unicode, Inc., Unicode License v3.
"""

TURNED = ("TURNED M", "TURNED V", "TURNED W")
MARKS = ("DESCENDER", "HOOK", "TAIL", "TICK")


def pairs() -> dict[str, str]:
    """Letter → Latin letter."""
    table = json.loads(resources.files("confusable_homoglyphs").joinpath("confusables.json").read_text("utf-8"))
    found: dict[str, str] = {}
    for char, others in table.items():
        for other in (entry["c"] for entry in others):
            for source, target in ((char, other), (other, char)):
                latin = _as_latin(source, target)
                if latin and (source not in found or target.isascii()):
                    found[source] = latin
    return found | dict(_marked(found))


def _marked(found: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Letters that are one of those found, or a Latin one, with a mark."""
    for char in map(chr, range(0x80, sys.maxunicode + 1)):
        plain, _, mark = unicodedata.name(char, "").partition(" WITH ")
        if char not in found and mark.endswith(MARKS) and "STROKE" not in mark and _fold_character(char) == char:
            with suppress(KeyError):
                base = unicodedata.lookup(plain)
                if base in found:
                    yield char, found[base]


def _as_latin(source: str, target: str) -> str | None:
    if len(source) != 1 or len(target) != 1 or source.isascii() or unicodedata.category(source)[0] != "L":
        return None
    if _fold_character(source) != source or unicodedata.name(source, "").startswith(EAST_ASIAN):
        return None
    latin = _fold_character(target)
    if unicodedata.name(target, "").endswith(TURNED):
        return None
    if len(latin) != 1 or not latin.isascii() or not latin.isalpha():
        return None
    name = unicodedata.name(source, "")
    if latin == "l" and "SMALL" not in name:  # the standard's prototype of a bare stroke is l; a capital is an I
        return "I"
    return latin.lower() if "SMALL" in name else latin


def main() -> None:
    by_latin: dict[str, list[str]] = defaultdict(list)
    for source, latin in sorted(pairs().items()):
        by_latin[latin].append(source)
    lines = [f"{latin} {''.join(sources)}\n" for latin, sources in sorted(by_latin.items())]
    path = Path(__file__).parents[1] / "sincerity" / "lookalikes.txt"
    path.write_text(HEADER.format(version=metadata.version("confusable_homoglyphs")) + "".join(lines), "utf-8")


if __name__ == "__main__":
    main()
