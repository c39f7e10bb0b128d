"""Network namespaces: those of the VPCs, which are made, marked, found and removed here, and those
of others, which are entered for a moment.

One of ours has a name under /run/netns, as iproute2 keeps them, and `lo` in it has the alias
"routeserver INSTANCE": whose work it is. It gets that, and everything else that makes it what it
is, before it gets its name. The file that the name is bound to holds the same words, so that a
name without a namespace (where the helper was killed between the two) is known for ours, too.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from routeserver.netd import linux
from routeserver.netd.checks import namespace_name
from routeserver.netd.errors import OrderError
from routeserver.netd.linux import Mount
from routeserver.netd.orders import HERE
from routeserver.netd.rtnetlink import Netlink
from routeserver.netlink.link import Link, delete_group, list_links, set_group, set_link

RUN_NETNS: Final = Path("/run/netns")
OWN: Final = "/proc/self/ns/net"

_NS_GET_NSTYPE: Final = 0xB703
_LONGEST_MARK: Final = 200
_LEAVING: Final = 179
"""The group of links that are to go."""

SYSCTLS: Final[tuple[tuple[str, str], ...]] = (
    # Forwarding first: it sets others to what a router has.
    ("ipv4/ip_forward", "1"),
    ("ipv6/conf/all/forwarding", "1"),
    *(
        (f"ipv4/conf/{which}/{name}", value)
        for which in ("all", "default")
        for name, value in (
            ("send_redirects", "0"),
            ("accept_redirects", "0"),
            ("accept_source_route", "0"),
            ("rp_filter", "0"),
            ("arp_ignore", "1"),
            ("arp_announce", "2"),
        )
    ),
    *(
        (f"ipv6/conf/{which}/{name}", value)
        for which in ("all", "default")
        for name, value in (
            ("forwarding", "1"),
            ("accept_ra", "0"),
            ("accept_redirects", "0"),
            ("accept_dad", "0"),
            ("dad_transmits", "0"),
        )
    ),
    # A route by a next-hop object is listed without a copy of the way out, and a changed object
    # is told as that alone.
    ("ipv4/nexthop_compat_mode", "0"),
    ("bridge/bridge-nf-call-iptables", "0"),
    ("bridge/bridge-nf-call-ip6tables", "0"),
    ("bridge/bridge-nf-call-arptables", "0"),
)
_NEEDED: Final = "ipv4/ip_forward"


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
        self._folder = folder
        self._home = os.open(OWN, os.O_RDONLY | os.O_CLOEXEC)
        self._home_identity = _identity(os.fstat(self._home))
        self._kept: dict[str, Kept] = {}
        self._here: Netlink | None = None
        self._is_prepared = False

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
        path = self._path(name)
        if self._is_there(name):
            with self.inside(name):
                _shape()
            return
        self._prepare_folder()
        self._write_name(path)
        try:
            with self.unnamed():
                self._mark_this()
                _shape()
                linux.mount(OWN, str(path), flags=Mount.BIND)
        except BaseException:
            path.unlink()
            raise

    def remove(self, name: str) -> None:
        """Raises OrderError, OSError."""
        path = self._path(name)
        if self._is_there(name):
            # Sockets of the server may keep the namespace for a while, but not what is in it.
            _empty(self.netlink(name))
            self._forget(name)
            linux.unmount(str(path))
        elif not self._is_begun(path):
            return
        path.unlink()

    def names(self) -> tuple[str, ...]:
        """Those that are ours, whole or begun. Raises OSError."""
        try:
            entries = sorted(path.name for path in self._folder.iterdir())
        except FileNotFoundError:
            return ()
        found = []
        for name in entries:
            with suppress(OrderError, OSError):
                if self._is_there(name) or self._is_begun(self._path(name)):
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
        path = self._path(name)
        try:
            found = path.lstat()
        except FileNotFoundError:
            self._forget(name)
            return False
        kept = self._kept.get(name)
        if kept is not None and kept.identity == _identity(found):
            return True
        self._forget(name)
        if self._is_begun(path):
            return False
        try:
            descriptor = self._open(str(path))
        except OrderError as error:
            raise _taken(path) from error
        try:
            netlink = self._netlink_of_ours(descriptor, path)
        except BaseException:
            os.close(descriptor)
            raise
        self._kept[name] = Kept(_identity(os.fstat(descriptor)), descriptor, netlink)
        return True

    def _netlink_of_ours(self, descriptor: int, path: Path) -> Netlink:
        if not self._is_marked(descriptor):
            raise _taken(path)
        with self.entered(descriptor):
            return Netlink()

    def _is_marked(self, descriptor: int) -> bool:
        with self.entered(descriptor):
            netlink = Netlink()
        try:
            loopback = netlink.link("lo")
        finally:
            netlink.close()
        return loopback is not None and loopback.alias == self._mark

    def _is_begun(self, path: Path) -> bool:
        """Whether it is a name that we have written and that no namespace is bound to."""
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                return False
            if os.fstat(descriptor).st_dev == self._home_identity[0]:
                return False
            return os.read(descriptor, _LONGEST_MARK) == self._mark.encode()
        finally:
            os.close(descriptor)

    def _forget(self, name: str) -> None:
        kept = self._kept.pop(name, None)
        if kept is not None:
            kept.close()

    def _path(self, name: str) -> Path:
        return self._folder / namespace_name(name)

    # --- making -----------------------------------------------------------------------------------

    def _mark_this(self) -> None:
        netlink = Netlink()
        try:
            loopback = netlink.link("lo")
            if loopback is None:
                raise OrderError("a new network namespace has no lo")
            netlink.do(set_link(loopback.index, alias=self._mark, up=True))
        finally:
            netlink.close()

    def _write_name(self, path: Path) -> None:
        """The file that the namespace is bound to: there with our words in it, or not there."""
        if self._is_begun(path):
            return
        folder = os.open(self._folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            file = os.open(self._folder, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o444)
            try:
                os.write(file, self._mark.encode())
                # With a folder's descriptor it is linkat(2), which follows to the file itself.
                os.link(f"/proc/self/fd/{file}", path.name, dst_dir_fd=folder)
            finally:
                os.close(file)
        except FileExistsError as error:
            raise _taken(path) from error
        finally:
            os.close(folder)

    def _prepare_folder(self) -> None:
        """The folder of names: made where it is missing, its mounts seen everywhere, as iproute2
        has it. In a user namespace, where it is somebody else's, a file system of our own."""
        if self._is_prepared:
            return
        try:
            self._share_folder()
        except PermissionError:
            self._cover_folder()
            self._share_folder()
        self._is_prepared = True

    def _share_folder(self) -> None:
        where = str(self._folder)
        self._folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        if not os.access(where, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), where)
        try:
            linux.mount("", where, flags=Mount.SHARED | Mount.RECURSIVE)
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
            linux.mount(where, where, flags=Mount.BIND | Mount.RECURSIVE)
            linux.mount("", where, flags=Mount.SHARED | Mount.RECURSIVE)

    def _cover_folder(self) -> None:
        where = self._folder
        while not where.exists():
            where = where.parent
        try:
            _cover(where)
        except PermissionError:  # the mounts are those of the user namespace around this one
            linux.unshare(linux.CLONE_NEWNS)
            linux.mount("", "/", flags=Mount.RECURSIVE | Mount.PRIVATE)
            _cover(where)


