"""Seeing to it that the BFD daemon has the sockets of all sessions in networks of VPCs."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Protocol

from routeserver.bfdd.handing import Handed, Handing
from routeserver.bfdd.spec import BfdSpec


class Source(Protocol):
    """Who can open sockets in other networks. Both raise OSError with one line for the user."""

    async def bfd_receiver(self, network: str, address: str, port: int) -> socket.socket: ...

    async def bfd_sender(self, network: str, address: str) -> socket.socket: ...


class Supplying:
    """For one life of the daemon: what it has already, and what it lacks."""

    def __init__(self, source: Source, folder: Path, port: int, pid: int) -> None:
        self._source = source
        self._folder = folder
        self._port = port
        self._pid = pid
        self._handing: Handing | None = None
        self._given: set[Handed] = set()

    def has(self, ends: Iterable[tuple[str, str, str]]) -> None:
        """The daemon runs sessions already: what each needs, by session id, network and address."""
        for session_id, network, local in ends:
            if network:
                self._given |= {Handed(network, local), Handed(network, local, session_id)}

    async def supply(self, desired: Mapping[str, BfdSpec]) -> dict[str, str]:
        """What is missing is handed over; answers for each session that lacks a socket why."""
        wanted = {key: spec for key, spec in desired.items() if spec.network}
        self._given &= {needed for spec in wanted.values() for needed in _needs(spec)}
        faults: dict[str, str] = {}
        for session_id, spec in wanted.items():
            try:
                for needed in _needs(spec):
                    if needed not in self._given:
                        await self._give(needed)
            except OSError as error:
                faults[session_id] = " ".join(str(error).split())
        return faults

    def close(self) -> None:
        if self._handing is not None:
            self._handing.close()
            self._handing = None

    async def _give(self, needed: Handed) -> None:
        if needed.session_id:
            made = await self._source.bfd_sender(needed.network, needed.local)
        else:
            made = await self._source.bfd_receiver(needed.network, needed.local, self._port)
        try:
            if self._handing is None:
                self._handing = Handing.dial(self._folder, self._pid)
            await self._handing.give(needed, made)
        except OSError:
            made.close()
            self.close()  # nobody knows what is still under way in it
            raise
        self._given.add(needed)


def _needs(spec: BfdSpec) -> tuple[Handed, Handed]:
    return (
        Handed(spec.network, spec.local),
        Handed(spec.network, spec.local, spec.session_id),
    )
