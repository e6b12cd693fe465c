"""Reasons: spans of the original text, weights that add up, forms by name, on the command line and in tables."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest
import tiny_model

from sincerity import Classifier, ModelError, Prediction, Reason
from sincerity.cleaning import clean
from sincerity.reasons import FORMS, forms

TEXTS = [
    "Thanks for following! Check out our page https://x.example for daily deals.",
    "@ann You were right, the scarf was at Jo's! \U0001f60a",
    "New study finds Coffee Drinkers Live Longer http://t.example/abc",
    "Th\u200banks for follow\u200bing! \U0001d412\U0001d400\U0001d40b\U0001d404 at https://x.example",
    "\u202eeverything is backwards\u202c today, \u05e9\u05dc\u05d5\u05dd",
    "We talked for hours. " * 100,
    "ok",
]


@pytest.fixture(scope="module", params=[True, False], ids=["cascade", "accurate"])
def explaining(request: pytest.FixtureRequest) -> Classifier:
    return Classifier.from_pretrained(cascade=request.param)


def words(prediction: Prediction) -> list[Reason]:
    return [one for one in prediction.reasons if not one.evidence or one.end == one.start]


def test_reasons_come_when_asked_for_and_leave_the_prediction_as_it_is(explaining: Classifier) -> None:
    for plain, explained in zip(explaining.classify(TEXTS), explaining.classify(TEXTS, explain=True), strict=True):
        assert plain.reasons == ()
        assert explained.reasons
        assert (explained.label, explained.model) == (plain.label, plain.model)
        assert explained.score == pytest.approx(plain.score, abs=1e-6)
        assert explained.status == plain.status


def test_every_span_is_one_of_the_original_text(explaining: Classifier) -> None:
    for text, prediction in zip(TEXTS, explaining.classify(TEXTS, explain=True), strict=True):
        for reason in prediction.reasons:
            assert 0 <= reason.start <= reason.end <= len(text)
            assert text[reason.start : reason.end] == reason.text
            assert math.isfinite(reason.weight)
            assert reason.text or reason.evidence
        said = "".join(one.text for one in sorted(words(prediction), key=lambda one: one.start))
        assert "https" not in text or "https://x.example" in said


def test_words_and_traits_add_up_to_the_margin(explaining: Classifier) -> None:
    for prediction in explaining.classify(TEXTS, explain=True):
        logs = [math.log(score) for score in prediction.scores.values()]
        best = max(logs)
        margin = best - (sum(logs) - best) / (len(logs) - 1)
        assert sum(one.weight for one in words(prediction)) == pytest.approx(margin, abs=1e-3)


def test_the_words_of_a_form_are_what_moved_the_model(explaining: Classifier) -> None:
    form, *others = explaining.classify(TEXTS[0], explain=True).reasons
    assert (form.evidence, form.text) == ("thanks-for-following form", "Thanks for following")
    assert form.weight > 1
    inside = [one for one in others if not one.evidence and form.start <= one.start and one.end <= form.end]
    assert form.weight == pytest.approx(sum(one.weight for one in inside))


def test_reasons_do_not_depend_on_the_texts_around(explaining: Classifier) -> None:
    alone = [explaining.classify(text, explain=True).reasons for text in TEXTS]
    for one, other in zip(alone, explaining.classify(TEXTS, explain=True), strict=True):
        assert {(r.start, r.end, r.evidence) for r in one} == {(r.start, r.end, r.evidence) for r in other.reasons}
        assert sum(r.weight for r in one) == pytest.approx(sum(r.weight for r in other.reasons), abs=1e-3)


def test_a_blank_text_has_no_reasons(explaining: Classifier) -> None:
    for text in ("", "\u200b", "\ud800"):
        assert explaining.classify(text, explain=True).reasons == ()


def test_a_model_without_attributions_says_so(tmp_path: Path) -> None:
    foreign = Classifier(tiny_model.write(tmp_path / "tiny"))
    assert foreign.classify("buy now").label == "spam"
    with pytest.raises(ModelError, match="has no attributions"):
        foreign.classify("buy now", explain=True)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("thanks for the follow! have a great week", "thanks-for-following form"),
        ("I'd like to add you to my professional network on LinkUp.", "stock invitation"),
        ("Jo Park has invited you to connect", "stock invitation"),
        ("All boots 20 off. Reply STOP to opt out", "unsubscribe footer"),
        ("Shop the new collection now: https://boots.example", "call to action with link"),
        ("Council Approves Budget For Harbour Repairs https://news.example/1", "headline with closing link"),
        ("@jo that was the best part", "answers a person"),
        ("How did you get the stain out in the end?", "question to the reader"),
        ("It was good seeing you, I still laugh about the tent", "refers to something shared"),
        ("Fancy grabbing a coffee on Friday?", "invites to meet"),
    ],
)
def test_forms_are_found_by_name(text: str, name: str) -> None:
    assert name in {form.name for form, _, _ in forms(clean(text, offsets=True))}


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Your order is on its way, see https://shop.example/1", "call to action with link"),
        ("I read a book by Jo's aunt, it is here https://books.example", "call to action with link"),
        ("Could we check this out? Thanks! https://help.example", "call to action with link"),
        ("Great day out with the whole family at the lake https://pics.example/1", "headline with closing link"),
        ("We Are Hiring Senior Nurses In Leeds And York https://jobs.example/1", "headline with closing link"),
        ("Best dinner in months. Could sleep for a week https://pics.example/2", "headline with closing link"),
        ("The bakery opened last night", "refers to something shared"),
    ],
)
def test_what_only_resembles_a_form_is_not_in_it(text: str, name: str) -> None:
    assert name not in {form.name for form, _, _ in forms(clean(text, offsets=True))}


def test_a_headline_is_known_by_its_capitals_its_source_or_its_news() -> None:
    for text in (
        "Harbour Bridge To Stay Closed Until Spring https://news.example/1",
        "Leeds: lorry loses its load on the ring road https://news.example/2",
        "Storm brings down trees across the north - Daily Herald https://news.example/3",
        "Council approves new library after a long debate https://news.example/4",
    ):
        assert "headline with closing link" in {form.name for form, _, _ in forms(clean(text, offsets=True))}, text


@pytest.mark.skipif("SINCERITY_DATA" not in os.environ, reason="SINCERITY_DATA, the research data, is not set")
def test_the_documented_precision_of_every_form_is_the_measured_one() -> None:
    from benchmarks.attribution import RESULTS, form_precision
    from training.corpus import research_rows

    documented = json.loads((RESULTS / "attribution.json").read_text("utf-8"))["forms"]["dev"]
    assert form_precision(research_rows("dev")) == documented
    assert [one["form"] for one in documented] == [form.name for form in FORMS]


def test_a_plain_remark_is_in_no_form() -> None:
    assert not list(forms(clean("The bus was late again and it rained all the way home.", offsets=True)))
    assert len({form.name for form in FORMS}) == len(FORMS) == 9


def test_predictions_with_reasons_are_plain_values(explaining: Classifier) -> None:
    value = json.loads(json.dumps(explaining.classify(TEXTS[0], explain=True).as_dict()))
    assert value["reasons"][0]["evidence"] == "thanks-for-following form"


def sincerity(*args: str) -> str:
    done = subprocess.run([sys.executable, "-m", "sincerity", *args], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_command_line_explains_without_colour_where_none_can_show(explaining: Classifier) -> None:
    printed = sincerity("explain", TEXTS[0])
    assert "\x1b" not in printed
    first, text, form, *_ = printed.splitlines()
    assert first.startswith("automated\t")
    assert text.strip() == TEXTS[0]
    assert form.endswith("thanks-for-following form: Thanks for following")
    assert form.strip().startswith("+")


def test_colours_mark_what_pushed_and_nothing_steers_the_terminal(explaining: Classifier) -> None:
    from sincerity.explained import lines

    text = f"{TEXTS[0]}\x1b[2J"
    shown = next(lines(text, explaining.classify(text, explain=True), 3, colour=True))
    assert "\x1b[32mfollowing\x1b[0m" in shown
    assert "\x1b[2J" not in shown


def test_the_command_line_says_what_is_special_about_a_text(explaining: Classifier) -> None:
    from sincerity.explained import lines

    blank, foreign = "\u200b", "Wir sehen uns dann morgen Abend bei uns zu Hause, bring bitte Brot mit"
    said = [[*lines(one, explaining.classify(one, explain=True), 8, colour=False)] for one in (blank, foreign)]
    assert said[0] == ["(nothing visible to judge: these are the shares of the labels in general)"]
    assert said[1][:2] == [foreign, "(plainly not English: labelled, but never certain)"]
    assert not [line for line in said[1] if "0.0 " in line]


def test_a_table_gets_a_column_of_reasons(explaining: Classifier, tmp_path: Path) -> None:
    (tmp_path / "posts.csv").write_text(f"id,text\n1,{TEXTS[0]}\n2,\n", "utf-8")
    rows = list(csv.DictReader(io.StringIO(sincerity("batch", str(tmp_path / "posts.csv"), "--explain"))))
    assert list(rows[0])[-2:] == ["reasons", "status"]
    assert rows[0]["reasons"].startswith("thanks-for-following form; call to action with link; ")
    assert rows[1]["reasons"] == ""
