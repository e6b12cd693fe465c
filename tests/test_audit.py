"""The audit: what is said of a stream and its authors, that it can be stopped, and what the outputs do not hold."""

from __future__ import annotations

import csv
import json
import random
import re
import subprocess
import sys
from collections.abc import Iterator
from itertools import islice, pairwise
from pathlib import Path

import pytest
import tiny_model

from sincerity import Classifier, ModelError, Post, TableError, audit
from sincerity.audit_job import AuditJob, AuditOptions
from sincerity.auditing import Auditor, audited
from sincerity.findings import Audit
from sincerity.posts import read_posts

ROOT = Path(__file__).parents[1]
STREAM = ROOT / "docs" / "sample-stream.csv"
LABELS = ["conversational", "promotional", "automated"]


@pytest.fixture(scope="module")
def posts() -> list[Post]:
    return list(read_posts(STREAM))


@pytest.fixture(scope="module")
def found(classifier: Classifier) -> Audit:
    return audit(STREAM, author_column="user", time_column="created_at", classifier=classifier)


def mixed(posts: list[Post]) -> list[Post]:
    """Three authors: the sample stream, a man of few words, and one whom nobody can read."""
    few = [
        Post(author="rook_and_tea", text=f"Thursday at {n} works for me, shall I bring the atlas?") for n in (5, 6, 7)
    ]
    return [*posts, *few, *[Post(author="blank", text="\u200b")] * 12, Post(author="blank", text="<script>x</script>")]


def test_the_index_is_what_it_is_defined_as(found: Audit) -> None:
    stream = found.stream
    assert stream.index is not None
    wanted = 100 * stream.shares["conversational"].estimate * (1 - stream.repeated)
    assert stream.index.value == pytest.approx(wanted, abs=0.06)
    assert 0 <= stream.index.low < stream.index.value < stream.index.high <= 100


def test_the_sample_stream_is_seen_for_what_it_is(found: Audit, posts: list[Post]) -> None:
    stream = found.stream
    assert [template.count for template in found.templates] == [24, 22, 9]
    assert found.templates[0].pattern == "Thanks for following, {…}! Have a look at our shop {…}"
    assert stream.repeated == pytest.approx(55 / 109, abs=1e-4)
    assert stream.links == pytest.approx(sum("http" in post.text for post in posts) / len(posts), abs=1e-4)
    assert stream.addressed == pytest.approx(sum(post.text.startswith("@") for post in posts) / len(posts), abs=0.03)
    assert stream.timing.clock_p is not None
    assert stream.timing.clock_p < 1e-6
    assert sum(map(sum, stream.hours)) == 109
    assert sum(sum(period.labels.values()) for period in stream.periods) == 109
    assert {message.label for messages in stream.typical.values() for message in messages} == set()
    assert [found.authors[0].typical[label][0].label for label in LABELS] == LABELS


def test_context_stands_beside_the_text_and_moves_what_is_repeated(found: Audit) -> None:
    messages = found.messages
    automated = messages.labels.index("automated")
    repeated = messages.repeats >= 3
    assert (messages.in_context[repeated, automated] >= messages.scores[repeated, automated]).all()
    assert (messages.scores != messages.in_context).any()


def test_below_ten_posts_there_is_no_index_and_nothing_unreadable_is_counted(
    classifier: Classifier, posts: list[Post]
) -> None:
    found = audit(mixed(posts), classifier=classifier)
    by_author = {one.author: one for one in found.authors}
    assert [one.posts for one in found.authors] == [109, 13, 3]
    assert by_author["rook_and_tea"].index is None
    assert by_author["blank"].index is None
    assert by_author["blank"].blank == pytest.approx(12 / 13, abs=1e-3)
    assert by_author["juniper_bindery"].index is not None
    assert by_author["rook_and_tea"].repeated == 1


