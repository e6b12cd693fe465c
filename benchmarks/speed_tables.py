"""What `benchmarks.speed` found, as tables and sentences for documents."""

from __future__ import annotations

from typing import Any

from training.card import table

NAMES = {
    "pipeline": "transformers pipeline, torch in float",
    "default": "default: the cascade",
    "accurate": "accurate model alone",
    "middle": "middle model alone",
    "fast": "fast model alone",
    "ngrams": "n-grams alone",
}
"""In the order of the tables."""
ORDERS = ("given", "sorted")


def speed_tables(result: dict[str, Any]) -> str:
    """Rates in both orders, one by one, starts, stages and the command."""
    about = result["about"]
    words = (
        f"{about['date']}, {about['processor']}, 2 of {about['cores']} cores; {about['system']}, Python "
        f"{about['python']}, onnxruntime {about['libraries']['onnxruntime']}, torch {about['libraries']['torch']}. "
        f"{about['texts']} distinct messages of {about['characters']:.0f} characters on average. Medians of "
        f"{about['rounds']} rounds in which systems took turns; {about['minutes']} minutes in all.".replace(
            ",000", " 000"
        )
    )
    return "\n\n".join((words, _batch(result), _starts(result), _stages(result), _command(result)))


def speed_words(result: dict[str, Any]) -> str:
    """One sentence for the README."""
    batch, own = result["batch"], result["agreement"]["default"]
    given, ordered = (_times(batch, "default", order) for order in ORDERS)
    rates = {name: _rate(batch[name]["given"]) for name in ("default", "accurate")}
    return (
        f"On two cores the default labels {rates['default']} texts a second, {given:.1f} times as many as "
        f"`transformers.pipeline` with the same accurate model ({ordered:.1f} times where texts are sorted by their "
        f"length), and gives {own['agreement']:.1%} of them the accurate model's label; that model alone labels "
        f"{rates['accurate']}. The first label comes {result['starts']['default']:.2f} s after the start."
    )


def _batch(result: dict[str, Any]) -> str:
    batch, single, agreement = result["batch"], result["single"], result["agreement"]
    rows = []
    for name in (name for name in NAMES if name in batch):
        given, ordered = batch[name]["given"], batch[name]["sorted"]
        one = single.get(name)
        rows.append(
            (
                NAMES[name],
                f"{_rate(given)} ({short(given['least'])} to {short(given['most'])})",
                f"{_rate(ordered)} ({short(ordered['least'])} to {short(ordered['most'])})",
                *(f"{_times(batch, name, order):.1f}" for order in ORDERS),
                " / ".join(f"{batch[name][order]['core_milliseconds']:.3g}" for order in ORDERS),
                " / ".join(f"{_cores(batch, name, order):.1f}" for order in ORDERS),
                f"{agreement[name]['agreement']:.3f}" if name in agreement else "",
                f"{one['median']:.2f} ({one['within_95']:.2f})" if one else "",
                f"{max(given['megabytes'], ordered['megabytes']):.0f}",
            )
        )
    head = (
        "system", "texts/s, given order", "texts/s, sorted by length", "times the pipeline, given", "sorted",
        "core ms a text, given / sorted", "times the pipeline by core time",
        "labels as the accurate model's", "one text, ms: median (95 %)", "memory, MB",
    )  # fmt: skip
    who = result["agreement"]["default"]["answered"]
    answered = ", ".join(f"{name} {count / sum(who.values()):.1%}" for name, count in who.items())
    return f"{table(head, rows)}\n\nOf the texts, the default's tiers answer: {answered}."


def _starts(result: dict[str, Any]) -> str:
    names = {
        "libraries": "import numpy, onnxruntime, tokenizers",
        "default": "first label, default (of a text that needs the graph)",
        "accurate": "first label, accurate model",
        "help": "`sincerity --help`",
    }
    rows = [(name, f"{result['starts'][key]:.2f}") for key, name in names.items()]
    return table(("a fresh process, to its end", "seconds"), rows)


def _stages(result: dict[str, Any]) -> str:
    found = result["stages"]
    rows = []
    for name, took in found["stages"].items():
        kind = name.removeprefix("graph (").removesuffix(")") if name.startswith("graph") else ""
        own = found.get(kind, {})
        least = f"{own['bound']:.0f} ({own['million_products']:.0f} million products)" if own else ""
        rows.append((name, f"{took:.0f}", least))
    words = (
        f"One thread reaches {found['billion_products_a_second']:.0f} billion 8-bit products a second in one large "
        "product; the bound is what a graph's own would take at that rate."
    )
    return f"{table(('stage, one thread', 'µs a text', 'bound, µs'), rows)}\n\n{words}"


def _command(result: dict[str, Any]) -> str:
    command, rate = result["command"], result["batch"]["default"]["given"]["texts_per_second"]
    streams = "; ".join(
        f"{NAMES[name]}: {last['texts']} texts, {_rate(last)} a second in {last['megabytes']:.0f} MB at most"
        for name, (*_, last) in result["growth"].items()
    )
    return (
        f"`sincerity batch` on {command['rows']} rows: {short(command['rows_per_second'])} rows a second, start "
        f"included, {command['rows_per_second'] / rate:.0%} of the rate above, in {command['megabytes']:.0f} MB at "
        f"most ({command['megabytes_in_first_quarter']:.0f} in the first quarter of the time). The longest streams: "
        f"{streams}."
    )


def _times(batch: dict[str, Any], name: str, order: str) -> float:
    return float(batch[name][order]["texts_per_second"] / batch["pipeline"][order]["texts_per_second"])


def _cores(batch: dict[str, Any], name: str, order: str) -> float:
    return float(batch["pipeline"][order]["core_milliseconds"] / batch[name][order]["core_milliseconds"])


def _rate(one: dict[str, Any]) -> str:
    return short(one["texts_per_second"])


def short(number: float) -> str:
    """Three digits, thousands apart."""
    return f"{float(f'{number:.3g}'):,.0f}".replace(",", " ")
