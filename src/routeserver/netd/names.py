"""The names of network namespaces: files under /run/netns that namespaces are bound to, as
iproute2 keeps them.

A file that we make holds our mark, so that a name without a namespace, where the helper was killed
between the two, is known for ours.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import Final

from routeserver.netd import linux
from routeserver.netd.checks import namespace_name
from routeserver.netd.errors import OrderError
from routeserver.netd.linux import Mount

RUN_NETNS: Final = Path("/run/netns")
_LONGEST_MARK: Final = 200


class Names:
    def __init__(self, mark: str, folder: Path) -> None:
        self._mark = mark
        self._folder = folder
        self._is_prepared = False

    def path(self, name: str) -> Path:
        """Raises OrderError for what is no name."""
        return self._folder / namespace_name(name)

    def all(self) -> list[str]:
        try:
            return sorted(path.name for path in self._folder.iterdir())
        except FileNotFoundError:
            return []

    def is_begun(self, path: Path) -> bool:
        """Whether it is a name that we have written and that no namespace is bound to."""
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                return False
            return os.read(descriptor, _LONGEST_MARK) == self._mark.encode()
        except OSError:  # a namespace is a regular file that cannot be read
            return False
        finally:
            os.close(descriptor)

    def write(self, path: Path) -> None:
        """The file that the namespace is bound to: there with our words in it, or not there."""
        if self.is_begun(path):
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
            raise taken(path) from error
        finally:
            os.close(folder)

    def prepare(self) -> None:
        """The folder of names: made where it is missing, its mounts seen everywhere, as iproute2
        has it. In a user namespace, where it is somebody else's, a file system of our own."""
        if self._is_prepared:
            return
        try:
            self._share()
        except PermissionError:
            self._cover_it()
            self._share()
        self._is_prepared = True

    def _share(self) -> None:
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

    def _cover_it(self) -> None:
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


def taken(path: Path) -> OrderError:
    return OrderError(
        f"{path} is there and was not made by this server; remove it (ip netns delete "
        f"{path.name}), or start the server on the data directory that it belongs to",
        errno.EEXIST,
    )