def test_order_of_arrival_makes_no_difference_to_the_figures(
    classifier: Classifier, posts: list[Post], found: Audit
) -> None:
    shuffled = posts.copy()
    random.Random(4).shuffle(shuffled)
    other = audit(shuffled, classifier=classifier).as_dict()["stream"]
    mine = found.as_dict()["stream"]
    for name in ("posts", "first", "shares", "index", "repeated", "timing", "hours", "periods"):
        assert other[name] == mine[name], name


def test_templates_across_authors_are_told_apart_from_ones_own(classifier: Classifier) -> None:
    campaign = [
        Post(author=f"voice{n}", text=f"Say no to the bypass, sign here: https://sign.example/{n}") for n in range(4)
    ]
    found = audit(campaign, classifier=classifier)
    assert found.stream.repeated == 0
    assert found.stream.shared == 1
    assert found.templates[0].authors == {f"voice{n}": 1 for n in range(4)}


def test_an_audit_that_was_stopped_goes_on_to_the_same_result(
    classifier: Classifier, posts: list[Post], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sincerity.auditing.CHUNK", 40)
    many = mixed(posts)
    whole, first = Auditor(classifier), Auditor(classifier)
    list(audited(many, whole))
    list(islice(audited(many, first), 1))
    first.save(tmp_path / "state", "here")
    again = Auditor.load(tmp_path / "state", classifier, "here")
    assert again is not None
    assert len(again) == 40
    list(audited(many, again))
    assert again.audit().as_dict() == whole.audit().as_dict()


def test_a_job_that_was_killed_goes_on_and_leaves_no_state(
    classifier: Classifier, posts: list[Post], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, output = tmp_path / "posts.csv", tmp_path / "audit.html"
    with source.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("user", "text"), *((post.author, post.text) for post in posts)])
    monkeypatch.setattr("sincerity.auditing.SHARE_OF_TIME", 0.0)
    monkeypatch.setattr("sincerity.auditing.CHUNK", 40)
    first = AuditJob(str(source), output, classifier, AuditOptions())
    list(islice(first.run(), 1))
    second = AuditJob(str(source), output, classifier, AuditOptions())
    assert second.resumed == 40
    assert list(second.run()) == [80, 109]
    second.finish()
    assert not list(tmp_path.glob("*.state*"))
    list(islice(AuditJob(str(source), output, classifier, AuditOptions()).run(), 1))
    assert AuditJob(str(source), output, classifier, AuditOptions(author_column="user")).resumed == 0
    assert AuditJob(str(source), output, classifier, AuditOptions(), restart=True).resumed == 0


def test_a_state_that_is_damaged_is_named(classifier: Classifier, tmp_path: Path) -> None:
    (tmp_path / "state").write_bytes(b"PK\x03\x04 nothing")
    with pytest.raises(TableError, match="Remove it to start anew"):
        Auditor.load(tmp_path / "state", classifier, "")


def test_a_model_with_other_labels_is_refused(tmp_path: Path, posts: list[Post]) -> None:
    tiny_model.write(tmp_path / "tiny")
    with pytest.raises(ModelError, match="Expected: conversational, promotional, automated"):
        audit(posts, classifier=Classifier(tmp_path / "tiny"))


def test_no_posts_is_an_error(classifier: Classifier) -> None:
    with pytest.raises(ValueError, match="no posts"):
        audit([], classifier=classifier)


def test_the_page_asks_for_nothing_and_lets_no_post_in(classifier: Classifier, posts: list[Post]) -> None:
    evil = Post(
        author="<b>bold</b>", text='<img src="https://evil.example/x.png" onerror="alert(1)"> hello there friend'
    )
    page = audit([*mixed(posts), *[evil] * 12], classifier=classifier).html()
    assert not re.search(r"<(?:script|img|link|iframe|object)\b", page)
    shown = re.sub(r"</?mark[^>]*>", "", page)
    assert not re.search(r"\b(?:src|href)=", shown.replace("src=&quot;", ""))
    assert "url(" not in page
    assert "default-src 'none'" in page
    assert "&lt;b&gt;bold&lt;/b&gt;" in page


