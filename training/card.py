"""The model card, written from `config.json` and `results.json` and nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

HEADER = """\
---
license: apache-2.0
language: en
library_name: sincerity
pipeline_tag: text-classification
base_model: sentence-transformers/all-MiniLM-L6-v2
tags: [text-classification, onnx, social-media, spam-detection, bot-detection]
---
"""

BODY = """\
# {name}

Labels one English post or message as {labels}: is this a person talking to people, somebody selling
something, or a machine? `data/GUIDELINES.md` in the sincerity repository says what the labels mean.

```python
from sincerity import Classifier

Classifier.from_pretrained("{name}").classify("Thanks for following! Check out our page for daily deals.")
```

The model reads cleaned text. With other runtimes, pass `sincerity.cleaning.clean(text).text` to transformers' or
transformers.js' text-classification pipeline.

## How good it is

{scores}

Certain: score of at least {threshold}; the model is certain of the most confident {coverage:.0%} of its validation
split. Lenient accuracy also accepts a second label that a careful annotator named. Two independent annotators agree
on 94 % of such messages (Cohen's κ 0.907), which is about as far as any model can get.

{labels_table}

## How it was made

`python -m training.prepare`, `training.train`, `training.export`, `training.score`: {base} fine-tuned for {epochs:g}
epochs at a learning rate of {learning_rate:g} on {train_rows} messages ({seconds} s on {machine}); the state with the
best macro-F1 on the {validation_rows} messages of the validation split was kept ({validation_f1:.3f}). Files it was
trained on:

{files}

The texts are public research data and texts of our own; the former are real people's words and are not published here.
About half of them were drawn where an earlier model was unsure, so class shares are not natural. Nothing under
non-commercial terms was trained on.

Probabilities are calibrated: a temperature of {temperature} is folded into the last layer. The shipped graph has 8-bit
weights and products with one scale per token, so that a text's result does not depend on its batch (largest move seen:
{batch_probability_difference:.1g}); its labels agree with the float graph's on {agreement_with_float:.2%} of
{agreement_texts} unlabelled posts. The graph's second output, `attributions` (batch, tokens, labels), says what each
token contributed to each logit.

## Limits

English only, up to about 500 characters (head and tail of longer texts are read). One message rarely proves that
a machine sent it: a headline with a link, a quotation, or support boilerplate can be typed by hand, and a person can
sound like a form. A label is evidence about a text, never a verdict on its author.
"""


def card(folder: Path) -> str:
    """The text of a model folder's README.md."""
    config = json.loads((folder / "config.json").read_text("utf-8"))
    results = json.loads((folder / "results.json").read_text("utf-8"))
    training = results["training"]
    return (
        HEADER
        + "\n"
        + BODY.format(
            name=results["name"],
            labels=_words([f"`{label}`" for label in config["sincerity"]["labels"]]),
            scores=_scores(results["scores"]),
            labels_table=_labels(results["scores"]),
            files=_files(training["data"]["files"]),
            train_rows=training["data"]["train"],
            validation_rows=training["data"]["validation"],
            validation_f1=training["validation"]["macro_f1"],
            seconds=training["seconds"],
            machine=training["machine"],
            **{key: training["recipe"][key] for key in ("base", "epochs", "learning_rate")},
            **results["export"],
        )
    )


def _scores(scores: dict[str, Any]) -> str:
    rows = [
        (
            name,
            s["rows"],
            s["macro_f1"],
            s["accuracy"],
            s["lenient_accuracy"],
            s["log_loss"],
            s["certain"]["share"],
            s["certain"]["accuracy"],
        )
        for name, s in scores.items()
    ]
    head = ("texts", "rows", "macro-F1", "accuracy", "lenient", "log-loss", "certain", "accuracy where certain")
    return _table(head, rows)


def _labels(scores: dict[str, Any]) -> str:
    rows = [
        (name, label, s["precision"], s["recall"], s["f1"], s["rows"])
        for name, one in scores.items()
        for label, s in one["labels"].items()
    ]
    return _table(("texts", "label", "precision", "recall", "F1", "rows"), rows)


def _files(files: dict[str, str]) -> str:
    return _table(("file", "SHA-256"), [(name, f"`{digest}`") for name, digest in files.items()])


def _table(head: tuple[str, ...], rows: list[tuple[Any, ...]]) -> str:
    body = [[f"{cell:.3f}" if isinstance(cell, float) else str(cell) for cell in row] for row in rows]
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, ("---",) * len(head), *body))


def _words(items: list[str]) -> str:
    return ", ".join(items[:-1]) + " or " + items[-1]
