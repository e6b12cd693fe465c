"""Write `sincerity/language.bin` and `english.txt`: what speaks against English, and words that speak for it.

    pip install --no-deps homeassistant==2024.3.3 chatterbot-corpus==1.3.3 django==5.2.19 stopwordsiso==0.7.1
    python -m training.language

A logistic regression of English against everything else in Latin script. English are the research texts (without the
validation split) and the English originals of the others; the rest is what packages hold in many languages: the
translations of Home Assistant (Apache-2.0) and Django (BSD), the conversations of chatterbot-corpus (BSD), and random
rows of function words from stopwords-iso (MIT). The threshold is set on the validation split, of which it may call
`FALSE_ALARMS` foreign. Needs SINCERITY_DATA.
"""

from __future__ import annotations

import json
import random
import re
import struct
from collections import Counter
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import typer
from numpy.typing import NDArray
from scipy.sparse import csr_array
from sklearn.linear_model import LogisticRegression

from sincerity.language import BUCKETS, PADDING, buckets, folded, letters, margins
from training.command import run
from training.corpus import CorpusError, in_validation, pool_texts, training_rows

OUT = Path(__file__).parents[1] / "sincerity"
FALSE_ALARMS = 0.001
WORDS = 4000
"""Of so many of the most frequent English words, those that are English only are kept."""
ALSO_ELSEWHERE = frozenset(
    "the and you that with this for your have what just about from they are was were would could should been their "
    "there when who how why which our his she it's i'm i've don't can't my of is if but because".split()
)
"""English function words that some list of another language holds by mistake or as a rare word."""
BLANKS = np.unique(buckets(PADDING))
"""Runs without a letter, which say nothing."""
MOST = 4000
"""Texts kept of a language and package."""
NOT_LATIN = set("ar be bg bn ckb el fa gu he hi hy ja ka kk km kn ko ky mk ml mn mr my ne os pa ru sr ta te tg th "
                "udm ug uk ur zh".split())  # fmt: skip
CHATTERBOT = ("dutch", "french", "german", "hinglish", "indonesian", "italian", "portuguese", "spanish", "swedish",
              "turkish", "yoruba")  # fmt: skip
_SLOT = re.compile(r"\{[^{}]*\}|\[%key[^\]]*\]|%\(?\w*\)?[sd]|<[^>]*>|https?:\S+|`[^`]*`")


def package(name: str) -> Path:
    """The folder of an installed package, which is not imported."""
    if (spec := find_spec(name)) is None or not spec.submodule_search_locations:
        raise CorpusError(f"The package {name} is not installed. Install what the head of training/language.py names.")
    return Path(spec.submodule_search_locations[0])


def home_assistant() -> Iterator[tuple[str, str]]:
    for path in sorted(package("homeassistant").glob("components/*/translations/*.json")):
        if "." not in path.stem:
            yield from ((path.stem.split("-")[0], leaf) for leaf in _leaves(json.loads(path.read_text("utf-8"))))


def django() -> Iterator[tuple[str, str]]:
    for path in sorted(package("django").glob("**/locale/*/LC_MESSAGES/django.po")):
        blocks = re.findall(r'^msgstr(?:\[\d\])? ((?:".*"\n?)+)', path.read_text("utf-8"), re.MULTILINE)
        for block in blocks[1:]:
            yield path.parts[-3].split("_")[0], "".join(re.findall(r'"(.*)"', block)).replace("\\n", " ")


def chatterbot() -> Iterator[tuple[str, str]]:
    folder = package("chatterbot_corpus") / "data"
    for language in ("english", *CHATTERBOT):
        for path in sorted((folder / language).glob("*.yml")):
            for line in re.findall(r"^\s*-(?: -)? (.+)", path.read_text("utf-8"), re.MULTILINE):
                yield "en" if language == "english" else language, line.strip("'\"")


def function_words(seed: random.Random) -> Iterator[tuple[str, str]]:
    """Rows of four to twelve function words; without meaning, but spelled like the language."""
    lists: dict[str, list[str]] = json.loads((package("stopwordsiso") / "stopwords-iso.json").read_text("utf-8"))
    english = set(lists["en"])
    for language, words in lists.items():
        own = [word for word in words if word not in english]
        if language != "en" and own:
            yield from ((language, " ".join(seed.choices(own, k=seed.randint(4, 12)))) for _ in range(600))


