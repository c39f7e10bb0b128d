"""What a fabric needs of the settings and of this kernel, refused by name before anything is
built."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from routeserver.app.errors import StartError
from routeserver.app.fabric import _netns, make_fabric
from routeserver.dataplane.kernel.place import InNamespaces
from routeserver.fabric.netns import NetnsFabric
from routeserver.netd.interface import Doing, Opening
from routeserver.netd.orders import FEATURES, Done, Probe
from routeserver.settings.load import load
from routeserver.settings.model import Settings


class Kernel:
    """A helper on a kernel with these features."""

    def __init__(self, *features: str) -> None:
        self.features = features

    async def open(self, order: Opening) -> socket.socket:
        raise AssertionError(order)

    async def do(self, order: Doing) -> Done:
        assert isinstance(order, Probe), "nothing is built yet"
        return Done(self.features)


def wanted(folder: Path, **flags: str) -> Settings:
    environment = {f"ROUTESERVER_{name.upper()}": text for name, text in flags.items()}
    return load({"data_dir": str(folder)}, environment, is_root=True).settings


def without(feature: str) -> Kernel:
    return Kernel(*(each for each in FEATURES if each != feature))


@pytest.mark.parametrize(
    ("feature", "named"),
    [
        ("namespaces", "CONFIG_NET_NS"),
        ("bridges", "CONFIG_BRIDGE"),
        ("pairs", "CONFIG_VETH"),
        ("guards", "eni_checks = off"),
    ],
)
async def test_a_kernel_that_lacks_something_is_refused_by_its_name(
    feature: str, named: str, tmp_path: Path
) -> None:
    with pytest.raises(StartError, match=named):
        await make_fabric(wanted(tmp_path, fabric="netns"), without(feature))


async def test_without_checks_the_kernel_need_not_have_them(tmp_path: Path) -> None:
    settings = wanted(tmp_path, fabric="netns", eni_checks="off")
    made = await make_fabric(settings, without("guards"))
    assert isinstance(made.fabric, NetnsFabric)
    assert isinstance(made.place, InNamespaces)
    assert (made.bgp_port, made.has_nexthops) == (179, True)


async def test_without_next_hop_objects_it_goes_route_by_route(tmp_path: Path) -> None:
    made = await make_fabric(wanted(tmp_path, fabric="netns"), without("next hops"))
    assert not made.has_nexthops


@pytest.mark.parametrize("kind", ["netns", "host"])
async def test_without_a_helper_it_says_what_is_missing(kind: str, tmp_path: Path) -> None:
    with pytest.raises(StartError, match=r"CAP_NET_ADMIN.*as root or with unshare -Urn"):
        await make_fabric(wanted(tmp_path, fabric=kind), None)


async def test_the_host_needs_the_name_of_an_interface(tmp_path: Path) -> None:
    with pytest.raises(StartError, match="name it in host_interface"):
        await make_fabric(wanted(tmp_path, fabric="host"), Kernel(*FEATURES))


def test_every_server_has_an_outside_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "1").mkdir()
    (tmp_path / "2").mkdir()
    outsides = set()
    for name in ("1", "2"):
        settings = wanted(tmp_path / name, fabric="netns")
        outsides.add(_netns(settings, Kernel())._terms.outside)
    assert len(outsides) == 2
