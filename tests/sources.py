"""Small invented archives and mail, in the forms in which the platforms hand them out."""

from __future__ import annotations

import json
import tarfile
import zipfile
from pathlib import Path
from typing import Any

OWNER = "tilda_rooke"
PERSON = "@pellandkettle you were right, my umbrella was behind the till all along. Thank you!"
SELLER = "Half price on all garden chairs this weekend only! Order now at https://chairs.example/sale"
MACHINE = "Orrendale 06:00 | 9.4°C | Wind SW 11 km/h | Humidity 83% | Rain today 0.2 mm"
WEB = '<a href="https://mobile.twitter.com" rel="nofollow">Twitter Web App</a>'
BIG_ID = "1049999999999999999"


def tweet(id: str, text: str, key: str = "full_text", **more: Any) -> dict[str, Any]:
    """A tweet as archives hold it."""
    return {
        "id_str": id, "id": id, key: text, "created_at": "Wed Oct 10 20:19:24 +0000 2018", "source": WEB,
        "entities": {"hashtags": [{"text": "a"}, {"text": "b"}], "user_mentions": []}, **more,
    }  # fmt: skip


def script(name: str, items: list[Any]) -> str:
    """A file of a Twitter archive since 2019."""
    return f"window.YTD.{name}.part0 = {json.dumps(items, indent=2)}"


ACCOUNT = script("account", [{"account": {"username": OWNER, "accountId": "77", "email": "t@rooke.example"}}])
TWEETS = [
    tweet(BIG_ID, PERSON, in_reply_to_status_id_str="1049999999999999998", in_reply_to_user_id_str="9"),
    tweet("1050000000000000001", "RT @shop: Half price &amp; more"),
    tweet("1050000000000000002", "tea &lt; coffee"),
]
DIRECT = [
    {"dmConversation": {"conversationId": "77-88", "messages": [
        {"messageCreate": {"id": "501", "senderId": "77", "recipientId": "88", "text": "See you at eight?",
                           "createdAt": "2020-01-01T10:00:00.123Z", "urls": []}},
        {"joinConversation": {"createdAt": "2020-01-01T10:01:00.000Z"}},
        {"messageCreate": {"id": "502", "senderId": "88", "recipientId": "77", "text": "Thanks for following!",
                           "createdAt": "2020-01-01T10:02:00.000Z"}},
    ]}},
]  # fmt: skip
TWITTER_2023 = {
    "data/account.js": ACCOUNT,
    "data/tweets.js": script("tweets", [{"tweet": one} for one in TWEETS]),
    "data/tweets-part1.js": script("tweets", [{"tweet": tweet("1050000000000000003", SELLER)}]),
    "data/tweets-part10.js": script("tweets", [{"tweet": tweet("1050000000000000005", "five")}]),
    "data/tweets-part2.js": script("tweets", [{"tweet": tweet("1050000000000000004", "four")}]),
    "data/deleted-tweets.js": script("deleted_tweets", [{"tweet": tweet("9", "gone")}]),
    "data/direct-messages.js": script("direct_messages", DIRECT),
    "data/like.js": script("like", [{"like": {"tweetId": "1", "fullText": "not mine"}}]),
    "Your archive.html": "<html></html>",
}
TWITTER_2019 = {"account.js": ACCOUNT, "tweet.js": script("tweet", TWEETS)}
TWITTER_2014 = {
    "data/js/user_details.js": f'var user_details =  {{\n  "screen_name" : "{OWNER}",\n  "id" : "77"\n}}',
    "data/js/tweets/2013_01.js": "Grailbird.data.tweets_2013_01 = \n "
    + json.dumps([tweet("290000000000000001", SELLER, "text", created_at="2013-01-12 09:08:07 +0000")]),
    "data/js/tweets/2012_12.js": "Grailbird.data.tweets_2012_12 = \n "
    + json.dumps([tweet("280000000000000001", PERSON, "text", user={"screen_name": OWNER})]),
    "tweets.csv": "tweet_id,text\n1,not read where the months are there\n",
}
TWITTER_CSV = {
    "tweets.csv": '"tweet_id","in_reply_to_status_id","in_reply_to_user_id","timestamp","source","text",'
    '"retweeted_status_id","retweeted_status_user_id","retweeted_status_timestamp","expanded_urls"\n'
    f'"290000000000000001","","9","2013-01-12 09:08:07 +0000","{WEB.replace(chr(34), chr(34) * 2)}","{PERSON}",'
    '"","","",""\n'
    '"290000000000000002","","","2013-01-12 09:09:07 +0000","web","line\nbreak &amp; more","5","6","",""\n'
}
LINKEDIN = {
    "messages.csv": "CONVERSATION ID,CONVERSATION TITLE,FROM,SENDER PROFILE URL,TO,RECIPIENT PROFILE URLS,DATE,SUBJECT,"
    "CONTENT,FOLDER\n"
    f'2-abc==,,Jo Marsh,https://x.example/jo,Tilda Rooke,,2023-02-03 10:11:12 UTC,,"{PERSON}",INBOX\n'
    "2-abc==,,Sales Bot,,Tilda Rooke,,2023-02-03 10:11:13 UTC,Grow now,"
    '"<p class=""spinmail"">Hi Tilda,</p><p>DOUBLE your revenue &amp; more: book a call today!</p>",INBOX\n'
    "2-def==,,Jo Marsh,,Tilda Rooke,,2023-02-04 10:11:13 UTC,Only a subject,,INBOX\n",
    "Invitations.csv": "From,To,Sent At,Message,Direction,inviterProfileUrl,inviteeProfileUrl\n"
    'Kell An,Tilda Rooke,"1/2/23, 3:04 PM",I would like to add you to my professional network.,INCOMING,,\n',
    "Connections.csv": "First Name,Last Name\nJo,Marsh\n",
}
PUBLIC = "https://www.w3.org/ns/activitystreams#Public"


