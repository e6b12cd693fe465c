"""A model folder: its contract as a frozen config, and the model by which texts become probabilities.

    config.json                  labels (`id2label`) and, in a sincerity model, the `sincerity` block
    tokenizer.json               the tokenizer
    tokenizer_config.json        `model_max_length`
    onnx/model_quantized.onnx    the graph, int8 (or onnx/model.onnx, float)
    ngrams.npy                   weights of a cascade's first tier (`sincerity.cascade`); may be missing
    SHA256SUMS                   what the files above must hash to; may be missing

A folder without the `sincerity` block is somebody else's text classifier: it keeps its label strings and reads the text
as it is.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sincerity.cascade import CascadeConfig, read_tiers
from sincerity.cleaning import CLEAN_VERSION
from sincerity.devices import DEVICES, load_session
from sincerity.errors import ModelError
from sincerity.integrity import GRAPHS, WEIGHTS, graph_name, verify
from sincerity.labels import Label
from sincerity.reasons import Part
from sincerity.tokens import Placed, Reader, Tokens, padded

FOREIGN_THRESHOLD = 0.5
WIDTH = 768
"""Of an encoder whose config does not say: BERT-base's."""
EXPLAIN, ATTRIBUTIONS = "explain", "attributions"
"""An input of the graph, false by default, and the output that it asks for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelConfig:
    """What inference needs to know of a model folder."""

    name: str
    labels: tuple[str, ...]
    """In the order of the graph's outputs."""
    cleaned: bool
    """Whether the model was trained on cleaned text."""
    threshold: float
    """Least score of a prediction that counts as certain."""
    prior: tuple[float, ...]
    """Class shares of the training data: the answer for a text with nothing in it."""
    max_length: int
    """Tokens read of one text."""
    width: int
    """Numbers of a token's state."""
    confusion: tuple[tuple[int, ...], ...] | None = None
    """How often each label (rows) was given each label (columns) in validation, where that was measured."""
    cascade: CascadeConfig | None = None
    """Faster models that are asked first."""

    @classmethod
    def read(cls, folder: Path) -> ModelConfig:
        """Parse and check `config.json`; raises `ModelError`."""
        config = _read_json(folder / "config.json")
        id2label = config.get("id2label")
        if not isinstance(id2label, dict) or len(id2label) < 2:
            raise ModelError(f"{folder}/config.json: id2label is {id2label!r}. Expected: two or more labels by number.")
        try:
            labels = tuple(str(id2label[str(i)]) for i in range(len(id2label)))
        except KeyError as missing:
            raise ModelError(
                f"{folder}/config.json: id2label has no {missing}. Expected: {len(id2label)} of them."
            ) from missing
        if config.get("problem_type") not in (None, "single_label_classification"):
            raise ModelError(
                f"{folder}/config.json: problem_type is {config['problem_type']!r}. Expected: "
                "single_label_classification; a model of another kind cannot be used."
            )
        tokenizer_config = folder / "tokenizer_config.json"
        limits = (
            _read_json(tokenizer_config).get("model_max_length") if tokenizer_config.is_file() else None,
            config.get("max_position_embeddings"),
            512,
        )
        max_length = int(min(limit for limit in limits if isinstance(limit, int | float) and limit > 2))
        named = [config.get(name) for name in ("hidden_size", "dim", "d_model")]
        width = next((number for number in named if isinstance(number, int) and number > 0), WIDTH)
        if (block := config.get("sincerity")) is None:
            prior = (1 / len(labels),) * len(labels)
            return cls(
                name=_folder_name(folder),
                labels=labels,
                cleaned=False,
                threshold=FOREIGN_THRESHOLD,
                prior=prior,
                max_length=max_length,
                width=width,
            )
        block = _checked_block(block, labels, folder)
        return cls(**block, labels=labels, cleaned=True, max_length=max_length, width=width)


def _folder_name(folder: Path) -> str:
    """What to call a model that does not say; a snapshot in the Hub's cache by its repository, not by its hash."""
    folder = folder.absolute()
    organisation, _, name = folder.parents[1].name.removeprefix("models--").partition("--")
    return f"{organisation}/{name}" if folder.parent.name == "snapshots" and name else folder.name


