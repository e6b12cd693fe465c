"""Ten families of form letters with slots, typos and emoji: invented, to be hidden among other posts."""

from __future__ import annotations

import random
from collections.abc import Callable

NAMES = (
    "Ann Bob Priya Tomasz Aoife Kenji Lucía Omar Zanele Wren Ingrid Malik Soraya Dougal Mei Petra Yusuf Hazel Ravi "
    "Bronwyn"
).split()
TOWNS = "Orrendale,Little Marsh,Quenby,Saltwick,Port Hallan,Fennimore,Upper Tyne Green,Brackwater".split(",")
THINGS = (
    "a walnut side table,two brass lamps,a set of enamel mugs,the blue bicycle,an oak bookcase,three wool blankets,"
    "a pair of walking boots,the hand-cranked record player,a box of seed potatoes,an almost new kayak"
).split(",")
TOPICS = (
    "slow bread,rooftop gardens,the price of school shoes,winter swimming,how tides are predicted,mending a zip,"
    "why trams came back,keeping bees in town,forgotten ferries,writing letters by hand"
).split(",")
EMOJI = "😀 🎉 🔥 💙 👉 🙌 ✨ 😂 🚀 ☕".split()

FAMILIES: tuple[str, ...] = (
    "Thanks for following, {name}! Check out our page for {topic}: {link}",
    "Hi {handle}, sorry to hear that. Please send us a DM with your order number {number} and we will look into it.",
    "{town} {number}:{number} | Wind SW {number} km/h | Humidity {number}% | Rain today {number} mm, falling",
    "I just posted a new video about {topic}, please like and subscribe {link}",
    "For sale in {town}: {thing}, collection only, first come first served {link}",
    "{handle} {handle} thanks for being top engaged community members this week :) ({topic})",
    "I have walked {number} steps today with the Striderly app, can you beat me {handle}? {link}",
    "BREAKING: fire crews called to an incident near {town}, road closed, more follows {link}",
    "Good morning {town}! Today's word of the day is {topic}. Have a lovely day everyone {emoji}",
    "My week on here: {number} new followers, {number} mentions and {number} replies. How was yours? via {link}",
)


def planted(copies: int, seed: int = 0) -> tuple[list[str], list[int]]:
    """`copies` texts of each family, one in six with a typo, one in three with an emoji more; and each one's family."""
    rng = random.Random(seed)
    texts = [_copy(family, rng) for family in FAMILIES for _ in range(copies)]
    return texts, [number for number in range(len(FAMILIES)) for _ in range(copies)]


def _copy(family: str, rng: random.Random) -> str:
    fillers: dict[str, Callable[[], str]] = {
        "name": lambda: rng.choice(NAMES),
        "handle": lambda: f"@{rng.choice(NAMES).lower()}_{rng.randrange(1000)}",
        "town": lambda: rng.choice(TOWNS),
        "thing": lambda: rng.choice(THINGS),
        "topic": lambda: rng.choice(TOPICS),
        "number": lambda: str(rng.randrange(1, 10 ** rng.randint(1, 5))),
        "link": lambda: f"https://{rng.choice(('lnk', 'sho.rt', 'go'))}.example/{rng.randrange(16**6):x}",
        "emoji": lambda: rng.choice(EMOJI),
    }
    text = "".join(fillers[part]() if part in fillers else part for part in family.replace("}", "{").split("{"))
    if rng.random() < 1 / 6:
        text = _with_typo(text, rng)
    if rng.random() < 1 / 3:
        text = rng.choice((f"{text} {rng.choice(EMOJI)}", f"{rng.choice(EMOJI) * 2} {text}"))
    return text


def _with_typo(text: str, rng: random.Random) -> str:
    """Two neighbouring letters of one word swapped, a letter lost, or a letter doubled."""
    at = rng.choice([i for i in range(1, len(text)) if text[i - 1 : i + 1].isalpha()])
    return rng.choice((
        text[: at - 1] + text[at] + text[at - 1] + text[at + 1 :],
        text[:at] + text[at + 1 :],
        text[:at] + text[at] + text[at:],
    ))  # fmt: skip
