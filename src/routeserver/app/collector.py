"""The garbage collector of a process with a large heap that hardly ever holds a cycle.

A full table is some hundred thousand attribute sets and millions of dict slots, all of which
reference counting frees. A collection of the oldest generation visits every container that it
tracks and holds the event loop meanwhile: some 100 ms for a million of them, and the default
thresholds ask for one whenever the heap has grown by a quarter, which it does all the time while a
table is learned. Routes and prefixes are in arrays, which it does not look into.
"""

from __future__ import annotations

import gc
from typing import Final

THRESHOLDS: Final = (10_000, 5, 400)
"""A young collection after 10,000 more containers, half a millisecond; a middle one after five of
those, some milliseconds; an old one after four hundred of these. What waits in a cycle until then
is a few exceptions with their frames."""


def use_collector() -> None:
    """Before anything large is there."""
    gc.set_threshold(*THRESHOLDS)


def keep_off_the_heap() -> None:
    """At the end of the start: modules, service models and tables stay for good, so that no
    collection looks at them again.

    Without a collection before it, which would hold the event loop for a tenth of a second while
    the first peers connect; what is garbage by now is little.
    """
    gc.freeze()
