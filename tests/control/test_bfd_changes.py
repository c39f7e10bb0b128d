"""What becomes of BGP when BFD reports: the world tells the speaker, and the log."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Final, cast

import pytest
from structlog.testing import capture_logs

from routeserver.bfdd.spec import BfdChange
from routeserver.control.world import World
from routeserver.dataplane.memory import MemoryDataPlane
from routeserver.fabric.loopback import LoopbackFabric
from routeserver.observe.events import EVENTS

DOWN: Final = BfdChange("rsp-1", up=False, reason="why", at=7.0)
STOPPED: Final = replace(DOWN, admin_down=True)


@dataclass
class ToldSpeaker:
    told: list[str] = field(default_factory=list)

    def bfd_up(self, peer_id: str) -> None:
        self.told.append(f"{peer_id} up")

    def bfd_down(self, peer_id: str, *, independent: bool) -> None:
        self.told.append(f"{peer_id} down {independent=}")

    def bfd_not_up(self, peer_id: str, *, admin_down: bool) -> None:
        self.told.append(f"{peer_id} not up {admin_down=}")


@pytest.mark.parametrize(
    ("change", "told", "event"),
    [
        (replace(DOWN, up=True), ["up"], "bfd_up"),
        (DOWN, ["not up admin_down=False"], "bfd_down"),
        (
            replace(DOWN, failure=True),
            ["down independent=False", "not up admin_down=False"],
            "bfd_down",
        ),
        (
            replace(STOPPED, failure=True, independent=True),
            ["down independent=True", "not up admin_down=True"],
            "bfd_down",
        ),
        (STOPPED, ["not up admin_down=True"], "bfd_down"),
        (replace(STOPPED, already_down=True), ["not up admin_down=True"], "bfd_admin_down"),
        (replace(DOWN, already_down=True), ["not up admin_down=False"], "bfd_admin_down"),
    ],
)
def test_bgp_follows_a_failure_and_no_other_end_of_bfd(
    change: BfdChange, told: list[str], event: str
) -> None:
    world = World(MemoryDataPlane(), LoopbackFabric())
    speaker = ToldSpeaker()
    world.attach(cast("Any", speaker), cast("Any", None))
    with capture_logs() as logs:
        world.bfd_changed(change)
    assert speaker.told == [f"rsp-1 {each}" for each in told]
    [line] = logs
    assert line["event"] == event
    assert set(EVENTS[event]) == line.keys() - {"event", "log_level"}
    if event == "bfd_admin_down":
        assert line["down"] == change.admin_down
