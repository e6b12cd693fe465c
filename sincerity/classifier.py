"""`Classifier`: texts in, predictions out."""

from __future__ import annotations

import os
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from functools import partial
from itertools import chain, islice
from operator import length_hint
from pathlib import Path
from typing import TYPE_CHECKING, overload

from sincerity.errors import ModelError
from sincerity.folders import DEFAULT_MODEL, copy_model, model_folder
from sincerity.instances import instances
from sincerity.labels import Label
from sincerity.prediction import Prediction, Status

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from sincerity.cascade import Answers
    from sincerity.shares import Share

_STATUS = (Status.OK, Status.TRUNCATED, Status.LANGUAGE, Status.BLANK)
"""The later goes before the earlier: it matters most to who reads the label."""

WINDOW = 1024
"""Most texts that are sorted by length together, in one thread."""
FIRST_WINDOW = 16
"""A stream's first answers shall not wait for many texts: its windows start small and double."""
LAST_WINDOW = 64
"""Towards the end windows get smaller, no further than this: in few texts, those of a batch differ more in length."""
WINDOW_CHARACTERS = 1 << 22
IN_FLIGHT = 4096
"""Most texts of one call that are in work at a time."""


class Classifier:
    """A model, loaded once; thread-safe.

    Args:
        folder: A model folder (`sincerity.model` says what is in it).
        threads: Threads that one call may compute with; by default as many as the process has cores. (Tokenising
            has threads of its own: RAYON_NUM_THREADS.)
        batch_size: Most texts that a thread computes at a time; by default 64, on a GPU as many as fit its batches.
            Results do not depend on it.
        cascade: Whether the folder's faster tiers, if it has any, answer the texts they are sure of
            (`sincerity.cascade`); without them its own graph answers all.
        device: `cpu`, or `cuda` for graphs on an NVIDIA GPU, which needs the `gpu` extra and no other onnxruntime.
            There 8-bit graphs are computed in float (`sincerity.dequantise`), so probabilities differ a little from
            the CPU's and a few labels with them.

    Raises:
        ModelError: The folder is missing, incomplete, damaged, or made for another version of this package; or there
            is no such device here.
    """

    def __init__(
        self,
        folder: str | Path,
        *,
        threads: int | None = None,
        batch_size: int | None = None,
        cascade: bool = True,
        device: str = "cpu",
    ) -> None:
        from sincerity.cascade import Cascade  # numpy, not before it is needed
        from sincerity.devices import DEVICES
        from sincerity.model import ModelConfig

        for name, value in (("threads", threads), ("batch_size", batch_size)):
            if value is not None and (not isinstance(value, int) or value < 1):
                raise ValueError(f"{name} is {value!r}. Expected: a whole number of at least 1.")
        self.folder = Path(folder)
        self._config = ModelConfig.read(self.folder)
        self._cascade = Cascade(self.folder, self._config, batch_size=batch_size, fast=cascade, device=device)
        self._threads = threads or _cores()
        self._window = DEVICES[device].windows * max(FIRST_WINDOW, min(WINDOW, IN_FLIGHT // self._threads))
        self.name = self._config.name
        self.models = self._cascade.names
        """Who may answer, fastest first: what `Prediction.model` can be."""
        self.labels: tuple[str, ...] = tuple(Label(x) if x in set(Label) else x for x in self._config.labels)
        self._english = self._config.cleaned and self.labels == tuple(Label)
        measured = self._config.cascade if cascade and self._config.cascade else self._config
        self.threshold, self.confusion, self.prior = measured.threshold, measured.confusion, self._config.prior

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
        batch_size: int | None = None,
        cascade: bool = True,
        device: str = "cpu",
    ) -> Classifier:
        """Load a shipped model by name, a model folder by path, or a Hugging Face Hub repository `org/name`."""
        folder = model_folder(
            name_or_path, revision=revision, cache_dir=cache_dir, local_files_only=local_files_only, token=token
        )
        return cls(folder, threads=threads, batch_size=batch_size, cascade=cascade, device=device)

    @overload
    def classify(self, texts: str, *, explain: bool = False) -> Prediction: ...  # type: ignore[overload-overlap]
    @overload
    def classify(self, texts: Iterable[str], *, explain: bool = False) -> list[Prediction]: ...
    def classify(self, texts: str | Iterable[str], *, explain: bool = False) -> Prediction | list[Prediction]:
        """Classify one text, or many in order; with `explain`, say why (`Prediction.reasons`).

        Raises:
            TypeError: Something is not a `str`; the message names the item.
            ModelError: Reasons are asked for, and the model's graph has none.
        """
        if isinstance(texts, str):
            return next(self.stream([texts], explain=explain))
        return list(self.stream(texts, explain=explain))

    def stream(self, texts: Iterable[str], *, explain: bool = False) -> Iterator[Prediction]:
        """Classify texts as they come, in order, windows of them at a time; memory does not grow with their number.

        The stream reads ahead by as many windows as there are threads. An item of the wrong type ends it before the
        window it is in.

        Raises:
            TypeError: Something is not a `str`; the message names the item.
        """
        table = isinstance(texts, Mapping) or hasattr(texts, "columns")  # they iterate over their names
        if table or isinstance(texts, bytes | bytearray | str) or not isinstance(texts, Iterable):
            raise TypeError(
                f"texts is {texts!r:.80} ({type(texts).__name__}). Expected: an iterable of str. "
                "Of a table, pass the column that holds the texts."
            )
        windows = _windows(_checked(texts), self._window, self._threads, _expected(texts))
        return self._one_by_one(windows, explain)

    def stream_batches(
        self, batches: Iterable[Sequence[str]], *, explain: bool = False
    ) -> Generator[list[Prediction], None, None]:
        """What `stream` does, for lists of texts: a list of predictions for each, in order.

        Batches are computed side by side, one a thread, and each in one piece: its texts have the same neighbours
        whatever comes before and behind them. The stream reads ahead by as many batches as there are threads.

        Raises:
            TypeError: Something in a batch is not a `str`; the message names the item.
        """
        return self._side_by_side((list(_checked(batch)) for batch in batches), explain)

    def _one_by_one(self, windows: Iterator[list[str]], explain: bool) -> Iterator[Prediction]:
        with closing(self._side_by_side(windows, explain)) as judged:
            for predictions in judged:
                yield from predictions

    def shares(self, predictions: Iterable[Prediction] | Mapping[str, int]) -> dict[str, Share]:
        """Share of each label among the texts of `predictions`, blank ones left out, corrected for the model's errors.

        In place of predictions, how many texts there are of each label will do.

        Counting labels is biased; `sincerity.shares` says how that is corrected.

        Raises:
            ModelError: The model's errors are not known: its config has no confusion matrix.
            ValueError: There is no prediction of a text that could be read.
        """
        from sincerity.shares import corrected_shares

        if self.confusion is None:
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
        shares = corrected_shares([counts[label] for label in self.labels], self.confusion)
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
        from tempfile import TemporaryDirectory

        from sincerity.hub import upload

        with TemporaryDirectory() as folder:
            self.save_pretrained(folder)
            return upload(Path(folder), repo_id, private=private, tag=tag, token=token)

    def _side_by_side(self, windows: Iterator[list[str]], explain: bool) -> Generator[list[Prediction], None, None]:
        """One window a thread: none waits for another, and Python's part hides behind the graphs'.

        What n-grams are sure of is answered in the thread that asks: one of them is as fast as two, which take turns.
        """
        judge = partial(self._predictions, explain=explain)
        for first in windows:
            if self._threads > 1 and len(first) >= FIRST_WINDOW:
                windows = chain([first], windows)
                break
            yield judge(first)
        else:
            return
        from concurrent.futures import ThreadPoolExecutor  # not for one text: it takes a hundredth of a second

        pool = ThreadPoolExecutor(self._threads, "sincerity")
        try:
            working: deque[Callable[[], list[Prediction]]] = deque()
            problem, more = None, True
            while working or more:
                while more and len(working) <= self._threads:
                    try:
                        window = next(windows)
                        answers = self._cascade.begun(window, explain=explain)
                    except StopIteration:
                        more = False
                    except Exception as error:
                        problem, more = error, False
                    else:
                        done = bool((answers.tier >= 0).all())
                        finish = partial(self._finished, window, answers, explain=explain)
                        working.append(finish if done else pool.submit(finish).result)
                if working:
                    yield working.popleft()()
            if problem is not None:
                raise problem
        finally:
            pool.shutdown(cancel_futures=True)

    def _predictions(self, texts: Sequence[str], *, explain: bool) -> list[Prediction]:
        return self._finished(texts, self._cascade.begun(texts, explain=explain), explain=explain)

    def _finished(self, texts: Sequence[str], answers: Answers, *, explain: bool) -> list[Prediction]:
        self._cascade.complete(texts, answers, explain=explain)
        with self._cascade.turn:
            return self._judged(texts, answers)

    def _judged(self, texts: Sequence[str], answers: Answers) -> list[Prediction]:
        names, plain = (*self._cascade.names, self.name), self._config.labels
        best = answers.scores.argmax(axis=1)
        score = answers.scores.max(axis=1)
        blank = answers.tier < 0
        foreign, short = self._doubts(texts)
        certain = (score >= self.threshold) & ~(blank | foreign | short)
        status = answers.cut.astype(int)
        status[foreign] = _STATUS.index(Status.LANGUAGE)
        status[blank] = _STATUS.index(Status.BLANK)
        return instances(
            Prediction,
            len(texts),
            label=map(self.labels.__getitem__, best.tolist()),
            score=score.tolist(),
            scores=[dict(zip(plain, scores)) for scores in answers.scores.tolist()],  # noqa: B905  # a tenth longer
            certain=certain.tolist(),
            model=map(names.__getitem__, answers.tier.tolist()),
            status=map(_STATUS.__getitem__, status.tolist()),
            reasons=answers.reasons,
        )

    def _doubts(self, texts: Sequence[str]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Which texts are foreign and which too short to judge; models of other people know best themselves."""
        import numpy as np  # not before it is needed

        from sincerity.language import doubts

        return doubts(texts) if self._english else (np.zeros(len(texts), bool), np.zeros(len(texts), bool))


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _windows(texts: Iterator[str], most: int, threads: int, expected: int) -> Iterator[list[str]]:
    """Texts by windows that grow, up to `most` texts and `WINDOW_CHARACTERS`, or one text that is longer.

    As long as texts are `expected`, a window is no more than a thread's share of those left, so that no thread computes
    a large last one alone (guided self-scheduling: Polychronopoulos & Kuck, IEEE Transactions on Computers, 1987).
    """
    size, taken = FIRST_WINDOW, 0
    while True:
        share = -(-(expected - taken) // threads) if taken < expected else most
        window, characters = list[str](), 0
        for text in islice(texts, min(size, max(LAST_WINDOW, share))):
            window.append(text)
            characters += len(text)
            if characters > WINDOW_CHARACTERS:
                break
        if not window:
            return
        yield window
        size, taken = min(most, 2 * size), taken + len(window)


def _expected(texts: Iterable[str]) -> int:
    """How many texts there seem to be; 0 where that is not known before they come."""
    try:
        return length_hint(texts)
    except Exception:  # theirs, of any kind: no reason not to read them
        return 0


def _checked(texts: Iterable[str]) -> Iterator[str]:
    for i, text in enumerate(texts):
        if not isinstance(text, str):
            raise TypeError(
                f"item {i} is {text!r:.80} ({type(text).__name__}). Expected: str. "
                "Fill or drop missing values first; decode bytes."
            )
        yield text
