"""The kernel data plane against a kernel in memory: where packets would go at every moment, and how
many messages that took."""

from __future__ import annotations

import asyncio
import errno
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routeserver.dataplane.kernel.plane import KernelDataPlane
from routeserver.dataplane.kernel.written import Lead
from routeserver.domain.plan import diff
from routeserver.domain.routing import Alternative, Entry
from routeserver.domain.topology import Target, TargetKind, Topology
from routeserver.net.prefix import IPV6_BIT, Family, Prefix, make_prefix, parse_prefix
from routeserver.netlink.route import Route
from tests.dataplane.fake_kernel import FakeKernel
from tests.dataplane.support import ENIS, LINKS, NUMBERS, entry, fake_plane, topology

PLENTY = [make_prefix(0x0B000000 + (n << 8), 24, Family.IPV4) for n in range(5_000)]
P = [parse_prefix(text) for text in ("0.0.0.0/0", "10.1.0.0/16", "10.1.2.0/24", "2001:db8::/32")]
AB = entry("eni-x", "rsp-a", ("rsp-b", "eni-y"))
BA = entry("eni-y", "rsp-b", ("rsp-a", "eni-x"))
B = entry("eni-y", "rsp-b")
A = entry("eni-x", "rsp-a")
TABLE = NUMBERS["rtb-1"]


async def fill(plane: KernelDataPlane, prefixes: list[Prefix], wanted: Entry) -> None:
    await plane.assign("rtb-1", prefixes, [0] * len(prefixes), [wanted])
    await plane.written()


# --- the switch -----------------------------------------------------------------------------------


async def test_a_lost_peer_costs_one_message_however_many_routes_there_are() -> None:
    plane, kernel, _ = fake_plane()
    await plane.converge(topology())
    await fill(plane, PLENTY, AB)
    assert kernel.counts["+nexthop"] == 1
    kernel.counts.clear()
    plane.peer_lost("rsp-a")
    await plane.written()
    assert kernel.counts == {"+nexthop": 1}
    assert {kernel.leads(TABLE, prefix) for prefix in PLENTY} == {ENIS["eni-y"]}
    assert plane.counted.flips == 1
    # The truth of each prefix comes behind; then nothing of the first object is left.
    await fill(plane, PLENTY, B)
    await plane.converge(topology())
    await plane.written()
    assert {kernel.leads(TABLE, prefix) for prefix in PLENTY} == {ENIS["eni-y"]}
    assert len(kernel.nexthops) == 1


async def test_the_switch_goes_out_before_routes_that_wait() -> None:
    plane, kernel, netd = fake_plane()
    await plane.converge(topology())
    await fill(plane, PLENTY[:1], AB)
    netd.go.clear()
    netd.orders.clear()
    filling = asyncio.create_task(fill(plane, PLENTY, AB))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    plane.peer_lost("rsp-a")
    await asyncio.sleep(0)
    sent = len(netd.orders)
    assert sent <= 3
    netd.go.set()
    await filling
    [flip] = [n for n, order in enumerate(netd.orders) if len(order.messages) < 100]
    assert flip < sent
    assert {kernel.leads(TABLE, prefix) for prefix in PLENTY} == {ENIS["eni-y"]}


async def test_an_interface_that_is_unplugged_is_a_black_hole_at_once() -> None:
    plane, kernel, _ = fake_plane()
    await plane.converge(topology())
    await fill(plane, PLENTY, A)
    kernel.counts.clear()
    await plane.converge(topology(unplugged=("eni-x",)))
    assert {kernel.leads(TABLE, prefix) for prefix in PLENTY} == {"blackhole"}
    assert kernel.counts == {"+nexthop": 1}
    await plane.converge(topology())
    assert {kernel.leads(TABLE, prefix) for prefix in PLENTY} == {ENIS["eni-x"]}


