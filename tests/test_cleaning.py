"""`clean`: what the encoder gets to read, and where each character of it came from."""

from __future__ import annotations

import json
import os
import re
import time
import unicodedata
from pathlib import Path
from string import ascii_lowercase

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sincerity import cleaning
from sincerity.cleaning import HEAD, TAIL, TOKENS, clean

RESERVED = {*TOKENS, "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"}
CUES = set(TOKENS) - {"[URL]", "[MAIL]", "[USER]", "[FEEL]", "[POINT]", "[EMOJI]", "[CUT]"}
BAD_INPUT = Path(os.environ["SINCERITY_DATA"]).parent / "badinput" if os.environ.get("SINCERITY_DATA") else None
TRACKED = settings(deadline=None, max_examples=400, suppress_health_check=[HealthCheck.too_slow])


def body(text: str) -> str:
    """The cleaned text without its cues."""
    words = clean(text).text.split(" ")
    while words and words[0] in CUES:
        words.pop(0)
    return " ".join(words)


def cues(text: str) -> set[str]:
    return set(clean(text).text.split(" ")) & CUES


def origins(text: str, part: str) -> str:
    """The stretch of `text` that the first `part` of the cleaned text stands for."""
    cleaned = clean(text, offsets=True)
    assert cleaned.offsets is not None
    at = cleaned.text.index(part)
    spans = cleaned.offsets[at : at + len(part)]
    return text[spans[0][0] : spans[-1][1]]


def bad_input(*parts: str) -> Path:
    if BAD_INPUT is None:
        pytest.skip("SINCERITY_DATA is not set: no public lists of bad input")
    if not (path := BAD_INPUT.joinpath(*parts)).is_file():
        pytest.skip(f"{path} is missing")
    return path


def assert_offsets_are_sound(text: str) -> None:
    plain, tracked = clean(text), clean(text, offsets=True)
    assert plain.offsets is None
    assert (tracked.text, tracked.truncated) == (plain.text, plain.truncated)
    assert tracked.offsets is not None
    assert len(tracked.offsets) == len(tracked.text)
    first = next((i for i, span in enumerate(tracked.offsets) if span != (0, 0)), len(tracked.offsets))
    assert set(tracked.text[:first].split()) <= CUES
    starts = [start for start, _ in tracked.offsets[first:]]
    ends = [end for _, end in tracked.offsets[first:]]
    assert starts == sorted(starts)
    assert all(0 <= start < end <= len(text) for start, end in zip(starts, ends, strict=True))


# Characters ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("tea &amp; cake", "tea & cake"),
        ("tea &amp;amp; cake", "tea & cake"),
        ("we &lt;3 you", "we <0 you"),
        ("we &amp;lt;3 you", "we <0 you"),
        ("it&#39;s late", "it's late"),
        ("it&#x27;s late", "it's late"),
        ("it&rsquo;s &quot;late&quot;", 'it\'s "late"'),
        ("one&nbsp;two", "one two"),
        ("half past &frac12;", "half past 0"),
        ("five &lt six", "five < six"),
        ("this & that; R&B", "this & that; R&B"),
        ("a&#0;b&#xD800;c", "abc"),
        ("party &#127881;", "party [EMOJI]"),
    ],
)
def test_entities_are_resolved(text: str, expected: str) -> None:
    assert body(text) == expected


@pytest.mark.parametrize(
    "char",
    [
        *"\u200b\u200c\u200d\u2060\ufeff",  # zero width
        *"\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069",  # direction
        *"\U000e0001\U000e0041\U000e0062\U000e007f",  # tags
        *"\u00ad\u034f\u180e\ufe0f\U000e0100",  # soft hyphen, grapheme joiner, selectors
        *"\u3164\u115f\u1160\uffa0\u2800\u17b4\u17b5",  # letters and a symbol that do not show
        *"\x00\x01\x08\x1b\x1f\x7f\x80\x9f",  # control
        *"\ue000\U000f0000\ufffd\ufffe\ud800\udfff",  # private use, broken
    ],
    ids=lambda char: f"U+{ord(char):04X}",
)
def test_invisible_characters_change_nothing(char: str) -> None:
    visible = "Lovely walk by the river, see www.river.example or @ann"
    assert clean(char.join(visible)).text == clean(visible).text
    assert clean(char * 9).text == ""


