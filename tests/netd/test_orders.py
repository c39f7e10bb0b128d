"""Every order, against this machine's kernel, with iproute2 as the witness."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import subprocess
from dataclasses import replace
from ipaddress import ip_address

import pytest

from routeserver.net.prefix import parse_prefix
from routeserver.netd.client import NetdClient
from routeserver.netd.interface import NetdError
from routeserver.netd.orders import (
    FEATURES,
    HERE,
    ROUTE_PROTOCOL,
    Guard,
    ListNamespaces,
    MakeBridge,
    MakeNamespace,
    MakeOutside,
    OpenBfdReceiver,
    OpenBfdSender,
    OpenListener,
    OpenNetlink,
    Plug,
    Probe,
    Refusal,
    RemoveLink,
    RemoveNamespace,
    Write,
)
from routeserver.netd.starting import start_helper
from routeserver.netlink.decoding import Said, decode
from routeserver.netlink.framing import MAKE
from routeserver.netlink.link import list_links
from routeserver.netlink.route import Route, RouteType, new_route
from tests.namespaces import Namespace, namespace
from tests.netd.conftest import INSTANCE, Helper

BRIDGE_MAC = "02:00:00:00:01:01"
ENI_MAC = "02:00:00:00:02:02"
PATIENCE_S = 20.0


def bridge(vpc: str, *addresses: str) -> MakeBridge:
    return MakeBridge(
        vpc,
        "br1",
        "subnet-1",
        BRIDGE_MAC,
        9001,
        addresses or ("10.0.0.1/24", "2001:db8::1/64"),
    )


def plug(vpc: str, appliance: Namespace, device: str = "eth1") -> Plug:
    return Plug(
        vpc,
        "br1",
        "eni1",
        "eni-1",
        str(appliance.path),
        device,
        ENI_MAC,
        9001,
        ("10.0.0.9/24", "2001:db8::9/64"),
        ("10.0.0.1", "2001:db8::1"),
    )


def guard(vpc: str, *, check: bool) -> Guard:
    return Guard(vpc, "eni1", ENI_MAC, ("10.0.0.9", "2001:db8::9"), check)


async def test_this_kernel_has_what_we_need(helper: Helper) -> None:
    assert (await helper.netd.do(Probe())).names == FEATURES


async def test_a_namespace_forwards_is_marked_and_made_once(helper: Helper, vpc: str) -> None:
    await helper.netd.do(MakeNamespace(vpc))
    await helper.netd.do(MakeNamespace(vpc))
    inside = Namespace(vpc)
    (loopback,) = inside.ip("link", "show", "lo")
    assert loopback["ifalias"].startswith("routeserver test-")
    assert "UP" in loopback["flags"]
    for name, value in (
        ("net.ipv4.ip_forward", "1"),
        ("net.ipv4.conf.all.rp_filter", "0"),
        ("net.ipv4.conf.default.send_redirects", "0"),
        ("net.ipv4.conf.all.arp_ignore", "1"),
        ("net.ipv6.conf.all.forwarding", "1"),
        ("net.ipv6.conf.default.accept_dad", "0"),
        ("net.ipv4.nexthop_compat_mode", "0"),
    ):
        assert inside.run("sysctl", "-n", name).strip() == value, name
    assert (await helper.netd.do(ListNamespaces())).names == (vpc,)
    await helper.netd.do(RemoveNamespace(vpc))
    await helper.netd.do(RemoveNamespace(vpc))
    assert not inside.path.exists()
    assert (await helper.netd.do(ListNamespaces())).names == ()


async def test_a_namespace_of_somebody_else_is_left_alone(helper: Helper) -> None:
    with namespace("foreign") as foreign:
        for order in (
            MakeNamespace(foreign.name),
            RemoveNamespace(foreign.name),
            MakeBridge(foreign.name, "br1", "x", BRIDGE_MAC, 1500, ()),
            OpenListener(foreign.name, "127.0.0.1", 0),
            Write(foreign.name, b""),
            RemoveLink(foreign.name, "lo"),
        ):
            with pytest.raises(NetdError, match="was not made by this server"):
                if isinstance(order, OpenListener):
                    await helper.netd.open(order)
                else:
                    await helper.netd.do(order)
        assert (await helper.netd.do(ListNamespaces())).names == ()
        assert [link["ifname"] for link in foreign.ip("link", "show")] == ["lo"]


async def test_a_bridge_has_exactly_its_addresses(helper: Helper, vpc: str) -> None:
    await helper.netd.do(MakeNamespace(vpc))
    await helper.netd.do(bridge(vpc))
    await helper.netd.do(bridge(vpc, "10.0.0.1/24", "10.0.0.4/32"))
    (shown,) = Namespace(vpc).ip("addr", "show", "dev", "br1")
    assert (shown["address"], shown["mtu"], shown["ifalias"]) == (BRIDGE_MAC, 9001, "subnet-1")
    assert "UP" in shown["flags"]
    addresses = {
        f"{one['local']}/{one['prefixlen']}" for one in shown["addr_info"] if one["scope"] != "link"
    }
    assert addresses == {"10.0.0.1/24", "10.0.0.4/32"}
    await helper.netd.do(RemoveLink(vpc, "br1"))
    await helper.netd.do(RemoveLink(vpc, "br1"))
    assert [link["ifname"] for link in Namespace(vpc).ip("link", "show")] == ["lo"]


async def built(helper: Helper, vpc: str, appliance: Namespace) -> Namespace:
    await helper.netd.do(MakeNamespace(vpc))
    await helper.netd.do(bridge(vpc))
    await helper.netd.do(plug(vpc, appliance))
    return Namespace(vpc)


async def test_a_plug_gives_address_mtu_and_default_route(
    helper: Helper, vpc: str, appliance: Namespace
) -> None:
    inside = await built(helper, vpc, appliance)
    (device,) = appliance.ip("addr", "show", "dev", "eth1")
    assert (device["address"], device["mtu"], device["ifalias"]) == (ENI_MAC, 9001, "eni-1")
    assert {"10.0.0.9", "2001:db8::9"} <= {one["local"] for one in device["addr_info"]}
    defaults = [
        *appliance.ip("route", "show", "default"),
        *appliance.ip("-6", "route", "show", "default"),
    ]
    assert [route["gateway"] for route in defaults] == ["10.0.0.1", "2001:db8::1"]
    (port,) = inside.ip("link", "show", "dev", "eni1")
    assert (port["master"], port["ifalias"]) == ("br1", "eni-1")
    before = device["ifindex"]
    await helper.netd.do(plug(vpc, appliance))
    assert appliance.ip("link", "show", "dev", "eth1")[0]["ifindex"] == before
    await helper.netd.do(plug(vpc, appliance, device="eth2"))
    assert {link["ifname"] for link in appliance.ip("link", "show")} == {"lo", "eth2"}
    await helper.netd.do(RemoveNamespace(vpc))
    assert {link["ifname"] for link in appliance.ip("link", "show")} == {"lo"}


async def test_a_default_route_of_the_appliance_stays(
    helper: Helper, vpc: str, appliance: Namespace
) -> None:
    appliance.run("ip", "link", "set", "lo", "up")
    appliance.run("ip", "route", "add", "default", "dev", "lo", "metric", "50")
    await built(helper, vpc, appliance)
    assert [route["dev"] for route in appliance.ip("route", "show", "default")] == ["lo"]


async def test_what_a_plug_finds_taken_it_does_not_take(
    helper: Helper, vpc: str, appliance: Namespace
) -> None:
    appliance.run("ip", "link", "add", "eth1", "type", "bridge")
    with pytest.raises(NetdError, match="an interface eth1 is there already; remove it"):
        await built(helper, vpc, appliance)
    assert {link["ifname"] for link in Namespace(vpc).ip("link", "show")} == {"lo", "br1"}


async def test_half_a_plug_is_undone(helper: Helper, vpc: str, appliance: Namespace) -> None:
    await helper.netd.do(MakeNamespace(vpc))
    await helper.netd.do(bridge(vpc))
    appliance.run("sysctl", "-qw", "net.ipv6.conf.default.disable_ipv6=1")
    with pytest.raises(NetdError):
        await helper.netd.do(plug(vpc, appliance))
    assert {link["ifname"] for link in appliance.ip("link", "show")} == {"lo"}
    assert {link["ifname"] for link in Namespace(vpc).ip("link", "show")} == {"lo", "br1"}


async def test_packets_flow_and_spoofed_ones_do_not(
    helper: Helper, vpc: str, appliance: Namespace
) -> None:
    inside = await built(helper, vpc, appliance)
    await helper.netd.do(guard(vpc, check=True))
    for family, here, there in (
        (socket.AF_INET, "10.0.0.1", "10.0.0.9"),
        (socket.AF_INET6, "2001:db8::1", "2001:db8::9"),
    ):
        assert passes(family, appliance, there, inside, here)
        assert passes(family, inside, here, appliance, there)
    # Spoofing: an address that is not the interface's, from it and to it.
    appliance.run("ip", "addr", "add", "10.0.0.77/32", "dev", "eth1")
    appliance.run("ip", "addr", "add", "2001:db8::77/128", "dev", "eth1", "nodad")
    inside.run("ip", "neigh", "add", "10.0.0.77", "lladdr", ENI_MAC, "dev", "br1")
    inside.run("ip", "neigh", "add", "2001:db8::77", "lladdr", ENI_MAC, "dev", "br1")
    for family, here, there in (
        (socket.AF_INET, "10.0.0.1", "10.0.0.77"),
        (socket.AF_INET6, "2001:db8::1", "2001:db8::77"),
    ):
        assert not passes(family, appliance, there, inside, here)
        assert not passes(family, inside, here, appliance, there)
    await helper.netd.do(guard(vpc, check=False))
    for family, here, there in (
        (socket.AF_INET, "10.0.0.1", "10.0.0.77"),
        (socket.AF_INET6, "2001:db8::1", "2001:db8::77"),
    ):
        assert passes(family, appliance, there, inside, here)
        assert passes(family, inside, here, appliance, there)
    # With another hardware address nothing passes, check or not.
    appliance.run("ip", "link", "set", "eth1", "address", "02:00:00:00:09:09")
    assert not passes(socket.AF_INET, appliance, "10.0.0.9", inside, "10.0.0.1")


def passes(
    family: int, sender: Namespace, source: str, receiver: Namespace, destination: str
) -> bool:
    """Whether a datagram arrives."""

    def udp() -> socket.socket:
        return socket.socket(family, socket.SOCK_DGRAM)

    with receiver.inside(udp) as inbox, sender.inside(udp) as out:
        inbox.bind((destination, 0))
        out.bind((source, 0))
        # What is queued for resolution of an address is sent later: a few attempts.
        inbox.settimeout(0.3)
        for _ in range(4):
            out.sendto(b"spoof or not", inbox.getsockname())
            try:
                assert inbox.recv(100) == b"spoof or not"
            except TimeoutError:
                continue
            return True
        return False


async def test_an_appliance_cannot_speak_for_others_by_arp(
    helper: Helper, vpc: str, appliance: Namespace
) -> None:
    inside = await built(helper, vpc, appliance)
    await helper.netd.do(guard(vpc, check=False))

    def raw() -> socket.socket:
        made = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0806))
        made.bind(("eth1", 0))
        return made

    def arp(mac: str, ip: str) -> bytes:
        own = bytes.fromhex(mac.replace(":", ""))
        head = b"\xff" * 6 + own + b"\x08\x06" + bytes.fromhex("0001080006040001")
        return head + own + ip_address(ip).packed + bytes(6) + ip_address("10.0.0.1").packed

    inside.run("sysctl", "-qw", "net.ipv4.conf.br1.arp_accept=1")
    with appliance.inside(raw) as wire:
        wire.send(arp(ENI_MAC, "10.0.0.50"))
        wire.send(arp("02:00:00:00:66:66", "10.0.0.9"))
        wire.send(arp(ENI_MAC, "10.0.0.9"))
    await asyncio.sleep(0)
    learned = {
        entry["dst"]: entry.get("lladdr") for entry in inside.ip("neigh", "show", "dev", "br1")
    }
    assert "10.0.0.50" not in learned
    assert learned.get("10.0.0.9") == ENI_MAC


async def test_an_appliance_may_send_from_a_floating_address(
    helper: Helper, vpc: str, appliance: Namespace
) -> None:
    inside = await built(helper, vpc, appliance)
    await helper.netd.do(guard(vpc, check=False))
    appliance.run("ip", "address", "add", "192.0.2.7/32", "dev", "lo")

    def bound(address: str) -> socket.socket:
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        made.settimeout(PATIENCE_S)
        made.bind((address, 0))
        return made

    with (
        inside.inside(lambda: bound("10.0.0.1")) as router,
        appliance.inside(lambda: bound("192.0.2.7")) as floating,
    ):
        # Nobody knows the router's hardware address yet: it is asked for first.
        floating.sendto(b"here", router.getsockname())
        loop = asyncio.get_running_loop()
        assert (await loop.run_in_executor(None, router.recvfrom, 16))[1][0] == "192.0.2.7"


async def test_an_outside_has_routes_back(helper: Helper, vpc: str) -> None:
    outside = f"{vpc}-out"
    await helper.netd.do(MakeNamespace(vpc))
    await helper.netd.do(MakeNamespace(outside))
    order = MakeOutside(
        vpc,
        "igw1",
        "igw-1",
        f"/run/netns/{outside}",
        "vpc1",
        1500,
        ("169.254.0.1/31", "fe80::1/64"),
        ("169.254.0.0/31", "fe80::2/64"),
        ("10.0.0.0/16", "2001:db8::/56"),
    )
    await helper.netd.do(order)
    await helper.netd.do(order)
    there = Namespace(outside)
    routes = {
        route["dst"]: route for route in there.ip("route", "show", "proto", str(ROUTE_PROTOCOL))
    }
    assert routes["10.0.0.0/16"]["gateway"] == "169.254.0.1"
    v6 = there.ip("-6", "route", "show", "proto", str(ROUTE_PROTOCOL))
    assert [(route["dst"], route["gateway"]) for route in v6] == [("2001:db8::/56", "fe80::1")]
    assert passes(socket.AF_INET, there, "169.254.0.0", Namespace(vpc), "169.254.0.1")
    await helper.netd.do(RemoveLink(vpc, "igw1"))
    assert [link["ifname"] for link in there.ip("link", "show")] == ["lo"]


async def test_many_routes_are_written_and_the_refused_ones_named(helper: Helper, vpc: str) -> None:
    await helper.netd.do(MakeNamespace(vpc))
    count = 20_000
    routes = [
        Route(
            parse_prefix(f"10.{at >> 8 & 255}.{at & 255}.0/24")
            if at % 1000
            else parse_prefix(f"10.0.{at & 255}.0/24"),
            table=1_234_567,
            type=RouteType.BLACKHOLE,
            protocol=ROUTE_PROTOCOL,
        )
        for at in range(count)
    ]
    octets = b"".join(new_route(route, at, MAKE) for at, route in enumerate(routes, 1))
    done = await helper.netd.do(Write(vpc, octets))
    distinct = {route.destination for route in routes}
    assert len(done.refused) == count - len(distinct)
    assert {refusal.errno for refusal in done.refused} == {errno.EEXIST}
    shown = Namespace(vpc).ip("route", "show", "table", "1234567", "proto", "179")
    assert len(shown) == len(distinct)
    again = await helper.netd.do(Write(vpc, octets))
    assert [refusal.place for refusal in again.refused] == list(range(1, count + 1))


async def test_one_refused_message_does_not_stop_the_others(helper: Helper, vpc: str) -> None:
    await helper.netd.do(MakeNamespace(vpc))
    good = Route(parse_prefix("10.0.0.0/8"), type=RouteType.BLACKHOLE, protocol=ROUTE_PROTOCOL)
    bad = Route(parse_prefix("11.0.0.0/8"), nexthop_id=99, protocol=ROUTE_PROTOCOL)
    after = Route(parse_prefix("12.0.0.0/8"), type=RouteType.THROW, protocol=ROUTE_PROTOCOL)
    octets = new_route(good, 1) + new_route(bad, 2) + new_route(after, 3)
    assert (await helper.netd.do(Write(vpc, octets))).refused == (Refusal(2, errno.EINVAL),)
    assert len(Namespace(vpc).ip("route", "show")) == 2
    assert (await helper.netd.do(Write(vpc, b""))).refused == ()


async def test_a_netlink_socket_looks_and_does_not_write(helper: Helper, vpc: str) -> None:
    await helper.netd.do(MakeNamespace(vpc))
    with await helper.netd.open(OpenNetlink(vpc)) as looking:
        assert looking.getblocking() is False
        looking.send(list_links())
        heard = list(decode(looking.recv(1 << 16)))
        assert any(isinstance(said, Said) for said in heard)


async def test_sockets_live_in_the_namespace(helper: Helper, vpc: str) -> None:
    await helper.netd.do(MakeNamespace(vpc))
    with (
        await helper.netd.open(OpenListener(vpc, "10.9.9.9", 179)) as listener,
        await helper.netd.open(OpenListener(vpc, "2001:db8::9", 179)),
        await helper.netd.open(OpenBfdReceiver(vpc, "10.9.9.9", 3784)) as receiver,
        await helper.netd.open(OpenBfdSender(vpc, "10.9.9.9")) as sender,
    ):
        assert listener.getsockname() == ("10.9.9.9", 179)
        assert receiver.getsockname() == ("10.9.9.9", 3784)
        assert 49152 <= sender.getsockname()[1] < 65536
        with pytest.raises(NetdError, match="in use by another process") as taken:
            await helper.netd.open(OpenBfdReceiver(vpc, "10.9.9.9", 3784))
        assert taken.value.errno == errno.EADDRINUSE
        with pytest.raises(NetdError, match="the port is busy"):
            await helper.netd.open(OpenListener(vpc, "10.9.9.9", 179))
        assert "10.9.9.9:179" in Namespace(vpc).run("ss", "-Hltn")
    with await helper.netd.open(OpenListener(HERE, "127.77.0.9", 179)) as here:
        assert here.getsockname() == ("127.77.0.9", 179)


async def test_many_orders_at_once_are_answered_in_their_order(helper: Helper, vpc: str) -> None:
    await helper.netd.do(MakeNamespace(vpc))
    answers = await asyncio.gather(
        *(helper.netd.do(ListNamespaces()) for _ in range(200)),
        helper.netd.do(RemoveNamespace(vpc)),
        helper.netd.do(ListNamespaces()),
    )
    assert [answer.names for answer in answers] == [(vpc,)] * 200 + [(), ()]


async def test_a_helper_that_dies_is_noticed_and_orders_fail(helper: Helper) -> None:
    helper.process.process.kill()
    await asyncio.wait_for(helper.netd.ended, 10)
    with pytest.raises(NetdError, match="has ended; start the server again"):
        await helper.netd.do(ListNamespaces())


async def test_the_helper_ends_with_its_client_and_leaves_what_it_built(
    helper: Helper, vpc: str
) -> None:
    await helper.netd.do(MakeNamespace(vpc))
    helper.netd.close()
    assert await asyncio.to_thread(helper.process.process.wait, 10) == 0
    assert Namespace(vpc).path.exists()
    Namespace(vpc).run("true")
    process = start_helper(INSTANCE)
    again = NetdClient(process.connection)
    assert (await again.do(ListNamespaces())).names == (vpc,)
    await again.do(RemoveNamespace(vpc))
    again.close()
    assert await asyncio.to_thread(process.process.wait, 10) == 0


def to_here(vpc: str, *destinations: str, address: str = "169.254.77.2/30") -> MakeOutside:
    return MakeOutside(
        *(vpc, "igw1", "igw-1", HERE, f"rs{os.getpid()}", 1500),
        ("169.254.77.1/30",),
        (address,),
        destinations,
    )


def routes_here(destination: str) -> str:
    return subprocess.run(
        ["ip", "route", "show", destination], capture_output=True, text=True, check=True
    ).stdout


async def test_a_gateway_leads_here_only_where_that_was_said_and_shadows_nothing(
    helper: Helper, vpc: str
) -> None:
    await helper.netd.do(MakeNamespace(vpc))
    with pytest.raises(NetdError, match="do not lead to the server's own namespace; set outside"):
        await helper.netd.do(to_here(vpc, "10.177.0.0/16"))
    process = start_helper(INSTANCE, is_outside=True)
    netd = NetdClient(process.connection)
    try:
        for order, reason in (
            (to_here(vpc, "127.0.0.0/16"), "127.0.0.0/16 and 127.0.0.0/8, where this machine is"),
            (to_here(vpc, "0.0.0.0/1"), "overlap; use another block"),
            (to_here(vpc, "0.0.0.0/0"), "overlap; use another block"),
            (to_here(vpc, "10.177.0.0/16", address="8.8.8.8/1"), "addresses are link-local"),
            (to_here(vpc, "10.177.0.0/16", address="10.177.0.1/30"), "addresses are link-local"),
        ):
            with pytest.raises(NetdError, match=reason):
                await netd.do(order)
            assert [link["ifname"] for link in Namespace(vpc).ip("link", "show")] == ["lo"]
        await netd.do(to_here(vpc, "10.177.0.0/16"))
        assert "via 169.254.77.1" in routes_here("10.177.0.0/16")
        await netd.do(RemoveLink(vpc, "igw1"))
    finally:
        netd.close()
        await asyncio.to_thread(process.process.wait, 10)


async def test_a_guarded_pair_is_checked_before_anybody_has_said_how(
    helper: Helper, vpc: str, appliance: Namespace
) -> None:
    await helper.netd.do(MakeNamespace(vpc))
    await helper.netd.do(bridge(vpc))
    await helper.netd.do(replace(plug(vpc, appliance), guarded=True))
    inside = Namespace(vpc)
    assert passes(socket.AF_INET, appliance, "10.0.0.9", inside, "10.0.0.1")
    appliance.ip("address", "add", "10.0.0.50/24", "dev", "eth1")
    assert not passes(socket.AF_INET, appliance, "10.0.0.50", inside, "10.0.0.1")
    # Again changes nothing of what was said meanwhile.
    await helper.netd.do(guard(vpc, check=False))
    await helper.netd.do(replace(plug(vpc, appliance), guarded=True))
    assert passes(socket.AF_INET, appliance, "10.0.0.9", inside, "10.0.0.1")
    assert passes(socket.AF_INET, appliance, "10.0.0.50", inside, "10.0.0.1")