async def test_without_next_hop_objects_routes_follow_in_batches() -> None:
    plane, kernel, netd = fake_plane(has_nexthops=False)
    await plane.converge(topology())
    await fill(plane, PLENTY, AB)
    netd.orders.clear()
    kernel.counts.clear()
    plane.peer_lost("rsp-a")
    await asyncio.gather(*plane._spaces["vpc-1"]._moving)
    await plane.written()
    assert {kernel.leads(TABLE, prefix) for prefix in PLENTY} == {ENIS["eni-y"]}
    assert kernel.counts == {"+route": len(PLENTY)}
    assert len(netd.orders) == 3


FEW = [*PLENTY[:4], parse_prefix("2001:db8::/32")]
PEERS = {"rsp-a": "eni-x", "rsp-b": "eni-y", "rsp-c": "eni-z"}
chains = st.permutations(list(PEERS)).flatmap(
    lambda peers: st.integers(1, 3).map(lambda n: tuple(peers[:n]))
)
steps = st.one_of(
    st.tuples(st.just("set"), st.sampled_from(FEW), chains),
    st.tuples(st.just("drop"), st.sampled_from(FEW), st.just(())),
    st.tuples(st.just("lose"), st.sampled_from(list(PEERS)), st.just(())),
    st.tuples(st.just("back"), st.sampled_from(list(PEERS)), st.just(())),
    st.tuples(st.just("converge"), st.just(""), st.just(())),
    st.tuples(st.just("truth"), st.just(""), st.just(())),
)


def addresses(prefix: Prefix) -> dict[str, str]:
    """Which gateway leads to a peer's interface, by peer."""
    found = {}
    for peer, eni in PEERS.items():
        address = ENIS[eni]
        last = int(address.rsplit(".", 1)[-1])
        found[peer] = f"fe80::ff:fe00:{last:x}" if prefix & IPV6_BIT else address
    return found


class Model:
    """What every prefix shall have, without a next-hop object in mind."""

    def __init__(self) -> None:
        self.plane, self.kernel, _ = fake_plane()
        self.wanted: dict[Prefix, tuple[str, ...]] = {}
        self.since: dict[Prefix, set[str]] = {}
        """Of each prefix, who was lost since it was written."""
        self.lost: set[str] = set()

    async def carry_out(self, step: str, what: Any, chain: tuple[str, ...]) -> None:
        match step:
            case "set":
                await self._set(what, tuple(peer for peer in chain if peer not in self.lost))
            case "drop":
                await self._set(what, ())
            case "lose":
                self.lost.add(what)
                for gone in self.since.values():
                    gone.add(what)
                before = self.kernel.counts.copy()
                self.plane.peer_lost(what)
                await self.plane.written()
                objects = self.kernel.counts["+nexthop"] - before["+nexthop"]
                assert objects <= len(self.kernel.nexthops)
                assert self.kernel.counts["+route"] == before["+route"]
            case "back":
                self.lost.discard(what)
                self.plane.peer_back(what)
            case "converge":
                await self.plane.converge(topology())
            case "truth":
                for prefix, old in list(self.wanted.items()):
                    left = tuple(peer for peer in old if peer not in self.since[prefix])
                    await self._set(prefix, left)
        await self.plane.written()

    async def _set(self, prefix: Prefix, chain: tuple[str, ...]) -> None:
        self.wanted.pop(prefix, None)
        wanted = None
        if chain:
            self.wanted[prefix] = chain
            others = [(peer, PEERS[peer]) for peer in chain[1:]]
            wanted = entry(PEERS[chain[0]], chain[0], *others)
        self.since[prefix] = set()
        await self.plane.assign("rtb-1", [prefix], [0], [wanted])

    def check(self) -> None:
        assert self.kernel.destinations(TABLE) == self.wanted.keys()
        for prefix, chain in self.wanted.items():
            address = addresses(prefix)
            left = [peer for peer in chain if peer not in self.since[prefix]]
            allowed = {address[peer] for peer in (left[:1] or chain)}
            assert self.kernel.leads(TABLE, prefix) in allowed

    async def end(self) -> None:
        """Nothing is left of what nobody uses."""
        await self.plane.converge(topology())
        await self.plane.written()
        used = {route.nexthop_id for route in self.kernel.routes.values()} - {0}
        assert self.kernel.nexthops.keys() == used
        await self.plane.close()