@pytest.mark.parametrize("space", "\u00a0\u2003\u2009\u202f\u205f\u3000\u1680\t\n\r\u0085\u2028\u2029")
def test_every_space_is_a_space(space: str) -> None:
    assert body(f"one{space}{space}two{space}") == "one two"


@pytest.mark.parametrize(
    "fancy",
    [
        "Ｆｒｅｅ",
        "𝐅𝐫𝐞𝐞",
        "𝐹𝑟𝑒𝑒",
        "𝓕𝓻𝓮𝓮",
        "𝔉𝔯𝔢𝔢",
        "𝔽𝕣𝕖𝕖",
        "𝖥𝗋𝖾𝖾",
        "𝙵𝚛𝚎𝚎",
        "Ⓕⓡⓔⓔ",
        "Ḟṙèé",
        "F\u0301r\u0302e\u0303e\u0308",
        "F\u0336r\u0336e\u0336e\u0336",
        "Fｒeе",
        "Fɾéҽ",
        "Ϝгее",
    ],
)
def test_letters_in_disguise_are_plain_letters(fancy: str) -> None:
    assert body(f"{fancy} tea").lower() == "free tea"


def test_marks_of_a_letter_fall_and_the_letter_stays() -> None:
    assert body("Crème brûlée à la façon d'Übelhör, señor Łukasz Ångström") == (
        "Creme brulee a la facon d'Ubelhor, senor Lukasz Angstrom"
    )
    assert body("𝟐𝟎 ㎏ ﬁne ² ⅓ ™") == "0 kg fine 0 0 TM"


def test_stacked_marks_fall() -> None:
    assert body("h" + "\u0300\u0335\u0489" * 50 + "i" + "\u0353" * 50) == "hi"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("раураl", "paypal"),  # Cyrillic
        ("Аpple", "Apple"),
        ("ѕаlе", "sale"),
        ("ρrize", "prize"),  # Greek
        ("Βοnus", "Bonus"),
        ("Ꮪale", "Sale"),  # Cherokee
        ("Ꮃinner", "Winner"),
        ("ոow", "now"),  # Armenian
        ("ⲟffer", "offer"),  # Coptic
        ("ꓓeal", "Deal"),  # Lisu
        ("ᏔIΝ", "WIN"),
    ],
)
def test_look_alike_letters_in_a_latin_word_are_latin(text: str, expected: str) -> None:
    assert body(f"{text} now") == f"{expected} now"


@pytest.mark.parametrize(
    "text",
    [
        "Завтра будет дождь, возьмите зонтик",
        "Ждём друзей. Будет вкусная еда",
        "Θέλω λίγη ζάχαρη επειδή φεύγω",
        "Ջուրը լավ է",
        "明日はいい天気です",
        "Дождь идёт during lunch",
    ],
)
def test_a_word_with_a_letter_of_its_own_script_stays_in_it(text: str) -> None:
    plain = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    assert body(text) == plain


def test_quotes_and_dashes_are_typed_ones() -> None:
    assert body("‘one’ ‚two‛ “three” „four‟ «five» ‹six› it´s itʼs") == (
        "'one' 'two' \"three\" \"four\" \"five\" 'six' it's it's"
    )
    assert body("a‐b a‑b a‒b a–b a—b a―b a−b") == "a-b " * 6 + "a-b"
    assert body("wait… what⁈ no") == "wait... what?! no"


def test_lone_surrogates_never_survive() -> None:
    for text in ("\ud800", "a\udfffb", "\udc80\udcff", "\ud83d\ude00 hi", "@\ud800ann http://a\udc00.example/\ud800"):
        clean(text).text.encode("utf-8")
    assert body("a\udfffb") == "ab"


def test_every_code_point_alone_is_cleaned() -> None:
    for code in range(0x110000):
        char = chr(code)
        if unicodedata.category(char) != "Cn":
            text = clean(char).text
            assert type(text) is str
            assert text.isascii() or text.encode("utf-8")


