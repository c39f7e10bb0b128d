"""Every setting: its name, default, reader and meaning. One name serves the file, the environment
and the flag.

``bgp_port`` is ``bgp_port = 1790`` in the TOML file, ``ROUTESERVER_BGP_PORT`` in the environment
and ``--bgp-port`` on the command line (where `serve` has that flag).
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final

from routeserver.control.policy import Quotas
from routeserver.settings import readers
from routeserver.settings.model import DataPlaneKind, Fabric, LogFormat, LogLevel, Profile

ENVIRONMENT_PREFIX: Final = "ROUTESERVER_"
QUOTA_PREFIX: Final = "quota_"


@dataclass(frozen=True, slots=True)
class Setting:
    """`default` goes through `read` like every other source; None where the default depends on the
    machine.
    """

    name: str
    default: object
    read: readers.Reader
    meaning: str

    @property
    def variable(self) -> str:
        return ENVIRONMENT_PREFIX + self.name.upper()

    @property
    def flag(self) -> str:
        return "--" + self.name.replace("_", "-")


def _quota(name: str) -> Setting:
    return Setting(
        QUOTA_PREFIX + name,
        None,
        readers.whole_number(0, 10**9, or_else="unlimited"),
        name.replace("_", " ") + ": the most there may be, or unlimited; by default the profile's",
    )


_PORT: Final = (1, 65535)

SETTINGS: Final = (
    Setting("data_dir", None, readers.directory, "where the server keeps its state"),
    Setting("listen", "127.0.0.1:8179", readers.address, "where the EC2 API is served"),
    Setting(
        "bgp_port",
        "auto",
        readers.whole_number(*_PORT, or_else="auto"),
        "TCP port of BGP; auto is 179 where the process may bind it and 1790 otherwise",
    ),
    Setting(
        "fabric",
        "loopback",
        readers.choice(Fabric),
        "where endpoint addresses live: on this machine's loopback, in network namespaces, or on "
        "host_interface",
    ),
    Setting(
        "fabric_mtu",
        9001,
        readers.whole_number(1280, 65_535),
        "the longest packet inside a VPC, with fabric netns; 1500 to the outside",
    ),
    Setting(
        "eni_checks",
        "on",
        readers.truth,
        "whether the fabric netns keeps spoofed addresses out and checks source and destination",
    ),
    Setting(
        "outside",
        "own",
        readers.outside,
        "what internet gateways lead to, with fabric netns: own is a namespace that the server "
        "makes, host the server's own, netns:PATH another one",
    ),
    Setting(
        "host_interface",
        "none",
        readers.device_or_none,
        "the interface that endpoint addresses are put on, with fabric host",
    ),
    Setting(
        "host_table",
        17_900,
        readers.kernel_table,
        "the kernel table of main route tables with fabric host; main is the machine's own",
    ),
    Setting(
        "data_plane",
        "auto",
        readers.choice(DataPlaneKind),
        "what writes route tables: memory, kernel, or auto: kernel with the fabrics netns and host",
    ),
    Setting(
        "kernel_look_s",
        300,
        readers.whole_number(1, 86_400),
        "how often everything in the kernel's tables is compared with what was written, in seconds",
    ),
    Setting("profile", "aws", readers.choice(Profile), "Amazon's quotas, or open: no caps"),
    Setting(
        "database_url",
        "embedded",
        readers.database_url,
        "embedded is SQLite in the data directory",
    ),
    Setting(
        "regions", "us-east-1", readers.regions, "the regions served; the first is the default"
    ),
    Setting("zones", "a,b,c", readers.zones, "the letters of each region's availability zones"),
    Setting("hold_time_s", 30, readers.whole_number(3, 65535), "BGP hold time offered, in seconds"),
    Setting(
        "keepalive_s",
        "auto",
        readers.whole_number(1, 21845, or_else="auto"),
        "BGP keepalive interval; auto is a third of the negotiated hold time",
    ),
    Setting(
        "restart_window_s",
        120,
        readers.whole_number(0, 4095),
        "how long after a restart sessions with graceful restart say that there was one",
    ),
    Setting(
        "selection_deferral_s",
        "auto",
        readers.whole_number(0, 4095, or_else="auto"),
        "how long best paths wait after a restart for the peers of before, in seconds; auto is 0 "
        "with a data plane that has lost its routes and 360 with one that has kept them",
    ),
    Setting("bfd_port", 3784, readers.whole_number(*_PORT), "UDP port of BFD"),
    Setting(
        "bfd_interval_ms",
        300,
        readers.whole_number(10, 60_000),
        "BFD transmit and receive interval in milliseconds",
    ),
    Setting(
        "bfd_multiplier", 3, readers.whole_number(1, 255), "BFD intervals missed before it is down"
    ),
    Setting(
        "bfd_linger_s",
        90,
        readers.whole_number(0, 86_400),
        "how long BFD sessions stay up after the server has died, in seconds; 0 ends them with it",
    ),
    Setting(
        "bfd_survives_stop",
        "false",
        readers.truth,
        "whether BFD sessions stay up for that long after an orderly stop, too",
    ),
    Setting(
        "peers_file",
        "none",
        readers.file_or_none,
        "TOML file with the settings of single peers, read again on SIGHUP; none is no file",
    ),
    Setting(
        "tombstone_s",
        3600,
        readers.whole_number(0, 10**9),
        "how long what was deleted stays described, in seconds",
    ),
    Setting(
        "body_limit_bytes",
        1_048_576,
        readers.whole_number(1024, 10**9),
        "the longest request body taken",
    ),
    Setting("access_log", "false", readers.truth, "log every HTTP request"),
    Setting(
        "audit_bytes",
        64 << 20,
        readers.whole_number(1 << 16, 10**12, or_else="off"),
        "how long a file of the audit trail grows, in bytes; off writes none",
    ),
    Setting(
        "audit_files", 4, readers.whole_number(1, 1000), "how many files of the audit trail stay"
    ),
    Setting(
        "request_rate",
        "off",
        readers.request_rate,
        "requests each principal may send: off, amazon for EC2's own numbers, or BURST/PER_SECOND",
    ),
    Setting(
        "seal_key_file",
        "none",
        readers.file_or_none,
        "what secrets in the database are sealed with; none is secret-key.json in data_dir",
    ),
    Setting(
        "run_as",
        "auto",
        readers.user,
        "the user that a server started by root becomes; auto is routeserver where there is such a "
        "user, else nobody; root stays root",
    ),
    Setting("log_level", "info", readers.choice(LogLevel), "the least severe event logged"),
    Setting(
        "log_format",
        "auto",
        readers.choice(LogFormat),
        "json lines or console; auto is console on a terminal and json anywhere else",
    ),
    *(_quota(field.name) for field in fields(Quotas)),
)

BY_NAME: Final = {setting.name: setting for setting in SETTINGS}
