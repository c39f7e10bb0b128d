"""Run as a program, as root of a user namespace: has a helper build a VPC there and take it down.

Prints what it saw, as JSON.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

from routeserver.netd.orders import (
    Done,
    Guard,
    ListNamespaces,
    MakeBridge,
    MakeNamespace,
    OpenListener,
    Order,
    Plug,
    Probe,
    RemoveNamespace,
)
from routeserver.netd.protocol import decode_answer, encode_order
from routeserver.netd.starting import start_helper

MAC = "02:00:00:00:02:02"


def main() -> dict[str, Any]:
    helper = start_helper("userns")

    def done(order: Order) -> Done:
        helper.connection.send(encode_order(order)[0])
        packet, opened, _, _ = socket.recv_fds(helper.connection, 1 << 16, 1)
        for descriptor in opened:
            os.close(descriptor)
        answer = decode_answer(packet, b"")
        assert isinstance(answer, Done), answer
        return answer

    appliance = subprocess.Popen(
        ["unshare", "--net", "sh", "-c", "echo; exec cat"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert appliance.stdin is not None
    assert appliance.stdout is not None
    appliance.stdout.readline()
    target = f"/proc/{appliance.pid}/ns/net"
    seen: dict[str, Any] = {"features": done(Probe()).names}
    done(MakeNamespace("vpc-u"))
    done(MakeBridge("vpc-u", "br", "s", "02:00:00:00:00:01", 9001, ("10.0.0.1/24",)))
    done(
        Plug(
            *("vpc-u", "br", "p", "eni", target, "eth1", MAC, 9001, ("10.0.0.9/24",)),
            ("10.0.0.1",),
        )
    )
    done(Guard("vpc-u", "p", MAC, ("10.0.0.9",), check=True))
    done(OpenListener("vpc-u", "10.0.0.1", 179))
    seen["names"] = done(ListNamespaces()).names
    appliance_net = Path(target).as_posix()
    shown = subprocess.run(
        ["nsenter", f"--net={appliance_net}", "ip", "-oneline", "addr"],
        capture_output=True,
        text=True,
        check=True,
    )
    seen["plugged"] = "10.0.0.9/24" in shown.stdout
    done(RemoveNamespace("vpc-u"))
    seen["left"] = done(ListNamespaces()).names
    appliance.communicate()
    seen["status"] = helper.end()
    return seen


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main()))
