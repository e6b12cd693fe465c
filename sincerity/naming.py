"""How authors and texts are shown: as they are, or without anybody's handle."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from sincerity.templates import Template

_HANDLE = re.compile(r"(?<![\w@])@(\w+)")
_PROFILE = re.compile(r"((?:twitter\.com|\bx\.com|instagram\.com|facebook\.com|t\.me|tiktok\.com)/@?)(\w+)")
_WORD = re.compile(r"\w+")


class Named:
    """How authors and texts are shown."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names

    def author(self, number: int) -> str:
        return self._names[number] if number >= 0 else ""

    def text(self, text: str) -> str:
        return text

    def template(self, template: Template) -> Template:
        return template


class Anonymous(Named):
    """Authors by number, in order of appearance; no handle is left in a text, nor an author's name in one word."""

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__([f"author {number}" for number in range(1, len(names) + 1)])
        self._numbers = {name.lower().lstrip("@"): i for i, name in enumerate(names) if name}
        self._new = dict(zip(names, self._names, strict=True))

    def text(self, text: str) -> str:
        text = _PROFILE.sub(lambda found: found[1] + self._known(found[2], "somebody"), text)
        text = _HANDLE.sub(lambda found: f"@{self._known(found[1], 'somebody')}", text)
        return _WORD.sub(lambda found: self._known(found[0], found[0]), text)

    def template(self, template: Template) -> Template:
        return replace(
            template,
            pattern=self.text(template.pattern),
            authors={self._new[name]: count for name, count in template.authors.items()},
            examples=tuple(map(self.text, template.examples)),
        )

    def _known(self, word: str, otherwise: str) -> str:
        number = self._numbers.get(word.lower())
        return otherwise if number is None else f"author_{number + 1}"