@given(st.lists(steps, max_size=25))
def test_every_prefix_leads_to_a_living_alternative_and_in_the_end_to_its_own(
    happening: list[tuple[str, Any, tuple[str, ...]]],
) -> None:
    async def follow() -> None:
        model = Model()
        await model.plane.converge(topology())
        for step, what, chain in happening:
            await model.carry_out(step, what, chain)
            model.check()
        await model.end()

    asyncio.run(follow())


# --- what it stands on ----------------------------------------------------------------------------


async def test_rules_and_static_routes_stand_as_the_topology_says() -> None:
    plane, kernel, _ = fake_plane()
    static = (
        ("0.0.0.0/0", Target(TargetKind.GATEWAY, "igw-1")),
        ("10.9.0.0/16", Target(TargetKind.INTERFACE, "eni-z")),
        ("10.8.0.0/16", Target(TargetKind.BLACKHOLE)),
        ("10.0.1.0/25", Target(TargetKind.INTERFACE, "eni-y")),
    )
    await plane.converge(topology(static=static))
    leads = {
        text: kernel.leads(TABLE, parse_prefix(text), 178)
        for text, _ in (*static, ("10.0.0.0/16", 0))
    }
    assert leads == {
        "0.0.0.0/0": "169.254.9.1",
        "10.9.0.0/16": "10.0.1.12",
        "10.8.0.0/16": "blackhole",
        "10.0.1.0/25": "10.0.1.11",
        "10.0.0.0/16": "throw",
    }
    selectors = {
        (rule.input, rule.source and hex(rule.source), rule.table) for rule in kernel.rules
    }
    assert selectors == {
        ("br-a", None, 1001),
        ("br-b", None, 1002),
        ("igw-1", None, 1003),
        ("lo", hex(parse_prefix("10.0.1.0/24")), 1001),
        ("lo", hex(parse_prefix("10.0.2.0/24")), 1002),
    }
    kernel.counts.clear()
    await plane.converge(topology(static=static))
    assert not kernel.counts
    await plane.converge(topology(static=static[1:], tables=("rtb-1",)))
    assert kernel.leads(TABLE, parse_prefix("0.0.0.0/0"), 178) is None
    assert {rule.table for rule in kernel.rules} == {1001}
    assert {table for table, _, _ in kernel.routes} == {1001}


async def test_a_propagated_and_a_static_route_to_one_destination_are_two() -> None:
    plane, kernel, _ = fake_plane()
    static = (("10.9.0.0/16", Target(TargetKind.INTERFACE, "eni-z")),)
    where = parse_prefix("10.9.0.0/16")
    await plane.converge(topology())
    await fill(plane, [where], A)
    await plane.converge(topology(static=static))
    assert kernel.leads(TABLE, where, 178) == ENIS["eni-z"]
    await plane.assign("rtb-1", [where], [0], [None])
    await plane.written()
    assert kernel.leads(TABLE, where, 178) == ENIS["eni-z"]
    assert kernel.leads(TABLE, where) is None


# --- what goes wrong ------------------------------------------------------------------------------


async def test_a_route_that_the_kernel_refuses_says_so_and_is_tried_again() -> None:
    plane, kernel, _ = fake_plane()
    await plane.converge(topology())
    kernel.refuse = {P[1]: errno.ENOMEM}
    await fill(plane, P, A)
    assert dict(plane.read("rtb-1")) == dict.fromkeys([P[0], P[2], P[3]], A)
    assert plane.refused("rtb-1") == {
        P[1]: "The kernel does not take the route: cannot allocate memory."
    }
    kernel.refuse = {}
    await plane.converge(topology())
    assert dict(plane.read("rtb-1")) == dict.fromkeys(P, A)
    assert not plane.refused("rtb-1")
    assert kernel.destinations(TABLE) == set(P)


