"""The report of an audit: one page that asks for nothing from anywhere, and a few lines for the terminal."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from importlib import resources

from sincerity.findings import LEAST_POSTS, LEAST_REPEATS, Audit, Findings, Interval, Message
from sincerity.labels import Label
from sincerity.pictures import heat_map, mix, over_time, scale
from sincerity.templates import SLOT, Template
from sincerity.timing import LEAST_CLOCK, SIGNIFICANT, Timing

MOST_AUTHORS, MOST_DETAILS, MOST_SHOWN_TEMPLATES = 200, 20, 25

_NAMES = {
    Label.CONVERSATIONAL: "people talking to people",
    Label.PROMOTIONAL: "promotion",
    Label.AUTOMATED: "machine output and fixed forms",
}
_NOTES = (
    "<b>Automated-looking is not “a bot”.</b> People schedule posts, thank by template and share headlines; machines "
    "can sound like people. These figures describe posts. They say nothing about whether an author is honest, real or "
    "human, and are no ground for an accusation.",
    "<b>Sincerity index</b> = 100 × corrected share of conversation × share of posts whose template the author used "
    f"fewer than {LEAST_REPEATS} times. The range in brackets would hold the true value 95 times in 100. Below "
    f"{LEAST_POSTS} posts that can be read there is none.",
    "<b>Corrected shares.</b> Every classifier errs, so counting its labels is biased. The shares are those that, sent "
    "through the errors measured on its validation posts, would have given the counts. On posts unlike those, errors "
    "may be other than measured.",
    "<b>Underlined words</b> in a post are those that moved the model most toward its label.",
    "<b>Templates</b> are near-duplicates: the same words but for names, numbers, links and emoji.",
    "<b>The clock test</b> (Zhang and Paxson 2011) asks whether minutes and seconds are as even as people leave them; "
    "<b>burstiness</b> (Goh and Barabási 2008) is −1 for a metronome, 0 at random, towards 1 for bursts and pauses.",
    "<b>In the stream.</b> Beside what the text alone says stands what it says together with how often the author "
    "repeated it, the clock, and the author's other posts.",
    "<b>Hours</b> are as the source writes them, which for many archives is UTC.",
)


def report(audit: Audit, title: str = "") -> str:
    """The whole page."""
    stream, many = audit.stream, len(audit.authors) > 1
    name = (audit.authors[0].author if not many else "") or title or "this stream"
    style = resources.files("sincerity").joinpath("report.css").read_text("utf-8")
    parts = [
        _head(audit, name),
        _hero(stream),
        _tiles(stream, many),
        _over_time(audit),
        _week(stream),
        _templates(audit.templates, many),
        _conversations(audit.conversations or audit.authors[0].typical[Label.CONVERSATIONAL]),
        _authors(audit.authors) if many else _typical(audit.authors[0]),
        f'<h2>How to read this</h2><ul class="notes">{"".join(f"<li>{note}</li>" for note in _NOTES)}</ul>',
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<title>Audit of {escape(name)}</title><style>{style}</style></head><body><main>\n"
        + "\n".join(parts)
        + "\n</main></body></html>\n"
    )


def summary(audit: Audit) -> str:
    """The gist, for a terminal."""
    stream = audit.stream
    between = f", {stream.first[:10]} to {stream.last[:10]}" if stream.first else ""
    lines = [f"{_count(stream.posts, 'post')} of {_count(len(audit.authors), 'author')}{between} (model {audit.model})"]
    lines.append(f"Sincerity index  {_index_words(stream.index)}")
    for label, share in stream.shares.items():
        lines.append(f"{label:<15} {share.estimate:>5.0%}  ({share.low:.0%} to {share.high:.0%})")
    lines.append(
        f"Answers or addresses somebody {stream.addressed:.0%}, repeats a template {stream.repeated:.0%}, "
        f"has a link {stream.links:.0%}, uncertain {stream.uncertain:.0%}, not English {stream.other_language:.0%}."
    )
    lines.append(f"Clock: {_clock_words(stream.timing)}.")
    lines += [f"{template.count:>6} × {_short(template.pattern, 90)}" for template in audit.templates[:5]]
    if len(audit.authors) > 1:
        lines.append("Authors with most posts: posts, index, author")
        for found in audit.authors[:10]:
            lines.append(f"{found.posts:>6}  {_index_words(found.index):<22}  {found.author or '(not named)'}")
    lines.append("Automated-looking is not “a bot”: these are figures about posts, not verdicts on people.")
    return "\n".join(lines)


def _head(audit: Audit, name: str) -> str:
    stream = audit.stream
    between = f", {escape(stream.first[:10])} to {escape(stream.last[:10])}" if stream.first else ""
    return (
        f"<header><h1>How much of {escape(name)} is conversation?</h1>"
        f'<p class="soft">{_count(stream.posts, "post")} of {_count(len(audit.authors), "author")}{between}. '
        f"Made on this computer with the model {escape(audit.model)}; nothing was sent anywhere.</p></header>"
    )


def _hero(found: Findings) -> str:
    if found.index:
        number = (
            f'<div><p class="soft">Sincerity index</p><div class="number">{found.index.value:.0f}'
            f"<small> ({found.index.low:.0f} to {found.index.high:.0f})</small></div>{scale(found.index)}"
            '<div class="ends"><span>0</span><span>100</span></div></div>'
        )
    else:
        number = (
            '<div><p class="soft">Sincerity index</p>'
            f"<p>Too few posts that can be read: {LEAST_POSTS} are needed.</p></div>"
        )
    if not found.shares:
        return f'<section class="card hero">{number}<p>No post could be read.</p></section>'
    legend = "".join(
        f'<li><i class="{label}"></i><span>{_NAMES[Label(label)]} <small>({label})</small></span>'
        f"<span><b>{share.estimate:.0%}</b> <small>{share.low:.0%} to {share.high:.0%}</small></span></li>"
        for label, share in found.shares.items()
    )
    return (
        f'<section class="card hero">{number}<div>{mix(found.shares)}<ul class="legend">{legend}</ul></div></section>'
    )


def _tiles(found: Findings, many: bool) -> str:
    tiles = [
        (f"{found.addressed:.0%}", "answer or address somebody"),
        (f"{found.repeated:.0%}", f"from a template the author used {LEAST_REPEATS} times or more"),
        (f"{found.links:.0%}", "have a link"),
        (f"{found.reposts:.0%}", "pass on another's post"),
        (f"{found.uncertain:.0%}", "left the model unsure"),
        (f"{found.other_language + found.blank:.0%}", "not in English, or nothing to read"),
    ]
    if many:
        tiles.insert(2, (f"{found.shared:.0%}", "from a template that three authors share"))
    shown = "".join(f"<div><b>{share}</b><small>{words}</small></div>" for share, words in tiles)
    return f'<section class="tiles">{shown}</section>'


def _over_time(audit: Audit) -> str:
    found = audit.stream
    if len(found.periods) < 2:
        return ""
    most = max(sum(period.labels.values()) for period in found.periods)
    middle = found.periods[len(found.periods) // 2].start
    return (
        f"<h2>Over time</h2><figure>{over_time(found.periods)}"
        f'<div class="axis"><span>{found.periods[0].start}</span><span>{middle}</span>'
        f"<span>{found.periods[-1].start}</span></div><figcaption>Labels given in each {audit.unit}, up to "
        f"{_count(most, 'post')}. {_change_words(found.change)}</figcaption></figure>"
    )


def _week(found: Findings) -> str:
    if not found.timing.posts:
        return ""
    days = "".join(f"<span>{day}</span>" for day in "Mon Tue Wed Thu Fri Sat Sun".split())
    axis = "".join(f"<span>{hour:02d}:00</span>" for hour in (0, 6, 12, 18))
    return (
        f'<h2>Hours of the week</h2><figure><div class="week"><div class="days">{days}</div>{heat_map(found.hours)}'
        f'<div class="axis">{axis}</div></div><figcaption>{_count(found.timing.posts, "post")} with a time of day. '
        f"Clock test: {_clock_words(found.timing)}.{_burst_words(found.timing)}</figcaption></figure>"
    )


def _templates(templates: Iterable[Template], many: bool) -> str:
    templates = list(templates)
    if not templates:
        return f"<h2>Templates</h2><p>No text was used {LEAST_REPEATS} times or more.</p>"
    items = "".join(
        f"<li><b>{template.count:,}<small> ×</small></b><div><div class='text'>{_with_slots(template.pattern)}</div>"
        f"<small>{_whose(template) if many else ''}</small></div></li>"
        for template in templates[:MOST_SHOWN_TEMPLATES]
    )
    more = len(templates) - MOST_SHOWN_TEMPLATES
    rest = f'<p class="soft">{_count(more, "more template")} in the JSON output.</p>' if more > 0 else ""
    return (
        '<h2>Templates</h2><p class="soft">The same words again and again; what changes is marked.</p>'
        f'<ul class="templates card">{items}</ul>{rest}'
    )


def _conversations(messages: Iterable[Message]) -> str:
    quotes = "".join(map(_quote, messages))
    return f"<h2>Conversation at its best</h2>{quotes}" if quotes else ""


def _typical(found: Findings) -> str:
    """Of one author; conversation has been shown."""
    parts = [
        f"<h3>{_NAMES[Label(label)].capitalize()}</h3>{''.join(map(_quote, messages))}"
        for label, messages in found.typical.items()
        if messages and label != Label.CONVERSATIONAL
    ]
    return f"<h2>Typical posts of each kind</h2>{''.join(parts)}" if parts else ""


def _authors(authors: tuple[Findings, ...]) -> str:
    """A table of those with posts enough to say something of them."""
    told = [found for found in authors if found.index]
    few = f"{_count(len(authors) - len(told), 'author')} with fewer than {LEAST_POSTS} posts that can be read"
    if not told:
        return f'<h2>Authors</h2><p class="soft">{few}: too few to say anything of them one by one.</p>'
    names = "author,posts,,index (95 %),mix,addresses somebody,repeated,links,on the clock".split(",")
    head = "".join(f"<th>{name}</th>" for name in names)
    left_out = [f"{_count(len(told) - MOST_AUTHORS, 'more author')} in the JSON output."] * (len(told) > MOST_AUTHORS)
    left_out += [f"Not shown: {few}."] * (len(told) < len(authors))
    return (
        '<h2>Authors</h2><p class="soft">A low index is a statement about posts, not about a person.</p>'
        f'<div class="scroll card"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(map(_row, told[:MOST_AUTHORS]))}</tbody></table></div>"
        f'<p class="soft">{" ".join(left_out)}</p>'
        f"<h2>Author by author</h2>{''.join(map(_details, told[:MOST_DETAILS]))}"
    )


def _row(found: Findings) -> str:
    index, clock = found.index, found.timing.on_the_clock
    cells = (
        _author(found),
        f"{found.posts:,}",
        scale(index) if index else "",
        f"{index.value:.0f} ({index.low:.0f}–{index.high:.0f})" if index else "–",
        mix(found.shares) if found.shares else "",
        *(f"{share:.0%}" for share in (found.addressed, found.repeated, found.links)),
        "–" if clock is None else f"{clock:.0%}",
    )
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _details(found: Findings) -> str:
    pictures = ""
    if len(found.periods) > 1:
        pictures += f"<figure>{over_time(found.periods)}<figcaption>{_change_words(found.change)}</figcaption></figure>"
    if found.timing.posts:
        words = f"Monday to Sunday, 0 to 24 h. Clock test: {_clock_words(found.timing)}.{_burst_words(found.timing)}"
        pictures += f"<figure>{heat_map(found.hours)}<figcaption>{words}</figcaption></figure>"
    quotes = "".join(_quote(message) for messages in found.typical.values() for message in messages[:2])
    return (
        f'<details><summary>{_author(found)} <span class="soft">{_count(found.posts, "post")}, index '
        f'{_index_words(found.index)}</span></summary><div class="two">{pictures}</div>{quotes}</details>'
    )


def _quote(message: Message) -> str:
    label = message.label
    where = " · ".join(filter(None, (escape(message.author), escape(message.created_at[:16]))))
    context = max(message.in_context, key=message.in_context.__getitem__)
    moved = f"{label} {message.scores[label]:.0%} by its text, {message.in_context[label]:.0%} in the stream"
    if context != label:
        moved += f" ({context} {message.in_context[context]:.0%})"
    repeats = f" · used {message.repeats} times" if message.repeats >= LEAST_REPEATS else ""
    return (
        f'<blockquote class="{label}"><div class="text">{_marked(message)}</div>'
        f"<footer>{where}{' · ' if where else ''}{moved}{repeats}</footer></blockquote>"
    )


def _marked(message: Message) -> str:
    parts, end = [], 0
    for start, stop in message.marks:
        parts.append(f'{escape(message.text[end:start])}<mark class="why">{escape(message.text[start:stop])}</mark>')
        end = stop
    return "".join((*parts, escape(message.text[end:])))


def _whose(template: Template) -> str:
    shown = ", ".join(
        f"{escape(name or '(not named)')} {count:,}" for name, count in list(template.authors.items())[:4]
    )
    return shown + (f" and {len(template.authors) - 4:,} more" if len(template.authors) > 4 else "")


def _with_slots(pattern: str) -> str:
    return escape(_short(pattern, 400)).replace(SLOT, "<mark>…</mark>")


def _author(found: Findings) -> str:
    return escape(found.author or "(not named)")


def _index_words(index: Interval | None) -> str:
    return f"{index.value:.0f} ({index.low:.0f} to {index.high:.0f})" if index else f"– (below {LEAST_POSTS} posts)"


def _change_words(change: Interval | None) -> str:
    if change is None:
        return ""
    value, low, high = (f"{100 * x:+.0f}".replace("-", "−") for x in (change.value, change.low, change.high))
    telling = "" if change.low > 0 or change.high < 0 else ", which may be chance"
    return (
        f"From the earlier half of the posts to the later, the corrected share of conversation changed by "
        f"{value} points ({low} to {high}){telling}."
    )


def _clock_words(found: Timing) -> str:
    if found.clock_p is None:
        return f"too few posts with a time of day ({found.posts} of {LEAST_CLOCK})"
    if found.clock_p >= SIGNIFICANT:
        return "minutes and seconds as people leave them"
    return f"{found.on_the_clock:.0%} of posts fall on favoured minutes or seconds, beyond chance"


def _burst_words(found: Timing) -> str:
    return "" if found.burstiness is None else f" Burstiness {found.burstiness:.2f}.".replace("-", "−")


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _short(text: str, most: int) -> str:
    text = " ".join(text.split())
    return text if len(text) <= most else text[: most - 1] + "…"
