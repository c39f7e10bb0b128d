"""Servers and sites for OpenBGPD's tests; every test stands at an address of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.interop.daemons import require, require_root
from tests.interop.site import Site
from tests.running import Server

PORT = 20184
OPEN_PORT = 20194


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    require("bgpd", "openbgpd")
    require_root("by OpenBGPD, which gives its privileges up itself")
    server = Server(tmp_path_factory.mktemp("data"), bgp_port=PORT, bfd_port=23964)
    try:
        server.start()
        yield Site.build(server, "127.64")
    finally:
        if server.process is not None:
            server.stop()


@pytest.fixture(scope="package")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    require("bgpd", "openbgpd")
    require_root("by OpenBGPD, which gives its privileges up itself")
    folder = tmp_path_factory.mktemp("open")
    with Site.opened(folder, "127.74", bgp_port=OPEN_PORT, bfd_port=23974) as site:
        yield site


@pytest.fixture
def open_site(opened: Site) -> Iterator[Site]:
    """The same site, in profile ``open``, for every test; without peers before and after each."""
    yield opened
    opened.remove_appliances()
