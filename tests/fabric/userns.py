"""Run as a program, as root of a user namespace: a server with the fabric `netns`, and a packet
from one process's namespace to another's.

Prints what it saw, as JSON.
"""

from __future__ import annotations

import json
import select
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

from tests.fabric.site import Site
from tests.running import Server, eventually

RECEIVE: Final = """
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_IP, 15, 1)
s.bind(("10.0.2.10", 4000))
print("ready", flush=True)
print(s.recvfrom(100)[1][0], flush=True)
input()
"""
SEND: Final = """
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
print("ready", flush=True)
for _ in sys.stdin:
    try:
        s.sendto(b"hello", ("10.0.2.10", 4000))
    except OSError:
        pass
"""


def process(program: str) -> subprocess.Popen[str]:
    made = subprocess.Popen(
        ["unshare", "--net", sys.executable, "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert made.stdout is not None
    assert made.stdout.readline() == "ready\n"
    return made


def main(folder: Path) -> dict[str, Any]:
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    data_dir = folder / "data"
    data_dir.mkdir(mode=0o700)
    server = Server(data_dir, 179, 3784, arguments=("--fabric=netns",))
    site = Site(server, None)
    receiver, sender = process(RECEIVE), process(SEND)
    seen: dict[str, Any] = {}
    site.start()
    try:
        vpc_id = site.vpc()
        for number, there in ((1, sender), (2, receiver)):
            subnet = site.subnet(vpc_id, f"10.0.{number}.0/24")
            site.ask("attach", eni=site.eni(subnet, f"10.0.{number}.10"), pid=there.pid)
        eventually("nothing is wrong", site.faults, lambda faults: not faults)
        seen["from"] = _heard(sender, receiver)
    finally:
        seen["status"] = server.stop()
        for each in (sender, receiver):
            each.kill()
    seen["warnings"] = sorted(
        {
            f"{line['event']}: {line.get('reason')}"
            for line in site.log()
            if line["level"] in {"warning", "error"}
        }
    )
    return seen


def _heard(sender: subprocess.Popen[str], receiver: subprocess.Popen[str]) -> str:
    """Sends until something has come."""
    assert sender.stdin is not None
    assert receiver.stdout is not None
    words, there = sender.stdin, receiver.stdout

    def send() -> bool:
        print("again", file=words, flush=True)
        return bool(select.select([there], [], [], 0.05)[0])

    eventually("the packet is there", send, bool)
    return there.readline().strip()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        print(json.dumps(main(Path(made))))  # noqa: T201 - the answer
