"""Run as a program, as root: kills a helper before each of its system calls, and looks whether what
it leaves is completed by the same orders, and removed by RemoveNamespace.

Prints one JSON object. The helper is a fork of this program, which therefore has no threads; the
calls are counted by the interpreter's profile hook.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from itertools import count
from types import FrameType
from typing import Any, Final

from routeserver.netd import linux
from routeserver.netd.helper import Helper
from routeserver.netd.names import RUN_NETNS
from routeserver.netd.netns import Namespaces
from routeserver.netd.orders import (
    Guard,
    MakeBridge,
    MakeNamespace,
    MakeOutside,
    Order,
    Plug,
    RemoveNamespace,
    Write,
)
from routeserver.netd.writing import Scope
from routeserver.netlink.route import Route, RouteType, new_route

CHANGES: Final = frozenset({"send", "write", "link", "unlink", "mkdir"})
"""Functions that change something; before any other it is as it was before the next of these."""
VARYING: Final = re.compile(
    r"^\d+: |@if\d+|@\w+|link/.*|state \w+|qdisc \w+|linkdown|LOWER_UP|NO-CARRIER|M-DOWN|,"
)
"""Numbers of interfaces, hardware addresses that nobody chose, and what the kernel finds out a
moment later."""


class Site:
    def __init__(self, name: str) -> None:
        self.instance = f"kill-{name}"
        self.vpc, self.outside, self.appliance = f"{name}-vpc", f"{name}-out", f"{name}-fw"
        mac = "02:00:00:00:02:02"
        route = Route(10 << 32 | 8, 1000, RouteType.BLACKHOLE, 179)
        self.build: tuple[Order, ...] = (
            MakeNamespace(self.vpc),
            MakeNamespace(self.outside),
            MakeBridge(self.vpc, "br", "subnet", "02:00:00:00:00:01", 9001, ("10.0.0.1/24",)),
            Plug(
                self.vpc,
                "br",
                "port",
                "eni",
                str(RUN_NETNS / self.appliance),
                "eth1",
                mac,
                9001,
                ("10.0.0.9/24",),
                ("10.0.0.1",),
                guarded=True,
            ),
            Guard(self.vpc, "port", mac, ("10.0.0.9",), check=True),
            MakeOutside(
                self.vpc,
                "igw",
                "igw",
                str(RUN_NETNS / self.outside),
                "vpc",
                1500,
                ("169.254.0.1/31",),
                ("169.254.0.0/31",),
                ("10.0.0.0/16",),
            ),
            Write(self.vpc, new_route(route, 1)),
        )
        self.remove: tuple[Order, ...] = (
            RemoveNamespace(self.vpc),
            RemoveNamespace(self.outside),
        )

    def run(self, orders: Sequence[Order], kill_at: int = 0) -> bool:
        """Whether it came to the end; a helper that fails otherwise ends this program."""
        pid = os.fork()
        if not pid:
            try:
                if kill_at:
                    sys.setprofile(killer(kill_at))
                helper = Helper(Namespaces(self.instance), Scope())
                for order in orders:
                    helper.carry_out(order)
            except BaseException as error:
                sys.setprofile(None)
                sys.stderr.write(f"{kill_at}: {error!r}\n")
                os._exit(1)
            os._exit(0)
        _, status = os.waitpid(pid, 0)
        if os.WIFSIGNALED(status):
            assert os.WTERMSIG(status) == signal.SIGKILL, status
            return False
        assert os.WEXITSTATUS(status) == 0, f"killed at {kill_at}"
        return True

    def seen(self) -> Any:
        """Everything that was built, without what differs each time."""
        return [
            [
                sorted(VARYING.sub("", line) for line in shown(name, *what))
                for what in (["addr", "show"], ["route", "show", "table", "all"], ["link", "show"])
            ]
            for name in (self.vpc, self.outside, self.appliance)
        ]

    def left(self) -> list[str]:
        names = [path.name for path in RUN_NETNS.iterdir() if path.name in {self.vpc, self.outside}]
        links = shown(self.appliance, "link", "show")
        return [*names, *(line for line in links if ": lo:" not in line)]


def shown(namespace: str, *what: str) -> list[str]:
    found = subprocess.run(
        ["ip", "-oneline", "-netns", namespace, *what], capture_output=True, text=True, check=True
    )
    return [line for line in found.stdout.splitlines() if "fe80" not in line and "ff00" not in line]


def killer(at: int) -> Callable[[FrameType, str, Any], None]:
    numbers = count(1)

    def look(frame: FrameType, event: str, argument: Any) -> None:
        if event == "c_call":
            changes = argument.__name__ in CHANGES
        else:
            changes = event == "call" and frame.f_code.co_filename == linux.__file__
        if changes and next(numbers) == at:
            os.kill(os.getpid(), signal.SIGKILL)

    return look


def main(name: str) -> dict[str, int]:
    site = Site(name)
    subprocess.run(["ip", "netns", "add", site.appliance], check=True)
    try:
        site.run(site.build)
        whole = site.seen()
        site.run(site.remove)
        assert site.left() == []
        built = removed = 0
        for at in count(1):
            if at % 3 == 0:
                site.run(site.build, at)
                site.run(site.remove)
                assert site.left() == [], f"removing what a kill at {at} left"
            if site.run(site.build, at):
                break
            site.run(site.build)
            seen = site.seen()
            assert seen == whole, f"completing what a kill at {at} left: {seen} and not {whole}"
            site.run(site.remove)
            assert site.left() == []
            built = at
        for at in count(1):
            site.run(site.build)
            finished = site.run(site.remove, at)
            site.run(site.remove)
            assert site.left() == [], f"removing again after a kill at {at}"
            if finished:
                break
            removed = at
        return {"built": built, "removed": removed}
    finally:
        site.run(site.remove)
        subprocess.run(["ip", "netns", "delete", site.appliance], check=True)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(sys.argv[1])))