def _cover(where: Path) -> None:
    linux.mount("tmpfs", str(where), "tmpfs", Mount.NO_SUID | Mount.NO_DEV, "mode=755")


def _shape() -> None:
    """What a VPC is beside its contents, for the namespace that this thread is in."""
    for name, value in SYSCTLS:
        try:
            Path("/proc/sys/net", name).write_text(value)
        except FileNotFoundError as error:  # a kernel without IPv6, or without that feature
            if name == _NEEDED:
                raise OrderError("/proc/sys is not there; mount /proc", errno.ENOENT) from error


def _empty(netlink: Netlink) -> None:
    """Without its bridges and pairs, all of which go at once."""
    made = [link for link in netlink.all(list_links(), Link) if link.kind in {"veth", "bridge"}]
    for link in made:
        with suppress(OSError):  # the other end went meanwhile
            netlink.do(set_group(link.index, _LEAVING))
    if made:
        with suppress(OSError):  # as above
            netlink.do(delete_group(_LEAVING))


def _identity(found: os.stat_result) -> tuple[int, int]:
    return found.st_dev, found.st_ino


def _taken(path: Path) -> OrderError:
    return OrderError(
        f"{path} is there and was not made by this server; remove it (ip netns delete "
        f"{path.name}) or use another data directory's server",
        errno.EEXIST,
    )


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
