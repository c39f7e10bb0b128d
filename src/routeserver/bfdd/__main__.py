"""``python -m routeserver.bfdd FOLDER PORT LINGER_S``: how the server starts its daemon; not for
people."""

from __future__ import annotations

import sys
from pathlib import Path

from routeserver.bfdd.daemon import run

if __name__ == "__main__":
    run(Path(sys.argv[1]), port=int(sys.argv[2]), linger_s=float(sys.argv[3]))
