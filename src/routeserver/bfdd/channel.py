"""The words between the server and its BFD daemon: one JSON object per line, both ways.

`encode` and `decode` are exact inverses. Anything else on a line is a ChannelError with a reason,
never another exception. The server says what should run, whole, every time (Converge); the daemon
answers (Converged) and reports (Changed, HandedOver).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from routeserver.bfd.events import Handover
from routeserver.bfd.session import BfdConfig
from routeserver.bfdd.spec import BfdChange, BfdSpec

LINE_LIMIT: Final = 1 << 24


class ChannelError(Exception):
    """A line that says nothing; the text says why."""


@dataclass(frozen=True, slots=True)
class Converge:
    """Run exactly these sessions; continue those with a handover. The answer has the serial."""

    serial: int
    sessions: tuple[BfdSpec, ...]
    handovers: Mapping[str, Handover] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ready:
    """The daemon listens to its channel."""


@dataclass(frozen=True, slots=True)
class Converged:
    """`errors`: why a session cannot run, by session id."""

    serial: int
    errors: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Changed:
    change: BfdChange


@dataclass(frozen=True, slots=True)
class HandedOver:
    """What the next daemon needs to continue this session."""

    session_id: str
    handover: Handover


@dataclass(frozen=True, slots=True)
class Rejected:
    """A line from the other side was not understood."""

    reason: str


Message = Converge | Ready | Converged | Changed | HandedOver | Rejected

_TYPES: Final[dict[str, type[Message]]] = {
    "converge": Converge,
    "ready": Ready,
    "converged": Converged,
    "changed": Changed,
    "handed-over": HandedOver,
    "rejected": Rejected,
}
_NAMES: Final = {type_: name for name, type_ in _TYPES.items()}


def encode(message: Message) -> bytes:
    record = {"type": _NAMES[type(message)], **asdict(message)}
    return json.dumps(record, separators=(",", ":")).encode() + b"\n"


def decode(line: bytes) -> Message:
    """Raises ChannelError."""
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ChannelError(f"not a line of JSON: {type(error).__name__}") from error
    fields = _Fields(record)
    name = fields.text("type")
    try:
        return _message(name, fields)
    except ValueError as error:
        raise ChannelError(f"{name}: {error}") from error


def _message(name: str, fields: _Fields) -> Message:
    match name:
        case "converge":
            return Converge(
                serial=fields.number("serial"),
                sessions=tuple(_spec(_Fields(item)) for item in fields.items("sessions")),
                handovers={
                    key: _handover(_Fields(value))
                    for key, value in fields.mapping("handovers").items()
                },
            )
        case "ready":
            return Ready()
        case "converged":
            errors = _Fields(fields.mapping("errors"))
            texts = {key: errors.text(key) for key in errors.keys}
            return Converged(fields.number("serial"), texts)
        case "changed":
            return Changed(_change(_Fields(fields.mapping("change"))))
        case "handed-over":
            handover = _handover(_Fields(fields.mapping("handover")))
            return HandedOver(fields.text("session_id"), handover)
        case "rejected":
            return Rejected(fields.text("reason"))
        case _:
            raise ChannelError(f"unknown type {name[:40]!r}")


class _Fields:
    """A JSON object whose members are asked for by type."""

    def __init__(self, record: object) -> None:
        if not isinstance(record, dict):
            raise ChannelError("not a JSON object")
        self._record: dict[str, Any] = record

    @property
    def keys(self) -> list[str]:
        return list(self._record)

    def _get(self, key: str, *types: type) -> Any:
        value = self._record.get(key)
        # bool is a subclass of int, and is none here.
        if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
            raise ChannelError(f"{key[:40]!r} is missing or of the wrong type")
        return value

    def text(self, key: str) -> str:
        return str(self._get(key, str))

    def number(self, key: str) -> int:
        return int(self._get(key, int))

    def seconds(self, key: str) -> float:
        try:
            return float(self._get(key, int, float))
        except OverflowError as error:
            raise ChannelError(f"{key!r} is no time") from error

    def flag(self, key: str) -> bool:
        return bool(self._get(key, bool))

    def items(self, key: str) -> list[Any]:
        return list(self._get(key, list))

    def mapping(self, key: str) -> dict[str, Any]:
        return dict(self._get(key, dict))


def _spec(fields: _Fields) -> BfdSpec:
    config = _Fields(fields.mapping("config"))
    return BfdSpec(
        session_id=fields.text("session_id"),
        local=fields.text("local"),
        remote=fields.text("remote"),
        config=BfdConfig(
            desired_min_tx_us=config.number("desired_min_tx_us"),
            required_min_rx_us=config.number("required_min_rx_us"),
            detect_mult=config.number("detect_mult"),
            passive=config.flag("passive"),
        ),
    )


def _handover(fields: _Fields) -> Handover:
    return Handover(
        local_discriminator=fields.number("local_discriminator"),
        remote_discriminator=fields.number("remote_discriminator"),
        remote_desired_min_tx_us=fields.number("remote_desired_min_tx_us"),
        remote_required_min_rx_us=fields.number("remote_required_min_rx_us"),
        remote_detect_mult=fields.number("remote_detect_mult"),
    )


def _change(fields: _Fields) -> BfdChange:
    return BfdChange(
        session_id=fields.text("session_id"),
        up=fields.flag("up"),
        reason=fields.text("reason"),
        at=fields.seconds("at"),
        failure=fields.flag("failure"),
    )
