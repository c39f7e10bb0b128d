"""One server and site for OpenBGPD's tests; every test stands at an address of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.interop.daemons import require, require_root
from tests.interop.site import Site
from tests.running import Server

PORT = 20184


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    require("bgpd", "openbgpd")
    require_root("by OpenBGPD, which gives its privileges up itself")
    server = Server(tmp_path_factory.mktemp("data"), bgp_port=PORT, bfd_port=23964)
    server.start()
    try:
        yield Site.build(server, "127.64")
    finally:
        server.stop()
