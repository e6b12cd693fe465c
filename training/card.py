"""A model's card and reports, from its result files and nothing else."""

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

Labels one message as {labels}.{question}

```python
from sincerity import Classifier

Classifier.from_pretrained("{path}").classify("Thanks for following! Check out our page for daily deals.")
```

The model reads cleaned text. With other runtimes, pass `respelt(clean(text)).text` (`sincerity.cleaning`,
`sincerity.spelling`) to the text-classification
pipeline of transformers.js (`dtype: "q8"`) or of transformers (with `truncation=True`). The latter needs
`model.safetensors`: on the Hub it lies beside this card, in a checkout of sincerity `training.rebuild` makes it of the
8-bit graph. It computes in float: what is nearly a tie may get another label there.

## How good it is

{quality}

Certain: a score of at least {threshold}, which {coverage:.0%} of the validation split reach.{ceiling}

## How it was made

`python -m training.prepare`, `training.train`, `training.export`, `training.score`; `training/LOG.md` has the commands.

{stages}

Of each stage the state with the best macro-F1 on the validation split was kept. Read were:

{files}
{texts}
Probabilities are calibrated: a temperature of {temperature} is folded into the last layer. The graph has 8-bit weights
and products, activations with {scales}, so that a text's result does not depend on its batch (largest move seen:
{batch_probability_difference:.1g}); its labels agree with the float graph's on {agreement_with_float:.2%} of
{agreement_texts} texts. Its second output, `attributions` (batch, tokens), says what each token contributed to the
margin of the most probable label; it is computed where the input `explain` is true.
{limits}"""

OWN_SCHEME = {
    "question": """
Is this a person talking to people, somebody selling something, or a machine? `data/GUIDELINES.md` in the sincerity
repository says what the labels mean.""",
    "ceiling": """

Labels are the work of annotators that are language models, reading one message at a time under the guidelines. Dev was
labelled by two of them independently and adjudicated; such annotators agree on {agreement:.1%} of {rows} messages
(Cohen's κ {kappa}, as the data's README states), which is about as far as a model can be measured
(macro-F1 {macro_f1}). 39 rows of dev are under
non-commercial terms (measured on, never trained on), and dev shares account groups of some sources with train.""",
    "texts": """
The texts are public research data and texts of our own; the former are real people's words and are not published here.
About half of them were drawn where an earlier model was unsure, so class shares are not natural. Training labels come
from one annotator, a language model (a third of them under version 1.0 of the guidelines). Nothing under non-commercial
terms was trained on.
""",
    "limits": """
## Limits

English only, up to about 500 characters (head and tail of longer texts are read; of rows of digits and signs with more
than 160 tokens, the head). One message rarely proves that
a machine sent it: a headline with a link, a quotation, or support boilerplate can be typed by hand, and a person can
sound like a form. A label is evidence about a text, never a verdict on its author.
""",
}
"""What the card says only of a model of sincerity's own labels."""


def card(folder: Path) -> str:
    """The text of a model folder's README.md."""
    config = json.loads((folder / "config.json").read_text("utf-8"))
    results = json.loads((folder / "results.json").read_text("utf-8"))
    training = results["training"]
    own = config["sincerity"]["scheme"] == "sincerity"
    body = BODY.format(
        name=results["name"],
        path=results["name"] if own else folder,
        labels=_words([f"`{label}`" for label in config["sincerity"]["labels"]]),
        quality=_quality(results),
        stages=_stages(training),
        files=table(("file", "SHA-256"), [(name, f"`{digest}`") for name, digest in _files(training).items()]),
        **{part: text.format(**results["ceiling"]) if own else "" for part, text in OWN_SCHEME.items()},
        **results["export"],
        scales=SCALES[results["export"].get("steps", "by token")],
    )
    return HEADER + body if own else body


SCALES = {"by token": "one scale per token", "fixed": "a fixed scale each"}


def _stages(training: dict[str, Any]) -> str:
    """A table of the runs that led to a checkpoint, each starting where the one before it ended."""
    rows = []
    for number, stage in enumerate(reversed(_chain(training)), 1):
        recipe, data = stage["recipe"], stage["data"]
        start = recipe["base"] if number == 1 else f"stage {number - 1}"
        rows.append(
            (
                number,
                start,
                f"{recipe['epochs']:g}",
                f"{recipe['learning_rate']:g}",
                data["train"],
                f"{stage['validation']['macro_f1']:.3f} on {data['validation']}",
                f"{stage['seconds']} s, {stage['machine']}",
            )
        )
    head = ("stage", "starts from", "epochs", "learning rate", "messages", "macro-F1, validation", "time")
    return table(head, rows)


def _chain(training: dict[str, Any]) -> list[dict[str, Any]]:
    """The last run first."""
    return [training, *(_chain(training["before"]) if "before" in training else [])]


def _files(training: dict[str, Any]) -> dict[str, str]:
    """SHA-256 of every file that a stage read, by its name; of a file that changed between stages, all of them."""
    digests: dict[str, list[str]] = {}
    for stage in reversed(_chain(training)):
        for name, digest in stage["data"]["files"].items():
            if digest not in digests.setdefault(name, []):
                digests[name].append(digest)
    return {name: "`, `".join(found) for name, found in digests.items()}


