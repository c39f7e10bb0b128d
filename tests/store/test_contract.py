"""What every store does with resources, whichever engine is behind it."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from tests.store.samples import ELSEWHERE, HERE, SOMEONE_ELSE, filled, peer, route_server, vpc

from routeserver.domain.resources import (
    InternetGateway,
    NetworkInterface,
    PeerState,
    PersistState,
    Resource,
    RouteServer,
    RouteServerPeer,
    RouteServerState,
    Vpc,
)
from routeserver.store import DuplicateError, GoneError, Store
from routeserver.store.errors import BusyError
from routeserver.store.schema import TABLES


@pytest.mark.parametrize("type_", TABLES, ids=lambda type_: type_.__name__)
async def test_a_resource_is_read_as_it_was_written(store: Store, type_: type[Resource]) -> None:
    resource = filled(type_)
    async with store.write(HERE) as tx:
        await tx.insert(resource)
    async with store.read(HERE) as tx:
        assert await tx.get(type_, resource.id) == resource
        assert await tx.list(type_) == [resource]


async def test_an_unset_field_is_read_as_unset(store: Store) -> None:
    async with store.write(HERE) as tx:
        await tx.insert(peer())
        await tx.insert(InternetGateway("igw-1", HERE.account_id, HERE.region, 1.0))
    async with store.read(HERE) as tx:
        assert await tx.get(RouteServerPeer, "rsp-1") == peer()
        gateway = await tx.get(InternetGateway, "igw-1")
        assert gateway is not None
        assert gateway.vpc_id is None


async def test_states_come_back_as_members_of_their_enum(store: Store) -> None:
    async with store.write(HERE) as tx:
        await tx.insert(route_server())
    async with store.read(HERE) as tx:
        found = await tx.get(RouteServer, "rs-1")
    assert found is not None
    assert found.state is RouteServerState.PENDING
    assert found.persist_routes_state is PersistState.DISABLED


async def test_what_is_not_there_is_none(store: Store) -> None:
    async with store.read(HERE) as tx:
        assert await tx.get(Vpc, "vpc-1") is None
        assert await tx.list(Vpc) == []


async def test_many_resources_of_many_types_go_in_at_once(store: Store) -> None:
    vpcs = [vpc(f"vpc-{n}", at=n) for n in range(50)]
    peers = [peer(f"rsp-{n}", at=n) for n in range(50)]
    mixed = [each for pair in zip(vpcs, peers, strict=True) for each in pair]
    async with store.write(HERE) as tx:
        await tx.insert(*mixed)
        await tx.insert()
    async with store.read(HERE) as tx:
        assert await tx.list(Vpc) == vpcs
        assert await tx.list(RouteServerPeer) == peers


async def test_an_id_is_taken_once(store: Store) -> None:
    async with store.write(HERE) as tx:
        await tx.insert(vpc())
    with pytest.raises(DuplicateError):
        async with store.write(HERE) as tx:
            await tx.insert(vpc("vpc-2"), vpc())
    async with store.read(HERE) as tx:
        assert await tx.list(Vpc) == [vpc()]


# --- lists ----------------------------------------------------------------------------------------


async def test_a_list_is_oldest_first_then_by_id(store: Store) -> None:
    async with store.write(HERE) as tx:
        await tx.insert(vpc("vpc-b", at=2.0), vpc("vpc-c", at=1.0), vpc("vpc-a", at=2.0))
        assert [each.id for each in await tx.list(Vpc)] == ["vpc-c", "vpc-a", "vpc-b"]


async def test_a_list_is_limited_to_equal_fields(store: Store) -> None:
    gone = replace(peer("rsp-2", at=2.0), state=PeerState.DELETED)
    async with store.write(HERE) as tx:
        await tx.insert(peer(), gone, peer("rsp-3", at=3.0))
        found = await tx.list(RouteServerPeer, route_server_id="rs-1", state=PeerState.DELETED)
        assert found == [gone]
        assert await tx.list(RouteServerPeer, peer_asn=1) == []


async def test_a_list_of_values_means_any_of_them(store: Store) -> None:
    async with store.write(HERE) as tx:
        await tx.insert(*(vpc(f"vpc-{n}", at=n) for n in range(5)))
        for values in (["vpc-1", "vpc-3"], ("vpc-1", "vpc-3"), {"vpc-1", "vpc-3"}):
            assert [each.id for each in await tx.list(Vpc, id=values)] == ["vpc-1", "vpc-3"]
        assert await tx.list(Vpc, id=[]) == []


async def test_none_means_the_field_is_unset(store: Store) -> None:
    loose = InternetGateway("igw-1", HERE.account_id, HERE.region, 1.0)
    attached = InternetGateway("igw-2", HERE.account_id, HERE.region, 1.0, vpc_id="vpc-1")
    async with store.write(HERE) as tx:
        await tx.insert(loose, attached)
        assert await tx.list(InternetGateway, vpc_id=None) == [loose]


async def test_a_list_takes_more_values_than_one_statement_can(store: Store) -> None:
    async with store.write(HERE) as tx:
        await tx.insert(vpc("vpc-39999", at=2.0), vpc("vpc-7", at=1.0), vpc("vpc-x"))
        found = await tx.list(Vpc, id=[f"vpc-{n}" for n in range(40_000)])
        assert [each.id for each in found] == ["vpc-7", "vpc-39999"]


async def test_an_unknown_field_is_the_callers_mistake(store: Store) -> None:
    async with store.read(HERE) as tx:
        with pytest.raises(ValueError, match="no field 'colour'"):
            await tx.list(Vpc, colour="green")


# --- changes --------------------------------------------------------------------------------------


async def test_an_update_changes_what_it_names_and_returns_the_result(store: Store) -> None:
    interface = filled(NetworkInterface)
    async with store.write(HERE) as tx:
        await tx.insert(interface)
        changed = await tx.update(interface, private_ips=("127.10.1.9",), description="")
        assert changed == replace(interface, private_ips=("127.10.1.9",), description="")
        assert await tx.get(NetworkInterface, interface.id) == changed
        assert await tx.update(changed) == changed


async def test_an_update_of_what_is_gone_says_so(store: Store) -> None:
    async with store.write(HERE) as tx:
        with pytest.raises(GoneError, match="vpc-1"):
            await tx.update(vpc(), state="available")


async def test_identity_cannot_be_updated(store: Store) -> None:
    async with store.write(HERE) as tx:
        await tx.insert(vpc())
        with pytest.raises(ValueError, match="keeps its id"):
            await tx.update(vpc(), id="vpc-2")


async def test_advance_moves_a_row_that_is_still_where_it_was_seen(store: Store) -> None:
    seen = peer()
    async with store.write(HERE) as tx:
        await tx.insert(seen)
        moved = await tx.advance(seen, PeerState.FAILING, failure_reason="no such address")
        assert moved == replace(seen, state=PeerState.FAILING, failure_reason="no such address")
        assert await tx.get(RouteServerPeer, seen.id) == moved


async def test_advance_does_nothing_when_someone_else_was_quicker(store: Store) -> None:
    seen = peer()
    async with store.write(HERE) as tx:
        await tx.insert(seen)
        deleting = await tx.update(seen, state=PeerState.DELETING)
        assert await tx.advance(seen, PeerState.AVAILABLE) is None
        assert await tx.get(RouteServerPeer, seen.id) == deleting


async def test_advance_knows_a_route_servers_two_states_apart(store: Store) -> None:
    seen = route_server()
    async with store.write(HERE) as tx:
        await tx.insert(seen)
        assert await tx.advance(seen, PersistState.ENABLED) is not None
        assert await tx.advance(seen, RouteServerState.AVAILABLE) is not None
        found = await tx.get(RouteServer, seen.id)
        assert found is not None
        assert found.state is RouteServerState.AVAILABLE
        assert found.persist_routes_state is PersistState.ENABLED
        assert await tx.advance(seen, PersistState.RESETTING) is None


async def test_advance_moves_a_state_that_is_plain_text(store: Store) -> None:
    seen = vpc(state="pending")
    async with store.write(HERE) as tx:
        await tx.insert(seen)
        assert await tx.advance(seen, "available") == vpc()
        assert await tx.advance(seen, "available") is None


async def test_of_many_those_advance_that_are_still_where_they_were_seen(store: Store) -> None:
    seen = [peer(f"rsp-{number}") for number in range(4)]
    failing = replace(peer("rsp-failing"), state=PeerState.FAILING)
    async with store.write(HERE) as tx:
        await tx.insert(*seen, failing)
        deleting = await tx.update(seen[2], state=PeerState.DELETING)
    async with store.write(HERE) as tx:
        await tx.advance_all([*seen, failing], PeerState.AVAILABLE, failure_reason="none")
        await tx.advance_all([], PeerState.FAILED)
    async with store.read(HERE) as tx:
        found = {each.id: each for each in await tx.list(RouteServerPeer)}
    assert found.pop(deleting.id) == deleting
    assert {each.state for each in found.values()} == {PeerState.AVAILABLE}
    assert {each.failure_reason for each in found.values()} == {"none"}
    assert len(found) == 4


async def test_none_advances_outside_the_scope(store: Store) -> None:
    async with store.write(HERE) as tx:
        await tx.insert(peer())
    async with store.write(ELSEWHERE) as tx:
        await tx.advance_all([peer()], PeerState.FAILING)
    async with store.read(HERE) as tx:
        assert await tx.list(RouteServerPeer) == [peer()]


async def test_a_state_of_another_resource_is_the_callers_mistake(store: Store) -> None:
    async with store.write(HERE) as tx:
        with pytest.raises(TypeError, match="no state of type RouteServerState"):
            await tx.advance(peer(), RouteServerState.AVAILABLE)


async def test_of_many_that_advance_the_same_row_one_succeeds(store: Store) -> None:
    seen = peer()
    async with store.write(HERE) as tx:
        await tx.insert(seen)

    async def attempt(state: PeerState) -> RouteServerPeer | None:
        try:
            async with store.write(HERE) as tx:
                return await tx.advance(seen, state)
        except BusyError:
            return None

    states = [PeerState.AVAILABLE, PeerState.FAILING, PeerState.DELETING] * 5
    winners = [each for each in await asyncio.gather(*map(attempt, states)) if each is not None]
    async with store.read(HERE) as tx:
        assert winners == [await tx.get(RouteServerPeer, seen.id)]


async def test_a_deleted_row_is_gone_and_deleting_it_again_is_no_error(store: Store) -> None:
    async with store.write(HERE) as tx:
        await tx.insert(vpc(), vpc("vpc-2"))
        await tx.delete(vpc())
        await tx.delete(vpc())
        assert await tx.list(Vpc) == [vpc("vpc-2")]


# --- scope ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("other", [ELSEWHERE, SOMEONE_ELSE], ids=["region", "account"])
async def test_nothing_of_another_scope_is_seen_or_touched(store: Store, other: object) -> None:
    assert other in (ELSEWHERE, SOMEONE_ELSE)
    theirs = ELSEWHERE if other is ELSEWHERE else SOMEONE_ELSE
    foreign = peer(scope=theirs)
    async with store.write(theirs) as tx:
        await tx.insert(foreign)
        await tx.put_tags([(foreign.id, foreign.kind)], {"owner": "them"})
    async with store.write(HERE) as tx:
        assert await tx.get(RouteServerPeer, foreign.id) is None
        assert await tx.list(RouteServerPeer) == []
        assert await tx.list(RouteServerPeer, id=[foreign.id]) == []
        assert await tx.find_kind(foreign.id) is None
        assert await tx.advance(foreign, PeerState.DELETING) is None
        with pytest.raises(GoneError):
            await tx.update(foreign, state=PeerState.DELETING)
        await tx.delete(foreign)
        await tx.put_tags([(foreign.id, foreign.kind)], {"owner": "us"})
        await tx.delete_tags([foreign.id], {"owner": None})
        assert await tx.list_tags() == []
    async with store.read() as tx:
        assert await tx.list(RouteServerPeer) == [foreign]
        assert await tx.tags_of([foreign.id]) == {foreign.id: {"owner": "them"}}


async def test_without_a_scope_everything_is_seen(store: Store) -> None:
    async with store.write() as tx:
        await tx.insert(peer("rsp-1"), peer("rsp-2", ELSEWHERE), peer("rsp-3", SOMEONE_ELSE))
    async with store.read() as tx:
        assert len(await tx.list(RouteServerPeer)) == 3
        assert await tx.find_kind("rsp-3") == "route-server-peer"


async def test_an_insert_must_belong_to_the_scope(store: Store) -> None:
    async with store.write(HERE) as tx:
        with pytest.raises(ValueError, match="another account or region"):
            await tx.insert(vpc(scope=ELSEWHERE))
