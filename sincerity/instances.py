"""Many instances of a frozen dataclass with slots, field by field: a fifth of the time that its constructor takes."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import fields
from functools import cache
from itertools import repeat
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Instance = TypeVar("Instance", bound="DataclassInstance")


def instances(of: type[Instance], count: int, **columns: Iterable[Any]) -> list[Instance]:
    """`count` instances of a class, each of its fields given for all of them.

    >>> from sincerity.reasons import Reason
    >>> [one.text for one in instances(Reason, 2, start=[0, 4], end=[3, 7], text=["see", "you"], weight=[1.0, 2.0],
    ...                                evidence=["", ""])]
    ['see', 'you']
    """
    made: list[Instance] = list(map(of.__new__, repeat(of, count)))
    for name, column in columns.items():
        deque(map(_setters(of)[name], made, column), maxlen=0)
    return made


@cache
def _setters(of: type[Any]) -> dict[str, Callable[[Any, Any], None]]:
    return {one.name: getattr(of, one.name).__set__ for one in fields(of)}
