"""Do the weights that a model gives to words say what moved it? Deletion test on the research data's dev messages.

    python -m benchmarks.attribution models/sincerity-minilm-l6
    python -m benchmarks.attribution models/sincerity-minilm-l3

Deletes the fifth of a text's tokens that pushed most toward its label, and ten random fifths, and compares how far the
label's probability falls (comprehensiveness, DeYoung et al., ACL 2020). Cues and special tokens are left in place.
On every fourth text, leaving out one token after the other, and one half after the other, choose a fifth too: the
former costs as many passes as there are tokens, the latter two. Where n-grams stand in front of the folder's graph,
the same is done with their words, on the texts that they answer. Also measured: what reasons cost in batch, with the
folder's graph alone and with all of its cascade, and how often a message with one of the forms of `sincerity.reasons`
has the form's label; `--only-forms` measures no more than that. Writes the folder's part of
benchmarks/results/attribution.json. Needs SINCERITY_DATA.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Annotated, Any, NamedTuple

import numpy as np
import typer
from numpy.typing import NDArray

from sincerity import Classifier, Label
from sincerity.attribution import attributions
from sincerity.cleaning import CUES, clean
from sincerity.integrity import NGRAMS
from sincerity.model import Model
from sincerity.ngrams import NGrams
from sincerity.reasons import FORMS, forms
from sincerity.tokens import Tokens, as_bytes
from training.command import run
from training.corpus import Row, research_rows

RESULTS = Path(__file__).parent / "results"
SHARE, RANDOM_DRAWS, LEAST_TOKENS, LEAVE_ONE_OUT_EVERY, ROUNDS, RESAMPLES = 0.2, 10, 10, 4, 5, 1000

Array = NDArray[np.float64]


class Reading(NamedTuple):
    """A text as a model reads it."""

    scores: Array
    """Probabilities (labels,)."""
    weights: Array
    """What each token (tokens,) contributed."""
    words: list[int]
    """Which tokens may be left out."""
    whole: float
    """What all contributed."""
    without: Callable[[Sequence[set[int]]], Array]
    """Probabilities (sets, labels) with the tokens of each set left out."""


def read_by_graph(model: Model) -> Callable[[str], Reading]:
    fixed = set(model.reader.ids((*CUES, "[CLS]", "[SEP]")))

    def read(text: str) -> Reading:
        (placed,) = model.reader.read_with_places([text])
        scores, (weights,) = model.attributions([placed])
        ids = np.frombuffer(placed.tokens.ids, np.int64).tolist()

        def without(sets: Sequence[set[int]]) -> Array:
            left = [Tokens(as_bytes([token for i, token in enumerate(ids) if i not in out])) for out in sets]
            return model.probabilities(left, np.split(np.arange(len(left)), range(32, len(left), 32)))

        words = [i for i, token in enumerate(ids) if token not in fixed]
        return Reading(scores[0], weights, words, float(weights.sum()), without)

    return read


def read_by_ngrams(ngrams: NGrams) -> Callable[[str], Reading]:
    def read(text: str) -> Reading:
        (parts,) = attributions(ngrams, [text])
        words = [part for part in parts if not part.trait]

        def without(sets: Sequence[set[int]]) -> Array:
            places = [{at for i in out for at in range(words[i].start, words[i].end)} for out in sets]
            return ngrams.probabilities(["".join(c for i, c in enumerate(text) if i not in out) for out in places])

        weights = np.array([part.weight for part in words])
        whole = sum(part.weight for part in parts)
        return Reading(ngrams.probabilities([text])[0], weights, list(range(len(words))), whole, without)

    return read


def deletion_test(read: Callable[[str], Reading], texts: list[str]) -> dict[str, Any]:
    """Falls of the label's probability, by the weights, at random, and where few texts are by leaving out."""
    rng = np.random.default_rng(0)
    sums, margins, labels, falls, random_falls = [], [], [], [], []
    left_out: list[list[float]] = []
    for number, text in enumerate(texts):
        scores, weights, words, whole, without = read(text)
        label = int(scores.argmax())
        logs = np.log(scores)
        sums.append(whole)
        margins.append(logs[label] - np.delete(logs, label).mean())
        if len(words) < LEAST_TOKENS:
            continue
        count = round(SHARE * len(words))
        chosen = [_top(words, weights[words], count)]
        chosen += [set(rng.choice(words, count, replace=False).tolist()) for _ in range(RANDOM_DRAWS)]
        compared = number % LEAVE_ONE_OUT_EVERY == 0
        if compared:
            for size in (1, -(-len(words) // 2)):
                parts = [words[i : i + size] for i in range(0, len(words), size)]
                without_part = without([set(part) for part in parts])[:, label]
                each = np.repeat(scores[label] - without_part, [len(part) for part in parts])
                chosen.append(_top(words, each, count))
        fall = scores[label] - without(chosen)[:, label]
        labels.append(label)
        falls.append(fall[0])
        random_falls.append(fall[1 : 1 + RANDOM_DRAWS].mean())
        if compared:
            left_out.append([fall[0], *fall[-2:], len(words)])
    ours, one, half, passes = np.mean(left_out, axis=0)
    return {
        "labels": _summary(np.array(labels), np.array(falls), np.array(random_falls)),
        "correlation_of_sum_and_margin": round(float(np.corrcoef(sums, margins)[0, 1]), 3),
        "leaving_out": {
            "texts": len(left_out),
            "mean_fall": round(float(ours), 3),
            "mean_fall_one_token_after_the_other": round(float(one), 3),
            "passes_one_token_after_the_other": round(float(passes), 1),
            "mean_fall_one_half_after_the_other": round(float(half), 3),
        },
    }


def _top(words: list[int], weights: Array, count: int) -> set[int]:
    return {words[i] for i in np.argsort(-weights, kind="stable")[:count]}


def _summary(labels: NDArray[Any], falls: Array, random_falls: Array) -> dict[str, Any]:
    def row(chosen: NDArray[Any]) -> dict[str, Any]:
        more = (falls - random_falls)[chosen]
        drawn = np.random.default_rng(0).choice(more, (RESAMPLES, len(more))).mean(1)
        return {
            "texts": int(chosen.sum()),
            "mean_fall": round(float(falls[chosen].mean()), 3),
            "mean_fall_at_random": round(float(random_falls[chosen].mean()), 3),
            "difference_interval": [round(float(x), 3) for x in np.percentile(drawn, [2.5, 97.5])],
            "texts_where_it_beats_random": round(float((more > 0).mean()), 3),
        }

    return {"all": row(labels >= 0)} | {str(name): row(labels == i) for i, name in enumerate(Label)}


def cost(folder: Path, texts: list[str], *, cascade: bool) -> dict[str, Any]:
    """Core time of labelling with reasons over that without, one thread; taking turns."""
    classifier = Classifier(folder, threads=1, cascade=cascade)
    seconds: dict[bool, list[float]] = {False: [], True: []}
    classifier.classify(texts, explain=True)
    for _ in range(ROUNDS):
        for explain, found in seconds.items():
            start = time.process_time()
            classifier.classify(texts, explain=explain)
            found.append(time.process_time() - start)
    of = "the cascade" if cascade else "the model alone"
    return {"of": of, "texts": len(texts), "times_plain": round(median(seconds[True]) / median(seconds[False]), 2)}


def form_precision(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """How often a form is found, and how often its messages have its label, or have it as their second."""
    found: dict[str, list[Row]] = {form.name: [] for form in FORMS}
    for row in rows:
        for form, _, _ in forms(clean(row.text, offsets=True)):
            found[form.name].append(row)
    return [
        {
            "form": form.name,
            "label": str(form.label),
            "messages": len(some := found[form.name]),
            "precision": _share([row.label == form.label for row in some]),
            "lenient_precision": _share([form.label in (row.label, row.second) for row in some]),
        }
        for form in FORMS
    ]


def _share(hits: list[bool]) -> float | None:
    """None of nothing."""
    return round(sum(hits) / len(hits), 3) if hits else None


def main(
    folder: Annotated[Path, typer.Argument()] = Path("models/sincerity-minilm-l6"),
    every: Annotated[int, typer.Option(min=1, help="Delete in every n-th message only.")] = 1,
    only_forms: Annotated[bool, typer.Option("--only-forms", help="Measure the forms anew, keep the rest.")] = False,
) -> None:
    rows = research_rows("dev")
    models: dict[str, Any] = {}
    if not only_forms:
        texts = [row.text for row in rows[::every]]
        model = Model(folder)
        models[model.config.name] = {
            **deletion_test(read_by_graph(model), [view for text in texts if (view := clean(text).text)]),
            "cost": cost(folder, [row.text for row in rows], cascade=False),
        }
        counted = [tier for tier in (model.config.cascade.tiers if model.config.cascade else ()) if not tier.model]
        if counted:
            classifier = Classifier(folder)
            first = classifier.models[0]
            answered = [text for text, one in zip(texts, classifier.classify(texts), strict=True) if one.model == first]
            ngrams = NGrams.read(folder / NGRAMS, len(model.config.labels), counted[0].step)
            models[first] = {
                **deletion_test(read_by_ngrams(ngrams), answered),
                "cost": cost(folder, [row.text for row in rows], cascade=True),
            }
    forms = {"dev": form_precision(rows), "train": form_precision(research_rows("train"))}
    path = RESULTS / "attribution.json"  # read at last: another model's run may have written to it
    known = json.loads(path.read_text("utf-8")) if path.is_file() else {"models": {}}
    result = known | {"models": known["models"] | models, "forms": forms}
    RESULTS.mkdir(exist_ok=True)
    path.write_text(json.dumps(result, indent=1) + "\n", "utf-8")
    typer.echo(json.dumps(result, indent=1))


if __name__ == "__main__":
    run(main)
