"""sincerity tells people talking to people from everything else in a stream of posts and messages.

>>> from sincerity import classify
>>> classify("Thanks for following! Check out our page for daily deals and tips.").label
<Label.AUTOMATED: 'automated'>
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, overload

from sincerity.classifier import Classifier
from sincerity.errors import ModelError, SincerityError, TableError
from sincerity.labels import Label
from sincerity.posts import Post, read_posts
from sincerity.prediction import Prediction, Status
from sincerity.reasons import Reason

if TYPE_CHECKING:
    from sincerity.findings import Audit

__version__ = "0.1.0"

__all__ = [
    "Classifier",
    "Label",
    "ModelError",
    "Post",
    "Prediction",
    "Reason",
    "SincerityError",
    "Status",
    "TableError",
    "audit",
    "classify",
]

_lock = threading.Lock()
_default: Classifier | None = None


@overload
def classify(texts: str, *, explain: bool = False) -> Prediction: ...  # type: ignore[overload-overlap]
@overload
def classify(texts: Iterable[str], *, explain: bool = False) -> list[Prediction]: ...
def classify(texts: str | Iterable[str], *, explain: bool = False) -> Prediction | list[Prediction]:
    """Classify one text, or many in order, with the shipped model (loaded on the first call); `explain` says why.

    Raises:
        TypeError: Something is not a `str`; the message names the item.
    """
    return _default_classifier().classify(texts, explain=explain)


def audit(
    posts: str | Path | Iterable[Post],
    *,
    text_column: str | None = None,
    author_column: str | None = None,
    time_column: str | None = None,
    classifier: Classifier | None = None,
    anonymise: bool = False,
) -> Audit:
    """Audit a stream: labels, templates, times and the sincerity index, of all and of each author.

    Args:
        posts: A file or folder that `sincerity batch` takes, or posts in any order.
        text_column: The column that holds the text, where the file does not tell.
        author_column: The column that holds the author.
        time_column: The column that holds the time.
        classifier: A model with sincerity's labels; the shipped one where none is given.
        anonymise: Replace handles and authors' names in everything that is returned.

    Raises:
        TableError: The file cannot be read, or has no such column.
        ModelError: The classifier has other labels, or its errors are not known.
        ValueError: There is no post.
    """
    from sincerity.auditing import Auditor, audited

    if isinstance(posts, str | Path):
        columns = {"text_column": text_column, "author_column": author_column, "time_column": time_column}
        posts = read_posts(posts, **columns)
    auditor = Auditor(classifier or _default_classifier())
    for _ in audited(posts, auditor):
        pass
    return auditor.audit(anonymise=anonymise)


def _default_classifier() -> Classifier:
    global _default
    with _lock:
        _default = _default or Classifier.from_pretrained()
    return _default
