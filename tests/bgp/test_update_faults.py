"""What the rows of the malformed-UPDATE suite do not say: internal peers, several families in one
UPDATE, families that were not negotiated, prefixes that are not unicast.
"""

from __future__ import annotations

from typing import Any, Final

import pytest

from routeserver.bgp.events import Event, RoutesReceived, SessionClosed, UpdateIgnored
from routeserver.bgp.fsm import FsmState
from routeserver.bgp.session import Session
from routeserver.net.path import PathAttributes
from routeserver.net.prefix import Prefix, parse_prefix
from tests.bgp.malformed.rows import OWN, ROUTE, ROUTE6, path, via
from tests.bgp.support import (
    AS_PATH,
    LOCAL_ASN,
    LOCAL_ID,
    MANDATORY,
    NEXT_HOP,
    ORIGIN,
    attribute,
    config,
    established,
    mp_reach,
    mp_unreach,
    nlri,
    peer_open,
    update,
)

BAD_ORIGIN: Final = attribute(0x40, 1, b"\x09")


class Table:
    """What a route server would know of this peer."""

    def __init__(self) -> None:
        self.routes: dict[Prefix, PathAttributes] = {}
        self.reasons: list[str] = []
        self.closed: SessionClosed | None = None

    def take(self, events: list[Event]) -> None:
        for event in events:
            match event:
                case RoutesReceived(batch):
                    for attribute_set, prefixes in batch.runs():
                        for prefix in prefixes:
                            self.routes.pop(prefix, None)
                            if attribute_set is not None and attribute_set.rejected is None:
                                self.routes[prefix] = attribute_set.attributes
                case UpdateIgnored(reason):
                    self.reasons.append(reason)
                case SessionClosed():
                    self.closed = event
                case _:
                    raise AssertionError(event)


def run(frames: list[bytes], *, together: bool, session: Session | None = None) -> Table:
    session = established(config(local_address=LOCAL_ID)) if session is None else session
    table = Table()
    for data in [b"".join(frames)] if together else frames:
        table.take(session.receive(data, 1))
    assert (session.state is FsmState.IDLE) is (table.closed is not None)
    return table


def test_an_attribute_repeated_a_thousand_times_is_reported_once() -> None:
    table = run([update(MANDATORY + attribute(0x80, 98, b"") * 1000, nlri(ROUTE))], together=True)
    assert table.reasons == ["attribute discard: attribute 98 appears more than once"]


def test_a_discarded_attribute_is_not_in_the_route() -> None:
    frame = update(
        (MANDATORY + attribute(0x40, 5, bytes(4)) + attribute(0x40, 6, b"x")), nlri(ROUTE)
    )
    (attributes,) = run([frame], together=False).routes.values()
    assert attributes.local_pref is None
    assert attributes.others == ()


def internal(**changes: Any) -> Session:
    return established(
        config(peer_asn=LOCAL_ASN, **changes), peer_open(local_asn=LOCAL_ASN, peer_asn=LOCAL_ASN)
    )


def test_an_internal_peer_may_send_local_pref_and_an_empty_path() -> None:
    attributes = path("") + attribute(0x40, 5, b"\x00\x00\x00\xc8")
    table = run([update(attributes, nlri(ROUTE))], together=False, session=internal())
    assert [a.local_pref for a in table.routes.values()] == [200]
    assert table.reasons == []


@pytest.mark.parametrize("code", [5, 9, 10])
def test_what_an_external_peer_may_not_send_is_checked_on_an_internal_one(code: int) -> None:
    flags = 0x40 if code == 5 else 0x80
    frames = [
        update(path(""), nlri(ROUTE)),
        update(path("") + attribute(flags, code, b"abc"), nlri(ROUTE)),
    ]
    table = run(frames, together=False, session=internal())
    assert table.routes == {}
    assert "has length 3" in table.reasons[0]


