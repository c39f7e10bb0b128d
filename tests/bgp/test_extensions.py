"""What two OPENs agree on beyond the basics: extended messages, next hops, refreshes, restarts."""

from __future__ import annotations

from typing import Any

import pytest

from routeserver.bgp.capabilities import (
    Capability,
    EnhancedRouteRefresh,
    ExtendedMessage,
    ExtendedNextHop,
    FourOctetAsn,
    GracefulRestart,
    LongLivedGracefulRestart,
    Multiprotocol,
    RawCapability,
    RouteRefreshCapability,
    encode_capabilities,
)
from routeserver.bgp.events import Established
from routeserver.bgp.graceful_restart import (
    GracefulRestartOffer,
    LongLivedOffer,
    PeerLongLived,
    PeerRestart,
)
from routeserver.bgp.messages import KEEPALIVE, Open
from routeserver.bgp.negotiation import Negotiated, SessionConfig, local_open, negotiate
from routeserver.bgp.session import Session
from routeserver.net.prefix import Family
from tests.bgp.support import PEER_ASN, PEER_ID, config, peer_config

V4, V6 = Family.IPV4, Family.IPV6
EVERYTHING: dict[str, Any] = {
    "extended_messages": True,
    "extended_next_hop": True,
    "enhanced_refresh": True,
    "graceful_restart": GracefulRestartOffer(notification=True, families=(V4, V6)),
    "long_lived": LongLivedOffer(((V4, 3600), (V6, 7200)), forwarding=(V6,)),
}


def agreed(ours: SessionConfig, *theirs: Capability) -> Negotiated:
    capabilities = (Multiprotocol(1, 1), Multiprotocol(2, 1), FourOctetAsn(PEER_ASN), *theirs)
    return negotiate(ours, Open(PEER_ASN, 90, PEER_ID, capabilities))


def test_by_default_nothing_beyond_route_refresh_is_offered_or_agreed() -> None:
    assert [type(c) for c in local_open(config()).capabilities] == [
        Multiprotocol,
        Multiprotocol,
        RouteRefreshCapability,
        FourOctetAsn,
    ]
    made = agreed(config(), *local_open(peer_config(**EVERYTHING)).capabilities)
    assert made.max_message_octets == 4096
    assert (made.extended_next_hop, made.enhanced_refresh) == ((), False)
    assert (made.graceful_restart, made.long_lived) == (None, None)
    assert made.route_refresh


def test_everything_that_is_set_is_offered_octet_by_octet() -> None:
    offered = local_open(config(**EVERYTHING)).capabilities
    # Multiprotocol twice, 2918, 8950, 8654, 4724 with N and both families, 6793, 7313, 9494.
    assert encode_capabilities(offered).hex(" ") == (
        "01 04 00 01 00 01 01 04 00 02 00 01 02 00 05 06 00 01 00 01 00 02 06 00 "
        "40 0a 40 78 00 01 01 00 00 02 01 00 41 04 00 00 fd e8 46 00 "
        "47 0e 00 01 01 00 00 0e 10 00 02 01 80 00 1c 20"
    )


def test_what_both_sides_offer_is_agreed() -> None:
    server, appliance = Session(config(**EVERYTHING)), Session(peer_config(**EVERYTHING))
    server.connection_opened(0)
    appliance.connection_opened(0)
    (up,) = server.receive(appliance.data_to_send() + KEEPALIVE, 0)
    assert up == Established(
        PEER_ID,
        PEER_ASN,
        30,
        (V4, V6),
        four_octet_asn=True,
        max_message_octets=65535,
        extended_next_hop=(V4,),
        route_refresh=True,
        enhanced_refresh=True,
        graceful_restart=PeerRestart(
            120, restarting=False, notification=True, families=(V4, V6), forwarding=()
        ),
        long_lived=PeerLongLived(((V4, 3600), (V6, 7200)), forwarding=(V6,)),
    )
    assert isinstance(up, Established)
    assert up.peer_capabilities == local_open(peer_config(**EVERYTHING)).capabilities


def test_without_capabilities_of_our_own_nothing_is_agreed() -> None:
    plain = config(offer_capabilities=False, **EVERYTHING)
    assert local_open(plain).capabilities == ()
    made = agreed(plain, *local_open(peer_config(**EVERYTHING)).capabilities)
    assert made == agreed(config(offer_capabilities=False))
    assert not made.route_refresh


@pytest.mark.parametrize(
    ("theirs", "families"),
    [
        ((ExtendedNextHop(((1, 1, 2),)),), (V4,)),
        ((ExtendedNextHop(((1, 128, 2), (1, 1, 2))),), (V4,)),
        ((ExtendedNextHop(()), ExtendedNextHop(((1, 1, 2),))), (V4,)),
        ((ExtendedNextHop(((1, 2, 2),)),), ()),
        ((ExtendedNextHop(((1, 1, 1),)),), ()),
        ((ExtendedNextHop(((2, 1, 1),)),), ()),
        ((RawCapability(5, b"\x00\x01\x00\x01\x00"),), ()),
        ((), ()),
    ],
)
def test_ipv6_next_hops_are_agreed_for_ipv4_unicast_only(
    theirs: tuple[Capability, ...], families: tuple[Family, ...]
) -> None:
    assert agreed(config(extended_next_hop=True), *theirs).extended_next_hop == families


