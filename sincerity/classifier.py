"""`Classifier`: texts in, predictions out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, overload

from sincerity.cleaning import clean
from sincerity.errors import ModelError
from sincerity.folders import DEFAULT_MODEL, copy_model, model_folder
from sincerity.labels import Label
from sincerity.prediction import Prediction, Status

if TYPE_CHECKING:
    from sincerity.shares import Share

WINDOW = 32
"""Batches that are sorted by length together."""


class Classifier:
    """A model, loaded once; thread-safe.

    Args:
        folder: A model folder (`sincerity.model` says what is in it).
        threads: Threads that one call may compute with; by default as many as the machine has cores. (Tokenising
            has threads of its own: RAYON_NUM_THREADS.)
        batch_size: Most texts computed at a time. Results do not depend on it.

    Raises:
        ModelError: The folder is missing, incomplete, damaged, or made for another version of this package.
    """

    def __init__(self, folder: str | Path, *, threads: int | None = None, batch_size: int = 32) -> None:
        from sincerity.model import Model  # numpy and onnxruntime, not before they are needed

        for name, value in (("threads", 1 if threads is None else threads), ("batch_size", batch_size)):
            if not isinstance(value, int) or value < 1:
                raise ValueError(f"{name} is {value!r}. Expected: a whole number of at least 1.")
        self.folder = Path(folder)
        self._model = Model(self.folder, threads)
        self._batch_size = batch_size
        self._config = self._model.config
        self.name = self._config.name
        self.labels: tuple[str, ...] = tuple(Label(x) if x in set(Label) else x for x in self._config.labels)
        self.threshold = self._config.threshold
        self.prior, self.confusion = self._config.prior, self._config.confusion

    @classmethod
    def from_pretrained(
        cls,
        name_or_path: str | Path = DEFAULT_MODEL,
        *,
        revision: str | None = None,
        cache_dir: str | Path | None = None,
        local_files_only: bool = False,
        token: str | None = None,
        threads: int | None = None,
        batch_size: int = 32,
    ) -> Classifier:
        """Load a shipped model by name, a model folder by path, or a Hugging Face Hub repository `org/name`."""
        folder = model_folder(
            name_or_path, revision=revision, cache_dir=cache_dir, local_files_only=local_files_only, token=token
        )
        return cls(folder, threads=threads, batch_size=batch_size)

    @overload
    def classify(self, texts: str) -> Prediction: ...  # type: ignore[overload-overlap]
    @overload
    def classify(self, texts: Iterable[str]) -> list[Prediction]: ...
    def classify(self, texts: str | Iterable[str]) -> Prediction | list[Prediction]:
        """Classify one text, or many in order.

        Raises:
            TypeError: Something is not a `str`; the message names the item.
        """
        if isinstance(texts, str):
            return next(self.stream([texts]))
        return list(self.stream(texts))

    def stream(self, texts: Iterable[str]) -> Iterator[Prediction]:
        """Classify texts as they come, in order, a window of them at a time; memory does not grow with their number.

        An item of the wrong type ends the stream before the window it is in.

        Raises:
            TypeError: Something is not a `str`; the message names the item.
        """
        table = isinstance(texts, Mapping) or hasattr(texts, "columns")  # they iterate over their names
        if table or isinstance(texts, bytes | bytearray | str) or not isinstance(texts, Iterable):
            raise TypeError(
                f"texts is {texts!r:.80} ({type(texts).__name__}). Expected: an iterable of str. "
                "Of a table, pass the column that holds the texts."
            )
        return self._stream(_checked(texts))

    def shares(self, predictions: Iterable[Prediction] | Mapping[str, int]) -> dict[str, Share]:
        """Share of each label among the texts of `predictions`, blank ones left out, corrected for the model's errors.

        In place of predictions, how many texts there are of each label will do.

        Counting labels is biased; `sincerity.shares` says how that is corrected.

        Raises:
            ModelError: The model's errors are not known: its config has no confusion matrix.
            ValueError: There is no prediction of a text that could be read.
        """
        from sincerity.shares import corrected_shares

        if self._config.confusion is None:
            raise ModelError(
                f"{self.name} has no confusion matrix in its config. Expected: a model that training.export wrote. "
                "Count its labels instead."
            )
        if isinstance(predictions, Mapping):
            counts = Counter(predictions)
        else:
            counts = Counter(one.label for one in predictions if one.status is not Status.BLANK)
        if not counts or not counts.keys() <= set(self.labels):
            raise ValueError(f"predictions has the labels {dict(counts)}. Expected some of: {', '.join(self.labels)}.")
        shares = corrected_shares([counts[label] for label in self.labels], self._config.confusion)
        return dict(zip(map(str, self.labels), shares, strict=True))

    def save_pretrained(self, folder: str | Path) -> None:
        """Copy the model's folder, with a manifest of what its files hash to; what is there already is replaced.

        Raises:
            ModelError: A file has been damaged.
        """
        copy_model(self.folder, Path(folder))

    def push_to_hub(
        self, repo_id: str, *, private: bool = False, tag: str | None = None, token: str | None = None
    ) -> str:
        """Publish the model on the Hugging Face Hub as `org/name`; returns the commit's hash, to pin as `revision`.

        Raises:
            ModelError: The Hub refuses, or cannot be reached.
        """
        from sincerity.hub import upload

        with TemporaryDirectory() as folder:
            self.save_pretrained(folder)
            return upload(Path(folder), repo_id, private=private, tag=tag, token=token)

    def _stream(self, texts: Iterator[str]) -> Iterator[Prediction]:
        while window := list(islice(texts, WINDOW * self._batch_size)):
            yield from self._classify_window(window)

    def _classify_window(self, texts: Sequence[str]) -> list[Prediction]:
        views, truncated = self._views(texts)
        predictions: dict[int, Prediction] = {}
        readable = [i for i, view in enumerate(views) if view]
        encodings = dict(zip(readable, self._model.encode([views[i] for i in readable]), strict=True))
        by_length = sorted(readable, key=lambda i: len(encodings[i]))
        for start in range(0, len(by_length), self._batch_size):
            batch = by_length[start : start + self._batch_size]
            for i, scores in zip(batch, self._model.probabilities([encodings[i] for i in batch]), strict=True):
                cut = truncated[i] or bool(encodings[i].overflowing)
                predictions[i] = self._prediction(scores.tolist(), Status.TRUNCATED if cut else Status.OK)
        return [predictions.get(i) or self._prediction(self._config.prior, Status.BLANK) for i in range(len(texts))]

    def _views(self, texts: Sequence[str]) -> tuple[list[str], list[bool]]:
        """What the model reads of each text, and whether that is less than all of it."""
        if self._config.cleaned:
            cleaned = [clean(text) for text in texts]
            return [one.text for one in cleaned], [one.truncated for one in cleaned]
        # a tokenizer takes time and memory in proportion to what it then cuts off; and no lone surrogates
        most = 16 * self._config.max_length
        views = [text[:most].encode("utf-8", "replace").decode() for text in texts]
        return [view if view.strip() else "" for view in views], [len(text) > most for text in texts]

    def _prediction(self, scores: Sequence[float], status: Status) -> Prediction:
        best = max(range(len(scores)), key=scores.__getitem__)
        return Prediction(
            label=self.labels[best],
            score=scores[best],
            scores=dict(zip(self._config.labels, scores, strict=True)),
            certain=status is not Status.BLANK and scores[best] >= self.threshold,
            model=self.name,
            status=status,
        )


def _checked(texts: Iterable[str]) -> Iterator[str]:
    for i, text in enumerate(texts):
        if not isinstance(text, str):
            raise TypeError(
                f"item {i} is {text!r:.80} ({type(text).__name__}). Expected: str. "
                "Fill or drop missing values first; decode bytes."
            )
        yield text
