"""``routeserver serve``: run the server in the foreground until SIGTERM or SIGINT."""

from __future__ import annotations

import asyncio
import sys
from typing import Final

from routeserver.app.privileges import settle
from routeserver.app.server import run
from routeserver.cli import flags
from routeserver.observe import log
from routeserver.settings.model import LogFormat

try:
    import uvloop as fastest
except ImportError:  # not on this platform
    import asyncio as fastest  # type: ignore[no-redef]

SWITCH_INTERVAL_S: Final = 0.0005
"""How long a thread waits before it asks the one that has the interpreter for it, which a read of
the database does again and again. While a table arrives, 99 % of API requests are answered within
28 ms; with Python's 5 ms it was 161 (`benchmarks.routing --measure load`)."""


def serve(  # noqa: PLR0917 - one for each flag
    data_dir: flags.DataDir = None,
    listen: flags.Listen = None,
    bgp_port: flags.BgpPort = None,
    fabric: flags.Fabric = None,
    profile: flags.Profile = None,
    config: flags.Config = None,
) -> None:
    """Run the server in the foreground; end it with SIGTERM or Ctrl-C.

    Logs go to standard error. 'routeserver config' lists every setting, these flags are a few.
    """
    effective = flags.effective(
        data_dir=data_dir,
        listen=listen,
        bgp_port=bgp_port,
        fabric=fabric,
        profile=profile,
        config=config,
    )
    settings = effective.settings
    as_json = settings.log_format is LogFormat.JSON or (
        settings.log_format is LogFormat.AUTO and not sys.stderr.isatty()
    )
    log.configure(sys.stderr, level=settings.log_level, json=as_json)
    privileges = settle(effective)
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    with asyncio.Runner(loop_factory=fastest.new_event_loop) as runner:
        runner.run(run(settings, privileges))
