"""What follows from what two OPENs agreed on: how UPDATEs are read, and what the session's owner is
told.
"""

from __future__ import annotations

from routeserver.bgp.attributes import DecodeContext
from routeserver.bgp.capabilities import Capability
from routeserver.bgp.events import Established
from routeserver.bgp.negotiation import Negotiated, SessionConfig


def decode_context(config: SessionConfig, agreed: Negotiated) -> DecodeContext:
    return DecodeContext(
        local_asn=config.local_asn,
        peer_asn=config.peer_asn,
        four_octet_asn=agreed.four_octet_asn,
        families=agreed.families,
        accept_loopback_next_hops=config.accept_loopback_next_hops,
        local_address=config.local_address,
        extended_next_hop=agreed.extended_next_hop,
        accept_as_sets=config.accept_as_sets,
    )


def established(
    agreed: Negotiated, peer_asn: int, peer_capabilities: tuple[Capability, ...]
) -> Established:
    return Established(
        peer_router_id=agreed.peer_router_id,
        peer_asn=peer_asn,
        hold_time_s=agreed.hold_time_s,
        families=agreed.families,
        four_octet_asn=agreed.four_octet_asn,
        max_message_octets=agreed.max_message_octets,
        extended_next_hop=agreed.extended_next_hop,
        route_refresh=agreed.route_refresh,
        enhanced_refresh=agreed.enhanced_refresh,
        graceful_restart=agreed.graceful_restart,
        long_lived=agreed.long_lived,
        peer_capabilities=peer_capabilities,
    )