def test_our_own_as_is_a_loop_from_an_internal_peer_too() -> None:
    table = run([update(path("0201" + OWN), nlri(ROUTE))], together=False, session=internal())
    assert table.routes == {}
    assert table.reasons == ["routes not accepted: own AS 65000 in path"]


def test_loopback_next_hops_are_taken_where_the_fabric_is_the_loopback() -> None:
    session = established(config(accept_loopback_next_hops=True))
    mapped = bytes.fromhex(20 * "0" + "ffff7f000001")
    frames = [
        update(via("7f000001"), nlri(ROUTE)),
        update(mp_reach(ROUTE6, next_hop=mapped) + ORIGIN + AS_PATH),
    ]
    table = run(frames, together=True, session=session)
    assert set(table.routes) == {parse_prefix(ROUTE), parse_prefix(ROUTE6)}


def test_a_fault_in_one_family_spares_no_route_of_the_same_update() -> None:
    attributes = mp_reach(ROUTE6) + BAD_ORIGIN + AS_PATH + NEXT_HOP
    frames = [
        update(MANDATORY, nlri(ROUTE)),
        update(mp_reach(ROUTE6) + ORIGIN + AS_PATH),
        update(attributes, nlri(ROUTE)),
    ]
    assert run(frames, together=True).routes == {}


def test_a_bad_ipv4_next_hop_says_nothing_about_the_ipv6_routes_beside_it() -> None:
    frame = update(mp_reach(ROUTE6) + via("e0000001"), nlri(ROUTE))
    assert set(run([frame], together=True).routes) == {parse_prefix(ROUTE6)}


def test_prefixes_that_are_not_unicast_are_left_out_and_the_rest_is_taken() -> None:
    frames = [
        update(MANDATORY, nlri("224.0.0.0/4", ROUTE, "240.0.0.0/8", "0.0.0.0/0")),
        update(mp_reach("ff00::/8", ROUTE6, "::/0") + ORIGIN + AS_PATH),
        update(MANDATORY, nlri("224.0.0.0/24")),
    ]
    for together in (False, True):
        table = run(frames, together=together)
        expected = {ROUTE, ROUTE6, "0.0.0.0/0", "::/0"}
        assert set(table.routes) == {parse_prefix(prefix) for prefix in expected}
        assert table.reasons == [
            "not unicast: 224.0.0.0/4, 240.0.0.0/8",
            "not unicast: ff00::/8",
            "not unicast: 224.0.0.0/24",
        ]


def test_routes_of_a_family_that_was_not_negotiated_are_ignored() -> None:
    only6 = peer_open(families=config().families[1:])
    frames = [
        update(MANDATORY, nlri(ROUTE)),
        update(mp_reach(ROUTE6) + ORIGIN + AS_PATH),
        update(),
        update(b"", b"", nlri(ROUTE)),
    ]
    table = run(frames, together=False, session=established(None, only6))
    assert set(table.routes) == {parse_prefix(ROUTE6)}
    assert len(table.reasons) == 3
    only4 = peer_open(families=config().families[:1])
    frames = [update(mp_reach(ROUTE6) + ORIGIN + AS_PATH), update(mp_unreach()), frames[0]]
    table = run(frames, together=False, session=established(None, only4))
    assert set(table.routes) == {parse_prefix(ROUTE)}
    assert table.reasons == [
        "MP_REACH_NLRI of AFI 2, SAFI 1 was not negotiated",
        "MP_UNREACH_NLRI of AFI 2, SAFI 1 was not negotiated",
    ]


def test_a_family_we_do_not_know_is_ignored_whatever_its_contents() -> None:
    vpn = attribute(0x80, 14, b"\x00\x01\x80\x0c" + bytes(12) + b"\x00" + b"\xff" * 9)
    table = run([update(vpn + BAD_ORIGIN), update(MANDATORY, nlri(ROUTE))], together=False)
    assert set(table.routes) == {parse_prefix(ROUTE)}
    assert table.reasons[0] == "MP_REACH_NLRI of AFI 1, SAFI 128 was not negotiated"