def _checked_block(block: Any, labels: tuple[str, ...], folder: Path) -> dict[str, Any]:
    where = f"{folder}/config.json, sincerity block:"
    if not isinstance(block, dict):
        raise ModelError(
            f"{where} it is {block!r}. Expected: an object with labels, clean_version, threshold and prior."
        )
    if block.get("clean_version") != CLEAN_VERSION:
        raise ModelError(
            f"{where} clean_version is {block.get('clean_version')!r}. Expected: {CLEAN_VERSION}, "
            "that of this package. Install the sincerity version it was made for, or export it again."
        )
    expected = tuple(Label) if block.get("scheme", "sincerity") == "sincerity" else labels
    for found, of in ((block.get("labels"), "labels"), (list(labels), "id2label")):
        if found != list(expected):
            raise ModelError(f"{where} {of} are {found}. Expected, in this order: {', '.join(expected)}.")
    prior = block.get("prior")
    shares = (
        [share for share in prior if isinstance(share, int | float) and share >= 0] if isinstance(prior, list) else []
    )
    if len(shares) != len(labels) or abs(sum(shares) - 1) > 1e-3:
        raise ModelError(f"{where} prior is {prior!r}. Expected: {len(labels)} shares that sum to 1.")
    cascade = None
    if (entry := block.get("cascade")) is not None:
        tiers = read_tiers(entry, len(labels), where)
        cascade = CascadeConfig(tiers=tiers, **_measured(entry, len(labels), f"{where} cascade:"))
    return {
        "name": str(block.get("name", _folder_name(folder))),
        "prior": tuple(shares),
        "cascade": cascade,
        **_measured(block, len(labels), where),
    }


def _measured(block: dict[str, Any], labels: int, where: str) -> dict[str, Any]:
    """The threshold of a model or a cascade, and its confusion matrix where it has one."""
    threshold, confusion = block.get("threshold"), block.get("confusion")
    if not isinstance(threshold, int | float) or not 0 <= threshold <= 1:
        raise ModelError(f"{where} threshold is {threshold!r}. Expected: a probability.")
    if confusion is not None and not _is_confusion(confusion, labels):
        raise ModelError(
            f"{where} confusion is {confusion!r:.200}. Expected: {labels} rows of as many counts, none all zero."
        )
    return {"threshold": float(threshold), "confusion": confusion and tuple(map(tuple, confusion))}


def _is_confusion(value: Any, labels: int) -> bool:
    return (
        isinstance(value, list)
        and len(value) == labels
        and all(isinstance(row, list) and len(row) == labels for row in value)
        and all(type(count) is int and count >= 0 for row in value for count in row)
        and all(map(any, value))
    )


def _read_json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise ModelError(f"{path} is missing. Expected: a folder with config.json, tokenizer.json and {GRAPHS[0]}.")
    try:
        value = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise ModelError(f"{path} is not JSON ({error}). Get the model again.") from error
    if not isinstance(value, dict):
        raise ModelError(f"{path} holds no JSON object. Get the model again.")
    return value


class Said(NamedTuple):
    """What a graph says of some texts."""

    scores: NDArray[np.float64]
    """Probabilities (texts, labels)."""
    overflowing: NDArray[np.bool_]
    """Which texts have more tokens than are read."""
    words: list[list[Part]]
    """What each word contributed, where asked for."""


