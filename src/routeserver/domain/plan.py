"""The way from what a route table has to what it should have: a list of changes, one per prefix.

`apply(diff(desired, observed), observed)` equals `desired`, and applying the same changes again
alters nothing, so a data plane may be given a plan twice. What brings a destination up or moves it
comes before what takes one away: where two prefixes overlap, traffic then never meets a gap.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from routeserver.domain.routing import Entry
from routeserver.net.prefix import Prefix


class ChangeKind(StrEnum):
    REPLACE = "replace"
    INSTALL = "install"
    REMOVE = "remove"
    REORDER = "reorder"
    """The route stays; what would be taken without it is something else."""


@dataclass(frozen=True, slots=True)
class Change:
    """One prefix of one table; `before` is None when it is new, `after` when it goes. 56 bytes, for
    as long as it takes.
    """

    prefix: Prefix
    before: Entry | None
    after: Entry | None

    @property
    def kind(self) -> ChangeKind:
        if self.after is None:
            return ChangeKind.REMOVE
        if self.before is None:
            return ChangeKind.INSTALL
        return ChangeKind.REORDER if self.before.leads_like(self.after) else ChangeKind.REPLACE


def diff(
    desired: Mapping[Prefix, Entry],
    observed: Mapping[Prefix, Entry],
    prefixes: Iterable[Prefix] | None = None,
) -> list[Change]:
    """Replacements, then installations, then removals, each in prefix order; `prefixes` narrows
    what is looked at.
    """
    replaced: list[Change] = []
    installed: list[Change] = []
    removed: list[Change] = []
    scope = desired.keys() | observed.keys() if prefixes is None else set(prefixes)
    for prefix in sorted(scope):
        before, after = observed.get(prefix), desired.get(prefix)
        if before == after:
            continue
        change = Change(prefix, before, after)
        if after is None:
            removed.append(change)
        elif before is None:
            installed.append(change)
        else:
            replaced.append(change)
    return replaced + installed + removed


def apply(changes: Sequence[Change], observed: Mapping[Prefix, Entry]) -> dict[Prefix, Entry]:
    """The table after the changes; `observed` is left alone."""
    table = dict(observed)
    apply_to(table, changes)
    return table


def apply_to(table: MutableMapping[Prefix, Entry], changes: Sequence[Change]) -> None:
    """Carry the changes out in place."""
    for change in changes:
        if change.after is None:
            table.pop(change.prefix, None)
        else:
            table[change.prefix] = change.after


@dataclass(frozen=True, slots=True)
class Tally:
    """How many routes came, went and moved."""

    installed: int
    removed: int
    replaced: int


def tally(changes: Iterable[Change]) -> Tally:
    kinds = [change.kind for change in changes]
    return Tally(
        installed=kinds.count(ChangeKind.INSTALL),
        removed=kinds.count(ChangeKind.REMOVE),
        replaced=kinds.count(ChangeKind.REPLACE),
    )
