"""``python -m benchmarks.kernel.engine LOCAL PORT FEEDER ASN FEEDER_ASN INTERFACE TABLE``: all of
routeserver between a BGP session and the kernel, and nothing else of it: no API, no database, no
BFD. It is the part that a kernel benchmark measures, and one that a profiler can be put around.
"""

from __future__ import annotations

import asyncio
import cProfile
import logging
import os
import signal
import sys
import time
from ipaddress import ip_address
from typing import cast

import structlog
import uvloop

from routeserver.app.collector import keep_off_the_heap, use_collector
from routeserver.bfdd.client import BfdDaemon
from routeserver.control.world import World
from routeserver.dataplane.kernel.place import OnThisHost
from routeserver.dataplane.kernel.plane import KernelDataPlane
from routeserver.domain.routing import TableIntent
from routeserver.domain.topology import Port, Table, Topology, VpcNetwork
from routeserver.fabric.loopback import LoopbackFabric
from routeserver.netd.client import NetdClient
from routeserver.netd.starting import start_helper
from routeserver.speaker.speaker import Speaker
from routeserver.speaker.spec import EndpointSpec, PeerSpec, RouteServerSpec

VPC, SERVER, TABLE, PEER, ENI = "vpc-1", "rs-1", "rtb-1", "rsp-1", "eni-1"


async def run(arguments: list[str]) -> None:
    local, bgp_port, feeder, asn, feeder_asn, interface, number = arguments
    helper = start_helper("benchmark", interface=interface, tables=[int(number)])
    plane = KernelDataPlane(NetdClient(helper.connection), OnThisHost(interface, int(number)))
    use_collector()
    fabric = LoopbackFabric()
    world = World(plane, fabric)
    speaker = Speaker(
        listen=fabric.listen,
        port=int(bgp_port),
        clock=time.monotonic,
        sink=world,
        follower=world,
    )
    world.attach(speaker, cast(BfdDaemon, None))
    eni = Port(ENI, "subnet-1", "", "02:00:00:00:00:01", (feeder,), (), source_dest_check=False)
    vpc = VpcNetwork(VPC, (), ports=(eni,), tables=(Table(TABLE, int(number), ()),))
    await plane.converge(Topology({VPC: vpc}))
    await world.tables.converge(
        {TABLE: TableIntent(TABLE, VPC, {}, (SERVER,))}, {VPC: {ip_address(feeder): ENI}}
    )
    peers = (PeerSpec(PEER, feeder, int(feeder_asn)),)
    endpoint = EndpointSpec("rse-1", local, peers=peers)
    faults = await speaker.converge({SERVER: RouteServerSpec(SERVER, int(asn), (endpoint,))})
    keep_off_the_heap()
    print(f"listening {faults}", flush=True)
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    await ended.wait()
    await speaker.close()
    await plane.close()
    helper.end()


def main() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    profile = os.environ.get("PROFILE")
    profiler = cProfile.Profile()
    if profile is not None:
        profiler.enable()
    uvloop.run(run(sys.argv[1:]))
    if profile is not None:
        profiler.dump_stats(profile)


if __name__ == "__main__":
    main()
