"""How easily is the classifier fooled, and whom is it unfair to? Labels of dev messages before and after small changes.

    python -m benchmarks.robustness models/sincerity-minilm-l6
    python -m benchmarks.robustness models/sincerity-minilm-l3 --only-fairness

Each change is made once to every dev message that it applies to, at random places under a fixed seed, and the share of
labels that flip is counted. `data/pairs/speech.jsonl` has conversation twice, in standard English and in a dialect, a
learner's English, another spelling; `data/pairs/forms.jsonl` has forms of automatic messages and paraphrases that keep
the form. Writes benchmarks/results/robustness.json, and whom it is unfair to into the model's results.json, for its
card. Needs SINCERITY_DATA.
"""

from __future__ import annotations

import json
import random
import re
import string
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from sincerity import Classifier, Label, Prediction
from sincerity.cleaning import _fold_character, _lookalikes
from training.command import run
from training.corpus import read_jsonl, research_rows

RESULTS = Path(__file__).parent / "results"
PAIRS = Path(__file__).parents[1] / "data" / "pairs"
SUFFIX = " 50 % off, use code {code} at https://{shop}.example/{path}"
LEAST_ROWS = 10
"""Conversation of a source, below which the source is not listed."""

INVISIBLE = "\u200b\u200c\u200d\u2060\ufeff\u00ad\u200e\u202e\u2066\U000e0041\ufe0f\u180e\u3164"
WIDE = {
    "a": "ɑαᥲꭤⲁ", "b": "Ьƅხҍ", "c": "сϲᥴᑕ", "d": "ԁժძ", "e": "еҽҿɘ", "f": "ϝғ", "g": "ɡցǥ", "h": "һհɦ",
    "i": "іӏɩ", "j": "јʝ", "k": "кκҟ", "l": "ӏⅼɭ", "m": "мɱ", "n": "ոпɳ", "o": "οօסە", "p": "рρᑭ",
    "q": "ԛգ", "r": "гᴦɾ", "s": "ѕʂ", "t": "τтƭ", "u": "սυʋ", "v": "ѵνט", "w": "ԝωɯ", "x": "хӿ",
    "y": "уүʏ", "z": "ʐʑ", "A": "ΑАᗩ", "B": "ΒВᛒ", "C": "СϹᑕ", "E": "ΕЕꗋ", "H": "ΗНӇ", "I": "ΙІ",
    "K": "ΚКҞ", "M": "ΜМӍ", "N": "ΝИ", "O": "ΟОө", "P": "ΡРƤ", "R": "ЯᚱƦ", "S": "Ѕട", "T": "ΤТҬ",
    "X": "ΧХӾ", "Y": "ΥҮ¥",
}  # fmt: skip
"""Letters that pass for Latin ones; some are in the clean-up's own table, some are not."""

HELD_OUT = "look-alikes of a half of the table that is taken out of it, {} % of letters"

Change = Callable[[str, random.Random], str]


def invisible(text: str, rng: random.Random) -> str:
    for _ in range(rng.randint(1, 5)):
        place = rng.randint(0, len(text))
        text = text[:place] + rng.choice(INVISIBLE) + text[place:]
    return text


def shifted(text: str, rng: random.Random, upper: int, lower: int) -> str:
    """ASCII letters in another of Unicode's alphabets."""
    alphabet = {**{ord(c): upper + i for i, c in enumerate(string.ascii_uppercase)},
                **{ord(c): lower + i for i, c in enumerate(string.ascii_lowercase)}}  # fmt: skip
    return _outside_links(text, lambda part: part.translate(alphabet))


def disguised(text: str, rng: random.Random, share: float, table: dict[str, str]) -> str:
    def some(part: str) -> str:
        return "".join(rng.choice(table[c]) if c in table and rng.random() < share else c for c in part)

    return _outside_links(text, some)


def _outside_links(text: str, change: Callable[[str], str]) -> str:
    """A changed link is no link any longer; nobody disguises those."""
    return "".join(part if i % 2 else change(part) for i, part in enumerate(re.split(r"(https?:\S+|@\w+)", text)))


def own_table() -> dict[str, str]:
    """Latin letter → what the clean-up folds to it."""
    found: dict[str, str] = defaultdict(str)
    for source, latin in _lookalikes().items():
        found[latin] += chr(source)
    return found


def outside_table() -> dict[str, str]:
    """Latin letter → those of `WIDE` that no table of the clean-up or of Unicode takes back to it."""
    known = _lookalikes()
    left = {latin: "".join(c for c in others if ord(c) not in known and _fold_character(c) == c)
            for latin, others in WIDE.items()}  # fmt: skip
    return {latin: others for latin, others in left.items() if others}


