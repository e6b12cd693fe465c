"""What `benchmarks.gpu` found, as tables and sentences for documents."""

from __future__ import annotations

from typing import Any

from benchmarks.speed_tables import NAMES, short
from training.card import table

NOT_MEASURED = "No GPU has been measured yet: `python -m benchmarks.gpu` does it."


def gpu_tables(result: dict[str, Any]) -> str:
    """Systems on the card and on the processor, the graph alone by tokens of a batch, and what differs."""
    about, threads, graph = result["about"], result["accurate_by_threads"], result["accurate_graph"]
    words = (
        f"{about['date']}, {about['card']}, driver {about['driver']}, beside {about['cores']} cores of "
        f"{about['processor']} with as many threads; {about['system']}, Python {about['python']}, onnxruntime "
        f"{about['libraries']['onnxruntime']}. {short(about['texts'])} distinct messages of {about['characters']:.0f} "
        f"characters on average; {about['seconds']} seconds in all, {short(about['megabytes'])} MB of the "
        "machine's memory."
    )
    systems = table(
        (
            "system",
            "texts/s, GPU",
            "texts/s, CPU",
            "times",
            "labels as on the CPU",
            "difference of a probability, median",
        ),
        [
            (
                NAMES[name],
                short(row["texts_per_second"]),
                short(row["texts_per_second_cpu"]),
                f"{row['texts_per_second'] / row['texts_per_second_cpu']:.2g}",
                f"{row['labels_as_on_the_cpu']:.3f}",
                f"{row['median_difference']:.2g}",
            )
            for name, row in result["whole_path"].items()
        ],
    )
    by_threads = ", ".join(f"{number}: {short(rate)}" for number, rate in threads["texts_per_second"].items())
    batches = table(
        ("tokens of a batch", "batches", "texts/s, graph alone", "memory of the card, MB"),
        [
            (
                f"{int(budget):,}".replace(",", " "),
                row["batches"],
                short(row["texts_per_second"]),
                _or_dash(row["gpu_megabytes"]),
            )
            for budget, row in graph["budgets"].items()
        ],
    )
    return "\n\n".join(
        (
            words,
            systems,
            f"Texts a second of the accurate model alone, whole path, by threads: {by_threads}. A probability moves by "
            f"{threads['largest_difference']:.1g} at most between these runs.",
            batches,
            _graph_words(graph),
        )
    )


def _graph_words(graph: dict[str, Any]) -> str:
    """What is said of the accurate graph alone."""
    on_cpu = sum(graph["nodes"]["float"].get("CPUExecutionProvider", {}).values())
    of = sum(sum(kinds.values()) for kinds in graph["nodes"]["float"].values())
    said = [
        f"The accurate graph alone, one thread, {graph['tokens']} tokens a text on average: between these batches and "
        f"texts one by one a probability moves by {graph['largest_difference_by_batch']:.1g} at most. Of the float "
        f"graph's {of} nodes {on_cpu} are left to the processor, shapes for the most part."
    ]
    if (tf32 := graph.get("tf32")) is not None:
        said.append(
            f"With TensorFloat-32, which is off, it labels {short(tf32['texts_per_second'])} texts a second, and a "
            f"probability moves by up to {tf32['largest_difference']:.1g}."
        )
    as_it_is = graph["8-bit as it is"]
    if "failed" in as_it_is:
        said.append("The 8-bit graph as it is does not run there.")
    else:
        said.append(
            f"The 8-bit graph as it is labels {short(as_it_is['texts_per_second'])} texts a second there: for what "
            "has no kernel on the card, numbers go to the processor and back."
        )
    return " ".join(said)


def _or_dash(number: int | None) -> str:
    return "–" if number is None else short(number)
