"""A model folder → a repository on the Hugging Face Hub.

    python -m training.publish models/sincerity-minilm-l6 org/name --tag v1
    python -m training.publish models/sincerity-minilm-l6 org/name --dataset org/data

Uploads what belongs to a model and nothing else: what inference reads and its manifest, the card, and the weights for
transformers, `model.safetensors`. Where the folder has none, as in a checkout, they are rebuilt from the graph with the
train extra; --no-weights does without them. The figures of `training.score` go into the card's
metadata, and those of our own texts, with the name of their data on the Hub, into `.eval_results`. Prints the pin, the
hash of the commit. The token is the Hub client's: HF_TOKEN, or `hf auth login`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer
from huggingface_hub import EvalResult, EvalResultEntry, ModelCard, ModelCardData, eval_result_entries_to_yaml
from huggingface_hub.utils import disable_progress_bars, yaml_dump  # type: ignore[attr-defined]

from sincerity import Classifier
from sincerity.errors import ModelError
from sincerity.hub import upload
from sincerity.integrity import WEIGHTS, verify
from training.command import run

OWN_TEXTS = "own test texts"
"""The scores whose texts are published, in data/."""
METRICS = {"macro_f1": ("f1", "Macro-F1"), "accuracy": ("accuracy", "Accuracy"), "log_loss": ("log_loss", "Log-loss")}
"""Of our results: the type by which the Hub knows them, and their names."""


def publish(
    folder: Path, name: str, *, tag: str | None, private: bool, dataset: str | None, weights: bool = True
) -> str:
    """Publish a model folder as `org/name`; returns the hash of the commit."""
    results = _results(folder)
    with TemporaryDirectory() as part:
        staged = Path(part)
        Classifier(folder).save_pretrained(staged)
        if not weights:
            (staged / WEIGHTS).unlink(missing_ok=True)
        elif not (staged / WEIGHTS).is_file():
            _rebuild(folder, staged)
        (staged / "README.md").write_text(_card(folder, name, results), "utf-8")
        if dataset and OWN_TEXTS in results["scores"]:
            entries = _entries(dataset, results["scores"][OWN_TEXTS])
            (staged / ".eval_results").mkdir()
            (staged / ".eval_results" / "sincerity.yaml").write_text(entries, "utf-8")
        return upload(staged, name, private=private, tag=tag, message=f"Publish {results['name']}")


def _rebuild(folder: Path, staged: Path) -> None:
    """Add the weights that the folder lacks."""
    try:
        from training.rebuild import rebuild
    except ImportError as error:
        raise ModelError(
            f"{folder} has no {WEIGHTS}, and {error.name}, which it takes to make one of the graph, is not installed. "
            "Install the train extra, or publish for sincerity and transformers.js alone: --no-weights."
        ) from error
    rebuild(folder, staged)
    verify(staged)


def _results(folder: Path) -> dict[str, Any]:
    path = folder / "results.json"
    if not path.is_file():
        raise ModelError(
            f"{path} is missing. Expected: what training.score writes. Run python -m training.score first."
        )
    results: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return results


def _card(folder: Path, name: str, results: dict[str, Any]) -> str:
    """The folder's card as its readers on the Hub need it: figures in the metadata, the model by its name there."""
    path = folder / "README.md"
    text = path.read_text("utf-8") if path.is_file() else f"# {results['name']}\n"
    for written in (results["name"], str(folder)):
        text = text.replace(f'from_pretrained("{written}")', f'from_pretrained("{name}")')
    card = ModelCard(text, ignore_metadata_errors=True)
    figures = [
        EvalResult(
            task_type="text-classification", dataset_type=scored.replace(" ", "-"), dataset_name=scored,
            dataset_split="test", metric_type=kind, metric_name=shown, metric_value=scores[metric],
        )
        for scored, scores in results["scores"].items()
        for metric, (kind, shown) in METRICS.items()
    ]  # fmt: skip
    added = {"pipeline_tag": "text-classification", "model_name": results["name"], "eval_results": figures}
    card.data = ModelCardData(**{**card.data.to_dict(), **added})
    return str(card)


def _entries(dataset: str, scores: dict[str, Any]) -> str:
    """The same figures in the form that took the place of the metadata's."""
    entries = [
        EvalResultEntry(dataset_id=dataset, task_id=metric, value=scores[metric], notes=f"{scores['rows']} texts")
        for metric in METRICS
    ]
    return yaml_dump(eval_result_entries_to_yaml(entries))


def main(
    folder: Annotated[Path, typer.Argument(help="A model folder with its results.")],
    name: Annotated[str, typer.Argument(help="Its name on the Hub, org/name.")],
    tag: Annotated[str | None, typer.Option(help="A name for the commit, such as v1.")] = None,
    private: Annotated[bool, typer.Option("--private", help="Only for those who may.")] = False,
    dataset: Annotated[str | None, typer.Option(help="Where data/ is on the Hub, org/data.")] = None,
    weights: Annotated[bool, typer.Option(help="With model.safetensors, for transformers.")] = True,
) -> None:
    if not sys.stderr.isatty():
        disable_progress_bars()
    sha = publish(folder, name, tag=tag, private=private, dataset=dataset, weights=weights)
    typer.echo(f'Classifier.from_pretrained("{name}", revision="{sha}")')


if __name__ == "__main__":
    run(main)
