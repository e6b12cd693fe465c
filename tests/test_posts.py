"""`read_posts`: every kind of archive, mail and table comes out in one schema."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import sources
from fuzz_readers import READERS, fuzz
from sources import BIG_ID, OWNER, PERSON, SELLER

from sincerity import TableError
from sincerity.posts import POST_COLUMNS, Post, read_posts
from sincerity.tables.mail import own_words
from sincerity.tables.markup import html_to_text

FORMS = ["folder", "zip"]


def unpack(files: dict[str, str], form: str, tmp_path: Path) -> Path:
    return (
        sources.write_folder(tmp_path / "archive", files)
        if form == "folder"
        else sources.write_zip(tmp_path / "archive.zip", files)
    )


@pytest.mark.parametrize("form", FORMS)
def test_a_twitter_archive(form: str, tmp_path: Path) -> None:
    posts = list(read_posts(unpack(sources.TWITTER_2023, form, tmp_path)))
    assert posts[0] == Post(
        id=BIG_ID,
        author=OWNER,
        created_at="2018-10-10T20:19:24+00:00",
        in_reply_to="1049999999999999998",
        client="Twitter Web App",
        channel="post",
        text=PERSON,
    )
    assert [post.text for post in posts[1:6]] == ["RT @shop: Half price & more", "tea < coffee", SELLER, "four", "five"]
    assert [post.channel for post in posts[1:3]] == ["repost", "post"]
    assert posts[6:] == [
        Post(
            id="501",
            author=OWNER,
            created_at="2020-01-01T10:00:00+00:00",
            channel="direct message",
            text="See you at eight?",
        ),
        Post(
            id="502",
            author="88",
            created_at="2020-01-01T10:02:00+00:00",
            channel="direct message",
            text="Thanks for following!",
        ),
    ]


@pytest.mark.parametrize("form", FORMS)
def test_a_twitter_archive_of_2019(form: str, tmp_path: Path) -> None:
    posts = list(read_posts(unpack(sources.TWITTER_2019, form, tmp_path)))
    assert [(post.id, post.author) for post in posts][:1] == [(BIG_ID, OWNER)]
    assert len(posts) == 3


@pytest.mark.parametrize("form", FORMS)
def test_a_twitter_archive_with_a_file_a_month(form: str, tmp_path: Path) -> None:
    posts = list(read_posts(unpack(sources.TWITTER_2014, form, tmp_path)))
    assert [(post.id, post.created_at, post.author, post.text) for post in posts] == [
        ("280000000000000001", "2018-10-10T20:19:24+00:00", OWNER, PERSON),
        ("290000000000000001", "2013-01-12T09:08:07+00:00", OWNER, SELLER),
    ]


@pytest.mark.parametrize("form", FORMS)
def test_a_twitter_archive_with_a_csv(form: str, tmp_path: Path) -> None:
    posts = list(read_posts(unpack(sources.TWITTER_CSV, form, tmp_path)))
    assert [post.text for post in posts] == [PERSON, "line\nbreak & more"]
    assert [(post.id, post.in_reply_to, post.client, post.channel) for post in posts] == [
        ("290000000000000001", "9", "Twitter Web App", "post"),
        ("290000000000000002", "", "web", "repost"),
    ]


def test_one_file_of_a_twitter_archive(tmp_path: Path) -> None:
    sources.write_folder(tmp_path, sources.TWITTER_2023)
    assert next(read_posts(tmp_path / "data/tweets.js")).id == BIG_ID
    assert next(post.text for post in read_posts(tmp_path / "data")) == PERSON


def test_a_broken_tweet_is_left_out_and_the_next_is_read(tmp_path: Path) -> None:
    items = json.dumps([{"tweet": one} for one in sources.TWEETS], indent=1).replace('"tea', "tea")
    (tmp_path / "tweets.js").write_text(f"window.YTD.tweets.part0 = {items[:-2]}, {{\n")
    assert [post.id for post in read_posts(tmp_path / "tweets.js")] == [BIG_ID, "1050000000000000001"]


@pytest.mark.parametrize("form", FORMS)
def test_a_linkedin_export(form: str, tmp_path: Path) -> None:
    posts = list(read_posts(unpack(sources.LINKEDIN, form, tmp_path)))
    assert [(post.author, post.created_at, post.channel, post.text) for post in posts] == [
        ("Kell An", "2023-01-02T15:04:00+00:00", "invitation", "I would like to add you to my professional network."),
        ("Jo Marsh", "2023-02-03T10:11:12+00:00", "message", PERSON),
        (
            "Sales Bot",
            "2023-02-03T10:11:13+00:00",
            "message",
            "Hi Tilda,\n\nDOUBLE your revenue & more: book a call today!",
        ),
        ("Jo Marsh", "2023-02-04T10:11:13+00:00", "message", "Only a subject"),
    ]
    assert len({post.id for post in posts}) == 4


@pytest.mark.parametrize("form", [*FORMS, "tar", "file"])
def test_a_mastodon_archive(form: str, tmp_path: Path) -> None:
    source = unpack(sources.MASTODON, "folder" if form in ("tar", "file") else form, tmp_path)
    if form == "tar":
        source = sources.write_tar(tmp_path / "archive.tar.gz", source)
    if form == "file":
        source = source / "archive/outbox.json"
    posts = list(read_posts(source))
    assert posts[0].text == '@jo did you find it?\nIt was "here"\n\nSee you!'
    assert posts[0].author == f"{OWNER}@social.example"
    assert posts[0].in_reply_to == "https://o.example/users/jo/statuses/9"
    assert [post.text for post in posts[1:]] == ["Sale! https://chairs.example/sale", "only for you", ""]
    assert [post.channel for post in posts] == ["post", "post", "direct message", "repost"]


def test_an_mbox_file(tmp_path: Path) -> None:
    (tmp_path / "mail.mbox").write_text(sources.MBOX)
    posts = list(read_posts(tmp_path / "mail.mbox"))
    assert posts[0] == Post(
        id="2@marsh.example",
        author="jo@marsh.example",
        created_at="2020-02-03T10:00:00+01:00",
        in_reply_to="1@rooke.example",
        client="Mozilla Thunderbird",
        channel="email",
        text="Found it at the café, silly me!",
    )
    assert posts[1].text == "Half price on all garden chairs this weekend!\n\nOrder now"
    assert posts[2].text == "From here on I have no idea."
    assert len(posts) == 3


@pytest.mark.parametrize("name", ["mail.eml", "mail"])
def test_a_single_message(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(sources.REPLY)
    assert [post.text for post in read_posts(tmp_path / name)] == ["Found it at the café, silly me!"]


def test_a_sender_of_nothing_but_odd_signs_is_kept(tmp_path: Path) -> None:
    (tmp_path / "a.eml").write_bytes(b"From: " + b'"(' * 3000 + b"\nSubject: tea\n\nsee you at the lake\n")
    (post,) = read_posts(tmp_path / "a.eml")
    assert post.text == "see you at the lake"
    assert post.author.startswith('"(')


def test_a_folder_of_messages(tmp_path: Path) -> None:
    sources.write_folder(tmp_path, {"a.eml": sources.REPLY, "b/c.eml": sources.NEWSLETTER})
    assert [post.id for post in read_posts(tmp_path)] == ["2@marsh.example", "3@chairs.example"]


@pytest.mark.parametrize(
    ("body", "own"),
    [
        ("Yes!\n\n-----Original Message-----\nFrom: Ann\n\nComing?", "Yes!"),
        ("> Coming?\n\nYes!\n\n> When?\nAt eight.", "Yes!\n\nAt eight."),
        ("Am 03.02.2020 um 10:00 schrieb Ann <a@x.example>:\n> Kommst du?\n\nJa!", "Ja!"),
        ("Yes!\n\nSent from my iPhone", "Yes!"),
        ("Yes!\n\nOn Mon, Ann wrote:\nComing?", "Yes!"),
        ("On Monday I wrote: nothing", "On Monday I wrote: nothing"),
        ("> all of it is quoted", "> all of it is quoted"),
        ("A list:\n-- \nme", "A list:"),
    ],
)
def test_of_mail_only_what_its_author_wrote_this_time(body: str, own: str) -> None:
    assert own_words(body) == own
    assert own_words(body.replace("\n", "\r\n")) == own


def test_of_html_mail_quotes_are_left_out() -> None:
    body = '<div>Yes!</div><div class="gmail_quote"><div>On Mon, Ann wrote:</div><blockquote>Coming?</blockquote></div>'
    assert own_words(body, is_html=True) == "Yes!"


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("a<br>b<br/>c", "a\nb\nc"),
        ("<ul><li>one</li><li>two</li></ul>", "one\n\ntwo"),
        ("<script>var a = '<p>';</script>see <style>p{}</style>this", "see this"),
        ("1 < 2 &amp;&amp; 3 > 2", "1 < 2 && 3 > 2"),
        ("<![bogus[ <p>x", "x"),
        ("an <img alt='😀' src=x> face", "an 😀 face"),
        ("<p>open <b>bold", "open bold"),
        ("", ""),
    ],
)
def test_html_becomes_what_one_sees(markup: str, text: str) -> None:
    assert html_to_text(markup) == text


def test_a_table_gives_posts_by_usual_names(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text(
        f"Tweet_ID,User,Date,Text,Source\n{BIG_ID},ann,2020-01-01,hello there,web\n2,jo,,a,b,c\n3\n"
    )
    assert list(read_posts(tmp_path / "in.csv")) == [Post(BIG_ID, "ann", "2020-01-01", "", "web", "", "hello there")]


def test_named_columns_go_before_usual_names(tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text('{"who": "ann", "user": 7, "when": "noon", "text": "a", "body": "hello"}\n')
    posts = read_posts(tmp_path / "in.jsonl", text_column="body", author_column="who", time_column="when")
    assert list(posts) == [Post(author="ann", created_at="noon", text="hello")]
    with pytest.raises(TableError, match=r"has no column 'whom'\. .* Choose one with --author-column 'who'"):
        list(read_posts(tmp_path / "in.jsonl", author_column="whom", text_column="text"))
    assert [post.author for post in read_posts(tmp_path / "in.jsonl", text_column="text")] == ["7"]


def test_a_folder_of_nothing_known_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(TableError, match=r"is no archive of a known kind\. Expected: one of Twitter/X"):
        list(read_posts(tmp_path))
    sources.write_zip(tmp_path / "x.zip", {"xl/workbook.xml": "", "xl/worksheets/sheet1.xml": ""})
    with pytest.raises(TableError, match=r"is a workbook\. Expected: a table as text"):
        list(read_posts(tmp_path / "x.zip"))
    (tmp_path / "y.zip").write_bytes(b"PK\x03\x04 and then nothing")
    with pytest.raises(TableError, match="is no archive that can be read"):
        list(read_posts(tmp_path / "y.zip"))


def test_the_schema_is_the_one_that_is_documented() -> None:
    assert POST_COLUMNS == ("id", "author", "created_at", "in_reply_to", "client", "channel", "text")


@pytest.mark.parametrize("name", READERS)
def test_damaged_input_gives_rows_or_a_table_error(name: str) -> None:
    """The short form of `python tests/fuzz_readers.py`."""
    if name == "parquet":
        pytest.importorskip("pyarrow", reason="needs the tables extra")
    assert fuzz(name, seconds=0.5)
