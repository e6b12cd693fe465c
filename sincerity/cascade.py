"""A cascade: models asked in turn, the fastest first, each answering the texts that it is sure of.

The entry `cascade` in the `sincerity` block of a folder's config names the tiers in front of the folder's own graph:

    {"tiers": [{"ngrams": 1, "step": 0.01, "margins": [0.9, 0.8, 0.8]},
               {"model": "sincerity-fast", "manifest": "<SHA-256 of its SHA256SUMS>", "margins": [0.6, 0.6, 0.6]}],
     "threshold": 0.66, "confusion": [[…]]}

A tier answers where the probability of its label leads the next one's by the label's margin (`margins`, in the order
of the labels), else the text goes on. `ngrams` is the version of the n-grams whose weights `ngrams.npy` holds; `model`
is a shipped model, used if its manifest is the one that the margins were chosen for. `threshold` and `confusion` are
those of the cascade as a whole. Whether a text goes on depends on the text alone, so the cascade's answer does too.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sincerity.cleaning import Cleaned, clean
from sincerity.errors import ModelError
from sincerity.folders import model_folder, shipped_models
from sincerity.integrity import MANIFEST, NGRAMS, sha256, verify
from sincerity.ngrams import NGRAMS_VERSION, NGrams
from sincerity.reasons import Reason, in_original
from sincerity.reasons import explain as reasons
from sincerity.spelling import respelt

if TYPE_CHECKING:
    from sincerity.model import Model, ModelConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class Tier:
    """A model in front of the folder's own; either n-grams, or a shipped model by name."""

    margins: tuple[float, ...]
    step: float = 0.0
    model: str = ""
    manifest: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CascadeConfig:
    """The entry `cascade`, checked."""

    tiers: tuple[Tier, ...]
    threshold: float
    confusion: tuple[tuple[int, ...], ...] | None


def read_tiers(entry: Any, labels: int, where: str) -> tuple[Tier, ...]:
    """The tiers of a `cascade` entry; raises `ModelError`."""
    tiers = entry.get("tiers") if isinstance(entry, dict) else None
    if not isinstance(tiers, list) or not tiers:
        raise ModelError(f"{where} cascade is {entry!r:.200}. Expected: an object with tiers, one or more.")
    return tuple(_read_tier(tier, labels, where) for tier in tiers)


def _read_tier(tier: Any, labels: int, where: str) -> Tier:
    margins = tier.get("margins") if isinstance(tier, dict) else None
    if (
        not isinstance(margins, list)
        or len(margins) != labels
        or not all(isinstance(margin, int | float) and margin >= 0 for margin in margins)
    ):
        raise ModelError(f"{where} a tier is {tier!r:.200}. Expected: margins, {labels} numbers of 0 or more.")
    if isinstance(model := tier.get("model"), str) and isinstance(tier.get("manifest"), str):
        return Tier(margins=tuple(margins), model=model, manifest=tier["manifest"])
    if tier.get("ngrams") != NGRAMS_VERSION:
        raise ModelError(
            f"{where} a tier has ngrams {tier.get('ngrams')!r}. Expected: {NGRAMS_VERSION}, the version of this "
            "package, or a model and its manifest. Install the sincerity version it was made for, or run "
            "python -m training.tier again."
        )
    if not isinstance(step := tier.get("step"), int | float) or step <= 0:
        raise ModelError(f"{where} a tier has the step {step!r}. Expected: a number above 0.")
    return Tier(margins=tuple(margins), step=float(step))


class Answers(NamedTuple):
    """What a cascade says of some texts."""

    scores: NDArray[np.float64]
    """Probabilities (texts, labels)."""
    tier: NDArray[np.int64]
    """Which tier answered; -1 for blank texts, whose scores are the class prior."""
    cut: NDArray[np.bool_]
    """Whether less than all of the text was read."""
    reasons: list[tuple[Reason, ...]]
    """Why, where asked for."""


