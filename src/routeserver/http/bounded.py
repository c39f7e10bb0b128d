"""uvicorn's fast HTTP protocol with the bounds that only its slow one has.

A request's head (request line and headers) may take so many bytes and so many seconds; a connection
that exceeds either is answered 400 and closed. Without them one client could make the server
remember an endless header, or hold connections open for nothing. Bodies are the endpoint's to
bound.
"""

from __future__ import annotations

import asyncio
from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD_BYTES: Final = 64 * 1024
MAX_HEAD_S: Final = 30.0


class BoundedHttpProtocol(HttpToolsProtocol):
    """One connection. Inherits because uvicorn takes its protocol as a class."""

    _in_head = True
    _head_bytes = 0
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._deadline = self.loop.call_later(MAX_HEAD_S, self._head_took_too_long)

    def connection_lost(self, exc: Exception | None) -> None:
        self._disarm()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.transport.is_closing() or not self._in_head:
            self._disarm()
            return
        self._head_bytes += len(data)
        if self._head_bytes > MAX_HEAD_BYTES:
            self._refuse(f"The request head is larger than {MAX_HEAD_BYTES} bytes.")
        elif self._deadline is None:
            self._deadline = self.loop.call_later(MAX_HEAD_S, self._head_took_too_long)

    def on_message_begin(self) -> None:
        self._in_head = True
        self._head_bytes = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_head = False
        super().on_headers_complete()

    def _head_took_too_long(self) -> None:
        self._deadline = None
        self._refuse(f"The request head did not arrive within {MAX_HEAD_S:g} seconds.")

    def _refuse(self, reason: str) -> None:
        self._disarm()
        if not self.transport.is_closing():
            self.send_400_response(reason)

    def _disarm(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
