"""Routes looked at all the time while something happens to the daemon that announced them."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from tests.interop.site import Site

PAUSE_S: Final = 0.02


@dataclass
class Watch:
    """Samples of the route table, by the API, and of the FIB, by the operator's door."""

    samples: int = 0
    losses: list[str] = field(default_factory=list)


@contextmanager
def nothing_lost(site: Site, prefixes: Iterable[str]) -> Iterator[Watch]:
    """Fails when in any sample taken inside the block one of the prefixes is missing."""
    wanted = set(prefixes)
    watch = Watch()
    ended = threading.Event()
    failed: list[BaseException] = []

    def look() -> None:
        try:
            while not ended.wait(PAUSE_S):
                for name, found in (("route table", site.table()), ("FIB", site.fib())):
                    missing = wanted - found.keys()
                    if missing:
                        watch.losses.append(
                            f"{name}: {sorted(missing)[:3]} not in {sorted(found)[:9]}"
                        )
                watch.samples += 1
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=look, name="watch")
    thread.start()
    try:
        yield watch
    finally:
        ended.set()
        thread.join()
    if failed:
        raise failed[0]
    assert watch.samples, "nothing was looked at"
    assert not watch.losses, f"{len(watch.losses)} of {watch.samples} looks: {watch.losses[0]}"
