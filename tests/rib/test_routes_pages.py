"""Reading all routes: no step of the iterator looks for more than a page of bounded size."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv4Address

import pytest

from routeserver.net.path import Origin, PathAttributes
from routeserver.net.prefix import Family, Prefix, make_prefix
from routeserver.rib import rib as under_test
from routeserver.rib.path import Source
from routeserver.rib.rib import Rib
from tests.rib.support import apply

COUNT = 12_000
SAMPLE = 4096
"""Of `prefix_index`, whose compiled constants nobody can read."""


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


def misleading(numbers: list[int]) -> list[int]:
    """The lowest ones stand where a sample of the table looks."""
    lows, highs = iter(numbers), iter(numbers[::-1])
    step = len(numbers) // SAMPLE
    return [next(highs if n % step else lows) for n in range(len(numbers))]


@pytest.mark.parametrize("family", Family)
@pytest.mark.parametrize("arranged", [sorted, lambda n: n[::-1], misleading])
def test_a_page_is_the_same_whatever_order_routes_came_in(
    family: Family, arranged: Callable[[list[int]], list[int]]
) -> None:
    rib = Rib()
    rib.peer_up(Source("a", "rse-1", 1, 1))
    base, length = (0x0B << 24, 28) if family is Family.IPV4 else (0x2001 << 112, 124)
    prefixes = [make_prefix(base + (n << 4), length, family) for n in range(5 * SAMPLE)]
    order = arranged(list(range(len(prefixes))))
    hop = PathAttributes(Origin.IGP, (), IPv4Address("10.0.1.10"))
    apply(rib, "a", [], [(hop, [prefixes[n] for n in order])])
    assert rib._next_prefixes(-1, 1024) == prefixes[:1024]
    assert rib._next_prefixes(prefixes[9000], 1024) == prefixes[9001 : 9001 + 1024]
    assert rib._next_prefixes(prefixes[-3], 1024) == prefixes[-2:]
