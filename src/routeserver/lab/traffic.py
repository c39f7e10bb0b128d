"""Who can send to whom, and sending."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Address

from routeserver.lab import namespaces, probing
from routeserver.lab.errors import LabError
from routeserver.lab.model import Flow, Lab

WAIT_S = 1.0
"""How long the last answers are waited for."""


@dataclass(frozen=True, slots=True)
class Summary:
    sent: int
    answered: int
    by: Counter[str]
    """How many arrived by which appliance."""

    @classmethod
    def of(cls, journeys: Iterable[probing.Journey]) -> Summary:
        listed = list(journeys)
        arrived = [each for each in listed if each.arrived_at is not None]
        answered = sum(each.returned_at is not None for each in listed)
        return cls(len(listed), answered, Counter(way(each) for each in arrived))

    def __str__(self) -> str:
        shares = ", ".join(f"{count} by {name}" for name, count in self.by.most_common())
        lost = self.sent - self.answered
        return f"{self.sent} sent, {lost} lost{'; ' + shares if shares else ''}"


def way(journey: probing.Journey) -> str:
    """The appliance that a packet took, or that was its target."""
    return journey.appliance or (journey.answered_by if journey.returned_at else "") or "no one"


@contextmanager
def path(lab: Lab, flow: Flow) -> Iterator[probing.Path]:
    """Raises LabError for names that are not in the lab."""
    client = lab.hosts.get(flow.client)
    if client is None:
        raise LabError(f"no host is called {flow.client}; there are {', '.join(lab.hosts)}")
    source = probing.Place(client.name, lab.namespace_of_host(client), client.address)
    taps = {name: lab.namespace(name) for name in lab.appliances}
    with probing.opened(source, _answering(lab, flow.target), taps) as opened:
        yield opened


def _answering(lab: Lab, target: str) -> list[probing.Place]:
    if target in lab.hosts:
        host = lab.hosts[target]
        return [probing.Place(target, lab.namespace_of_host(host), host.address)]
    if target not in lab.floating:
        there = ", ".join([*lab.hosts, *lab.floating])
        raise LabError(f"no host or floating address is called {target}; there are {there}")
    floating = lab.floating[target]
    places = [
        probing.Place(name, lab.namespace(name), IPv4Address(floating.address))
        for name in floating.appliances
        if namespaces.exists(lab.namespace(name))
    ]
    if not places:
        raise LabError(f"nobody is there to answer at {target}; heal one of its appliances")
    return places


def try_out(lab: Lab, flow: Flow, count: int = 3, interval_s: float = 0.02) -> Summary:
    """A few packets."""
    with path(lab, flow) as opened:
        for number in range(1, count + 1):
            opened.send(number)
            opened.collect(interval_s)
        finish(opened)
        return Summary.of(opened.journeys.values())


def finish(opened: probing.Path, seconds: float = WAIT_S) -> None:
    """Wait for the answers that are still missing, no longer than that."""
    steps = 20
    for _ in range(steps):
        if all(each.returned_at is not None for each in opened.journeys.values()):
            return
        opened.collect(seconds / steps)
