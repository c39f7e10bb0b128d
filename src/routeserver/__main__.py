"""``python -m routeserver`` is ``routeserver``."""

from __future__ import annotations

from routeserver.cli.main import main

if __name__ == "__main__":
    main()
