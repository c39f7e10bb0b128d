"""``python -m tests.fuzz --seconds 60 [--target update]`` grows the corpus. The kernels have to be
interpreted for it, as compiled code has no lines."""

from __future__ import annotations

import argparse
import os
import sys

from tests.bgp.test_captures import CAPTURES
from tests.fuzz.growing import Grower
from tests.fuzz.targets import TARGETS


def seeds(name: str) -> list[bytes]:
    """From what real daemons sent."""
    messages = [message for capture in CAPTURES for message in capture.messages]
    bodies = {kind: [m[19:] for m in messages if m[18] == kind] for kind in (1, 2, 3, 5)}
    match name:
        case "update":
            return bodies[2]
        case "attribute_list":
            return [body[4:] for body in bodies[2]]
        case "open":
            return bodies[1]
        case "capabilities":
            return [body[12:] for body in bodies[1]]
        case "notification":
            return [*bodies[3], b"\x06\x02\x05hello", b"\x06\x09\x06\x02"]
        case "route_refresh":
            return [*bodies[5], b"\0\1\0\1", b"\0\2\1\1"]
        case "bfd":
            return [bytes.fromhex("20400318000000010000000000000000000000000000000000"[:48])]
        case _:
            stream = b"".join(messages[:6])
            return [bytes([kind, 30]) + stream[:400] for kind in range(4)] + [
                b"\x02\x10" + message for message in messages if message[18] != 1
            ]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--target", choices=TARGETS)
    parser.add_argument("--seed", type=int, default=0)
    wanted = parser.parse_args()
    if os.environ.get("ROUTESERVER_INTERPRETED") != "1":
        parser.error("set ROUTESERVER_INTERPRETED=1")
    names = [wanted.target] if wanted.target else list(TARGETS)
    for name in names:
        grower = Grower(name, seeds(name), wanted.seed)
        before = len(grower.coverage.seen)
        for _ in grower.grow(wanted.seconds / len(names)):
            pass
        kept = grower.save()
        sys.stdout.write(
            f"{name}: {before} steps at first, {len(grower.coverage.seen)} now, {kept} kept\n"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
