"""Letters that no table knows are read from the words around; what is not English in disguise is left alone."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time

import pytest

from sincerity.cleaning import _FOLD, _FOREIGN_WORD, _LATIN, _lookalikes, clean
from sincerity.restoring import MOST_CANDIDATES, _candidates, frequent, restored

ETA, OMEGA, PE = "\u03b7", "\u03c9", "\u043f"
ORDINARY = "1a5d2bde95b0409652e49020ca440d93a219542c11a4a10fc9aa09b521f42746"


def body(text: str) -> str:
    return " ".join(word for word in clean(text).text.split() if not word.startswith("["))


def test_an_unknown_letter_is_read_from_its_word_and_its_neighbours() -> None:
    text = f"Tha{ETA}ks for liste{ETA}i{ETA}g, see you o{ETA} Su{ETA}day"
    assert ord(ETA) not in _lookalikes()
    assert body(text) == "Thanks for listening, see you on Sunday"


def test_a_sign_is_one_letter_throughout_a_text_and_so_read_in_words_of_no_list() -> None:
    words = (f"k{OMEGA}o{OMEGA}", f"{OMEGA}ever", f"agai{OMEGA}", f"Zor{OMEGA}blat")
    read = restored(words)
    assert read is not None
    assert read[3] == "Zornblat"


def test_whole_words_of_unknown_letters_are_read_where_most_words_are_mixed() -> None:
    text = f"The{ETA} the ma{ETA} a{ETA}d his frie{ETA}d were give{ETA} {ETA}{ETA} i{ETA} tow{ETA}"
    assert body(text).isascii()


@pytest.mark.parametrize(
    "text",
    [
        "\u0437\u0430\u0432\u0442\u0440\u0430 \u0431\u0443\u0434\u0435\u0442 \u0434\u043e\u0436\u0434\u044c",
        "I read \u041f\u0443\u0448\u043a\u0438\u043d twice",
        "\u05e9\u05dc\u05d5\u05dd my friend",
        "\u0645\u0631\u062d\u0628\u0627 hello",
        "\u660e\u65e5\u306f\u3044\u3044\u5929\u6c17 see you",
    ],
)
def test_words_of_another_script_stay_in_it(text: str) -> None:
    foreign = [word for word in text.split() if not word.isascii()]
    plain = [word.translate(_FOLD) for word in foreign]
    assert all(word in clean(text).text for word in plain)


def test_what_is_not_english_gets_no_english_words() -> None:
    icelandic = "\u00feetta er ekki gott ve\u00f0ur, vi\u00f0 ver\u00f0um heima \u00ed kv\u00f6ld og bor\u00f0um"
    folded = icelandic.translate(_FOLD)
    assert body(icelandic) == "".join(char for char in folded if char.isascii())


def test_a_glued_word_and_marks_of_pronunciation_lose_them_as_before() -> None:
    assert body("see my iPhone\u3092 and say \u02c8big\u0259t") == "see my iPhone and say biget"


def test_the_place_of_a_restored_word_is_known() -> None:
    text = f"well, tha{ETA}ks for comi{ETA}g"
    cleaned = clean(text, offsets=True)
    assert cleaned.offsets is not None
    at = cleaned.text.index("thanks")
    start, end = cleaned.offsets[at]
    assert text[start:end] == f"tha{ETA}ks"


def test_ordinary_texts_need_no_list_of_words() -> None:
    code = (
        "import sys; from sincerity.cleaning import clean\n"
        "[clean(t) for t in ('Caf\\u00e9 at \\uff22\\uff35\\uff39?', '\\u0440\\u0430ypal', '\\u0434\\u043e\\u043c')]\n"
        "assert 'sincerity.restoring' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_same_text_is_read_alike_in_every_process() -> None:
    text = " ".join(f"{word[:-1]}{ETA}{OMEGA}" for word in "some words that might be read in two ways".split())
    code = f"from sincerity.cleaning import clean; print(ascii(clean({text!r}).text))"
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            check=True,
            env={**os.environ, "PYTHONHASHSEED": str(seed)},
        ).stdout
        for seed in range(3)
    }
    assert len(outputs) == 1


def test_a_huge_disguised_text_takes_a_bounded_time() -> None:
    clean(f"tha{ETA}ks")
    text = f"tha{ETA}ks for the {PE}{ETA}i{ETA} words{OMEGA} a{ETA}d more " * 250_000
    started = time.process_time()
    clean(text)
    assert time.process_time() - started < 3


@pytest.mark.skipif("SINCERITY_DATA" not in os.environ, reason="SINCERITY_DATA is not set: no pool of texts")
def test_ordinary_texts_are_cleaned_to_the_byte_as_the_models_know_them() -> None:
    """The hash was made by the clean-up that the models were first trained with, of every 58th text of the pool."""
    from training.corpus import pool_texts

    digest, count = hashlib.sha256(), 0
    for text in pool_texts(10_000):
        if not any(map(_LATIN.search, _FOREIGN_WORD.findall(text.translate(_FOLD)))):  # no mixed word
            digest.update(clean(text).text.encode())
            count += 1
    assert count > 9000
    assert digest.hexdigest() == ORDINARY


@pytest.mark.parametrize(
    "word", ["t\u03b7e", "\u03b7\u03b7\u03b7", "TO\u03b7AY", "don'\u03b7", "\u03b7" * 40, "qx\u03b7zz"]
)
def test_candidates_are_the_first_words_of_the_list_that_have_the_known_letters(word: str) -> None:
    fits = [
        one
        for one in frequent()
        if len(one) == len(word) and all(a == b.lower() for a, b in zip(one, word, strict=True) if b.isascii())
    ]
    assert [one.word for one in _candidates(word)] == fits[:MOST_CANDIDATES]
