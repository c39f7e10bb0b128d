from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from routeserver.app.data_plane import make_data_plane
from routeserver.app.errors import StartError
from routeserver.dataplane.kernel.place import InNamespaces
from routeserver.dataplane.kernel.plane import KernelDataPlane
from routeserver.dataplane.memory import MemoryDataPlane
from routeserver.settings.load import load
from routeserver.settings.model import DataPlaneKind, Settings

NETD = cast(Any, object())


def wanted(kind: str, folder: Path) -> Settings:
    settings = load({"data_dir": str(folder)}, {}, is_root=False).settings
    return replace(settings, data_plane=DataPlaneKind(kind))


async def test_auto_is_what_the_fabric_needs(tmp_path: Path) -> None:
    settings = wanted("auto", tmp_path)
    memory = make_data_plane(settings, None, None, has_nexthops=True)
    kernel = make_data_plane(settings, NETD, InNamespaces(), has_nexthops=True)
    assert isinstance(memory, MemoryDataPlane)
    assert isinstance(kernel, KernelDataPlane)


async def test_memory_may_be_asked_for_anywhere(tmp_path: Path) -> None:
    made = make_data_plane(wanted("memory", tmp_path), NETD, InNamespaces(), has_nexthops=True)
    assert isinstance(made, MemoryDataPlane)


async def test_a_kernel_that_cannot_be_had_is_refused_with_the_remedy(tmp_path: Path) -> None:
    settings = wanted("kernel", tmp_path)
    with pytest.raises(StartError, match="start as root"):
        make_data_plane(settings, None, InNamespaces(), has_nexthops=True)
    with pytest.raises(StartError, match="fabric = netns"):
        make_data_plane(settings, NETD, None, has_nexthops=True)
