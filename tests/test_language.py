"""Which texts are foreign, which are too short to judge, and what a classifier then says of them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import tiny_model

from sincerity import Classifier, Status
from sincerity.cleaning import clean
from sincerity.language import FEW, LONGEST, doubts, foreign, letters, plainly_english, too_short
from training.corpus import in_validation, own_rows, training_rows

HERE = Path(__file__).parent


def languages() -> dict[str, list[str]]:
    """Posts by language, none of which helped to make the tables."""
    groups: dict[str, list[str]] = {}
    name = ""
    for line in HERE.joinpath("languages.txt").read_text("utf-8").splitlines():
        if line.startswith("- "):
            name = line[2:]
        elif line and not line.startswith("#"):
            groups.setdefault(name, []).append(line)
    return groups


def english() -> list[str]:
    lines = HERE.joinpath("english.txt").read_text("utf-8").splitlines()
    return [line for line in lines if not line.startswith("# ")]


def test_posts_in_other_languages_are_known_as_foreign() -> None:
    groups = languages()
    found = {name: sum(foreign(texts)) / len(texts) for name, texts in groups.items()}
    assert len(groups) >= 30 and all(len(texts) == 10 for texts in groups.values())
    assert sum(found.values()) / len(found) >= 0.97
    assert min(found.values()) >= 0.8, found


def test_english_with_slang_names_and_foreign_words_is_mostly_let_pass() -> None:
    texts = english()
    assert sum(foreign(texts)) / len(texts) <= 0.15, [t for t, f in zip(texts, foreign(texts), strict=True) if f]


def test_own_texts_are_english() -> None:
    for split in ("train", "test"):
        found = foreign([row.text for row in own_rows(split)])
        assert sum(found) / len(found) <= 0.003


@pytest.mark.skipif("SINCERITY_DATA" not in os.environ, reason="SINCERITY_DATA is not set")
def test_validation_texts_are_english() -> None:
    found = foreign([row.text for row in training_rows() if in_validation(row.group)])
    assert sum(found) / len(found) <= 0.003


def test_texts_do_not_influence_each_other() -> None:
    texts = [text for group in languages().values() for text in group] + english()
    together = foreign(texts)
    assert together == [foreign([text])[0] for text in texts]
    assert together[::-1] == foreign(texts[::-1])


def test_many_texts_at_once_are_judged_as_each_by_itself() -> None:
    texts = (
        [text for group in languages().values() for text in group] + english() + [row.text for row in own_rows("test")]
    )
    texts += ["", "I am", "is it", "it\u00a0is\u2003so to me", "\u212aISS me and you", "the\x00 of and", "so of " * 300]
    found = doubts(texts)
    alone = [doubts([text]) for text in texts]
    assert len(texts) > FEW > 1
    assert [values.tolist() for values in found] == [[bool(one[k][0]) for one in alone] for k in (0, 1)]
    assert found[1].tolist() == [too_short(text) for text in texts]
    assert plainly_english(texts).mean() > 0.3


def test_letters_in_disguise_are_english() -> None:
    cyrillic = str.maketrans("aceopxy", "\u0430\u0441\u0435\u043e\u0440\u0445\u0443")
    bold = {code: code + 0x1D3B9 for code in range(ord("a"), ord("z") + 1)}
    for table in (cyrillic, bold):
        assert foreign(["congratulations you won a free prize, click here now".translate(table)]) == [False]


def test_capitals_do_not_hide_a_language() -> None:
    assert foreign(["MUCHAS FELICIDADES HERMANO QUE CUMPLAS MUCHOS MAS", "HAPPY BIRTHDAY OLD FRIEND"]) == [True, False]


@pytest.mark.parametrize("text", ["", " ", "\n", "?!", "[URL]", "\U0001f602", "4481", "x" * 50, "\ud800", "\x00"])
def test_what_holds_no_words_is_not_foreign(text: str) -> None:
    assert foreign([text, "no se que hacer con esta gente, de verdad"]) == [False, True]


def test_names_links_and_codes_are_no_evidence() -> None:
    assert letters("Ludovico wins @maria #madrid http://t.co/abc 4sq qX9+Trd1 a_b c.d [LOWER] ok") == b"wins ok"


def test_a_huge_text_is_judged_by_its_start() -> None:
    assert foreign(["el perro de mi hermana no quiere salir " * 100_000]) == [True]
    assert not too_short(" " * (LONGEST - 5) + "hello")


@pytest.mark.parametrize("text", ["k", "\U0001f44d\U0001f44d", "@ann https://t.co/x1", "4481 &amp; 22", "?!", "no"])
def test_less_than_five_letters_are_too_short(text: str) -> None:
    assert too_short(text)
    assert not too_short(text + " did u eat")


def test_a_foreign_text_is_labelled_but_never_certain(classifier: Classifier) -> None:
    for group in languages().values():
        for text, one, found in zip(group, classifier.classify(group), foreign(group), strict=True):
            assert (one.status is Status.LANGUAGE) == found, text
            assert one.label in classifier.labels
            assert not (found and one.certain)


def test_a_short_text_is_never_certain(classifier: Classifier) -> None:
    predictions = classifier.classify(["k", "\U0001f44d", "@ann https://t.co/x1", "2"])
    assert not any(one.certain for one in predictions)
    assert {one.status for one in predictions} == {Status.OK}


def test_blank_goes_before_language_and_language_before_truncated(classifier: Classifier) -> None:
    blank, long = classifier.classify(["\u200b", "el perro de mi hermana no quiere salir hoy " * 100])
    assert (blank.status, long.status) == (Status.BLANK, Status.LANGUAGE)
    assert clean("el perro de mi hermana no quiere salir hoy " * 100).truncated


def test_models_of_other_people_get_no_language_status(tmp_path: Path) -> None:
    texts = ["el perro de mi hermana no quiere salir hoy", "k"]
    assert {one.status for one in Classifier(tiny_model.write(tmp_path)).classify(texts)} == {Status.OK}


def test_russian_and_greek_of_letters_that_all_look_latin_are_foreign_and_english_in_disguise_is_not() -> None:
    other = (
        "\u0412\u043e\u0439\u043d\u0430",
        "\u0443 \u043d\u0430\u0441 \u0432\u0441\u0435 \u0445\u043e\u0440\u043e\u0448\u043e",
        "\u0397 \u03b1\u03b3\u03bf\u03c1\u03ac",
    )
    assert foreign(other) == [True] * 3
    latin = "see you at the market on sunday"
    disguised = latin.translate(str.maketrans("eoacpxyi", "\u0435\u043e\u0430\u0441\u0440\u0445\u0443\u0456"))
    letters = {
        "s": "\u0455",
        "u": "\u057d",
        "t": "\u03c4",
        "h": "\u04bb",
        "m": "\u043c",
        "r": "\u0433",
        "k": "\u043a",
        "n": "\u0578",
        "d": "\u0501",
    }
    wholly = disguised.translate(str.maketrans(letters))
    assert sum(map(str.isascii, wholly.replace(" ", ""))) <= 1
    assert foreign([disguised, wholly, "\uff42\uff55\uff59 \uff4e\uff4f\uff57"]) == [False] * 3
