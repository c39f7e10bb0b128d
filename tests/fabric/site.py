"""A server with the fabric `netns`, what the API makes on it, and packets between namespaces."""

from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from routeserver.cli.operator_client import Operator
from tests.namespaces import RUN_NETNS, Namespace, need_root
from tests.running import Server, eventually

PATIENCE_S: Final = 2.0
"""For a packet that must come; reached only when it does not."""
SILENCE_S: Final = 0.3
"""For one that must not: it would take some microseconds."""


@dataclass
class Site:
    server: Server
    ec2: Any
    vpcs: list[str] = field(default_factory=list)

    @classmethod
    @contextmanager
    def opened(cls, folder: Path, *arguments: str, **settings: str) -> Iterator[Site]:
        """Ends with the block, and nothing of it is left in the kernel."""
        need_root()
        data_dir = folder / "data"
        data_dir.mkdir(mode=0o700, exist_ok=True)
        server = Server(data_dir, 179, 3784, arguments=("--fabric=netns", *arguments))
        server.environment = {
            f"ROUTESERVER_{name.upper()}": text for name, text in settings.items()
        }
        site = cls(server, None)
        try:
            site.start()
            yield site
        finally:
            if server.process is not None:
                server.stop()
            remove_namespaces(data_dir)

    def start(self) -> None:
        self.server.start()
        self.ec2 = self.server.client()

    def ask(self, question: str, **params: object) -> Any:
        return Operator(self.server.data_dir).ask(question, **params)

    def vpc(self, cidr: str = "10.0.0.0/16", **params: Any) -> str:
        made = self.ec2.create_vpc(CidrBlock=cidr, **params)["Vpc"]["VpcId"]
        self.vpcs.append(made)
        return str(made)

    def subnet(self, vpc_id: str, cidr: str, **params: Any) -> str:
        made = self.ec2.create_subnet(VpcId=vpc_id, CidrBlock=cidr, **params)
        return str(made["Subnet"]["SubnetId"])

    def eni(self, subnet_id: str, address: str, **params: Any) -> str:
        made = self.ec2.create_network_interface(
            SubnetId=subnet_id, PrivateIpAddress=address, **params
        )
        return str(made["NetworkInterface"]["NetworkInterfaceId"])

    def main_table(self, vpc_id: str) -> str:
        found = self.ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [vpc_id]}])
        return str(found["RouteTables"][0]["RouteTableId"])

    def attach(self, eni_id: str, namespace: Namespace, **params: object) -> str:
        """Its device there, as soon as it can be used."""
        answer = self.ask("attach", eni=eni_id, netns=namespace.name, **params)
        device = str(answer["device"])
        address = answer["addresses"][0]
        eventually(
            f"{eni_id} is plugged in",
            lambda: addresses_of(namespace, device),
            lambda there: address in there,
        )
        return device

    def faults(self) -> Mapping[str, str]:
        found: Mapping[str, str] = self.ask("show-fabric")["faults"]
        return found

    def log(self) -> list[dict[str, Any]]:
        lines = (self.server.data_dir / "stderr.jsonl").read_text().splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]


def addresses_of(namespace: Namespace, device: str) -> set[str]:
    links = namespace.ip("address", "show")
    found = [link for link in links if link["ifname"] == device and "UP" in link["flags"]]
    return {entry["local"] for link in found for entry in link["addr_info"]}


def remove_namespaces(data_dir: Path) -> None:
    """What a server that died in a test has left."""
    for name in left_behind(data_dir):
        subprocess.run(["ip", "netns", "delete", name], check=False)


def left_behind(data_dir: Path) -> list[str]:
    """The namespaces that are this server's, by the mark inside."""
    try:
        instance = json.loads((data_dir / "instance.json").read_text())["instance"]
    except FileNotFoundError:
        return []
    mark = f"routeserver {instance}"
    found = []
    for path in sorted(RUN_NETNS.iterdir()) if RUN_NETNS.exists() else []:
        with suppress(AssertionError, json.JSONDecodeError):
            [loopback] = Namespace(path.name).ip("link", "show", "lo")
            if loopback.get("ifalias") == mark:
                found.append(path.name)
    return found


# --- packets --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Receiver:
    """A UDP socket in a namespace."""

    socket: socket.socket

    @property
    def port(self) -> int:
        return int(self.socket.getsockname()[1])

    def hears(self, within_s: float = PATIENCE_S) -> str | None:
        """From where a packet came; None when none comes."""
        self.socket.settimeout(within_s)
        try:
            return str(self.socket.recvfrom(4096)[1][0])
        except TimeoutError:
            return None


@contextmanager
def receiver(namespace: Namespace, address: str) -> Iterator[Receiver]:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET

    def opened() -> socket.socket:
        made = socket.socket(family, socket.SOCK_DGRAM)
        made.setsockopt(socket.SOL_IP, 15, 1)  # IP_FREEBIND
        made.bind((address, 0))
        return made

    with namespace.inside(opened) as made:
        yield Receiver(made)


def send(namespace: Namespace, to: str, port: int, *, source: str = "", size: int = 8) -> None:
    """A UDP packet; `source` need not be an address of the namespace."""
    family = socket.AF_INET6 if ":" in to else socket.AF_INET

    def sent() -> None:
        with socket.socket(family, socket.SOCK_DGRAM) as made:
            if source:
                made.setsockopt(socket.SOL_IP, 19, 1)  # IP_TRANSPARENT
                made.bind((source, 0))
            with suppress(OSError) if size == 8 else raising():
                made.sendto(bytes(size), (to, port))

    namespace.inside(sent)


@contextmanager
def raising() -> Iterator[None]:
    yield


def passes(
    sender: Namespace, to: Namespace, address: str, *, source: str = "", size: int = 8
) -> bool:
    """Whether a packet to an address arrives there, tried until it does or is not coming."""
    with receiver(to, address) as there:
        for _ in range(5):
            send(sender, address, there.port, source=source, size=size)
            if there.hears(SILENCE_S) is not None:
                return True
    return False


def eventually_passes(
    sender: Namespace, to: Namespace, address: str, *, is_passing: bool = True, source: str = ""
) -> None:
    eventually(
        f"packets from {sender.name} to {address} {'pass' if is_passing else 'are dropped'}",
        lambda: passes(sender, to, address, source=source),
        lambda found: found is is_passing,
    )


def refusal_of(call: Callable[[], object]) -> str:
    """What the server refuses an operator's question with."""
    try:
        call()
    except Exception as error:
        return str(error)
    raise AssertionError("it was not refused")


def is_gone(namespace: str) -> bool:
    return not (RUN_NETNS / namespace).exists()
