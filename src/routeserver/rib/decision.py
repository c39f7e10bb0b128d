"""The decision process: which of a prefix's paths is the best, and at which step the others lost.

RFC 4271 §9.1.2 reduced to what a route server needs, as one table of numbered steps. Every step
compares the path itself and nothing of its history, so the order is total and the same routes give
the same answer in whatever order they arrive. `Path.key` is these steps folded into one value, and
`paths.Paths.is_better` the same on columns; the table is what people, documents and tests read.

# Deviation: LOCAL_PREF of a peer is kept but not ranked (the import policy's preference is), MED is
# compared between all neighbouring ASes with a missing one taken as 0, and the age of a route never
# counts: the service's own rules, and no answer may depend on time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Final

from routeserver.net.path import MAX_PREFERENCE, as_path_length
from routeserver.rib.path import Path


@dataclass(frozen=True, slots=True)
class Step:
    """One comparison; the path with the lower `key` goes on."""

    number: int
    name: str
    key: Callable[[Path], int | str]
    show: Callable[[Path], str]
    prefers: str = "lower"
    """Of what `show` says; the lower `key` wins in any case."""


def _address_text(path: Path) -> str:
    value = path.source.address
    return str(IPv6Address(value) if value >> 32 else IPv4Address(value))


STEPS: Final[tuple[Step, ...]] = (
    Step(
        1,
        "long-lived stale",
        lambda path: int(path.is_demoted),
        lambda path: "stale" if path.is_demoted else "fresh",
    ),
    Step(
        2,
        "preference",
        lambda path: MAX_PREFERENCE - path.attributes.preference,
        lambda path: str(path.attributes.preference),
        prefers="higher",
    ),
    Step(
        3,
        "AS_PATH length",
        lambda path: as_path_length(path.attributes.as_path),
        lambda path: str(as_path_length(path.attributes.as_path)),
    ),
    Step(
        4,
        "ORIGIN",
        lambda path: int(path.attributes.origin),
        lambda path: path.attributes.origin.name,
    ),
    Step(
        5,
        "MED",
        lambda path: path.attributes.med or 0,
        lambda path: "0 (missing)" if path.attributes.med is None else str(path.attributes.med),
    ),
    Step(
        6,
        "router id",
        lambda path: path.source.router_id,
        lambda path: str(IPv4Address(path.source.router_id)),
    ),
    Step(7, "peer address", lambda path: path.source.address, _address_text),
    # One appliance may peer with two endpoints from one address; the id is all that tells those
    # sessions apart.
    Step(8, "peer id", lambda path: path.source.peer_id, lambda path: path.source.peer_id),
)


def best_first(paths: Iterable[Path]) -> list[Path]:
    return sorted(paths, key=lambda path: path.key)


def explain(winner: Path, loser: Path) -> Step:
    """The step at which `loser` fell behind `winner`.

    Raises ValueError when it did not: the two rank alike, or the other one is better.
    """
    for step in STEPS:
        mine, theirs = step.key(winner), step.key(loser)
        if mine != theirs:
            # Both sides are of the step's one type; the union is only the table's.
            if mine < theirs:  # type: ignore[operator]
                return step
            break
    raise ValueError(
        f"the path of {winner.source.peer_id} does not win over that of {loser.source.peer_id}"
    )


def reason(winner: Path, loser: Path) -> str:
    """Why `loser` is not the best path, as a sentence for a person."""
    step = explain(winner, loser)
    return (
        f"The path of peer {winner.source.peer_id} is preferred at step {step.number}, "
        f"{step.prefers} {step.name}: "
        f"{step.show(winner)} against {step.show(loser)}."
    )
