"""Reasons: which words pushed toward the label and which away, and the forms that a text is in, by name.

Words get the model's own attribution (`sincerity.model`). Forms are found by the patterns below, which can be read;
what each is worth is measured: how often a message with the form has its label.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from operator import itemgetter
from typing import NamedTuple

from sincerity.cleaning import Cleaned, Span
from sincerity.instances import instances
from sincerity.labels import Label


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """What moved the model, and how far.

    The weights of a prediction's words and traits add up to its margin: the label's logit less the mean of the others.
    A form repeats what the words in it weigh.
    """

    start: int
    """First character in the original text."""
    end: int
    """Behind the last character; equal to `start` for a trait of the whole text."""
    text: str
    """The characters in between."""
    weight: float
    """In logits: positive toward the label, negative away from it."""
    evidence: str = ""
    """In plain words, what the form or the trait is; empty for words."""


class Form(NamedTuple):
    """A form that messages of one label tend to have."""

    name: str
    label: Label
    pattern: str
    """Searched in the cleaned text, behind its cues; compiled when reasons are first asked for."""
    needs: tuple[str, ...] = ()
    """One of these stands in every text of the form; most texts have none, which is sooner found out."""


def _form(name: str, label: Label, *patterns: str, needs: tuple[str, ...] = ()) -> Form:
    return Form(name, label, "|".join(patterns), needs)


_CALL = (
    r"(?:(?<![\w#@'-])(?:(?<!\w )(?<!\w, )|(?<=please )|(?<=pls )|(?<=now )|(?<=so )|(?<=then )|(?<=today )|(?<=just ))"
    r"(?:shop|buy|order|book|register|subscribe|download|join|get yours?|check (?:it |us )?out|click|tap|visit|apply|"
    r"donate|vote|enter|claim|save|grab|watch|tune in)"
    r"|\b(?:click (?:here|now|below|(?:on )?the link|to)|learn more|read more|sign up|get yours|use code|find out|"
    r"pre-?order|check us out|(?:shop|buy|order|book|register|subscribe|download|join|apply|donate|vote|enter|claim|"
    r"save|visit|watch) (?:now|here|today|online|us)))\b"
)
"""Where an imperative stands, or in a stock phrase; a book, an order and a vote are mostly no calls."""

_NO_HEADLINE = (
    r"\b(?:i|i'm|im|my|me|we|our|us|u|ur|you|your|lol|haha+|omg|wow|here(?:'s)?|this|these|there(?:'s)?|it's|that's|so|"
    r"just|love|great|amazing|awesome|happy|thanks?|please|getting|going|they|really|check|read|watch|learn|help|see|"
    r"look|live|join|free|tonight|support|posts?|posted|blog|share|get|win|now|stop|vote|register|hiring|jobs?|sale|"
    r"buy|deals?|enter|tickets?|shop|save|discover|meet|introducing|official|episode|podcast|webinar|giveaway|"
    r"updated?|updates|photos?|pics?|video)\b"
)
"""Words of persons and of sellers."""
_NEWS = (
    r"\b(?:says?|said|reports?|police|killed|kills?|dies|dead|death|court|judge|study|officials?|minister|after|amid|"
    r"via|arrested|charged|accused|announces?|plans?|may|could|to be|will|over|as|by|into|attack|crash|shooting|"
    r"market|stocks?|news|times)\b"
)

_HEADLINE = (
    rf"^(?=[^\[#!?@]{{20,160}}\s\[URL\]\W*$)(?![^\[]*{_NO_HEADLINE})"
    r"(?!.*[a-z)]\.\s+(?-i:[A-Z]))(?!.*[^.]\.\s*\[URL\])[\"']?(?-i:[A-Z0-9])"  # one sentence
    r"(?:(?=(?:.*?\b(?-i:[A-Z])\w{3,}){3})(?!.*(?<![\w'])(?-i:[a-z])\w{4,})"  # a headline's capitals
    r"|(?<=(?-i:[A-Z]))[\w.&' ]{2,24}:\s"  # a name set off, a source set off
    r"|(?=.*\s(?:[-|/~]\s?|(?:via|by)\s)(?-i:[A-Z])[^\[]{2,40}\s\[URL\])"
    rf"|(?=.*{_NEWS}))[^\[]+\[URL\]\W*$"
)

FORMS = (
    _form(
        "thanks-for-following form", Label.AUTOMATED,
        r"\b(?:thanks|thank you|thx|ty|cheers)\b[^.!?]{0,20}\bfor (?:the |your |this )?(?:follow(?:ing)?|add(?:ing)?|"
        r"connect(?:ing|ion)?)\b(?: (?:me|us|back))?",
        r"\bappreciate (?:the|your|you) follow(?:ing)?\b",
    ),
    _form(
        "stock invitation", Label.AUTOMATED,
        r"\bi(?:'d| would) like to (?:add you to|connect with you on|invite you to)\b.{0,40}",
        r"\b(?:has |have )?invited you to (?:join|connect|like|try|follow)\b",
        r"\bwants to (?:connect|be (?:your )?friends?|follow you|share)\b",
        r"\b(?:add|join) (?:you to )?my (?:professional )?network\b",
    ),
    _form(
        "unsubscribe footer", Label.PROMOTIONAL,
        r"\bunsubscribe\b", r"\bopt[- ]?out\b", r"\b(?:text|txt|reply|send|rply)\W+(?:with )?stop\b",
        r"\bstop to (?:end|\d+)",
        r"\bto stop (?:texts|receiving|these)\b", r"\bmanage (?:your )?preferences\b",
    ),
    _form(
        "call to action with link", Label.PROMOTIONAL,
        rf"{_CALL}[^\[?]{{0,60}}\[(?:URL|MAIL)\]", needs=("[URL]", "[MAIL]"),
    ),
    _form(
        "headline with closing link", Label.AUTOMATED,
        _HEADLINE,
    ),
    _form(
        "answers a person", Label.CONVERSATIONAL,
        r"^(?:\[USER\] )+(?!.*\[URL\]).{0,240}",
    ),
    _form(
        "question to the reader", Label.CONVERSATIONAL,
        r"\b(?:do|did|are|were|have|can|could|would|will|what|why|how|when|where|who) (?:\w+ ){0,2}?(?:you|u|ya|yall)\b"
        r"(?!.*\[URL\])[^.?!]{0,80}\?", needs=("?",),
    ),
    _form(
        "refers to something shared", Label.CONVERSATIONAL,
        r"\b(?:remember (?:when|how|that time)|(?<!one )last time (?:we|you|i)|the other (?:day|night)|as you said|"
        r"like (?:you|we) said|you (?:said|told|asked|mentioned|were right)|when we (?:were|met|went|talked|spoke)|"
        r"see you (?:there|then|at|tonight|tomorrow|soon)|good (?:seeing|to see) you|we (?:talked|spoke|met|went))\b"
        r"(?!.*\[URL\])",
    ),
    _form(
        "invites to meet", Label.CONVERSATIONAL,
        r"\b(?:wanna|want to|fancy|shall we|let'?s|care to|up for|free for|down for) (?:\w+ ){0,3}?(?:coffee|lunch|"
        r"dinner|drinks?|beers?|pint|meet(?: up)?|hang(?: out)?|catch up|grab|movie|film|walk|brunch|tea)\b",
        r"\b(?:are|r) (?:you|u) (?:free|around|coming|about) (?:on|this|tonight|tomorrow|later|for|at)\b",
    ),
)  # fmt: skip
"""In the order in which they are shown."""

_TRAITS = {
    "[LOWER]": "no capital letters",
    "[UPPER]": "mostly capital letters",
    "[CAPS]": "some words in capitals",
    "[TITLE]": "a headline's capitals",
    "[ENDURL]": "ends in a link",
    "[URLS]": "several links",
    "[TAGS]": "many hashtags",
    "[USERS]": "many mentions",
    "[QUOTE]": "opens with a quotation mark",
    "[ME]": "says I or we",
    "[YOU]": "says you",
    "[MEYOU]": "says I or we, and you",
    "[SHORT]": "few words",
    "[LONG]": "many words",
    "[LINES]": "several lines",
}


class Part(NamedTuple):
    """A word, half-open in a text, with what it weighs; or a trait of the whole text, which has no place in it."""

    start: int
    end: int
    weight: float
    trait: str = ""


def forms(view: Cleaned) -> Iterator[tuple[Form, int, int]]:
    """The forms of a cleaned text, each with its first place there."""
    start = _body(view)
    text = view.text[start:]
    for form in FORMS:
        if form.needs and not any(sign in text for sign in form.needs):
            continue
        if match := _compiled(form.pattern).search(text):
            yield form, start + match.start(), start + match.end()


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


def _body(view: Cleaned) -> int:
    """Where the text starts behind its cues, which are the part that stands for no characters."""
    spans = view.offsets or []
    return next((i for i, span in enumerate(spans) if span != (0, 0)), len(spans))


def in_original(view: Cleaned, parts: Iterable[Part]) -> list[Part]:
    """Parts of a cleaned text as parts of the text it came from; cues as traits."""
    body = _body(view)
    return [
        Part(0, 0, part.weight, _trait(view.text[part.start : part.end]))
        if part.end <= body
        else Part(*_behind(view, part.start, part.end), part.weight)
        for part in parts
    ]


def _behind(view: Cleaned, start: int, end: int) -> Span:
    """The characters of the original behind some of the cleaned text's."""
    spans = (view.offsets or [])[start:end]
    return spans[0][0], max(spans, key=itemgetter(1))[1]


