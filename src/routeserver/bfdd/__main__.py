"""``python -m routeserver.bfdd FD PORT``: how the server starts its BFD daemon; not for people."""

from __future__ import annotations

import sys

from routeserver.bfdd.daemon import run

if __name__ == "__main__":
    run(fd=int(sys.argv[1]), port=int(sys.argv[2]))
