"""The part every Describe call shares: by ids or all, tags, filters, a page, in one order that
never changes.

Rows are ordered by age and id, so a page boundary stays where it is when objects come and go.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Generic, TypeAlias, TypeVar

from routeserver.control.call import Answer, Call, Params
from routeserver.control.lookup import find_all
from routeserver.domain.refusal import Refusal
from routeserver.domain.resources import Resource
from routeserver.ec2.filters import compile_filters
from routeserver.ec2.paging import page as page_of

R = TypeVar("R", bound=Resource)

LEAST_RESULTS: Final = 5
MOST_RESULTS: Final = 1000
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


@dataclass(frozen=True, slots=True)
class Named(Generic[R]):
    """Everything that a request names, before filters and pages."""

    rows: Sequence[R]
    tags: Mapping[str, Mapping[str, str]]

    def page(self, params: Params, columns: Mapping[str, Column[R]]) -> Page[R]:
        rows, filters = self.rows, params.get("Filters")
        if filters:
            passes = compile_filters(filters, columns)
            rows = [row for row in rows if passes(_fields(row, columns), self.tags.get(row.id, {}))]
        shown, token = page_of(
            rows,
            key=lambda row: (row.created_at, row.id),
            max_results=params.get("MaxResults"),
            next_token=params.get("NextToken"),
        )
        return Page(shown, self.tags, token)


async def describe(
    call: Call,
    params: Params,
    type_: type[R],
    ids_member: str,
    columns: Mapping[str, Column[R]],
    *,
    is_shown: Callable[[R], bool] | None = None,
) -> Page[R]:
    """One page of the caller's resources of a type.

    Raises Refusal for ids that are malformed or missing, and Fault for an unknown filter or a bad
    token.
    """
    named = await all_named(call, params, type_, ids_member, is_shown=is_shown)
    return named.page(params, columns)


async def all_named(
    call: Call,
    params: Params,
    type_: type[R],
    ids_member: str,
    *,
    is_shown: Callable[[R], bool] | None = None,
) -> Named[R]:
    """For who has to look at them before a filter can; otherwise as `describe`."""
    rows = await find_all(call, type_, params.get(ids_member))
    if is_shown is not None:
        rows = [row for row in rows if is_shown(row)]
    return Named(rows, await call.tx.tags_of([row.id for row in rows]))


def known_filters(call: Call, columns: Mapping[str, Column[R]]) -> Mapping[str, Column[R]]:
    """Amazon filters what belongs to route servers by tags alone; the profile `open` adds what is
    obviously missing."""
    return {} if call.policy.profile == "aws" else columns


def check_max_results(params: Params, ids_member: str | None = None) -> None:
    """The bounds of MaxResults where the service model has none, and that it is not for single
    objects.

    Raises Refusal InvalidParameterValue or InvalidParameterCombination.
    """
    asked = params.get("MaxResults")
    if asked is None:
        return
    if not LEAST_RESULTS <= asked <= MOST_RESULTS:
        raise Refusal(
            "InvalidParameterValue",
            f"Value ({asked}) for parameter maxResults is invalid. Expecting a value between "
            f"{LEAST_RESULTS} and {MOST_RESULTS}.",
        )
    if ids_member is not None and params.get(ids_member):
        raise Refusal(
            "InvalidParameterCombination",
            f"The parameter {ids_member} cannot be used with the parameter maxResults",
        )


def _fields(row: R, columns: Mapping[str, Column[R]]) -> dict[str, Callable[[], Any]]:
    return {name: partial(column, row) for name, column in columns.items()}
