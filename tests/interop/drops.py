"""What the kernel has dropped for a bad TCP MD5 signature or a TTL that is too low.

A packet that is dropped leaves no other trace; these counters make "it never comes up" a fact that
has been seen, not a wait that was too short.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from tests.running import eventually

MD5: Final = ("TCPMD5NotFound", "TCPMD5Unexpected", "TCPMD5Failure")
TTL: Final = ("TCPMinTTLDrop",)


def dropped(names: tuple[str, ...]) -> int:
    """Of this network namespace, since it began."""
    found: dict[str, str] = {}
    lines = Path("/proc/net/netstat").read_text().splitlines()
    for heading, numbers in zip(lines[::2], lines[1::2], strict=True):
        found.update(zip(heading.split(), numbers.split(), strict=True))
    return sum(int(found[name]) for name in names)


def wait_dropped(names: tuple[str, ...], since: int, count: int = 2, seconds: float = 20.0) -> None:
    """Until `count` more packets than `since` have been dropped."""
    eventually(
        f"{count} packets dropped as {names[-1]}",
        lambda: dropped(names) - since,
        lambda more: more >= count,
        seconds,
    )
