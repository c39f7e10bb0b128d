"""A router at the other end: a real session in the dialling role, its own table of routes, and a
ledger of what it has sent, so that a model can tell what had arrived when the line went dead.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from typing import TypeAlias

from routeserver.bgp.errors import Notification
from routeserver.bgp.events import Established, Event, RefreshRequested, SessionClosed
from routeserver.bgp.session import Session, SessionConfig
from routeserver.net.path import PathAttributes
from routeserver.net.prefix import Family, Prefix, family_of
from routeserver.speaker.announcement import mapped
from routeserver.speaker.connection import Connection
from tests.simulation.network import Link, Network


@dataclass(frozen=True, slots=True)
class Announce:
    attributes: PathAttributes
    prefixes: tuple[Prefix, ...]


@dataclass(frozen=True, slots=True)
class Withdraw:
    prefixes: tuple[Prefix, ...]


@dataclass(frozen=True, slots=True)
class Mark:
    """``eor``, ``borr`` or ``eorr`` of a family."""

    kind: str
    family: Family


Said: TypeAlias = Announce | Withdraw | Mark


@dataclass(slots=True)
class Ledger:
    """What one connection carries: each statement with the octet of the stream it ends at."""

    config: SessionConfig
    sent: int = 0
    arrived: int = 0
    statements: list[tuple[int, Said]] = field(default_factory=list)

    def take_arrived(self) -> list[Said]:
        done = [said for end, said in self.statements if end <= self.arrived]
        del self.statements[: len(done)]
        return done


class Appliance:
    """`table` is what it wants to announce, whether it has a session or not."""

    def __init__(self, network: Network, peer_id: str, address: str, asn: int) -> None:
        self.peer_id = peer_id
        self.address = address
        self.asn = asn
        self.table: dict[Prefix, PathAttributes] = {}
        self.link: Link | None = None
        self.ledger: Ledger | None = None
        self.is_established = False
        self.sends_end_of_rib = True
        self._network = network
        self._agreed: Established | None = None
        self._connection: Connection | None = None

    # --- what a scenario has it do --------------------------------------------------------------

    def dial(self, endpoint: str, config: SessionConfig) -> Ledger | None:
        """A new connection; one that it still had is forgotten without a word."""
        self.forget()
        ledger = Ledger(config)
        owner = _Owner(self, ledger)
        connection = Connection(owner, clock=self._network.loop.time)
        self._connection, self.ledger = connection, ledger

        def tap(octets: int) -> None:
            ledger.arrived += octets

        self.link = self._network.connect(connection, self.address, endpoint, tap)
        return None if self.link is None else ledger

    def forget(self) -> None:
        """Its side of the connection is gone, and the packets it would send do not arrive."""
        link, self.link = self.link, None
        self.is_established = False
        if link is not None and not link.near.is_closing():
            link.fall_silent()
            link.near.abort()

    def cut(self) -> None:
        self.is_established = False
        if self.link is not None:
            self.link.near.abort()

    def stop(self, notification: Notification) -> None:
        if self._connection is not None:
            self._connection.stop(notification, "as the scenario wants")

    def say(self, *statements: Said) -> None:
        for said in statements:
            match said:
                case Announce(attributes, prefixes):
                    self.table.update(dict.fromkeys(prefixes, attributes))
                case Withdraw(prefixes):
                    for prefix in prefixes:
                        self.table.pop(prefix, None)
                case Mark():
                    pass
            if self.is_established:
                self._send(said)

    def say_raw(self, octets: bytes, said: Said | None) -> None:
        """Octets as they are; `said` is what they amount to."""
        if self.is_established and self.link is not None and self.ledger is not None:
            self.link.near.write(octets)
            self.ledger.sent += len(octets)
            if said is not None:
                self.ledger.statements.append((self.ledger.sent, said))

    def send_table(self, family: Family) -> None:
        runs: dict[PathAttributes, list[Prefix]] = {}
        for prefix, attributes in self.table.items():
            if family_of(prefix) is family:
                runs.setdefault(attributes, []).append(prefix)
        for attributes, prefixes in runs.items():
            self._send(Announce(attributes, tuple(prefixes)))

    # --- what the session does ------------------------------------------------------------------

    def happened(self, connection: Connection, event: Event) -> None:
        if connection is not self._connection:
            return
        match event:
            case Established():
                self._agreed = event
                self.is_established = True
                for family in event.families:
                    self.send_table(family)
                    if self.sends_end_of_rib:
                        self._send(Mark("eor", family))
            case RefreshRequested(family):
                self.refresh(family)
            case SessionClosed():
                self.is_established = False

    def refresh(self, family: Family) -> None:
        if self.is_established:
            self._send(Mark("borr", family))
            self.send_table(family)
            self._send(Mark("eorr", family))

    def _send(self, said: Said) -> None:
        connection, ledger = self._connection, self.ledger
        assert connection is not None
        assert ledger is not None
        session = connection.session
        match said:
            case Announce(attributes, prefixes):
                session.announce(attributes, prefixes)
            case Withdraw(prefixes):
                for family in Family:
                    mine = [prefix for prefix in prefixes if family_of(prefix) is family]
                    if mine:
                        session.withdraw(mine)
            case Mark("eor", family):
                session.send_end_of_rib(family)
            case Mark("borr", family):
                session.begin_refresh(family)
            case Mark(_, family):
                session.end_refresh(family)
        before = ledger.sent
        connection.send()
        if ledger.sent > before:  # a mark that was not agreed on is no octets
            ledger.statements.append((ledger.sent, said))


class _Owner:
    """`connection.Owner` of one connection."""

    def __init__(self, appliance: Appliance, ledger: Ledger) -> None:
        self._appliance = appliance
        self._ledger = ledger

    def admit(self, connection: Connection) -> Session:
        connection.tap = self  # only `said` is of interest
        return Session(self._ledger.config)

    def take(self, connection: Connection, event: Event) -> None:
        self._appliance.happened(connection, event)

    def blocked(self, connection: Connection) -> None: ...

    def writable(self, connection: Connection) -> None: ...

    def gone(self, connection: Connection) -> None: ...

    # --- connection.Tap -------------------------------------------------------------------------

    def told(
        self,
        fact: str,
        now: float,
        data: bytes = b"",
        notification: Notification | None = None,
        reason: str = "",
    ) -> None: ...

    def decided(self, event: Event) -> None: ...

    def said(self, data: bytes) -> None:
        self._ledger.sent += len(data)


def families_of(prefixes: Sequence[Prefix]) -> set[Family]:
    return {family_of(prefix) for prefix in prefixes}


def next_hop_of(address: str, family: Family) -> object:
    four = IPv4Address(address)
    return four if family is Family.IPV4 else mapped(four)
