"""Paths, and what sessions have agreed on, as the operator reads them: JSON, names spelled out."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

from routeserver.bgp.events import Established
from routeserver.bgp.framing import MAX_MESSAGE_OCTETS
from routeserver.control.operator.desk import Answer
from routeserver.net.address import format_address
from routeserver.net.path import PathAttributes, as_path_strings
from routeserver.rib.decision import explain
from routeserver.rib.path import Path


def attributes(found: PathAttributes) -> Answer:
    return {
        "next_hop": format_address(found.next_hop),
        "as_path": as_path_strings(found.as_path),
        "origin": found.origin.name,
        "med": found.med,
        "local_pref": found.local_pref,
        "preference": found.preference,
        "communities": [f"{value >> 16}:{value & 0xFFFF}" for value in found.communities],
        "large_communities": [":".join(map(str, value)) for value in found.large_communities],
        "extended_communities": [f"0x{value:016x}" for value in found.extended_communities],
        "other_attributes": [
            {"code": each.code, "flags": each.flags, "octets": len(each.value)}
            for each in found.others
        ],
    }


def path(found: Path) -> Answer:
    source = found.source
    return {
        "peer": source.peer_id,
        "endpoint": source.endpoint_id,
        "peer_address": address_text(source.address),
        "router_id": str(IPv4Address(source.router_id)),
        "stale": found.is_stale,
        **attributes(found.attributes),
    }


def address_text(value: int) -> str:
    return str(IPv6Address(value) if value >> 32 else IPv4Address(value))


def loss(winner: Path, loser: Path) -> Answer:
    """The step at which `loser` fell behind, with both values."""
    try:
        step = explain(winner, loser)
    except ValueError:
        # It has come, or became better, since the last decision: the next one will see it.
        return {"step": 0, "name": "not decided yet", "winner": "", "own": ""}
    return {
        "step": step.number,
        "name": step.name,
        "winner": step.show(winner),
        "own": step.show(loser),
    }


def negotiated(found: Established | None) -> Answer | None:
    """What a session has agreed on, and all that the peer offered; None without a session."""
    if found is None:
        return None
    restart, long_lived = found.graceful_restart, found.long_lived
    return {
        "router_id": str(found.peer_router_id),
        "hold_time_s": found.hold_time_s,
        "families": [family.name for family in found.families],
        "four_octet_asn": found.four_octet_asn,
        "max_message_octets": found.max_message_octets,
        "extended_next_hop": [family.name for family in found.extended_next_hop],
        "route_refresh": found.route_refresh,
        "enhanced_refresh": found.enhanced_refresh,
        "graceful_restart": None
        if restart is None
        else {
            "restart_time_s": restart.restart_time_s,
            "notification": restart.notification,
            "families": [family.name for family in restart.families],
            "forwarding": [family.name for family in restart.forwarding],
        },
        "long_lived_graceful_restart": None
        if long_lived is None
        else {family.name: time_s for family, time_s in long_lived.stale_times_s},
        "peer_offers": [str(capability) for capability in found.peer_capabilities],
    }


def agreed(found: Established | None) -> list[str]:
    """The same in a few short words, for a list of peers."""
    if found is None:
        return []
    words = [family.name.lower() for family in found.families]
    flags = {
        "as4": found.four_octet_asn,
        "refresh": found.route_refresh,
        "enhanced-refresh": found.enhanced_refresh,
        "extended-messages": found.max_message_octets > MAX_MESSAGE_OCTETS,
        "extended-next-hop": bool(found.extended_next_hop),
        "graceful-restart": found.graceful_restart is not None,
        "long-lived": found.long_lived is not None,
    }
    return words + [word for word, is_agreed in flags.items() if is_agreed]
