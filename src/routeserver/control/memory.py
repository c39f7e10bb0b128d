"""Ids that an operation needs again and again, kept between calls to spare a look into the store.

What is kept may have become false. Whoever uses it says so to its transaction (`require`), which
then fails when it is committed; the call forgets everything and is made once more.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final, Protocol

MOST: Final = 4096


class Whose(Protocol):
    @property
    def account_id(self) -> str: ...

    @property
    def region(self) -> str: ...


class Memory:
    def __init__(self) -> None:
        self._ids: OrderedDict[tuple[str, str, str], str] = OrderedDict()

    def get(self, what: str, whose: Whose) -> str | None:
        return self._ids.get((what, whose.account_id, whose.region))

    def put(self, what: str, whose: Whose, id: str) -> None:  # noqa: A002 - what it is
        self._ids[what, whose.account_id, whose.region] = id
        if len(self._ids) > MOST:
            self._ids.popitem(last=False)

    def forget(self) -> None:
        self._ids.clear()
