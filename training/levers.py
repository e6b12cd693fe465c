"""What helps and what does not: one change of the recipe at a time, the same start, the same order of rows.

    python -m training.levers --base build/small-taught --out training/levers.json

Every run fine-tunes the same small model for a few minutes on the labelled rows and is asked the validation split; what
counts is the difference to the first run on the same texts, with a paired bootstrap interval. A small model takes a
twentieth of the time of a large one, so that many levers can be tried; what is found with it need not hold for the
large one.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer
from numpy.typing import NDArray
from sklearn.metrics import f1_score
from transformers import AutoModelForSequenceClassification, AutoTokenizer, set_seed

from sincerity.cleaning import CUES, clean
from sincerity.labels import Label
from training.command import run
from training.corpus import OWN_SOURCE, Row, training_rows
from training.prepare import OWN_REPEATS, soft_target, split_rows

LABELS = [str(label) for label in Label]
BATCH = 64
DRAWS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Lever:
    """One change: to a row's weight (0 leaves it out), its target, its text, or the settings."""

    weight: Callable[[Row], float] = lambda row: 1.0
    target: Callable[[Row], list[float]] = lambda row: soft_target(row, LABELS)
    text: Callable[[str], str] = lambda text: text
    epochs: int = 1
    learning_rate: float = 3e-4
    average: float = 0.0
    """Decay of the running average of the weights; 0 for none."""
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
        "the same, another seed": Lever(seed=8),
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
        "weights averaged": Lever(average=0.995),
        "half the learning rate": Lever(learning_rate=1.5e-4),
        "twice the learning rate": Lever(learning_rate=6e-4),
        "twice the epochs": Lever(epochs=2),
    }


def fine_tune(base: Path, lever: Lever, rows: list[Row], asked: list[Row]) -> NDArray[np.float64]:
    """Probabilities (texts, labels) for `asked` after training on `rows`."""
    set_seed(lever.seed)
    model = AutoModelForSequenceClassification.from_pretrained(base).train()
    tokenizer = AutoTokenizer.from_pretrained(base)
    tokens = tokenizer([lever.text(clean(row.text).text) for row in rows], truncation=True)["input_ids"]
    weights = torch.tensor([lever.weight(row) for row in rows])
    targets = torch.tensor([lever.target(row) for row in rows])
    batches = _batches(tokens, [i for i, weight in enumerate(weights) if weight > 0], lever)
    optimizer = torch.optim.AdamW(model.parameters(), lr=lever.learning_rate, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min(1, 20 * step / len(batches), 1 - step / len(batches))
    )
    averaged = deepcopy(model)
    for batch in batches:
        logits = model(**_padded([tokens[i] for i in batch])).logits
        losses = torch.nn.functional.cross_entropy(logits, targets[batch], reduction="none")
        (losses * weights[batch]).mean().backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        with torch.no_grad():
            for old, new in zip(averaged.parameters(), model.parameters(), strict=True):
                old.lerp_(new, 1 - lever.average)
    texts = tokenizer([lever.text(clean(row.text).text) for row in asked], truncation=True)["input_ids"]
    found = np.zeros((len(asked), len(LABELS)))
    averaged.eval()
    with torch.inference_mode():
        for batch in _by_length(texts, range(len(asked))):
            found[batch] = averaged(**_padded([texts[i] for i in batch])).logits.softmax(-1).numpy()
    return found


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


def _padded(tokens: list[list[int]]) -> dict[str, torch.Tensor]:
    ids = torch.zeros(len(tokens), max(map(len, tokens)), dtype=torch.long)
    for row, some in enumerate(tokens):
        ids[row, : len(some)] = torch.tensor(some)
    return {"input_ids": ids, "attention_mask": (ids > 0).long()}


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


def main(
    base: Annotated[Path, typer.Option(help="The small model that every run starts from.")] = Path(
        "build/small-taught"
    ),
    out: Annotated[Path, typer.Option(help="File for the results.")] = Path("training/levers.json"),
) -> None:
    train, asked = split_rows(training_rows())
    rows = train + [row for row in train if row.source == OWN_SOURCE] * (OWN_REPEATS - 1)
    truth = np.array([LABELS.index(row.label) for row in asked])
    results: dict[str, Any] = {}
    first: NDArray[np.float64] | None = None
    for name, lever in levers(rows).items():
        started = time.monotonic()
        found = fine_tune(base, lever, rows, asked)
        first = found if first is None else first
        results[name] = compared(found, first, truth) | {"seconds": round(time.monotonic() - started)}
        typer.echo(f"{name}: {results[name]}", err=True)
        out.write_text(json.dumps({"rows": len(asked), "runs": results}, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    run(main)
