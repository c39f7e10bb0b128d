"""The loopback fabric on the real network stack: what binds, and what is said when it does not."""

from __future__ import annotations

import socket

import pytest

from routeserver.fabric.base import FabricError
from routeserver.fabric.loopback import (
    BGP_PORT,
    PROBE_ADDRESS,
    UNPRIVILEGED_BGP_PORT,
    LoopbackFabric,
)
from routeserver.netd.orders import HERE


async def test_an_address_inside_127_is_real_at_once() -> None:
    with await LoopbackFabric().listen(HERE, "127.77.0.4", 0) as listening:
        assert listening.getsockname()[0] == "127.77.0.4"
        with socket.create_connection(listening.getsockname(), timeout=5) as client:
            assert client.getpeername()[0] == "127.77.0.4"


async def test_the_socket_does_not_block() -> None:
    with await LoopbackFabric().listen(HERE, "127.77.0.4", 0) as listening:
        assert listening.getblocking() is False


async def test_an_address_that_does_not_exist_yet_is_bound_freely() -> None:
    with await LoopbackFabric().listen(HERE, "198.51.100.7", 0) as listening:
        assert listening.getsockname()[0] == "198.51.100.7"


async def test_a_busy_port_is_reported_in_one_line_with_the_remedy() -> None:
    fabric = LoopbackFabric()
    with await fabric.listen(HERE, "127.77.0.4", 0) as first:
        port = first.getsockname()[1]
        with pytest.raises(FabricError) as refused:
            await fabric.listen(HERE, "127.77.0.4", port)
        with await fabric.listen(HERE, "127.77.0.5", port):
            pass
    assert str(refused.value) == (
        f"cannot listen on 127.77.0.4 port {port}: the port is busy: "
        "stop what listens there or choose another one with --bgp-port"
    )


async def test_an_address_that_is_not_ipv4_is_refused_in_one_line() -> None:
    with pytest.raises(FabricError, match=r"^cannot listen on 2001:db8::1: an endpoint address is"):
        await LoopbackFabric().listen(HERE, "2001:db8::1", 0)


async def test_a_port_held_on_every_address_cannot_be_bound() -> None:
    fabric = LoopbackFabric()
    with socket.socket() as holder:
        holder.bind(("0.0.0.0", 0))  # noqa: S104 - the wildcard is what is being tested
        holder.listen()
        assert await fabric.can_bind(holder.getsockname()[1]) is False
    assert await fabric.can_bind(0) is True


class _BindsFrom(LoopbackFabric):
    def __init__(self, lowest: int) -> None:
        super().__init__()
        self._lowest = lowest

    async def can_bind(self, port: int) -> bool:
        return port >= self._lowest


async def test_the_bgp_port_is_179_where_the_process_may_bind_it_and_1790_otherwise() -> None:
    assert await _BindsFrom(1).choose_bgp_port() == BGP_PORT == 179
    assert await _BindsFrom(1024).choose_bgp_port() == UNPRIVILEGED_BGP_PORT == 1790


async def test_the_probe_leaves_nothing_behind() -> None:
    fabric = LoopbackFabric()
    with await fabric.listen(HERE, PROBE_ADDRESS, 0) as listening:
        port = listening.getsockname()[1]
        assert await fabric.can_bind(port) is False
    assert await fabric.can_bind(port) is True
    assert await fabric.can_bind(port) is True
