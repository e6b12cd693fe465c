"""Tables and sentences on templates, accounts and clocks, from their result files."""

from __future__ import annotations

from typing import Any

from training.card import shown, table

_ACCOUNTS = {
    "text": "means of what texts say alone",
    "text and stream": "these and what the audit finds in the stream",
}


def template_table(result: dict[str, Any]) -> str:
    """Ours and the libraries, each at every threshold tried, and the million."""
    libraries = result["libraries"]
    rows = [
        (
            name if name == "sincerity" else f"{name} {libraries['versions'][name]}",
            one["threshold"],
            f"{one['precision']:.3f}",
            f"{one['recall']:.3f}",
            one["texts_per_core_second"],
        )
        for name, tried in libraries["systems"].items()
        for one in tried
    ]
    head = ("system", "threshold", "precision", "recall", "texts a second of a core")
    million = result["million"]
    planted = libraries["families"] * libraries["copies"]
    words = (
        f"{libraries['texts']} texts, of which {planted} of {libraries['families']} planted families; "
        f"{libraries['cores']} cores, busy with other work too. An index of {million['texts']} texts took "
        f"{million['megabytes']} MB, at {million['texts_per_core_second']} texts a second of a core."
    )
    (ours,) = libraries["systems"]["sincerity"]
    for name, tried in libraries["systems"].items():
        for one in tried:
            if one["precision"] >= ours["precision"] and one["recall"] > ours["recall"]:
                words += f" {name} at {one['threshold']} finds more than ours ({one['recall']:.3f})."
    return f"{table(head, rows)}\n\n{words}"


def account_table(result: dict[str, Any]) -> str:
    """Accuracy on accounts by what is known of them."""
    found = result["accuracy"]
    kinds = ("logistic regression", "boosted trees")
    rows = [(words, *(_with_interval(found[f"{what}, {kind}"]) for kind in kinds)) for what, words in _ACCOUNTS.items()]
    rows.append(("gain, paired", *(_with_interval(found[f"gain, {kind}"], sign=True) for kind in kinds)))
    head = f"{result['accounts']} accounts, accuracy in five folds"
    by_text, in_context = (found[f"share of conversational{where} alone"] for where in ("", " in context"))
    alone = (
        f"One threshold on the mean probability of conversation: {_with_interval(by_text)} by text, "
        f"{_with_interval(in_context)} in context. Published best for this corpus, on its own split: "
        f"{result['published_best']}."
    )
    return f"{table((head, *kinds), rows)}\n\n{alone}"


def clock_words(result: dict[str, Any]) -> str:
    """What the clock test finds, by program and by post."""
    posts = result["posts"]
    return (
        f"Of {result['streams']} streams (what one program sent for one account, 60 posts with a time of day or more) "
        f"{result['automated']} are of programs that post by themselves. The clock test finds {result['found']} of "
        f"these and {result['false']} of the others; the area under its curve is {result['area_clock_test']}, that of "
        f"burstiness {result['area_burstiness']}. In whole timelines, where people and programs take turns, "
        f"{posts['precision']:.0%} of the posts said to be on the clock are of such programs, and "
        f"{posts['recall']:.0%} of theirs are found ({posts['posts']} posts)."
    )


def scale_table(result: list[dict[str, Any]]) -> str:
    """Time and memory of large streams."""
    names = {
        "posts": "posts", "authors": "authors", "seconds_to_read": "s to read, without labelling",
        "seconds_to_tell": "s to sum up", "megabytes": "memory at most, MB",
    }  # fmt: skip
    return table(tuple(names.values()), [tuple(row[name] for name in names) for row in result])


def audit_words(streams: dict[str, Any], templates: dict[str, Any]) -> str:
    """One paragraph for the front page."""
    accounts, clocks = streams["accounts"]["accuracy"], streams["clocks"]
    ours = templates["libraries"]["systems"]["sincerity"][0]
    return (
        f"Measured: templates planted among real posts are found with precision {ours['precision']:.2f} and recall "
        f"{ours['recall']:.2f}; accounts of bots and people are told apart in "
        f"{accounts['text and stream, boosted trees']['value']:.1%} of cases by text and stream, "
        f"{accounts['text, boosted trees']['value']:.1%} by text alone; the clock test finds {clocks['found']} of "
        f"{clocks['automated']} programs that post by themselves, and {clocks['false']} of "
        f"{clocks['streams'] - clocks['automated']} others."
    )


def _with_interval(found: dict[str, Any], *, sign: bool = False) -> str:
    return f"{found['value']:{'+' if sign else ''}.3f} ({shown(found['interval'])})"
