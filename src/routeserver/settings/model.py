"""The effective settings: one frozen value, read once at the start and handed to whoever needs a
part of it.

Not how they are read (`load`) nor what each one means and may be (`table`).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from routeserver.control.access.throttle import Rates
from routeserver.control.policy import AMAZON, UNLIMITED, Quotas


class Fabric(StrEnum):
    """Where endpoint addresses live."""

    LOOPBACK = "loopback"
    NETNS = "netns"
    HOST = "host"


@dataclass(frozen=True, slots=True)
class Outside:
    """What internet gateways lead to: a namespace of the server's `own`, the `host`'s, or the
    `netns` at `path`."""

    kind: str
    path: str = ""

    def __str__(self) -> str:
        return f"{self.kind}:{self.path}" if self.path else self.kind


class DataPlaneKind(StrEnum):
    """What writes route tables; `auto` is the kernel where the fabric has packets in it."""

    AUTO = "auto"
    MEMORY = "memory"
    KERNEL = "kernel"


class Profile(StrEnum):
    """`aws` keeps Amazon's quotas and behaviour; `open` lifts the caps."""

    AWS = "aws"
    OPEN = "open"


class LogFormat(StrEnum):
    """`auto` is `console` on a terminal and `json` anywhere else."""

    AUTO = "auto"
    JSON = "json"
    CONSOLE = "console"


class LogLevel(StrEnum):
    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


QUOTAS_OF: Final = {Profile.AWS: AMAZON, Profile.OPEN: UNLIMITED}


@dataclass(frozen=True, slots=True)
class Address:
    """A host and a TCP port; port 0 takes a free one."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Settings:
    """One field per row of `table.SETTINGS`, and the quotas of the profile with their overrides.

    A `database_url` of None is SQLite inside `data_dir`; a `bgp_port` of None is 179 where the
    process may bind it and 1790 otherwise; a `keepalive_s` of None is a third of the negotiated
    hold time; a `selection_deferral_s` of None is what the data plane needs; a `peers_file` of
    None is no such file. An `audit_bytes` of None is no audit trail, a `request_rate` of None no
    limit, a `seal_key_file` of None the one in the data directory. A `host_interface` of None is
    none, a `run_as` of None the user `routeserver` where there is one, else `nobody`.
    """

    data_dir: Path
    listen: Address
    bgp_port: int | None
    fabric: Fabric
    fabric_mtu: int
    eni_checks: bool
    outside: Outside
    host_interface: str | None
    host_table: int
    data_plane: DataPlaneKind
    kernel_look_s: int
    profile: Profile
    database_url: str | None
    regions: tuple[str, ...]
    zones: tuple[str, ...]
    hold_time_s: int
    keepalive_s: int | None
    restart_window_s: int
    selection_deferral_s: int | None
    bfd_port: int
    bfd_interval_ms: int
    bfd_multiplier: int
    bfd_linger_s: int
    bfd_survives_stop: bool
    peers_file: Path | None
    tombstone_s: int
    body_limit_bytes: int
    access_log: bool
    audit_bytes: int | None
    audit_files: int
    request_rate: Rates | None
    seal_key_file: Path | None
    run_as: str | None
    log_level: LogLevel
    log_format: LogFormat
    quotas: Quotas
