"""What a stream adds to its texts: accounts told apart, posting by the clock found, a million posts in one pass.

    python -m benchmarks.streams                    # everything, with the shipped model
    python -m benchmarks.streams evidence clocks    # parts of it; the others are accounts and scale

Writes benchmarks/results/streams.json. Needs SINCERITY_DATA and the bench extra.

Evidence: what `sincerity.context` was counted on. Clocks: 40 timelines whose posts name the program they were sent
with. Accounts: 600, half of them bots by their corpus's word, about 100 posts each; means of the text's probabilities,
with and without what the audit finds in the stream, go to the same small classifiers, judged by 5-fold
cross-validation over accounts; no shipped weight or parameter has seen them. Scale: invented posts, labelled by a
stand-in, so that time and memory are those of the audit.
"""

from __future__ import annotations

import gzip
import json
import os
import random
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.planted import NAMES, planted
from sincerity import Classifier, Post, Prediction
from sincerity.auditing import TYPICAL, Auditor, audited
from sincerity.context import REPEATED
from sincerity.integrity import manifest
from sincerity.labels import Label
from sincerity.templates import Templates
from sincerity.timing import LEAST_CLOCK, SIGNIFICANT, has_clock, parse_time, scheduled, timing

RESULTS = Path(__file__).parent / "results" / "streams.json"
CACHE = Path("build")
LABELS = tuple(map(str, Label))
FOLDS, RESAMPLES = 5, 2000
PUBLISHED_BEST = 0.96
LEAST_AUTHOR_POSTS = 30
MANY, AUTHORS = 1_000_000, 10_000

AUTOMATED_CLIENTS = frozenset(
    "anon-wikipedia|AudienseCo|Buffer|Commun.it|Flickr|FriendFeed|Google|GreenRope|HelloBox|HootSuite|Hootsuite|"
    "Hootsuite Inc.|IFTTT|Node RED|Nuzzel|Paper.li|SharedBy|SocialBee.io|Sprout Social|WordPress.com|Zapier.com|"
    "twitterfeed".split("|")
)
"""Programs that post on a schedule or on behalf of another service."""

Floats = NDArray[np.float64]


