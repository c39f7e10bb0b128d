"""Reading all routes: no step of the iterator looks for more than a page of bounded size."""

from __future__ import annotations

from ipaddress import IPv4Address

import pytest

from routeserver.net.path import Origin, PathAttributes
from routeserver.net.prefix import Family, Prefix, make_prefix
from routeserver.rib import rib as under_test
from routeserver.rib.path import Source
from routeserver.rib.rib import Rib
from tests.rib.support import apply

COUNT = 12_000


def test_pages_grow_to_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    rib = Rib()
    rib.peer_up(Source("a", "rse-1", 1, 1))
    prefixes = [make_prefix(0x0B000000 + (n << 8), 24, Family.IPV4) for n in range(COUNT)]
    hop = PathAttributes(Origin.IGP, (), IPv4Address("10.0.1.10"))
    apply(rib, "a", [], [(hop, prefixes)])
    asked: list[int] = []
    real = Rib._next_prefixes

    def counting(self: Rib, last: Prefix, count: int) -> list[Prefix]:
        asked.append(count)
        return real(self, last, count)

    monkeypatch.setattr(Rib, "_next_prefixes", counting)
    assert [prefix for prefix, _, _ in rib.routes()] == prefixes
    assert max(asked) == under_test._LONGEST_PAGE <= 4096
    assert len(asked) <= COUNT // under_test._LONGEST_PAGE + 4
