"""The operator's socket: where it is, who may open it, and what is in its way."""

from __future__ import annotations

import asyncio
import os
import socket
import stat
from pathlib import Path

import pytest

from routeserver.app.errors import StartError
from routeserver.app.operator_socket import OPERATOR, operator_socket, reachable
from routeserver.http.operator_server import may_operate, user_of


def connect(path: Path) -> socket.socket:
    client = socket.socket(socket.AF_UNIX)
    with reachable(path) as address:
        client.connect(address)
    return client


def test_it_is_for_its_owner_only_and_gone_behind_the_block(tmp_path: Path) -> None:
    path = tmp_path / OPERATOR
    with operator_socket(tmp_path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        connect(path).close()
    assert not path.exists()


def test_what_a_killed_server_left_behind_is_replaced(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as stale, reachable(tmp_path / OPERATOR) as address:
        stale.bind(address)
    assert (tmp_path / OPERATOR).exists()
    with operator_socket(tmp_path):
        connect(tmp_path / OPERATOR).close()


def test_a_file_in_its_place_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / OPERATOR).write_text("mine")
    with pytest.raises(StartError, match="is no socket; move it away"), operator_socket(tmp_path):
        pass
    assert (tmp_path / OPERATOR).read_text() == "mine"


def test_a_deep_directory_is_no_obstacle(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 100) / ("e" * 100)
    deep.mkdir(parents=True)
    with operator_socket(deep):
        connect(deep / OPERATOR).close()


def test_root_and_the_own_user_may_operate_and_nobody_else() -> None:
    assert may_operate(0, lambda: 1000)
    assert may_operate(1000, lambda: 1000)
    assert not may_operate(1001, lambda: 1000)
    assert not may_operate(None, lambda: 1000)


async def test_the_kernel_says_who_is_at_the_other_end(tmp_path: Path) -> None:
    seen: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()

    class Look(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            seen.set_result(user_of(transport))
            transport.close()

    with operator_socket(tmp_path) as door:
        server = await asyncio.get_running_loop().create_server(Look, sock=door)
        client = connect(tmp_path / OPERATOR)
        assert await seen == os.geteuid()
        client.close()
        server.close()
        await server.wait_closed()