def test_ipv6_next_hops_mean_nothing_on_a_session_without_ipv4() -> None:
    only6 = config(families=(V6,), extended_next_hop=True)
    assert ExtendedNextHop not in {type(c) for c in local_open(only6).capabilities}
    assert agreed(only6, ExtendedNextHop(((1, 1, 2),))).extended_next_hop == ()


HELPER = GracefulRestartOffer()


@pytest.mark.parametrize(
    ("theirs", "expected"),
    [
        (GracefulRestart(0, 90), PeerRestart(90, False, False, (), ())),
        (GracefulRestart(0x8, 0), PeerRestart(0, True, False, (), ())),
        (
            GracefulRestart(0xC, 4095, ((2, 1, 0x80), (1, 1, 0x7F), (25, 70, 0x80))),
            PeerRestart(4095, True, True, (V4, V6), (V6,)),
        ),
        (RawCapability(64, b"\x00"), None),
    ],
)
def test_what_a_peer_says_of_its_restarts(theirs: Capability, expected: PeerRestart | None) -> None:
    ours = config(graceful_restart=GracefulRestartOffer(notification=True))
    assert agreed(ours, theirs).graceful_restart == expected


def test_a_notification_is_survived_only_when_both_sides_say_so() -> None:
    made = agreed(config(graceful_restart=HELPER), GracefulRestart(0x4, 90)).graceful_restart
    assert made is not None
    assert not made.notification


def test_of_several_graceful_restart_capabilities_the_last_one_counts() -> None:
    theirs = (GracefulRestart(8, 10, ((1, 1, 0x80),)), GracefulRestart(0, 20))
    made = agreed(config(graceful_restart=HELPER), *theirs).graceful_restart
    assert made == PeerRestart(20, restarting=False, notification=False, families=(), forwarding=())


def test_a_restarting_speaker_says_which_families_it_still_forwards() -> None:
    offer = GracefulRestartOffer(90, restarting=True, families=(V4, V6), forwarding=(V4,))
    assert offer.capability() == GracefulRestart(0x8, 90, ((1, 1, 0x80), (2, 1, 0)))
    assert GracefulRestartOffer(forwarding=(V6,)).capability().families == ((2, 1, 0x80),)


def test_long_lived_stale_times_need_graceful_restart_on_both_sides() -> None:
    theirs = LongLivedGracefulRestart(((1, 1, 0, 600), (1, 128, 0x80, 5)))
    ours = config(graceful_restart=HELPER, long_lived=LongLivedOffer(((V4, 60),)))
    assert agreed(ours, theirs).long_lived is None
    made = agreed(ours, theirs, GracefulRestart(0, 90)).long_lived
    assert made == PeerLongLived(((V4, 600),), ())
    assert (made.stale_time_s(V4), made.stale_time_s(V6)) == (600, 0)
    assert (
        agreed(config(graceful_restart=HELPER), theirs, GracefulRestart(0, 90)).long_lived is None
    )


def test_enhanced_refresh_and_extended_messages_need_both_sides() -> None:
    ours = config(enhanced_refresh=True, extended_messages=True)
    assert not agreed(ours).enhanced_refresh
    assert agreed(ours).max_message_octets == 4096
    made = agreed(ours, EnhancedRouteRefresh(), EnhancedRouteRefresh(), ExtendedMessage())
    assert made.enhanced_refresh
    assert made.max_message_octets == 65535
    assert not made.route_refresh


@pytest.mark.parametrize(
    ("hold_time_s", "setting", "expected"),
    [(30, None, 480), (240, None, 480), (600, None, 1200), (0, None, 480), (30, 5, 5), (30, 0, 0)],
)
def test_a_peer_that_does_not_read_has_eight_minutes_or_twice_the_hold_time(
    hold_time_s: int, setting: int | None, expected: float
) -> None:
    ours = config(hold_time_s=hold_time_s, send_hold_time_s=setting)
    made = negotiate(ours, Open(PEER_ASN, 600, PEER_ID, ()))
    assert made.send_hold_time_s == expected


@pytest.mark.parametrize(
    "make",
    [
        lambda: GracefulRestartOffer(restart_time_s=4096),
        lambda: GracefulRestartOffer(restart_time_s=-1),
        lambda: LongLivedOffer(((V4, 1 << 24),)),
        lambda: config(long_lived=LongLivedOffer(((V4, 60),))),
        lambda: config(send_hold_time_s=-1),
    ],
)
def test_offers_that_have_no_encoding_are_refused(make: Any) -> None:
    with pytest.raises(ValueError, match=r"."):
        make()
