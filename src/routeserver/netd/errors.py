"""Why the helper does not carry out an order."""

from __future__ import annotations


class OrderError(Exception):
    """Becomes `Failed`: one line with the remedy, and the kernel's number where it gave one."""

    def __init__(self, reason: str, errno: int = 0) -> None:
        super().__init__(reason)
        self.errno = errno