# Tokens --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("see http://tea.example/a?b=1&c=2#d now", "see [URL] now"),
        ("see https://tea.example now", "see [URL] now"),
        ("see HTTPS://TEA.EXAMPLE/A now", "see [URL] now"),
        ("see www.tea.example now", "see [URL] now"),
        ("see WWW.Tea.Example/x now", "see [URL] now"),
        ("see tea.example now", "see [URL] now"),
        ("see tea.example/menu now", "see [URL] now"),
        ("see my.tea.co.uk/menu now", "see [URL] now"),
        ("see bit.ly/3aBcD now", "see [URL] now"),
        ("see TEA.COM now", "see [URL] now"),
        ("see http://чай.example/путь now", "see [URL] now"),
        ("see ｈｔｔｐ：//tea.example now", "see [URL] now"),
        ("see (http://tea.example/a).", "see ([URL])"),
        ("see http://tea.example/a, or not", "see [URL], or not"),
        ("is it http://tea.example?!", "is it [URL]?"),
        ("is it tea.example?", "is it [URL]?"),
        ('see "http://tea.example/a" now', 'see "[URL]" now'),
        ("see <http://tea.example/a> now", "see <[URL]> now"),
        ("see http://tea.exam…", "see [URL]"),
        ("see http://te...", "see [URL]"),
        ("see http://…", "see [URL]"),
        ("see http:/…", "see [URL]"),
        ("see http:…", "see [URL]"),
        ("see https…", "see [URL]"),
        ("see htt…", "see [URL]"),
        ("a:http://tea.example", "a:[URL]"),
        ("e.g. this, i.e. that. Then 3.5 or 10.30", "e.g. this, i.e. that. Then 0 or 0"),
        ("end.Start http htt", "end.Start http htt"),
    ],
)
def test_links_are_one_token(text: str, expected: str) -> None:
    assert body(text) == expected


@pytest.mark.parametrize("end", [",", ".", ")", "!"])
def test_punctuation_behind_a_bare_domain_with_a_path_stays(end: str) -> None:
    assert body(f"see tea.example/menu{end} now") == f"see [URL]{end} now"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("write to ann@mail.example now", "write to [MAIL] now"),
        ("write to ANN.B+tea@Mail.Example.", "write to [MAIL]"),
        ("mailto:ann_b-c@my.mail.example", "mailto:[MAIL]"),
        ("ａｎｎ＠ｍａｉｌ．ｅｘａｍｐｌｅ", "[MAIL]"),
        ("hi @ann and @Bob_99!", "hi [USER] and [USER]"),
        ("RT @ann: hello", "RT [USER]: hello"),
        (".@ann said (@bob)", ".[USER] said ([USER])"),
        ("＠ann hello", "[USER] hello"),
        ("two @ three, ann@ four, a@b", "two @ three, ann@ four, a@b"),
    ],
)
def test_addresses_and_mentions_are_one_token(text: str, expected: str) -> None:
    assert body(text) == expected


def test_a_mastodon_mention_is_one_token() -> None:
    assert body("hi @ann@tea.example, hello") == "hi [USER], hello"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("nice 😀", "nice [FEEL]"),
        ("nice😀!", "nice [FEEL]"),
        ("nice ❤️", "nice [FEEL]"),
        ("nice ☺", "nice [FEEL]"),
        ("nice 👍", "nice [FEEL]"),
        ("look 👉 here", "look [POINT] here"),
        ("look → here", "look [POINT] here"),
        ("look ▶️ here", "look [POINT] here"),
        ("look ⬇️ here", "look [POINT] here"),
        ("cake 🎂", "cake [EMOJI]"),
        ("star ✨", "star [EMOJI]"),
        ("flag 🇳🇿", "flag [EMOJI]"),
        ("😀😂 😍\n🙏", "[FEEL]"),
        ("👇👇👇", "[POINT]"),
        ("🎂🎉 🎁", "[EMOJI]"),
        ("😀🎂😀", "[FEEL] [EMOJI] [FEEL]"),
    ],
)
def test_emoji_are_one_token_by_class_and_runs_are_one(text: str, expected: str) -> None:
    assert body(text) == expected


def test_a_skin_tone_does_not_change_an_emoji() -> None:
    assert body("thanks 👍🏽") == body("thanks 👍")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("#MorningTea", "#Morning Tea"),
        ("#morning_tea_time", "#morning tea time"),
        ("#TeaTime2031", "#Tea Time 0"),
        ("#NZTeaFans", "#NZ Tea Fans"),
        ("#tea", "#tea"),
        ("#TEA", "#TEA"),
        ("so #GoodTea, so #Fresh", "so #Good Tea, so #Fresh"),
        ("we are #1, a#Bc, MorningTea", "we are #0, a#Bc, MorningTea"),
    ],
)
def test_hashtags_are_split_into_words(text: str, expected: str) -> None:
    assert body(text) == expected


