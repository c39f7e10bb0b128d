"""What access control is made of, in one value."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from routeserver.control.access.directory import Directory
from routeserver.control.access.throttle import Throttle
from routeserver.store import Store
from routeserver.store.seal import KEY_BYTES, Seal


@dataclass(frozen=True, slots=True)
class Access:
    """`throttle` of None: requests are not counted."""

    seal: Seal
    directory: Directory
    throttle: Throttle | None = None

    @classmethod
    def of_one_process(cls, store: Store, random_bytes: Callable[[int], bytes]) -> Self:
        """With a key that is nowhere else: what is sealed with it ends with the process."""
        seal = Seal(random_bytes(KEY_BYTES), random_bytes)
        return cls(seal, Directory(store, seal, time.monotonic))
