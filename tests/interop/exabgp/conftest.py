"""Servers and sites for ExaBGP's tests on loopback; every test stands at an address of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.interop.daemons import require
from tests.interop.site import Site
from tests.running import Server

PORT = 20185
OPEN_PORT = 20195


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    require("exabgp", "exabgp")
    server = Server(tmp_path_factory.mktemp("data"), bgp_port=PORT, bfd_port=23965)
    try:
        server.start()
        yield Site.build(server, "127.65")
    finally:
        if server.process is not None:
            server.stop()


@pytest.fixture(scope="package")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    require("exabgp", "exabgp")
    folder = tmp_path_factory.mktemp("open")
    with Site.opened(folder, "127.75", bgp_port=OPEN_PORT, bfd_port=23975) as site:
        yield site


@pytest.fixture
def open_site(opened: Site) -> Iterator[Site]:
    """The same site, in profile ``open``, for every test; without peers before and after each."""
    yield opened
    opened.remove_appliances()
