"""One server and site for GoBGP's tests; most of them share one session."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.interop.daemons import require
from tests.interop.site import Site
from tests.running import Server

PORT = 20183


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    require("gobgpd", "gobgpd")
    require("gobgp", "gobgpd")
    server = Server(tmp_path_factory.mktemp("data"), bgp_port=PORT, bfd_port=23963)
    server.start()
    try:
        yield Site.build(server, "127.63")
    finally:
        server.stop()
