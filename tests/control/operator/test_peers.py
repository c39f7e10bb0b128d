"""`show peers` and the settings of a peer: shown whole, set whole or not at all, secrets masked."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from structlog.testing import capture_logs

from routeserver.control.operator.book import PeersFile, PeersFileError
from routeserver.domain.peer_settings import MASK
from routeserver.domain.refusal import Refusal
from routeserver.domain.resources import PeerState
from routeserver.store import Scope
from tests.control.cloud import ACCOUNT, REGION, Cloud
from tests.control.operator.conftest import Office
from tests.store.samples import peer

PEER_ID = "rsp-0123456789abcdef0"


async def in_force(office: Office, key: str) -> tuple[Any, str]:
    shown = (await office.ask("peer-settings", peer="rsp-1"))["settings"][key]
    return shown["value"], shown["from"]


async def stored(office: Office) -> object:
    async with office.store.read() as tx:
        return await tx.settings_of_peer("rsp-1")


async def test_a_peer_is_shown_with_its_session_and_its_routes(office: Office) -> None:
    await office.add_route_server(["rsp-1", "rsp-2"])
    office.announce("rsp-1", "10.1.0.0/16", "10.2.0.0/16")
    office.announce("rsp-2", "10.1.0.0/16", rejected="no")
    office.world.session_changed("rsp-1", True, "established")
    office.world.session_changed("rsp-2", True, "established")
    office.world.session_changed("rsp-2", False, "hold timer expired")
    office.speaker.up.discard("rsp-2")
    first, second = (await office.ask("show-peers"))["peers"]
    assert (first["bgp"], first["routes"], first["last_error"]) == ("up", 2, None)
    assert first["agreed"] == ["ipv4", "as4"]
    assert second["agreed"] == []
    assert (second["bgp"], second["routes"], second["rejected"]) == ("down", 1, 1)
    assert (second["last_error"], second["times_down"]) == ("hold timer expired", 1)
    whole = (await office.ask("show-peer", peer="rsp-1"))["peer"]
    assert whole["negotiated"]["hold_time_s"] == 30
    assert whole["settings"]["graceful_restart"] == {"value": True, "from": "profile open"}
    assert whole["settings_in_force"]
    assert (await office.ask("show-peer", peer="rsp-2"))["peer"]["negotiated"] is None
    json.dumps(whole)


async def test_it_is_shown_that_a_policy_is_not_through_yet(office: Office) -> None:
    await office.add_route_server(["rsp-1"])
    shown = (await office.ask("show-peer", peer="rsp-1"))["peer"]
    assert (shown["import_pending"], shown["refresh_asked_at"]) == (False, None)
    office.speaker.reimporting.add("rsp-1")
    await office.ask("peer-refresh", peer="rsp-1")
    shown = (await office.ask("show-peer", peer="rsp-1"))["peer"]
    assert (shown["import_pending"], shown["refresh_asked_at"]) == (True, 1_699_999_999.0)


async def test_a_session_is_reset_with_words_for_the_other_side(office: Office) -> None:
    await office.add_route_server(["rsp-1"])
    await office.ask("peer-reset", peer="rsp-1", message="rack 7 moves", hard=True)
    assert office.speaker.resets == [("rsp-1", "rack 7 moves", True)]
    with pytest.raises(Refusal, match="255 octets"):
        await office.ask("peer-reset", peer="rsp-1", message="ü" * 128)
    office.speaker.up.clear()
    for question in ("peer-reset", "peer-refresh"):
        with pytest.raises(Refusal, match="rsp-1: it has no session"):
            await office.ask(question, peer="rsp-1")


async def test_a_setting_is_set_shown_and_taken_back(office: Office) -> None:
    await office.add_route_server(["rsp-1"])
    await office.ask("peer-set", peer="rsp-1", settings={"hold_time_s": "9", "idle_hold_s": 5})
    assert await in_force(office, "hold_time_s") == (9, "peer set")
    whole = (await office.ask("show-peer", peer="rsp-1"))["peer"]
    assert not whole["settings_in_force"]  # the reconciler, which is not here, would see to it
    await office.ask("peer-unset", peer="rsp-1", keys=["hold_time_s"])
    assert await in_force(office, "hold_time_s") == (None, "profile open")
    assert await in_force(office, "idle_hold_s") == (5, "peer set")
    await office.ask("peer-unset", peer="rsp-1")
    assert await stored(office) == {}


async def test_a_secret_is_kept_and_never_shown(office: Office) -> None:
    await office.add_route_server(["rsp-1"])
    bfd = {"key_id": 1, "secret": "s3cret", "meticulous": True}
    secrets = {"md5_password": "hunter2", "bfd_authentication": bfd}
    with capture_logs() as logs:
        answer = await office.ask("peer-set", peer="rsp-1", settings=secrets)
    [changed] = logs
    assert changed["set"] == ["bfd_authentication", "md5_password"]
    assert "hunter2" not in str(changed)
    for shown in (answer, await office.ask("show-peer", peer="rsp-1")):
        assert "hunter2" not in json.dumps(shown)
        assert "s3cret" not in json.dumps(shown)
    # What was shown may be sent again: the mask means the secret that is there.
    again = {key: answer["settings"][key]["value"] for key in secrets}
    assert again["md5_password"] == MASK
    again["bfd_authentication"]["key_id"] = 2
    await office.ask("peer-set", peer="rsp-1", settings=again)
    assert await stored(office) == {
        "md5_password": "hunter2",
        "bfd_authentication": {**bfd, "key_id": 2},
    }


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"hold_time_s": 9, "colour": "red"}, "colour: it must be one of"),
        ({"hold_tim_s": 9}, "did you mean hold_time_s"),
        ({"stale_time_s": 0}, "stale_time_s: it must be a whole number"),
        ({"keepalive_s": 5, "hold_time_s": 9}, "at most a third of hold_time_s"),
        ({"md5_password": MASK}, "none yet"),
        ({}, "at least one setting"),
        ("x", "at least one setting"),
    ],
)
async def test_what_is_refused_changes_nothing(office: Office, settings: object, said: str) -> None:
    await office.add_route_server(["rsp-1"])
    with pytest.raises(Refusal, match=said):
        await office.ask("peer-set", peer="rsp-1", settings=settings)
    assert await stored(office) == {}


async def test_profile_aws_refuses_and_says_which_profile_has_it(office: Office) -> None:
    await office.add_route_server(["rsp-1"])
    office.desk.book.profile = "aws"
    with pytest.raises(Refusal, match="profile open allows it"):
        await office.ask("peer-set", peer="rsp-1", settings={"md5_password": "x"})
    await office.ask("peer-set", peer="rsp-1", settings={"hold_time_s": 9})


async def test_a_peer_that_is_not_there_takes_no_settings(office: Office) -> None:
    for question in ("peer-set", "peer-unset", "peer-settings", "show-peer"):
        with pytest.raises(Refusal, match="no peer rsp-9"):
            await office.ask(question, peer="rsp-9", settings={"hold_time_s": 9})
    await office.add_route_server(["rsp-1"])
    with pytest.raises(Refusal, match="hold_time_s is not set"):
        await office.ask("peer-unset", peer="rsp-1", keys=["hold_time_s"])


async def test_reload_wakes_the_reconciler_and_names_sections_without_a_peer(
    office: Office,
) -> None:
    await office.add_route_server(["rsp-1"])
    files = [PeersFile("p.toml", {}, {"127.10.1.10": {"hold_time_s": 9}, "10.9.9.9": {}})]

    def read() -> PeersFile:
        if not files:
            raise PeersFileError("p.toml:3: no; correct it there")
        return files.pop()

    office.desk.book._read_file = read
    answer = await office.ask("peer-reload")
    assert (answer["file"], answer["sections"], answer["unmatched"]) == ("p.toml", 2, ["10.9.9.9"])
    assert office.woken
    assert await in_force(office, "hold_time_s") == (9, "file, [127.10.1.10]")
    with pytest.raises(Refusal, match="Nothing has changed"):
        await office.ask("peer-reload")
    assert (await in_force(office, "hold_time_s"))[0] == 9


async def test_deleting_a_peer_removes_what_was_set_for_it(cloud: Cloud) -> None:
    made = replace(peer(scope=Scope(ACCOUNT, REGION)), id=PEER_ID, state=PeerState.AVAILABLE)
    async with cloud.store.write() as tx:
        await tx.insert(made)
        await tx.put_peer_settings(made.id, {"md5_password": "hunter2"})
    await cloud("DeleteRouteServerPeer", RouteServerPeerId=made.id)
    async with cloud.store.read() as tx:
        assert await tx.peer_settings() == []
