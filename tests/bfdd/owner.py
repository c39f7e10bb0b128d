"""``python -m tests.bfdd.owner FOLDER PORT LOCAL REMOTE``: a server's part in BFD, to be killed."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from routeserver.bfdd.client import BfdDaemon
from routeserver.bfdd.spec import BfdChange, BfdSpec
from tests.bfdd.support import FAST, STEADY


def told(change: BfdChange) -> None:
    print(f"{change.session_id} {change.up}", flush=True)  # noqa: T201


async def main(folder: str, port: str, local: str, remote: str, speed: str) -> None:
    daemon = BfdDaemon(told, Path(folder), int(port), linger_s=60.0)
    await daemon.start()
    config = FAST if speed == "fast" else STEADY
    await daemon.converge({"here": BfdSpec("here", local, remote, config)})
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
