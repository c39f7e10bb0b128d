"""Shared by the tests of the BGP core: sessions of two fixed AS numbers, events as sentences, raw
attributes.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address
from struct import pack
from typing import Any, Final, NamedTuple

from routeserver.bgp.events import (
    EndOfRib,
    Established,
    Event,
    RefreshEnded,
    RefreshRequested,
    RefreshStarted,
    RoutesReceived,
    SessionClosed,
    UpdateIgnored,
)
from routeserver.bgp.framing import MAX_MESSAGE_OCTETS, MessageType, encode_frame
from routeserver.bgp.fsm import FsmState
from routeserver.bgp.graceful_restart import GracefulRestartOffer, LongLivedOffer
from routeserver.bgp.messages import KEEPALIVE, Open
from routeserver.bgp.negotiation import local_open
from routeserver.bgp.nlri import encode_prefix
from routeserver.bgp.session import Session, SessionConfig
from routeserver.bgp.update import Ignored, Update
from routeserver.net.path import PathAttributes, as_path_strings
from routeserver.net.prefix import Family, Prefix, format_prefix, parse_prefix
from routeserver.net.route_batch import RouteBatch

LOCAL_ASN: Final = 65000
PEER_ASN: Final = 65001
LOCAL_ID: Final = IPv4Address("10.0.0.1")
PEER_ID: Final = IPv4Address("10.0.0.2")

EVERYTHING: Final[dict[str, Any]] = {
    "extended_messages": True,
    "extended_next_hop": True,
    "enhanced_refresh": True,
    "graceful_restart": GracefulRestartOffer(notification=True),
    "long_lived": LongLivedOffer(((Family.IPV4, 60),)),
    "accept_as_sets": True,
}
"""All that a session can offer."""

ORIGIN: Final = bytes.fromhex("40010100")
AS_PATH: Final = bytes.fromhex("400206020100 00fde9".replace(" ", ""))
NEXT_HOP: Final = bytes.fromhex("4003040a000002")
MANDATORY: Final = ORIGIN + AS_PATH + NEXT_HOP


def config(**changes: Any) -> SessionConfig:
    values: dict[str, Any] = {
        "local_asn": LOCAL_ASN,
        "local_router_id": LOCAL_ID,
        "peer_asn": PEER_ASN,
        **changes,
    }
    return SessionConfig(**values)


def peer_config(**changes: Any) -> SessionConfig:
    return config(
        **{
            "local_asn": PEER_ASN,
            "local_router_id": PEER_ID,
            "peer_asn": LOCAL_ASN,
            **changes,
        }
    )


def peer_open(**changes: Any) -> Open:
    return local_open(peer_config(**changes))


def session_in(state: FsmState, session_config: SessionConfig | None = None) -> Session:
    """A session brought to `state` by its peer's messages at time 0, with nothing left to send."""
    session = Session(config() if session_config is None else session_config)
    if state is not FsmState.CONNECT:
        session.connection_opened(0)
    if state in {FsmState.OPEN_CONFIRM, FsmState.ESTABLISHED}:
        session.receive(peer_open().encode(), 0)
    if state is FsmState.ESTABLISHED:
        session.receive(KEEPALIVE, 0)
    if state is FsmState.IDLE:
        session.connection_lost(0)
    assert session.state is state
    session.data_to_send()
    return session


def established(session_config: SessionConfig | None = None, peer: Open | None = None) -> Session:
    session = Session(config() if session_config is None else session_config)
    session.connection_opened(0)
    session.receive((peer_open() if peer is None else peer).encode() + KEEPALIVE, 0)
    assert session.state is FsmState.ESTABLISHED
    session.data_to_send()
    return session


def attribute(flags: int, code: int, value: bytes) -> bytes:
    return bytes([flags, code, len(value)]) + value


def nlri(*prefixes: str) -> bytes:
    return b"".join(encode_prefix(parse_prefix(prefix)) for prefix in prefixes)


def update(attributes: bytes = b"", routes: bytes = b"", withdrawn: bytes = b"") -> bytes:
    return encode_frame(
        MessageType.UPDATE,
        pack(">H", len(withdrawn)) + withdrawn + pack(">H", len(attributes)) + attributes + routes,
    )


def mp_reach(
    *prefixes: str, next_hop: bytes = bytes.fromhex("20010db8" + 11 * "00" + "02")
) -> bytes:
    value = b"\x00\x02\x01" + bytes([len(next_hop)]) + next_hop + b"\x00" + nlri(*prefixes)
    return attribute(0x80, 14, value)


