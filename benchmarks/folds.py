"""Folds: rows to train on and rows to label, for what a model has not seen."""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from sincerity.labels import Label
from training.config import RELEASED, Recipe
from training.corpus import OWN_SOURCE, Row, public_rows, research_rows, training_rows
from training.duplicates import duplicate_groups

LEAST_ROWS = 100
OUR_SOURCES = (
    "pan19_timelines", "twitter_archive_appclients", "facebook_news_pages", "smishing_5971", "janitr_x",
    "political_social_media",
)  # fmt: skip
"""Sources that our recipe is retrained without: bots, apps, news pages, SMS, a recent platform, politics."""
FAMILIES = (
    ("pan19_timelines", "pan19_rest_sampled"),
    ("twitter_archive_appclients", "twitter_personal_archives"),
    ("smishing_5971", "sms_spam"),
)
"""Sources cut from the same collection: where one is left out, so is the other."""
OLD, NEW = 2013, 2017
"""Years up to which a row is old, from which it is new."""
TASKS = {
    "corporate_messaging": ("Information", "Action", "Dialogue"),
    "sms_spam": ("ham", "spam"),
    "youtube_spam": ("ham", "spam"),
}
SPLITS = 5
ON_TASKS = RELEASED
ON_DATES = replace(RELEASED, epochs=2)
ON_SOURCES = replace(RELEASED, epochs=1.5)
"""Fewer epochs than the released model's, for time's sake; in all its runs log-loss was best by then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fold:
    """Rows to train on and rows to label."""

    name: str
    train: list[Row]
    test: list[Row]
    labels: tuple[str, ...] = tuple(map(str, Label))
    recipe: Recipe = ON_SOURCES
    ours: bool = True
    """Whether our recipe is trained too, or the linear model only."""


def folds() -> Iterator[Fold]:
    """All there is to do, the cheapest first."""
    for task, labels in TASKS.items():
        yield from task_folds(task, labels)
    rows, noncommercial = training_rows(), research_rows("noncommercial")
    copies = duplicate_groups([row.text for row in rows + noncommercial]).tolist()
    copy_of = dict(zip((row.id for row in rows + noncommercial), copies, strict=True))
    released = Fold(name="source/noncommercial", train=rows, test=noncommercial, ours=False)
    for fold in (*date_folds(rows), released, *source_folds(rows), *grouped_folds(rows)):
        labelled = {copy_of[row.id] for row in fold.test}
        yield replace(fold, train=[row for row in fold.train if copy_of[row.id] not in labelled])


def task_folds(task: str, labels: tuple[str, ...]) -> Iterator[Fold]:
    """Five folds stratified by label, near-duplicates on one side."""
    from sklearn.model_selection import StratifiedGroupKFold

    rows = [row for row in public_rows(task) if row.label in labels and row.sure]
    groups = duplicate_groups([row.text for row in rows])
    splits = StratifiedGroupKFold(SPLITS, shuffle=True, random_state=0).split(rows, [r.label for r in rows], groups)
    for number, (train, test) in enumerate(splits):
        yield Fold(
            name=f"task/{task}-{number}",
            train=[rows[i] for i in train],
            test=[rows[i] for i in test],
            labels=labels,
            recipe=ON_TASKS,
        )


def source_folds(rows: list[Row]) -> Iterator[Fold]:
    """Every source of a hundred rows or more, left out together with those of its family."""
    sources = sorted({row.source for row in rows} - {OWN_SOURCE}, key=lambda s: (s not in OUR_SOURCES, s))
    for source in sources:
        family = next((family for family in FAMILIES if source in family), (source,))
        test = [row for row in rows if row.source == source]
        if len(test) >= LEAST_ROWS:
            train = [row for row in rows if row.source not in family]
            yield Fold(name=f"source/{source}", train=train, test=test, ours=source in OUR_SOURCES)


def grouped_folds(rows: list[Row]) -> Iterator[Fold]:
    """Five folds by group, every source on both sides: what a left-out source is compared with."""
    part = [int(hashlib.sha1(f"fold\n{row.group}".encode()).hexdigest()[:8], 16) % SPLITS for row in rows]
    for number in range(SPLITS):
        train = [row for row, n in zip(rows, part, strict=True) if n != number]
        test = [row for row, n in zip(rows, part, strict=True) if n == number and row.source != OWN_SOURCE]
        yield Fold(name=f"grouped/{number}", train=train, test=test, ours=False)


def date_folds(rows: list[Row]) -> Iterator[Fold]:
    """New rows after training on old ones, and on as many of both; accounts on one side."""
    dated = [(row, year) for row in rows if (year := year_of(row.created_at))]
    new = [row for row, year in dated if year >= NEW]
    test = [row for row in new if int(hashlib.sha1(row.group.encode()).hexdigest()[:8], 16) % 2]
    groups = {row.group for row in test}
    old = [row for row, year in dated if year <= OLD and row.group not in groups]
    other = [row for row, year in dated if year >= NEW and row.group not in groups]
    draw = random.Random(0)
    size = min(len(old), 2 * len(other))
    mixed = draw.sample(old, size - size // 2) + draw.sample(other, size // 2)
    yield Fold(name="date/old-to-new", train=draw.sample(old, size), test=test, recipe=ON_DATES)
    yield Fold(name="date/mixed-to-new", train=mixed, test=test, recipe=ON_DATES)


def year_of(created_at: str) -> int | None:
    """The year of a date in any of the sources' forms.

    >>> [year_of(text) for text in ("Wed Oct 10 20:19:24 +0000 2018", "10/26/15 22:40", "19-Nov-17", "?")]
    [2018, 2015, 2017, None]
    """
    if found := re.search(r"\b(?:19|20)\d\d\b", created_at):
        return int(found[0])
    found = re.search(r"(?:/|-[A-Z][a-z]{2}-)(\d\d)\b", created_at)
    return 2000 + int(found[1]) if found else None