def _trait(cue: str) -> str:
    return _TRAITS.get(cue, cue.strip("[]").lower())


def explain(text: str, view: Cleaned, parts: Sequence[Part]) -> tuple[Reason, ...]:
    """Reasons for a text's label: forms first, then words and traits by strength.

    Args:
        text: The text as it came.
        view: What `sincerity.cleaning` made of it, with offsets.
        parts: What the model's margin consists of, in `text`.
    """
    found = []
    for form, start, end in forms(view):
        first, behind = _behind(view, start, end)
        weight = sum(part.weight for part in parts if not part.trait and first <= part.start and part.end <= behind)
        found.append(Part(first, behind, weight, form.name))
    strongest = sorted(parts, key=lambda part: -abs(part.weight))
    starts, ends, weights, evidence = zip(*found, *strongest, strict=True) if found or parts else ((),) * 4
    said = [text[start:end] for start, end in zip(starts, ends, strict=True)]
    return tuple(instances(Reason, len(said), start=starts, end=ends, text=said, weight=weights, evidence=evidence))


def in_short(reasons: Sequence[Reason], most: int = 3) -> str:
    """Forms, and the words that pushed most toward the label, in one line: `thanks-for-following form; follow +1.2`."""
    named = [one.evidence for one in reasons if one.evidence and one.end > one.start]
    words = [one for one in reasons if one.weight > 0 and (not one.evidence or one.end == one.start)][:most]
    return "; ".join((*named, *(f"{' '.join((one.text or one.evidence).split())} {one.weight:+.1f}" for one in words)))
