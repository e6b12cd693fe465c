"""Does the graph's second output say what moved the model? Deletion test on the research data's dev messages.

    python -m benchmarks.attribution models/sincerity-minilm-l6

Deletes the fifth of a text's tokens that pushed most toward its label, and ten random fifths, and compares how far the
label's probability falls (comprehensiveness, DeYoung et al., ACL 2020). Cues and special tokens are left in place.
Writes benchmarks/results/attribution.json. Needs SINCERITY_DATA.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import onnxruntime as ort
import typer
from numpy.typing import NDArray
from tokenizers import Tokenizer

from sincerity.cleaning import CUES, clean
from sincerity.labels import Label
from sincerity.model import ModelConfig
from training.command import run
from training.corpus import research_rows

RESULTS = Path(__file__).parent / "results"
SHARE, RANDOM_DRAWS, LEAST_TOKENS = 0.2, 10, 10


class Explainer:
    """The two outputs of a model folder's graph, for sequences of token ids."""

    def __init__(self, folder: Path) -> None:
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.tokenizer.no_padding()
        self.tokenizer.enable_truncation(ModelConfig.read(folder).max_length)
        self.session = ort.InferenceSession(folder / "onnx" / "model_quantized.onnx")

    def run(self, sequences: list[list[int]]) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
        """Logits, probabilities (both texts, labels) and attributions (texts, tokens, labels)."""
        ids = np.zeros((len(sequences), max(map(len, sequences))), np.int64)
        mask = np.zeros_like(ids)
        for row, sequence in enumerate(sequences):
            ids[row, : len(sequence)] = sequence
            mask[row, : len(sequence)] = 1
        feed = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        logits, attributions = self.session.run(["logits", "attributions"], feed)
        exp = np.exp(logits - logits.max(1, keepdims=True))
        return logits, exp / exp.sum(1, keepdims=True), attributions


def margin(values: NDArray[Any], label: int) -> NDArray[Any]:
    """How far `label` lies above the mean of the others, along the last axis."""
    return np.asarray(values[..., label] - np.delete(values, label, axis=-1).mean(-1))


def deletion_test(explainer: Explainer, texts: list[str]) -> dict[str, Any]:
    """Fall of the label's probability per text, by the attribution and at random."""
    rng = np.random.default_rng(0)
    fixed = {explainer.tokenizer.token_to_id(token) for token in (*CUES, "[CLS]", "[SEP]")}
    sums, margins, labels, falls, random_falls = [], [], [], [], []
    for text in texts:
        ids = explainer.tokenizer.encode(text).ids
        logits, probabilities, attributions = explainer.run([ids])
        label = int(probabilities[0].argmax())
        weights = margin(attributions[0], label)
        sums.append(weights.sum())
        margins.append(margin(logits[0], label))
        words = [i for i, token in enumerate(ids) if token not in fixed]
        if len(words) < LEAST_TOKENS:
            continue
        count = round(SHARE * len(words))
        top = sorted(words, key=lambda i: -weights[i])[:count]
        deleted = [set(top), *(set(rng.choice(words, count, replace=False).tolist()) for _ in range(RANDOM_DRAWS))]
        left = [[token for i, token in enumerate(ids) if i not in out] for out in deleted]
        fall = probabilities[0, label] - explainer.run(left)[1][:, label]
        labels.append(label)
        falls.append(fall[0])
        random_falls.append(fall[1:].mean())
    return _summary(np.array(labels), np.array(falls), np.array(random_falls)) | {
        "correlation_of_sum_and_margin": round(float(np.corrcoef(sums, margins)[0, 1]), 3)
    }


def _summary(labels: NDArray[Any], falls: NDArray[Any], random_falls: NDArray[Any]) -> dict[str, Any]:
    def row(chosen: NDArray[Any]) -> dict[str, Any]:
        return {
            "texts": int(chosen.sum()),
            "mean_fall": round(float(falls[chosen].mean()), 3),
            "mean_fall_at_random": round(float(random_falls[chosen].mean()), 3),
            "texts_where_it_beats_random": round(float((falls > random_falls)[chosen].mean()), 3),
        }

    return {"all": row(labels >= 0)} | {str(name): row(labels == i) for i, name in enumerate(Label)}


def main(folder: Annotated[Path, typer.Argument()] = Path("models/sincerity-minilm-l6")) -> None:
    texts = [text for row in research_rows("dev") if (text := clean(row.text).text)]
    result = deletion_test(Explainer(folder), texts)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "attribution.json").write_text(json.dumps(result, indent=1) + "\n", "utf-8")
    typer.echo(json.dumps(result, indent=1))


if __name__ == "__main__":
    run(main)
