"""Network namespaces: those of the VPCs, which are made, marked, found and removed here, and those
of others, which are entered for a moment.

One of ours has a name (`names`), and `lo` in it has the alias "routeserver INSTANCE": whose work it
is. It gets that, and everything else that makes it what it is (`shape`), before it gets its name.
"""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from routeserver.netd import linux
from routeserver.netd.errors import OrderError
from routeserver.netd.linux import Mount
from routeserver.netd.names import RUN_NETNS, Names, taken
from routeserver.netd.orders import HERE
from routeserver.netd.rtnetlink import Netlink
from routeserver.netd.shape import empty, is_marked, mark, shape

OWN: Final = "/proc/self/ns/net"

_NS_GET_NSTYPE: Final = 0xB703


@dataclass(slots=True)
class Kept:
    """A namespace that has been entered before: its descriptor, which also keeps its number from
    being another's, and a socket in it."""

    identity: tuple[int, int]
    descriptor: int
    netlink: Netlink

    def close(self) -> None:
        self.netlink.close()
        os.close(self.descriptor)


class Namespaces:
    """`instance` is whose namespaces are ours. To be made once, by the only thread."""

    def __init__(self, instance: str, folder: Path = RUN_NETNS) -> None:
        """Raises OSError."""
        self._mark = f"routeserver {instance}"
        self._names = Names(self._mark, folder)
        self._home = os.open(OWN, os.O_RDONLY | os.O_CLOEXEC)
        self._home_identity = _identity(os.fstat(self._home))
        self._kept: dict[str, Kept] = {}
        self._here: Netlink | None = None

    # --- entering ---------------------------------------------------------------------------------

    @contextmanager
    def inside(self, name: str) -> Iterator[None]:
        """This thread is in the VPC's namespace, or stays in HERE. Raises OrderError."""
        if name == HERE:
            yield
            return
        with self.entered(self._known(name).descriptor):
            yield

    @contextmanager
    def entered(self, descriptor: int) -> Iterator[None]:
        """Any namespace. Raises OSError."""
        linux.setns(descriptor)
        with self._returning():
            yield

    @contextmanager
    def unnamed(self) -> Iterator[None]:
        """A new namespace, gone behind the block. Raises OSError."""
        with self._returning():
            linux.unshare(linux.CLONE_NEWNET)
            yield

    @contextmanager
    def _returning(self) -> Iterator[None]:
        try:
            yield
        finally:
            try:
                linux.setns(self._home)
            except OSError:
                # Whatever were done from here on would be done in the wrong place.
                os._exit(70)

    def netlink(self, name: str) -> Netlink:
        """The socket that is kept in the namespace. Raises OrderError, OSError."""
        if name == HERE:
            self._here = self._here or Netlink()
            return self._here
        return self._known(name).netlink

    def descriptor(self, name: str) -> int:
        """Of the namespace, ours to keep. Raises OrderError, OSError."""
        return self._home if name == HERE else self._known(name).descriptor

    @contextmanager
    def target(self, path: str, *, may_be_ours: bool = False) -> Iterator[int]:
        """A descriptor of somebody's network namespace. Raises OrderError.

        The helper's own is never one. One of ours is only where it is asked for.
        """
        descriptor = self._open(path)
        try:
            identity = _identity(os.fstat(descriptor))
            if identity == self._home_identity:
                raise OrderError(
                    f"{path} is the namespace of the server itself; name another", errno.EPERM
                )
            if not may_be_ours and self._is_marked(descriptor):
                raise OrderError(f"{path} is the namespace of a VPC; name another", errno.EPERM)
            yield descriptor
        finally:
            os.close(descriptor)

    def _open(self, path: str) -> int:
        """A network namespace by its path; opens nothing that is not one. Raises OrderError."""
        try:
            place = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except OSError as error:
            raise _cannot_use(path, error) from error
        try:
            if os.fstat(place).st_dev != self._home_identity[0]:
                raise OrderError(f"{path} is no network namespace; name one", errno.EINVAL)
            descriptor = os.open(f"/proc/self/fd/{place}", os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise _cannot_use(path, error) from error
        finally:
            os.close(place)
        try:
            kind = fcntl.ioctl(descriptor, _NS_GET_NSTYPE)
        except OSError:
            kind = 0
        if kind != linux.CLONE_NEWNET:
            os.close(descriptor)
            raise OrderError(f"{path} is no network namespace; name one", errno.EINVAL)
        return descriptor

    # --- ours -------------------------------------------------------------------------------------

    def make(self, name: str) -> None:
        """Raises OrderError, OSError."""
        path = self._names.path(name)
        if self._is_there(name):
            with self.inside(name):
                shape()
            return
        self._names.prepare()
        self._names.write(path)
        try:
            with self.unnamed():
                mark(self._mark)
                shape()
                linux.mount(OWN, str(path), flags=Mount.BIND)
        except BaseException:
            path.unlink()
            raise

    def remove(self, name: str) -> None:
        """Raises OrderError, OSError."""
        path = self._names.path(name)
        if self._is_there(name):
            # Sockets of the server may keep the namespace for a while, but not what is in it.
            empty(self.netlink(name))
            self._forget(name)
            linux.unmount(str(path))
        elif not self._names.is_begun(path):
            return
        path.unlink()

    def names(self) -> tuple[str, ...]:
        """Those that are ours, whole or begun. Raises OSError."""
        found = []
        for name in self._names.all():
            with suppress(OrderError, OSError):
                if self._is_there(name) or self._names.is_begun(self._names.path(name)):
                    found.append(name)
        return tuple(found)

    def close(self) -> None:
        for name in list(self._kept):
            self._forget(name)
        if self._here is not None:
            self._here.close()
        os.close(self._home)

    def _known(self, name: str) -> Kept:
        if not self._is_there(name):
            raise OrderError(f"there is no namespace {name}; make it first", errno.ENOENT)
        return self._kept[name]

    def _is_there(self, name: str) -> bool:
        """Whether the namespace is there and ours. Raises OrderError for somebody else's."""
        path = self._names.path(name)
        try:
            found = path.lstat()
        except FileNotFoundError:
            self._forget(name)
            return False
        kept = self._kept.get(name)
        if kept is not None and kept.identity == _identity(found):
            return True
        self._forget(name)
        if self._names.is_begun(path):
            return False
        try:
            descriptor = self._open(str(path))
        except OrderError as error:
            raise taken(path) from error
        try:
            netlink = self._netlink_of_ours(descriptor, path)
        except BaseException:
            os.close(descriptor)
            raise
        self._kept[name] = Kept(_identity(os.fstat(descriptor)), descriptor, netlink)
        return True

    def _netlink_of_ours(self, descriptor: int, path: Path) -> Netlink:
        if not self._is_marked(descriptor):
            raise taken(path)
        with self.entered(descriptor):
            return Netlink()

    def _is_marked(self, descriptor: int) -> bool:
        with self.entered(descriptor):
            return is_marked(self._mark)

    def _forget(self, name: str) -> None:
        kept = self._kept.pop(name, None)
        if kept is not None:
            kept.close()


def _identity(found: os.stat_result) -> tuple[int, int]:
    return found.st_dev, found.st_ino


def _cannot_use(path: str, error: OSError) -> OrderError:
    number = error.errno or 0
    match number:
        case errno.ENOENT | errno.ENOTDIR:
            reason = f"there is no network namespace {path}; make it, or name another"
        case errno.EACCES | errno.EPERM:
            reason = (
                f"the namespace {path} may not be entered; the server needs CAP_SYS_ADMIN there"
            )
        case _:
            reason = f"{path} cannot be used: {os.strerror(number)}"
    return OrderError(reason, number)
