"""A student learns from a teacher's probabilities over many epochs of the pool, all of it on a GPU.

    python -m training.distil build/tokens build/teacher build/middle build/student --seconds 240

Reads what `training.tokens` wrote. A small student's steps are short: with texts as arrays on the card and nothing
tokenised or collated between two steps, an epoch of half a million texts takes seconds. The teacher is patient (Beyer
et al., CVPR 2022): many epochs, and it says itself what it thinks of a shortened text. Targets of labelled rows are
half their label's. Toward the end (`--passed`) come only the texts that the n-grams of a cascade pass on.

The learning rate follows the clock, so that a run ends when it should whatever the machine: it rises over the first
twentieth of `--seconds` and falls along a cosine to nothing.
"""

from __future__ import annotations

import json
import math
import time
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer
from numpy.typing import NDArray
from torch import Tensor
from transformers import AutoModelForSequenceClassification, EvalPrediction, PreTrainedModel

from sincerity.model import batches
from training.command import run
from training.config import TRAINING
from training.corpus import CHOOSING, FITTING, VALIDATION
from training.train import machine, validation_metrics

VIEWS = {"plain": 0.45, "misspelt": 0.25, "shortened": 0.3}
"""How often each view of a text is read."""
TAUGHT = ("plain", "shortened")
"""Views that the teacher reads; a misspelt text keeps the target of the plain one."""
LABEL_SHARE = 0.5
"""Of a labelled row's target; the teacher says the rest."""
WARM = 0.05
POOLED = 32
"""Batches that are sorted by length together."""


