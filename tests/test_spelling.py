"""Slips of the finger: mended in what the graphs read, never in what is told of the text."""

from __future__ import annotations

import random
from string import ascii_lowercase as LETTERS

import pytest

from benchmarks.robustness import typos
from sincerity import Classifier
from sincerity.cleaning import Cleaned, clean
from sincerity.restoring import frequent
from sincerity.spelling import LEAST_LETTERS, LEAST_TEXTS, mended, respelt, slips
from training.corpus import own_rows

TEXTS = [row.text for row in own_rows("test")]


@pytest.mark.parametrize(
    ("word", "read"),
    [
        ("follwing", "following"),
        ("becuase", "because"),
        ("weekwnd", "weekend"),
        ("Befroe", "Before"),
    ],
)
def test_an_unknown_word_one_slip_from_a_frequent_one_is_read_as_it(word: str, read: str) -> None:
    assert mended(word) == read
    assert frequent()[read.lower()] >= LEAST_TEXTS


@pytest.mark.parametrize(
    "word", ["following", "zyxqv", "hte", "innit", "gonna", "colour", "color", "wobmat", "mend", "mends"]
)
def test_known_words_short_ones_and_what_is_near_none_stay(word: str) -> None:
    assert mended(word) == word


def test_names_capitals_links_and_tokens_stay() -> None:
    text = "[LOWER] see Petre and JUPITRE at [URL] with [USER], follwing.net, don't x-follwing"
    assert respelt(Cleaned(text, False)) == Cleaned(text, False)


@pytest.mark.parametrize(
    "word", ["follwing", "thsi", "recieved", "somethingg", "tomorow", "wich", "frmo", "xyzzy", "aaaa"]
)
def test_words_one_slip_away_are_all_found(word: str) -> None:
    around = {word[:i] + letter + word[j:] for i in range(1, len(word) + 1) for j in (i, i + 1) for letter in LETTERS}
    around |= {word[:i] + word[i + 1 :] for i in range(1, len(word))}
    around |= {word[:i] + word[i + 1] + word[i] + word[i + 2 :] for i in range(1, len(word) - 1)}
    known = {one for one, texts in frequent().items() if texts >= LEAST_TEXTS and len(one) >= LEAST_LETTERS}
    assert slips(word) - {word} == around & known - {word}


def test_a_mended_word_stands_for_the_characters_of_the_one_in_the_text() -> None:
    text = "  Thakns for follwing us, we beleive you"
    plain, view = clean(text, offsets=True), respelt(clean(text, offsets=True))
    assert view.offsets is not None and len(view.offsets) == len(view.text)
    place = view.text.index("following")
    assert {text[slice(*span)] for span in view.offsets[place : place + 9]} == {"follwing"}
    assert view.text.startswith(plain.text[: plain.text.index("Thakns")] + "Thanks for following us")
    assert respelt(clean(text)).text == view.text


def test_reasons_quote_the_text_as_it_is_written(classifier: Classifier) -> None:
    text = "Thakns for follwing! Lookng forward to your tweets."
    reasons = classifier.classify(text, explain=True).reasons
    assert all(text[one.start : one.end] == one.text for one in reasons)
    assert "follwing" in {one.text for one in reasons}


def test_a_third_of_typos_is_undone_and_few_texts_without_any_are_changed() -> None:
    rng = random.Random(0)
    views = [clean(text).text for text in TEXTS]
    spelt = [typos(view, rng) for view in views]
    wrong = [(view, new) for view, new in zip(views, spelt, strict=True) if new != view]
    undone = sum(respelt(Cleaned(new, False)).text == respelt(Cleaned(view, False)).text for view, new in wrong)
    assert undone > len(wrong) / 3
    assert sum(respelt(Cleaned(view, False)).text != view for view in views) < 0.15 * len(views)
