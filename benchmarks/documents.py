"""Documents with figures in them, written from result files and nothing else.

    python -m benchmarks.documents

writes the card of every model under models/ and the tables of README.md, training/README.md and benchmarks/README.md.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks.gpu_tables import NOT_MEASURED, gpu_tables
from benchmarks.speed_tables import speed_tables, speed_words
from benchmarks.stream_tables import account_table, audit_words, clock_words, scale_table, template_table
from benchmarks.verdict import HIGHER_IS_BETTER, LOWER_IS_BETTER, columns, wins
from sincerity.folders import DEFAULT_MODEL
from training.card import card, fairness, main_scores, shown, table, with_interval

ROOT = Path(__file__).parents[1]


def documents() -> dict[Path, str]:
    """Every document that holds figures, as it should be."""
    texts = {config.parent / "README.md": card(config.parent) for config in ROOT.glob("models/*/config.json")}
    scores = _json(ROOT / "models" / DEFAULT_MODEL / "results.json")["scores"]
    quantisation, attribution, shares, generalisation, comparison, templates, streams, robustness = (
        _json(ROOT / "benchmarks" / "results" / f"{name}.json")
        for name in (
            "quantisation",
            "attribution",
            "shares",
            "generalisation",
            "comparison",
            "templates",
            "streams",
            "robustness",
        )
    )
    speed = _json(ROOT / "benchmarks" / "results" / "speed.json")
    gpu = ROOT / "benchmarks" / "results" / "gpu.json"
    texts[ROOT / "README.md"] = _filled(
        ROOT / "README.md",
        scores=main_scores(scores),
        shares=_shares_words(shares),
        audit=audit_words(streams, templates),
        speed=speed_words(speed),
    )
    texts[ROOT / "training" / "README.md"] = _filled(
        ROOT / "training" / "README.md",
        quantisation=table(tuple(quantisation["rows"][0]), [(*row.values(),) for row in quantisation["rows"]]),
        attribution=_attribution(attribution["models"]),
        forms=_forms(attribution),
    )
    texts[ROOT / "benchmarks" / "README.md"] = _filled(
        ROOT / "benchmarks" / "README.md",
        comparison=_comparison(comparison),
        wins="\n".join(f"- {sentence}" for sentence in wins(comparison)),
        tasks=_tasks(generalisation["tasks"]),
        dates=_dates(generalisation["dates"]),
        sources=_sources(generalisation["sources"]),
        shares=_shares(shares),
        templates=template_table(templates),
        accounts=account_table(streams["accounts"]),
        clocks=clock_words(streams["clocks"]),
        scale=scale_table(streams["scale"]),
        speed=speed_tables(speed),
        gpu=gpu_tables(_json(gpu)) if gpu.is_file() else NOT_MEASURED,
        language=_language(_json(ROOT / "benchmarks" / "results" / "language.json")),
        **_robustness(robustness),
    )
    return texts


def _json(path: Path) -> Any:
    return json.loads(path.read_text("utf-8"))


def _filled(path: Path, **tables: str) -> str:
    """A document with the part between each table's marks `name` and `/name` replaced."""
    text = path.read_text("utf-8")
    for name, filling in tables.items():
        start, end = f"<!-- {name} -->\n", f"<!-- /{name} -->"
        before, _, rest = text.partition(start)
        text = before + start + filling + "\n" + end + rest.partition(end)[2]
    return text


def _attribution(models: dict[str, Any]) -> str:
    """One table of all models whose graph explains, and the words about each below it."""
    rows = [
        (
            f"{name}: {label}",
            row["texts"],
            row["mean_fall"],
            row["mean_fall_at_random"],
            shown(row["difference_interval"]),
            row["texts_where_it_beats_random"],
        )
        for name, result in models.items()
        for label, row in result["labels"].items()
    ]
    head = (
        "model: label", "texts", "fall of its probability", "the same at random", "difference, 95 %",
        "texts where it beats random",
    )  # fmt: skip
    return "\n\n".join((table(head, rows), *(_attribution_words(*item) for item in models.items())))


