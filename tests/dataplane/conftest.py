"""Every data plane stands in this list and passes `test_contract.py`."""

from __future__ import annotations

import pytest

from routeserver.dataplane.base import DataPlane
from routeserver.dataplane.memory import MemoryDataPlane


@pytest.fixture(params=[MemoryDataPlane])
def data_plane(request: pytest.FixtureRequest) -> DataPlane:
    made: DataPlane = request.param()
    return made
