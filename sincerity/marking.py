"""What in the messages that a report shows pushed the model toward their label."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from sincerity.classifier import Classifier
from sincerity.errors import ModelError
from sincerity.findings import Findings, Message
from sincerity.reasons import Reason

FAINTEST = 0.3
"""Words with less than this share of the strongest one's weight are not marked."""

Span = tuple[int, int]


class Marker:
    """Some messages, asked about all at once; the marks of a message are places in the text as it is shown.

    Where the classifier cannot say why, or the audit says another label than the text alone has, nothing is marked.
    """

    def __init__(self, classifier: Classifier, messages: Sequence[Message]) -> None:
        self._marks: dict[tuple[str, str], tuple[Span, ...]] = {}
        texts = list(dict.fromkeys(message.text for message in messages))
        try:
            said = classifier.classify(texts, explain=True)
        except ModelError:
            return
        for text, one in zip(texts, said, strict=True):
            self._marks[text, str(one.label)] = tuple(_strongest(one.reasons))

    def __call__(self, message: Message) -> Message:
        return replace(message, marks=self._marks.get((message.text, str(message.label)), ()))

    def author(self, found: Findings) -> Findings:
        return replace(found, typical={label: tuple(map(self, some)) for label, some in found.typical.items()})


def _strongest(reasons: Sequence[Reason]) -> Iterator[Span]:
    """Words that pushed toward the label, in order; each character at most once."""
    words = [one for one in reasons if not one.evidence and one.end > one.start and one.weight > 0]
    least, end = FAINTEST * max((one.weight for one in words), default=0.0), 0
    for one in sorted(words, key=lambda one: one.start):
        if one.weight >= least and one.start >= end:
            yield one.start, one.end
            end = one.end
