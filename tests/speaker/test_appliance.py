"""`routeserver appliance` as a user runs it: a process of its own, told to stop by a signal."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import sys
from dataclasses import replace
from ipaddress import IPv4Address
from unittest.mock import Mock

import pytest
import typer
from structlog.testing import capture_logs
from typer.testing import CliRunner

from routeserver.bfdd.engine import BfdEngine
from routeserver.bfdd.spec import BfdChange, BfdSpec
from routeserver.bgp.session import SessionConfig
from routeserver.cli.appliance import _follow, app_command, run
from routeserver.speaker.dialler import Dial, Dialler
from routeserver.speaker.speaker import Speaker
from tests.speaker.support import (
    ENDPOINT,
    SERVER_ASN,
    A,
    EphemeralFabric,
    RecordingSink,
    peer,
    route_server,
)

PROGRAM = """
import typer
from routeserver.bfdd.engine import BfdEngine
from routeserver.bfdd.spec import BfdChange, BfdSpec
from routeserver.cli.appliance import app_command
app = typer.Typer()
app.command("appliance")(app_command)
app()
"""

REQUIRED = {
    "--local": A,
    "--peer": ENDPOINT,
    "--asn": "65001",
    "--peer-asn": str(SERVER_ASN),
}


async def test_it_announces_and_ends_in_order_on_sigterm(
    speaker: Speaker, sink: RecordingSink, fabric: EphemeralFabric
) -> None:
    await speaker.converge(route_server(peer("rsp-a", A)))
    options = {**REQUIRED, "--peer": f"{ENDPOINT}:{fabric.ports[ENDPOINT]}", "--med": "7"}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        PROGRAM,
        *[word for option in options.items() for word in option],
        *("--announce", "192.0.2.0/24", "--announce", "2001:db8::/32"),
        *("--announce-count", "100", "--as-path-prepend", "1"),
        stderr=asyncio.subprocess.PIPE,
    )
    await sink.until(lambda: len(sink.fibs.get("rs-1", {})) == 102)
    paths = set(sink.fibs["rs-1"].values())
    assert {path.attributes.med for path in paths} == {7}
    assert {len(path.attributes.as_path[0].asns) for path in paths} == {2}
    process.send_signal(signal.SIGTERM)
    _, errors = await process.communicate()
    assert process.returncode == 0, errors
    await sink.until_down("rsp-a")
    assert "Administrative Shutdown" in sink.sessions[-1][2]
    lines = [json.loads(line) for line in errors.decode().splitlines()]
    assert [line["event"] for line in lines if line["event"] != "announced"] == [
        "appliance_started",
        "bgp_session_up",
        "bgp_session_down",
        "appliance_stopped",
    ]


async def test_with_bfd_it_ends_bgp_first_and_bfd_without_a_failure(
    speaker: Speaker, sink: RecordingSink, fabric: EphemeralFabric
) -> None:
    await speaker.converge(route_server(peer("rsp-a", A)))
    bfd_port = fabric.ports[ENDPOINT]  # TCP has it, so UDP surely may
    changes: list[BfdChange] = []

    def on_change(change: BfdChange) -> None:
        changes.append(change)
        sink.wake()

    engine = BfdEngine(on_change, port=bfd_port)
    assert engine.converge({"rsp-a": BfdSpec("rsp-a", ENDPOINT, A)}) == {}
    options = {
        **REQUIRED,
        "--peer": f"{ENDPOINT}:{fabric.ports[ENDPOINT]}",
        "--bfd-port": str(bfd_port),
        "--bfd-interval-ms": "50",
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        PROGRAM,
        *[word for option in options.items() for word in option],
        "--bfd",
        stderr=asyncio.subprocess.PIPE,
    )
    await sink.until_up("rsp-a")
    await sink.until(lambda: [change.up for change in changes] == [True])
    process.send_signal(signal.SIGTERM)
    _, errors = await process.communicate()
    assert process.returncode == 0, errors
    await sink.until(lambda: len(changes) == 2)
    assert not changes[1].up
    assert not changes[1].failure
    assert "Administrative Shutdown" in sink.sessions[-1][2]
    assert b'"event": "bfd_up"' in errors
    engine.close()


async def test_a_bfd_port_that_is_taken_is_one_line_and_exit_status_1() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as holder:
        holder.bind((A, 0))
        dial = Dial(
            IPv4Address(A), IPv4Address(ENDPOINT), 1, SessionConfig(65_001, IPv4Address(A), 65_000)
        )
        with capture_logs() as logged:
            status = await run(dial, BfdSpec("x", A, ENDPOINT), holder.getsockname()[1])
    assert status == 1
    [failure] = [entry for entry in logged if entry["event"] == "bfd_failed"]
    assert "in use" in failure["reason"]


@pytest.mark.parametrize(
    ("option", "value", "sentence"),
    [
        ("--local", "127.0.0.300", "write it like 127.10.1.10"),
        ("--peer", "127.77.1.4:0", "needs a port between 1 and 65535"),
        ("--peer", "127.77.1.4:bgp", "needs a port between 1 and 65535"),
        ("--announce", "192.0.2.1/24", "write it like 192.0.2.0/24"),
        ("--next-hop6", "192.0.2.1", "write it like 2001:db8::10"),
        ("--asn", "0", "--asn"),
        ("--community", "rt:1:2", "is no standard community; write it like 65001:100"),
        ("--community", "1:x", "write it like 65001:100"),
        ("--long-lived", "9", "need --graceful-restart"),
    ],
)
def test_a_bad_option_is_refused_with_a_sentence(option: str, value: str, sentence: str) -> None:
    app = typer.Typer()
    app.command()(app_command)
    options = {**REQUIRED, option: value}
    result = CliRunner(env={"COLUMNS": "200", "TERM": "dumb"}).invoke(
        app, [word for pair in options.items() for word in pair]
    )
    assert result.exit_code == 2
    assert sentence in result.output
    assert "Traceback" not in result.output


async def test_sighup_restarts_it_gracefully(
    speaker: Speaker, sink: RecordingSink, fabric: EphemeralFabric
) -> None:
    await speaker.converge(
        route_server(
            peer("rsp-a", A, graceful_restart=True, md5_password="key", graceful_shutdown=True)
        )
    )
    options = {
        **REQUIRED,
        "--peer": f"{ENDPOINT}:{fabric.ports[ENDPOINT]}",
        "--md5-password": "key",
        "--graceful-restart": "60",
        "--announce": "192.0.2.0/24",
        "--community": "graceful-shutdown",
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        PROGRAM,
        *[word for option in options.items() for word in option],
        stderr=asyncio.subprocess.PIPE,
    )
    await sink.until_winner("192.0.2.0/24", "rsp-a")
    [path] = sink.fibs["rs-1"].values()
    assert path.attributes.preference == 0
    process.send_signal(signal.SIGHUP)
    await sink.until_up("rsp-a", times=2)
    assert not any(None in delta.values() for _, delta in sink.deltas)
    process.send_signal(signal.SIGTERM)
    _, errors = await process.communicate()
    assert process.returncode == 0, errors


def test_bgp_follows_a_failure_of_bfd_and_no_other_news_of_it() -> None:
    lost = BfdChange("appliance", up=False, reason="", at=1.0, failure=True)
    config = SessionConfig(local_asn=65_001, local_router_id=IPv4Address(A), peer_asn=SERVER_ASN)
    dial = Dial(IPv4Address(A), IPv4Address(ENDPOINT), 179, config)
    for change, event, ends_bgp in (
        (lost, "bfd_down", True),
        (replace(lost, failure=False, admin_down=True), "bfd_down", False),
        (replace(lost, failure=False, admin_down=True, already_down=True), None, False),
        (replace(lost, failure=False, up=True), "bfd_up", False),
    ):
        dialler = Mock(spec=Dialler)
        with capture_logs() as logs:
            _follow(change, dialler, dial)
        assert [line["event"] for line in logs] == ([] if event is None else [event])
        assert dialler.bfd_down.called is ends_bgp
