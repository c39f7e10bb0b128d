"""Routes on their way into one namespace's kernel: made into messages, sent in batches, and what
the kernel refuses put back to the routes it is about.
"""

from __future__ import annotations

import errno
import os
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import structlog

from routeserver.dataplane.kernel.hops import Hop
from routeserver.dataplane.kernel.writer import Writer
from routeserver.net.prefix import IPV6_BIT, Prefix, format_prefix
from routeserver.netd.orders import ROUTE_PROTOCOL, Refusal
from routeserver.netlink import bulk
from routeserver.netlink.bulk import Shape
from routeserver.netlink.framing import HEADER
from routeserver.netlink.route import RTNH_F_ONLINK, RouteType
from routeserver.netlink.values import AF_INET, AF_INET6

log = structlog.get_logger()

BATCH: Final = 2_000
"""Routes in one order to the helper: some milliseconds of the kernel's work."""

_GONE_ALREADY: Final = frozenset({errno.ESRCH, errno.ENOENT})

Puts: TypeAlias = Mapping[Hop, Sequence[Prefix]] | Mapping[Hop | None, Sequence[Prefix]]
"""Routes by the hop that they lead to; None falls through to the next table."""

OnRefused: TypeAlias = Callable[[int, int, Prefix, "Hop | None", str], None]
"""A table, a metric, a route of it, where it should lead, and why it does not."""


@dataclass(slots=True)
class _Batch:
    """Messages, and what each stretch of them is about by the number at which it begins."""

    table: int
    metric: int
    parts: list[bytes] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    about: list[tuple[Sequence[Prefix], Hop | None, bool]] = field(default_factory=list)
    """The last says that the routes are to go."""
    count: int = 0

    def add(
        self, messages: bytes, prefixes: Sequence[Prefix], hop: Hop | None, *, goes: bool
    ) -> None:
        self.parts.append(messages)
        self.starts.append(self.count + 1)
        self.about.append((prefixes, hop, goes))
        self.count += len(prefixes)


class Delivery:
    def __init__(self, writer: Writer, refused: OnRefused, *, has_nexthops: bool) -> None:
        self._writer = writer
        self._on_refused = refused
        self._has_nexthops = has_nexthops

    async def write(self, table: int, metric: int, put: Puts, gone: Sequence[Prefix] = ()) -> None:
        """Returns when everything is on its way, which may be before it is in force."""
        batch = _Batch(table, metric)
        hop: Hop | None
        for hop, prefixes in put.items():
            for family, some in _sliced(prefixes):
                kind, flags, way = self._encoded(hop)
                shape = Shape(family, table, ROUTE_PROTOCOL, metric, kind, flags, way)
                messages = bulk.new_routes(some, shape, batch.count + 1)
                batch.add(messages, some, hop, goes=False)
                if batch.count >= BATCH:
                    await self._send(batch)
                    batch = _Batch(table, metric)
        for family, some in _sliced(gone):
            shape = Shape(family, table, ROUTE_PROTOCOL, metric, type=0)
            messages = bulk.delete_routes(some, shape, batch.count + 1)
            batch.add(messages, some, None, goes=True)
            if batch.count >= BATCH:
                await self._send(batch)
                batch = _Batch(table, metric)
        if batch.count:
            await self._send(batch)

    def _encoded(self, hop: Hop | None) -> tuple[int, int, bytes]:
        """Type, flags and the attributes that say where."""
        if hop is None:
            return RouteType.THROW, 0, b""
        if self._has_nexthops:
            return RouteType.UNICAST, 0, bulk.by_nexthop(hop.id)
        if hop.way is None:
            return RouteType.BLACKHOLE, 0, b""
        way = bulk.by_gateway(hop.way.interface, hop.way.gateway)
        return RouteType.UNICAST, RTNH_F_ONLINK, way

    async def _send(self, batch: _Batch) -> None:
        await self._writer.routes(
            b"".join(batch.parts),
            batch.count,
            lambda refusals, reason: self._refused(batch, refusals, reason),
        )

    def _refused(self, batch: _Batch, refusals: Sequence[Refusal], reason: str) -> None:
        if reason:
            told = [
                (prefix, hop, reason)
                for prefixes, hop, goes in batch.about
                if not goes
                for prefix in prefixes
            ]
        else:
            told = list(_told(batch, refusals))
        if not told:
            return
        for prefix, hop, why in told:
            self._on_refused(batch.table, batch.metric, prefix, hop, why)
        log.warning(
            "kernel_routes_refused",
            namespace=self._writer.namespace,
            table=batch.table,
            count=len(told),
            first=format_prefix(told[0][0]),
            reason=told[0][2],
        )
        # Whatever was there for the destination before leads where it no longer should.
        prefixes = [prefix for prefix, _, _ in told]
        for family, some in _sliced(prefixes):
            shape = Shape(family, batch.table, ROUTE_PROTOCOL, batch.metric, type=0)
            self._writer.now(bulk.delete_routes(some, shape), len(some), _indifferent)


def _told(batch: _Batch, refusals: Sequence[Refusal]) -> Iterator[tuple[Prefix, Hop | None, str]]:
    for refusal in refusals:
        at = bisect_right(batch.starts, refusal.place) - 1
        prefixes, hop, goes = batch.about[at]
        if goes and refusal.errno in _GONE_ALREADY:
            continue
        fault = hop.fault if hop is not None and hop.fault else words(refusal.errno)
        yield prefixes[refusal.place - batch.starts[at]], hop, fault


def _indifferent(refusals: Sequence[Refusal], reason: str) -> None:
    """There was nothing, then."""


def _sliced(prefixes: Sequence[Prefix]) -> Iterator[tuple[int, Sequence[Prefix]]]:
    """By family, at most a batch at a time."""
    if not prefixes:
        return
    parts: list[tuple[int, Sequence[Prefix]]] = [(AF_INET, prefixes)]
    if max(prefixes) >= IPV6_BIT:
        parts = [
            (AF_INET, [prefix for prefix in prefixes if prefix < IPV6_BIT]),
            (AF_INET6, [prefix for prefix in prefixes if prefix >= IPV6_BIT]),
        ]
    for family, own in parts:
        for start in range(0, len(own), BATCH):
            yield family, own[start : start + BATCH]


def words(number: int) -> str:
    """What an errno says, to stand inside a sentence."""
    said = os.strerror(number)
    return f"{said[:1].lower()}{said[1:]}"


def numbered(messages: Sequence[bytes]) -> bytes:
    """Single messages as one order: their sequence numbers are their places."""
    whole = bytearray(b"".join(messages))
    at = 0
    for place, message in enumerate(messages, 1):
        size, kind, flags, _, port = HEADER.unpack_from(whole, at)
        HEADER.pack_into(whole, at, size, kind, flags, place, port)
        at += len(message)
    return bytes(whole)
