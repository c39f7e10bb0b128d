"""A network namespace of our own for BIRD, made without root.

BIRD runs BFD single hop only with neighbours it finds on an interface, and none in 127.0.0.0/8
counts as one. It does run BFD multihop (RFC 5883: port 4784) there, with the system's default TTL.
A namespace in which that default is 255 makes those the packets that an endpoint takes.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
import struct
import subprocess
import sys
from pathlib import Path
from typing import Final

INSIDE: Final = "DEMO_INSIDE_NAMESPACE"
BFD_MULTIHOP_PORT: Final = 4784

_DEFAULT_TTL: Final = Path("/proc/sys/net/ipv4/ip_default_ttl")
_SIOCGIFFLAGS: Final = 0x8913
_SIOCSIFFLAGS: Final = 0x8914
_IFF_UP: Final = 1


def enter() -> str:
    """Start this program anew in a namespace; returns only when that cannot be done: why not."""
    unshare = shutil.which("unshare")
    if unshare is None:
        return "unshare is not installed (Debian: util-linux)"
    command = [unshare, "--net"]
    if os.geteuid() != 0:
        command += ["--user", "--map-root-user"]
    probe = f"test -w {_DEFAULT_TTL}"
    tried = subprocess.run(  # noqa: S603 - a command of ours
        [*command, "sh", "-c", probe], check=False, capture_output=True, text=True
    )
    if tried.returncode != 0:
        return tried.stderr.strip() or f"{_DEFAULT_TTL} may not be written there"
    os.environ[INSIDE] = "1"
    sys.stdout.flush()
    try:
        os.execv(unshare, [*command, sys.executable, *sys.argv])  # noqa: S606 - no shell is wanted
    except OSError as error:
        return str(error)


def is_inside() -> bool:
    return INSIDE in os.environ


def prepare() -> None:
    """Inside: bring the loopback interface up, and let packets start with TTL 255."""
    name = b"lo".ljust(16, b"\0")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        answer = fcntl.ioctl(any_socket, _SIOCGIFFLAGS, struct.pack("16sh14x", name, 0))
        flags = struct.unpack("16sh14x", answer)[1]
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sh14x", name, flags | _IFF_UP))
    _DEFAULT_TTL.write_text("255\n")
