"""Shared by the tests of the BGP core: sessions of two fixed AS numbers, events as sentences, raw
attributes.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address
from struct import pack
from typing import Any, Final

from routeserver.bgp.events import (
    EndOfRib,
    Established,
    Event,
    RefreshRequested,
    RoutesReceived,
    SessionClosed,
    UpdateIgnored,
)
from routeserver.bgp.framing import MessageType, encode_frame
from routeserver.bgp.fsm import FsmState
from routeserver.bgp.messages import KEEPALIVE, Open
from routeserver.bgp.negotiation import local_open
from routeserver.bgp.nlri import encode_prefix
from routeserver.bgp.session import Session, SessionConfig
from routeserver.net.path import PathAttributes, as_path_strings
from routeserver.net.prefix import format_prefix, parse_prefix

LOCAL_ASN: Final = 65000
PEER_ASN: Final = 65001
LOCAL_ID: Final = IPv4Address("10.0.0.1")
PEER_ID: Final = IPv4Address("10.0.0.2")

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


def sentences(events: Iterable[Event]) -> list[str]:
    """Events one to a line, routes of neighbouring batches with the same attributes joined."""
    out: list[str] = []
    for event in events:
        match event:
            case Established():
                width = "four-octet" if event.four_octet_asn else "two-octet"
                families = " ".join(family.name for family in event.families)
                out.append(
                    f"established AS {event.peer_asn} id {event.peer_router_id} "
                    f"hold {event.hold_time_s} {families} {width}"
                )
            case RoutesReceived(withdrawn, announced):
                if withdrawn:
                    out.append("withdraw " + " ".join(map(format_prefix, withdrawn)))
                for attributes, prefixes in announced:
                    routes = " ".join(map(format_prefix, prefixes))
                    out.append(f"announce {routes} {_attributes(attributes)}")
            case EndOfRib(family):
                out.append(f"end-of-rib {family.name}")
            case RefreshRequested(family):
                out.append(f"refresh {family.name}")
            case UpdateIgnored(reason):
                out.append(f"ignored {reason}")
            case SessionClosed(reason):
                out.append(f"closed {reason}")
    return out


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
    if attributes.large_communities:
        text += " large " + " ".join(":".join(map(str, c)) for c in attributes.large_communities)
    return text