def _attribution_words(name: str, result: dict[str, Any]) -> str:
    out = result["leaving_out"]
    return (
        f"{name}: on {out['texts']} of these texts the fall is {out['mean_fall']}; choosing the tokens by leaving out "
        f"one after the other ({out['passes_one_token_after_the_other']} passes a text) gives "
        f"{out['mean_fall_one_token_after_the_other']}, by leaving out one half after the other (two passes) "
        f"{out['mean_fall_one_half_after_the_other']}. Labelling with reasons, by {result['cost']['of']}, takes "
        f"{result['cost']['times_plain']} times as long as without. Correlation of sum and margin: "
        f"{result['correlation_of_sum_and_margin']}, by construction."
    )


def _forms(result: dict[str, Any]) -> str:
    def of(part: dict[str, Any], *names: str) -> list[Any]:
        return [part["messages"] or "none", *("–" if part[name] is None else part[name] for name in names)]

    rows = [
        (dev["form"], f"`{dev['label']}`", *of(dev, "precision", "lenient_precision"), *of(train, "precision"))
        for dev, train in zip(result["forms"]["dev"], result["forms"]["train"], strict=True)
    ]
    head = ("form", "its label", "dev messages", "precision", "lenient", "train messages", "precision")
    return table(head, rows)


def _robustness(result: dict[str, Any]) -> dict[str, str]:
    """The tables of changes and of varieties, and the words below each."""
    changes = [
        (one["change"], one["texts"], f"{one['flipped']:.1%}", "" if one["aim"] is None else f"{one['aim']:.0%}")
        for one in result["changes"]
    ]
    added, kept, accuracy = result["suffix"], result["paraphrases"], result["accuracy"]
    words = (
        f"An offer with a code and a link at the end makes promotion more probable in {added['raised']:.1%} of the "
        f"{added['texts']} messages where it was below 0.9 (aim {added['aim']:.0%}). Of {kept['pairs']} forms of "
        f"automatic messages {kept['found']} are found; of these, {kept['kept']:.1%} are found in other words too. "
        f"Accuracy is {accuracy['as written']:.3f} as written and {accuracy['lower case']:.3f} in lower case, which "
        "takes the cue of a headline's capitals away."
    )
    head = ("change", "messages", "labels flipped", "aim")
    return {
        "robustness": f"{table(head, changes)}\n\n{words}",
        "fairness": "\n\n".join(fairness(result)),
    }


def _language(result: dict[str, Any]) -> str:
    found, wrong, cost = result["found"], result["false_alarms"], result["microseconds"]
    hits, posts = (sum(column) for column in zip(*found.values(), strict=True))
    missed = ", ".join(f"{name} {some} of {all_}" for name, (some, all_) in found.items() if some < all_)
    rows = [(name, all_, some, f"{some / all_:.2%}") for name, (some, all_) in wrong.items()]
    return (
        f"Found: {hits} of {posts} posts in {len(found)} languages (all but: {missed}). "
        f"It takes {cost['check']} microseconds a text, the clean-up {cost['clean-up']}.\n\n"
    ) + table(("English texts", "rows", "called foreign", "share"), rows)


def _comparison(result: dict[str, Any]) -> str:
    about, rows = result["about"], columns(result)
    libraries = ", ".join(f"{name} {version}" for name, version in about["libraries"].items())
    words = (
        f"{about['date']}, {about['processor']}, {about['cores']} cores, {about['memory_gigabytes']} GB; "
        f"{about['system']}, Python {about['python']}; {libraries}. {about['training_rows']} rows to train on, "
        f"{about['dev_rows']} of dev. Medians of {about['rounds']} rounds in which rivals took turns, on 2 cores; "
        f"{about['minutes']} minutes in all."
    )
    one_core = [
        (name, *(_measured(one, aspect) for aspect in (*HIGHER_IS_BETTER, *LOWER_IS_BETTER)))
        for name, one in result["rivals"].items()
    ]
    head = ("on 1 core, in multiples of ours", "texts/s in batch", "texts/s one by one", "first label", "memory")
    return "\n\n".join((words, table(tuple(rows[0]), [(*row.values(),) for row in rows]), table(head, one_core)))


def _measured(rival: dict[str, Any], aspect: str) -> str:
    return f"{rival['threads']['1'][aspect]['times_ours']:.3g}"


