"""``python -m benchmarks.failover.prober NAME``: a probe every millisecond until standard input
ends, and beside it what the kernel of the VPC says of its next hops and routes.

A process of its own, so that nothing else that is measured delays it. What it saw goes to standard
output as one JSON document.
"""

from __future__ import annotations

import contextlib
import json
import select
import socket
import sys
import time
from dataclasses import asdict
from typing import Any, Final

from benchmarks.failover.scene import FLOW
from routeserver.lab import journal, namespaces, traffic
from routeserver.lab.probing import Path
from routeserver.netlink.framing import messages

INTERVAL_S: Final = 0.001
LAST_S: Final = 0.3
_RTNLGRP_IPV4_ROUTE: Final = 7
_RTNLGRP_NEXTHOP: Final = 32
_SOL_NETLINK: Final = 270
_ADD_MEMBERSHIP: Final = 1
_SO_RCVBUFFORCE: Final = 33
KINDS: Final = {24: "route", 25: "route", 104: "nexthop", 105: "nexthop"}


class Monitor:
    """When the kernel first and last changed something of each kind since the last quiet spell."""

    def __init__(self, namespace: str) -> None:
        self.channel = namespaces.inside(namespace, _listening)
        self.changes: list[tuple[str, float, int]] = []

    def take(self) -> None:
        counted: dict[str, int] = {}
        at = time.time()
        with contextlib.suppress(BlockingIOError):
            for _ in range(16):
                for message in messages(self.channel.recv(1 << 20)):
                    kind = KINDS.get(message.type)
                    if kind is not None:
                        counted[kind] = counted.get(kind, 0) + 1
        self.changes += [(kind, at, count) for kind, count in counted.items()]


def _listening() -> socket.socket:
    made = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, 0)
    made.bind((0, 0))
    made.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, 64 << 20)
    for group in (_RTNLGRP_IPV4_ROUTE, _RTNLGRP_NEXTHOP):
        made.setsockopt(_SOL_NETLINK, _ADD_MEMBERSHIP, group)
    return made


def main() -> int:
    name = sys.argv[1]
    notes = journal.Journal(journal.LABS / name)
    lab = notes.lab()
    vpc = notes.notes.ids["vpc.vpc"]
    monitor = Monitor(vpc)
    with traffic.path(lab, FLOW) as path:
        print("ready", flush=True)
        _run(path, monitor)
    document = {
        "journeys": [asdict(each) for each in path.journeys.values()],
        "changes": monitor.changes,
    }
    json.dump(document, sys.stdout)
    monitor.channel.close()
    return 0


def _run(path: Path, monitor: Monitor) -> None:
    kernel, stop = monitor.channel.fileno(), sys.stdin.fileno()
    waiting: list[Any] = [*path.descriptors, kernel, stop]
    number, due, ending = 0, time.monotonic(), None
    while ending is None or time.monotonic() < ending:
        now = time.monotonic()
        if ending is None and now >= due:
            number += 1
            path.send(number)
            # Held up: no burst to make up for it.
            due = max(due + INTERVAL_S, now)
        wait_s = max(0.0, (due if ending is None else ending) - time.monotonic())
        for descriptor in select.select(waiting, (), (), wait_s)[0]:
            if descriptor == kernel:
                monitor.take()
            elif descriptor == stop:
                waiting.remove(stop)
                ending = time.monotonic() + LAST_S
            else:
                path.take(descriptor)


if __name__ == "__main__":
    sys.exit(main())
