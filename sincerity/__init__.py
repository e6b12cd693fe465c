"""sincerity tells people talking to people from everything else in a stream of posts and messages.

>>> from sincerity import classify
>>> classify("Thanks for following! Check out our page for daily deals and tips.").label
<Label.AUTOMATED: 'automated'>
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import overload

from sincerity.classifier import Classifier
from sincerity.errors import ModelError, SincerityError, TableError
from sincerity.labels import Label
from sincerity.prediction import Prediction, Status

__version__ = "0.1.0"

__all__ = ["Classifier", "Label", "ModelError", "Prediction", "SincerityError", "Status", "TableError", "classify"]

_lock = threading.Lock()
_default: Classifier | None = None


@overload
def classify(texts: str) -> Prediction: ...  # type: ignore[overload-overlap]
@overload
def classify(texts: Iterable[str]) -> list[Prediction]: ...
def classify(texts: str | Iterable[str]) -> Prediction | list[Prediction]:
    """Classify one text, or many in order, with the shipped model (loaded on the first call).

    Raises:
        TypeError: Something is not a `str`; the message names the item.
    """
    global _default
    with _lock:
        _default = _default or Classifier.from_pretrained()
    return _default.classify(texts)
