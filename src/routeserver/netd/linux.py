"""System calls that Python's `os` does not have (3.11): namespaces, mounts, capabilities.

Each raises OSError, with what was tried in place of a file name.
"""

from __future__ import annotations

import ctypes
import os
from enum import IntFlag
from typing import Final

CLONE_NEWNS: Final = 0x00020000
CLONE_NEWNET: Final = 0x40000000

MNT_DETACH: Final = 2

PR_SET_DUMPABLE: Final = 4
PR_CAPBSET_READ: Final = 23
PR_CAPBSET_DROP: Final = 24
PR_SET_SECUREBITS: Final = 28
PR_SET_NO_NEW_PRIVS: Final = 38
PR_CAP_AMBIENT: Final = 47
PR_CAP_AMBIENT_CLEAR_ALL: Final = 4

SECUREBITS_ALL: Final = 0x01 | 0x02 | 0x04 | 0x08 | 0x20 | 0x40 | 0x80
"""No privilege by being root, none kept or gained by changing users, none ambient; each locked.
(linux/securebits.h; keeping capabilities is not allowed and that is locked, too)."""

CAP_CHOWN: Final = 0
CAP_DAC_OVERRIDE: Final = 1
CAP_DAC_READ_SEARCH: Final = 2
CAP_SETGID: Final = 6
CAP_SETUID: Final = 7
CAP_SETPCAP: Final = 8
CAP_NET_BIND_SERVICE: Final = 10
CAP_NET_ADMIN: Final = 12
CAP_NET_RAW: Final = 13
CAP_SYS_PTRACE: Final = 19
CAP_SYS_ADMIN: Final = 21

_CAPABILITY_VERSION_3: Final = 0x20080522


class Mount(IntFlag):
    READ_ONLY = 0x1
    NO_SUID = 0x2
    NO_DEV = 0x4
    REMOUNT = 0x20
    BIND = 0x1000
    RECURSIVE = 0x4000
    PRIVATE = 0x40000
    SLAVE = 0x80000
    SHARED = 0x100000


class _Header(ctypes.Structure):
    _fields_ = [("version", ctypes.c_uint32), ("pid", ctypes.c_int)]


class _Words(ctypes.Structure):
    _fields_ = [
        ("effective", ctypes.c_uint32),
        ("permitted", ctypes.c_uint32),
        ("inheritable", ctypes.c_uint32),
    ]


_libc: Final = ctypes.CDLL(None, use_errno=True)
_libc.mount.argtypes = (
    ctypes.c_char_p,
    ctypes.c_char_p,
    ctypes.c_char_p,
    ctypes.c_ulong,
    ctypes.c_char_p,
)
_libc.prctl.argtypes = (ctypes.c_int, *(ctypes.c_ulong,) * 4)


def _check(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), what)
    return result


def setns(descriptor: int, kind: int = CLONE_NEWNET) -> None:
    """This thread enters a namespace."""
    _check(_libc.setns(descriptor, kind), "setns")


def unshare(kinds: int) -> None:
    _check(_libc.unshare(kinds), "unshare")


def mount(source: str, target: str, kind: str = "", flags: int = 0, data: str = "") -> None:
    words = (os.fsencode(word) if word else None for word in (source, target, kind))
    done = _libc.mount(*words, int(flags), data.encode() if data else None)
    _check(done, f"mount on {target}")


def unmount(target: str) -> None:
    """At once for new comers; what still uses it keeps it."""
    _check(_libc.umount2(os.fsencode(target), MNT_DETACH), f"unmount {target}")


def prctl(option: int, argument: int = 0) -> int:
    return _check(_libc.prctl(option, argument, 0, 0, 0), f"prctl {option}")


def capabilities() -> int:
    """The effective ones of this thread, one bit each."""
    words = (_Words * 2)()
    _check(_libc.capget(ctypes.byref(_Header(_CAPABILITY_VERSION_3, 0)), words), "capget")
    return int(words[0].effective) | int(words[1].effective) << 32


def keep_capabilities(kept: int) -> None:
    """Effective and permitted are these from now on, inheritable are none."""
    words = (_Words * 2)()
    for at, word in enumerate(words):
        word.effective = word.permitted = kept >> 32 * at & 0xFFFFFFFF
    _check(_libc.capset(ctypes.byref(_Header(_CAPABILITY_VERSION_3, 0)), words), "capset")


def bound_capabilities(kept: int) -> None:
    """Nothing that is executed from now on can have any but these. Needs CAP_SETPCAP."""
    for number in range(64):
        if kept >> number & 1:
            continue
        try:
            is_bounding = prctl(PR_CAPBSET_READ, number)
        except OSError:  # the kernel knows no more
            return
        if is_bounding:
            prctl(PR_CAPBSET_DROP, number)


def mask(*numbers: int) -> int:
    """Capabilities as bits."""
    return sum(1 << number for number in set(numbers))