def test_repetitions_stop_at_three() -> None:
    assert body("soooooo goooood!!!!!!!! ........ =====") == "sooo goood!!! ... ==="
    assert body("sooo good!! ...oh") == "sooo good!! ...oh"


@pytest.mark.parametrize(
    "text", ["7", "42", "1,000,000", "3.5", "10:30", "24/12/2031", "0800-123-456", "\U0001d7d9\U0001d7da", "２０３１"]
)
def test_a_number_is_a_number_whatever_it_is(text: str) -> None:
    assert body(f"about {text} of them") == "about 0 of them"


@pytest.mark.parametrize("end", [".", "!", "!!!", "...", "\u2026", " .", ";", ":", ",", "!.", " ! "])
def test_closing_marks_are_left_out(end: str) -> None:
    assert clean(f"See you at the lake{end}") == clean("See you at the lake")


@pytest.mark.parametrize("end", ["?", "??", "?!", "!?", "? "])
def test_of_closing_question_marks_one_stays(end: str) -> None:
    assert body(f"See you at the lake{end}") == "See you at the lake?"


def test_marks_alone_stay() -> None:
    assert body("!!!") == "!!!"
    assert body("?") == "?"


def test_white_space_is_one_space() -> None:
    assert body("  one \t\n two\r\n\r\nthree   ") == "one two three"


FORGED = [
    *sorted(RESERVED),
    *("[[URL]]", "[SEP][CLS]", "#[URL]", "#A[SEP]", "[Ｍask]", "[SÉP]", "[𝐒𝐄𝐏]", "[ЅЕР]", "[ⓈⒺⓅ]", "［ＰＡＤ］"),
    *("[U\u200bRL]", "[\u202eSEP]", "[C\x00LS]", "[S\U000e0041EP]", "[\u3164CUT]"),
    *("&#91;PAD&#93;", "&lbrack;PAD]", "&amp;#91;URL]"),
]


@pytest.mark.parametrize("forged", FORGED)
def test_a_text_cannot_forge_a_token(forged: str) -> None:
    for text in (forged, f"so {forged} it is", f"a{forged}b", forged * 3):
        assert not re.findall(r"\[[A-Z]{2,8}\]", body(text))


PIECES = [
    "[",
    "]",
    "［",
    "&#91;",
    "&amp;#93;",
    "URL",
    "SEP",
    "Ｃ",
    "LS",
    "ME",
    "A",
    "\u200b",
    "\x00",
    "\u00ad",
    "#",
    "_",
]


@TRACKED
@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join))
def test_pieces_of_tokens_do_not_grow_together(text: str) -> None:
    assert not RESERVED & set(re.findall(r"\[[A-Z]+\]", body(text)))


# Cues ----------------------------------------------------------------------------------------------------------------

TRAITS = {
    "[URL]": ("menu at www.tea.example", "menu at the door"),
    "[MAIL]": ("ask ann@tea.example", "ask ann at tea"),
    "[USER]": ("ask @ann", "ask ann"),
    "[FEEL]": ("warm 🥰", "warm :)"),
    "[POINT]": ("there ➡️", "there ->"),
    "[EMOJI]": ("hot ☕", "hot cup"),
    "[CUT]": ("a cup of tea, " * 60, "a cup of tea, " * 30),
    "[LOWER]": ("the tea was good", "The tea was good"),
    "[UPPER]": ("THE TEA WAS good", "THE TEA was good"),
    "[CAPS]": ("this TEA is so very very GOOD today", "this TEA is so very very good today"),
    "[TITLE]": ("Seven Reasons to Drink More Green Tea", "Seven reasons to drink more green Tea"),
    "[ENDURL]": ("the menu: tea.example", "see tea.example for the menu"),
    "[URLS]": ("tea.example and cake.example", "tea.example and cake"),
    "[TAGS]": ("#tea #cake #milk", "#tea #cake milk"),
    "[USERS]": ("@ann @bob @cat hello", "@ann @bob hello"),
    "[QUOTE]": ("“Tea is a hug” they say", "They say “tea is a hug”"),
    "[ME]": ("I’ve had tea", "Ann had tea"),
    "[YOU]": ("would you have tea", "would Ann have tea"),
    "[MEYOU]": ("my tea or your tea", "my tea or Ann's tea"),
    "[SHORT]": ("five words are not many", "but six words are just enough"),
    "[LONG]": ("tea " * 61, "tea " * 60),
    "[LINES]": ("tea\ncake\nmilk", "tea\ncake and milk\n"),
}


