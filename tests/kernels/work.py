"""Counts what the interpreted kernels do for a table of a fixed size: ``python -m
tests.kernels.work`` writes the counts as JSON. Work, never time.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from ipaddress import IPv4Address, IPv6Address
from types import FrameType

from routeserver.bgp.attributes import AttributeTable, DecodeContext
from routeserver.bgp.plain import RouteReader
from routeserver.bgp.update_encoding import encode_announcement
from routeserver.net.attribute_set import set_of
from routeserver.net.path import AsSegment, Origin, PathAttributes, SegmentKind
from routeserver.net.prefix import Family, Prefix, family_of, make_prefix
from routeserver.net.route_batch import RouteBatch
from routeserver.rib import prefix_index
from routeserver.rib.path import Source
from routeserver.rib.rib import Rib
from tests.bgp.support import LOCAL_ASN, PEER_ASN

ROUTES = 20_000
AN_UPDATE = 4
"""Prefixes in one: as in the Internet's table."""
LISTS = ROUTES // AN_UPDATE // 2
"""Each attribute list comes twice."""

SEEDS = (0x9E3779B97F4A7C15, 0x6A09E667F3BCC908, 0xBB67AE8584CAA73B)

_KERNELS = (
    "prefix_index.py",
    "prefix_table.py",
    "paths.py",
    "plain.py",
    "plain_list.py",
    "attribute_set.py",
)


class Counting:
    """Calls of the kernels' functions by name."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()

    def __enter__(self) -> Counting:
        sys.setprofile(self._event)
        return self

    def __exit__(self, *error: object) -> None:
        sys.setprofile(None)

    def _event(self, frame: FrameType, event: str, _: object) -> None:
        if event == "call" and frame.f_code.co_filename.endswith(_KERNELS):
            self.calls[frame.f_code.co_name] += 1


def stream(family: Family) -> bytes:
    bits = 24 if family is Family.IPV4 else 48
    width = 32 if family is Family.IPV4 else 128
    base = 11 << width - 8
    prefixes = [make_prefix(base | n << width - bits, bits, family) for n in range(ROUTES)]
    runs: list[tuple[PathAttributes, list[Prefix]]] = []
    for at in range(0, ROUTES, AN_UPDATE):
        number = at // AN_UPDATE % LISTS
        path = AsSegment(SegmentKind.AS_SEQUENCE, (PEER_ASN, 100_000 + number))
        hop = IPv4Address("10.0.0.2") if family is Family.IPV4 else IPv6Address("2001:db8::2")
        runs.append((PathAttributes(Origin.IGP, (path,), hop), prefixes[at : at + AN_UPDATE]))
    return b"".join(
        frame
        for attributes, prefixes in runs
        for frame in encode_announcement(attributes, prefixes)
    )


def learn(rib: Rib, data: bytes, peer_id: str, number: int) -> dict[str, int]:
    """A session that sends it all, until everything is decided; what that took."""
    rib.peer_up(Source(peer_id, "rse-1", number, number))
    table = AttributeTable(DecodeContext(LOCAL_ASN, PEER_ASN))
    reader = RouteReader(table, LOCAL_ASN, PEER_ASN, (Family.IPV4, Family.IPV6))
    with Counting() as counting:
        at = 0
        for end in range(65_536, len(data) + 65_536, 65_536):
            at = reader.read(data[:end], at)
            for batch in reader.take():
                rib.apply(peer_id, batch)
        decide(rib)
    assert at == len(data)
    return dict(counting.calls)


def decide(rib: Rib) -> None:
    while rib.pending():
        rib.decide(5_000)


def drop(rib: Rib, peer_id: str) -> dict[str, int]:
    with Counting() as counting:
        rib.peer_down(peer_id)
        decide(rib)
    return dict(counting.calls)


def searches(rib: Rib) -> dict[str, float]:
    """The mean number of places between where a prefix belongs and where it is, by family."""
    found = {}
    for table in rib._tables:
        index = table.index
        steps = 0
        while index.is_moving:
            index.reserve(0)
        for at in range(index.mask + 1):
            slot = index.slots[at]
            if slot:
                steps += (at - (slot >> 32 >> index.shift)) & index.mask
        found[str(table.width)] = steps / max(1, index.prefixes)
    return found


def search_in(prefixes: list[Prefix], seed: int) -> float:
    """`searches` in a table of these."""
    rib = Rib(seed=seed)
    rib.peer_up(Source("rsp-a", "rse-1", 1, 1))
    shared = set_of(PathAttributes(Origin.IGP, (), IPv4Address("10.0.0.2")))
    rib.apply("rsp-a", RouteBatch.of(family_of(prefixes[0]), [(shared, prefixes)]))
    return max(searches(rib).values())


def awkward() -> dict[str, float]:
    """Tables whose prefixes differ in few bits, and not in the last ones."""
    count = range(3_000)
    six, four = Family.IPV6, Family.IPV4
    base = 0x20010DB8 << 96
    tables = {
        "hosts ::1 of many /64": [make_prefix(base | n << 72 | 1, 128, six) for n in count],
        "hosts of one /64": [make_prefix(base | n, 128, six) for n in count],
        "hosts of one /64, spread": [make_prefix(base | n << 40, 128, six) for n in count],
        "/65s": [make_prefix(base | n << 63, 65, six) for n in count],
        "the first /64 of many /48": [make_prefix(base | n << 80, 64, six) for n in count],
        "/48s": [make_prefix(base | n << 80, 48, six) for n in count],
        "/19s": [make_prefix(base | n << 109, 19, six) for n in count],
        "hosts .1 of many /24": [make_prefix(n << 8 | 1, 32, four) for n in count],
        "hosts in a row": [make_prefix(n, 32, four) for n in count],
        "/24s": [make_prefix(n << 8, 24, four) for n in count],
        "every sixteenth /24": [make_prefix(n << 12, 24, four) for n in count],
    }
    return {name: max(search_in(p, seed) for seed in SEEDS) for name, p in tables.items()}


def measure(family: Family) -> dict[str, object]:
    data = stream(family)
    rib = Rib()
    return {
        "first": learn(rib, data, "rsp-a", 1),
        "second": learn(rib, data, "rsp-b", 2),
        "searches": searches(rib),
        "again": learn(rib, data, "rsp-b", 2),
        "switched": drop(rib, "rsp-a"),
        "gone": drop(rib, "rsp-b"),
    }


if __name__ == "__main__":
    prefix_index.HAS_SLOTS = True  # as compiled
    counted: dict[str, object] = {family.name: measure(family) for family in Family}
    sys.stdout.write(json.dumps({**counted, "awkward": awkward()}))
