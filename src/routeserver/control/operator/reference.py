"""The reference of every setting that a peer has: meaning, defaults, and what a change does to a
session that is up.

`routeserver peer settings --explain` and ``docs/peer-settings.md`` are this table and nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from routeserver.control.operator.book import AMAZONS
from routeserver.domain.peer_settings import settings_mapping
from routeserver.net.peering import AWS_DEFAULTS, OPEN_DEFAULTS
from routeserver.speaker.session_settings import EFFECTS, Effect

MEANINGS: Final[Mapping[str, str]] = {
    "hold_time_s": "Hold time offered, in seconds; the lower one of the two sides holds. none: the "
    "server's hold_time_s.",
    "keepalive_s": "Seconds between keepalives, at most a third of the hold time. none: the "
    "server's keepalive_s, else that third.",
    "idle_hold_s": "How long a peer is refused after a failure; doubles with each one. 0: never.",
    "idle_hold_max_s": "Where the doubling of idle_hold_s ends.",
    "send_hold_s": "A peer that has not read for so long is given up (RFC 9687). none: 480, or "
    "twice the hold time if that is longer.",
    "md5_password": "TCP MD5 signatures (RFC 2385) with this password, the same on both sides.",
    "ttl_security_hops": "GTSM (RFC 5082): how many hops away the peer may be; 1 is directly "
    "connected.",
    "max_prefixes": "How many prefixes the peer may send, both families together. none: the quota "
    "of the server.",
    "max_prefixes_warn_percent": "The share of max_prefixes at which a warning is logged.",
    "max_prefixes_action": "Beyond max_prefixes: warn (take them), discard (keep the first ones) "
    "or restart (end the session and refuse the peer for a while).",
    "max_prefixes_restart_s": "How long a peer is refused after such a restart; doubles each time.",
    "max_attribute_octets": "How many octets of distinct path attributes the peer may send; beyond "
    "it the session ends. none: no bound.",
    "refresh_wait_s": "A peer that is asked for its routes again, after a limit was raised or by "
    "an operator, and begins to send none for so long is restarted. none: never.",
    "import_rules": "Which routes are taken, and with which MED and preference; see below.",
    "import_default": "What becomes of a route that no rule decides: accept or reject.",
    "graceful_shutdown": "Routes with the community GRACEFUL_SHUTDOWN (RFC 8326) get preference 0.",
    "graceful_restart": "Offer graceful restart (RFC 4724, RFC 8538) and keep the peer's routes "
    "while it restarts.",
    "restart_time_s": "How long the peer is asked to keep our routes while we restart.",
    "stale_time_s": "The longest that routes of a peer that restarts are kept, whatever it offers.",
    "long_lived_stale_time_s": "How much longer they are kept as a last resort (RFC 9494). 0: not "
    "offered.",
    "extended_messages": "Messages of up to 65,535 octets (RFC 8654).",
    "extended_next_hop": "IPv4 routes with IPv6 next hops (RFC 8950).",
    "enhanced_refresh": "A route refresh with a beginning and an end (RFC 7313).",
    "accept_as_sets": "Take routes whose AS path has an AS_SET, which RFC 9774 forbids; for old "
    "peers that aggregate.",
    "bgp_waits_for_bfd": "No BGP session before BFD is up (RFC 5882); only for peers with BFD. "
    "Nobody waits while the peer says that its BFD is administratively down.",
    "bfd_interval_ms": "BFD transmit and receive interval in milliseconds. none: the server's "
    "bfd_interval_ms.",
    "bfd_multiplier": "How many intervals without a packet mean down. none: the server's "
    "bfd_multiplier.",
    "bfd_authentication": "A table of key_id, secret and meticulous (RFC 5880 §6.7.4, SHA-1).",
}

CHANGES: Final[Mapping[Effect, str]] = {
    Effect.RESTART: "restarts the session",
    Effect.LIVE: "applies at once",
    Effect.REIMPORT: "applies at once, to the routes that are there too",
    Effect.LIMIT: "applies at once; routes kept out are asked for again",
    Effect.ELSEWHERE: "applies to BFD at once",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One setting; `aws` and `open` are its defaults in the two profiles."""

    key: str
    aws: object
    open: object
    is_amazons: bool
    """Whether profile `aws` takes another value."""
    change: str
    meaning: str