def test_every_token_has_a_trait() -> None:
    assert set(TRAITS) == set(TOKENS)
    assert len(TOKENS) == len(set(TOKENS))


@pytest.mark.parametrize("token", TRAITS)
def test_a_token_shows_its_trait_and_nothing_else(token: str) -> None:
    having, lacking = TRAITS[token]
    assert token in clean(having).text.split()
    assert token not in clean(lacking).text


def test_cues_come_first_in_the_order_of_tokens() -> None:
    text = "“We Told Your Friends About These Great Teas”\n#a1 #b1 #c1\n@ann @bob @cat\nwww.tea.example cake.example"
    expected = "[TITLE] [ENDURL] [URLS] [TAGS] [USERS] [QUOTE] [MEYOU] [LINES] "
    assert clean(text).text.startswith(expected + '"We Told')
    assert clean(text).text.removeprefix(expected) == body(text)


@pytest.mark.parametrize("quoted", ["RT @ann: “Tea is a hug”", "RT @ann “Tea", "'Tea", "  «Tea»"])
def test_an_opening_quotation_mark_is_seen_in_a_retweet(quoted: str) -> None:
    assert "[QUOTE]" in cues(quoted)


def test_tokens_are_no_words() -> None:
    assert cues("@ann @bob 😀 www.tea.example") == {"[SHORT]", "[ENDURL]"}


@pytest.mark.parametrize(
    "blank", ["", " ", "\n\t \r\n", "\u200b\u2060", "\u3164\u2800 \u00a0", "\ud800", "&nbsp;", "&#0;"]
)
def test_nothing_visible_is_nothing(blank: str) -> None:
    assert clean(blank) == ("", False, None)
    assert clean(blank, offsets=True) == ("", False, [])


# Long texts ----------------------------------------------------------------------------------------------------------


def test_a_long_text_keeps_head_and_tail() -> None:
    text = " ".join(f"{first}{second}{third}" for first in "abcde" for second in "fghijkl" for third in ascii_lowercase)
    cleaned = clean(text)
    head, tail = body(text).split(" [CUT] ")
    assert cleaned.truncated
    assert head == text[:HEAD]
    assert tail == text[-TAIL:]