def activity(n: int, content: str, to: list[str], **more: Any) -> dict[str, Any]:
    """An activity of a Mastodon outbox."""
    me = f"https://social.example/users/{OWNER}"
    note = {"id": f"{me}/statuses/{n}", "type": "Note", "published": "2022-11-05T10:00:00Z", "attributedTo": me,
            "inReplyTo": None, "content": content, "to": to, "cc": [], "tag": [], **more}  # fmt: skip
    return {
        "id": f"{note['id']}/activity",
        "type": "Create",
        "actor": me,
        "published": note["published"],
        "object": note,
    }


OUTBOX = {
    "@context": ["https://www.w3.org/ns/activitystreams", {"ostatus": "http://ostatus.org#", "list": [1, 2]}],
    "id": "outbox.json",
    "type": "OrderedCollection",
    "totalItems": 4,
    "orderedItems": [
        activity(
            1,
            '<p><span class="h-card"><a href="https://o.example/@jo">@<span>jo</span></a></span> did you find it?'
            "<br />It was &quot;here&quot;</p><p>See you!</p>",
            [PUBLIC],
            inReplyTo="https://o.example/users/jo/statuses/9",
        ),
        activity(
            2,
            '<p>Sale! <a href="https://chairs.example/sale"><span class="invisible">https://</span>'
            '<span class="ellipsis">chairs.example/</span><span class="invisible">sale</span></a></p>',
            [f"https://social.example/users/{OWNER}/followers"],
        ),
        activity(3, "<p>only for you</p>", ["https://o.example/users/jo"]),
        {"type": "Announce", "actor": f"https://social.example/users/{OWNER}", "published": "2022-11-06T10:00:00Z",
         "object": "https://o.example/users/jo/statuses/10"},
    ],
}  # fmt: skip
MASTODON = {"archive/outbox.json": json.dumps(OUTBOX), "archive/actor.json": "{}", "archive/likes.json": "{}"}
REPLY = """\
Return-Path: <jo@marsh.example>
From: =?utf-8?q?J=C3=B6_Marsh?= <jo@marsh.example>
To: tilda@rooke.example
Subject: Re: umbrella
Date: Mon, 3 Feb 2020 10:00:00 +0100
Message-ID: <2@marsh.example>
In-Reply-To: <1@rooke.example>
User-Agent: Mozilla Thunderbird
MIME-Version: 1.0
Content-Type: multipart/alternative; boundary="b"

--b
Content-Type: text/plain; charset="iso-8859-1"
Content-Transfer-Encoding: quoted-printable

Found it at the caf=E9, silly me!

On Mon, 3 Feb 2020 at 09:00, Tilda Rooke
<tilda@rooke.example> wrote:
> Did you look behind the till?
>> no
--=20
J=F6, from the shop

--b
Content-Type: text/html; charset="utf-8"

<p>not this one</p>
--b--
"""
NEWSLETTER = """\
From: Chairs <news@chairs.example>
Subject: =?utf-8?b?SGFsZiBwcmljZSE=?=
Date: Tue, 4 Feb 2020 10:00:00 +0000
Message-ID: <3@chairs.example>
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="m"

--m
Content-Type: text/html; charset=utf-8
Content-Transfer-Encoding: base64

PGh0bWw+PGhlYWQ+PHN0eWxlPnB7fTwvc3R5bGU+PC9oZWFkPjxib2R5PjxwPkhhbGYgcHJpY2Ugb24gYWxsIGdh
cmRlbiBjaGFpcnMgdGhpcyB3ZWVrZW5kITwvcD48cD5PcmRlciBub3c8L3A+PC9ib2R5PjwvaHRtbD4=
--m
Content-Type: text/plain; name="terms.txt"
Content-Disposition: attachment; filename="terms.txt"

attached terms
--m--
"""
MBOX = f"""From jo@marsh.example Mon Feb  3 10:00:00 2020
{REPLY}
From news@chairs.example Tue Feb  4 10:00:00 2020
{NEWSLETTER}
From tilda@rooke.example Wed Feb  5 10:00:00 2020
From: tilda@rooke.example
Subject: just a subject
Message-ID: <4@rooke.example>

>From here on I have no idea.
"""


def write_folder(folder: Path, files: dict[str, str]) -> Path:
    """An unpacked archive."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(text.encode())
    return folder


def write_zip(path: Path, files: dict[str, str]) -> Path:
    """An archive as it is downloaded."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, text in files.items():
            file.writestr(name, text)
    return path


def write_tar(path: Path, folder: Path) -> Path:
    """A folder as tar with gzip, as older Mastodon servers send it."""
    with tarfile.open(path, "w:gz") as file:
        file.add(folder, ".")
    return path
