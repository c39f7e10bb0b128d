"""The sockets themselves, in both families."""

from __future__ import annotations

import socket
from contextlib import closing
from ipaddress import ip_address

import pytest

from routeserver.bfdd.sockets import ANCILLARY_SIZE, received_ttl
from routeserver.netd.sockets import (
    SocketError,
    bound_addresses,
    open_bfd_receiver,
    open_bfd_sender,
)
from tests.bfdd.support import Place


def has(address: str) -> bool:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with closing(socket.socket(family, socket.SOCK_DGRAM)) as probe:
            probe.bind((address, 0))
    except OSError:
        return False
    return True


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        pytest.param("::1", marks=pytest.mark.skipif(not has("::1"), reason="no IPv6 here")),
    ],
)
def test_a_packet_arrives_with_the_ttl_it_was_sent_with(place: Place, address: str) -> None:
    local = ip_address(address)
    bound = bound_addresses(local.version, place.port)
    with (
        closing(open_bfd_receiver(local, place.port, bound)) as listener,
        closing(open_bfd_sender(local)) as one,
    ):
        bound = bound_addresses(local.version, place.port)
        with pytest.raises(SocketError, match="in use by another process"):
            open_bfd_receiver(local, place.port, bound)
        listener.setblocking(True)
        listener.settimeout(20)
        one.sendto(b"x", (address, place.port))
        data, ancillary, _, source = listener.recvmsg(10, ANCILLARY_SIZE)
    assert (data, received_ttl(ancillary)) == (b"x", 255)
    assert 49152 <= source[1] <= 65535


def test_each_sender_has_a_source_port_of_its_own(place: Place) -> None:
    senders = [open_bfd_sender(ip_address(place.here)) for _ in range(200)]
    assert len({sender.getsockname()[1] for sender in senders}) == 200
    for sender in senders:
        sender.close()


def test_no_ttl_is_none() -> None:
    assert received_ttl([]) is None
    assert received_ttl([(socket.SOL_SOCKET, 29, b"12345678")]) is None
