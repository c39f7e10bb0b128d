"""``docs/metrics.md``: every metric of a scrape with its kind, labels and meaning.

Written from a scrape of a made-up server that has one of everything, so that the list cannot
differ from what is there: ``python -m routeserver.observe.metrics_reference > docs/metrics.md``.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Final

from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families

from routeserver.observe.metrics import Metrics
from routeserver.observe.snapshot import (
    KernelSample,
    PeerSample,
    RouteServerSample,
    RouteTableSample,
    Snapshot,
)

_ONE_OF_EVERYTHING: Final = Snapshot(
    route_servers=[RouteServerSample("rs", 1, 1, 1, fib_changes=1)],
    peers=[
        PeerSample(
            "rs",
            "rsp",
            True,
            True,
            ignored={"": 1},
            endings={("", 0, 0): 1},
            warnings={"": 1},
            bfd_discarded={"": 1},
        )
    ],
    route_tables=[RouteTableSample("rtb", 1)],
    refused={("", ""): 1},
    longest_turn_s=0.0,
    kernel=KernelSample(1, 1, 1, 1),
)

_HEAD: Final = """\
# Metrics

<!-- Written by `python -m routeserver.observe.metrics_reference`; change observe/metrics.py. -->

`GET /metrics` on the API's address, in the text format of Prometheus, without a signature. Gauges
and counts of sessions are read at the moment of the scrape and cost nothing in between. Which of
them are worth an alarm is in [operating](operating.md#metrics).

| metric | kind | labels | meaning |
| --- | --- | --- | --- |
"""

_TAIL: Final = """
Beside them are the metrics of every Python program with this client: `process_*` (memory, CPU time,
open files) and `python_info`.
"""

_OURS: Final = "routeserver_"
_SUFFIXES: Final = {"counter": "_total", "info": "_info"}
_MADE_BY_THE_FORMAT: Final = frozenset({"le"})


def metrics_reference() -> str:
    metrics = Metrics(lambda: _ONE_OF_EVERYTHING, version="", actions=())
    metrics.request_answered(None, "OK", 0.0)
    metrics.request_refused("AuthFailure")
    families = text_string_to_metric_families(metrics.render().decode())
    ours = {family.name: family for family in families if family.name.startswith(_OURS)}
    return _HEAD + "".join(_rows(ours)) + _TAIL


def _rows(families: dict[str, Metric]) -> Iterator[str]:
    for name in sorted(families):
        family = families[name]
        if name.endswith("_created"):  # a time stamp that the client adds to each counter
            continue
        labels = dict.fromkeys(
            label
            for sample in family.samples
            for label in sample.labels
            if label not in _MADE_BY_THE_FORMAT
        )
        is_info = name.endswith("_info")
        shown = name if is_info else name + _SUFFIXES.get(family.type, "")
        listed = ", ".join(f"`{label}`" for label in labels)
        kind = "info" if is_info else family.type
        yield f"| `{shown}` | {kind} | {listed} | {family.documentation} |\n"


if __name__ == "__main__":
    sys.stdout.write(metrics_reference())
