"""The process that asks the API while routes arrive: a fixed number of requests a second.

``python -m benchmarks.routing.api_client`` reads one JSON line (where, what, how many a second) and
asks until its standard input ends; then it says one JSON line: of each request when it was due and
how long after that the whole answer was there. A request that is late because the one before it was
slow counts from when it was due. The request is signed once: SigV4 holds for some minutes.
"""

from __future__ import annotations

import http.client
import json
import sys
import threading
import time
from typing import Any, Final

CONNECTIONS: Final = 4


def ask(order: dict[str, Any], number: int, stop: threading.Event, seen: list[Any]) -> None:
    """One connection's share of the requests."""
    connection = http.client.HTTPConnection(order["host"], order["port"], timeout=60)
    interval_s = CONNECTIONS / order["per_second"]
    due = time.monotonic() + interval_s * number / CONNECTIONS
    while not stop.wait(max(0.0, due - time.monotonic())):
        connection.request("POST", "/", order["body"], order["headers"])
        answer = connection.getresponse()
        answer.read()
        seen.append((due, time.monotonic() - due, answer.status))
        due += interval_s


def run() -> None:
    order = json.loads(sys.stdin.readline())
    stop = threading.Event()
    seen: list[Any] = []
    threads = [
        threading.Thread(target=ask, args=(order, number, stop, seen))
        for number in range(CONNECTIONS)
    ]
    for thread in threads:
        thread.start()
    sys.stdin.read()
    stop.set()
    for thread in threads:
        thread.join()
    sys.stdout.write(json.dumps(seen) + "\n")


if __name__ == "__main__":
    run()
