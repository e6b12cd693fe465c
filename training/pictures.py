"""Pictures of how good a model is, drawn from its figures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

INK, FAINT, BLUE = "#222222", "#bbbbbb", "#1f6fb4"
STYLE = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": INK,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
}


class Point(NamedTuple):
    """One system in the frontier."""

    name: str
    speed: float
    quality: float
    interval: tuple[float, float]


class Line(NamedTuple):
    """One system over a growing quantity, as points (quantity, speed)."""

    name: str
    points: list[tuple[float, float]]


def draw_quality(scores: dict[str, Any], path: Path) -> None:
    """Confusion, reliability and risk against coverage, side by side, from what `training.score.score` returns."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(12, 4), layout="constrained")
        confusion, reliability, risk = figure.subplots(1, 3)
        _confusion(confusion, scores)
        _reliability(reliability, scores)
        _risk_coverage(risk, scores)
        save(figure, path)


def draw_frontier(points: Sequence[Point], ours: str, path: Path) -> None:
    """Quality against speed; the line joins what nothing else beats in both."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(9, 5), layout="constrained")
        axes = figure.subplots()
        best = [p for p in points if not any(q.speed > p.speed and q.quality > p.quality for q in points)]
        best.sort(key=lambda point: point.speed)
        axes.plot([p.speed for p in best], [p.quality for p in best], color=FAINT, zorder=1)
        for number, point in enumerate(sorted(points, key=lambda point: point.speed), 1):
            colour = BLUE if point.name == ours else INK
            spread = [[point.quality - point.interval[0]], [point.interval[1] - point.quality]]
            axes.errorbar(point.speed, point.quality, yerr=spread, color=colour, capsize=3, linewidth=1)
            axes.plot(point.speed, point.quality, "o", color=colour, markersize=14, label=f"{number}  {point.name}")
            axes.text(point.speed, point.quality, str(number), color="white", ha="center", va="center")
        names = axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5), handlelength=0, markerscale=0)
        for text in names.get_texts():
            text.set_color(BLUE if text.get_text().endswith(ours) else INK)
        axes.set(xscale="log", xlabel="texts a second in batch, 2 cores", ylabel="macro-F1 on dev (95 % interval)")
        axes.set(title="Quality against speed")
        axes.margins(x=0.12)
        axes.grid(axis="y", color="#eeeeee")
        axes.set_axisbelow(True)
        save(figure, path)


def draw_lines(panels: dict[str, list[Line]], ylabel: str, path: Path) -> None:
    """Lines over what each panel's name says, both axes logarithmic, side by side."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(10, 4), layout="constrained")
        for axes, (xlabel, lines) in zip(np.atleast_1d(figure.subplots(1, len(panels))), panels.items(), strict=True):
            for number, line in enumerate(lines):
                colour = BLUE if number == 0 else INK
                axes.plot(*zip(*line.points, strict=True), "o-", color=colour, alpha=1 - 0.2 * max(0, number - 1))
                axes.annotate(line.name, line.points[-1], xytext=(4, 4), textcoords="offset points", color=colour)
            axes.set(xscale="log", yscale="log", xlabel=xlabel, ylabel=ylabel)
            axes.grid(axis="y", color="#eeeeee")
            axes.margins(x=0.15)
        save(figure, path)


def save(figure: Figure, path: Path) -> None:
    """As PNG, the same bytes for the same figures."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110, metadata={"Software": None})


def _confusion(axes: Axes, scores: dict[str, Any]) -> None:
    counts, labels = np.array(scores["confusion"]), list(scores["labels"])
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (row, column), share in np.ndenumerate(shares):
        text = f"{counts[row, column]}\n{share:.0%}"
        axes.text(column, row, text, ha="center", va="center", color="white" if share > 0.5 else INK)
    axes.set_xticks(range(len(labels)), labels)
    axes.set_yticks(range(len(labels)), labels, rotation=90, va="center")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set(xlabel="given label", ylabel="right label", title=f"Confusion, {scores['rows']} texts")


def _reliability(axes: Axes, scores: dict[str, Any]) -> None:
    bins = scores["reliability"]
    axes.plot([0, 1], [0, 1], color=FAINT, linestyle="--", label="perfectly calibrated")
    axes.plot([b["confidence"] for b in bins], [b["accuracy"] for b in bins], "o-", color=BLUE, label="model")
    least = min(*(b["confidence"] for b in bins), *(b["accuracy"] for b in bins))
    axes.set(xlim=(max(0, least - 0.05), 1.01), ylim=(max(0, least - 0.05), 1.01))
    axes.set(xlabel="score", ylabel="share that is right", title="Reliability")
    low, high = scores["calibrated_ece"]
    text = f"calibration error {scores['ece']:.3f}\nperfect model of this size {low:.3f} to {high:.3f}"
    axes.text(0.98, 0.04, text, ha="right", va="bottom", transform=axes.transAxes)
    axes.legend(frameon=False, loc="upper left")


def _risk_coverage(axes: Axes, scores: dict[str, Any]) -> None:
    curve, certain = scores["risk_coverage"], scores["certain"]
    axes.plot([100 * p["coverage"] for p in curve], [100 * p["risk"] for p in curve], "o-", color=BLUE, markersize=3)
    if certain["accuracy"] is not None:
        place = (100 * certain["share"], 100 * (1 - certain["accuracy"]))
        axes.plot(*place, "o", color=INK)
        axes.annotate(
            f"certain: {certain['share']:.0%} of texts, {certain['accuracy']:.1%} right",
            place,
            xytext=(-8, 12),
            textcoords="offset points",
            ha="right",
        )
    axes.set(xlim=(0, 101), ylim=(0, None))
    axes.set(xlabel="% of texts labelled, most certain first", ylabel="% wrong", title="Risk and coverage")
