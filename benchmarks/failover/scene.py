"""The lab that is measured: client → A or B → target outside, with as many routes as wanted."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from routeserver.cli.lab import ACCESS
from routeserver.lab import building, journal, taking_down
from routeserver.lab.appliances import path_to
from routeserver.lab.failing import How, Patient, fail, heal
from routeserver.lab.interfaces import Api, Operator
from routeserver.lab.journal import Journal
from routeserver.lab.model import Flow, Lab
from routeserver.lab.reading import read_text

A: Final = "a"
B: Final = "b"
FLOW: Final = Flow("client", "target")
NAME: Final = "rsbench"

_TEXT: Final = """\
profile = "open"
traffic = ["client -> target"]
bfd_interval_ms = 300
bfd_multiplier = 3

[vpc.vpc]
cidr = "10.80.0.0/16"
internet_gateway = true

[table.public]
routes = {{ "0.0.0.0/0" = "internet-gateway" }}
[table.private]

[subnet.zone-a]
cidr = "10.80.1.0/24"
table = "public"
[subnet.zone-b]
cidr = "10.80.2.0/24"
table = "public"
[subnet.clients]
cidr = "10.80.10.0/24"
table = "private"

[route_server.rs]
endpoints = ["zone-a", "zone-b"]
propagate = ["private"]

[host.client]
subnet = "clients"
address = "10.80.10.20"
[host.target]
address = "198.51.100.10"
"""

_APPLIANCE: Final = """
[appliance.{name}]
daemon = "bird"
subnet = "zone-{zone}"
address = "10.80.{number}.{host}"
asn = 65001
announce = {announce}
med = {med}
extra_routes = {routes}
"""


def lab_text(routes: int, load: int = 0) -> str:
    """`routes` is how many each of A and B announces; with `load`, a third one adds so many more,
    which nobody uses."""
    extra = routes - 1
    everything = '["0.0.0.0/0"]'
    parts = [_TEXT.format()]
    for name, zone, number, med in ((A, "a", 1, 0), (B, "b", 2, 100)):
        parts.append(
            _APPLIANCE.format(
                name=name,
                zone=zone,
                number=number,
                host=10,
                announce=everything,
                med=med,
                routes=extra,
            )
        )
    if load:
        parts.append(
            _APPLIANCE.format(
                name="load", zone="a", number=1, host=11, announce="[]", med=200, routes=load
            )
        )
    return "".join(parts)


@dataclass
class Scene:
    lab: Lab
    journal: Journal
    api: Api
    operator: Operator

    def fail(self, how: How) -> float:
        return fail(Patient(self.lab, self.lab.appliances[A], self.journal), how)

    def heal(self) -> None:
        heal(Patient(self.lab, self.lab.appliances[A], self.journal), self.operator)
        self.settle()

    def withdraw(self) -> float:
        """A goes on, and says that its routes are gone."""
        at = time.time()
        self._birdc("disable routes0")
        return at

    def announce(self) -> None:
        self._birdc("enable routes0")
        self.settle()

    def _birdc(self, command: str) -> None:
        control = self.journal.folder / A / "bird.ctl"
        words = [path_to("birdc", "bird2"), "-s", str(control), *command.split()]
        subprocess.run(words, check=True, capture_output=True)  # noqa: S603 - our own words

    def settle(self) -> None:
        building.wait_until_settled(self.lab, self.journal, self.operator, lambda *_: None)


@contextmanager
def built(routes: int, load: int = 0) -> Iterator[Scene]:
    text = lab_text(routes, load)
    lab = read_text(text, f"{NAME}.toml")
    building.need_root()
    with journal.opened(lab.name) as opened:
        building.refuse(lab, opened, ACCESS)
        try:
            building.build(lab, opened, ACCESS, lambda *_: None, text=text, file="rsbench.toml")
            data_dir = opened.data_dir
            yield Scene(lab, opened, ACCESS.api(data_dir), ACCESS.operator(data_dir))
        finally:
            taking_down.take_down(opened, ACCESS, lambda *_: None)