def _tasks(tasks: dict[str, Any]) -> str:
    rows = [
        (
            name,
            found["linear"]["rows"],
            with_interval(found["linear"], "accuracy"),
            with_interval(found["fine-tuned"], "accuracy"),
            with_interval(found["linear"], "macro_f1"),
            with_interval(found["fine-tuned"], "macro_f1"),
            _gain(found["gain"]),
            found["published"],
        )
        for name, found in tasks.items()
    ]
    head = (
        "task", "texts", "accuracy, TF-IDF", "accuracy, ours", "macro-F1, TF-IDF", "macro-F1, ours", "gain in macro-F1",
        "published, on other splits",
    )  # fmt: skip
    return table(head, rows)


def _dates(dates: dict[str, Any]) -> str:
    rows = [
        (
            name.removeprefix("date/").replace("-", " "),
            found["linear"]["rows"],
            with_interval(found["linear"], "macro_f1"),
            with_interval(found["fine-tuned"], "macro_f1"),
            _gain(found["gain"]),
        )
        for name, found in dates.items()
    ]
    return table(("trained on, measured on", "texts", "macro-F1, TF-IDF", "macro-F1, ours", "gain"), rows)


def _sources(sources: list[dict[str, Any]]) -> str:
    """Our sources with all figures first, then what the linear model loses in each."""
    ours = [
        (
            one["source"],
            one["left_out"]["linear"]["rows"],
            with_interval(one["left_out"]["linear"], "macro_f1"),
            with_interval(one["left_out"]["released" if "released" in one["left_out"] else "fine-tuned"], "macro_f1"),
            _gain(one["left_out"]["gain"]),
            _gain(one["validation"]["gain"]) if "validation" in one else "never trained on",
        )
        for one in sources
        if "gain" in one["left_out"]
    ]
    head = ("source left out", "texts", "macro-F1, TF-IDF", "macro-F1, ours", "gain", "ours, left out less seen")
    seen = [one for one in sources if "seen" in one]
    linear = [
        (
            one["source"],
            one["left_out"]["linear"]["rows"],
            one["seen"]["linear"]["accuracy"],
            with_interval(one["left_out"]["linear"], "accuracy"),
            f"{_loss(one):+.3f}",
        )
        for one in seen
    ]
    losses = [_loss(one) for one in seen]
    mean = f"Mean over these {len(losses)} sources: {sum(losses) / max(1, len(losses)):+.3f}."
    return "\n\n".join(
        (table(head, ours), table(("source", "texts", "accuracy, TF-IDF, seen", "left out", "change"), linear), mean)
    )


def _loss(source: dict[str, Any]) -> float:
    """Accuracy of the linear model on a source left out, less that on the same source seen."""
    return float(source["left_out"]["linear"]["accuracy"] - source["seen"]["linear"]["accuracy"])


def _gain(gain: dict[str, Any]) -> str:
    return f"{gain['macro_f1']:+.3f} ({shown(gain['interval'])})"


def _shares(result: dict[str, Any]) -> str:
    mixes = [
        (f"{row['percent']} %", row["counted_error"], row["corrected_error"], row["true_share_in_interval"])
        for row in result["mixes"]
    ]
    whole = (
        "all", result["counted_error"], result["corrected_error"], result["true_share_in_interval"],
    )  # fmt: skip
    sources = [
        (
            one["source"],
            one["rows"],
            one["true"],
            one["counted"],
            f"{one['corrected']:.3f} ({shown([one['low'], one['high']])})",
        )
        for one in result["conversation_by_source"]
    ]
    return "\n\n".join(
        (
            table(("leading label", "error, counted", "error, corrected", "interval holds the truth"), [*mixes, whole]),
            table(("source", "texts", "conversation", "counted", "corrected"), sources),
        )
    )


def _shares_words(result: dict[str, Any]) -> str:
    return (
        f"On {result['streams']} streams of {result['texts_a_stream']} dev messages with other mixes of labels, shares "
        f"that are counted are off by {100 * result['counted_error']:.1f} points on average, corrected ones by "
        f"{100 * result['corrected_error']:.1f}; the interval holds the true share in "
        f"{result['true_share_in_interval']:.1%} of cases."
    )


def main() -> None:
    for path, text in documents().items():
        path.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
