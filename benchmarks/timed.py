"""One measurement of speed in a process of its own; prints one JSON object. Linux only.

    python -m benchmarks.timed default --order given

`benchmarks.speed` starts it. The process is left as many cores as it is given threads, nothing is warm but the disk's
cache, no result is cached, and every text is read once after a first few.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from itertools import cycle, islice
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from benchmarks.measure import peak_megabytes, restrict

FOLDER = Path("build/speed")
TEXTS = "texts.json"
PIPELINE_BATCH, EVERY = 32, 20
"""The pipeline is timed on every twentieth of its batches; in order of length these are as mixed as all of them."""
ACCURATE_TEXTS = 2000
SINGLE_TEXTS = 300
LABEL_TEXTS = 5000
WARM = 256
STAGE_TEXTS = 500
SECONDS = 1.5
SYSTEMS = ("pipeline", "default", "accurate", "middle", "fast", "ngrams")


def texts_of(order: str) -> list[str]:
    """The texts as they are, or by their length."""
    texts: list[str] = json.loads((FOLDER / TEXTS).read_text("utf-8"))
    return sorted(texts, key=len) if order == "sorted" else texts


def system(name: str, threads: int) -> Any:
    """The model behind a name, as texts → predictions."""
    return _classifier(name, threads).classify


def _classifier(name: str, threads: int) -> Any:
    from sincerity import Classifier

    folders: dict[str, str] = json.loads((FOLDER / "folders.json").read_text("utf-8"))
    if name == "ngrams":
        return Classifier(_eager(Path(folders["default"])), threads=threads)
    return Classifier(folders.get(name, folders["default"]), threads=threads, cascade=name == "default")


def _eager(folder: Path) -> Path:
    """A copy of the folder whose n-grams answer all that they judge."""
    copy = FOLDER / "eager"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(folder, copy, ignore=shutil.ignore_patterns("SHA256SUMS", "*.png", "*.safetensors", "model.onnx"))
    config = json.loads((copy / "config.json").read_text("utf-8"))
    tier = next(tier for tier in config["sincerity"]["cascade"]["tiers"] if "ngrams" in tier)
    config["sincerity"]["cascade"]["tiers"] = [tier | {"margins": [0] * len(tier["margins"])}]
    (copy / "config.json").write_text(json.dumps(config), "utf-8")
    return copy


def batch(name: str, order: str, threads: int) -> dict[str, Any]:
    """Texts a second over all texts, or a part of them where that takes long, and the most memory held."""
    if name == "pipeline":
        return pipeline(order)
    texts = texts_of(order)
    if name == "accurate":
        texts = texts[:: max(1, len(texts) // ACCURATE_TEXTS)]
    if name == "ngrams":  # those that are too long for it would be answered by the graph
        texts = [text for text, judged in zip(texts, _judged(texts), strict=True) if judged]
    classify = system(name, threads)
    classify(texts[:WARM])
    return rates(classify, texts)


def rates(classify: Callable[[Any], object], texts: Sequence[str]) -> dict[str, Any]:
    """Texts a second, core milliseconds a text (which other work on the machine hardly changes), and memory."""
    computing = time.process_time()
    seconds = timed(classify, texts)
    core = time.process_time() - computing
    return {
        "texts": len(texts),
        "texts_per_second": len(texts) / seconds,
        "core_milliseconds": 1000 * core / len(texts),
        "megabytes": round(peak_megabytes(), 1),
    }


def _judged(texts: Sequence[str]) -> list[bool]:
    from sincerity.ngrams import NGrams

    folder = Path(json.loads((FOLDER / "folders.json").read_text("utf-8"))["default"])
    labels = len(json.loads((folder / "config.json").read_text("utf-8"))["id2label"])
    return [
        bool(score == score) for score in NGrams.read(folder / "ngrams.npy", labels, 1.0).probabilities(texts)[:, 0]
    ]


def pipeline(order: str) -> dict[str, Any]:
    """transformers.pipeline with the accurate model in torch and float; texts are cleaned before the clock starts."""
    import transformers

    from sincerity.cleaning import clean
    from sincerity.spelling import respelt
    from training.rebuild import torch_model

    folder = Path(json.loads((FOLDER / "folders.json").read_text("utf-8"))["default"])
    transformers.logging.set_verbosity_error()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    classify = transformers.pipeline("text-classification", model=torch_model(folder), tokenizer=tokenizer, top_k=None)
    views = [respelt(clean(text)).text for text in texts_of(order)]
    batches = [views[at : at + PIPELINE_BATCH] for at in range(0, len(views), PIPELINE_BATCH)][::EVERY]
    label = lambda texts: classify(texts, batch_size=PIPELINE_BATCH, truncation=True)  # noqa: E731
    label(batches[len(batches) // 2])
    texts = [text for one in batches for text in one]
    return rates(label, texts)


def single(name: str, threads: int) -> dict[str, Any]:
    """Milliseconds of one text after the other: median and the time that 95 of 100 keep to."""
    texts = texts_of("given")[: WARM + SINGLE_TEXTS]
    classify = system(name, threads)
    classify(texts[:WARM])
    took = [1000 * timed(classify, text) for text in texts[WARM:]]
    return {"median": round(median(took), 3), "within_95": round(quantiles(took, n=20)[-1], 3)}


def growth(name: str, count: int, threads: int) -> dict[str, Any]:
    """Texts a second of `count` texts that come as a stream, and the most memory held; they repeat after a while."""
    texts = texts_of("given")
    if name == "ngrams":
        texts = [text for text, judged in zip(texts, _judged(texts), strict=True) if judged]
    stream = _classifier(name, threads).stream
    seconds = timed(lambda some: sum(1 for _ in stream(some)), islice(cycle(texts), count))
    return {"texts": count, "texts_per_second": count / seconds, "megabytes": round(peak_megabytes(), 1)}


def length(name: str, characters: int, threads: int) -> dict[str, Any]:
    """Texts a second where each text has so many characters: those of the pool, end to end, cut anew."""
    joined = " ".join(texts_of("given"))
    texts = [joined[at : at + characters] for at in range(0, len(joined) - characters, characters)]
    classify = system(name, threads)
    few = WARM // 8
    took = timed(classify, texts[:few])
    some = list(islice(cycle(texts[few:]), max(few, min(20_000, int(SECONDS * few / took)))))
    return {"characters": characters, "texts": len(some), "texts_per_second": len(some) / timed(classify, some)}


def labels(name: str, threads: int) -> dict[str, Any]:
    """The labels of `LABEL_TEXTS` texts, as digits, and who gave them."""
    predictions = system(name, threads)(texts_of("given")[:LABEL_TEXTS])
    order = list(predictions[0].scores)
    digits = "".join(str(order.index(str(prediction.label))) for prediction in predictions)
    names = sorted({prediction.model for prediction in predictions})
    return {"labels": digits, "answered": {n: sum(p.model == n for p in predictions) for n in names}}


def start(name: str, threads: int) -> dict[str, Any]:
    """Nothing but the first label: the time is that of the process."""
    text = "See you at eight, bring the cake!"
    if name == "libraries":
        import numpy
        import onnxruntime
        import tokenizers

        return {"imported": [numpy.__name__, onnxruntime.__name__, tokenizers.__name__]}
    return {"label": str(system(name, threads)(text).label)}


def stages(threads: int) -> dict[str, Any]:
    """Microseconds of a text in each stage, in one thread, and what the arithmetic of a graph needs at least."""
    from benchmarks.stages import ROUNDS, measure_stages

    folders = json.loads((FOLDER / "folders.json").read_text("utf-8"))
    texts = texts_of("given")[: (ROUNDS + 1) * STAGE_TEXTS]
    return measure_stages(texts, {name: Path(path) for name, path in folders.items()})


def timed(work: Callable[[Any], object], texts: Sequence[str] | Any) -> float:
    started = time.perf_counter()
    work(texts)
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=(*SYSTEMS, "libraries"))
    parser.add_argument(
        "--what", default="batch", choices=("batch", "single", "growth", "length", "labels", "start", "stages")
    )
    parser.add_argument("--order", default="given", choices=("given", "sorted"))
    parser.add_argument("--count", type=int, default=1000, help="texts, or characters of a text")
    parser.add_argument("--threads", type=int, default=2, help="cores and threads")
    options = parser.parse_args()
    restrict(options.threads)
    threads = len(os.sched_getaffinity(0))
    measure: dict[str, Callable[[], dict[str, Any]]] = {
        "batch": lambda: batch(options.name, options.order, threads),
        "single": lambda: single(options.name, threads),
        "growth": lambda: growth(options.name, options.count, threads),
        "length": lambda: length(options.name, options.count, threads),
        "labels": lambda: labels(options.name, threads),
        "stages": lambda: stages(threads),
        "start": lambda: start(options.name, threads),
    }
    sys.stdout.write(json.dumps(measure[options.what]()) + "\n")


if __name__ == "__main__":
    main()
