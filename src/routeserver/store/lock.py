"""One process for each data directory.

An advisory lock (``flock``) on a file inside it, which the kernel drops when its holder ends,
however it ends. The file's content, the holder's process id, is only for people to read: a lock
file that is left behind says nothing, a lock that is held says everything.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from routeserver.store.errors import StoreError, translated

LOCK_FILE: Final = "lock"


class DataDirLock:
    """Taken when made, given back by `close`, at the end of a ``with`` block, or with the process.

    Raises StoreError naming the directory and the process that holds it.
    """

    def __init__(self, directory: Path | str) -> None:
        self._directory = Path(directory)
        with translated(str(self._directory)):
            # Not inherited: a child that outlives this process must not keep the lock.
            self._fd: int | None = os.open(
                self._directory / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600
            )
        try:
            self._take(self._fd)
        except BaseException:
            os.close(self._fd)
            raise

    def close(self) -> None:
        """The file stays: removing it would let two processes lock two files of one name."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _take(self, fd: int) -> None:
        with translated(str(self._directory)):
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                holder = os.pread(fd, 32, 0).decode("ascii", "replace").strip()
                raise StoreError(
                    f"{self._directory}: in use by process {holder or '(unknown)'}; "
                    "stop it first or name another data directory"
                ) from error
            os.ftruncate(fd, 0)
            os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