async def test_a_route_that_could_not_be_moved_does_not_stay_where_it_was() -> None:
    plane, kernel, _ = fake_plane()
    await plane.converge(topology())
    await fill(plane, P, A)
    kernel.refuse = {P[1]: errno.ENOMEM}
    await fill(plane, P, B)
    await plane.written()
    assert kernel.leads(TABLE, P[1]) is None
    assert P[1] in plane.refused("rtb-1")


async def test_an_object_that_cannot_be_made_is_the_reason_of_its_routes() -> None:
    plane, kernel, _ = fake_plane()
    await plane.converge(topology())
    kernel.links.pop("br-a")
    await fill(plane, P[:3], A)
    assert set(plane.refused("rtb-1").values()) == {
        "The kernel does not take the route: no such device."
    }
    kernel.links = dict(LINKS)
    await plane.converge(topology())
    assert kernel.leads(TABLE, P[0]) == ENIS["eni-x"]
    assert not plane.refused("rtb-1")


async def test_a_table_without_a_network_says_why_and_is_written_when_it_has_one() -> None:
    plane, kernel, netd = fake_plane()
    await fill(plane, P, A)
    assert not plane.read("rtb-1")
    assert "no network in this kernel" in plane.refused("rtb-1")[P[0]]
    del netd.kernels["vpc-1"]
    faults = await plane.converge(topology())
    assert faults["rtb-1"] == "there is no namespace vpc-1"
    assert "there is no namespace vpc-1" in plane.refused("rtb-1")[P[0]]
    netd.kernels["vpc-1"] = kernel
    assert not await plane.converge(topology())
    await plane.written()
    assert kernel.destinations(TABLE) == set(P)
    assert not plane.refused("rtb-1")


# --- others, and other lives ----------------------------------------------------------------------


async def test_routes_that_somebody_deleted_come_back() -> None:
    plane, kernel, netd = fake_plane()
    await plane.converge(topology())
    await fill(plane, PLENTY, A)
    await fill(plane, P[3:], A)
    foreign = Route(P[0], TABLE, protocol=4, priority=5, interface=1)
    kernel.routes[TABLE, P[0], 5] = foreign
    for key in [key for key in kernel.routes if key[2] != 5]:
        del kernel.routes[key]
    kernel.rules.clear()
    netd.ears["vpc-1"].all()
    await plane._repairing  # type: ignore[misc]
    await plane.written()
    assert kernel.destinations(TABLE) == {*PLENTY, P[3]}
    assert kernel.leads(TABLE, parse_prefix("10.0.0.0/16"), 178) == "throw"
    assert len(kernel.rules) == 8
    assert kernel.routes[TABLE, P[0], 5] == foreign
    assert plane.counted.repairs == len(PLENTY) + 1 + 3


async def test_what_somebody_wrote_in_our_name_goes_and_what_is_led_astray_comes_back() -> None:
    plane, kernel, netd = fake_plane()
    await plane.converge(topology())
    await fill(plane, PLENTY[:2], A)
    await fill(plane, PLENTY[2:3], B)
    one, other = (kernel.routes[TABLE, PLENTY[n], 179].nexthop_id for n in (0, 2))
    kernel.routes[TABLE, PLENTY[1], 179] = Route(
        PLENTY[1], TABLE, protocol=179, priority=179, nexthop_id=other
    )
    kernel.routes[TABLE, PLENTY[9], 179] = Route(
        PLENTY[9], TABLE, protocol=179, priority=179, nexthop_id=one
    )
    netd.ears["vpc-1"].all()
    await plane._repairing  # type: ignore[misc]
    await plane.written()
    assert kernel.destinations(TABLE) == set(PLENTY[:3])
    assert kernel.leads(TABLE, PLENTY[1]) == ENIS["eni-x"]


