"""What the operator's questions are answered from, and how a question is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from routeserver.control.access.access import Access
from routeserver.control.operator.book import PeerSettingsBook
from routeserver.control.world import World
from routeserver.domain.refusal import Refusal
from routeserver.domain.resources import PeerState, RouteServer, RouteServerPeer, RouteServerState
from routeserver.net.prefix import Prefix, format_prefix, parse_prefix
from routeserver.observe.recorder import Recorder
from routeserver.store import Store

Params: TypeAlias = Mapping[str, Any]
Answer: TypeAlias = dict[str, Any]

NOT_FOUND: Final = 404


@dataclass(frozen=True, slots=True)
class Desk:
    """`clock` is the speaker's monotonic seconds, `wall_clock` UTC seconds; `wake` makes the
    reconciler look at what is wanted again."""

    store: Store
    world: World
    book: PeerSettingsBook
    recorder: Recorder
    clock: Callable[[], float]
    wall_clock: Callable[[], float]
    wake: Callable[[], None]
    access: Access
    random_bytes: Callable[[int], bytes]

    def wall_time(self, at: float | None) -> float | None:
        """A moment of `clock` as UTC seconds."""
        return None if at is None else round(self.wall_clock() - (self.clock() - at), 3)


def text_of(params: Params, name: str) -> str | None:
    value = params.get(name)
    if value is None or isinstance(value, str):
        return value or None
    raise Refusal("InvalidParameter", f"{name} must be text.")


def required(params: Params, name: str) -> str:
    value = text_of(params, name)
    if value is None:
        raise Refusal("MissingParameter", f"{name} must be given.")
    return value


def texts_of(params: Params, name: str) -> list[str]:
    value = params.get(name) or []
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return list(dict.fromkeys(value))
    raise Refusal("InvalidParameter", f"{name} must be a list of texts.")


def number_of(params: Params, name: str, default: int, most: int) -> int:
    value = params.get(name, default)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= most:
        return value
    raise Refusal("InvalidParameter", f"{name} must be a whole number from 0 to {most}.")


def prefix_of(text: str) -> Prefix:
    try:
        return parse_prefix(text)
    except ValueError as error:
        raise Refusal(
            "InvalidParameter", f"{error}; write a prefix like 10.0.0.0/8 or 2001:db8::/32."
        ) from error


def shown(prefix: Prefix) -> str:
    return format_prefix(prefix)


async def route_server_ids(desk: Desk, wanted: str | None) -> list[str]:
    """The route servers there are, or the one that is wanted."""
    async with desk.store.read() as tx:
        if wanted is None:
            servers = await tx.list(RouteServer)
        else:
            server = await tx.get(RouteServer, wanted)
            servers = [] if server is None else [server]
    found = [one.id for one in servers if one.state is not RouteServerState.DELETED]
    if wanted is not None and not found:
        raise Refusal("NotFound", f"There is no route server {wanted}.", NOT_FOUND)
    return found


async def all_peers(desk: Desk) -> list[RouteServerPeer]:
    async with desk.store.read() as tx:
        peers = await tx.list(RouteServerPeer)
    return [peer for peer in peers if peer.state is not PeerState.DELETED]


async def peer_named(desk: Desk, peer_id: str) -> RouteServerPeer:
    async with desk.store.read() as tx:
        peer = await tx.get(RouteServerPeer, peer_id)
    if peer is None or peer.state is PeerState.DELETED:
        raise Refusal(
            "NotFound", f"There is no peer {peer_id}; routeserver show peers lists them.", NOT_FOUND
        )
    return peer