def corpus() -> tuple[list[str], list[str]]:
    """English texts and others, folded; beside each, a piece of it, as short ones are harder."""
    seed = random.Random(0)
    by_language: dict[str, list[str]] = {}
    for source in (home_assistant(), django(), chatterbot(), function_words(seed)):
        texts: dict[str, dict[str, None]] = {}
        for language, text in source:
            if language not in NOT_LATIN and text.count(" ") > 1:
                texts.setdefault(language, {})[_SLOT.sub(" ", text)] = None
        for language, unique in texts.items():
            kept = list(unique)
            seed.shuffle(kept)
            by_language.setdefault(language, []).extend(kept[:MOST])
    english = by_language.pop("en")
    english += [row.text for row in training_rows() if not in_validation(row.group)] + pool_texts(60_000)
    others = [text for texts in by_language.values() for text in texts]
    typer.echo(f"{len(english)} English texts, {len(others)} in {len(by_language)} others")
    sides = [[folded(text) for text in side] for side in (english, others)]
    return sides[0] + [piece(text, seed) for text in sides[0]], sides[1] + [piece(text, seed) for text in sides[1]]


def piece(text: str, seed: random.Random) -> str:
    """Three to six words of a text that stand together."""
    words = text.split()
    start = seed.randint(0, max(0, len(words) - 4))
    return " ".join(words[start : start + seed.randint(3, 6)])


def english_words(english: Sequence[str], others: Sequence[str]) -> list[str]:
    """Words that are common in English and at least 20 times as frequent there as elsewhere, and no function words."""
    lists: dict[str, list[str]] = json.loads((package("stopwordsiso") / "stopwords-iso.json").read_text("utf-8"))
    elsewhere = {word for language, words in lists.items() if language != "en" for word in words}
    counts, rest = (Counter(word for text in side for word in set(text.lower().split())) for side in (english, others))
    return sorted(
        word
        for word, count in counts.most_common(WORDS)
        if re.fullmatch(r"[a-z]+(?:'[a-z]+)?", word)
        and (word not in elsewhere or word in ALSO_ELSEWHERE)
        and count / len(english) > 20 * rest[word] / len(others)
    )


def features(texts: Sequence[str]) -> csr_array:
    plain = [letters(text) for text in texts]
    rows = [buckets(PADDING + text + PADDING).ravel() for text in plain]
    rows = [row[~np.isin(row, BLANKS)] for row in rows]
    ends = np.cumsum([0, *map(len, rows)])
    values = np.concatenate(
        [np.full(len(row), max(len(text), 1) ** -0.5, np.float32) for row, text in zip(rows, plain, strict=True)]
    )
    return csr_array((values, np.concatenate(rows), ends), shape=(len(rows), BUCKETS))


def fit(english: Sequence[str], others: Sequence[str]) -> tuple[NDArray[np.float64], float]:
    """Weights and intercept; both sides count alike."""
    x = features([*english, *others])
    y = np.repeat([0, 1], [len(english), len(others)])
    model = LogisticRegression(C=5.0, class_weight="balanced", max_iter=60, tol=1e-3).fit(x, y)
    return model.coef_[0], float(model.intercept_[0])


def _leaves(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for child in value.values():
            yield from _leaves(child)
    elif isinstance(value, str):
        yield value


def main() -> None:
    english, others = corpus()
    weights, bias = fit(english, others)
    weights[BLANKS] = 0
    scale = float(np.quantile(np.abs(weights[weights != 0]), 0.9995)) / 127
    small = np.clip(np.round(weights / scale), -127, 127).astype(np.int8)
    (OUT / "english.txt").write_text("\n".join(english_words(english, others)) + "\n", "utf-8")
    (OUT / "language.bin").write_bytes(struct.pack("<2f", scale, bias) + small.tobytes())
    held_out = [row.text for row in training_rows() if in_validation(row.group)]
    threshold = float(np.sort(margins(held_out))[-1 - int(FALSE_ALARMS * len(held_out))])
    (OUT / "language.bin").write_bytes(struct.pack("<2f", scale, bias - threshold) + small.tobytes())
    typer.echo(f"{OUT / 'language.bin'}: threshold {threshold:.2f}")


if __name__ == "__main__":
    run(main)
