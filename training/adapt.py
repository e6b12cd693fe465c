"""An encoder that goes on guessing hidden words, on messages: masked-language adaptation (Gururangan et al. 2020).

    python -m training.adapt build/cut build/adapted --texts 20000

A lever for `training.levers`: does an encoder that has read the pool learn the labels better?
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import torch
import typer
from datasets import Dataset
from transformers import (
    AutoModelForMaskedLM,
    DataCollatorForLanguageModeling,
    Trainer,
    TrainingArguments,
    set_seed,
)

from sincerity.cleaning import clean
from training.command import run
from training.config import RELEASED
from training.corpus import pool_texts
from training.encoder import load_base


def adapt(base: str, out: Path, texts: list[str], learning_rate: float = 2e-4, max_length: int = 64) -> float:
    """Write the encoder of `base` after one pass over `texts`; returns the last mean loss, in nats a hidden piece."""
    set_seed(RELEASED.seed)
    known, tokenizer = load_base(base, ["any", "other"], max_length)
    known.save_pretrained(out)
    tokenizer.save_pretrained(out)
    model = AutoModelForMaskedLM.from_pretrained(out, dtype=torch.float32)
    rows = Dataset.from_dict({"text": [clean(text).text for text in texts]}).map(
        lambda batch: tokenizer(batch["text"], truncation=True, max_length=max_length),
        batched=True,
        remove_columns=["text"],
    )
    trainer = Trainer(
        model=model,
        args=TrainingArguments(
            output_dir=str(out / "work"),
            num_train_epochs=1,
            learning_rate=learning_rate,
            per_device_train_batch_size=RELEASED.batch_size,
            train_sampling_strategy="group_by_length",
            save_strategy="no",
            logging_steps=max(1, len(rows) // RELEASED.batch_size // 5),
            use_cpu=not torch.cuda.is_available(),
            seed=RELEASED.seed,
            report_to=[],
            disable_tqdm=True,
        ),
        train_dataset=rows,
        data_collator=DataCollatorForLanguageModeling(tokenizer),
    )
    trainer.train()
    model.base_model.save_pretrained(out)
    return float(next(entry["loss"] for entry in reversed(trainer.state.log_history) if "loss" in entry))


def main(
    base: Annotated[str, typer.Argument(help="Any base that training.train takes.")],
    out: Annotated[Path, typer.Argument(help="Folder to write.")],
    texts: Annotated[int, typer.Option(min=1, help="How many texts of the pool to read.")] = 20_000,
) -> None:
    loss = adapt(base, out, pool_texts(texts))
    typer.echo(f"{out}: loss {loss:.3f} at the end", err=True)


if __name__ == "__main__":
    run(main)
