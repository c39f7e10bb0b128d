"""The words between the server and its BFD daemon: one JSON object per line, both ways.

`encode` and `decode` are exact inverses. Anything else on a line is a ChannelError with a reason,
never another exception, and never with a secret in it.

The daemon greets whoever connects with Ready or Refused, and one server at a time owns it. That one
says how to go on without it (Attach) and what should run, whole, every time (Converge); the daemon
answers (Converged) and reports (Changed, HandedOver, PacketsDiscarded).

The two may be of different versions of this program, because the daemon outlives the server. So the
greeting carries `PROTOCOL`, which a change of any message here must raise.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from math import inf
from typing import Any, Final

from routeserver.bfd.authentication import BfdAuth
from routeserver.bfd.config import BfdConfig
from routeserver.bfd.discard import Discard
from routeserver.bfd.events import Handover
from routeserver.bfdd.spec import BfdChange, BfdSpec, Discarded, Standing

PROTOCOL: Final = 4
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
class Attach:
    """From now on this server owns the daemon, which outlives it by `linger_s`."""

    linger_s: float

    def __post_init__(self) -> None:
        if not 0 <= self.linger_s < inf:
            raise ValueError("a time to linger is a number of seconds from 0")


@dataclass(frozen=True, slots=True)
class Ready:
    """The daemon's greeting: what it speaks, where, and the sessions it runs already."""

    protocol: int
    port: int
    standing: tuple[Standing, ...] = ()


@dataclass(frozen=True, slots=True)
class Refused:
    """The daemon's other greeting: it will not listen, for this reason."""

    reason: str


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
class PacketsDiscarded:
    """What was discarded since this was last said."""

    packets: tuple[Discarded, ...]


@dataclass(frozen=True, slots=True)
class Rejected:
    """A line from the other side was not understood."""

    reason: str


Order = Attach | Converge
Report = Ready | Refused | Converged | Changed | HandedOver | PacketsDiscarded | Rejected
Message = Order | Report

_TYPES: Final[dict[str, type[Message]]] = {
    "attach": Attach,
    "converge": Converge,
    "ready": Ready,
    "refused": Refused,
    "converged": Converged,
    "changed": Changed,
    "handed-over": HandedOver,
    "packets-discarded": PacketsDiscarded,
    "rejected": Rejected,
}
_NAMES: Final = {type_: name for name, type_ in _TYPES.items()}


def encode(message: Message) -> bytes:
    record = {"type": _NAMES[type(message)], **asdict(message)}
    return json.dumps(record, separators=(",", ":"), default=bytes.hex).encode() + b"\n"


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
        case "attach":
            return Attach(fields.seconds("linger_s"))
        case "converge":
            handovers = fields.mapping("handovers")
            return Converge(
                serial=fields.number("serial"),
                sessions=tuple(map(_spec, fields.records("sessions"))),
                handovers={key: _handover(_Fields(value)) for key, value in handovers.items()},
            )
        case _:
            return _report(name, fields)


def _report(name: str, fields: _Fields) -> Report:
    match name:
        case "ready":
            standing = tuple(map(_standing, fields.records("standing")))
            return Ready(fields.number("protocol"), fields.number("port"), standing)
        case "refused":
            return Refused(fields.text("reason"))
        case "converged":
            errors = _Fields(fields.mapping("errors"))
            texts = {key: errors.text(key) for key in errors.keys}
            return Converged(fields.number("serial"), texts)
        case "changed":
            return Changed(_change(fields.record("change")))
        case "handed-over":
            return HandedOver(fields.text("session_id"), _handover(fields.record("handover")))
        case "packets-discarded":
            return PacketsDiscarded(tuple(map(_discarded, fields.records("packets"))))
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

    def mapping(self, key: str) -> dict[str, Any]:
        return dict(self._get(key, dict))

    def record(self, key: str) -> _Fields:
        return _Fields(self._get(key, dict))

    def records(self, key: str) -> list[_Fields]:
        return [_Fields(item) for item in self._get(key, list)]

    def optional(self, key: str) -> _Fields | None:
        return None if self._record.get(key) is None else self.record(key)


def _spec(fields: _Fields) -> BfdSpec:
    config = fields.record("config")
    auth = config.optional("auth")
    return BfdSpec(
        session_id=fields.text("session_id"),
        local=fields.text("local"),
        remote=fields.text("remote"),
        network=fields.text("network"),
        config=BfdConfig(
            desired_min_tx_us=config.number("desired_min_tx_us"),
            required_min_rx_us=config.number("required_min_rx_us"),
            detect_mult=config.number("detect_mult"),
            passive=config.flag("passive"),
            auth=None if auth is None else _auth(auth),
        ),
    )


def _auth(fields: _Fields) -> BfdAuth:
    return BfdAuth(
        key_id=fields.number("key_id"),
        secret=bytes.fromhex(fields.text("secret")),
        meticulous=fields.flag("meticulous"),
    )


def _handover(fields: _Fields) -> Handover:
    return Handover(
        local_discriminator=fields.number("local_discriminator"),
        remote_discriminator=fields.number("remote_discriminator"),
        remote_desired_min_tx_us=fields.number("remote_desired_min_tx_us"),
        remote_required_min_rx_us=fields.number("remote_required_min_rx_us"),
        remote_detect_mult=fields.number("remote_detect_mult"),
        sequence=fields.number("sequence"),
    )


def _standing(fields: _Fields) -> Standing:
    handover, loss = fields.optional("handover"), fields.optional("loss")
    return Standing(
        session_id=fields.text("session_id"),
        local=fields.text("local"),
        remote=fields.text("remote"),
        network=fields.text("network"),
        up=fields.flag("up"),
        handover=None if handover is None else _handover(handover),
        loss=None if loss is None else _change(loss),
        admin_down=fields.flag("admin_down"),
    )


def _change(fields: _Fields) -> BfdChange:
    return BfdChange(
        session_id=fields.text("session_id"),
        up=fields.flag("up"),
        reason=fields.text("reason"),
        at=fields.seconds("at"),
        failure=fields.flag("failure"),
        independent=fields.flag("independent"),
        admin_down=fields.flag("admin_down"),
        already_down=fields.flag("already_down"),
    )


def _discarded(fields: _Fields) -> Discarded:
    return Discarded(
        session_id=fields.text("session_id"),
        source=fields.text("source"),
        reason=Discard(fields.text("reason")),
        count=fields.number("count"),
        data=fields.text("data"),
    )
