"""Best paths become the entries of a route table, or a reason that a person can read."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address

from hypothesis import given
from hypothesis import strategies as st

from routeserver.domain.routing import (
    Entry,
    NextHop,
    TableIntent,
    Verdicts,
    desired,
)
from routeserver.net.path import Origin, PathAttributes
from routeserver.net.prefix import Prefix, parse_prefix


@dataclass(frozen=True)
class FakeSource:
    peer_id: str
    endpoint_id: str = "rse-1"


@dataclass(frozen=True, eq=False)
class FakePath:
    source: FakeSource
    attributes: PathAttributes
    key: tuple[bool, int, int, int, str]

    @property
    def next_hop(self) -> IPv4Address | IPv6Address:
        return self.attributes.next_hop


def path(peer_id: str, next_hop: str = "10.0.1.10", rank: int = 0) -> FakePath:
    attributes = PathAttributes(Origin.IGP, (), ip_address(next_hop))
    return FakePath(FakeSource(peer_id), attributes, (False, rank, 1, 1, peer_id))


@dataclass
class Interfaces:
    owners: dict[str, str] = field(
        default_factory=lambda: {
            "10.0.1.10": "eni-a",
            "10.0.1.11": "eni-b",
            "2001:db8::a": "eni-a",
        }
    )
    asked: list[NextHop] = field(default_factory=list)

    def __call__(self, address: NextHop) -> str | None:
        self.asked.append(address)
        return self.owners.get(str(address))


A, B = path("rsp-a"), path("rsp-b", "10.0.1.11", rank=100)
P = [parse_prefix(f"10.{i}.0.0/16") for i in range(10)]
SIX = parse_prefix("2001:db8:5::/48")
STATIC = "A static route of the table has the same destination."


def entry(eni: str, next_hop: str, rs_id: str, peer_id: str) -> Entry:
    return Entry(eni, next_hop, rs_id, peer_id)


def table(
    *rs_ids: str, occupied: dict[Prefix, str] | None = None, limit: int | None = None
) -> TableIntent:
    return TableIntent("rtb-1", "vpc-1", occupied or {}, rs_ids or ("rs-1",), limit)


def everything(
    intent: TableIntent,
    fibs: dict[str, dict[Prefix, FakePath]],
    installed: dict[Prefix, Entry] | None = None,
    interfaces: Interfaces | None = None,
) -> Verdicts:
    installed = installed or {}
    prefixes = set(installed).union(*(fibs[rs] for rs in intent.route_server_ids if rs in fibs))
    return desired(intent, prefixes, fibs, interfaces or Interfaces(), installed)


def test_a_best_path_is_installed_with_the_interface_of_its_next_hop() -> None:
    verdicts = everything(table(), {"rs-1": {P[0]: A, P[1]: B}})
    assert verdicts.entries == {
        P[0]: entry("eni-a", "10.0.1.10", "rs-1", "rsp-a"),
        P[1]: entry("eni-b", "10.0.1.11", "rs-1", "rsp-b"),
    }
    assert not verdicts.rejected


def test_a_next_hop_of_no_interface_is_rejected() -> None:
    verdicts = everything(table(), {"rs-1": {P[0]: path("rsp-a", "192.0.2.1")}})
    assert not verdicts.entries
    assert verdicts.rejected == {
        ("rs-1", P[0]): "The next hop 192.0.2.1 belongs to no network interface in vpc-1."
    }


def test_an_ipv6_next_hop_resolves_by_the_ipv6_address() -> None:
    verdicts = everything(table(), {"rs-1": {SIX: path("rsp-a", "2001:db8::a")}})
    assert verdicts.entries[SIX] == entry("eni-a", "2001:db8::a", "rs-1", "rsp-a")


def test_an_ipv4_mapped_next_hop_resolves_by_its_ipv4_address() -> None:
    interfaces = Interfaces()
    fibs = {"rs-1": {SIX: path("rsp-b", "::ffff:10.0.1.11")}}
    verdicts = everything(table(), fibs, interfaces=interfaces)
    assert verdicts.entries[SIX] == entry("eni-b", "10.0.1.11", "rs-1", "rsp-b")
    assert interfaces.asked == [IPv4Address("10.0.1.11")]


def test_an_occupied_destination_rejects_with_the_reason_given() -> None:
    verdicts = everything(table(occupied={P[0]: STATIC}), {"rs-1": {P[0]: A, P[1]: A}})
    assert set(verdicts.entries) == {P[1]}
    assert verdicts.rejected == {("rs-1", P[0]): STATIC}


def test_each_next_hop_is_looked_up_once() -> None:
    interfaces = Interfaces()
    fibs = {"rs-1": dict.fromkeys(P, A), "rs-2": dict.fromkeys(P, path("rsp-c"))}
    verdicts = everything(table("rs-1", "rs-2"), fibs, interfaces=interfaces)
    assert interfaces.asked == [IPv4Address("10.0.1.10")]
    assert len({id(e) for e in verdicts.entries.values()}) == 1


class TestTwoRouteServers:
    def test_the_better_path_wins_and_the_other_is_rejected(self) -> None:
        verdicts = everything(table("rs-1", "rs-2"), {"rs-1": {P[0]: B}, "rs-2": {P[0]: A}})
        assert verdicts.entries[P[0]].route_server_id == "rs-2"
        assert verdicts.rejected == {
            ("rs-1", P[0]): "Route server rs-2 has the better path to this destination."
        }

    def test_equal_paths_are_told_apart_by_the_lower_id(self) -> None:
        for ids in (("rs-1", "rs-2"), ("rs-2", "rs-1")):
            verdicts = everything(table(*ids), {"rs-2": {P[0]: A}, "rs-1": {P[0]: A}})
            assert verdicts.entries[P[0]].route_server_id == "rs-1"

    def test_a_path_that_does_not_resolve_leaves_the_destination_to_the_other(self) -> None:
        lost = path("rsp-x", "192.0.2.1", rank=-1)
        verdicts = everything(table("rs-1", "rs-2"), {"rs-1": {P[0]: lost}, "rs-2": {P[0]: B}})
        assert verdicts.entries[P[0]].peer_id == "rsp-b"
        assert list(verdicts.rejected) == [("rs-1", P[0])]

    def test_only_those_that_propagate_to_the_table_count(self) -> None:
        verdicts = everything(table("rs-1"), {"rs-1": {P[0]: B}, "rs-2": {P[0]: A}})
        assert verdicts.entries[P[0]].peer_id == "rsp-b"
        assert not verdicts.rejected


class TestTheTablesLimit:
    FULL = "The route table already has its maximum of 2 propagated routes."

    def test_admits_by_prefix_order_and_rejects_the_rest(self) -> None:
        verdicts = everything(table(limit=2), {"rs-1": dict.fromkeys(P[3::-1], A)})
        assert set(verdicts.entries) == set(P[:2])
        assert verdicts.rejected == {("rs-1", P[2]): self.FULL, ("rs-1", P[3]): self.FULL}
        assert verdicts.waiting == set(P[2:4])

    def test_keeps_what_is_installed_even_when_it_moves(self) -> None:
        installed = everything(table(), {"rs-1": {P[8]: B, P[9]: B}}).entries
        verdicts = everything(table(limit=2), {"rs-1": {P[0]: A, P[8]: A, P[9]: B}}, installed)
        assert set(verdicts.entries) == {P[8], P[9]}
        assert verdicts.entries[P[8]].peer_id == "rsp-a"

    def test_counts_what_is_installed_beside_the_prefixes_asked_about(self) -> None:
        installed = everything(table(), {"rs-1": {P[8]: A, P[9]: A}}).entries
        fibs = {"rs-1": {P[0]: A, P[8]: A}}
        verdicts = desired(table(limit=2), [P[0]], fibs, Interfaces(), installed)
        assert verdicts.rejected == {("rs-1", P[0]): self.FULL}
        assert set(
            desired(table(limit=2), [P[0], P[9]], fibs, Interfaces(), installed).entries
        ) == {P[0]}

    def test_lowered_takes_nothing_away(self) -> None:
        fibs = {"rs-1": dict.fromkeys(P[:4], A)}
        installed = everything(table(), fibs).entries
        assert everything(table(limit=2), fibs, installed).entries == installed


def test_a_prefix_without_a_path_has_no_verdict() -> None:
    installed = everything(table(), {"rs-1": {P[0]: A}}).entries
    verdicts = everything(table(), {}, installed)
    assert verdicts == Verdicts()


HOPS = ("10.0.1.10", "10.0.1.11", "192.0.2.1", "2001:db8::a", "::ffff:10.0.1.11", "2001:db8::f")


@given(st.sampled_from(HOPS))
def test_the_text_of_a_next_hop_is_the_address_resolved(hop: str) -> None:
    interfaces = Interfaces()
    verdicts = everything(table(), {"rs-1": {P[0]: path("rsp-a", hop)}}, interfaces=interfaces)
    address = interfaces.asked[0]
    assert not isinstance(address, IPv6Address) or address.ipv4_mapped is None
    for installed in verdicts.entries.values():
        assert installed.next_hop == str(address)
    for reason in verdicts.rejected.values():
        assert str(address) in reason
