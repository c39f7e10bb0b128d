"""A hundred thousand prefixes, and the question whether the server has them all."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from tests.interop.site import Site
from tests.running import eventually

MANY: Final = 100_000
PATIENCE_S: Final = 90.0
"""Most of it is the daemon's, which reads its configuration."""

_PAGE: Final = 10_000


def prefixes(count: int = MANY) -> Iterator[str]:
    """/26 after /26 from 10.0.0.0 on."""
    for number in range(count):
        high, rest = divmod(number, 1 << 10)
        yield f"10.{high}.{rest >> 2}.{(rest & 3) << 6}/26"


def wait_all_installed(site: Site, peer_id: str, count: int = MANY) -> None:
    """Until the peer has so many routes, all of them in the FIB; some are looked at closely."""
    eventually(
        f"{count} routes",
        lambda: site.session(peer_id)["routes"],
        lambda routes: routes == count,
        PATIENCE_S,
    )
    eventually("all decided", lambda: _fib_size(site, peer_id), lambda size: size == count)
    every = list(prefixes(count))
    for prefix in (every[0], every[count // 2], every[-1]):
        eventually(
            f"{prefix} installed",
            lambda prefix=prefix: site.explained(prefix)["route_tables"][0]["installed"],  # type: ignore[misc]
            bool,
        )


def _fib_size(site: Site, peer_id: str) -> int:
    size = 0
    after = None
    while True:
        page = site.operator.ask("list-routes", fib=True, limit=_PAGE, after=after)
        size += len([route for route in page["routes"] if route["peer"] == peer_id])
        after = page["next"]
        if after is None:
            return size