def half_table() -> dict[str, str]:
    """Latin letter → half of its look-alikes in the clean-up's own table, at random."""
    rng = random.Random(0)
    return {
        latin: "".join(sorted(rng.sample(sorted(others), (len(others) + 1) // 2)))
        for latin, others in sorted(own_table().items())
    }


@contextmanager
def without(table: dict[str, str]) -> Iterator[None]:
    """The clean-up as if its table lacked these look-alikes."""
    known, codes = _lookalikes(), {ord(char) for others in table.values() for char in others}
    left_out = {code: known.pop(code) for code in codes}
    try:
        yield
    finally:
        known.update(left_out)


def other_names(text: str, rng: random.Random) -> str:
    names = ("anna_k", "Bob1987", "TheRealDeal", "xX_joe_Xx", "mary", "dailyherald")
    return re.sub(r"@\w+", lambda _: f"@{rng.choice(names)}", text)


def other_links(text: str, rng: random.Random) -> str:
    def link(_: re.Match[str]) -> str:
        short = "".join(rng.choices(string.ascii_letters + string.digits, k=8))
        return rng.choice(
            (f"http://t.co/{short}", f"https://www.site.example/a/{short}?id=3", f"http://bit.ly/{short}")
        )

    return re.sub(r"https?://\S+", link, text)


def other_numbers(text: str, rng: random.Random) -> str:
    """Digits for digits, outside of links and names."""
    return _outside_links(text, lambda part: re.sub(r"\d", lambda _: rng.choice(string.digits), part))


def trailing(text: str, rng: random.Random) -> str:
    """Another full stop, exclamation mark or nothing at the end; a question stays a question."""
    bare = re.sub(r"[.!\u2026]+\s*$", "", text)
    if not bare or re.search(r"[?\W]$|https?:\S+$", bare):
        return text
    return rng.choice([bare + end for end in ("", ".", "!", "...") if bare + end != text.rstrip()])


def typos(text: str, rng: random.Random) -> str:
    """One for every ten words, in words of four letters or more."""
    words = text.split(" ")
    places = [i for i, word in enumerate(words) if len(word) > 3 and word.isascii() and word.isalpha()]
    count = len(words) // 10 + (rng.random() < len(words) % 10 / 10)
    for i in rng.sample(places, min(len(places), count)):
        word, k = words[i], rng.randrange(1, len(words[i]) - 1)
        words[i] = rng.choice((
            word[:k] + word[k + 1] + word[k] + word[k + 2 :], word[:k] + word[k + 1 :], word[: k + 1] + word[k:],
            word[:k] + rng.choice(string.ascii_lowercase) + word[k + 1 :],
        ))  # fmt: skip
    return " ".join(words)


CHANGES: dict[str, tuple[Change, float | None]] = {
    "1 to 5 invisible characters": (invisible, 0.0),
    "fullwidth letters": (partial(shifted, upper=0xFF21, lower=0xFF41), 0.0),
    "mathematical letters": (partial(shifted, upper=0x1D400, lower=0x1D41A), 0.0),
    "look-alikes of the table, 10 % of letters": (partial(disguised, share=0.1, table=own_table()), 0.02),
    "look-alikes of the table, 50 % of letters": (partial(disguised, share=0.5, table=own_table()), 0.10),
    "look-alikes outside it, 10 % of letters": (partial(disguised, share=0.1, table=outside_table()), 0.02),
    "look-alikes outside it, 50 % of letters": (partial(disguised, share=0.5, table=outside_table()), 0.10),
    HELD_OUT.format(10): (partial(disguised, share=0.1, table=half_table()), 0.02),
    HELD_OUT.format(50): (partial(disguised, share=0.5, table=half_table()), 0.10),
    "other user names": (other_names, 0.02),
    "other links": (other_links, 0.02),
    "other numbers": (other_numbers, 0.02),
    "other trailing punctuation": (trailing, 0.02),
    "one typo per ten words": (typos, 0.05),
    "lower case": (lambda text, rng: text.lower(), None),
}
"""Changes that leave what a message is, and the share of flipped labels aimed at."""


def flips(classifier: Classifier, texts: list[str], before: list[Prediction]) -> list[dict[str, Any]]:
    """Flipped labels by kind of change, among the texts that the change applies to."""
    found = []
    for name, (change, aim) in CHANGES.items():
        rng = random.Random(0)
        changed = [(i, new) for i, text in enumerate(texts) if (new := change(text, rng)) != text]
        with without(half_table()) if name in (HELD_OUT.format(10), HELD_OUT.format(50)) else nullcontext():
            after = classifier.classify(new for _, new in changed)
        flipped = sum(before[i].label != one.label for (i, _), one in zip(changed, after, strict=True))
        found.append({"change": name, "texts": len(changed), "flipped": round(flipped / len(changed), 4), "aim": aim})
    return found


def suffix(classifier: Classifier, texts: list[str], before: list[Prediction]) -> dict[str, Any]:
    """How often an offer at the end makes promotion more probable, where it was below 0.9."""
    rng, promotional = random.Random(0), str(Label.PROMOTIONAL)
    low = [i for i, one in enumerate(before) if one.scores[promotional] < 0.9]
    codes = [{"code": rng.choice(("SAVE20", "HELLO", "X50")), "shop": rng.choice(("boots", "teas")), "path": "sale"}
             for _ in low]  # fmt: skip
    after = classifier.classify(texts[i] + SUFFIX.format(**code) for i, code in zip(low, codes, strict=True))
    raised = [one.scores[promotional] > before[i].scores[promotional] for i, one in zip(low, after, strict=True)]
    return {"texts": len(low), "raised": round(sum(raised) / len(low), 4), "aim": 0.98}


def paraphrases(classifier: Classifier) -> dict[str, Any]:
    """Forms of automatic messages that are found, and of these the paraphrases that are found too."""
    pairs = list(read_jsonl(PAIRS / "forms.jsonl"))
    first, second = (classifier.classify(pair[key] for pair in pairs) for key in ("text", "variant"))
    found = [other.label for one, other in zip(first, second, strict=True) if one.label == Label.AUTOMATED]
    kept = sum(label == Label.AUTOMATED for label in found)
    return {"pairs": len(pairs), "found": len(found), "kept": round(kept / len(found), 4)}


def speech(classifier: Classifier) -> list[dict[str, Any]]:
    """Conversation taken for something else, in standard English and in each variety."""
    pairs = list(read_jsonl(PAIRS / "speech.jsonl"))
    wrong: dict[str, list[tuple[bool, bool]]] = defaultdict(list)
    first, second = (classifier.classify(pair[key] for pair in pairs) for key in ("text", "variant"))
    for pair, one, other in zip(pairs, first, second, strict=True):
        both = one.label != Label.CONVERSATIONAL, other.label != Label.CONVERSATIONAL
        wrong[pair["slice"]].append(both)
        wrong["all"].append(both)
    return [
        {
            "slice": name,
            "pairs": len(found),
            "standard": round(sum(a for a, _ in found) / len(found), 3),
            "variety": round(sum(b for _, b in found) / len(found), 3),
        }
        for name, found in sorted(wrong.items(), key=lambda item: item[0] == "all")
    ]


def conversation_by_source(rows: Sequence[Any], predictions: Sequence[Prediction]) -> list[dict[str, Any]]:
    """Dev conversation taken for something else, by source."""
    wrong: dict[str, list[bool]] = defaultdict(list)
    for row, one in zip(rows, predictions, strict=True):
        if row.label == Label.CONVERSATIONAL:
            wrong[row.source].append(one.label != Label.CONVERSATIONAL)
    small = [name for name, found in wrong.items() if len(found) < LEAST_ROWS]
    wrong[f"{len(small)} others"] = [one for name in small for one in wrong.pop(name)]
    return [
        {"source": name, "messages": len(found), "wrong": round(sum(found) / len(found), 3)}
        for name, found in wrong.items()
        if found
    ]


def main(
    folder: Annotated[Path, typer.Argument()] = Path("models/sincerity-minilm-l6"),
    only_fairness: Annotated[bool, typer.Option("--only-fairness", help="Measure what the card tells only.")] = False,
) -> None:
    classifier = Classifier(folder)
    rows = research_rows("dev")
    texts = [row.text for row in rows]
    before = classifier.classify(texts)
    fairness = {"speech": speech(classifier), "conversation_by_source": conversation_by_source(rows, before)}
    if (path := folder / "results.json").is_file():  # the card tells whom the model is unfair to
        told = json.loads(path.read_text("utf-8")) | {"fairness": fairness}
        path.write_text(json.dumps(told, indent=1) + "\n", "utf-8")
    if only_fairness:
        typer.echo(json.dumps(fairness, indent=1))
        return
    lowered = classifier.classify(text.lower() for text in texts)
    right, right_lowered = (
        sum(one.label == row.label for one, row in zip(said, rows, strict=True)) / len(rows)
        for said in (before, lowered)
    )
    result = {
        "model": classifier.name,
        "tiers": list(classifier.models),
        "changes": flips(classifier, texts, before),
        "accuracy": {"as written": round(right, 4), "lower case": round(right_lowered, 4)},
        "suffix": suffix(classifier, texts, before),
        "paraphrases": paraphrases(classifier),
        **fairness,
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "robustness.json").write_text(json.dumps(result, indent=1) + "\n", "utf-8")
    typer.echo(json.dumps(result, indent=1))


if __name__ == "__main__":
    run(main)
