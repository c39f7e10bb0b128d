"""The audit trail: every API call as one line of JSON, by CloudTrail's field names.

Writing never holds up an answer: lines wait in a bounded queue for a thread of their own. What the
queue cannot hold, or the disk cannot take, is counted and left out; when there is room again the
trail goes on, and the first line after a gap says how many are missing. The file is rotated by
size, ``audit.jsonl`` to ``audit.jsonl.1`` and so on.
"""

from __future__ import annotations

import json
import os
import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, BinaryIO, Final

EVENT_VERSION: Final = "1.11"
QUEUE: Final = 10_000
SECRETS: Final = frozenset({"UserData", "Password", "OldPassword", "NewPassword", "TokenCode"})
REMOVED: Final = "<sensitiveDataRemoved>"
LONGEST_TEXT: Final = 1024


@dataclass(slots=True)
class AuditedCall:
    """Filled in as more of the call is known; nobody changes it once it is written.

    `identity` is CloudTrail's ``userIdentity``; `at` is UTC seconds.
    """

    at: float
    service: str
    action: str
    region: str
    identity: Mapping[str, Any]
    params: Mapping[str, Any]
    source_ip: str
    user_agent: str
    request_id: str
    account_id: str
    error_code: str | None = None
    error_message: str | None = None
    status: int = 200


@dataclass(slots=True)
class AuditTrail:
    """Made by `start`; `close` writes what still waits."""

    path: Path
    file_bytes: int
    files: int
    lost: int = 0
    """How many calls are in no line, since the start."""
    _waiting: deque[AuditedCall] = field(default_factory=deque)
    _wake: threading.Event = field(default_factory=threading.Event)
    _closing: bool = False
    _thread: threading.Thread | None = None
    _file: BinaryIO | None = None
    _size: int = 0
    _told: int = 0
    """How much of `lost` the trail itself says."""

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="audit", daemon=True)
        self._thread.start()

    def write(self, call: AuditedCall) -> None:
        if len(self._waiting) >= QUEUE:
            self.lost += 1
            return
        self._waiting.append(call)
        self._wake.set()

    def close(self) -> None:
        self._closing = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join()

    # --- in the thread ----------------------------------------------------------------------------

    def _run(self) -> None:
        while True:
            self._wake.wait()
            self._wake.clear()
            self._drain()
            if self._closing and not self._waiting:
                break
        self._close_file()

    def _drain(self) -> None:
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), 256))]
            lost = self.lost
            lines = [] if lost == self._told else [_gap(batch[0].at, lost - self._told)]
            lines += map(line_of, batch)
            try:
                self._append(b"".join(lines))
            except OSError:
                # A full disk, most likely; what is there stays readable, this is left out.
                self.lost += len(batch)
                self._close_file()
            else:
                self._told = lost

    def _append(self, data: bytes) -> None:
        if self._file is None:
            descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            self._file = os.fdopen(descriptor, "wb", buffering=0)
            self._size = os.fstat(descriptor).st_size
        if self._size and self._size + len(data) > self.file_bytes:
            self._rotate()
            self._append(data)
            return
        before = self._size
        try:
            written = self._file.write(data)
            while written < len(data):
                written += self._file.write(data[written:])
        except OSError:
            # No half line stays behind.
            os.ftruncate(self._file.fileno(), before)
            raise
        self._size += len(data)

    def _rotate(self) -> None:
        self._close_file()
        for number in range(self.files - 1, 0, -1):
            older = self._numbered(number)
            newer = self.path if number == 1 else self._numbered(number - 1)
            if newer.exists():
                newer.replace(older)
        if self.files == 1:
            self.path.unlink(missing_ok=True)

    def _numbered(self, number: int) -> Path:
        return self.path.with_name(f"{self.path.name}.{number}")

    def _close_file(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


# --- lines ----------------------------------------------------------------------------------------


def line_of(call: AuditedCall) -> bytes:
    """One event, as CloudTrail records a management event."""
    event: dict[str, Any] = {
        "eventVersion": EVENT_VERSION,
        "userIdentity": call.identity,
        "eventTime": _moment(call.at),
        "eventSource": f"{call.service}.amazonaws.com",
        "eventName": call.action,
        "awsRegion": call.region,
        "sourceIPAddress": call.source_ip,
        "userAgent": call.user_agent,
        "requestParameters": _shown(call.params) or None,
        "responseElements": None,
        "requestID": call.request_id,
        "eventID": call.request_id,
        "readOnly": call.action.startswith(("Describe", "Get", "List", "Decode")),
        "eventType": "AwsApiCall",
        "managementEvent": True,
        "recipientAccountId": call.account_id,
        "eventCategory": "Management",
    }
    if call.error_code is not None:
        # EC2's own events put the side at fault before the code.
        side = ("Server." if call.status >= 500 else "Client.") if call.service == "ec2" else ""
        event["errorCode"] = side + call.error_code
        event["errorMessage"] = (call.error_message or "")[:LONGEST_TEXT]
    return json.dumps(event, separators=(",", ":")).encode() + b"\n"


def _gap(at: float, lost: int) -> bytes:
    event = {
        "eventVersion": EVENT_VERSION,
        "eventTime": _moment(at),
        "eventType": "RouteServerAuditGap",
        "eventName": "LinesLost",
        "additionalEventData": {"lost": lost},
    }
    return json.dumps(event, separators=(",", ":")).encode() + b"\n"


def _moment(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%SZ}"


def _shown(value: object) -> Any:
    match value:
        case Mapping():
            return {
                name[:1].lower() + name[1:]: REMOVED if name in SECRETS else _shown(each)
                for name, each in value.items()
            }
        case list() | tuple():
            return [_shown(each) for each in value]
        case str():
            return value if len(value) <= LONGEST_TEXT else value[:LONGEST_TEXT] + "..."
        case bytes():
            return REMOVED
        case datetime() | date():
            return value.isoformat()
        case _:
            return value
