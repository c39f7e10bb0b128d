"""BFD sessions on real UDP sockets inside one event loop (RFC 5881, single hop).

The engine gives each session its bytes and the time, and reports which sessions are up and whose
remote systems have gone administratively down. It serves the BFD daemon and, in-process, the
appliance. It neither logs nor restarts anything; what it discards is counted by reason. A session
costs about 100 us of one processor for each second at an interval of 300 ms, half of it the
kernel's for sending.

A datagram belongs to the session that its Your Discriminator names or, while that is still zero, to
the one between its two addresses (RFC 5881 §3). In both cases it must come from that session's
remote address, with TTL 255.
"""

from __future__ import annotations

import asyncio
import random
import secrets
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from ipaddress import ip_address
from typing import Final

from routeserver.bfd.discard import Discard
from routeserver.bfd.events import (
    BfdEvent,
    Handover,
    Negotiated,
    PacketDiscarded,
    RemoteAdminDown,
    StateChanged,
)
from routeserver.bfd.packet import State, peek_your_discriminator
from routeserver.bfd.session import BfdSession
from routeserver.bfdd.deadlines import Deadlines
from routeserver.bfdd.discards import Discards
from routeserver.bfdd.running import Listener, Running
from routeserver.bfdd.sockets import ANCILLARY_SIZE, received_ttl
from routeserver.bfdd.source import OwnSockets, Sockets
from routeserver.bfdd.spec import BFD_PORT, BfdChange, BfdSpec, Standing
from routeserver.netd.sockets import Address, SocketError

_DATAGRAM_SIZE: Final = 256  # a control packet's length field cannot say more
_DATAGRAMS_PER_TURN: Final = 512
_DATAGRAMS_BEFORE_A_VERDICT: Final = 4096  # more than a receiving buffer holds
_TTL: Final = 255
_SHORTEST_LEAVE_S: Final = 2.5  # two slow packets, should one get lost

OnChange = Callable[[BfdChange], None]
OnHandover = Callable[[str, Handover], None]


