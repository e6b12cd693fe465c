"""Step 2: fine-tune the encoder; keep the state that is best on the validation split.

python -m training.train
python -m training.train --data build/mine/data --out build/mine/checkpoint --epochs 3
"""

from __future__ import annotations

import json
import os
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer
from datasets import DatasetDict, load_from_disk
from transformers import (
    DataCollatorWithPadding,
    EarlyStoppingCallback,
    EvalPrediction,
    Trainer,
    TrainingArguments,
    set_seed,
)

from training.command import run
from training.config import RELEASED, TRAINING, Recipe
from training.encoder import base_path, load_base


def soft_cross_entropy(outputs: Any, labels: torch.Tensor, num_items_in_batch: Any = None) -> torch.Tensor:
    return torch.nn.functional.cross_entropy(outputs["logits"].float(), labels)


def validation_metrics(prediction: EvalPrediction) -> dict[str, float]:
    """Macro-F1 and accuracy against the most probable label of each target, log-loss against the target."""
    from sklearn.metrics import f1_score

    logits, targets = torch.as_tensor(prediction.predictions).float(), torch.as_tensor(prediction.label_ids)
    truth, guess = targets.argmax(1).numpy(), logits.argmax(1).numpy()
    return {
        "macro_f1": float(f1_score(truth, guess, average="macro")),
        "accuracy": float(np.mean(truth == guess)),
        "log_loss": float(torch.nn.functional.cross_entropy(logits, targets)),
    }


def machine() -> str:
    """The hardware of this run, in words."""
    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    return f"{os.cpu_count()} CPU cores, {'bfloat16' if fast_bfloat16() else 'float32'}"


def fast_bfloat16() -> bool:
    """Whether this machine multiplies bfloat16 natively, so that training in it is worth the rounding."""
    if torch.cuda.is_available():
        return torch.cuda.is_bf16_supported()
    flags = Path("/proc/cpuinfo")
    return flags.exists() and "amx_bf16" in flags.read_text()


def train(data: DatasetDict, recipe: Recipe, out: Path) -> dict[str, float]:
    """Fine-tune on `data["train"]`; writes the model and tokenizer to `out`.

    Selects the state on `data["validation"]` and returns its metrics there; without such a split the last state is
    kept and nothing returned.
    """
    set_seed(recipe.seed)
    labels: list[str] = data["train"].features["label"].names
    model, tokenizer = load_base(recipe.base, labels, recipe.max_length)
    if recipe.frozen_layers:
        for part in (model.bert.embeddings, *model.bert.encoder.layer[: recipe.frozen_layers]):
            part.requires_grad_(False)
    tokenised = data.map(
        lambda batch: {
            **tokenizer(batch["text"], truncation=True, max_length=recipe.max_length),
            "labels": batch["target"],
        },
        batched=True,
        remove_columns=data["train"].column_names,
    )
    steps_per_epoch = -(-len(tokenised["train"]) // recipe.batch_size)
    every = max(1, steps_per_epoch // recipe.evaluations_per_epoch)
    select = "validation" in tokenised
    trainer = Trainer(
        model=model,
        args=TrainingArguments(
            output_dir=str(out / "work"),
            num_train_epochs=recipe.epochs,
            learning_rate=recipe.learning_rate,
            per_device_train_batch_size=recipe.batch_size,
            per_device_eval_batch_size=64,
            warmup_steps=int(recipe.warmup_ratio * recipe.epochs * steps_per_epoch),
            weight_decay=recipe.weight_decay,
            lr_scheduler_type="linear",
            train_sampling_strategy="group_by_length",
            eval_strategy="steps" if select else "no",
            eval_steps=every,
            save_strategy="steps" if select else "no",
            save_steps=every,
            save_total_limit=1,
            save_only_model=True,
            load_best_model_at_end=select,
            metric_for_best_model="macro_f1",
            logging_steps=max(1, every // 4),
            use_cpu=not torch.cuda.is_available(),
            bf16=fast_bfloat16(),
            seed=recipe.seed,
            report_to=[],
            disable_tqdm=True,
        ),
        train_dataset=tokenised["train"],
        eval_dataset=tokenised["validation"] if select else None,
        data_collator=DataCollatorWithPadding(tokenizer),
        compute_loss_func=soft_cross_entropy,
        compute_metrics=validation_metrics,
        callbacks=[EarlyStoppingCallback(early_stopping_patience=recipe.patience)] if select else [],
    )
    trainer.train()
    metrics = trainer.evaluate() if select else {}
    trainer.model.save_pretrained(out)
    tokenizer.save_pretrained(out)
    return {name: round(metrics[f"eval_{name}"], 4) for name in ("macro_f1", "accuracy", "log_loss") if metrics}


def main(
    data: Annotated[Path, typer.Option(help="What training.prepare wrote.")] = Path("build/data"),
    out: Annotated[Path, typer.Option(help="Folder for the fine-tuned model.")] = Path("build/checkpoint"),
    base: str = RELEASED.base,
    epochs: float = RELEASED.epochs,
    learning_rate: float = RELEASED.learning_rate,
    batch_size: int = RELEASED.batch_size,
    frozen_layers: int = RELEASED.frozen_layers,
    seed: int = RELEASED.seed,
) -> None:
    recipe = replace(
        RELEASED,
        base=base,
        epochs=epochs,
        learning_rate=learning_rate,
        batch_size=batch_size,
        frozen_layers=frozen_layers,
        seed=seed,
    )
    started = time.monotonic()
    metrics = train(DatasetDict(load_from_disk(data)), recipe, out)
    summary: dict[str, Any] = {
        "recipe": asdict(recipe),
        "data": json.loads((data / "about.json").read_text("utf-8")),
        "validation": metrics,
        "seconds": round(time.monotonic() - started),
        "machine": machine(),
    }
    if (before := Path(base_path(base)) / TRAINING).is_file():
        summary["before"] = json.loads(before.read_text("utf-8"))
    (out / TRAINING).write_text(json.dumps(summary, indent=1), "utf-8")
    typer.echo(json.dumps(summary, indent=1))


if __name__ == "__main__":
    run(main)
