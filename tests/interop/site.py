"""A site to meet real daemons at: a server process, a loopback VPC, one endpoint, a propagated
table.

Each daemon takes an address of its own inside the VPC, so that nothing they bind collides.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from ipaddress import IPv6Network
from pathlib import Path
from signal import SIGKILL
from typing import Any, Final

from routeserver.cli.operator_client import Operator
from tests.running import Server, eventually

PEERS_FILE: Final = "peers.toml"


@dataclass(frozen=True, slots=True)
class Place:
    """Where an appliance stands, and the peer that it is to the server."""

    address: str
    ipv6: str
    asn: int
    peer_id: str


@dataclass
class Site:
    server: Server
    ec2: Any
    vpc_id: str
    subnet_id: str
    table_id: str
    route_server_id: str
    endpoint_id: str
    endpoint_address: str
    ipv6_network: IPv6Network
    """The subnet's IPv6 block."""
    interfaces: dict[str, str] = field(default_factory=dict)
    """The network interface made for each appliance address."""
    peer_ids: list[str] = field(default_factory=list)
    """Of the appliances that are there now."""

    @classmethod
    @contextmanager
    def opened(cls, folder: Path, network: str, *, bgp_port: int, bfd_port: int) -> Iterator[Site]:
        """A site in profile ``open``, with its server and a peers' file that is empty yet; it ends
        with the block."""
        arguments = ("--profile=open",)
        peers = folder / PEERS_FILE
        peers.touch(0o600)
        (folder / "routeserver.toml").write_text(f'peers_file = "{peers}"\n')
        server = Server(folder, bgp_port=bgp_port, bfd_port=bfd_port, arguments=arguments)
        try:
            server.start()
            yield cls.build(server, network)
        finally:
            if server.process is not None:
                server.stop()

    @classmethod
    def build(cls, server: Server, network: str = "127.60", asn: int = 65000) -> Site:
        """`network` is the first half of the VPC's CIDR, such as ``127.60``."""
        ec2 = server.client()
        vpc = ec2.create_vpc(CidrBlock=f"{network}.0.0/16", AmazonProvidedIpv6CidrBlock=True)
        vpc_id = vpc["Vpc"]["VpcId"]
        ipv6_block = vpc["Vpc"]["Ipv6CidrBlockAssociationSet"][0]["Ipv6CidrBlock"]
        ipv6_network = next(IPv6Network(ipv6_block).subnets(new_prefix=64))
        subnet = ec2.create_subnet(
            VpcId=vpc_id, CidrBlock=f"{network}.1.0/24", Ipv6CidrBlock=str(ipv6_network)
        )["Subnet"]
        table_id = ec2.create_route_table(VpcId=vpc_id)["RouteTable"]["RouteTableId"]
        made = ec2.create_route_server(AmazonSideAsn=asn)["RouteServer"]
        rs = {"RouteServerId": made["RouteServerId"]}
        eventually(
            "route server",
            lambda: ec2.describe_route_servers(RouteServerIds=[made["RouteServerId"]])[
                "RouteServers"
            ][0]["State"],
            lambda state: state == "available",
        )
        ec2.associate_route_server(**rs, VpcId=vpc_id)
        eventually(
            "association",
            lambda: ec2.get_route_server_associations(**rs)["RouteServerAssociations"][0]["State"],
            lambda state: state == "associated",
        )
        ec2.create_route_server_endpoint(**rs, SubnetId=subnet["SubnetId"])
        endpoint = eventually(
            "endpoint",
            lambda: next(
                each
                for each in ec2.describe_route_server_endpoints()["RouteServerEndpoints"]
                if each["RouteServerId"] == made["RouteServerId"]
            ),
            lambda each: each["State"] == "available",
        )
        ec2.enable_route_server_propagation(**rs, RouteTableId=table_id)
        return cls(
            server,
            ec2,
            vpc_id,
            subnet["SubnetId"],
            table_id,
            made["RouteServerId"],
            endpoint["RouteServerEndpointId"],
            endpoint["EniAddress"],
            ipv6_network,
        )

    def add_appliance(
        self, address: str, asn: int, *, bfd: bool = False, ipv6: str | None = None
    ) -> str:
        """Give `address` a network interface, with the address `ipv6` too, and a peer; the peer's
        id."""
        more = {} if ipv6 is None else {"Ipv6Addresses": [{"Ipv6Address": ipv6}]}
        interface = self.ec2.create_network_interface(
            SubnetId=self.subnet_id, PrivateIpAddress=address, **more
        )["NetworkInterface"]
        self.interfaces[address] = interface["NetworkInterfaceId"]
        peer = self.ec2.create_route_server_peer(
            RouteServerEndpointId=self.endpoint_id,
            PeerAddress=address,
            BgpOptions={
                "PeerAsn": asn,
                "PeerLivenessDetection": "bfd" if bfd else "bgp-keepalive",
            },
        )["RouteServerPeer"]
        peer_id = str(peer["RouteServerPeerId"])
        self.peer_ids.append(peer_id)
        eventually("peer", lambda: self.peer(peer_id)["State"], lambda state: state == "available")
        return peer_id

    def place(self, asn: int, **settings: object) -> Place:
        """An appliance at an address that nobody had, its peer with these settings."""
        number = 10 + len(self.interfaces)
        address = f"{self.endpoint_address.rpartition('.')[0]}.{number}"
        ipv6 = str(self.ipv6_network[number])
        peer_id = self.add_appliance(address, asn, ipv6=ipv6)
        if settings:
            self.set(peer_id, **settings)
        return Place(address, ipv6, asn, peer_id)

    def remove_appliances(self) -> None:
        """Delete every peer, and with it whatever is kept of its routes."""
        gone, self.peer_ids = self.peer_ids, []
        for peer_id in gone:
            self.ec2.delete_route_server_peer(RouteServerPeerId=peer_id)
        eventually("no routes", self.table, lambda table: not table)

    # --- the operator's side ------------------------------------------------------------------

    @property
    def operator(self) -> Operator:
        return Operator(self.server.data_dir)

    def set(self, peer_id: str, **settings: object) -> None:
        """As `routeserver peer set` does, and then until it is in force."""
        self.operator.ask("peer-set", peer=peer_id, settings=settings)
        eventually("settings in force", lambda: self.session(peer_id)["settings_in_force"], bool)

    def refresh(self, peer_id: str) -> None:
        """As `routeserver peer refresh` does, and then until the peer has begun to answer."""
        self.operator.ask("peer-refresh", peer=peer_id)
        eventually(
            "the peer answers the refresh",
            lambda: self.session(peer_id)["refresh_asked_at"],
            lambda asked: asked is None,
        )

    def write_peers_file(self, text: str) -> None:
        """As an operator edits it and says `routeserver peer reload`."""
        (self.server.data_dir / PEERS_FILE).write_text(text)
        self.operator.ask("peer-reload")

    def session(self, peer_id: str) -> Any:
        """As `routeserver show peer` has it."""
        return self.operator.ask("show-peer", peer=peer_id)["peer"]

    def explained(self, prefix: str) -> Any:
        """What `routeserver show route --why` knows of a prefix; None when it is in no RIB."""
        found = self.operator.ask("show-route", prefix=prefix)["routes"]
        return found[0] if found else None

    def fib(self) -> dict[str, str]:
        """The peer of each prefix's best path; the first 10,000."""
        found = self.operator.ask("list-routes", fib=True, limit=10_000)["routes"]
        return {route["prefix"]: route["peer"] for route in found}

    def wait_negotiated(self, peer_id: str, seconds: float = 30.0) -> Any:
        """What the session has agreed on, once it is up."""
        return eventually("session up", lambda: self.session(peer_id)["negotiated"], bool, seconds)

    def wait_error(self, peer_id: str, text: str, seconds: float = 15.0) -> None:
        """Until the peer's last session is shown to have ended for a reason with `text` in it."""
        eventually(
            "last error",
            lambda: self.session(peer_id)["last_error"] or "",
            lambda error: text in error,
            seconds,
        )

    def wait_logged(self, event: str, peer_id: str, seconds: float = 15.0) -> None:
        """Until the server's log has an event about the peer."""
        log = self.server.data_dir / "stderr.jsonl"
        eventually(
            f"the server logs {event}",
            lambda: [
                line
                for line in log.read_text().splitlines()
                if f'"{event}"' in line and peer_id in line
            ],
            bool,
            seconds,
        )

    def restart_server(self) -> None:
        """Kill the server without a word and start it anew on the same data."""
        self.server.stop(SIGKILL)
        self._start_server()

    @contextmanager
    def stopped_server(self) -> Iterator[None]:
        """The server has ended in order; it runs again behind the block."""
        self.server.stop()
        try:
            yield
        finally:
            self._start_server()

    def _start_server(self) -> None:
        self.server.start()
        self.ec2 = self.server.client()

    # --- what the API shows -------------------------------------------------------------------

    def peer(self, peer_id: str) -> Any:
        found = self.ec2.describe_route_server_peers(RouteServerPeerIds=[peer_id])
        return found["RouteServerPeers"][0]

    def routes(self) -> dict[tuple[str, str], Any]:
        """The routing database by (prefix, peer id)."""
        found = self.ec2.get_route_server_routing_database(RouteServerId=self.route_server_id)
        return {(each["Prefix"], each["RouteServerPeerId"]): each for each in found["Routes"]}

    def routes_of(self, peer_id: str) -> dict[str, Any]:
        """One peer's part of the routing database by prefix."""
        return {prefix: route for (prefix, peer), route in self.routes().items() if peer == peer_id}

    def table(self) -> Mapping[str, Any]:
        """The propagated entries of the route table by destination."""
        table = self.ec2.describe_route_tables(RouteTableIds=[self.table_id])["RouteTables"][0]
        return {
            route.get("DestinationCidrBlock") or route["DestinationIpv6CidrBlock"]: route
            for route in table["Routes"]
            if route["Origin"] == "Advertisement"
        }

    def wait_installed(self, address: str, prefixes: Iterable[str]) -> None:
        """Until exactly these destinations are propagated, all to the interface of `address`.

        Naming the interface keeps what an earlier test's daemon left from being taken for it.
        """
        wanted = dict.fromkeys(prefixes, (self.interfaces[address], "active"))
        eventually(
            f"routes to {address}",
            lambda: {
                destination: (entry["NetworkInterfaceId"], entry["State"])
                for destination, entry in self.table().items()
            },
            lambda installed: installed == wanted,
        )

    def wait_up(self, peer_id: str, *, bfd: bool = False, seconds: float = 60.0) -> None:
        eventually(
            "session up",
            lambda: self.peer(peer_id),
            lambda peer: (
                peer["BgpStatus"]["Status"] == "up"
                and (not bfd or peer["BfdStatus"]["Status"] == "up")
            ),
            seconds,
        )

    def wait_down(self, peer_id: str, seconds: float = 60.0) -> None:
        eventually(
            "session down",
            lambda: self.peer(peer_id)["BgpStatus"]["Status"],
            lambda status: status == "down",
            seconds,
        )
