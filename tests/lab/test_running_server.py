"""A lab in a server that runs already and goes on without it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.interop.daemons import require
from tests.lab.whole import SMALL, command, journal_of, killed_at, left_of, shown, succeed
from tests.namespaces import need_root
from tests.running import Server


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    need_root()
    require("bird", "bird2")
    arguments = ("--fabric=netns", "--profile=open")
    server = Server(tmp_path, bgp_port=179, bfd_port=3784, arguments=arguments)
    try:
        server.start()
        yield server
    finally:
        if server.process is not None:
            server.stop()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "small.toml"
    path.write_text(SMALL)
    return path


def test_it_is_built_there_and_deleted_there(server: Server, file: Path) -> None:
    name = f"rst{os.getpid()}"
    where = f"--data-dir={server.data_dir}"
    ec2 = server.client()
    before = len(ec2.describe_vpcs()["Vpcs"])

    succeed("up", str(file), "--name", name, where)
    token = journal_of(name).notes.token
    assert [flow["packets"] for flow in shown(name)["flows"]] == ["3 sent, 0 lost; 3 by node"]
    succeed("down", "--lab", name)
    assert left_of(name, token) == []
    assert len(ec2.describe_vpcs()["Vpcs"]) == before

    # Half-built: what is there is found by its tag.
    assert killed_at("endpoint in nodes", "up", str(file), "--name", name, where) != 0
    assert len(ec2.describe_vpcs()["Vpcs"]) == before + 1
    succeed("down", "--lab", name)
    assert left_of(name, token) == []
    assert len(ec2.describe_vpcs()["Vpcs"]) == before


def test_a_gateway_needs_a_server_of_the_labs_own(server: Server) -> None:
    name = f"rst{os.getpid()}"
    where = f"--data-dir={server.data_dir}"
    said = command("up", "firewall-pair", "--name", name, where)
    assert said.code == 2
    assert "needs a server of its own" in said.err
    assert left_of(name, "") == []


def test_a_server_that_does_not_run_is_said(tmp_path: Path) -> None:
    need_root()
    name = f"rst{os.getpid()}"
    said = command("up", "floating-ip", "--name", name, f"--data-dir={tmp_path}")
    assert said.code == 2
    assert f"no server runs on {tmp_path}; start one" in said.err
    assert left_of(name, "") == []
