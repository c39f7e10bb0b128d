"""Whether a lab makes sense: every name names something, every address is where it can be.

What the EC2 API would refuse is refused here first where the file can tell, because then nothing
has been built yet.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from ipaddress import IPv4Address, IPv4Network
from itertools import combinations
from typing import Final

from routeserver.lab.model import INTERNET_GATEWAY, Appliance, DaemonKind, Lab, Subnet

RESERVED: Final = 4
"""The first addresses of a subnet, which are the VPC's; the last one is, too."""
MOST_ENDPOINTS: Final = 2
MOST_EXTRA: Final = {DaemonKind.FRR: 20_000, DaemonKind.GOBGP: 2_000}
OURS: Final = IPv4Network("169.254.0.0/16")


class Mistake(Exception):  # noqa: N818 - it is one of the file's writer
    """`section` such as ``subnet.app``, empty for the top of the file; `key` may be empty."""

    def __init__(self, section: str, key: str, sentence: str) -> None:
        where = f"[{section}] " if section else ""
        super().__init__(f"{where}{key} {sentence}" if key else f"{where}{sentence}")
        self.section, self.key = section, key


def check(lab: Lab) -> None:
    """Raises Mistake."""
    if not lab.vpcs:
        raise Mistake("", "vpc", "is missing; a lab has at least one [vpc.NAME]")
    _check_names(lab)
    for rule in (_vpcs, _subnets, _tables, _route_servers, _appliances, _hosts, _floating, _flows):
        rule(lab)


def _known(section: str, key: str, name: str, where: Collection[str], what: str) -> None:
    if name not in where:
        there = f"there are {', '.join(where)}" if where else f"there is no {what} yet"
        raise Mistake(section, key, f"names '{name}', which is no {what}; {there}")


def _check_names(lab: Lab) -> None:
    """What `ping`, `fail` and `traffic` name must be one thing."""
    seen: dict[str, str] = {"outside": "what stands behind the gateway"}
    for section, names in (
        ("appliance", lab.appliances),
        ("host", lab.hosts),
        ("floating", lab.floating),
    ):
        for name in names:
            if name in seen:
                raise Mistake(f"{section}.{name}", "", f"has the name of {seen[name]}; rename it")
            seen[name] = f"[{section}.{name}]"


def _vpcs(lab: Lab) -> None:
    for vpc in lab.vpcs.values():
        section = f"vpc.{vpc.name}"
        if not 16 <= vpc.cidr.prefixlen <= 28:
            raise Mistake(section, "cidr", "must be a prefix between /16 and /28")
        if vpc.cidr.is_loopback or vpc.cidr.is_link_local or vpc.cidr.is_multicast:
            raise Mistake(section, "cidr", "must be ordinary addresses, such as 10.0.0.0/16")
        if vpc.gateway_table is None:
            continue
        if not vpc.internet_gateway:
            raise Mistake(section, "gateway_table", "needs internet_gateway = true; add that line")
        _known_table(lab, section, "gateway_table", vpc.gateway_table, vpc.name)
    gateways = [vpc for vpc in lab.vpcs.values() if vpc.internet_gateway]
    for one, other in combinations(gateways, 2):
        if one.cidr.overlaps(other.cidr):
            raise Mistake(
                f"vpc.{other.name}",
                "cidr",
                f"overlaps {one.name}'s, and the outside would not know whose is whose; "
                "take another one, or no internet gateway",
            )


def _known_table(lab: Lab, section: str, key: str, table: str, vpc: str) -> None:
    _known(section, key, table, lab.tables, "table")
    if lab.tables[table].vpc != vpc:
        raise Mistake(
            section, key, f"names '{table}', which is in VPC {lab.tables[table].vpc}, not {vpc}"
        )


def _subnets(lab: Lab) -> None:
    for subnet in lab.subnets.values():
        section = f"subnet.{subnet.name}"
        _known(section, "vpc", subnet.vpc, lab.vpcs, "VPC")
        around = lab.vpcs[subnet.vpc].cidr
        if not subnet.cidr.subnet_of(around):
            raise Mistake(section, "cidr", f"must be inside the VPC's {around}")
        if subnet.cidr.prefixlen > 28:
            raise Mistake(section, "cidr", "must be /28 or larger")
        if subnet.table is not None:
            _known_table(lab, section, "table", subnet.table, subnet.vpc)
    for one, other in combinations(lab.subnets.values(), 2):
        if one.vpc == other.vpc and one.cidr.overlaps(other.cidr):
            raise Mistake(f"subnet.{other.name}", "cidr", f"overlaps {one.name}'s {one.cidr}")


def _tables(lab: Lab) -> None:
    for table in lab.tables.values():
        section = f"table.{table.name}"
        _known(section, "vpc", table.vpc, lab.vpcs, "VPC")
        for prefix, target in table.routes.items():
            if target == INTERNET_GATEWAY:
                if not lab.vpcs[table.vpc].internet_gateway:
                    raise Mistake(
                        section,
                        "routes",
                        f"lead {prefix} to an internet gateway that the VPC has not; "
                        "give it internet_gateway = true",
                    )
                continue
            _known(section, "routes", target, lab.appliances, "appliance and not internet-gateway")
            if _vpc_of(lab, lab.appliances[target]) != table.vpc:
                raise Mistake(section, "routes", f"lead {prefix} to {target}, in another VPC")


def _vpc_of(lab: Lab, appliance: Appliance) -> str:
    subnet = lab.subnets.get(appliance.enis[0].subnet)
    return "" if subnet is None else subnet.vpc


