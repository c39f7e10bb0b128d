"""The reconciler: one activation brings the world in line with the store, then moves every state
that may move.

Activations never overlap. Each reads everything that is wanted, so missing a hint costs time and
never correctness; the store's compare-and-set decides when a client and the reconciler move the
same row.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from typing import Any

from routeserver.bfd.session import BfdConfig
from routeserver.control.endpoint_network import (
    allocate_endpoint_interface,
    release_endpoint_interface,
)
from routeserver.control.policy import Policy
from routeserver.control.reconcile import intent as wanted
from routeserver.control.reconcile.intent import Intent, SettingsOf
from routeserver.control.reconcile.moves import Move, Outcome, moves
from routeserver.control.world import World
from routeserver.domain.refusal import Refusal
from routeserver.domain.resources import (
    EndpointState,
    NetworkInterface,
    PersistState,
    Resource,
    RouteServerEndpoint,
    Subnet,
)
from routeserver.net.ids import new_id
from routeserver.store import Store, Transaction
from routeserver.store.errors import BusyError


class Reconciler:
    def __init__(
        self,
        store: Store,
        world: World,
        policy: Policy,
        *,
        bfd: BfdConfig,
        settings_of: SettingsOf,
        wall_clock: Callable[[], float],
        random_bytes: Callable[[int], bytes],
    ) -> None:
        self._store = store
        self._world = world
        self._policy = policy
        self._bfd = bfd
        self._settings_of = settings_of
        self._wall_clock = wall_clock
        self._random_bytes = random_bytes
        self._resets: dict[str, int] = {}

    async def activate(self) -> bool:
        """One activation; says whether another is due: a state moved, or somebody else was faster
        to write what this one would have written."""
        try:
            return await self._activate()
        except BusyError:
            return True

    async def _activate(self) -> bool:
        intent = await self._read()
        faults: dict[str, str] = {}
        unaddressed = [endpoint for endpoint in intent.endpoints if _wants_interface(endpoint)]
        if unaddressed:
            faults = await self._give_interfaces(unaddressed)
            intent = await self._read()
        return await self._advance(intent, await self._converge(intent, faults))

    async def _read(self) -> Intent:
        async with self._store.read() as tx:
            return await wanted.read_intent(tx, with_shape=self._world.fabric.needs_topology)

    async def _give_interfaces(self, endpoints: Sequence[RouteServerEndpoint]) -> dict[str, str]:
        """Make the network interface of each endpoint that has none; why it could not, by endpoint
        id."""
        faults: dict[str, str] = {}
        for endpoint in endpoints:
            try:
                async with self._store.write() as tx:
                    await self._give_interface(tx, endpoint)
            except Refusal as refusal:
                faults[endpoint.id] = refusal.message
        return faults

    async def _give_interface(self, tx: Transaction, endpoint: RouteServerEndpoint) -> None:
        subnet = await tx.get(Subnet, endpoint.subnet_id)
        if subnet is None:
            raise Refusal("InvalidSubnetID.NotFound", f"Subnet {endpoint.subnet_id} is gone.")
        interface = await allocate_endpoint_interface(
            tx,
            endpoint,
            subnet,
            new_id=lambda type_prefix: new_id(type_prefix, self._random_bytes),
            random_bytes=self._random_bytes,
            now=self._wall_clock(),
        )
        await tx.update(endpoint, eni_id=interface.id, eni_address=interface.private_ips[0])

    async def _converge(self, intent: Intent, address_faults: Mapping[str, str]) -> Outcome:
        for server in intent.servers:
            if server.persist_routes_state is PersistState.RESETTING:
                self._resets[server.id] = self._resets.get(server.id, 0) + 1
        world = self._world
        settings = wanted.peer_settings(intent, self._settings_of)
        world.keep_only(settings)
        network_of = world.fabric.network_of
        # Each step goes through all peers: routes and requests have a turn between two of them.
        await asyncio.sleep(0)
        faults = await world.build(intent.shape)
        speaker_specs = wanted.speaker_specs(intent, self._resets, settings, network_of)
        await asyncio.sleep(0)
        bound = await world.speaker.converge(speaker_specs)
        await asyncio.sleep(0)
        bfd_specs = wanted.bfd_specs(intent, self._bfd, settings, network_of)
        await asyncio.sleep(0)
        peer_faults = await world.bfd.converge(bfd_specs)
        await asyncio.sleep(0)
        await world.lay_routes()
        await world.tables.converge(
            wanted.table_intents(intent, self._policy), wanted.interface_addresses(intent)
        )
        endpoint_faults: dict[str, str] = {}
        for endpoint in intent.endpoints:
            fault = (
                address_faults.get(endpoint.id)
                or faults.get(endpoint.subnet_id)
                or faults.get(endpoint.vpc_id)
                or bound.get(endpoint.id)
            )
            if fault:
                endpoint_faults[endpoint.id] = fault
        return Outcome(endpoint_faults, peer_faults)

    async def _advance(self, intent: Intent, outcome: Outcome) -> bool:
        now = self._wall_clock()
        due = moves(intent, outcome, now=now, expired_before=now - self._policy.tombstone_s)
        if due:
            async with self._store.write() as tx:
                # Nothing is asked of the database where many move: clients wait to write.
                for (_, to_state, changes), alike in groupby(due, _where_to):
                    resources = [move.resource for move in alike]
                    if to_state is not None:
                        await tx.advance_all(resources, to_state, **changes)
                        continue
                    for resource in resources:
                        if isinstance(resource, NetworkInterface):
                            await release_endpoint_interface(tx, resource)
                        else:
                            await tx.delete(resource)
        return bool(due)


def _where_to(move: Move) -> tuple[type[Resource], str | None, Mapping[str, Any]]:
    return type(move.resource), move.to_state, move.changes


def _wants_interface(endpoint: RouteServerEndpoint) -> bool:
    return endpoint.eni_id is None and endpoint.state in (
        EndpointState.PENDING,
        EndpointState.FAILING,
        EndpointState.FAILED,
    )