class Model:
    """Texts → probabilities, over one graph, in the thread that asks. Safe to share between threads.

    Args:
        folder: A model folder.
        verified: Whether its files have been hashed just now.
        device: One of `DEVICES`.
    """

    def __init__(self, folder: Path, *, verified: bool = False, device: str = "cpu") -> None:
        if not verified:
            verify(folder)
        self.config = ModelConfig.read(folder)
        require_files(folder)
        self.reader = Reader(folder, self.config.max_length)
        self._session = load_session(folder, device)
        self._device = DEVICES[device]
        self.most_tokens = max(1, self._device.most_numbers // self.config.width)
        """Of a batch, padding counted."""
        self._inputs = {node.name for node in self._session.get_inputs()}
        output = self._session.get_outputs()[0]
        if isinstance(output.shape[-1], int) and output.shape[-1] != len(self.config.labels):
            raise ModelError(
                f"{folder}: the graph has {output.shape[-1]} outputs, config.json names {len(self.config.labels)} "
                "labels. Expected: as many of one as of the other."
            )
        self._output = output.name
        self.explains = EXPLAIN in {node.name for node in self._session.get_overridable_initializers()}
        """Whether the graph can say what moved it (`training.graph`)."""

    def encode(self, texts: Sequence[str]) -> list[Tokens]:
        """Tokens of each text, cut at the model's length; raises `ModelError` (`Reader.read`)."""
        return self.reader.read(texts)

    def said(self, texts: Sequence[str], batch_size: int | None = None, *, explain: bool = False) -> Said:
        """What the graph says of any number of texts, and with `explain` which words moved it.

        Texts of like length share a batch, of `batch_size` texts (by default the device's) at most and of as many
        tokens as the device takes of the model's width.
        """
        placed = self.reader.read_with_places(texts) if explain else []
        tokens = [one.tokens for one in placed] if explain else self.encode(texts)
        parts = self.parts(tokens, batch_size)
        words: list[list[Part]] = [[] for _ in texts]
        if explain:
            scores = np.empty((len(texts), len(self.config.labels)))
            for part in parts:
                some = [placed[i] for i in part.tolist()]
                scores[part], weights = self.attributions(some)
                for i, one, row in zip(part.tolist(), some, weights, strict=True):
                    words[i] = _words(one, row)
        else:
            scores = self.probabilities(tokens, parts)
        return Said(scores, np.array([one.cut for one in tokens], bool), words)

    def parts(self, texts: Sequence[Tokens], batch_size: int | None = None) -> list[NDArray[np.int64]]:
        """Places of texts by batches that suit the device, or of `batch_size` texts at most."""
        lengths = np.array([text.length for text in texts])
        return list(batches(lengths, batch_size or self._device.batch_size, self.most_tokens))

    def probabilities(
        self, texts: Sequence[Tokens], parts: Sequence[NDArray[np.int64]] | None = None
    ) -> NDArray[np.float64]:
        """Probabilities (texts, labels), by batches whose places `parts` names, or all in one.

        Each batch is padded to its longest text. All are laid out before the first is computed: a graph leaves little
        of Python in the processor's caches, and behind it the same steps take four times as long.
        """
        parts = [np.arange(len(texts))] if parts is None else parts
        feeds = [self.feed([texts[i] for i in part.tolist()]) for part in parts]
        logits = np.empty((len(texts), len(self.config.labels)))
        for part, feed in zip(parts, feeds, strict=True):
            (logits[part],) = self._run([self._output], feed)
        return _softmax(logits)

    def attributions(self, texts: Sequence[Placed]) -> tuple[NDArray[np.float64], list[NDArray[np.float64]]]:
        """Probabilities of one batch, and what each token contributed to its label's margin, in logits.

        The graph splits the margin (the label's logit less the mean of the others) over tokens and leaves a part to
        its biases and to the tokens that stand around every text. Here that part goes to the tokens in equal shares, so
        that they add up to the margin (additive efficient normalisation: Ruiz et al., 1998; FastSHAP, Jethani et al.,
        ICLR 2022); their order and differences stay the graph's.
        """
        feed = {**self.feed([text.tokens for text in texts]), EXPLAIN: np.array(True)}
        logits, raw = self._run([self._output, ATTRIBUTIONS], feed)
        best, count = logits.max(axis=1), logits.shape[1]
        margins = best - (logits.sum(axis=1) - best) / (count - 1)
        weights = []
        for text, row, margin in zip(texts, np.nan_to_num(raw), margins, strict=True):
            own = text.of >= 0
            token_weights = np.where(own, row[: len(own)], 0.0)
            weights.append(token_weights + own * (margin - token_weights.sum()) / max(1, own.sum()))
        return _softmax(logits), weights

    def _run(self, outputs: list[str], feed: dict[str, NDArray[Any]]) -> list[NDArray[np.float64]]:
        try:
            return [np.asarray(output, np.float64) for output in self._session.run(outputs, feed)]
        except Exception as error:  # the library raises many kinds
            raise ModelError(
                f"The graph of {self.config.name} cannot compute a text ({error}). Expected: a graph and a tokenizer "
                "made for each other, and memory for a batch. Get the model again, or choose a smaller batch_size."
            ) from error

    def feed(self, texts: Sequence[Tokens]) -> dict[str, NDArray[np.int64]]:
        """One batch as the graph's inputs, each (texts, tokens of the longest text)."""
        feed = dict(zip(("input_ids", "attention_mask", "token_type_ids"), padded(texts), strict=True))
        return {name: feed[name] for name in feed if name in self._inputs}


def _words(text: Placed, weights: NDArray[np.float64]) -> list[Part]:
    """The weights of a word's tokens added up."""
    own = text.of >= 0
    sums = np.bincount(text.of[own], weights[own], len(text.words))
    return [Part(start, end, weight) for (start, end), weight in zip(text.words, sums.tolist(), strict=True)]


def batches(lengths: NDArray[np.int64], batch_size: int, most_tokens: int) -> Iterator[NDArray[np.int64]]:
    """Places of the items, sorted by length and parted into batches; long ones first.

    >>> [batch.tolist() for batch in batches(np.array([9, 700, 600, 8]), 3, 512)]
    [[1], [2], [0, 3]]
    """
    order = np.argsort(-lengths, kind="stable")
    start = 0
    while start < len(order):
        size = max(1, min(batch_size, most_tokens // max(1, int(lengths[order[start]]))))
        yield order[start : start + size]
        start += size


def _softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    exp = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(exp / exp.sum(axis=1, keepdims=True))


def require_files(folder: Path) -> None:
    """Raise `ModelError` where a folder lacks its tokenizer or its graph."""
    if not (path := folder / "tokenizer.json").is_file():
        raise ModelError(f"{path} is missing. Expected: the tokenizer in one file; save it with a fast tokenizer.")
    if graph_name(folder) is None:
        remedy = "export it with python -m training.export or optimum."
        if (folder / WEIGHTS).is_file():
            remedy = f"python -m training.convert {folder} FOLDER, with the train extra, makes it of {WEIGHTS}."
        raise ModelError(f"{folder} holds none of {', '.join(GRAPHS)}. Expected: the model as ONNX; {remedy}")