def test_anonymised_outputs_hold_no_handle(classifier: Classifier, posts: list[Post], tmp_path: Path) -> None:
    source = tmp_path / "posts.csv"
    with source.open("w", newline="", encoding="utf-8") as file:
        rows = [(post.id, post.author, post.text) for post in posts]
        rows.append(
            ("1", "tansy_wold", "juniper_bindery it stays! https://twitter.com/Juniper_Bindery/status/1 @Pike_And_Rush")
        )
        csv.writer(file).writerows([("id", "user", "text"), *rows])
    job = AuditJob(str(source), tmp_path / "audit.html", classifier, AuditOptions())
    list(job.run())
    found = job.auditor.audit(anonymise=True)
    job.write_messages(tmp_path / "messages.csv", found, anonymise=True)
    outputs = (found.html(), json.dumps(found.as_dict()), found.summary(), (tmp_path / "messages.csv").read_text())
    handles = {post.author for post in posts} | {
        handle for post in posts for handle in re.findall(r"@(\w+)", post.text)
    }
    assert len(handles) > 10
    for text in outputs:
        assert not [handle for handle in handles if handle.lower() in text.lower()]
        assert posts[0].id not in text


def run(*args: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "sincerity", *args], input=stdin, capture_output=True, text=True, cwd=ROOT
    )


def test_the_command_writes_report_json_and_messages(tmp_path: Path, found: Audit) -> None:
    page, plain, messages = tmp_path / "a.html", tmp_path / "a.json", tmp_path / "a.csv"
    done = run(
        "audit", str(STREAM), "--author-column", "user", "--time-column", "created_at",
        "-o", str(page), "--json", str(plain), "--messages", str(messages),
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, f"The report is in {page}.\n")
    assert done.stdout == found.summary() + "\n"
    assert page.read_text("utf-8") == found.html("sample-stream.csv")
    assert json.loads(plain.read_text("utf-8")) == json.loads(json.dumps(found.as_dict()))
    rows = list(csv.DictReader(messages.read_text("utf-8").splitlines()))
    assert len(rows) == 109
    assert rows[0]["id"] == "731000"
    assert {"automated", "automated_in_stream", "label_in_stream", "repeats"} <= rows[0].keys()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.csv", "a.html", "a.json"]


def test_standard_input_is_audited_and_errors_are_told(tmp_path: Path) -> None:
    page = str(tmp_path / "a.html")
    assert run("audit", "-", "-o", page, stdin=STREAM.read_text("utf-8")).returncode == 0
    twice = run("audit", "-", "-o", page, "--messages", "x.csv", stdin=STREAM.read_text("utf-8"))
    assert (twice.returncode, "cannot be read twice" in twice.stderr) == (1, True)
    empty = run("audit", "-", "-o", page, stdin="user,text\n")
    assert (empty.returncode, "has no posts" in empty.stderr) == (1, True)
    nowhere = run("audit", str(STREAM), "-o", str(tmp_path / "none" / "a.html"))
    assert (nowhere.returncode, "--output" in nowhere.stderr) == (1, True)
    column = run("audit", str(STREAM), "-o", page, "--author-column", "writer")
    assert (column.returncode, "--author-column" in column.stderr) == (1, True)


def test_posts_may_come_from_a_generator(classifier: Classifier, posts: list[Post]) -> None:
    def some() -> Iterator[Post]:
        yield from posts[:20]

    assert audit(some(), classifier=classifier).stream.posts == 20


def test_words_that_moved_the_model_are_marked_and_nothing_in_them_is_code(classifier: Classifier) -> None:
    text = "Thanks for following <script>alert(1)</script> & check out https://x.example/{}"
    found = audit([Post(author="eve", text=text.format(n)) for n in range(12)], classifier=classifier)
    page = found.html()
    assert '<mark class="why">' in page
    assert "<script" not in page
    for messages in found.authors[0].typical.values():
        for message in messages:
            spans = message.marks
            assert all(0 <= start < end <= len(message.text) for start, end in spans)
            assert all(one[1] <= other[0] for one, other in pairwise(spans))
