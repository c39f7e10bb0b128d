"""A failover from beginning to end: a real server, two appliances, a power cut, and the way back.

It drives the installed ``routeserver`` command and the EC2 API, and imports nothing of the package.
Exit status 0 when every answer was the expected one; otherwise it says what was expected.
``APPLIANCE=bird`` makes the appliances two BIRD daemons.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NoReturn

import namespace
import power_cut
import show
from appliances import BFD_INTERVAL_MS, BFD_MULTIPLIER, PREFIXES, Appliance, Kind, bird_command
from botocore.exceptions import BotoCoreError, ClientError
from cloud import SERVER_ASN, Cloud
from expect import UnexpectedError, equal
from machine import Child, free_loopback_block, free_udp_port
from server import Server

BFD_PORT: Final = 3784


def main() -> int:
    began = time.monotonic()
    signal.signal(signal.SIGTERM, _leave)
    try:
        with ExitStack() as ending:
            _show_failover(ending, is_bird=_wants_bird())
    except UnexpectedError as unexpected:
        show.failure(str(unexpected))
        return 1
    except ClientError as error:
        show.failure(f"expected an answer to {error.operation_name}, got {error}")
        return 1
    except BotoCoreError as error:
        show.failure(f"expected an answer, got {error}")
        return 1
    except KeyboardInterrupt:
        return 130
    show.step("done", f"in {time.monotonic() - began:.1f} s; nothing is left behind")
    return 0


def _leave(_number: int, _frame: object) -> NoReturn:
    sys.exit(143)


def _wants_bird() -> bool:
    if os.environ.get("APPLIANCE", "").lower() != "bird":
        return False
    if bird_command() is None:
        show.note("BIRD is not installed (Debian: apt-get install bird2); using our own appliance")
        return False
    if not namespace.is_inside():
        reason = namespace.enter()
        show.note(f"BIRD needs a network namespace and there is none ({reason}); using our own")
        return False
    namespace.prepare()
    show.note(
        "BIRD takes no direct neighbour in 127.0.0.0/8, so its BFD is the multihop form, "
        f"on port {namespace.BFD_MULTIHOP_PORT} in a network namespace"
    )
    return True


@dataclass(slots=True)
class Scene:
    """Everything on stage."""

    server: Server
    cloud: Cloud
    kind: Kind
    a: Appliance
    b: Appliance
    ending: ExitStack

    @property
    def names(self) -> dict[str, str]:
        return {
            key: appliance.name
            for appliance in (self.a, self.b)
            for key in (appliance.peer_id, appliance.eni_id)
        }

    def start(self, appliance: Appliance) -> Child:
        child = self.kind.start(appliance)
        self.ending.callback(child.end)
        return child


def _show_failover(ending: ExitStack, *, is_bird: bool) -> None:
    folder = Path(ending.enter_context(tempfile.TemporaryDirectory(prefix="routeserver-demo-")))
    scene = _build(ending, folder, is_bird=is_bird)
    _bring_up(scene)
    _cut_power(scene)
    _bring_back(scene)
    _take_down(scene)


# --- 1: the server, the VPC, the route server -----------------------------------------------------


def _build(ending: ExitStack, folder: Path, *, is_bird: bool) -> Scene:
    bfd_port = free_udp_port(namespace.BFD_MULTIHOP_PORT if is_bird else BFD_PORT)
    server = Server(folder, bfd_port)
    ending.callback(server.child.end)
    up = server.wait_until_up()
    bgp_port = int(up["bgp_port"])
    show.step("server", f"{up['http']}, BGP on {bgp_port}, BFD on {up['bfd_port']}")

    cloud = Cloud(server.client())
    subnets = cloud.make_vpc(free_loopback_block())
    blocks = " and ".join(str(block4) for block4, _ in subnets)
    show.step("VPC", f"{cloud.vpc_id}, subnets {blocks}, route table {cloud.table_id}")

    appliances = []
    named = zip(("A", "B"), (0, 100), (65001, 65002), cloud.subnet_ids, subnets, strict=True)
    for name, med, asn, subnet_id, (block4, block6) in named:
        address, address6 = str(block4[10]), str(block6[10])
        eni_id = cloud.make_interface(subnet_id, address, address6)
        appliances.append(Appliance(name, asn, med, eni_id, address, address6))
        show.step(f"ENI of {name}", f"{eni_id}, {address} and {address6}")

    cloud.make_route_server()
    show.step("route server", f"{cloud.route_server_id}, AS {SERVER_ASN}, associated with the VPC")
    cloud.make_endpoints(appliances)
    endpoints = " and ".join(f"{a.endpoint_id} at {a.endpoint}" for a in appliances)
    show.step("endpoints", endpoints)
    cloud.enable_propagation()
    show.step("propagation", f"{cloud.route_server_id} into {cloud.table_id}")
    cloud.make_peers(appliances)
    show.step("peers", " and ".join(f"{a.peer_id} for {a.name}" for a in appliances))
    kind = Kind(folder, bgp_port, bfd_port, SERVER_ASN, is_bird)
    return Scene(server, cloud, kind, appliances[0], appliances[1], ending)


# --- 2: both appliances up ------------------------------------------------------------------------


def _bring_up(scene: Scene) -> None:
    for appliance in (scene.a, scene.b):
        child = scene.start(appliance)
        program = "bird" if scene.kind.is_bird else "routeserver appliance"
        show.step(
            f"appliance {appliance.name}",
            f"{program}, process {child.pid}, AS {appliance.asn}, MED {appliance.med}",
        )
    for appliance in (scene.a, scene.b):
        scene.cloud.wait_for_sessions(appliance)
    show.step("sessions", f"BGP and BFD up; BFD {BFD_INTERVAL_MS} ms, {BFD_MULTIPLIER} misses")
    routes, table = scene.cloud.wait_for_best(scene.a, [scene.b])
    show.title("Routing database: two paths for each prefix, A's lower MED wins")
    show.routing_database(routes, scene.names)
    show.title("Route table")
    show.route_table(table, scene.names)


# --- 3: the failure -------------------------------------------------------------------------------


def _cut_power(scene: Scene) -> None:
    a, server = scene.a, scene.server
    if a.child is None or a.child.has_ended():
        raise UnexpectedError("appliance A to run", "its end")
    show.title("Power cut at A")
    held = []
    try:
        held = power_cut.hold_connections(a.child.pid, a.endpoint)
    except power_cut.NotAllowedError as error:
        show.note(f"the kernel will close A's TCP connection for it ({error}): BGP sees that first")
    try:
        killed_at = time.time()
        a.child.kill()
        routes, table = scene.cloud.wait_for_best(scene.b, [])
        rs_id, table_id = scene.cloud.route_server_id, scene.cloud.table_id
        bfd = server.event(killed_at, "bfd_down", peer_id=a.peer_id)
        bgp = server.event(killed_at, "bgp_session_down", peer_id=a.peer_id)
        fib = server.event(killed_at, "fib_changed", route_server_id=rs_id)
        installed = server.event(killed_at, "route_table_changed", route_table_id=table_id)
    finally:
        for connection in held:
            connection.close()
    if held and bgp.at < bfd.at:
        raise UnexpectedError("BFD to notice first", f"BGP down: {bgp.keys.get('reason')}")
    moments = [
        ("BFD down", bfd.at - killed_at),
        ("BGP session down", bgp.at - killed_at),
        (f"FIB changed, {fib.keys['changed']} prefixes", fib.at - killed_at),
        ("route table changed, B is the target", installed.at - killed_at),
    ]
    show.timeline("SIGKILL of A", sorted(moments, key=lambda moment: moment[1]))
    show.title("Routing database: B alone is left")
    show.routing_database(routes, scene.names)
    show.title("Route table")
    show.route_table(table, scene.names)


# --- 4: the return --------------------------------------------------------------------------------


def _bring_back(scene: Scene) -> None:
    a, server = scene.a, scene.server
    show.title("A comes back")
    started_at = time.time()
    scene.start(a)
    routes, table = scene.cloud.wait_for_best(a, [scene.b])
    rs_id, table_id = scene.cloud.route_server_id, scene.cloud.table_id
    moments = [
        (what, server.event(started_at, name, **keys).at - started_at)
        for what, name, keys in (
            ("BGP session up", "bgp_session_up", {"peer_id": a.peer_id}),
            ("BFD up", "bfd_up", {"peer_id": a.peer_id}),
            ("FIB changed", "fib_changed", {"route_server_id": rs_id}),
            (
                "route table changed, A is the target",
                "route_table_changed",
                {"route_table_id": table_id},
            ),
        )
    ]
    show.timeline("start of A", sorted(moments, key=lambda moment: moment[1]))
    best = sum(route["RouteStatus"] == "in-fib" for route in routes)
    at_a = sum(route.get("NetworkInterfaceId") == a.eni_id for route in table)
    equal("prefixes of A in the FIB and in the table", (best, at_a), (len(PREFIXES),) * 2)
    show.step("back", f"all {at_a} prefixes are at {a.eni_id} again")


# --- 5: taking it down ----------------------------------------------------------------------------


def _take_down(scene: Scene) -> None:
    cloud, both = scene.cloud, (scene.a, scene.b)
    call = "disassociate_route_server"
    show.title("Taking it down, in Amazon's order")
    for appliance in both:
        status = appliance.child.end() if appliance.child else None
        equal(f"exit status of appliance {appliance.name}", status, 0)
    show.step("appliances", "stopped, their routes withdrawn")
    answers = [
        (
            f"{call}(DryRun=True)",
            "DryRunOperation",
            cloud.refuse_disassociation("DryRunOperation", DryRun=True),
        ),
        (
            f"{call}(), too early",
            "IncorrectState",
            cloud.refuse_disassociation("IncorrectState"),
        ),
    ]
    cloud.disable_propagation()
    show.step("propagation", "disabled; the route table is empty but for local routes")
    cloud.delete_peers_and_endpoints(both)
    show.step("peers", "deleted, and then the endpoints")
    answers.append((f"{call}()", cloud.disassociate(), "Accepted: nothing is attached any more."))
    answers.append(
        (
            "get_route_server_associations()",
            "InvalidRouteServerId.NotAssociated",
            cloud.wait_until_disassociated(),
        )
    )
    show.answers(answers)
    equal("exit status of the server", scene.server.child.end(), 0)


if __name__ == "__main__":
    sys.exit(main())
