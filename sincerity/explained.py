"""A prediction's reasons for a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from sincerity.prediction import Prediction, Status
from sincerity.reasons import Reason

_TOWARD, _AWAY, _PLAIN = "\x1b[32m", "\x1b[31m", "\x1b[0m"
_FAINTEST = 0.15
"""Words with less than this share of the strongest one's weight are not coloured."""
_LEAST = 0.05
"""Weights that would be shown as 0.0 are not."""
_NOTES = {
    Status.BLANK: "nothing visible to judge: these are the shares of the labels in general",
    Status.LANGUAGE: "plainly not English: labelled, but never certain",
    Status.TRUNCATED: "long: only its beginning and its end were read",
}
_NO_CONTROLS = dict.fromkeys([*range(0x20), *range(0x7F, 0xA0)])


def lines(text: str, prediction: Prediction, most: int, *, colour: bool) -> Iterator[str]:
    """The text, what is special about it, its forms, then its strongest words and traits, a line each."""
    words = [one for one in prediction.reasons if not one.evidence or one.end == one.start]
    if prediction.status != Status.BLANK:
        yield _coloured(text, words) if colour else _plain(text)
    if note := _NOTES.get(prediction.status):
        yield f"({note})"
    forms = [one for one in prediction.reasons if one.evidence and one.end > one.start]
    for one in (*forms, *(one for one in words[:most] if abs(one.weight) >= _LEAST)):
        said = " ".join(_plain(one.text).split())
        named = f"{one.evidence}: {said}" if said and one.evidence else one.evidence or said
        number = f"{one.weight:+5.1f}"
        yield f"{_paint(number, one.weight) if colour else number}  {named}"


def _coloured(text: str, words: list[Reason]) -> str:
    strongest = max((abs(one.weight) for one in words), default=0.0)
    parts: list[str] = []
    end = 0
    for one in sorted((one for one in words if one.end > one.start), key=lambda one: one.start):
        if one.start < end or abs(one.weight) < _FAINTEST * strongest:
            continue
        parts += _plain(text[end : one.start]), _paint(_plain(one.text), one.weight)
        end = one.end
    return "".join((*parts, _plain(text[end:])))


def _paint(text: str, weight: float) -> str:
    return f"{_TOWARD if weight > 0 else _AWAY}{text}{_PLAIN}"


def _plain(text: str) -> str:
    """One line that does not steer the terminal."""
    return text.replace("\n", " ").replace("\t", " ").translate(_NO_CONTROLS)