class BfdEngine:
    """To be made inside the running event loop; `on_change` is called there and must not block.
    `independent`: the sessions outlive their control plane, and say so. `sockets` is where they
    come from; by default the engine opens its own."""

    def __init__(
        self,
        on_change: OnChange,
        *,
        port: int = BFD_PORT,
        on_handover: OnHandover | None = None,
        independent: bool = False,
        sockets: Sockets | None = None,
    ) -> None:
        self.discards = Discards()
        self.independent = independent
        self._on_change = on_change
        self._on_handover = on_handover
        self._port = port
        self._loop = asyncio.get_running_loop()
        self._deadlines: Deadlines[Running] = Deadlines(self._loop, self._due)
        self._by_id: dict[str, Running] = {}
        self._by_discriminator: dict[int, Running] = {}
        self._by_pair: dict[tuple[str, str, str], Running] = {}
        self._leaving: dict[tuple[str, str, str], Running] = {}
        self._listeners: dict[tuple[str, str], Listener] = {}
        self._sockets = sockets or OwnSockets()

    def converge(
        self,
        desired: Mapping[str, BfdSpec],
        handovers: Mapping[str, Handover] | None = None,
    ) -> dict[str, str]:
        """Run exactly the desired sessions; answers for each that cannot run why not.

        A session that runs already takes new timers without going down; under another
        authentication it starts anew. One that has to be started continues from its handover, if
        there is one. A session that is no longer wanted tells its remote system AdminDown.
        """
        for session_id, running in list(self._by_id.items()):
            spec = desired.get(session_id)
            if spec is None or running.spec.ends != spec.ends:
                self._leave(running)
            elif running.spec.config.auth != spec.config.auth:
                self._leave(running)
                self._report_restart(running)
        errors: dict[str, str] = {}
        self._sockets.begin()
        for session_id, spec in desired.items():
            running_now = self._by_id.get(session_id)
            if running_now is not None:
                self._configure(running_now, spec)
                continue
            try:
                self._begin(session_id, spec, (handovers or {}).get(session_id))
            except SocketError as error:
                errors[session_id] = str(error)
        self._sockets.keep_only(desired)
        return errors

    def is_up(self, session_id: str) -> bool:
        running = self._by_id.get(session_id)
        return running is not None and running.is_up

    def standing(self) -> list[Standing]:
        """Every session, as its next owner needs to know it."""
        return [
            Standing(
                session_id,
                running.spec.local,
                running.spec.remote,
                up=running.is_up,
                handover=running.handover,
                network=running.spec.network,
                admin_down=running.admin_down,
            )
            for session_id, running in self._by_id.items()
        ]

    def close(self) -> None:
        """Every remote system is told AdminDown once; nothing is reported."""
        for running in list(self._by_id.values()):
            self._leave(running)
        for running in list(self._leaving.values()):
            self._end(running)
        self._deadlines.close()

    # --- sessions come and go -------------------------------------------------------------------

    def _begin(self, session_id: str, spec: BfdSpec, handover: Handover | None) -> None:
        local, remote = _addresses(spec)
        pair = spec.network, str(local), str(remote)
        if pair in self._by_pair:
            other = self._by_pair[pair].spec.session_id
            raise SocketError(f"BFD from {local} to {remote} is already session {other}")
        sender = self._sockets.sender(session_id, spec.network, local)
        try:
            listener = self._listen(spec.network, local)
        except SocketError:
            sender.close()
            raise
        if pair in self._leaving:
            self._end(self._leaving[pair])
        if handover is not None and handover.local_discriminator in self._by_discriminator:
            handover = None
        discriminator = handover.local_discriminator if handover else self._new_discriminator()
        # Jitter need not be unpredictable.
        session = BfdSession(
            spec.config, discriminator, random.random, independent=self.independent
        )
        running = Running(spec, session, listener, sender, (str(remote), self._port))
        listener.sessions += 1
        self._by_id[session_id] = running
        self._by_discriminator[discriminator] = running
        self._by_pair[pair] = running
        if handover is not None:
            session.resume(handover, self._loop.time())
            running.is_up = True
            running.handover = handover
        else:
            session.start(self._loop.time())
        self._flush(running)

    def _configure(self, running: Running, spec: BfdSpec) -> None:
        if spec.config != running.spec.config:
            running.spec = spec
            running.session.configure(spec.config, self._loop.time())
            self._flush(running)

    def _leave(self, running: Running) -> None:
        now = self._loop.time()
        del self._by_id[running.spec.session_id]
        del self._by_discriminator[running.session.local_discriminator]
        del self._by_pair[running.pair]
        self._stop_listening(running.listener)
        running.ends_at = now + max(_SHORTEST_LEAVE_S, running.session.detection_time_s)
        self._leaving[running.pair] = running
        running.session.admin_down(now)
        self._flush(running)

    def _end(self, running: Running) -> None:
        del self._leaving[running.pair]
        self._deadlines.discard(running)
        running.sender.close()

    def _new_discriminator(self) -> int:
        while True:
            discriminator = secrets.randbits(32)
            if discriminator and discriminator not in self._by_discriminator:
                return discriminator

    # --- sockets --------------------------------------------------------------------------------

    def _listen(self, network: str, local: Address) -> Listener:
        listener = self._listeners.get((network, str(local)))
        if listener is None:
            opened = self._sockets.receiver(network, local, self._port)
            listener = Listener(network, str(local), opened)
            self._listeners[network, listener.local] = listener
            self._loop.add_reader(listener.socket, self._drain, listener)
        return listener

    def _stop_listening(self, listener: Listener) -> None:
        listener.sessions -= 1
        if listener.sessions == 0:
            del self._listeners[listener.network, listener.local]
            self._loop.remove_reader(listener.socket)
            listener.socket.close()

    def _drain(self, listener: Listener, most: int = _DATAGRAMS_PER_TURN) -> None:
        for _ in range(most):
            if listener.sessions == 0:
                return
            try:
                data, ancillary, _, source = listener.socket.recvmsg(_DATAGRAM_SIZE, ANCILLARY_SIZE)
            except BlockingIOError:
                return
            except OSError:
                continue  # an error of an earlier packet, reported late; reading it clears it
            running = self._session_of(data, listener, source[0])
            if received_ttl(ancillary) != _TTL:
                self._discard(Discard.TTL, running, source[0], data)
            elif running is None:
                self._discard(Discard.NO_SESSION, None, source[0], data)
            elif not running.session.repeats(data, now := self._loop.time()):
                events = running.session.receive(data, now)
                self._flush(running)
                self._report(running, events, data)

    def _session_of(self, data: bytes, listener: Listener, source: str) -> Running | None:
        discriminator = peek_your_discriminator(data)
        if discriminator == 0:
            return self._by_pair.get((listener.network, listener.local, source))
        running = self._by_discriminator.get(discriminator)
        ends = (listener.network, listener.local, source)
        return running if running and running.pair == ends else None

    def _discard(self, reason: Discard, running: Running | None, source: str, data: bytes) -> None:
        session_id = "" if running is None else running.spec.session_id
        self.discards.add(reason, session_id, source, data)

    # --- what sessions ask for ------------------------------------------------------------------

    def _due(self, running: Running, now: float) -> None:
        if running.ends_at is not None:
            if now >= running.ends_at:
                self._end(running)
                return
        elif running.session.is_detection_due(now):
            # This process may have been kept from running; what waits in the socket was in time,
            # all of it: other sessions' packets may stand before this one's.
            self._drain(running.listener, _DATAGRAMS_BEFORE_A_VERDICT)
            if running.ends_at is not None:
                return
            if running.session.is_detection_due(now):
                running.session.excuse(now)
        events = running.session.handle_timer(now)
        self._send(running)  # its next deadline is asked for when this one is done
        if events:
            self._report(running, events)

    def _flush(self, running: Running) -> None:
        self._send(running)
        self._deadlines.update(running)

    def _send(self, running: Running) -> None:
        for packet in running.session.packets_to_send():
            # A packet that cannot be sent is a packet lost; the protocol is made for that.
            with suppress(OSError):
                running.sender.sendto(packet, running.destination)

    def _report(self, running: Running, events: list[BfdEvent], data: bytes = b"") -> None:
        for event in events:
            match event:
                case StateChanged():
                    self._report_change(running, event)
                case RemoteAdminDown():
                    self._report_admin_down(running, event.reason)
                case Negotiated(handover):
                    running.handover = handover
                    if self._on_handover is not None:
                        self._on_handover(running.spec.session_id, handover)
                case PacketDiscarded(reason):
                    self._discard(reason, running, running.destination[0], data)

    def _report_change(self, running: Running, event: StateChanged) -> None:
        if State.UP not in {event.old, event.new} or running.ends_at is not None:
            return
        running.is_up = event.new is State.UP
        running.admin_down = running.session.is_remote_admin_down
        if not running.is_up:
            running.handover = None
        self._on_change(
            BfdChange(
                session_id=running.spec.session_id,
                up=running.is_up,
                reason=event.reason,
                at=time.time(),
                failure=event.is_failure,
                independent=event.remote_independent,
                admin_down=running.admin_down,
            )
        )

    def _report_admin_down(self, running: Running, reason: str) -> None:
        """Of a session that is not Up; the end of one that was has told it with its change."""
        admin_down = running.session.is_remote_admin_down
        if admin_down == running.admin_down or running.ends_at is not None:
            return
        running.admin_down = admin_down
        self._on_change(
            BfdChange(
                session_id=running.spec.session_id,
                up=False,
                reason=reason,
                at=time.time(),
                admin_down=admin_down,
                already_down=True,
            )
        )

    def _report_restart(self, running: Running) -> None:
        if running.is_up or running.admin_down:
            self._on_change(
                BfdChange(
                    session_id=running.spec.session_id,
                    up=False,
                    reason="its authentication was changed",
                    at=time.time(),
                    already_down=not running.is_up,
                )
            )


def _addresses(spec: BfdSpec) -> tuple[Address, Address]:
    try:
        local, remote = ip_address(spec.local), ip_address(spec.remote)
    except ValueError as error:
        raise SocketError(f"BFD cannot run: {error}") from error
    if local.version != remote.version or local == remote:
        raise SocketError(f"BFD cannot run from {local} to {remote}: these are no two neighbours")
    if "%" in spec.local or "%" in spec.remote:
        raise SocketError(f"BFD cannot run from {local} to {remote}: an address may name no zone")
    return local, remote
