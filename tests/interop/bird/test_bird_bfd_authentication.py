"""BIRD's keyed SHA-1 over a veth pair: both agree on the digest and on the sequence numbers."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from routeserver.bfd.authentication import BfdAuth
from routeserver.bfd.session import BfdConfig
from routeserver.bfdd.engine import BfdEngine
from routeserver.bfdd.spec import BfdChange, BfdSpec
from tests.bfdd.support import PATIENCE_S, eventually
from tests.interop.daemons import Daemon, require
from tests.interop.namespaces import linked

HERE, THERE = "10.62.1.1", "10.62.1.10"
SECRET = "sesame"


def config(kind: str) -> str:
    return f"""\
log stderr all;
router id {THERE};
protocol device {{ scan time 1; }}
protocol bfd {{
  debug all;
  strict bind;
  interface "*" {{
    interval 50 ms; multiplier 10;
    authentication {kind};
    password "{SECRET}" {{ id 7; }};
  }};
  neighbor {HERE} dev "veth0" local {THERE};
}}
"""


@pytest.mark.parametrize(
    ("kind", "meticulous"), [("keyed sha1", False), ("meticulous keyed sha1", True)]
)
async def test_an_authenticated_session_comes_up_stays_up_and_is_lost_with_the_key(
    tmp_path: Path, kind: str, meticulous: bool
) -> None:
    binary = require("bird", "bird2")
    path = tmp_path / "bird.conf"
    path.write_text(config(kind))
    arguments = [binary, "-f", "-c", str(path), "-s", str(tmp_path / "bird.ctl")]
    bird = Daemon("bird", arguments, tmp_path / "bird.log")
    changes: asyncio.Queue[BfdChange] = asyncio.Queue()
    with linked() as link:
        link.add_addresses(f"{HERE}/24", f"{THERE}/24")
        with link.server.entered():
            engine = BfdEngine(changes.put_nowait)

            def converge(secret: str, interval_us: int) -> None:
                auth = BfdAuth(7, secret.encode(), meticulous)
                wanted = BfdConfig(interval_us, interval_us, 10, auth=auth)
                assert engine.converge({"bird": BfdSpec("bird", HERE, THERE, wanted)}) == {}

            async def next_change() -> bool:
                async with asyncio.timeout(PATIENCE_S):
                    return (await changes.get()).up

            with link.appliance.entered():
                bird.start()
            try:
                converge(SECRET, 50_000)
                assert await next_change()
                converge(SECRET, 60_000)  # a poll sequence under authentication
                session = engine._by_id["bird"].session
                await eventually(lambda: session.transmit_interval_s >= 0.06)
                assert changes.empty()
                converge("another", 60_000)
                assert not await next_change()
                await eventually(lambda: bool(engine.discards.total))
                assert changes.empty()
            finally:
                engine.close()
                bird.stop()
