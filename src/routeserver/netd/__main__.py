"""``python -m routeserver.netd DESCRIPTOR INSTANCE INTERFACE TABLES [outside]``: how the server
starts its helper; not for people. INTERFACE may be empty, TABLES are numbers with commas."""

from __future__ import annotations

import sys

from routeserver.netd.process import run

if __name__ == "__main__":
    run(sys.argv[1:])
