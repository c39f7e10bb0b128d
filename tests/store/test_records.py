"""Tags, client tokens and access keys."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.store.samples import ELSEWHERE, HERE, SOMEONE_ELSE, filled, peer, vpc

from routeserver.domain.resources import NetworkInterface
from routeserver.domain.topology import Plugged
from routeserver.store import AccessKey, DuplicateError, PeerSettingsRow, Store, TagRow, TokenRow
from routeserver.store.schema import TABLES

KEY = AccessKey("AKIA1", "secret", HERE.account_id, HERE.account_id, "arn:aws:iam::1:root")


async def test_every_resource_gets_every_tag_and_a_second_time_the_new_value(store: Store) -> None:
    ids = [("vpc-1", "vpc"), ("rsp-1", "route-server-peer")]
    async with store.write(HERE) as tx:
        await tx.put_tags(ids, {"Name": "one", "env": "lab"})
        await tx.put_tags([("vpc-1", "vpc")], {"Name": "two", "": ""})
        await tx.put_tags([], {"a": "b"})
        await tx.put_tags(ids, {})
    async with store.read(HERE) as tx:
        assert await tx.tags_of(["vpc-1", "rsp-1", "rs-1"]) == {
            "vpc-1": {"": "", "Name": "two", "env": "lab"},
            "rsp-1": {"Name": "one", "env": "lab"},
            "rs-1": {},
        }
        assert await tx.tags_of([]) == {}


async def test_tags_are_listed_with_the_kind_of_their_resource(store: Store) -> None:
    async with store.write(HERE) as tx:
        await tx.put_tags([("vpc-1", "vpc")], {"b": "2", "a": "1"})
        await tx.put_tags([("rsp-1", "route-server-peer")], {"c": "3"})
        assert await tx.list_tags() == [
            TagRow("rsp-1", "route-server-peer", "c", "3"),
            TagRow("vpc-1", "vpc", "a", "1"),
            TagRow("vpc-1", "vpc", "b", "2"),
        ]


async def test_a_tag_is_deleted_by_key_or_only_when_the_value_fits(store: Store) -> None:
    async with store.write(HERE) as tx:
        await tx.put_tags([("vpc-1", "vpc"), ("vpc-2", "vpc")], {"a": "1", "b": "2", "c": ""})
        await tx.delete_tags(["vpc-1"], {"a": None, "b": "other", "c": ""})
        await tx.delete_tags([], {"a": None})
        await tx.delete_tags(["vpc-1"], {})
        assert await tx.tags_of(["vpc-1", "vpc-2"]) == {
            "vpc-1": {"b": "2"},
            "vpc-2": {"a": "1", "b": "2", "c": ""},
        }


async def test_the_tags_go_with_their_resource(store: Store) -> None:
    async with store.write(HERE) as tx:
        await tx.insert(vpc(), vpc("vpc-2"))
        await tx.put_tags([("vpc-1", "vpc"), ("vpc-2", "vpc")], {"a": "1"})
        await tx.delete(vpc())
        assert await tx.tags_of(["vpc-1", "vpc-2"]) == {"vpc-1": {}, "vpc-2": {"a": "1"}}


async def test_tags_of_more_resources_than_one_statement_can_name(store: Store) -> None:
    async with store.write(HERE) as tx:
        await tx.put_tags([("vpc-0", "vpc"), ("vpc-39999", "vpc")], {"a": "1"})
        tags = await tx.tags_of([f"vpc-{n}" for n in range(40_000)])
        assert [each for each, found in tags.items() if found] == ["vpc-0", "vpc-39999"]
        await tx.delete_tags([f"vpc-{n}" for n in range(40_000)], {"a": None})
        assert await tx.list_tags() == []


async def test_tags_need_a_scope(store: Store) -> None:
    async with store.write() as tx:
        with pytest.raises(ValueError, match="scope"):
            await tx.put_tags([("vpc-1", "vpc")], {"a": "1"})


async def test_an_id_tells_its_kind(store: Store) -> None:
    taggable = [filled(type_) for type_ in TABLES if type_.kind]
    links = [filled(type_) for type_ in TABLES if not type_.kind]
    async with store.write(HERE) as tx:
        for number, resource in enumerate(taggable):
            renamed = replace(resource, id=f"x-{number}")
            await tx.insert(renamed)
            assert await tx.find_kind(renamed.id) == resource.kind
        await tx.insert(*links)
        assert await tx.find_kind(links[0].id) is None
        assert await tx.find_kind("x-none") is None


async def test_a_client_token_is_remembered_for_its_scope_and_action(store: Store) -> None:
    async with store.write(HERE) as tx:
        await tx.put_token("CreateRouteServer", "token", "hash", "rs-1", 5.0)
        row = TokenRow("CreateRouteServer", "token", "hash", "rs-1", 5.0)
        assert await tx.token("CreateRouteServer", "token") == row
        assert await tx.token("CreateRouteServerEndpoint", "token") is None
    for other in (ELSEWHERE, SOMEONE_ELSE):
        async with store.read(other) as tx:
            assert await tx.token("CreateRouteServer", "token") is None


async def test_a_client_token_is_used_once(store: Store) -> None:
    with pytest.raises(DuplicateError):
        async with store.write(HERE) as tx:
            await tx.put_token("CreateRouteServer", "token", "hash", "rs-1", 5.0)
            await tx.put_token("CreateRouteServer", "token", "hash", "rs-2", 6.0)


async def test_old_client_tokens_are_forgotten(store: Store) -> None:
    async with store.write(HERE) as tx:
        await tx.put_token("A", "old", "hash", "rs-1", 5.0)
        await tx.put_token("A", "new", "hash", "rs-2", 6.0)
    async with store.write(ELSEWHERE) as tx:
        await tx.forget_tokens(before=6.0)
    async with store.read(HERE) as tx:
        assert await tx.token("A", "old") is not None
    async with store.write() as tx:
        await tx.forget_tokens(before=6.0)
    async with store.read(HERE) as tx:
        assert await tx.token("A", "old") is None
        assert await tx.token("A", "new") is not None


async def test_an_access_key_is_found_across_accounts_and_can_be_replaced(store: Store) -> None:
    async with store.write() as tx:
        assert await tx.access_key("AKIA1") is None
        await tx.put_access_key(KEY)
    async with store.read(SOMEONE_ELSE) as tx:
        assert await tx.access_key("AKIA1") == KEY
    newer = AccessKey("AKIA1", "other", HERE.account_id, "AIDA1", "arn:aws:iam::1:user/u")
    async with store.write() as tx:
        await tx.put_access_key(newer)
        assert await tx.access_key("AKIA1") == newer


def test_a_secret_is_not_shown() -> None:
    assert "secret" not in repr(KEY).replace("secret=", "")


async def test_a_peer_shows_its_kind(store: Store) -> None:
    async with store.write(HERE) as tx:
        await tx.insert(peer())
        assert await tx.find_kind("rsp-1") == "route-server-peer"


async def test_the_settings_of_a_peer_are_kept_replaced_and_removed(store: Store) -> None:
    said = {"md5_password": "hunter2", "import_rules": [{"name": "ünï"}], "max_prefixes": None}
    async with store.write() as tx:
        assert await tx.settings_of_peer("rsp-1") == {}
        await tx.put_peer_settings("rsp-1", {"passive": False})
        await tx.put_peer_settings("rsp-1", said)
        await tx.put_peer_settings("rsp-2", {"hold_time_s": 9})
    async with store.read() as tx:
        assert await tx.settings_of_peer("rsp-1") == said
        [first, second] = await tx.peer_settings()
        assert (first, second.peer_id) == (PeerSettingsRow("rsp-1", said), "rsp-2")
        assert "hunter2" not in repr(first)
    async with store.write() as tx:
        await tx.put_peer_settings("rsp-1", {})
        await tx.put_peer_settings("rsp-3", {})
        assert [row.peer_id for row in await tx.peer_settings()] == ["rsp-2"]


async def test_a_plug_is_kept_replaced_and_goes_with_its_interface(store: Store) -> None:
    first = Plugged("eni-1", "/run/netns/fw-a", "eth0")
    second = Plugged("eni-2", "/run/netns/fw-b", "eth1", wants_default_route=False)
    async with store.write() as tx:
        await tx.insert(interface := replace(filled(NetworkInterface), id="eni-1"))
        await tx.put_plug(Plugged("eni-1", "/run/netns/other", "eth7"))
        await tx.put_plug(second)
        await tx.put_plug(first)
    async with store.read() as tx:
        assert await tx.plugs() == [first, second]
    async with store.write() as tx:
        await tx.delete(interface)
        assert await tx.plugs() == [second]
        await tx.delete_plug("eni-2")
        await tx.delete_plug("eni-2")
    async with store.read() as tx:
        assert await tx.plugs() == []
