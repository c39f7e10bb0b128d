"""The part every Describe call shares: by ids or all, tags, filters, a page, in one order that
never changes.

Rows are ordered by age and id, so a page boundary stays where it is when objects come and go.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeAlias, TypeVar

from routeserver.control.call import Answer, Call, Params
from routeserver.control.lookup import find_all
from routeserver.domain.resources import Resource
from routeserver.ec2.filters import compile_filters
from routeserver.ec2.paging import page as page_of

R = TypeVar("R", bound=Resource)
Column: TypeAlias = Callable[[R], "str | Sequence[str] | None"]


@dataclass(frozen=True, slots=True)
class Page(Generic[R]):
    rows: Sequence[R]
    tags: Mapping[str, Mapping[str, str]]
    next_token: str | None

    def answer(self, member: str, view: Callable[[R, Mapping[str, str]], Answer]) -> Answer:
        shown: Answer = {member: [view(row, self.tags.get(row.id, {})) for row in self.rows]}
        if self.next_token is not None:
            shown["NextToken"] = self.next_token
        return shown


async def describe(
    call: Call,
    params: Params,
    type_: type[R],
    ids_member: str,
    columns: Mapping[str, Column[R]],
) -> Page[R]:
    """One page of the caller's resources of a type.

    Raises Refusal for ids that are malformed or missing, and Fault for an unknown filter or a bad
    token.
    """
    rows = await find_all(call, type_, params.get(ids_member))
    tags = await call.tx.tags_of([row.id for row in rows])
    filters = params.get("Filters")
    if filters:
        passes = compile_filters(filters, columns)
        rows = [row for row in rows if passes(_fields(row, columns), tags.get(row.id, {}))]
    shown, token = page_of(
        rows,
        key=lambda row: (row.created_at, row.id),
        max_results=params.get("MaxResults"),
        next_token=params.get("NextToken"),
    )
    return Page(shown, tags, token)


def _fields(row: R, columns: Mapping[str, Column[R]]) -> dict[str, Callable[[], Any]]:
    return {name: partial(column, row) for name, column in columns.items()}