def read(name: str) -> list[dict[str, Any]]:
    with gzip.open(Path(os.environ["SINCERITY_DATA"]) / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


# accounts


def accounts() -> dict[str, Any]:
    """Accuracy on accounts, from texts alone and from text and stream."""
    rows = read("streams/accounts_bot_human")
    names = sorted({row["account"] for row in rows})
    author = np.array([names.index(row["account"]) for row in rows], np.int32)
    bot = {row["account"]: row["account_label"] == "bot" for row in rows}
    truth = np.array([bot[name] for name in names])
    classifier = Classifier.from_pretrained()
    text, stream = features(classifier, [row["text"] for row in rows], author)
    both = {**text, **stream}
    found = {
        f"{what}, {kind}": predicted(kind, np.stack(list(columns.values()), axis=1), truth)
        for what, columns in (("text", text), ("text and stream", both))
        for kind in ("logistic regression", "boosted trees")
    }
    right = {name: one == truth for name, one in found.items()}
    result: dict[str, Any] = {name: accuracy(one) for name, one in right.items()}
    for kind in ("logistic regression", "boosted trees"):
        result[f"gain, {kind}"] = accuracy(right[f"text and stream, {kind}"].astype(float) - right[f"text, {kind}"])
    for name in ("conversational", "conversational in context"):
        result[f"share of {name} alone"] = accuracy(predicted("threshold", both[name][:, None], truth) == truth)
    about = {"accounts": len(names), "posts": len(rows), "model": classifier.name, "published_best": PUBLISHED_BEST}
    return {**about, "columns": {"text": list(text), "stream": list(stream)}, "accuracy": result}


def features(
    classifier: Classifier, texts: Sequence[str], author: NDArray[np.int32]
) -> tuple[dict[str, Floats], dict[str, Floats]]:
    """Means over each account's posts: of what texts say alone, and of what the audit finds in the stream."""
    posts = [Post(author=str(number), text=text) for number, text in zip(author, texts, strict=True)]
    auditor = Auditor(Remembered(classifier, texts))  # type: ignore[arg-type]
    for _ in audited(posts, auditor):
        pass
    found = auditor.audit()
    by_author = sorted(found.authors, key=lambda one: int(one.author))
    counts = np.bincount(author)

    def mean(values: NDArray[Any]) -> Floats:
        return np.asarray(np.bincount(author, values) / counts)

    scores = found.messages.scores
    text = {label: mean(scores[:, i]) for i, label in enumerate(LABELS)}
    text["spread of conversational"] = np.sqrt(np.maximum(mean(scores[:, 0] ** 2) - mean(scores[:, 0]) ** 2, 0))
    text["uncertain"] = np.array([one.uncertain for one in by_author])
    stream = {f"{label} in context": np.array([one.in_context[label] for one in by_author]) for label in LABELS}
    for name in ("repeated", "shared", "addressed", "links", "reposts"):
        stream[name] = np.array([getattr(one, name) for one in by_author])
    stream["twice or more"] = mean(found.messages.repeats >= 2)
    for name in ("mean", "variation"):
        stream[f"length, {name}"] = np.array([getattr(one.length, name) for one in by_author])
    return text, stream


class Remembered:
    """A classifier that looks texts up in a file of its own answers, written the first time."""

    def __init__(self, classifier: Classifier, texts: Sequence[str]) -> None:
        self.name, self.labels, self.prior = classifier.name, classifier.labels, classifier.prior
        self.confusion, self.threshold = classifier.confusion, classifier.threshold
        version = sha256(manifest(classifier.folder).encode()).hexdigest()[:12]
        path = CACHE / f"scores-{classifier.name}-{version}.json"
        if not path.exists():
            path.parent.mkdir(exist_ok=True)
            distinct = sorted(set(texts), key=len)
            answers = zip(map(_key, distinct), classifier.stream(distinct), strict=True)
            rounded = {key: [[round(score, 4) for score in p.scores.values()], p.status] for key, p in answers}
            path.write_text(json.dumps(rounded), "utf-8")
        self._answers = json.loads(path.read_text("utf-8"))

    def classify(self, texts: Sequence[str]) -> list[Prediction]:
        return [self._prediction(*self._answers[_key(text)]) for text in texts]

    def _prediction(self, scores: list[float], status: str) -> Prediction:
        best = int(np.argmax(scores))
        return Prediction(
            label=self.labels[best], score=scores[best], scores=dict(zip(map(str, self.labels), scores, strict=True)),
            certain=status != "blank" and scores[best] >= self.threshold, model=self.name, status=status,  # type: ignore[arg-type]
        )  # fmt: skip


def _key(text: str) -> str:
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def predicted(kind: str, columns: Floats, truth: NDArray[np.bool_]) -> NDArray[np.float64]:
    """What a classifier says of each account that was trained on the other folds."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.tree import DecisionTreeClassifier

    model = {
        "logistic regression": lambda: make_pipeline(StandardScaler(), LogisticRegression()),
        "boosted trees": lambda: HistGradientBoostingClassifier(max_depth=3, random_state=0),
        "threshold": lambda: DecisionTreeClassifier(max_depth=1),
    }[kind]()
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=0)
    return np.asarray(cross_val_predict(model, columns, truth, cv=folds))


def accuracy(right: NDArray[Any]) -> dict[str, Any]:
    """Mean and 95 % interval over accounts drawn again."""
    rng = np.random.default_rng(0)
    means = rng.choice(np.asarray(right, np.float64), (RESAMPLES, len(right))).mean(1)
    low, high = np.percentile(means, [2.5, 97.5])
    return {"value": round(float(np.mean(right)), 4), "interval": [round(float(low), 4), round(float(high), 4)]}


# clocks


def clocks() -> dict[str, Any]:
    """How well the timing of what one program sent tells whether the program posts by itself."""
    from sklearn.metrics import roc_auc_score

    sent: dict[tuple[str, str], list[int]] = defaultdict(list)
    for row in read("streams/timelines_with_client"):
        sent[row["account"], row["client"]].append(parse_time(row["created_at"]))
    found = []
    for (_, client), seconds in sent.items():
        times = np.array(seconds)
        if has_clock(times).sum() >= LEAST_CLOCK:
            found.append((client in AUTOMATED_CLIENTS, timing(times)))
    automated = [one for one, _ in found]
    regular = [one.clock_p is not None and one.clock_p < SIGNIFICANT for _, one in found]
    return {
        "streams": len(found),
        "automated": sum(automated),
        "found": sum(a and r for a, r in zip(automated, regular, strict=True)),
        "false": sum(r and not a for a, r in zip(automated, regular, strict=True)),
        "area_clock_test": round(float(roc_auc_score(automated, [-(one.clock_p or 0.0) for _, one in found])), 3),
        "area_burstiness": round(float(roc_auc_score(automated, [-(one.burstiness or 0.0) for _, one in found])), 3),
        "posts": posts_by_the_clock(),
    }


def posts_by_the_clock() -> dict[str, Any]:
    """The same for single posts, in whole timelines, where people and programs take turns."""
    timelines: dict[str, list[tuple[int, bool]]] = defaultdict(list)
    for row in read("streams/timelines_with_client"):
        timelines[row["account"]].append((parse_time(row["created_at"]), row["client"] in AUTOMATED_CLIENTS))
    automated, on_the_clock = [], []
    for posts in timelines.values():
        times = np.array([when for when, _ in posts])
        kept = has_clock(times)
        automated += list(np.array([by_program for _, by_program in posts])[kept])
        on_the_clock += list(scheduled(times[kept]) >= 0.5)
    said = np.array(on_the_clock)
    true = np.array(automated)
    return {
        "posts": len(true),
        "automated": int(true.sum()),
        "on_the_clock": int(said.sum()),
        "precision": round(float(true[said].mean()), 3),
        "recall": round(float(said[true].mean()), 3),
    }


# evidence


def evidence() -> dict[str, Any]:
    """The shares in `sincerity.context`, counted on labelled messages among all others of their authors."""
    rows = [row for row in read("messages/unlabelled") if row["group"]]
    labelled = {row["id"]: row for row in (*read("messages/train"), *read("messages/dev")) if row["group"]}
    rows = [row for row in rows if row["id"] not in labelled] + list(labelled.values())
    first = len(rows) - len(labelled)
    templates = Templates()
    templates.add([row["text"] for row in rows], [row["group"] for row in rows])
    posts = Counter(row["group"] for row in rows)
    repeats = Counter[tuple[str, int]]()
    bins = np.searchsorted(REPEATED, templates.repeats()[first:], "right").tolist()
    for row, times in zip(rows[first:], bins, strict=True):
        if posts[row["group"]] >= LEAST_AUTHOR_POSTS:
            repeats[row["label"], times] += 1
    return {"repeats": _shares(repeats, len(REPEATED) + 1), "on_the_clock": _shares(_clock_counts(rows), 2)}


def _clock_counts(rows: Sequence[dict[str, Any]]) -> Counter[tuple[str, int]]:
    by_author: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        if row["created_at"]:
            by_author[row["group"]].append(row)
    counts = Counter[tuple[str, int]]()
    for posts in by_author.values():
        times = np.array([parse_time(str(row["created_at"])) for row in posts])
        kept = has_clock(times)
        if kept.sum() >= LEAST_CLOCK:
            regular = scheduled(times[kept]) >= 0.5
            labels = [row.get("label") for row, one in zip(posts, kept, strict=True) if one]
            counts.update((label, int(one)) for label, one in zip(labels, regular, strict=True) if label)
    return counts


def _shares(counts: Counter[tuple[str, int]], bins: int) -> dict[str, Any]:
    totals = {label: sum(counts[label, i] for i in range(bins)) for label in LABELS}
    return {
        label: {"messages": n, "shares": [round(counts[label, i] / n, 3) for i in range(bins)]}
        for label, n in totals.items()
    }


# scale


class StandIn:
    """Labels at random, at once: what is left is the audit's own work."""

    name, labels, prior, threshold = "stand-in", LABELS, (0.4, 0.3, 0.3), 0.5
    confusion = ((90, 5, 5), (5, 90, 5), (5, 5, 90))

    def classify(self, texts: Sequence[str]) -> list[Prediction]:
        rng = random.Random(len(texts))
        predictions = []
        for _ in texts:
            scores = (a := rng.random(), b := rng.random() * (1 - a), 1 - a - b)
            best = scores.index(max(scores))
            predictions.append(Prediction(
                label=LABELS[best], score=scores[best], scores=dict(zip(LABELS, scores, strict=True)), certain=True,
                model=self.name,
            ))  # fmt: skip
        return predictions


def invented(count: int) -> Iterator[Post]:
    """Posts of `AUTHORS` authors over three years: a tenth of planted families, the rest words in random order."""
    rng = random.Random(3)
    forms, _ = planted(100)
    words = [
        f"{a}{b}{c}" for a in "bcdfghklmnprst" for b in ("a", "e", "in", "or", "u") for c in (*NAMES, "ly", "ng", "st")
    ]
    for i in range(count):
        text = rng.choice(forms) if rng.random() < 0.1 else " ".join(rng.choices(words, k=rng.randint(5, 30)))
        yield Post(author=f"author{rng.randrange(AUTHORS)}", created_at=str(1_600_000_000 + 95 * i), text=text)


def scale(count: int) -> dict[str, Any]:
    """Seconds and memory of `count` posts; in a process of its own."""
    import resource

    auditor = Auditor(StandIn())  # type: ignore[arg-type]
    started = time.perf_counter()
    for _ in audited(invented(count), auditor):
        pass
    spent = time.perf_counter() - started
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.perf_counter()
    found = auditor.audit()
    return {
        "posts": len(auditor),
        "authors": len(found.authors),
        "seconds_to_read": round(spent),
        "seconds_to_tell": round(time.perf_counter() - started),
        "megabytes": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3),
        "megabytes_while_reading": round(before / 1e3),
        "bytes_a_post": auditor.rows.itemsize,
        "posts_kept_an_author": 3 * TYPICAL,
    }


def scales() -> list[dict[str, Any]]:
    found = []
    for count in (MANY // 4, MANY):
        command = [sys.executable, "-m", "benchmarks.streams", "fill", str(count)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        found.append(json.loads(done.stdout))
    return found


PARTS = {"evidence": evidence, "clocks": clocks, "accounts": accounts, "scale": scales}


def main() -> None:
    if sys.argv[1:2] == ["fill"]:
        print(json.dumps(scale(int(sys.argv[2]))))
        return
    for name in sys.argv[1:] or PARTS:
        found = PARTS[name]()
        result = json.loads(RESULTS.read_text("utf-8")) if RESULTS.exists() else {}
        result[name] = found
        print(name, json.dumps(result[name], indent=2), flush=True)
        RESULTS.write_text(
            json.dumps({part: result[part] for part in PARTS if part in result}, indent=2) + "\n", "utf-8"
        )


if __name__ == "__main__":
    main()
