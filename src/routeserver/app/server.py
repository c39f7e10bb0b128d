"""The server as a whole: every part made, joined, started in order and ended in the opposite one.

What it needs of the world (settings, clocks, chance) is named here and handed inwards; no inner
part reaches for any of it. Each part that is up is closed again, however far the start came.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from typing import Final

import structlog

import routeserver
from routeserver.app import data_dir
from routeserver.app.collector import keep_off_the_heap, use_collector
from routeserver.app.data_dir import ServerInfo
from routeserver.app.data_plane import make_data_plane
from routeserver.app.errors import StartError
from routeserver.app.fabric import MadeFabric, make_fabric
from routeserver.app.health import Health, Vitals
from routeserver.app.http_server import bind, serving, url_of
from routeserver.app.inventory import Inventory
from routeserver.app.metered import MeteredApi
from routeserver.app.operator_socket import operator_socket
from routeserver.app.privileges import NONE, Privileges, tell
from routeserver.app.root_key import ensure_root_key
from routeserver.app.secret_key import ensure_seal
from routeserver.app.session_timers import session_timers
from routeserver.bfd.session import BfdConfig
from routeserver.bfdd.client import BfdDaemon, BfdDaemonError
from routeserver.control.access.access import Access
from routeserver.control.access.directory import Directory
from routeserver.control.access.throttle import Throttle
from routeserver.control.api import Api
from routeserver.control.operator.book import PeerSettingsBook, PeersFileError
from routeserver.control.operator.desk import Desk
from routeserver.control.policy import Policy
from routeserver.control.reconcile.loop import ReconcileLoop
from routeserver.control.reconcile.reconciler import Reconciler
from routeserver.control.registry import OPERATIONS
from routeserver.control.world import World
from routeserver.dataplane import DataPlane
from routeserver.http.app import make_app
from routeserver.http.endpoint import Limits as HttpLimits
from routeserver.http.operator import make_operator_app
from routeserver.http.operator_server import operator_server_config
from routeserver.http.server import server_config
from routeserver.net.ids import Draws
from routeserver.netd.client import NetdClient
from routeserver.netd.starting import HelperProcess
from routeserver.observe.audit import AuditTrail
from routeserver.observe.loop_ticker import LoopTicker
from routeserver.observe.metrics import Metrics
from routeserver.observe.recorder import Recorder
from routeserver.settings.model import Fabric, Settings
from routeserver.settings.peers_file import read_peers_file
from routeserver.speaker.speaker import Speaker
from routeserver.speaker.spec import Limits
from routeserver.store import Store
from routeserver.store.seal import Seal

OTHERS_WRITE_S: Final = 5.0
"""How long credentials may be older than a database that other servers write, too."""

LAST_ORDER_S: Final = 10.0
"""How long the helper may take to carry out what it was last asked for."""

_ENDING: Final = (signal.SIGTERM, signal.SIGINT)

_log = structlog.get_logger()


async def run(settings: Settings, privileges: Privileges = NONE) -> None:
    """Serve until SIGTERM or SIGINT.

    Raises StartError or StoreError when it cannot start, or when the privileged helper ends.
    """
    use_collector()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in _ENDING:
        loop.add_signal_handler(number, _stop, stop, number.name)
    opened = privileges.listening
    with data_dir.taken(settings.data_dir), opened or bind(settings.listen) as listening:
        async with AsyncExitStack() as parts:
            netd = _client_of(privileges.helper, stop, parts)
            await _start(settings, netd, listening, parts)
            tell(settings, privileges)
            await stop.wait()
            is_helped = netd is None or not netd.ended.done()
    if not is_helped:
        raise StartError("the privileged helper has ended; start the server again")
    _log.info("stopped")


def _client_of(
    helper: HelperProcess | None, stop: asyncio.Event, parts: AsyncExitStack
) -> NetdClient | None:
    """What is asked of the helper; when that one goes, the server ends: nothing that it would
    decide from then on would reach the kernel."""
    if helper is None:
        return None
    netd = NetdClient(helper.connection)

    def gone(_: object) -> None:
        if not is_closing:
            _log.error("helper_gone", pid=helper.pid)
            _stop(stop, "the privileged helper has ended")

    is_closing = False
    netd.ended.add_done_callback(gone)

    async def close() -> None:
        nonlocal is_closing
        is_closing = True
        netd.close()
        with suppress(subprocess.TimeoutExpired):
            await asyncio.to_thread(helper.process.wait, LAST_ORDER_S)

    parts.push_async_callback(close)
    return netd


def _data_plane(
    settings: Settings, netd: NetdClient | None, built: MadeFabric, parts: AsyncExitStack
) -> DataPlane:
    made = make_data_plane(settings, netd, built.place, has_nexthops=built.has_nexthops)
    parts.callback(built.fabric.close)
    parts.push_async_callback(made.close)
    return made


def _stop(stop: asyncio.Event, reason: str) -> None:
    if not stop.is_set():
        _log.info("stopping", reason=reason)
    stop.set()


async def _start(
    settings: Settings,
    netd: NetdClient | None,
    listening: socket.socket,
    parts: AsyncExitStack,
) -> None:
    started_at = time.monotonic()
    book = _book(settings)
    built = await make_fabric(settings, netd)
    store = await Store.open(settings.database_url or data_dir.database_url(settings.data_dir))
    parts.push_async_callback(store.close)
    seal = ensure_seal(settings.data_dir, settings.seal_key_file, os.urandom)
    await ensure_root_key(settings.data_dir, store, seal, os.urandom)
    trail = _audit_trail(settings)
    if trail is not None:
        trail.start()
        parts.callback(trail.close)

    data_plane = _data_plane(settings, netd, built, parts)
    world = World(data_plane, built.fabric)
    bfd = BfdDaemon(
        world.bfd_changed,
        settings.data_dir,
        settings.bfd_port,
        linger_s=float(settings.bfd_linger_s),
        survives_stop=settings.bfd_survives_stop,
        source=built.fabric,
    )
    quotas = settings.quotas
    speaker = Speaker(
        listen=built.fabric.listen,
        port=built.bgp_port,
        clock=time.monotonic,
        sink=world,
        timers=session_timers(
            settings,
            is_restart=data_dir.has_been_used(settings.data_dir),
            forwarding_kept=data_plane.survives_restart,
        ),
        limits=Limits(quotas.routes_per_peer, quotas.routes_per_fib),
        started_at=started_at,
        follower=world if data_plane.wants_alternatives else None,
    )
    world.attach(speaker, bfd)
    try:
        await bfd.start()
    except BfdDaemonError as error:
        raise StartError(str(error)) from error
    parts.push_async_callback(_end_bfd, bfd, netd)
    parts.push_async_callback(speaker.close)

    policy = policy_of(settings, built)
    reconciler = Reconciler(
        store,
        world,
        policy,
        bfd=BfdConfig(
            desired_min_tx_us=1000 * settings.bfd_interval_ms,
            required_min_rx_us=1000 * settings.bfd_interval_ms,
            detect_mult=settings.bfd_multiplier,
        ),
        settings_of=book.settings_of,
        wall_clock=time.time,
        random_bytes=os.urandom,
    )
    ticker = LoopTicker()
    inventory = Inventory(store, world, ticker.take)
    reconciling = ReconcileLoop(_then_refresh(reconciler.activate, inventory))
    store.on_commit = reconciling.wake
    built.fabric.on_change = reconciling.wake
    await reconciling.start()
    parts.push_async_callback(reconciling.stop)

    ticker.start()
    parts.callback(ticker.stop)
    metrics = Metrics(
        inventory.snapshot,
        version=routeserver.__version__,
        actions=[action for operations in OPERATIONS.values() for action in operations],
        audit_lost=lambda: 0 if trail is None else trail.lost,
    )
    access = _access(settings, store, seal)
    api = Api(
        store,
        world,
        policy,
        wall_clock=time.time,
        random_bytes=os.urandom,
        wake=reconciling.wake,
        access=access,
        id_bytes=Draws(os.urandom),
    )
    health = Health(
        Vitals(
            bfd_pid=lambda: bfd.pid,
            read_store=inventory.probe,
            reconciler_failing_s=lambda: reconciling.failing_s,
            reconciler_busy_s=lambda: reconciling.busy_s,
            loop_lag_s=ticker.recent_s,
        ),
        routeserver.__version__,
    )
    app = make_app(
        MeteredApi(api, metrics, time.monotonic, settings.access_log),
        health.report,
        metrics.scrape,
        regions=settings.regions,
        limits=HttpLimits(body_bytes=settings.body_limit_bytes),
        audit=None if trail is None else trail.write,
        count_refused=metrics.request_refused,
    )
    await parts.enter_async_context(serving(server_config(app), listening))

    recorder = Recorder(time.time)
    desk = Desk(
        store,
        world,
        book,
        recorder,
        clock=time.monotonic,
        wall_clock=time.time,
        wake=reconciling.wake,
        access=access,
        random_bytes=os.urandom,
    )
    door = parts.enter_context(operator_socket(settings.data_dir))
    await parts.enter_async_context(serving(operator_server_config(make_operator_app(desk)), door))
    # Before the door closes: it would wait for whoever reads a recording.
    parts.callback(recorder.close)
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, _reread, book, reconciling)

    info = ServerInfo(
        pid=os.getpid(),
        endpoint_url=url_of(listening),
        region=settings.regions[0],
        bgp_port=built.bgp_port,
        bfd_port=settings.bfd_port,
    )
    data_dir.write_server_info(settings.data_dir, info)
    keep_off_the_heap()
    _log.info(
        "listening",
        http=info.endpoint_url,
        bgp_port=built.bgp_port,
        bfd_port=settings.bfd_port,
        data_dir=str(settings.data_dir),
        profile=settings.profile.value,
        fabric=settings.fabric.value,
    )


async def _end_bfd(bfd: BfdDaemon, netd: NetdClient | None) -> None:
    """Without a helper this is a crash, which BFD outlives until the next start."""
    if netd is not None and netd.ended.done():
        bfd.survives_stop = True
    await bfd.close()


def _book(settings: Settings) -> PeerSettingsBook:
    """The settings of all peers. Raises StartError for a peers' file that is wrong."""
    try:
        return PeerSettingsBook(
            settings.profile.value,
            lambda: read_peers_file(settings.peers_file, settings.profile.value),
        )
    except PeersFileError as error:
        raise StartError(str(error)) from error