class Cascade:
    """The models of a folder; a folder without the entry has its own only. Safe to share between threads.

    Args:
        folder: A model folder, with its `config`.
        batch_size: Most texts that a graph computes at a time; by default as many as suit the device.
        fast: Whether the tiers in front of the folder's own graph are asked at all.
        device: What graphs are computed on, one of `sincerity.devices.DEVICES`.

    Raises:
        ModelError: A file is missing or damaged. Behind other tiers, what only loading a graph can tell comes when it
            is first needed.
    """

    def __init__(
        self, folder: Path, config: ModelConfig, *, batch_size: int | None = None, fast: bool, device: str = "cpu"
    ) -> None:
        from sincerity.devices import require_device
        from sincerity.model import require_files

        if device != "cpu":
            require_device(device)
        verify(folder)
        self._config = config
        self._batch_size = batch_size
        self.turn = threading.Lock()
        """Whoever counts n-grams, or does other work in short steps, holds it, so that two threads do not hand the
        interpreter over at each step. Graphs are computed without it."""
        self._ngrams: tuple[NGrams, NDArray[np.float64]] | None = None
        self._graphs: list[tuple[_Graph, NDArray[np.float64]]] = []
        names: list[str] = []
        for tier in config.cascade.tiers if config.cascade and fast else ():
            margins = np.array(tier.margins)
            if not tier.model:
                self._ngrams = NGrams.read(folder / NGRAMS, len(config.labels), tier.step), margins
                names.insert(0, f"{config.name}/ngrams")
            elif (found := _at_hand(tier, folder)) is not None:
                self._graphs.append((_Graph(found, device), margins))
                names.append(tier.model)
        self._graphs.append((_Graph(folder, device, verified=True), np.zeros(len(config.labels))))
        self.names = (*names, config.name)
        if names:
            require_files(folder)
        else:
            self._graphs[-1][0].load()

    @property
    def own(self) -> Model:
        """The model of the folder's own graph; loaded when first asked for."""
        return self._graphs[-1][0].model

    def begun(self, texts: Sequence[str], *, explain: bool = False) -> Answers:
        """What n-grams are sure of, with `explain` also why; all else as if it were blank."""
        scores = np.repeat(np.array([self._config.prior]), len(texts), axis=0)
        answers = Answers(scores, np.full(len(texts), -1), np.zeros(len(texts), bool), [()] * len(texts))
        if self._ngrams is not None:
            self._count(texts, answers, explain=explain)
        return answers

    def complete(self, texts: Sequence[str], answers: Answers, *, explain: bool = False) -> None:
        """Write down, in what `begun` gave, the rest: each text by the first graph that is sure of it.

        Raises:
            ModelError: Reasons are asked for, and the graph of a tier has none.
        """
        left = np.flatnonzero(answers.tier < 0)
        views = self._views([texts[i] for i in left.tolist()], offsets=explain)
        readable = np.array([bool(view.text) for view in views], bool)
        left, views = left[readable], [view for view in views if view.text]
        for number, (graph, margins) in enumerate(self._graphs, start=int(self._ngrams is not None)):
            if not len(left):
                break
            model = graph.model
            if explain and not model.explains:
                raise ModelError(
                    f"The graph of {model.config.name} has no attributions. Expected: a model that training.export "
                    "wrote. Export it again, or ask without reasons."
                )
            said = model.said([view.text for view in views], self._batch_size, explain=explain)
            sure = leads(said.scores, margins)
            answers.scores[left[sure]], answers.tier[left[sure]] = said.scores[sure], number
            for place in np.flatnonzero(sure).tolist():
                i, view = int(left[place]), views[place]
                answers.cut[i] = view.truncated or said.overflowing[place]
                if explain:
                    answers.reasons[i] = reasons(texts[i], view, in_original(view, said.words[place]))
            left, views = left[~sure], [view for view, done in zip(views, sure, strict=True) if not done]

    def _count(self, texts: Sequence[str], answers: Answers, *, explain: bool) -> None:
        """Write down what the n-grams are sure of."""
        assert self._ngrams is not None
        ngrams, margins = self._ngrams
        with self.turn:
            said = ngrams.probabilities(texts)
        sure = leads(said, margins)
        answers.scores[sure], answers.tier[sure] = said[sure], 0
        if explain and sure.any():
            from sincerity.attribution import attributions  # not before it is needed

            places = np.flatnonzero(sure).tolist()
            some = [texts[i] for i in places]
            with self.turn:
                views, parts = self._views(some, offsets=True), attributions(ngrams, some)
                for i, text, view, own in zip(places, some, views, parts, strict=True):
                    answers.reasons[i] = reasons(text, view, own)

    def _views(self, texts: Sequence[str], *, offsets: bool = False) -> list[Cleaned]:
        """What the graphs read of each text."""
        if self._config.cleaned:
            return [respelt(clean(text, offsets=offsets)) for text in texts]
        # a tokenizer takes time and memory in proportion to what it then cuts off; and no lone surrogates
        most = 16 * self._config.max_length
        views = (text[:most].encode("utf-8", "replace").decode() for text in texts)
        return [
            Cleaned(
                view if view.strip() else "",
                len(text) > most,
                [(i, i + 1) for i in range(len(view))] if offsets else None,
            )
            for text, view in zip(texts, views, strict=True)
        ]


class _Graph:
    """A model that is loaded when it is first needed."""

    def __init__(self, folder: Path, device: str, *, verified: bool = False) -> None:
        self._folder, self._device, self._verified = folder, device, verified
        self._lock = threading.Lock()
        self._model: Model | None = None

    @property
    def model(self) -> Model:
        return self._model or self.load()

    def load(self) -> Model:
        with self._lock:
            if self._model is None:
                from sincerity.model import Model  # onnxruntime and tokenizers, not before they are needed

                self._model = Model(self._folder, verified=self._verified, device=self._device)
            return self._model


def _at_hand(tier: Tier, asker: Path) -> Path | None:
    """The folder of a tier's model, if it is at hand as the margins know it; without it the next tier answers.

    Raises `ModelError` where `asker` is a shipped model, whose tiers came with it.
    """
    shipped = shipped_models()
    if tier.model in shipped:
        folder = model_folder(tier.model)
        if sha256(folder / MANIFEST) == tier.manifest:
            return folder
    if asker in shipped.values():
        raise ModelError(
            f"{asker.name} asks {tier.model}, which is missing here or another than the one it came with. Expected: "
            "both as they are shipped. Install sincerity again; in a checkout, after an export of your own, "
            "python -m training.cascade."
        )
    return None


def leads(scores: NDArray[np.float64], margins: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether the most probable label of each row leads the next by its own margin; NaN never does."""
    best = scores.argmax(axis=1)
    ordered = np.partition(scores, -2, axis=1)
    return np.asarray(ordered[:, -1] - ordered[:, -2] >= margins[best])
