"""One server for a module's tests, and a client of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.running import Server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = Server(tmp_path_factory.mktemp("data"), bgp_port=20179, bfd_port=23784)
    running.start()
    yield running
    if running.process is not None:
        running.stop()


@pytest.fixture
def ec2(server: Server) -> Any:
    return server.client()
