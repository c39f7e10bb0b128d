"""The first thing that a server does: have the helper started, and give all privilege up.

What reads BGP, BFD and HTTP has none. Who starts the server as root, as root of a user namespace,
or with some of the capabilities that the helper can use, has a helper; everybody else has none, and
the server says what it therefore cannot do.
"""

from __future__ import annotations

import os
import pwd
import select
import signal
import socket
import stat
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

import routeserver
from routeserver.app import data_dir
from routeserver.app.errors import StartError
from routeserver.app.fabric import lacks_privilege
from routeserver.app.http_server import bind
from routeserver.bfdd import rendezvous
from routeserver.netd import drop, linux
from routeserver.netd.drop import DropError, Identity, Need
from routeserver.netd.process import NEEDED
from routeserver.netd.starting import HelperProcess, start_helper
from routeserver.settings.load import CONFIG_FILE, DEFAULT, Effective
from routeserver.settings.model import Fabric, Settings

ROOT: Final = "root"
NOT_THE_USERS: Final = frozenset({"run_as", "fabric", "host_interface", "host_table", "outside"})
"""Settings by which the user that the server becomes could have more than it was given."""

_NETWORKS: Final = linux.mask(linux.CAP_NET_ADMIN, linux.CAP_SYS_ADMIN)
_LOW_PORTS: Final = linux.mask(linux.CAP_NET_BIND_SERVICE)
_SQLITE: Final = "sqlite:///"
_OLD_DAEMON_S: Final = 3.0

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Privileges:
    """What is left: a helper, and the API's socket where it was opened beforehand. `lacking` are
    features that this server does without, in the words for a user."""

    helper: HelperProcess | None = None
    listening: socket.socket | None = None
    lacking: tuple[str, ...] = ()


NONE: Final = Privileges()


def settle(effective: Effective) -> Privileges:
    """Before there is a thread or an event loop, and before anything is heard from anybody.

    Raises StartError.
    """
    settings = effective.settings
    held = linux.capabilities() & NEEDED
    is_root = os.geteuid() == 0
    if settings.fabric is not Fabric.LOOPBACK and held & _NETWORKS != _NETWORKS:
        raise StartError(lacks_privilege(settings.fabric))
    if not held:
        _must_be_allowed(settings.run_as)
        linux.prctl(linux.PR_SET_NO_NEW_PRIVS, 1)
        return Privileges(lacking=_lacking(held))
    if is_root:
        _must_be_roots(effective)
    identity = _identity(settings.run_as) if is_root else None
    data_dir.make(settings.data_dir)
    if identity is not None:
        data_dir.must_be_the_servers_own(settings.data_dir, pwd.getpwuid(0).pw_dir)
    with data_dir.taken(settings.data_dir):
        pass  # so that nothing is taken away from a server that runs on it
    _end_daemon_of_another(settings.data_dir, identity.uid if identity else os.geteuid())
    listening = bind(settings.listen)
    try:
        helper = start_helper(
            data_dir.ensure_instance(settings.data_dir),
            interface=settings.host_interface or "",
            tables=[settings.host_table] if settings.fabric is Fabric.HOST else [],
            is_outside=settings.fabric is Fabric.NETNS and settings.outside.kind == "host",
        )
    except OSError as error:
        raise StartError(
            f"the privileged helper cannot be started: {error.strerror}; try again"
        ) from error
    if settings.run_as != ROOT:
        try:
            drop.give_up(identity, list(_needs(settings)))
        except DropError as error:
            raise StartError(str(error)) from error
    return Privileges(helper, listening, _lacking(held))


def _identity(run_as: str | None) -> Identity | None:
    """Whom root becomes; None stays. Raises StartError."""
    if run_as == ROOT:
        return None
    if drop.is_alone():
        if run_as is not None:
            raise StartError(f"there is no user {run_as} in this user namespace; set run_as = auto")
        return None
    try:
        return drop.usual_identity() if run_as is None else drop.identity_of(run_as)
    except DropError as error:
        raise StartError(str(error)) from error


def _must_be_allowed(run_as: str | None) -> None:
    own = pwd.getpwuid(os.geteuid()).pw_name if run_as is not None else None
    if run_as != own:
        raise StartError(f"only root can run as {run_as}; set run_as = auto, or start it as root")


def _must_be_roots(effective: Effective) -> None:
    """What is said about privilege by the user who is to have none is not believed."""
    file = effective.settings.data_dir / CONFIG_FILE
    doubtful = [
        name for name in NOT_THE_USERS if effective.origins.get(name, DEFAULT) == f"file {file}"
    ]
    if not doubtful:
        return
    with data_dir.readable_errors(file.parent):
        about = file.stat()
    if about.st_uid != 0 or about.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise StartError(
            f"others than root may write {file}, which says {doubtful[0]}; "
            f"run chown root {file} and chmod 644 {file}"
        )


def _needs(settings: Settings) -> Iterator[Need]:
    """What the server and its BFD daemon go on using."""
    yield Need(settings.data_dir, is_written=True, is_given=True)
    package = Path(routeserver.__file__).parents[1]
    code = {Path(sys.base_prefix), Path(sys.prefix), package, *map(Path, sys.path)}
    files = {settings.peers_file, settings.seal_key_file}
    for path in sorted({path for path in code | files if path is not None and path.is_absolute()}):
        if path.exists():
            yield Need(path)
    if settings.database_url is not None and settings.database_url.startswith(_SQLITE):
        folder = Path("/", settings.database_url.removeprefix(_SQLITE)).parent
        if folder.exists():
            yield Need(folder, is_written=True)


def _lacking(held: int) -> tuple[str, ...]:
    lacking = []
    if held & _NETWORKS != _NETWORKS:
        lacking += ["fabric netns", "fabric host"]
    if not held & _LOW_PORTS:
        lacking.append("ports below 1024 (BGP on 179)")
    return tuple(lacking)


def tell(settings: Settings, privileges: Privileges) -> None:
    """One line in the log: who this process is, what it may, what it does without."""
    uid = os.geteuid()
    keeps = settings.run_as == ROOT and uid == 0
    (_log.warning if keeps else _log.info)(
        "privilege",
        user=_name_of(uid),
        uid=uid,
        capabilities="all, because run_as is root" if keeps else "none",
        helper=None if privileges.helper is None else privileges.helper.pid,
        lacking=list(privileges.lacking),
    )


def _name_of(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _end_daemon_of_another(folder: Path, uid: int) -> None:
    """A BFD daemon that a server under another user has left behind: this one could not lead it,
    nor end it once it is nobody. Its sessions say AdminDown, and start anew."""
    door = folder / rendezvous.SOCKET
    try:
        if not stat.S_ISSOCK(door.lstat().st_mode):
            return
        connection = rendezvous.dial(folder)
    except OSError:
        return
    if connection is None:
        return
    with connection:
        daemon = rendezvous.credentials(connection)
    with suppress(OSError):
        descriptor = os.pidfd_open(daemon.pid)
        try:
            command = Path(f"/proc/{daemon.pid}/cmdline").read_bytes().split(b"\0")
            if daemon.uid == uid or b"routeserver.bfdd" not in command:
                return
            _log.warning("bfd_daemon_replaced", pid=daemon.pid, reason=f"it is user {daemon.uid}'s")
            signal.pidfd_send_signal(descriptor, signal.SIGTERM)
            look = select.poll()
            look.register(descriptor, select.POLLIN)
            look.poll(1000 * _OLD_DAEMON_S)
        finally:
            os.close(descriptor)