async def test_next_hops_that_somebody_deleted_come_back_with_their_routes() -> None:
    plane, kernel, netd = fake_plane()
    await plane.converge(topology())
    await fill(plane, PLENTY, A)
    kernel.nexthops.clear()
    kernel.routes = {key: r for key, r in kernel.routes.items() if not r.nexthop_id}
    netd.ears["vpc-1"].ground()
    await plane._repairing  # type: ignore[misc]
    await plane.written()
    assert kernel.destinations(TABLE) == set(PLENTY)


@pytest.mark.parametrize("has_nexthops", [True, False])
async def test_a_new_life_finds_everything_right_and_writes_nothing(has_nexthops: bool) -> None:
    plane, kernel, netd = fake_plane(has_nexthops=has_nexthops)
    static = (("10.9.0.0/16", Target(TargetKind.INTERFACE, "eni-z")),)
    await plane.converge(topology(static=static))
    await fill(plane, PLENTY, AB)
    await fill(plane, P[3:], BA)
    await plane.close()
    kernel.counts.clear()

    again = KernelDataPlane(netd, eyes=netd, has_nexthops=has_nexthops)
    await again.converge(topology(static=static))
    await again.sweep({"rtb-1"})
    assert not again.read("rtb-1")
    await fill(again, PLENTY, AB)
    await fill(again, P[3:], BA)
    await again.sweep(())
    await again.converge(topology(static=static))
    await again.written()
    assert not kernel.counts
    assert dict(again.read("rtb-1")) == {**dict.fromkeys(PLENTY, AB), P[3]: BA}


async def test_what_a_new_life_does_not_ask_for_goes_when_it_is_swept() -> None:
    plane, kernel, netd = fake_plane()
    await plane.converge(topology())
    await fill(plane, PLENTY, AB)
    await plane.close()
    again = KernelDataPlane(netd, eyes=netd)
    await again.converge(topology())
    await fill(again, PLENTY[:10], AB)
    assert kernel.destinations(TABLE) == set(PLENTY)
    await again.sweep(())
    await again.written()
    assert kernel.destinations(TABLE) == set(PLENTY[:10])


async def test_a_vpc_that_is_not_wanted_any_more_leaves_nothing() -> None:
    plane, kernel, netd = fake_plane()
    await plane.converge(topology())
    await fill(plane, PLENTY, AB)
    await plane.converge(Topology())
    await plane.written()
    assert not kernel.routes
    assert not kernel.rules
    assert not kernel.nexthops
    assert not plane.read("rtb-1")
    assert netd.kernels


async def test_a_namespace_that_was_made_anew_under_its_name_is_filled_again() -> None:
    plane, _, netd = fake_plane()
    await plane.converge(topology())
    await fill(plane, PLENTY, AB)
    anew = netd.kernels["vpc-1"] = FakeKernel(links=dict(LINKS))
    await plane.converge(topology())
    await plane.written()
    assert anew.destinations(TABLE) == set(PLENTY)
    assert len(anew.rules) == 8
    assert dict(plane.read("rtb-1")) == dict.fromkeys(PLENTY, AB)


async def test_forgetting_a_table_takes_its_propagated_routes_alone() -> None:
    plane, kernel, _ = fake_plane()
    await plane.converge(topology())
    await plane.apply("rtb-1", diff(dict.fromkeys(P, A), {}))
    await plane.forget("rtb-1")
    await plane.written()
    assert {metric for _, _, metric in kernel.routes} == {178}


def test_a_lead_is_told_apart_by_identity() -> None:
    plane_entry = Entry("eni-x", "10.0.1.10", "rs-1", "rsp-a", (Alternative("rsp-b", "eni-y"),))
    assert Lead(plane_entry, None) != Lead(plane_entry, None)  # type: ignore[arg-type]
