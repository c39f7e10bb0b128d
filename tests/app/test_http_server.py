"""The HTTP socket: where it listens, what clients are told, what is said when it cannot."""

from __future__ import annotations

import pytest

from routeserver.app.errors import StartError
from routeserver.app.http_server import bind, url_of
from routeserver.settings.model import Address


def test_port_zero_takes_a_free_one_and_the_url_names_it() -> None:
    with bind(Address("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        assert port
        assert url_of(listening) == f"http://127.0.0.1:{port}"


def test_a_client_of_a_server_on_all_addresses_is_sent_to_the_loopback_one() -> None:
    with bind(Address("0.0.0.0", 0)) as listening:  # noqa: S104 - that is the case
        assert url_of(listening).startswith("http://127.0.0.1:")


def test_a_busy_port_is_refused_with_the_remedy() -> None:
    with bind(Address("127.0.0.1", 0)) as listening:
        busy = Address("127.0.0.1", listening.getsockname()[1])
        with pytest.raises(StartError) as caught:
            bind(busy)
    assert str(caught.value) == (
        f"cannot listen on {busy}: address already in use; "
        "stop what listens there, or choose another address with --listen"
    )


def test_an_address_of_somebody_else_is_refused_with_the_remedy() -> None:
    with pytest.raises(StartError, match="it is not an address of this machine; choose another"):
        bind(Address("192.0.2.1", 8179))


def test_a_name_that_is_no_host_is_refused_with_the_remedy() -> None:
    with pytest.raises(StartError, match=r"is no known host, correct --listen"):
        bind(Address("no-such-host.invalid", 8179))