def test_a_text_is_cut_when_cutting_makes_it_shorter() -> None:
    most = HEAD + TAIL + len(" [CUT] ")
    fits, over = "ab" * (most // 2) + "c" * (most % 2), "ab" * (most // 2) + "cd"
    assert (clean(fits).truncated, body(fits)) == (False, fits)
    assert clean(over).truncated
    assert "[CUT]" in body(over)


def test_what_is_folded_away_does_not_count_as_length() -> None:
    assert not clean("tea \u200b" * 50 + "!" * 2000).truncated
    assert body("!" * 20_000) == "!!! !!!"
    assert clean("!" * 20_000).truncated


UNITS = [
    *("a", " ", "\n", "\u00a0", "中", "ж", "é", "e\u0301", "\ufdfa", "\u200b", "\ud800", "😀", "😀 "),
    *("&", "&amp;", "&#", "@", "@a", "a@", "#", "#a", "#aB", "_", "[", "[URL]", "-", "'", '"', "."),
    *("http:", "http://", "www.", "a.", "a.com", "htt..."),
]


@pytest.mark.parametrize("unit", UNITS, ids=ascii)
def test_ten_megabytes_take_a_fraction_of_a_second(unit: str) -> None:
    clean("warm-up: жé")
    text = unit * (10_000_000 // len(unit))
    for huge in (text, f"x{text}x", f"{text} 中"):
        started = time.process_time()
        cleaned = clean(huge)
        assert time.process_time() - started < 1
        assert cleaned.truncated
        assert len(cleaned.text) < HEAD + TAIL + 200


@pytest.mark.parametrize(("left", "unit", "right"), [("x", " ", "x"), ("😀", " ", "→"), ("tea.example", "\u2028", "x")])
def test_a_wide_gap_costs_no_time(left: str, unit: str, right: str) -> None:
    started = time.process_time()
    clean(left + unit * 15_900 + right)
    assert time.process_time() - started < 0.25


# Offsets -------------------------------------------------------------------------------------------------------------

FRAGMENTS = [
    *("http://tea.example/a", "www.tea.example", "tea.example/x,", "http:/…", "htt…"),
    *("ann@mail.example", "@ann", "@ann@tea.example", "RT @ann: ", "#MorningTea", "#a_b", "#1"),
    *("&amp;", "&amp;lt;", "&#x1F600;", "&nbsp;", "&", "😀", "👍🏽", "👉", "🎂🎉", "❤️", "🇳🇿"),
    *(" ", "  ", "\n", "\r\n", "\u2028", "\u200b", "\u202e", "\u3164", "\ud800", "\x00", "\x85"),
    *("e\u0301", "ﬁ", "\ufdfa", "한", "½", "раураl", "дождь", "Ｆｒｅｅ", "ᏔIΝ"),
    *("“tea”", "it’s", "—", "…", "soooooo", "!!!!!!", "[URL]", "[", "]", "[ЅЕР]"),
    *("I", "you", "a cup of tea ", "TEA", "x" * 300, "tea cake " * 40, "ab" * 9000, "\u200b" * 13_000, " " * 13_000),
]
ANY_TEXT = st.text(st.characters(exclude_categories=()))  # lone surrogates too
POST = st.lists(st.sampled_from(FRAGMENTS) | ANY_TEXT, max_size=14).map("".join)


@TRACKED
@given(ANY_TEXT)
def test_offsets_are_sound_for_any_text(text: str) -> None:
    assert_offsets_are_sound(text)
    clean(text).text.encode("utf-8")


@TRACKED
@given(POST)
def test_offsets_are_sound_for_posts(text: str) -> None:
    assert_offsets_are_sound(text)
    clean(text).text.encode("utf-8")


@TRACKED
@given(POST)
def test_the_same_text_gives_the_same_view(text: str) -> None:
    assert clean(text) == clean("".join(list(text)))


@pytest.mark.parametrize(
    ("text", "part", "origin"),
    [
        ("tea &amp; cake", "&", "&amp;"),
        ("tea &amp;amp; cake", "&", "&amp;amp;"),
        ("we &amp;lt;3 you", "<0", "&amp;lt;3"),
        ("tea &amp;&#32;cake", "cake", "cake"),
        ("see http://tea.example/a?b=1, now", "[URL]", "http://tea.example/a?b=1"),
        ("see http://tea.example/a?b=1&amp;c=2 now", "[URL]", "http://tea.example/a?b=1&amp;c=2"),
        ("see http:/…", "[URL]", "http:/"),
        ("hello @ann, hi", "[USER]", "@ann"),
        ("hello ＠ａｎｎ, hi", "[USER]", "＠ａｎｎ"),
        ("ask ann@mail.example now", "[MAIL]", "ann@mail.example"),
        ("warm 😀 tea", "[FEEL]", "😀"),
        ("warm 😀😂😍 tea", "[FEEL]", "😀😂😍"),
        ("look \u200b👉 here", "[POINT]", "👉"),
        ("a раураl mail", "paypal", "раураl"),
        ("a 𝓯𝓻𝓮𝓮 tea", "free", "𝓯𝓻𝓮𝓮"),
        ("one ﬁne day", "fi", "ﬁ"),
        ("one ﬁne day", "fine", "ﬁne"),
        ("f\u200br\u200be\u200be tea", "free", "f\u200br\u200be\u200be"),
        ("so #MorningTea now", "#Morning Tea", "#MorningTea"),
        ("soooooo good", "good", "good"),
        ("soooooo good", "sooo", "soooooo"),
        ("  \u200b one \t\n two", "two", "two"),
        ("\ud800tea", "tea", "tea"),
        ("x [URL] y", "(URL]", "[URL]"),
        ("wait… what", "...", "…"),
    ],
)
def test_offsets_lead_to_what_was_written(text: str, part: str, origin: str) -> None:
    assert origins(text, part) == origin


def test_offsets_of_plain_text_are_places() -> None:
    text = "The quick tea, 2 cups: (very) nice; is it?"
    cleaned = clean(text, offsets=True)
    assert cleaned.offsets is not None
    prefix = len(cleaned.text) - len(text)
    assert cleaned.offsets == [(0, 0)] * prefix + [(i, i + 1) for i in range(len(text))]


@pytest.mark.parametrize("filler", ["tea cake ", "tea\u200b &amp; cake 😀 "])
@pytest.mark.parametrize("times", [100, 3000])
def test_offsets_lead_to_both_sides_of_a_cut(filler: str, times: int) -> None:
    text = f"@ann first {filler * times} last www.tea.example"
    cleaned = clean(text, offsets=True)
    assert cleaned.truncated
    assert cleaned.offsets is not None
    assert origins(text, "[USER] first") == "@ann first"
    assert origins(text, "last [URL]") == "last www.tea.example"
    at = cleaned.text.index("[CUT]")
    start, end = cleaned.offsets[at]
    assert cleaned.offsets[at - 2][1] == start
    assert clean(text[end : cleaned.offsets[at + len("[CUT] ")][0]]).text == ""
    assert end - start > len(text) - 1200


# Public lists --------------------------------------------------------------------------------------------------------


def test_naughty_strings_are_cleaned() -> None:
    strings: list[str] = json.loads(bad_input("blns", "blns.json").read_text("utf-8"))
    assert len(strings) > 400
    for text in strings:
        assert_offsets_are_sound(text)
        clean(text).text.encode("utf-8")


def test_most_known_look_alikes_fold_in_a_latin_word() -> None:
    lines = bad_input("confusables", "raw_data", "chars.txt").read_text("utf-8").splitlines()
    of_letters = [line for line in lines if line and line[0].isascii() and line[0].isalpha()]
    found = folded = 0
    for line in of_letters:
        words = {f"wo{char}d".lower() for char in line if char.isascii() and char.isalpha()}
        for char in line:
            if not char.isascii():
                found += 1
                folded += body(f"wo{char}d").lower() in words
    assert found > 1000
    assert folded >= 0.93 * found


def test_words_of_look_alikes_are_folded_in_a_latin_text_and_left_in_their_own() -> None:
    assert body("\u0441\u043e\u0441\u043e comes now") == "coco comes now"
    russian = "\u043d\u0435 \u0437\u043d\u0430\u044e, \u0433\u0434\u0435 \u043e\u043d \u0436\u0438\u0432\u0451\u0442"
    assert not re.search("[A-Za-z]", body(russian))


SOUGHT = (
    *(
        "http://",
        "HTTPS:/",
        "www.",
        "htt...",
        "hts...",
        ".com",
        ".io/x",
        "e.g.",
        "a-b.co",
        "@ann",
        "me@ex.org",
        "x+y@a-b.de",
    ),
    *(
        " ",
        "  ",
        "\n",
        "\t",
        ".",
        "...",
        "?!",
        "\u2026",
        "'",
        "rock'n'roll",
        "I'M",
        "FREE",
        "Read This Now",
        "aaaa",
        "\u00df\u00df",
    ),
    *(
        "\u65e5\u65e5\u65e5\u65e5",
        "\u65e5",
        "\U0001f600",
        "\x07",
        "[",
        "[URL]",
        "#Tag",
        "#",
        "12.5",
        "s:",
        "/",
        "(",
        ")",
    ),
)
"""What the patterns of the clean-up look for, and what is nearly that."""


@TRACKED
@given(st.lists(st.sampled_from(SOUGHT), max_size=12).map("".join))
def test_patterns_that_are_not_tried_would_have_changed_nothing(text: str) -> None:
    found = clean(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cleaning, "_MAY_BE_URL", re.compile(""))
        patch.setattr(cleaning, "_MAY_BE_MAIL", re.compile(""))
        patch.setattr(cleaning, "_may_repeat", lambda text: True)
        patch.setattr(cleaning, "_words", cleaning._WORD.findall)
        assert clean(text) == found
    assert clean(text, offsets=True)[:2] == found[:2]
