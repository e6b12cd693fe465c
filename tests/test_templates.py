"""Near-duplicate grouping: what is one template, what is not, and that it goes on where it stopped."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from sincerity import TableError
from sincerity.templates import Templates, pattern
from sincerity.words import words_of

NAMES = ("Ann", "Bob", "Priya", "Tomasz", "Aoife", "Kenji")
FOLLOW = [f"Thanks for following, {name}! Check out our page https://p.example/{name}" for name in NAMES]
CHAT = [
    "See you at eight, bring the cake!",
    "The heron is back on the pond, standing on one leg like an umbrella nobody collected.",
    "I never got the hang of parallel parking either, my brother still laughs about the bollard.",
    "Which platform does the slow train to Quenby leave from these days?",
]


def grouped(*texts: str) -> bool:
    templates = Templates()
    templates.add(texts)
    return len(set(templates.labels().tolist())) == 1


def test_copies_with_another_name_link_number_and_emoji_are_one_template() -> None:
    assert grouped(*FOLLOW)
    assert grouped("Order 17 has shipped and is on its way 🎉", "order 20455 has shipped and is on its way")
    assert grouped("@ann thanks for the follow!", "@bob_7 Thanks for the follow 💙")


def test_a_typo_does_not_hide_a_copy() -> None:
    assert grouped(FOLLOW[0], FOLLOW[0].replace("following", "folowing"))


def test_different_posts_are_different_groups() -> None:
    templates = Templates()
    templates.add([*CHAT, *FOLLOW])
    assert len(set(templates.labels()[: len(CHAT)].tolist())) == len(CHAT)
    assert [group.count for group in templates.groups(least=2)] == [len(FOLLOW)]


def test_short_habits_are_no_template() -> None:
    for text in ("Happy birthday!", "Thank you", "😀😀", "", "https://a.example", "@ann", "\ud800"):
        assert not grouped(text, text)


def test_three_words_must_be_the_same_three() -> None:
    assert grouped("Thanks for following @ann", "Thanks for following @bob")
    assert not grouped("Thanks for following @ann", "Thanks for calling @bob")


def test_slots_are_shown() -> None:
    assert pattern(FOLLOW) == "Thanks for following, {…}! Check out our page {…}"
    assert pattern(["Hi @ann, thanks for the follow", "thanks for the follow"]) == "{…} thanks for the follow"
    assert pattern(["Read it now", "Read it now, says Bob", "Read it now, says Cy"]) == "Read it now{…}"
    assert pattern(["one and only"]) == "one and only"


def test_one_typo_is_no_slot() -> None:
    assert (
        pattern([*FOLLOW, FOLLOW[1].replace("Check", "Chekc")]) == "Thanks for following, {…}! Check out our page {…}"
    )


def test_templates_are_counted_by_author_and_across_authors() -> None:
    templates = Templates()
    templates.add([*FOLLOW, *CHAT, FOLLOW[0]], ["shop"] * len(FOLLOW) + ["ann"] * len(CHAT) + ["twin"])
    assert templates.groups()[0].authors == {"shop": len(FOLLOW), "twin": 1}
    assert templates.repeats().tolist() == [len(FOLLOW)] * len(FOLLOW) + [1] * len(CHAT) + [1]


def test_batches_and_order_of_arrival_make_no_difference_to_a_family() -> None:
    texts = [*FOLLOW, *CHAT]
    whole, parts = Templates(), Templates()
    whole.add(texts)
    for text in texts:
        parts.add([text])
    assert (whole.labels() == parts.labels()).all()


def test_what_is_saved_goes_on_as_if_nothing_had_been(tmp_path: Path) -> None:
    texts, authors = [*FOLLOW, *CHAT] * 3, ["shop"] * len(FOLLOW) + ["ann"] * len(CHAT)
    whole, first = Templates(), Templates()
    whole.add(texts[:10], authors)
    whole.add(texts[10:], authors * 2)
    first.add(texts[:10], authors)
    first.save(tmp_path / "templates.npz")
    again = Templates.load(tmp_path / "templates.npz")
    again.add(texts[10:], authors * 2)
    assert len(again) == len(texts)
    assert again.groups() == whole.groups()
    assert (again.labels() == whole.labels()).all()


@pytest.mark.parametrize("content", [b"", b"nonsense", b"PK\x03\x04"])
def test_a_file_that_is_no_index_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "templates.npz"
    path.write_bytes(content)
    with pytest.raises(TableError, match=r"templates.npz cannot be read .* Expected: a file that Templates.save wrote"):
        Templates.load(path)
    with pytest.raises(TableError, match="cannot be read"):
        Templates.load(tmp_path / "none.npz")


def test_an_author_is_missing() -> None:
    with pytest.raises(ValueError, match="There are 2 texts and 1 authors"):
        Templates().add(CHAT[:2], ["ann"])


def test_a_family_is_found_when_the_index_has_grown_past_it() -> None:
    rng = random.Random(0)
    noise = [" ".join(f"w{rng.choice('abcdefghij')}{chr(97 + rng.randrange(26))}{rng.choice('xyz')}" for _ in range(12))
             for _ in range(9000)]  # fmt: skip
    templates = Templates()
    templates.add([*FOLLOW[:3], *noise, *FOLLOW[3:]])
    labels = templates.labels()
    assert len(set(np.concatenate((labels[:3], labels[-3:])).tolist())) == 1


def test_words_are_the_same_whatever_their_case_and_neighbours() -> None:
    words, text_of, slots = words_of(["Don’t go", "DON'T", "go  don't 5 @x http://go.example/don't?a www.go.example"])
    assert text_of.tolist() == [0, 0, 1, 2, 2]
    assert slots.tolist() == [0, 0, 4]
    assert words[0] == words[2] == words[4]
    assert words[1] == words[3]


def test_a_huge_text_costs_no_more_than_its_beginning() -> None:
    assert grouped("la la land of hope and glory " * 400_000, "la la land of hope and glory " * 500)
