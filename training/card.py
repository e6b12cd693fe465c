"""Documents with figures in them, written from result files and nothing else.

    python -m training.card

writes the card of every model under models/ and the tables of README.md and training/README.md.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from sincerity.folders import DEFAULT_MODEL

ROOT = Path(__file__).parents[1]

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

The model reads cleaned text. With other runtimes, pass `sincerity.cleaning.clean(text).text` to the text-classification
pipeline of transformers.js (`dtype: "q8"`) or of transformers. The latter needs `model.safetensors`, which
`training.export` writes and the sincerity repository leaves out for its size.

## How good it is

{quality}

Certain: a score of at least {threshold}, which {coverage:.0%} of the validation split reach.{ceiling}

## How it was made

`python -m training.prepare`, `training.train`, `training.export`, `training.score`: {base} fine-tuned for {epochs:g}
epochs at a learning rate of {learning_rate:g} on {train_rows} messages ({seconds} s on {machine}); the state with the
best macro-F1 on the {validation_rows} messages of the validation split was kept ({validation_f1:.3f}). Read were:

{files}
{texts}
Probabilities are calibrated: a temperature of {temperature} is folded into the last layer. The graph has 8-bit weights
and products with one scale per token, so that a text's result does not depend on its batch (largest move seen:
{batch_probability_difference:.1g}); its labels agree with the float graph's on {agreement_with_float:.2%} of
{agreement_texts} texts. Its second output, `attributions` (batch, tokens, labels), says what each token contributed to
each logit.
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
        files=_table(
            ("file", "SHA-256"), [(name, f"`{digest}`") for name, digest in training["data"]["files"].items()]
        ),
        train_rows=training["data"]["train"],
        validation_rows=training["data"]["validation"],
        validation_f1=training["validation"]["macro_f1"],
        seconds=training["seconds"],
        machine=training["machine"],
        **{key: training["recipe"][key] for key in ("base", "epochs", "learning_rate")},
        **{part: text.format(**results["ceiling"]) if own else "" for part, text in OWN_SCHEME.items()},
        **results["export"],
    )
    return HEADER + body if own else body


def documents() -> dict[Path, str]:
    """Every document that holds figures, as it should be."""
    texts = {config.parent / "README.md": card(config.parent) for config in ROOT.glob("models/*/config.json")}
    scores = json.loads((ROOT / "models" / DEFAULT_MODEL / "results.json").read_text("utf-8"))["scores"]
    quantisation = json.loads((ROOT / "benchmarks" / "results" / "quantisation.json").read_text("utf-8"))["rows"]
    attribution = json.loads((ROOT / "benchmarks" / "results" / "attribution.json").read_text("utf-8"))
    texts[ROOT / "README.md"] = _filled(ROOT / "README.md", scores=_main_scores(scores))
    texts[ROOT / "training" / "README.md"] = _filled(
        ROOT / "training" / "README.md",
        quantisation=_table(tuple(quantisation[0]), [(*row.values(),) for row in quantisation]),
        attribution=_attribution(attribution),
    )
    return texts


def _filled(path: Path, **tables: str) -> str:
    """A document with the part between each table's marks `name` and `/name` replaced."""
    text = path.read_text("utf-8")
    for name, table in tables.items():
        start, end = f"<!-- {name} -->\n", f"<!-- /{name} -->"
        before, _, rest = text.partition(start)
        text = before + start + table + "\n" + end + rest.partition(end)[2]
    return text


def _attribution(result: dict[str, Any]) -> str:
    rows = [(name, *row.values()) for name, row in result.items() if isinstance(row, dict)]
    head = ("label", "texts", "fall of its probability", "the same at random", "texts where it beats random")
    return _table(head, rows) + f"\n\nCorrelation of sum and margin: {result['correlation_of_sum_and_margin']}."


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
    return "\n\n".join(parts)


def _picture(name: str) -> str:
    return f"{Path(name).stem.replace(' ', '-')}.png"


def _scores(scores: dict[str, Any]) -> str:
    rows = [
        (
            name,
            s["rows"],
            _with_interval(s, "macro_f1"),
            _with_interval(s, "accuracy"),
            s["lenient_accuracy"],
            _with_interval(s, "log_loss"),
            s["brier"],
            f"{_with_interval(s, 'ece')}; {_range(s['calibrated_ece'])}",
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
    return _table(head, rows)


def _main_scores(scores: dict[str, Any]) -> str:
    """The columns that say most."""
    rows = [
        (
            name,
            s["rows"],
            _with_interval(s, "macro_f1"),
            _with_interval(s, "accuracy"),
            s["lenient_accuracy"],
            f"{s['certain']['share']:.1%}",
            s["certain"]["accuracy"],
        )
        for name, s in scores.items()
    ]
    return _table(("texts", "rows", "macro-F1", "accuracy", "lenient", "certain", "accuracy where certain"), rows)


NOTES = """\
In brackets: 95 % intervals (bootstrap over rows). Lenient accuracy also accepts a second label that an annotator named.
Calibration error stands beside the interval that a perfectly calibrated model would show on as many texts."""


def _with_interval(scores: dict[str, Any], name: str) -> str:
    return f"{scores[name]:.3f} ({_range(scores['intervals'][name])})"


def _range(interval: list[float]) -> str:
    return f"{interval[0]:.3f} to {interval[1]:.3f}"


def _slices(found: dict[str, Any]) -> str:
    rows = [
        (
            way,
            one["slice"].strip(),
            one["rows"],
            f"{one['accuracy']:.3f} ({_range(one['interval'])})",
            one["lenient_accuracy"],
        )
        for way, parts in found.items()
        for one in parts
    ]
    return _table(("by", "part", "rows", "accuracy", "lenient"), rows)


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
    return _table(head, rows)


def _labels(scores: dict[str, Any]) -> str:
    rows = [
        (name, label, s["precision"], s["recall"], s["f1"], s["rows"])
        for name, one in scores.items()
        for label, s in one["labels"].items()
    ]
    return _table(("texts", "label", "precision", "recall", "F1", "rows"), rows)


def _table(head: tuple[str, ...], rows: list[tuple[Any, ...]]) -> str:
    body = [[f"{cell:.3g}" if isinstance(cell, float) else str(cell) for cell in row] for row in rows]
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, ("---",) * len(head), *body))


def _words(items: list[str]) -> str:
    return ", ".join(items[:-1]) + " or " + items[-1]


def main() -> None:
    for path, text in documents().items():
        path.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
