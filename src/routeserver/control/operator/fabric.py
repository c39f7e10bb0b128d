"""`attach`, `detach`, `show fabric`: where network interfaces are plugged in, and what stands in
the kernel for a VPC.

Attaching writes the store and nothing else; the reconciler, woken by the commit, plugs. It has
nothing to do with EC2's attachments to instances, which are the API's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

import structlog

from routeserver.control.operator.desk import NOT_FOUND, Answer, Desk, Params, required, text_of
from routeserver.domain.refusal import Refusal
from routeserver.domain.resources import NetworkInterface
from routeserver.domain.topology import Plugged, VpcNetwork
from routeserver.store import Transaction

RUN_NETNS: Final = "/run/netns"
DEFAULT_DEVICES: Final = tuple(f"eth{number}" for number in range(256))

_DEVICE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,14}")
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")
_LONGEST_PATH: Final = 1024

_log: Final = structlog.get_logger()


async def attach(desk: Desk, params: Params) -> Answer:
    """``{"eni", "netns" or "pid", "device"?, "default_route"?}``: a name or a path of a network
    namespace, or a process in it. Again with the same is no error."""
    _must_plug(desk)
    interface_id, netns = required(params, "eni"), _netns(params)
    async with desk.store.write() as tx:
        interface = await _interface(tx, interface_id)
        plugs = {plug.interface_id: plug for plug in await tx.plugs()}
        present = plugs.pop(interface_id, None)
        taken = {plug.device: plug.interface_id for plug in plugs.values() if plug.netns == netns}
        kept = present.device if present is not None and present.netns == netns else None
        plug = Plugged(
            interface_id, netns, _device(params, taken, kept), _wants_default_route(params)
        )
        if present is not None and present.netns != netns:
            raise Refusal(
                "AlreadyAttached",
                f"{interface_id} is attached to {present.netns} as {present.device}; "
                f"detach it first (routeserver detach {interface_id}).",
            )
        if present != plug:
            await tx.put_plug(plug)
    if present != plug:
        _log.info("attached", interface_id=interface_id, netns=netns, device=plug.device)
    return {**_shown_plug(plug), "mac": interface.mac_address, "addresses": _addresses(interface)}


async def detach(desk: Desk, params: Params) -> Answer:
    """``{"eni"}``: unplug it from where it is."""
    _must_plug(desk)
    interface_id = required(params, "eni")
    async with desk.store.write() as tx:
        await _interface(tx, interface_id)
        plug = next((one for one in await tx.plugs() if one.interface_id == interface_id), None)
        if plug is None:
            raise Refusal(
                "NotAttached",
                f"{interface_id} is attached to no namespace; routeserver show fabric lists "
                "those that are.",
                NOT_FOUND,
            )
        await tx.delete_plug(interface_id)
    _log.info("detached", interface_id=interface_id, netns=plug.netns, device=plug.device)
    return _shown_plug(plug)


async def show_fabric(desk: Desk, params: Params) -> Answer:
    """``{"vpc"?}``: networks, ports, gateways and tables with their names in the kernel, and what
    is wrong with each."""
    world, wanted = desk.world, text_of(params, "vpc")
    faults = world.faults
    vpcs = world.topology.vpcs
    if wanted is not None and wanted not in vpcs and wanted not in faults:
        raise Refusal(
            "NotFound",
            f"The fabric has no VPC {wanted}; routeserver show fabric lists those that it has.",
            NOT_FOUND,
        )
    return {
        "fabric": world.fabric.kind,
        "vpcs": [
            _shown_vpc(vpc, faults, world.fabric.network_of(vpc.vpc_id))
            for vpc in vpcs.values()
            if wanted in {None, vpc.vpc_id}
        ],
        "faults": {
            resource_id: reason
            for resource_id, reason in faults.items()
            if wanted is None or resource_id in _ids_in(wanted, vpcs.get(wanted))
        },
    }


def _ids_in(vpc_id: str, vpc: VpcNetwork | None) -> frozenset[str]:
    """What may have a fault in a VPC."""
    if vpc is None:
        return frozenset({vpc_id})
    gateways = () if vpc.gateway is None else (vpc.gateway.gateway_id,)
    return frozenset(
        (
            vpc_id,
            *(subnet.subnet_id for subnet in vpc.subnets),
            *(port.interface_id for port in vpc.ports),
            *(table.route_table_id for table in vpc.tables),
            *gateways,
        )
    )


def _must_plug(desk: Desk) -> None:
    if not desk.world.fabric.needs_plug:
        raise Refusal(
            "NoSuchFabric",
            f"With fabric {desk.world.fabric.kind} nothing is plugged in anywhere; "
            "serve with --fabric=netns.",
        )


async def _interface(tx: Transaction, interface_id: str) -> NetworkInterface:
    found = await tx.get(NetworkInterface, interface_id)
    if found is None:
        raise Refusal(
            "NotFound",
            f"There is no network interface {interface_id}; aws ec2 describe-network-interfaces "
            "lists them.",
            NOT_FOUND,
        )
    if found.requester_managed:
        raise Refusal(
            "NotAllowed",
            f"{interface_id} is a route server endpoint's own and cannot be attached; make a "
            "network interface for the appliance.",
        )
    return found


def _netns(params: Params) -> str:
    """The path of a network namespace."""
    name, pid = text_of(params, "netns"), params.get("pid")
    if (name is None) == (pid is None):
        raise Refusal(
            "InvalidParameter", "Give either netns, a name or a path, or pid, a process in it."
        )
    if name is None:
        if not isinstance(pid, int) or isinstance(pid, bool) or pid < 1:
            raise Refusal("InvalidParameter", "pid must be the number of a process.")
        return f"/proc/{pid}/ns/net"
    if name.startswith("/"):
        if len(name) > _LONGEST_PATH or "\0" in name:
            raise Refusal("InvalidParameter", "netns is no path of a network namespace.")
        return name
    if not _NAME.fullmatch(name):
        raise Refusal(
            "InvalidParameter",
            f"{name} is no name of a network namespace; ip netns lists them, and a path begins "
            "with /.",
        )
    return f"{RUN_NETNS}/{name}"


def _device(params: Params, taken: Mapping[str, str], kept: str | None) -> str:
    """The name that the interface has there: as asked, as it was, or the first ethN."""
    device = text_of(params, "device")
    if device is None:
        return kept or next(name for name in DEFAULT_DEVICES if name not in taken)
    if not _DEVICE.fullmatch(device) or device == "lo":
        raise Refusal(
            "InvalidParameter",
            f"{device} is no name for an interface; letters, digits, '_', '-' and '.', at most 15.",
        )
    if device in taken:
        raise Refusal(
            "DeviceTaken",
            f"{taken[device]} is {device} there already; choose another --device.",
        )
    return device


def _wants_default_route(params: Params) -> bool:
    value = params.get("default_route", True)
    if not isinstance(value, bool):
        raise Refusal("InvalidParameter", "default_route must be true or false.")
    return value


def _addresses(interface: NetworkInterface) -> list[str]:
    return [*interface.private_ips, *interface.ipv6_addresses]


def _shown_plug(plug: Plugged) -> Answer:
    return {
        "eni": plug.interface_id,
        "netns": plug.netns,
        "device": plug.device,
        "default_route": plug.wants_default_route,
    }


def _shown_vpc(vpc: VpcNetwork, faults: Mapping[str, str], network: str) -> Answer:
    return {
        "vpc": vpc.vpc_id,
        "network": network,
        "cidrs": list(vpc.cidrs),
        "fault": faults.get(vpc.vpc_id),
        "subnets": [
            {
                "subnet": subnet.subnet_id,
                "bridge": subnet.bridge,
                "routers": list(subnet.routers),
                "endpoints": list(subnet.endpoint_addresses),
                "route_table": subnet.route_table_id,
                "fault": faults.get(subnet.subnet_id),
            }
            for subnet in vpc.subnets
        ],
        "ports": _shown_ports(vpc, faults),
        "gateway": None
        if vpc.gateway is None
        else {
            "gateway": vpc.gateway.gateway_id,
            "port": vpc.gateway.port,
            "outside": list(vpc.gateway.outside),
            "route_table": vpc.gateway.route_table_id,
            "fault": faults.get(vpc.gateway.gateway_id),
        },
        "tables": [
            {
                "route_table": table.route_table_id,
                "number": table.number,
                "fault": faults.get(table.route_table_id),
            }
            for table in vpc.tables
        ],
    }


def _shown_ports(vpc: VpcNetwork, faults: Mapping[str, str]) -> Sequence[Answer]:
    return [
        {
            "eni": port.interface_id,
            "subnet": port.subnet_id,
            "addresses": list(port.addresses),
            "mac": port.mac,
            "port": port.name,
            "netns": port.netns,
            "device": port.device or None,
            "source_dest_check": port.source_dest_check,
            "fault": faults.get(port.interface_id),
        }
        for port in vpc.ports
    ]
