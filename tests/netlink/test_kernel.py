"""Our messages and this machine's kernel, with iproute2 as the witness: what we write, `ip` shows;
what `ip` writes, we read."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator
from functools import partial
from ipaddress import ip_address, ip_interface
from typing import TypeVar

import pytest

from routeserver.net.prefix import parse_prefix
from routeserver.netlink.address import (
    InterfaceAddress,
    delete_address,
    list_addresses,
    new_address,
)
from routeserver.netlink.decoding import Said, decode
from routeserver.netlink.framing import Acknowledgement, Flag
from routeserver.netlink.link import (
    End,
    Link,
    LinkFlag,
    delete_link,
    get_link,
    list_links,
    new_bridge,
    new_pair,
    set_link,
)
from routeserver.netlink.neighbour import (
    NTF_MASTER,
    Forwarding,
    Neighbour,
    State,
    delete_forwarding,
    delete_neighbour,
    list_neighbours,
    new_forwarding,
    new_neighbour,
)
from routeserver.netlink.nexthop import (
    Member,
    NextHop,
    delete_nexthop,
    list_nexthops,
    new_nexthop,
)
from routeserver.netlink.route import (
    Hop,
    Route,
    RouteType,
    Scope,
    delete_route,
    list_routes,
    new_route,
)
from routeserver.netlink.rule import Rule, delete_rule, list_rules, new_rule
from routeserver.netlink.values import AF_BRIDGE, AF_INET, AF_INET6
from tests.namespaces import Namespace, namespace, need_root
from tests.running import eventually

T = TypeVar("T")
OURS = 179
TABLE = 1_700_000_001


class Site:
    """A namespace with a bridge and a pair on it, and a socket into it."""

    def __init__(self, network: Namespace, into: socket.socket) -> None:
        self.network = network
        self.into = into
        into.setsockopt(270, 12, 1)  # NETLINK_GET_STRICT_CHK

    def ask(self, message: bytes) -> list[object]:
        """Everything the kernel answers to one request, up to its acknowledgement."""
        octets = bytearray(message)
        octets[6] |= Flag.ACK
        self.into.send(octets)
        heard: list[object] = []
        while not (heard and isinstance(heard[-1], Acknowledgement)):
            heard.extend(decode(self.into.recv(1 << 20)))
        return heard

    def errno(self, message: bytes) -> int:
        last = self.ask(message)[-1]
        assert isinstance(last, Acknowledgement)
        return last.errno

    def do(self, *messages: bytes) -> None:
        for message in messages:
            assert (code := self.errno(message)) == 0, errno.errorcode[code]

    def all(self, question: bytes, kind: type[T]) -> list[T]:
        return [
            heard.value
            for heard in self.ask(question)
            if isinstance(heard, Said) and isinstance(heard.value, kind)
        ]

    def link(self, name: str) -> Link:
        return self.all(get_link(name), Link)[0]


@pytest.fixture
def site() -> Iterator[Site]:
    need_root()
    with namespace() as network, network.netlink() as into:
        site = Site(network, into)
        site.do(
            new_bridge("br", "02:00:00:00:00:01", 9001),
            new_pair(End("port", "02:00:00:00:00:02", 9001), End("far", "02:00:00:00:00:03", 9001)),
        )
        bridge, port, far = site.link("br"), site.link("port"), site.link("far")
        site.do(
            set_link(site.link("lo").index, up=True),
            set_link(bridge.index, up=True, alias="subnet-1"),
            set_link(port.index, up=True, bridge=bridge.index),
            set_link(far.index, up=True),
            new_address(InterfaceAddress(bridge.index, ip_interface("10.0.0.1/24"))),
            new_address(InterfaceAddress(bridge.index, ip_interface("2001:db8::1/64"), flags=2)),
        )
        # The kernel notices a carrier a moment later, and takes no next hop before.
        eventually("carrier", lambda: site.link("br").flags, lambda on: bool(on & LinkFlag.RUNNING))
        yield site


def test_links_are_as_ip_shows_them(site: Site) -> None:
    shown = {link["ifname"]: link for link in site.network.ip("link", "show")}
    ours = {link.name: link for link in site.all(list_links(), Link)}
    assert ours.keys() == shown.keys() == {"lo", "br", "port", "far"}
    for name, link in ours.items():
        assert (link.index, link.mac, link.mtu, link.is_up) == (
            shown[name]["ifindex"],
            shown[name]["address"],
            shown[name]["mtu"],
            "UP" in shown[name]["flags"],
        )
    assert shown["br"]["linkinfo"]["info_kind"] == ours["br"].kind == "bridge"
    assert shown["br"]["linkinfo"]["info_data"]["stp_state"] == 0
    assert shown["br"]["ifalias"] == ours["br"].alias == "subnet-1"
    assert shown["port"]["linkinfo"]["info_kind"] == ours["port"].kind == "veth"
    assert shown["port"]["master"] == "br"
    assert ours["port"].bridge == ours["br"].index
    assert (ours["port"].peer, ours["far"].peer) == (ours["far"].index, ours["port"].index)


def test_a_link_is_renamed_moved_and_removed(site: Site) -> None:
    far = site.link("far")
    with namespace("other") as other, other.path.open("rb") as there:
        site.do(
            set_link(far.index, up=False),
            set_link(far.index, namespace=there.fileno(), name="eth5"),
        )
        assert "eth5" in {link["ifname"] for link in other.ip("link", "show")}
        assert site.link("port").peer_namespace >= 0
        site.do(delete_link(site.link("port").index))
        assert site.errno(get_link("port")) == errno.ENODEV
        assert "eth5" not in {link["ifname"] for link in other.ip("link", "show")}


def test_a_pair_is_made_across_namespaces_at_once(site: Site) -> None:
    with namespace("other") as other, other.path.open("rb") as there:
        site.do(
            new_pair(
                End("igw", mtu=1500),
                End("vpc", "02:00:00:00:00:09", 1500, there.fileno()),
            )
        )
        (shown,) = (link for link in other.ip("link", "show") if link["ifname"] == "vpc")
        assert (shown["address"], shown["mtu"]) == ("02:00:00:00:00:09", 1500)
        assert site.link("igw").mtu == 1500
        assert site.errno(new_pair(End("igw"), End("vpc2"))) == errno.EEXIST


def test_addresses_are_as_ip_shows_them_and_go_again(site: Site) -> None:
    bridge = site.link("br").index
    ours = site.all(list_addresses(bridge), InterfaceAddress)
    (shown,) = site.network.ip("addr", "show", "dev", "br")
    expected = {f"{info['local']}/{info['prefixlen']}" for info in shown["addr_info"]}
    assert {str(address.address) for address in ours} == expected
    assert {address.interface for address in ours} == {bridge}
    site.do(delete_address(InterfaceAddress(bridge, ip_interface("10.0.0.1/24"))))
    left = site.all(list_addresses(bridge, AF_INET), InterfaceAddress)
    assert left == []


def ways(site: Site) -> list[Route]:
    bridge = site.link("br").index
    v4, v6 = ip_address("10.0.0.9"), ip_address("2001:db8::9")
    way = partial(Route, table=TABLE, protocol=OURS)
    return [
        way(parse_prefix("10.8.0.0/16"), gateway=v4, interface=bridge),
        way(parse_prefix("10.9.0.0/16"), nexthop_id=7),
        way(parse_prefix("0.0.0.0/0"), nexthop_id=7, priority=5),
        way(parse_prefix("10.0.0.0/16"), type=RouteType.THROW),
        way(parse_prefix("10.1.0.0/16"), type=RouteType.BLACKHOLE),
        way(parse_prefix("10.2.0.0/16"), interface=bridge, scope=Scope.LINK),
        way(parse_prefix("10.3.0.0/16"), gateway=v6, interface=bridge),
        way(
            parse_prefix("10.4.0.0/16"),
            hops=(Hop(bridge, v4, 2), Hop(bridge, ip_address("10.0.0.10"))),
        ),
        way(
            parse_prefix("10.5.0.0/16"),
            interface=bridge,
            gateway=v4,
            mtu=1400,
            source=ip_address("10.0.0.1"),
        ),
        way(parse_prefix("2001:db8:8::/48"), nexthop_id=8, priority=1024),
        way(
            parse_prefix("::/0"),
            gateway=v6,
            interface=bridge,
            priority=9,
        ),
    ]


def next_hops(site: Site) -> list[NextHop]:
    bridge = site.link("br").index
    return [
        NextHop(7, bridge, ip_address("10.0.0.9"), protocol=OURS),
        NextHop(8, bridge, ip_address("2001:db8::9"), family=AF_INET6, protocol=OURS),
        NextHop(9, group=(Member(7, 2), Member(10)), family=0, protocol=OURS),
        NextHop(10, bridge, ip_address("10.0.0.10"), protocol=OURS),
        NextHop(11, blackhole=True, protocol=OURS),
        NextHop(12, bridge, protocol=OURS),
    ]


def make_next_hops(site: Site) -> None:
    hops = sorted(next_hops(site), key=lambda hop: bool(hop.group))
    site.do(*(new_nexthop(hop) for hop in hops))


def test_next_hop_objects_are_as_ip_shows_them_and_as_we_wrote_them(site: Site) -> None:
    make_next_hops(site)
    shown = {hop["id"]: hop for hop in site.network.ip("nexthop", "show")}
    assert shown[7]["gateway"] == "10.0.0.9"
    assert shown[8]["gateway"] == "2001:db8::9"
    assert [(m["id"], m.get("weight", 1)) for m in shown[9]["group"]] == [(7, 2), (10, 1)]
    assert shown[11]["blackhole"] is None
    assert shown[12]["dev"] == "br"
    read = site.all(list_nexthops(), NextHop)
    bare = [
        NextHop(hop.id, hop.interface, hop.gateway, hop.group, hop.blackhole, hop.family, OURS)
        for hop in read
    ]
    assert [hop for hop in bare if hop.id != 11] == [h for h in next_hops(site) if h.id != 11]
    assert next(hop for hop in read if hop.id == 11).blackhole
    site.do(*(delete_nexthop(number) for number in (9, 7, 8, 10, 11, 12)))
    assert site.network.ip("nexthop", "show") == []


def test_routes_are_as_ip_shows_them_and_as_we_wrote_them(site: Site) -> None:
    site.network.run("sysctl", "-qw", "net.ipv4.nexthop_compat_mode=0")
    make_next_hops(site)
    wanted = ways(site)
    site.do(*(new_route(route) for route in wanted))
    read = [
        route
        for family in (AF_INET, AF_INET6)
        for route in site.all(list_routes(family, TABLE), Route)
    ]
    by_destination = {route.destination: route for route in read}
    assert len(read) == len(wanted)
    for route in wanted:
        found = by_destination[route.destination]
        assert (found.table, found.type, found.protocol, found.nexthop_id) == (
            route.table,
            route.type,
            OURS,
            route.nexthop_id,
        )
        assert found.priority == route.priority
        if not route.nexthop_id:
            assert (found.interface, found.gateway, found.hops, found.source, found.mtu) == (
                route.interface,
                route.gateway,
                route.hops,
                route.source,
                route.mtu,
            )
    shown = {route["dst"]: route for route in site.network.ip("route", "show", "table", str(TABLE))}
    assert shown["10.8.0.0/16"]["gateway"] == "10.0.0.9"
    assert shown["10.9.0.0/16"]["nhid"] == 7
    assert shown["default"]["metric"] == 5
    assert shown["10.0.0.0/16"]["type"] == str(int(RouteType.THROW))
    assert shown["10.1.0.0/16"]["type"] == str(int(RouteType.BLACKHOLE))
    assert shown["10.3.0.0/16"]["via"]["host"] == "2001:db8::9"
    assert len(shown["10.4.0.0/16"]["nexthops"]) == 2
    assert {route["protocol"] for route in shown.values()} == {str(OURS)}
    site.do(*(delete_route(route) for route in wanted))
    for family in (AF_INET, AF_INET6):
        left = site.all(list_routes(family, TABLE), Route)
        assert left == []


def test_what_ip_writes_we_read(site: Site) -> None:
    site.network.run("ip", "route", "add", "192.0.2.0/24", "via", "10.0.0.7", "proto", "99")
    site.network.run("ip", "-6", "rule", "add", "iif", "br", "table", "4242", "priority", "77")
    site.network.run("ip", "rule", "add", "from", "10.9.0.0/16", "fwmark", "3", "blackhole")
    routes = site.all(list_routes(AF_INET, 254, protocol=99), Route)
    assert routes == [
        Route(
            parse_prefix("192.0.2.0/24"),
            protocol=99,
            gateway=ip_address("10.0.0.7"),
            interface=site.link("br").index,
        )
    ]
    v6 = [rule for rule in site.all(list_rules(AF_INET6), Rule) if rule.priority == 77]
    assert [(rule.input, rule.table) for rule in v6] == [("br", 4242)]
    (v4,) = (rule for rule in site.all(list_rules(AF_INET), Rule) if rule.mark)
    assert (v4.source, v4.mark, v4.action) == (parse_prefix("10.9.0.0/16"), 3, 6)


def test_rules_are_as_ip_shows_them_and_go_again(site: Site) -> None:
    rules = [
        Rule(AF_INET, 100, TABLE, input="br", protocol=OURS),
        Rule(AF_INET, 101, 9, input="lo", source=parse_prefix("10.0.0.0/24"), protocol=OURS),
        Rule(AF_INET6, 100, TABLE, input="br", protocol=OURS),
    ]
    site.do(*(new_rule(rule) for rule in rules))
    assert site.errno(new_rule(rules[0])) == errno.EEXIST
    shown = {rule["priority"]: rule for rule in site.network.ip("rule", "show")}
    assert (shown[100]["iif"], shown[100]["table"]) == ("br", str(TABLE))
    assert (shown[101]["iif"], shown[101]["src"], shown[101]["srclen"]) == ("lo", "10.0.0.0", 24)
    for family in (AF_INET, AF_INET6):
        read = [rule for rule in site.all(list_rules(family), Rule) if rule.protocol == OURS]
        assert read == [rule for rule in rules if rule.family == family]
    site.do(*(delete_rule(rule) for rule in rules))
    assert site.errno(delete_rule(rules[0])) == errno.ENOENT


def test_neighbours_and_forwarding_entries(site: Site) -> None:
    bridge, port = site.link("br").index, site.link("port").index
    known = Neighbour(bridge, ip_address("10.0.0.9"), "02:00:00:00:00:03", protocol=OURS)
    sixth = Neighbour(bridge, ip_address("fe80::9"), "02:00:00:00:00:03", protocol=OURS)
    behind = Forwarding(port, "02:00:00:00:00:03")
    site.do(new_neighbour(known), new_neighbour(sixth), new_forwarding(behind))
    assert site.all(list_neighbours(AF_INET, bridge), Neighbour) == [known]
    assert sixth in site.all(list_neighbours(AF_INET6, bridge), Neighbour)
    (shown,) = site.network.ip("neigh", "show", "dev", "br", "nud", "permanent", "10.0.0.9")
    assert (shown["dst"], shown["lladdr"]) == ("10.0.0.9", "02:00:00:00:00:03")
    entries = site.all(list_neighbours(AF_BRIDGE), Forwarding)
    assert [e for e in entries if e.mac == behind.mac and e.interface == port] == [
        Forwarding(port, behind.mac, State.NOARP, 0, bridge=bridge)
    ]
    site.do(delete_neighbour(known), delete_neighbour(sixth), delete_forwarding(behind))
    assert site.all(list_neighbours(AF_INET, bridge), Neighbour) == []
    assert behind.flags == NTF_MASTER


def test_the_kernel_says_why_not_in_words(site: Site) -> None:
    site.into.setsockopt(270, 11, 1)  # NETLINK_EXT_ACK
    route = Route(parse_prefix("10.9.0.0/16"), nexthop_id=4242)
    (heard,) = site.ask(new_route(route, 5))
    assert heard == Acknowledgement(5, errno.EINVAL, "Nexthop id does not exist")