def report(found: dict[str, Any]) -> str:
    """The text of a report on one model, `found` being what `training.score` measured."""
    return f"# {found['name']}\n\n{_quality(found)}\n"


def _quality(found: dict[str, Any]) -> str:
    """All that was measured, as tables with the pictures that were drawn."""
    scores = found["scores"]
    parts = [_scores(scores), NOTES, _labels(scores)]
    parts += [f"![Confusion, reliability, risk and coverage: {name}]({_picture(name)})" for name in scores]
    for name, one in scores.items():
        parts += [f"Parts of {name}:\n\n{_slices(one['slices'])}"] if one["slices"] else []
    if "behaviour" in found:
        parts += [_behaviour(found["behaviour"])]
    if "fairness" in found:
        parts += [FAIRNESS, *fairness(found["fairness"])]
    return "\n\n".join(parts)


def _picture(name: str) -> str:
    return f"{Path(name).stem.replace(' ', '-')}.png"


def _scores(scores: dict[str, Any]) -> str:
    rows = [
        (
            name,
            s["rows"],
            with_interval(s, "macro_f1"),
            with_interval(s, "accuracy"),
            s["lenient_accuracy"],
            with_interval(s, "log_loss") + _without(s, "log_loss"),
            f"{s['brier']:.3f}" + _without(s, "brier"),
            f"{with_interval(s, 'ece')}; {shown(s['calibrated_ece'])}",
            s["area_under_risk_coverage"],
            s["accuracy_at_80_percent_coverage"],
            f"{s['certain']['share']:.1%}",
            s["certain"]["accuracy"],
        )
        for name, s in scores.items()
    ]
    head = (
        "texts", "rows", "macro-F1", "accuracy", "lenient", "log-loss", "Brier", "calibration error; if perfect",
        "area under risk-coverage", "accuracy at 80 %", "certain", "accuracy where certain",
    )  # fmt: skip
    return table(head, rows)


def main_scores(scores: dict[str, Any]) -> str:
    """The columns that say most."""
    rows = [
        (
            name,
            s["rows"],
            with_interval(s, "macro_f1"),
            with_interval(s, "accuracy"),
            s["lenient_accuracy"],
            f"{s['certain']['share']:.1%}",
            s["certain"]["accuracy"],
        )
        for name, s in scores.items()
    ]
    return table(("texts", "rows", "macro-F1", "accuracy", "lenient", "certain", "accuracy where certain"), rows)


def _without(scores: dict[str, Any], name: str) -> str:
    return f"; {scores['uncalibrated'][name]:.3f} without" if "uncalibrated" in scores else ""


NOTES = """\
In brackets: 95 % intervals (bootstrap over rows). "Without": without the temperature that calibrates. Lenient accuracy
also accepts a second label that an annotator named. Calibration error stands beside the interval that a perfectly
calibrated model would show on as many texts."""


def with_interval(scores: dict[str, Any], name: str) -> str:
    return f"{scores[name]:.3f} ({shown(scores['intervals'][name])})"


def shown(interval: list[float]) -> str:
    return f"{interval[0]:.3f} to {interval[1]:.3f}"


def _slices(found: dict[str, Any]) -> str:
    rows = [
        (
            way,
            one["slice"].strip(),
            one["rows"],
            f"{one['accuracy']:.3f} ({shown(one['interval'])})",
            one["lenient_accuracy"],
        )
        for way, parts in found.items()
        for one in parts
    ]
    return table(("by", "part", "rows", "accuracy", "lenient"), rows)


def _behaviour(kinds: dict[str, Any]) -> str:
    rows = [
        (
            kind,
            one["cases"],
            one["cases"] - one["failed"],
            ", ".join(
                f"{name} ({s['failed']} of {s['cases']})" for name, s in one["situations"].items() if s["failed"]
            ),
        )
        for kind, one in kinds.items()
    ]
    head = ("behaviour suite (`data/behaviour`)", "cases", "passed", "known to fail")
    return table(head, rows)


FAIRNESS = """\
Conversation taken for something else (`benchmarks.robustness`): sentences of our own, each in standard English and
again as somebody else would say or spell it, and dev by source."""


def fairness(found: dict[str, Any]) -> tuple[str, str]:
    """False-positive rates: by variety of English, and by source."""
    speech = [
        (one["slice"], one["pairs"], f"{one['standard']:.0%}", f"{one['variety']:.0%}") for one in found["speech"]
    ]
    sources = [(one["source"], one["messages"], f"{one['wrong']:.0%}") for one in found["conversation_by_source"]]
    return (
        table(("conversation in", "pairs", "wrong, standard", "wrong, variety"), speech),
        table(("dev source", "conversation", "wrong"), sources),
    )


def _labels(scores: dict[str, Any]) -> str:
    rows = [
        (name, label, s["precision"], s["recall"], s["f1"], s["rows"])
        for name, one in scores.items()
        for label, s in one["labels"].items()
    ]
    return table(("texts", "label", "precision", "recall", "F1", "rows"), rows)


def table(head: tuple[str, ...], rows: list[tuple[Any, ...]]) -> str:
    body = [[f"{cell:.3g}" if isinstance(cell, float) else str(cell) for cell in row] for row in rows]
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, ("---",) * len(head), *body))


def _words(items: list[str]) -> str:
    return ", ".join(items[:-1]) + " or " + items[-1]