def _reread(book: PeerSettingsBook, reconciling: ReconcileLoop) -> None:
    """SIGHUP: the peers' file is read again; one that is wrong changes nothing."""
    try:
        book.reload()
    except PeersFileError as error:
        _log.error("peers_file_refused", reason=str(error))
        return
    _log.info("peers_file_read", path=book.file.path or None, sections=len(book.file.sections))
    reconciling.wake()


def _access(settings: Settings, store: Store, seal: Seal) -> Access:
    # The embedded database is this process's alone; another may be written by others.
    keep_s = None if settings.database_url is None else OTHERS_WRITE_S
    directory = Directory(store, seal, time.monotonic, keep_s)
    rates = settings.request_rate
    return Access(seal, directory, None if rates is None else Throttle(rates, time.monotonic))


def _audit_trail(settings: Settings) -> AuditTrail | None:
    if settings.audit_bytes is None:
        return None
    path = settings.data_dir / data_dir.AUDIT
    return AuditTrail(path, settings.audit_bytes, settings.audit_files)


def policy_of(settings: Settings, built: MadeFabric) -> Policy:
    """The part of the settings that operations look at."""
    return Policy(
        profile=settings.profile.value,
        quotas=settings.quotas,
        regions=settings.regions,
        zones=settings.zones,
        accept_loopback_vpc=settings.fabric is Fabric.LOOPBACK,
        needs_plug=built.fabric.needs_plug,
        shadows=built.shadows,
        tombstone_s=float(settings.tombstone_s),
    )


def _then_refresh(
    activate: Callable[[], Awaitable[bool]], inventory: Inventory
) -> Callable[[], Awaitable[bool]]:
    async def step() -> bool:
        moved = await activate()
        await inventory.refresh()
        return moved

    return step