class Texts:
    """One view of all texts on a device: token ids (texts, longest), padded with 0, and lengths."""

    def __init__(self, path: Path, device: str) -> None:
        with np.load(path) as file:
            ids, lengths = file["ids"].astype(np.int32), file["lengths"].astype(np.int64)
        self.flat = torch.as_tensor(ids).to(device)
        self.lengths = torch.as_tensor(lengths).to(device)
        self.starts = torch.cumsum(self.lengths, 0) - self.lengths

    def batch(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Ids and mask (rows, longest of them), to a multiple of 8."""
        lengths = self.lengths[rows]
        longest = -(-int(lengths.max()) // 8) * 8
        places = torch.arange(longest, device=rows.device)
        mask = places < lengths[:, None]
        at = (self.starts[rows][:, None] + places).clamp(max=len(self.flat) - 1)
        return torch.where(mask, self.flat[at].long(), 0), mask.long()


def said(model: PreTrainedModel, texts: Texts, rows: Tensor, tokens: int = 1 << 17) -> Tensor:
    """Probabilities (rows, labels)."""
    found = torch.empty(len(rows), model.config.num_labels, device=rows.device)
    with torch.inference_mode():
        for places in batches(texts.lengths[rows].cpu().numpy(), len(rows), tokens):
            some = torch.as_tensor(places).to(rows.device)
            ids, mask = texts.batch(rows[some])
            found[some] = model(input_ids=ids, attention_mask=mask).logits.float().softmax(-1)
    return found


def targets_of(folder: Path, teacher: Path, device: str) -> tuple[dict[str, Tensor], Tensor, dict[str, NDArray[Any]]]:
    """Targets of the plain and the shortened views; what the teacher says of the plain one; what is known of texts."""
    with np.load(folder / "texts.npz") as file:
        known = {name: file[name] for name in file.files}
    model = AutoModelForSequenceClassification.from_pretrained(teacher, dtype=torch.float32).to(device).eval()
    everything = torch.arange(len(known["kinds"]), device=device)
    labels = torch.as_tensor(known["targets"]).float().to(device)
    labelled = ~labels[:, :1].isnan() & torch.as_tensor(known["kinds"] == FITTING).to(device)[:, None]
    plain, shortened = (said(model, Texts(folder / f"teacher-{view}.npz", device), everything) for view in TAUGHT)
    mixed = torch.where(labelled, LABEL_SHARE * labels.nan_to_num() + (1 - LABEL_SHARE) * plain, plain)
    return {"plain": mixed, "misspelt": mixed, "shortened": shortened}, plain, known


def judged(student: PreTrainedModel, texts: Texts, plain: Tensor, known: dict[str, NDArray[Any]]) -> dict[str, float]:
    """Labels as the teacher's on texts left out, all and passed on; macro-F1 and log-loss on validation."""
    student.eval()
    device = plain.device
    held = torch.as_tensor(np.flatnonzero(known["kinds"] == CHOOSING)).to(device)
    rows = torch.as_tensor(np.flatnonzero(known["kinds"] == VALIDATION)).to(device)
    passed = torch.as_tensor(known["passed"]).to(device)[held]
    same = said(student, texts, held).argmax(1) == plain[held].argmax(1)
    scores, labels = said(student, texts, rows), torch.as_tensor(known["targets"]).float().to(device)[rows]
    logits = scores.clamp_min(1e-9).log()
    metrics = validation_metrics(EvalPrediction(logits.cpu().numpy(), labels.cpu().numpy()))
    student.train()
    return {
        "agreement": round(float(same.float().mean()), 4),
        "agreement_passed_on": round(float(same[passed].float().mean()), 4),
    } | {name: round(value, 4) for name, value in metrics.items()}


def shuffled(
    rows: NDArray[np.int64], lengths: dict[str, NDArray[np.int64]], batch: int, chance: np.random.Generator
) -> list[tuple[str, NDArray[np.int64]]]:
    """An epoch: each row once, in one view; batches of like length, each with its view, in an order of chance."""
    rows = chance.permutation(rows)
    which = chance.choice(len(VIEWS), size=len(rows), p=list(VIEWS.values()))
    queue = []
    for number, view in enumerate(VIEWS):
        own = rows[which == number]
        for start in range(0, len(own), POOLED * batch):
            some = own[start : start + POOLED * batch]
            some = some[np.argsort(lengths[view][some], kind="stable")]
            queue += [(view, some[at : at + batch]) for at in range(0, len(some), batch)]
    return [queue[place] for place in chance.permutation(len(queue))]


def share_of_rate(done: float) -> float:
    """Of the highest learning rate, after such a share of the time."""
    return done / WARM if done < WARM else 0.5 * (1 + math.cos(math.pi * (done - WARM) / (1 - WARM)))


def distil(
    folder: Path, teacher: Path, base: Path, out: Path, *, seconds: float, rate: float, batch: int, passed: float
) -> dict[str, Any]:
    """Train the student of `base` for so long; writes it to `out` and returns what was measured."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.manual_seed(7)
    torch.set_float32_matmul_precision("high")
    chance = np.random.default_rng(7)
    targets, plain, known = targets_of(folder, teacher, device)
    student = AutoModelForSequenceClassification.from_pretrained(base, dtype=torch.float32).to(device).train()
    views = {view: Texts(folder / f"student-{view}.npz", device) for view in VIEWS}
    lengths = {view: texts.lengths.cpu().numpy() for view, texts in views.items()}
    flat = [weight for weight in student.parameters() if weight.ndim < 2]
    matrices = [weight for weight in student.parameters() if weight.ndim >= 2]
    optimiser = torch.optim.AdamW(
        [{"params": matrices, "weight_decay": 0.01}, {"params": flat, "weight_decay": 0.0}],
        lr=rate,
        betas=(0.9, 0.98),
        fused=device == "cuda",
    )
    fitting = np.flatnonzero(known["kinds"] == FITTING)
    later = fitting[known["passed"][fitting] | ~np.isnan(known["targets"][fitting, 0])]
    started = time.monotonic()
    steps, read, log = 0, 0, [judged(student, views["plain"], plain, known)]
    marks = [0.25, 0.5, 0.75]
    while (done := (time.monotonic() - started) / seconds) < 1:
        queue = shuffled(later if done > 1 - passed else fitting, lengths, batch, chance)
        for view, some in queue:
            if (done := (time.monotonic() - started) / seconds) >= 1:
                break
            if marks and done > marks[0]:
                log.append(judged(student, views["plain"], plain, known) | {"read": read})
                print(marks.pop(0), log[-1], flush=True)
            chosen = torch.as_tensor(some).to(device)
            ids, mask = views[view].batch(chosen)
            with torch.autocast(device, dtype=torch.bfloat16, enabled=device == "cuda"):
                logits = student(input_ids=ids, attention_mask=mask).logits
            loss = torch.nn.functional.cross_entropy(logits.float(), targets[view][chosen])
            for group in optimiser.param_groups:
                group["lr"] = rate * share_of_rate(done)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(student.parameters(), 1.0)
            optimiser.step()
            steps, read = steps + 1, read + len(some)
    log.append(judged(student, views["plain"], plain, known) | {"read": read})
    student.save_pretrained(out)
    found = plain.cpu().numpy()
    fits = known["kinds"] == FITTING
    pool = fits & np.isnan(known["targets"][:, 0])
    np.savez_compressed(out / "teacher.npz", ids=known["names"][pool], probs=found[pool].round(4).astype(np.float16))
    summary: dict[str, Any] = {
        "recipe": {
            "base": str(base),
            "epochs": round(read / int(fits.sum()), 1),
            "steps": steps,
            "learning_rate": rate,
            "batch_size": batch,
            "passed": passed,
        },
        "data": json.loads(about.read_text("utf-8")) if (about := folder / "about.json").is_file() else {},
        "validation": {name: log[-1][name] for name in ("macro_f1", "accuracy", "log_loss")},
        "log": log,
        "seconds": round(time.monotonic() - started),
        "machine": machine(),
    }
    if (before := base / TRAINING).is_file():
        summary["before"] = json.loads(before.read_text("utf-8"))
    return summary


def main(
    tokens: Annotated[Path, typer.Argument(help="What training.tokens wrote.")],
    teacher: Annotated[Path, typer.Argument(help="The teacher, as transformers reads it.")],
    base: Annotated[Path, typer.Argument(help="The student to start from, likewise.")],
    out: Annotated[Path, typer.Argument(help="Folder to write.")],
    seconds: Annotated[float, typer.Option(help="How long to train.")] = 240,
    rate: Annotated[float, typer.Option(help="Highest learning rate.")] = 4e-4,
    batch: Annotated[int, typer.Option(help="Texts of a step.")] = 1024,
    passed: Annotated[float, typer.Option(help="Share of the time for texts that n-grams pass on.")] = 0.4,
) -> None:
    out.mkdir(parents=True, exist_ok=True)
    about = distil(tokens, teacher, base, out, seconds=seconds, rate=rate, batch=batch, passed=passed)
    (out / TRAINING).write_text(json.dumps(about, indent=1) + "\n", "utf-8")
    typer.echo(json.dumps(about, indent=1))


if __name__ == "__main__":
    run(main)
