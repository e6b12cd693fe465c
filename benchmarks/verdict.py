"""What a comparison comes to: a row for each rival, and a sentence for everything in which one beats ours."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from benchmarks.rivals import BASELINE

LOWER_IS_BETTER = ("cold_start", "megabytes")
HIGHER_IS_BETTER = ("batch", "single")


def columns(result: dict[str, Any], threads: int = 2) -> list[dict[str, str]]:
    """One row per rival, its columns by their headings."""
    rows: list[dict[str, str]] = []
    for name, one in result["rivals"].items():
        own, measured = one["quality"], one["threads"][str(threads)]
        least, most = own["macro_f1_interval"]
        rows.append(
            {
                "system": name,
                "macro-F1": f"{own['macro_f1']:.3f} ({least:.3f} to {most:.3f})",
                "less ours, paired": "" if name == result["ours"] else _range(one["macro_f1_minus_ours_interval"]),
                "accuracy": f"{own['accuracy']:.3f}",
                "log-loss": f"{own['log_loss']:.3f}",
                "texts/s in batch": _short(measured["batch"]["median"]),
                "texts/s one by one": _short(measured["single"]["median"]),
                "first label after, s": _short(measured["cold_start"]["median"]),
                "memory, MB": _short(measured["megabytes"]["median"]),
                "on disk, MB": _megabytes(one["megabytes_on_disk"]),
                "training, s": _short(one["training_seconds"]),
            }
        )
    return rows


def wins(result: dict[str, Any]) -> list[str]:
    """A sentence for each aspect in which a rival beats ours."""
    ours = result["rivals"][result["ours"]]
    sentences = []
    for name, one in result["rivals"].items():
        if name not in (result["ours"], BASELINE):
            sentences += [f"{name} {words}." for words in (*_better_quality(one, ours), *_cheaper(one, ours))]
    return sentences


def _better_quality(one: dict[str, Any], ours: dict[str, Any]) -> Iterable[str]:
    rival, own = one["quality"], ours["quality"]
    if _beats(rival["macro_f1"], own["macro_f1"]):
        yield (
            f"has a higher macro-F1 on dev, {rival['macro_f1']:.3f} against {own['macro_f1']:.3f} "
            f"(difference, 95 % interval: {_range(one['macro_f1_minus_ours_interval'])})"
        )
    if _beats(rival["accuracy"], own["accuracy"]):
        yield f"has a higher accuracy on dev, {rival['accuracy']:.3f} against {own['accuracy']:.3f}"
    if _beats(own["log_loss"], rival["log_loss"]):
        yield f"has a lower log-loss on dev, {rival['log_loss']:.3f} against {own['log_loss']:.3f}"
    for label, value in rival["f1"].items():
        if _beats(value, own["f1"][label]):
            yield f"has a higher F1 of {label} on dev, {value:.3f} against {own['f1'][label]:.3f}"


def _beats(one: float, other: float) -> bool:
    """Whether a figure is higher in the digits that are shown."""
    return round(one, 3) > round(other, 3)


def _cheaper(one: dict[str, Any], ours: dict[str, Any]) -> Iterable[str]:
    phrases = {
        "batch": "labels {times} times as many texts a second in batch ({rival} against {ours}{where})",
        "single": "labels {times} times as many texts a second one by one ({rival} against {ours}{where})",
        "cold_start": "gives its first label {times} times as soon ({rival} s against {ours} s after the start{where})",
        "megabytes": "holds {times} times less memory ({rival} MB against {ours} MB{where})",
    }
    for aspect, phrase in phrases.items():
        for threads in sorted(one["threads"], key=int, reverse=True):  # where it wins on more cores, that is said
            rival, own = one["threads"][threads][aspect], ours["threads"][threads][aspect]
            higher = aspect in HIGHER_IS_BETTER
            times = rival["median"] / own["median"] if higher else own["median"] / rival["median"]
            if times <= 1:
                continue
            overlap = rival["most"] >= own["least"] and own["most"] >= rival["least"]
            where = f", on {threads} core{'s' * (threads != '1')}" + (", rounds overlapping" if overlap else "")
            yield phrase.format(
                times=_short(times), rival=_short(rival["median"]), ours=_short(own["median"]), where=where
            )
            break
    if one["megabytes_on_disk"] < ours["megabytes_on_disk"]:
        rival, own = one["megabytes_on_disk"], ours["megabytes_on_disk"]
        yield f"takes {_megabytes(rival)} MB on disk, ours {_megabytes(own)} MB"


def _range(interval: list[float]) -> str:
    return f"{interval[0]:+.3f} to {interval[1]:+.3f}"


def _megabytes(value: float) -> str:
    return _short(value) if value >= 0.01 else "under 0.01"


def _short(value: float) -> str:
    """Three significant digits.

    >>> [_short(value) for value in (61234.5, 1.2345, 0.00012)]
    ['61 200', '1.23', '0.00012']
    """
    return f"{float(f'{value:.3g}'):,.12g}".replace(",", " ")