def mp_unreach(*prefixes: str) -> bytes:
    return attribute(0x80, 15, b"\x00\x02\x01" + nlri(*prefixes))


def closed(events: Iterable[Event]) -> SessionClosed:
    """The SessionClosed that these events end with."""
    last = list(events)[-1]
    assert isinstance(last, SessionClosed)
    return last


_OF_A_FAMILY: Final = {
    EndOfRib: "end-of-rib {}",
    RefreshRequested: "refresh {}",
    RefreshStarted: "refresh {} begins",
    RefreshEnded: "refresh {} ends",
}


def sentences(events: Iterable[Event]) -> list[str]:
    """Events one to a line, routes of neighbouring batches with the same attributes joined."""
    out: list[str] = []
    for event in events:
        match event:
            case Established():
                out.append(_established(event))
            case RoutesReceived(batch):
                _add_routes(out, batch)
            case EndOfRib() | RefreshRequested() | RefreshStarted() | RefreshEnded():
                out.append(_OF_A_FAMILY[type(event)].format(event.family.name))
            case UpdateIgnored(reason):
                out.append(f"ignored {reason}")
            case SessionClosed(reason):
                out.append(f"closed {reason}")
    return out


def _established(event: Established) -> str:
    width = "four-octet" if event.four_octet_asn else "two-octet"
    words = [
        f"established AS {event.peer_asn} id {event.peer_router_id} hold {event.hold_time_s}",
        *(family.name for family in event.families),
        width,
    ]
    if event.max_message_octets > MAX_MESSAGE_OCTETS:
        words.append("extended-messages")
    words += [f"{family.name}-over-IPV6" for family in event.extended_next_hop]
    if event.enhanced_refresh:
        words.append("enhanced-refresh")
    if (restart := event.graceful_restart) is not None:
        flags = "R" * restart.restarting + "N" * restart.notification
        words += ["restart", str(restart.restart_time_s), flags]
        words += [f"{f.name}{'+' * (f in restart.forwarding)}" for f in restart.families]
    if (stale := event.long_lived) is not None:
        words.append("long-lived")
        words += [
            f"{f.name}{'+' * (f in stale.forwarding)} {seconds}"
            for f, seconds in stale.stale_times_s
        ]
    return " ".join(word for word in words if word)


def _add_routes(out: list[str], batch: RouteBatch) -> None:
    for attribute_set, prefixes in batch.runs():
        routes = " ".join(map(format_prefix, prefixes))
        if attribute_set is None:
            if out and out[-1].startswith("withdraw "):
                out[-1] += " " + routes
            else:
                out.append(f"withdraw {routes}")
        elif attribute_set.rejected is not None:
            out.append(f"reject {routes} {attribute_set.rejected}")
        else:
            out.append(f"announce {routes} {_attributes(attribute_set.attributes)}")


class Said(NamedTuple):
    """An `Update` in plain values; `rejected` are routes that are kept and never used."""

    withdrawn: list[Prefix]
    announced: list[tuple[PathAttributes, list[Prefix]]]
    end_of_rib: Family | None = None
    ignored: tuple[Ignored, ...] = ()
    rejected: tuple[tuple[str, list[Prefix]], ...] = ()


def said(update: Update) -> Said:
    return Said(
        update.withdrawn,
        [(s.attributes, prefixes) for s, prefixes in update.announced if s.rejected is None],
        update.end_of_rib,
        update.ignored,
        tuple((s.rejected, prefixes) for s, prefixes in update.announced if s.rejected is not None),
    )


def _attributes(attributes: PathAttributes) -> str:
    path = " ".join(as_path_strings(attributes.as_path))
    text = f"{attributes.origin.name} path {path} via {attributes.next_hop}"
    if attributes.med is not None:
        text += f" med {attributes.med}"
    if attributes.local_pref is not None:
        text += f" pref {attributes.local_pref}"
    if attributes.communities:
        text += " communities " + " ".join(
            f"{c >> 16}:{c & 0xFFFF}" for c in attributes.communities
        )
    if attributes.extended_communities:
        text += " extended " + " ".join(f"{c:016x}" for c in attributes.extended_communities)
    if attributes.large_communities:
        text += " large " + " ".join(":".join(map(str, c)) for c in attributes.large_communities)
    return text
