"""Asking the server that runs on this machine, through the socket in its data directory.

Every way in which that can fail is a sentence with what to do about it.
"""

from __future__ import annotations

import errno
import http.client
import json
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from routeserver.app.errors import StartError
from routeserver.app.operator_socket import OPERATOR, reachable
from routeserver.cli import flags

ANSWER_S: Final = 120.0
"""A what-if over millions of routes takes some seconds."""

_OK: Final = 200


class OperatorError(StartError):
    """What the server would not do, or why it could not be asked; one line."""


class _LocalConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: Path, timeout_s: float | None) -> None:
        super().__init__("operator", timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        connected = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connected.settimeout(self.timeout)
            with reachable(self._path) as address:
                connected.connect(address)
        except BaseException:
            connected.close()
            raise
        self.sock = connected


class Operator:
    """The server of one data directory. Every method raises OperatorError."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._path = data_dir / OPERATOR

    @classmethod
    def of(cls, data_dir: str | None, config: str | None) -> Operator:
        """The one that flags, environment and settings file point to. Raises SettingsError."""
        return cls(flags.effective(data_dir=data_dir, config=config).settings.data_dir)

    def ask(self, question: str, /, **params: object) -> Any:
        """The answer to one question of `control.operator.registry`; params that are None are left
        out."""
        given = {name: value for name, value in params.items() if value is not None}
        connection = _LocalConnection(self._path, ANSWER_S)
        try:
            answer = self._request(connection, question, given)
            return json.loads(answer.read())
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise self._lost(error) from error
        finally:
            connection.close()

    def lines(self, question: str, /, **params: object) -> Iterator[bytes]:
        """An answer without end, line by line, until either side ends it."""
        connection = _LocalConnection(self._path, None)
        try:
            answer = self._request(connection, question, params)
            while line := answer.readline():
                yield line
        except (http.client.IncompleteRead, ConnectionResetError):
            return  # the server ended
        except (OSError, http.client.HTTPException) as error:
            raise self._lost(error) from error
        finally:
            connection.close()

    def _request(
        self, connection: _LocalConnection, question: str, params: Mapping[str, object]
    ) -> http.client.HTTPResponse:
        try:
            connection.connect()
        except OSError as error:
            raise self._unreachable(error) from error
        headers = {"Content-Type": "application/json"}
        connection.request("POST", f"/{question}", json.dumps(params), headers)
        answer = connection.getresponse()
        if answer.status != _OK:
            raise OperatorError(_refusal(answer.status, answer.read()))
        return answer

    def _unreachable(self, error: OSError) -> OperatorError:
        match error.errno:
            case errno.ENOENT | errno.ENOTDIR:
                return OperatorError(
                    f"no server runs on {self._data_dir}; start one with routeserver serve, "
                    "or name its directory with --data-dir"
                )
            case errno.ECONNREFUSED:
                return OperatorError(
                    f"the server of {self._data_dir} has ended without a word; "
                    "start it again with routeserver serve"
                )
            case errno.EACCES | errno.EPERM:
                return OperatorError(
                    f"this user may not ask the server of {self._data_dir}; "
                    "run the command as the user that runs the server, or as root"
                )
            case _:
                reason = (error.strerror or str(error)).lower()
                return OperatorError(f"cannot ask the server of {self._data_dir}: {reason}; retry")

    def _lost(self, error: Exception) -> OperatorError:
        if isinstance(error, OperatorError):
            return error
        if isinstance(error, TimeoutError):
            return OperatorError(
                f"the server of {self._data_dir} has not answered for {ANSWER_S:g} seconds; "
                "look at its log"
            )
        return OperatorError(
            f"the server of {self._data_dir} hung up; it may have ended, or this user may not "
            "ask it: run the command as the user that runs the server, or as root"
        )


def _refusal(status: int, body: bytes) -> str:
    try:
        said = str(json.loads(body)["error"]).strip().rstrip(".")
    except (ValueError, KeyError, TypeError):
        said = f"the server answered with HTTP status {status}"
    if status >= 500:
        return f"{said}; if it happens again, report it"
    if said[1:2].islower():
        said = said[:1].lower() + said[1:]
    return said if "; " in said else f"{said}; correct it and ask again"