def _route_servers(lab: Lab) -> None:
    for server in lab.route_servers.values():
        section = f"route_server.{server.name}"
        _known(section, "vpc", server.vpc, lab.vpcs, "VPC")
        for subnet in server.endpoints:
            _known(section, "endpoints", subnet, lab.subnets, "subnet")
            if lab.subnets[subnet].vpc != server.vpc:
                raise Mistake(section, "endpoints", f"name '{subnet}', which is in another VPC")
            if server.endpoints.count(subnet) > MOST_ENDPOINTS:
                raise Mistake(
                    section, "endpoints", f"name '{subnet}' more than {MOST_ENDPOINTS} times"
                )
        for table in server.propagate:
            _known_table(lab, section, "propagate", table, server.vpc)


def _appliances(lab: Lab) -> None:
    for appliance in lab.appliances.values():
        section = f"appliance.{appliance.name}"
        for eni in appliance.enis:
            where = f"{section}.eni.{eni.name}" if eni.name else section
            _known(where, "subnet", eni.subnet, lab.subnets, "subnet")
            _inside(where, eni.address, lab.subnets[eni.subnet])
        vpcs = {lab.subnets[eni.subnet].vpc for eni in appliance.enis}
        if len(vpcs) > 1:
            raise Mistake(section, "", f"stands in several VPCs: {', '.join(sorted(vpcs))}")
        if not any(True for _ in lab.peerings(appliance)):
            raise Mistake(
                section,
                "subnet",
                "has no route server endpoint to peer with; name that subnet in the endpoints of a "
                "[route_server.NAME]",
            )
        if any(server.asn == appliance.asn for _, server, _ in lab.peerings(appliance)):
            raise Mistake(section, "asn", "is that of the route server; take another one")
        most = MOST_EXTRA.get(appliance.daemon)
        if most is not None and appliance.extra_routes > most:
            raise Mistake(
                section,
                "extra_routes",
                f"must be at most {most} with {appliance.daemon}; take bird for more",
            )
        if appliance.daemon is DaemonKind.GOBGP and any(e.announce for e in appliance.enis[1:]):
            raise Mistake(
                section,
                "daemon",
                "cannot announce by a second interface in a lab; take bird or frr",
            )
    _distinct(lab)


def _inside(section: str, address: IPv4Address, subnet: Subnet) -> None:
    if address not in subnet.cidr:
        raise Mistake(section, "address", f"must be inside subnet {subnet.name}, {subnet.cidr}")
    place = int(address) - int(subnet.cidr.network_address)
    if place < RESERVED or address == subnet.cidr.broadcast_address:
        raise Mistake(
            section,
            "address",
            f"is reserved: the first {RESERVED} and the last of a subnet are; "
            f"take {subnet.cidr.network_address + 10} or another",
        )


def _addresses(lab: Lab) -> Iterator[tuple[str, str, IPv4Address]]:
    """Section, VPC and address of everything that stands in a subnet."""
    for appliance in lab.appliances.values():
        for eni in appliance.enis:
            section = f"appliance.{appliance.name}"
            section += f".eni.{eni.name}" if eni.name else ""
            yield section, lab.subnets[eni.subnet].vpc, eni.address
    for host in lab.hosts.values():
        if host.subnet is not None and host.subnet in lab.subnets:
            yield f"host.{host.name}", lab.subnets[host.subnet].vpc, host.address


def _distinct(lab: Lab) -> None:
    seen: dict[tuple[str, IPv4Address], str] = {}
    for section, vpc, address in _addresses(lab):
        if (vpc, address) in seen:
            raise Mistake(section, "address", f"is that of [{seen[vpc, address]}]; take another")
        seen[vpc, address] = section


def _hosts(lab: Lab) -> None:
    for host in lab.hosts.values():
        section = f"host.{host.name}"
        if host.subnet is not None:
            _known(section, "subnet", host.subnet, lab.subnets, "subnet")
            _inside(section, host.address, lab.subnets[host.subnet])
            continue
        if not lab.has_outside:
            raise Mistake(
                section,
                "subnet",
                "is missing, and without a subnet it stands outside, where nothing leads: "
                "name a subnet, or give a VPC internet_gateway = true",
            )
        _elsewhere(lab, section, host.address)
    _distinct(lab)


def _elsewhere(lab: Lab, section: str, address: IPv4Address) -> None:
    if address in OURS:
        raise Mistake(section, "address", f"must not be in {OURS}, the gateway's own link")
    for subnet in lab.subnets.values():
        if address in subnet.cidr:
            raise Mistake(section, "address", f"must be in no subnet; it is in {subnet.name}")


def _floating(lab: Lab) -> None:
    seen: dict[IPv4Address, str] = {
        host.address: host.name for host in lab.hosts.values() if host.subnet is None
    }
    for each in lab.floating.values():
        section = f"floating.{each.name}"
        if not each.appliances:
            raise Mistake(section, "appliances", "must name at least one")
        for name in each.appliances:
            _known(section, "appliances", name, lab.appliances, "appliance")
        _elsewhere(lab, section, each.address)
        if each.address in seen:
            raise Mistake(section, "address", f"is that of {seen[each.address]}; take another")
        seen[each.address] = each.name


def _flows(lab: Lab) -> None:
    for flow in lab.traffic:
        _known("", "traffic", flow.client, lab.hosts, "host")
        _known("", "traffic", flow.target, targets(lab), "host or floating address")
        if flow.client == flow.target:
            raise Mistake("", "traffic", f"leads from {flow.client} to itself")


def targets(lab: Lab) -> Mapping[str, IPv4Address]:
    """What can be pinged, and where it is."""
    hosts = {host.name: host.address for host in lab.hosts.values()}
    return hosts | {each.name: each.address for each in lab.floating.values()}
