"""One server and site for ExaBGP's tests; every test stands at an address of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.interop.daemons import require
from tests.interop.site import Site
from tests.running import Server

PORT = 20185


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    require("exabgp", "exabgp")
    server = Server(tmp_path_factory.mktemp("data"), bgp_port=PORT, bfd_port=23965)
    server.start()
    try:
        yield Site.build(server, "127.65")
    finally:
        server.stop()