def _rows() -> tuple[Row, ...]:
    aws, lifted = settings_mapping(AWS_DEFAULTS), settings_mapping(OPEN_DEFAULTS)
    return tuple(
        Row(key, aws[key], lifted[key], key in AMAZONS, CHANGES[EFFECTS[key]], MEANINGS[key])
        for key in aws
    )


REFERENCE: Final = _rows()

_HEAD: Final = """\
# Peer settings

<!-- Written by `routeserver peer settings --markdown`; change control/operator/reference.py. -->

What is set for single peers beyond address and AS number: in the running server with
`routeserver peer set`, or in the file that the setting `peers_file` names. The file has a section
`[default]` for all peers, sections by address for the peers with that address, and sections by id.
What is more special wins: profile, then `[default]`, then address, then id, then `peer set`.

```toml
[default]
max_prefixes = 10_000

["10.0.1.10"]
md5_password = "hunter2"

[rsp-0123456789abcdef0]
bfd_interval_ms = 100
```

The file is read at the start, which fails when something in it is wrong, and again on SIGHUP or
`routeserver peer reload`, which then change nothing. Values are written in TOML in the file and as
`key=value` on the command line; `key=@FILE` takes the value from a file, for secrets and for lists
of rules, and `none` stands for no value. Secrets are never shown again. They are kept in the
database as access keys are, readable for the server's own user only.

In profile `aws` only the settings marked so may differ from Amazon's behaviour.

| setting | default in `aws` | in `open` | may be set in `aws` | a change | meaning |
| --- | --- | --- | --- | --- | --- |
"""

_TAIL: Final = """
## Import rules

A list; the first rule that matches and does not say `continue` decides. A rule matches when each of
its conditions that is given does; a condition with several values needs one of them.

| key | meaning |
| --- | --- |
| `name` | what a rejected route shows; each name once |
| `prefixes` | prefixes such as `10.0.0.0/8` (exactly that one) or `10.0.0.0/8 ge 16 le 24` |
| `as_paths` | patterns over AS numbers such as `^65001 .* [64512-65534]$` |
| `communities` | such as `65001:100`, `65001:*`, large `65001:1:2`, extended `rt:65001:7`, or a name such as `no-export` |
| `action` | `accept` (if nothing is given), `reject` or `continue` |
| `reason` | of a `reject`, shown with the route |
| `set_med`, `set_preference` | what the route gets; the higher preference wins first of all, 100 is usual |

```toml
["10.0.1.10"]
import_default = "reject"

[["10.0.1.10".import_rules]]
name = "branches"
prefixes = ["10.64.0.0/10 ge 16 le 24"]
set_preference = 200

[["10.0.1.10".import_rules]]
name = "no defaults"
prefixes = ["0.0.0.0/0", "::/0"]
action = "reject"
reason = "A branch must not announce a default route."
```

A rejected route stays visible: `routeserver show route PREFIX --why` names the rule and its reason.
"""  # noqa: E501 - a table of Markdown has one line a row


def markdown() -> str:
    """``docs/peer-settings.md``."""
    lines = [
        f"| `{row.key}` | `{_shown(row.aws)}` | `{_shown(row.open)}` | "
        f"{'yes' if row.is_amazons else 'no'} | {row.change} | {row.meaning} |"
        for row in REFERENCE
    ]
    return _HEAD + "\n".join(lines) + "\n" + _TAIL


def _shown(value: object) -> str:
    return "none" if value is None else value if isinstance(value, str) else json.dumps(value)
